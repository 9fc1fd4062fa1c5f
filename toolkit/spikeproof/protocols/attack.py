"""Searches of perturbations of images, and controls of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

    from spikeproof.noise import ItemNoise
    from spikeproof.plugin import Norm

    from .bound import ItemObjective
    from .objective import Objective

__all__ = ["Attack", "Control", "MinimalAttack", "Pursuing"]


@runtime_checkable
class Attack(Protocol):
    """Searches a perturbation of images; knows nothing of scales and targets."""

    def __call__(
        self,
        objective: ItemObjective,
        clean: torch.Tensor,
        epsilons: torch.Tensor,
        norm: Norm,
        noise: ItemNoise,
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x).

        Parameters
        ----------
        objective : ItemObjective
            To be maximised.
        clean : torch.Tensor, (item, channel, y, x), in [0, 1]
        epsilons : torch.Tensor, (epsilon,), ascending
            Radii of the balls around the clean images.
        norm : {"l1", "l2", "linf"}
        noise : ItemNoise
            The only source of random numbers to use.
        """


@runtime_checkable
class Pursuing(Protocol):
    """An attack that pursues something of its own at the scale that is aimed at. Optional.

    The host binds what it pursues in place of the objective: what is aimed at names the scale only.
    """

    def pursues(self) -> Objective:
        """Return what it maximises."""


@runtime_checkable
class MinimalAttack(Protocol):
    """Searches the smallest perturbation that reaches an objective's goal (``AttackEntry.kind`` is ``"minimal"``)."""

    def __call__(self, objective: ItemObjective, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        """Perturbed images, (item, channel, y, x), in [0, 1].

        ``objective.level`` says at which value an item's goal is reached. Where nothing reaches it, whatever came
        nearest. The host sees for itself which did, on the user's own model.

        Parameters
        ----------
        objective : ItemObjective
        clean : torch.Tensor, (item, channel, y, x), in [0, 1]
        norm : {"l1", "l2", "linf"}
        noise : ItemNoise
            The only source of random numbers to use.
        """


@runtime_checkable
class Control(Protocol):
    """Makes a control out of an attack's perturbation, with the same norm."""

    def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        """Control images (epsilon, item, channel, y, x) for attacked images (epsilon, item, channel, y, x)."""
