"""The images of one target, rounded to grey levels, with what the model predicts for them as they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.engine import control_target
from spikeproof.engine.clean import read_back

from .rounding import LEVELS, level_norm, rounded, to_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.code import Code
    from spikeproof.engine import AttackedTarget, Grid
    from spikeproof.pipeline.parts import Part
    from spikeproof.plugin import AttackEntry, Scale

__all__ = ["Aim", "MadeImage", "Refused", "ShownGrid", "images_of_target"]


@dataclass(frozen=True, kw_only=True)
class MadeImage:
    """One image, and its row of the manifest as far as it is known before the image has a name."""

    levels: NDArray[np.uint8]
    row: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """One image that is not made, and why."""

    what: str
    reason: str


class ShownGrid:
    """The clean images of a grid as they are shown, and what the model answers to them.

    Parameters
    ----------
    grid : Grid
    code : Code
        The clean code of the system.
    categories : mapping of str to str
        Category of each stimulus, where there are any.
    """

    def __init__(self, grid: Grid, code: Code, categories: Mapping[str, str]) -> None:
        self.grid, self.code, self.categories = grid, code, categories

    @cached_property
    def levels(self) -> NDArray[np.uint8]:
        """Clean images as they are shown, (stimulus, channel, y, x)."""
        return to_levels(self.grid.clean.cpu().numpy())

    @cached_property
    def answers(self) -> tuple[NDArray[np.float64], NDArray[np.intp] | None]:
        """Responses (stimulus, unit) and choices (stimulus,) to the clean images as they are shown."""
        return self.read(self.levels, np.arange(len(self.grid.stimulus_ids)))

    def read(
        self, levels: NDArray[np.uint8], stimuli: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.intp] | None]:
        """Responses (image, unit) and choices (image,) of images in grey levels, made of these rows of the grid."""
        grid = self.grid
        names = [grid.stimulus_ids[row] for row in stimuli]
        responses, scores = [], []
        for start in range(0, len(levels), grid.batch):
            part = torch.as_tensor(levels[start : start + grid.batch].astype(np.float32) / np.float32(LEVELS))
            found, logits = read_back(
                grid.model,
                part.to(device=grid.device, dtype=grid.clean.dtype),
                names[start : start + grid.batch],
                head=grid.use_head,
            )
            responses.append(found)
            scores += [] if logits is None else [logits]
        every = np.concatenate(responses)
        return every, grid.choices(every, np.concatenate(scores) if scores else None, stimuli)

    def effect(
        self,
        responses: NDArray[np.float64],
        choices: NDArray[np.intp] | None,
        clean: NDArray[np.float64],
        clean_choices: NDArray[np.intp] | None,
        *,
        scale: Scale,
        unit: int,
    ) -> NDArray[np.float64]:
        """What is predicted at the scale that was aimed at, (image,); see the manifest's ``predicted_effect``."""
        if scale == "unit" and unit >= 0:
            return np.asarray(responses[:, unit] - clean[:, unit])
        if scale == "behavior" and choices is not None and clean_choices is not None:
            return np.asarray(choices != clean_choices, dtype=np.float64)
        return np.asarray(self.code.population_distance(responses, clean))


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


def images_of_target(
    shown: ShownGrid,
    attacked: AttackedTarget,
    controls: Sequence[Part[AttackEntry]],
    aim: Aim,
    refuse: Callable[[Refused], None],
) -> Iterator[MadeImage]:
    """Yield the images of an attacked target and of its controls, as they will be shown.

    Parameters
    ----------
    shown : ShownGrid
    attacked : AttackedTarget
        With its images.
    controls : sequence of Part
        Each makes images of the norm that the attack's have.
    aim : Aim
    refuse : callable
        Is told of every image that is not made.
    """
    grid = shown.grid
    if attacked.images is None:
        raise ValueError("images of a target are made of an attack that kept them")
    stimuli, epsilons = _cells(shown, attacked, aim, refuse)
    if not stimuli.size:
        return
    levels = _rounded(shown, attacked.images, stimuli, epsilons, attacked.achieved)
    effects = _effects(shown, levels, stimuli, aim)
    before = _before(shown, attacked, stimuli, epsilons, aim)
    kept = _kept(shown, levels, stimuli, epsilons, effects, before, aim, refuse)
    ways = _directions(attacked, stimuli, epsilons, aim)
    yield from _rows(shown, levels, stimuli, epsilons, effects, before, aim, "", ways, kept)
    for control in controls:
        made = control_target(grid, attacked, control.component, control.label, keep_images=True)
        if made.images is None:
            raise ValueError("a control was asked to keep its images")
        limits = np.zeros_like(attacked.achieved)
        for place, (stimulus, epsilon) in enumerate(zip(stimuli, epsilons, strict=True)):
            limits[epsilon, stimulus] = level_norm(_difference(shown, levels[place], stimulus), grid.norm)
        of_control = _rounded(shown, made.images, stimuli, epsilons, limits)
        found = _effects(shown, of_control, stimuli, aim)
        was = _before(shown, made, stimuli, epsilons, aim)
        moved = np.array(
            [
                level_norm(_difference(shown, one, row), grid.norm) > 0
                for one, row in zip(of_control, stimuli, strict=True)
            ]
        )
        for place in np.flatnonzero(kept & ~moved).tolist():
            refuse(Refused(what=_named(shown, stimuli, epsilons, place, aim, control.label), reason=_NOTHING))
        yield from _rows(
            shown, of_control, stimuli, epsilons, found, was, aim, control.label, [""] * len(stimuli), kept & moved
        )


