"""Attacks of torchattacks (Kim 2020)."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .libraries import RELATIVE, TOGETHER, WRITTEN, imported
from .parameters import checked, named, parsed
from .searching import Goal, each_radius, one_shortened, search

__all__ = ["TorchattacksAttack"]

INSTALL = "pip install --no-deps torchattacks==3.5.1 (without its dependencies: its pin on requests does not fit ours)"
SET_BY_HOST = {
    "model": "the study",
    "eps": "epsilons in [threat]",
    "max_epsilon": "epsilons in [threat]",
    "norm": "norm in [threat]",
    "seed": "the study's seed",
    "n_classes": "the readout",
    "verbose": "the host",
}
SEVERAL: tuple[Norm, ...] = ("l2", "linf")
NORMS: dict[str, tuple[Norm, ...]] = {
    **dict.fromkeys(("APGD", "APGDT", "AutoAttack", "FAB", "Square"), SEVERAL),
    **dict.fromkeys(("PGDL2", "PGDRSL2"), ("l2",)),
    **dict.fromkeys(
        (
            "BIM", "DIFGSM", "EOTPGD", "FFGSM", "FGSM", "Jitter", "MIFGSM", "NIFGSM", "PGD", "PGDRS", "PIFGSM",
            "PIFGSMPP", "RFGSM", "SINIFGSM", "SPSA", "TIFGSM", "TPGD", "UPGD", "VMIFGSM", "VNIFGSM",
        ),
        ("linf",),
    ),
    # Smallest perturbations:
    **dict.fromkeys(("CW", "DeepFool"), ("l2",)),
    **dict.fromkeys(("EADL1", "EADEN"), ("l1",)),
}  # fmt: skip
"""Norms of its attacks, as their documentation says; FAB fails in L1 (3.5.1)."""
MINIMAL = ("CW", "DeepFool", "EADEN", "EADL1")
UNFIT = {
    **dict.fromkeys(("JSMA", "OnePixel", "Pixle", "SparseFool"), "it bounds the number of pixels, not a norm"),
    **dict.fromkeys(("GN", "VANILA"), "it has no norm"),
    **dict.fromkeys(("LGV", "MultiAttack"), "it is made of other attacks"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchattacksAttack:
    """An attack of torchattacks, by its name there.

    Attacks of a fixed radius run once a radius; those that look for the smallest perturbation run once, and what they
    found is shortened to each radius. The loss is the library's own.
    """

    target: str
    parameters: Annotated[str, WRITTEN] = ""
    relative_step: Annotated[float | None, RELATIVE + " (``alpha``)"] = None
    together: Annotated[bool, TOGETHER] = False

    def __post_init__(self) -> None:
        who = self._who
        named(self.target, NORMS, "torchattacks", UNFIT)
        factory = getattr(_torchattacks(), self.target, None)
        if factory is None:
            raise BadParameter(f"the torchattacks that is installed has no {self.target!r}: {INSTALL}")
        values = checked(parsed(self.parameters, who), factory, who, given=SET_BY_HOST)
        if self.relative_step is None:
            return
        if "alpha" not in inspect.signature(factory).parameters:
            raise BadParameter(f"{who}: it takes no step length (alpha): leave relative_step out")
        if "alpha" in values:
            raise BadParameter(f"{who}: relative_step sets alpha: give one of them")
        if not self.relative_step > 0:
            raise BadParameter(f"{who}: relative_step must be larger than 0, got {self.relative_step}")

    @property
    def norms(self) -> tuple[Norm, ...]:
        """Norms that this attack has."""
        return NORMS[self.target]

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        if norm not in self.norms:
            raise BadParameter(f"{self._who} does not search the norm {norm!r}; it has {', '.join(self.norms)}")

        def once(goal: Goal, radius: float | None) -> torch.Tensor:
            attack = self._made(goal, radius)
            found: torch.Tensor = attack(goal.images, goal.labels)
            return found

        def run(goal: Goal, radii: Sequence[float]) -> tuple[torch.Tensor, bool]:
            if self.target in MINIMAL:
                return one_shortened(goal, radii, lambda: once(goal, None))
            return each_radius(goal, radii, lambda radius: once(goal, radius))

        return search(objective, clean, epsilons, norm, noise, run, together=self.together, who=self._who)

    def _made(self, goal: Goal, radius: float | None) -> Any:  # noqa: ANN401 - torchattacks has no types
        factory = getattr(_torchattacks(), self.target)
        host = {
            "eps": radius,
            "max_epsilon": radius,
            "norm": {"l1": "L1", "l2": "L2", "linf": "Linf"}[goal.norm],
            "seed": goal.seed,
            "n_classes": goal.classes,
            "verbose": False,
        }
        if self.relative_step is not None and radius is not None:
            host["alpha"] = self.relative_step * radius
        taken = inspect.signature(factory).parameters
        given = {name: value for name, value in host.items() if name in taken}
        attack = factory(goal.classifier, **given, **parsed(self.parameters, self._who))
        attack.set_device(goal.images.device)
        if goal.targeted:
            if "targeted" not in attack.supported_mode:
                raise BadParameter(f"{self._who} cannot be aimed at a class: use goal = 'away'")
            attack.set_mode_targeted_by_label(quiet=True)
        return attack

    @property
    def _who(self) -> str:
        return f"torchattacks:{self.target}"


def _torchattacks() -> Any:  # noqa: ANN401
    return imported("torchattacks", INSTALL)
