"""Attacks of Foolbox (Rauber et al. 2020)."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from spikeproof.errors import BadParameter, UsageError
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .libraries import TOGETHER, WRITTEN, imported
from .parameters import checked, named, parsed
from .searching import Goal, each_radius, search

__all__ = ["FoolboxAttack"]

INSTALL = 'pip install "spikeproof[foolbox]"'
SET_BY_HOST = {"distance": "norm in [threat]"}

NEEDS_MORE = {
    "DatasetAttack": "it must be fed a data set first",
    **dict.fromkeys(
        ("BinarizationRefinementAttack", "PointwiseAttack"), "it must be given the adversarial images of another attack"
    ),
}
"""Attacks that a study cannot give all that they need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoolboxAttack:
    """An attack of Foolbox, by the name that it has in ``foolbox.attacks``.

    Attacks of a fixed radius run once a radius. Those that look for the smallest perturbation run once, and Foolbox
    clips what they found to each radius. Foolbox's own loss is used: the cross-entropy, or the criterion of the attack.
    """

    target: str
    parameters: Annotated[str, WRITTEN] = ""
    together: Annotated[bool, TOGETHER] = False

    def __post_init__(self) -> None:
        who = self._who
        known, unfit = _catalogue()
        factory = known[named(self.target, known, "foolbox", unfit)]
        checked(parsed(self.parameters, who), factory, who, given=SET_BY_HOST)
        try:
            self._made("l2")
        except ImportError as error:  # of what only some of its attacks need
            raise UsageError(f"{who} cannot be made: {error}: pip install {error.name}") from error

    @property
    def norms(self) -> tuple[Norm, ...]:
        """Norms that this attack has."""
        factory = _catalogue()[0][self.target]
        if "distance" in inspect.signature(factory).parameters:
            return ("l1", "l2", "linf")
        norm = _norm(self._made("l2"))
        return () if norm is None else (norm,)

    def __call__(
        self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm, noise: ItemNoise
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        attack = self._made(norm)
        if norm not in self.norms:
            raise BadParameter(f"{self._who} does not search the norm {norm!r}; it has {', '.join(self.norms)}")
        foolbox = _foolbox()
        fixed = isinstance(attack, foolbox.attacks.base.FixedEpsilonAttack)

        def run(goal: Goal, radii: Sequence[float]) -> tuple[torch.Tensor, bool]:
            model = foolbox.PyTorchModel(goal.classifier, bounds=(0, 1), device=goal.images.device)
            criterion = (foolbox.criteria.TargetedMisclassification if goal.targeted else foolbox.Misclassification)(
                goal.labels
            )
            if fixed:
                return each_radius(
                    goal, radii, lambda radius: attack(model, goal.images, criterion, epsilons=radius)[1]
                )
            with goal.reseeded() as drawn:
                found = attack(model, goal.images, criterion, epsilons=list(radii))[1]
            return torch.stack(found), drawn.any

        return search(objective, clean, epsilons, norm, noise, run, together=self.together, who=self._who)

    def _made(self, norm: Norm) -> Any:  # noqa: ANN401 - Foolbox has no types
        factory = _catalogue()[0][self.target]
        given: dict[str, object] = parsed(self.parameters, self._who)
        if "distance" in inspect.signature(factory).parameters:
            given["distance"] = {"l1": _foolbox().distances.l1, "l2": _foolbox().distances.l2}.get(
                norm, _foolbox().distances.linf
            )
        return factory(**given)

    @property
    def _who(self) -> str:
        return f"foolbox:{self.target}"


def _foolbox() -> Any:  # noqa: ANN401
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Foolbox 3.3.4 imports scipy's old names
        module = imported("foolbox", INSTALL)
        imported("foolbox.attacks.base", INSTALL)
    return module


def _catalogue() -> tuple[dict[str, Any], dict[str, str]]:
    """Attacks by name, and those that cannot be used with the reason."""
    attacks = _foolbox().attacks
    known: dict[str, Any] = {}
    unfit: dict[str, str] = {}
    for name, one in vars(attacks).items():
        if not isinstance(one, type) or not issubclass(one, attacks.base.Attack) or inspect.isabstract(one):
            continue
        if not issubclass(one, attacks.base.AttackWithDistance):
            unfit[name] = "it has no norm"
        elif getattr(getattr(one, "distance", None), "p", None) == 0:
            unfit[name] = "its norm is the number of pixels changed, and a threat has l1, l2 or linf"
        elif name in NEEDS_MORE:
            unfit[name] = NEEDS_MORE[name]
        else:
            known[name] = one
    return known, unfit


def _norm(attack: Any) -> Norm | None:  # noqa: ANN401
    norms: dict[float, Norm] = {1: "l1", 2: "l2", float("inf"): "linf"}
    return norms.get(float(attack.distance.p))
