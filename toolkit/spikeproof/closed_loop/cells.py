"""The images that one target has: which stimuli at which norms, rounded, and what is predicted of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .rounding import rounded

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from spikeproof.engine import AttackedTarget
    from spikeproof.plugin import Scale

    from .shown import ShownGrid

__all__ = ["Aim", "Cells", "Effects"]


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What one target's images have in common."""

    system: str
    attack: str
    objective: str
    scale: Scale
    target: str
    unit: int
    other: int
    round: str


@dataclass(frozen=True, kw_only=True)
class Effects:
    """What the model answers to images as they are shown, (image,): at the aim, and of single units."""

    at_aim: NDArray[np.float64]
    response: NDArray[np.float64] | None
    other: NDArray[np.float64] | None


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Stimulus and epsilon of every image of a target, and what is asked of images in this order.

    Parameters
    ----------
    shown : ShownGrid
    aim : Aim
    stimuli, epsilons : numpy.ndarray of int, (image,)
        Rows of the grid, and which of its epsilons.
    """

    shown: ShownGrid
    aim: Aim
    stimuli: NDArray[np.intp]
    epsilons: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.stimuli)

    def named(self, place: int, control: str) -> str:
        """What messages call an image of the attack, or of a control of it."""
        grid, aim = self.shown.grid, self.aim
        by = f"{control} of {aim.attack}" if control else aim.attack
        return (
            f"{by} on {aim.objective} {aim.target!r} of {aim.system}, stimulus "
            f"{grid.stimulus_ids[self.stimuli[place]]!r}, {grid.norm} {grid.epsilons[self.epsilons[place]]:g}"
        )

    def rounded(self, images: torch.Tensor, limits: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Round images (epsilon, stimulus, channel, y, x) to grey levels (image, channel, y, x), inside their norms."""
        shown, grid = self.shown, self.shown.grid
        out = np.empty((len(self), *shown.levels.shape[1:]), dtype=np.uint8)
        for place, (stimulus, epsilon) in enumerate(zip(self.stimuli.tolist(), self.epsilons.tolist(), strict=True)):
            moved = images[epsilon, stimulus].double().numpy() - grid.clean[stimulus].cpu().double().numpy()
            limit = min(float(limits[epsilon, stimulus]), grid.epsilons[epsilon])
            out[place] = rounded(shown.levels[stimulus], moved, limit, grid.norm)
        return out

    def norms(self, levels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Norms of the perturbations as they are shown, (image,)."""
        sizes = [self.shown.norm(own, stimulus) for own, stimulus in zip(levels, self.stimuli.tolist(), strict=True)]
        return np.array(sizes, dtype=np.float64)

    def effects(self, levels: NDArray[np.uint8]) -> Effects:
        """Effects of images in grey levels, against the clean images as they are shown."""
        aim = self.aim
        responses, choices = self.shown.read(levels, self.stimuli)
        every, of_clean = self.shown.answers
        clean, clean_choices = every[self.stimuli], None if of_clean is None else of_clean[self.stimuli]
        return Effects(
            at_aim=self.shown.effect(responses, choices, clean, clean_choices, scale=aim.scale, unit=aim.unit),
            response=responses[:, aim.unit] if aim.unit >= 0 else None,
            other=responses[:, aim.other] - clean[:, aim.other] if aim.other >= 0 else None,
        )

    def unrounded(self, attacked: AttackedTarget) -> NDArray[np.float64]:
        """The effect at the aim before rounding, (image,)."""
        grid = self.shown.grid
        choices = None if attacked.choices is None else attacked.choices[self.epsilons, self.stimuli]
        clean_choices = None if grid.clean_choice is None else grid.clean_choice[self.stimuli]
        return self.shown.effect(
            attacked.responses[self.epsilons, self.stimuli],
            choices,
            grid.clean_responses[self.stimuli],
            clean_choices,
            scale=self.aim.scale,
            unit=self.aim.unit,
        )

    def directions(self, attacked: AttackedTarget) -> list[str]:
        """Which direction each image is of: the one whose response of the target unit was kept; empty where unknown."""
        known = [way if way in ("up", "down") else "" for way in attacked.directions]
        if len(known) == 1:
            return known * len(self)
        if attacked.directed is None:
            return [""] * len(self)
        responses = attacked.responses[self.epsilons, self.stimuli, self.aim.unit]
        apart = np.abs(attacked.directed[:, self.epsilons, self.stimuli] - responses)
        return [known[number] for number in apart.argmin(axis=0).tolist()]
