"""The images of one target and of its controls, and their rows of the manifest: those that are worth showing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spikeproof.engine import control_target

from .cells import Cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.engine import AttackedTarget
    from spikeproof.pipeline.parts import Part
    from spikeproof.plugin import AttackEntry

    from .cells import Aim, Effects
    from .shown import ShownGrid

__all__ = ["MadeImage", "Refused", "images_of_target"]

_NOTHING = (
    "in 8 bits nothing is left of it: its norm is below one grey level of one pixel (1/255), or the pixel range stops "
    "it"
)


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
    if attacked.images is None:
        raise ValueError("images of a target are made of an attack that kept them")
    cells = _cells(shown, attacked, aim, refuse)
    if not len(cells):
        return
    levels = cells.rounded(attacked.images, attacked.achieved)
    effects, before, norms = cells.effects(levels), cells.unrounded(attacked), cells.norms(levels)
    kept = _kept(cells, norms, effects, before, refuse)
    ways = cells.directions(attacked)
    yield from _rows(cells, levels, norms, effects, before, "", ways, kept)
    for control in controls:
        made = control_target(shown.grid, attacked, control.component, control.label, keep_images=True)
        if made.images is None:
            raise ValueError("a control was asked to keep its images")
        limits = np.zeros_like(attacked.achieved)
        limits[cells.epsilons, cells.stimuli] = norms
        of_control = cells.rounded(made.images, limits)
        found, was, sizes = cells.effects(of_control), cells.unrounded(made), cells.norms(of_control)
        moved = sizes > 0
        for place in np.flatnonzero(kept & ~moved).tolist():
            refuse(Refused(what=cells.named(place, control.label), reason=_NOTHING))
        yield from _rows(cells, of_control, sizes, found, was, control.label, [""] * len(cells), kept & moved)


def _cells(shown: ShownGrid, attacked: AttackedTarget, aim: Aim, refuse: Callable[[Refused], None]) -> Cells:
    """Every image that there is anything to show of."""
    grid = shown.grid
    found = []
    for stimulus, name in enumerate(grid.stimulus_ids):
        if attacked.status[stimulus] == "dead":
            what = f"{aim.attack} on {aim.objective} {aim.target!r} of {aim.system}, stimulus {name!r}"
            refuse(Refused(what=what, reason="nothing moves it: no gradient at the clean image or near it"))
            continue
        found += [(stimulus, epsilon) for epsilon in range(len(grid.epsilons)) if grid.epsilons[epsilon] > 0]
    rows = np.array(found, dtype=np.intp).reshape(-1, 2)
    return Cells(shown=shown, aim=aim, stimuli=rows[:, 0], epsilons=rows[:, 1])


def _kept(
    cells: Cells,
    norms: NDArray[np.float64],
    effects: Effects,
    before: NDArray[np.float64],
    refuse: Callable[[Refused], None],
) -> NDArray[np.bool_]:
    """Which images are shown: those that are perturbed at all, within the budget, in the direction that was wanted."""
    grid = cells.shown.grid
    kept = np.ones(len(cells), dtype=bool)
    for place, epsilon in enumerate(cells.epsilons.tolist()):
        size = norms[place]
        reason = ""
        if size == 0:
            reason = _NOTHING
        elif size > grid.epsilons[epsilon] * (1 + 1e-6):
            reason = f"in 8 bits its norm is {size:.6g}, above {grid.epsilons[epsilon]:g}"
        elif cells.aim.scale == "unit" and before[place] * effects.at_aim[place] < 0:
            reason = f"8 bits turn its predicted effect around, from {before[place]:.3g} to {effects.at_aim[place]:.3g}"
        if reason:
            kept[place] = False
            refuse(Refused(what=cells.named(place, ""), reason=reason))
    return kept


def _rows(
    cells: Cells,
    levels: NDArray[np.uint8],
    norms: NDArray[np.float64],
    effects: Effects,
    before: NDArray[np.float64],
    control: str,
    directions: Sequence[str],
    kept: NDArray[np.bool_],
) -> Iterator[MadeImage]:
    shown, aim, grid = cells.shown, cells.aim, cells.shown.grid
    names = shown.code.responses["unit"].values
    for place in np.flatnonzero(kept).tolist():
        name = grid.stimulus_ids[int(cells.stimuli[place])]
        row = {
            "kind": "control" if control else "attack",
            "system": aim.system,
            "clean_stimulus_id": name,
            "category": shown.categories.get(name, ""),
            "epsilon": repr(float(grid.epsilons[int(cells.epsilons[place])])),
            "norm": grid.norm,
            "achieved": repr(float(norms[place])),
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