_NOTHING = (
    "in 8 bits nothing is left of it: its norm is below one grey level of one pixel (1/255), or the pixel range stops "
    "it"
)


def _cells(
    shown: ShownGrid, attacked: AttackedTarget, aim: Aim, refuse: Callable[[Refused], None]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Stimulus and epsilon of every image that there is anything to show of."""
    grid = shown.grid
    found = []
    for stimulus, name in enumerate(grid.stimulus_ids):
        if attacked.status[stimulus] == "dead":
            what = f"{aim.attack} on {aim.objective} {aim.target!r} of {aim.system}, stimulus {name!r}"
            refuse(Refused(what=what, reason="nothing moves it: no gradient at the clean image or near it"))
            continue
        found += [(stimulus, epsilon) for epsilon in range(len(grid.epsilons)) if grid.epsilons[epsilon] > 0]
    rows = np.array(found, dtype=np.intp).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def _rounded(
    shown: ShownGrid,
    images: torch.Tensor,
    stimuli: NDArray[np.intp],
    epsilons: NDArray[np.intp],
    limits: NDArray[np.float64],
) -> NDArray[np.uint8]:
    clean, out = shown.grid.clean, np.empty((len(stimuli), *shown.levels.shape[1:]), dtype=np.uint8)
    for place, (stimulus, epsilon) in enumerate(zip(stimuli.tolist(), epsilons.tolist(), strict=True)):
        moved = images[epsilon, stimulus].double().numpy() - clean[stimulus].cpu().double().numpy()
        limit = min(float(limits[epsilon, stimulus]), shown.grid.epsilons[epsilon])
        out[place] = rounded(shown.levels[stimulus], moved, limit, shown.grid.norm)
    return out


def _difference(shown: ShownGrid, levels: NDArray[np.uint8], stimulus: int) -> NDArray[np.int64]:
    return np.asarray(levels.astype(np.int64) - shown.levels[stimulus].astype(np.int64))


@dataclass(frozen=True, kw_only=True)
class _Effects:
    """What the model answers to images as they are shown: at the aim, and of single units."""

    at_aim: NDArray[np.float64]
    response: NDArray[np.float64] | None
    other: NDArray[np.float64] | None


def _effects(shown: ShownGrid, levels: NDArray[np.uint8], stimuli: NDArray[np.intp], aim: Aim) -> _Effects:
    responses, choices = shown.read(levels, stimuli)
    every, of_clean = shown.answers
    clean, clean_choices = every[stimuli], None if of_clean is None else of_clean[stimuli]
    return _Effects(
        at_aim=shown.effect(responses, choices, clean, clean_choices, scale=aim.scale, unit=aim.unit),
        response=responses[:, aim.unit] if aim.unit >= 0 else None,
        other=responses[:, aim.other] - clean[:, aim.other] if aim.other >= 0 else None,
    )


def _before(
    shown: ShownGrid,
    attacked: AttackedTarget,
    stimuli: NDArray[np.intp],
    epsilons: NDArray[np.intp],
    aim: Aim,
) -> NDArray[np.float64]:
    """The same effect before rounding."""
    grid = shown.grid
    choices = None if attacked.choices is None else attacked.choices[epsilons, stimuli]
    clean_choices = None if grid.clean_choice is None else grid.clean_choice[stimuli]
    return shown.effect(
        attacked.responses[epsilons, stimuli],
        choices,
        grid.clean_responses[stimuli],
        clean_choices,
        scale=aim.scale,
        unit=aim.unit,
    )


def _kept(
    shown: ShownGrid,
    levels: NDArray[np.uint8],
    stimuli: NDArray[np.intp],
    epsilons: NDArray[np.intp],
    effects: _Effects,
    before: NDArray[np.float64],
    aim: Aim,
    refuse: Callable[[Refused], None],
) -> NDArray[np.bool_]:
    """Which images are shown: those that are perturbed at all, within the budget, in the direction that was wanted."""
    grid = shown.grid
    kept = np.ones(len(stimuli), dtype=bool)
    for place, (stimulus, epsilon) in enumerate(zip(stimuli.tolist(), epsilons.tolist(), strict=True)):
        size = level_norm(_difference(shown, levels[place], stimulus), grid.norm)
        reason = ""
        if size == 0:
            reason = _NOTHING
        elif size > grid.epsilons[epsilon] * (1 + 1e-6):
            reason = f"in 8 bits its norm is {size:.6g}, above {grid.epsilons[epsilon]:g}"
        elif aim.scale == "unit" and before[place] * effects.at_aim[place] < 0:
            reason = f"8 bits turn its predicted effect around, from {before[place]:.3g} to {effects.at_aim[place]:.3g}"
        if reason:
            kept[place] = False
            refuse(Refused(what=_named(shown, stimuli, epsilons, place, aim, ""), reason=reason))
    return kept


def _named(
    shown: ShownGrid, stimuli: NDArray[np.intp], epsilons: NDArray[np.intp], place: int, aim: Aim, control: str
) -> str:
    grid = shown.grid
    by = f"{control} of {aim.attack}" if control else aim.attack
    return (
        f"{by} on {aim.objective} {aim.target!r} of {aim.system}, stimulus {grid.stimulus_ids[stimuli[place]]!r}, "
        f"{grid.norm} {grid.epsilons[epsilons[place]]:g}"
    )


def _directions(attacked: AttackedTarget, stimuli: NDArray[np.intp], epsilons: NDArray[np.intp], aim: Aim) -> list[str]:
    """Which direction each image is of: the one whose response of the target unit was kept; empty where unknown."""
    known = [way if way in ("up", "down") else "" for way in attacked.directions]
    if len(known) == 1:
        return known * len(stimuli)
    if attacked.directed is None:
        return [""] * len(stimuli)
    apart = np.abs(attacked.directed[:, epsilons, stimuli] - attacked.responses[epsilons, stimuli, aim.unit])
    return [known[number] for number in apart.argmin(axis=0).tolist()]


def _rows(
    shown: ShownGrid,
    levels: NDArray[np.uint8],
    stimuli: NDArray[np.intp],
    epsilons: NDArray[np.intp],
    effects: _Effects,
    before: NDArray[np.float64],
    aim: Aim,
    control: str,
    directions: Sequence[str],
    kept: NDArray[np.bool_],
) -> Iterator[MadeImage]:
    grid = shown.grid
    names = shown.code.responses["unit"].values
    for place in np.flatnonzero(kept).tolist():
        stimulus, epsilon = int(stimuli[place]), int(epsilons[place])
        name = grid.stimulus_ids[stimulus]
        row = {
            "kind": "control" if control else "attack",
            "system": aim.system,
            "clean_stimulus_id": name,
            "category": shown.categories.get(name, ""),
            "epsilon": repr(float(grid.epsilons[epsilon])),
            "norm": grid.norm,
            "achieved": repr(level_norm(_difference(shown, levels[place], stimulus), grid.norm)),
            "aim": aim.scale,
            "objective": aim.objective,
            "target": aim.target,
            "target_unit": str(names[aim.unit]) if aim.unit >= 0 else "",
            "other_unit": str(names[aim.other]) if aim.other >= 0 and not control else "",
            "control": control,
            "attack": aim.attack,
            "direction": directions[place],
            "round": aim.round,
            "predicted_response": "" if effects.response is None else repr(float(effects.response[place])),
            "predicted_effect": repr(float(effects.at_aim[place])),
            "unrounded_effect": repr(float(before[place])),
            "other_unit_effect": "" if effects.other is None or control else repr(float(effects.other[place])),
        }
        yield MadeImage(levels=levels[place], row=row)
