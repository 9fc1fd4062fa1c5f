"""Attacks of the Adversarial Robustness Toolbox (Nicolae et al. 2018)."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from spikeproof.errors import BadParameter
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .libraries import RELATIVE, TOGETHER, WRITTEN, imported
from .parameters import checked, named, parsed
from .searching import Goal, each_radius, one_shortened, search

__all__ = ["ArtAttack"]

INSTALL = 'pip install "spikeproof[art]"'
SET_BY_HOST = {
    "classifier": "the study",
    "estimator": "the study",
    "eps": "epsilons in [threat]",
    "norm": "norm in [threat]",
    "targeted": "the objective's goal",
    "verbose": "the host",
    "summary_writer": "the host",
}
NORMS: dict[str, tuple[Norm, ...]] = {
    **dict.fromkeys(
        (
            "AutoConjugateGradient", "AutoProjectedGradientDescent", "FastGradientMethod",
            "MomentumIterativeMethod", "ProjectedGradientDescent", "RescalingAutoConjugateGradient",
        ),
        ("l1", "l2", "linf"),
    ),
    "BasicIterativeMethod": ("linf",),
    "SquareAttack": ("l2", "linf"),
    # Smallest perturbations:
    **dict.fromkeys(("BoundaryAttack", "CarliniL2Method", "DeepFool", "NewtonFool", "ZooAttack"), ("l2",)),
    "CarliniLInfMethod": ("linf",),
    "ElasticNet": ("l1",),
    "HopSkipJump": ("l2", "linf"),
}  # fmt: skip
"""Norms of its attacks, as their documentation says."""
MINIMAL = (
    "BoundaryAttack", "CarliniL2Method", "CarliniLInfMethod", "DeepFool", "ElasticNet", "HopSkipJump", "NewtonFool",
    "ZooAttack",
)  # fmt: skip
UNFIT = {
    "AutoAttack": "it is made of other attacks: name these",
    "VirtualAdversarialMethod": "it wants probabilities, and a readout gives scores",
    "FeatureAdversariesPyTorch": "it matches the features of another image, which no objective gives",
    **dict.fromkeys(("UniversalPerturbation", "TargetedUniversalPerturbation"), "it makes one perturbation for all"),
    **dict.fromkeys(("AdversarialPatch", "DPatch", "SpatialTransformation", "Wasserstein"), "it bounds no norm"),
    **dict.fromkeys(("PixelAttack", "ThresholdAttack", "SaliencyMapMethod"), "it bounds no l1, l2 or linf norm"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtAttack:
    """An evasion attack of the Adversarial Robustness Toolbox, by its name in ``art.attacks.evasion``.

    Attacks of a fixed radius run once a radius; those that look for the smallest perturbation run once, and what they
    found is shortened to each radius. The toolbox computes in float32 and loses the cross-entropy on the class scores.
    """

    target: str
    parameters: Annotated[str, WRITTEN] = ""
    relative_step: Annotated[float | None, RELATIVE + " (``eps_step``)"] = None
    together: Annotated[bool, TOGETHER] = False

    def __post_init__(self) -> None:
        who = self._who
        named(self.target, NORMS, "art", UNFIT)
        factory = _factory(self.target)
        values = checked(parsed(self.parameters, who), factory, who, given=SET_BY_HOST)
        if self.relative_step is None:
            return
        if "eps_step" not in inspect.signature(factory).parameters:
            raise BadParameter(f"{who}: it takes no step length (eps_step): leave relative_step out")
        if "eps_step" in values:
            raise BadParameter(f"{who}: relative_step sets eps_step: give one of them")
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
            images = goal.images.to(torch.float32).cpu().numpy()
            found = attack.generate(x=images, y=goal.labels.cpu().numpy())
            moved = torch.as_tensor(found, device=goal.images.device).to(goal.images.dtype)
            # Pixels that it left alone keep the precision that float32 took from them.
            return torch.where(torch.as_tensor(found == images, device=goal.images.device), goal.images, moved)

        def run(goal: Goal, radii: Sequence[float]) -> tuple[torch.Tensor, bool]:
            if self.target in MINIMAL:
                return one_shortened(goal, radii, lambda: once(goal, None))
            return each_radius(goal, radii, lambda radius: once(goal, radius))

        return search(objective, clean, epsilons, norm, noise, run, together=self.together, who=self._who)

    def _made(self, goal: Goal, radius: float | None) -> Any:  # noqa: ANN401 - the toolbox's own
        estimators = imported("art.estimators.classification", INSTALL)
        classifier = estimators.PyTorchClassifier(
            model=goal.classifier,
            loss=torch.nn.CrossEntropyLoss(),
            input_shape=tuple(goal.images.shape[1:]),
            nb_classes=goal.classes,
            clip_values=(0.0, 1.0),
            device_type="gpu" if goal.images.device.type == "cuda" else "cpu",
        )
        factory = _factory(self.target)
        taken = inspect.signature(factory).parameters
        if goal.targeted and "targeted" not in taken:
            raise BadParameter(f"{self._who} cannot be aimed at a class: use goal = 'away'")
        host = {
            "eps": radius,
            "norm": {"l1": 1, "l2": 2, "linf": np.inf}[goal.norm],
            "targeted": goal.targeted,
            "verbose": False,
            "summary_writer": False,
        }
        if self.relative_step is not None and radius is not None:
            host["eps_step"] = self.relative_step * radius
        given = {name: value for name, value in host.items() if name in taken}
        return factory(classifier, **given, **parsed(self.parameters, self._who))

    @property
    def _who(self) -> str:
        return f"art:{self.target}"


def _factory(name: str) -> Any:  # noqa: ANN401
    found = getattr(imported("art.attacks.evasion", INSTALL), name, None)
    if found is None:
        raise BadParameter(f"the toolbox that is installed has no {name!r}: {INSTALL}")
    return found
