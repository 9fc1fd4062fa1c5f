"""Preferred-category flips: which stimuli of which unit are pushed up, and which down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.errors import NotEnoughData
from spikeproof.noise import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from numpy.typing import NDArray

    from spikeproof.engine import Grid

__all__ = ["PREFERENCE_FLIP", "Flip", "flips_of", "part_of"]

PREFERENCE_FLIP = "preference-flip"
"""What the manifest calls the objective."""


@dataclass(frozen=True, kw_only=True)
class Flip:
    """Stimuli that one unit's response is pushed away from its preference on.

    Parameters
    ----------
    unit : str
    most, least : str
        Categories that it prefers most and least, by its mean response to clean stimuli.
    up, down : tuple of str
        Stimuli of the least preferred category, pushed up, and of the most preferred one, pushed down.
    """

    unit: str
    most: str
    least: str
    up: tuple[str, ...]
    down: tuple[str, ...]


def flips_of(
    responses: xr.DataArray, labels: xr.DataArray, units: Sequence[str], *, count: int, seed: int
) -> tuple[list[Flip], list[str]]:
    """Choose the stimuli of each unit, as in Guo et al. (2022), "category-preference analysis".

    Parameters
    ----------
    responses : xarray.DataArray, dims (stimulus, unit)
        Clean responses that preferences are read from.
    labels : xarray.DataArray, dims (stimulus,)
    units : sequence of str
    count : int
        Stimuli of each of the two categories; all of them where there are fewer.
    seed : int
        They are the first of an order drawn per unit.

    Returns
    -------
    flips : list of Flip
    without : list of str
        Units whose mean response is the same for all categories: they prefer none.

    Raises
    ------
    NotEnoughData
        If there are fewer than two categories.

    Examples
    --------
    >>> import xarray as xr
    >>> names = {"stimulus": ["a", "b", "c"], "unit": ["u"]}
    >>> clean = xr.DataArray([[5.0], [1.0], [4.0]], dims=("stimulus", "unit"), coords=names)
    >>> labels = xr.DataArray(["dog", "gauge", "dog"], dims="stimulus", coords={"stimulus": names["stimulus"]})
    >>> flip = flips_of(clean, labels, ["u"], count=1, seed=0)[0][0]
    >>> flip.most, flip.least, flip.up
    ('dog', 'gauge', ('b',))
    """
    of = labels.values.astype(str)
    names, number = np.unique(of, return_inverse=True)
    if len(names) < 2:
        raise NotEnoughData(
            f"preferred-category flips need two categories, and all {len(of)} stimuli are of {names[0]!r}"
        )
    stimuli = responses["stimulus"].values.astype(str)
    found, without = [], []
    for unit in units:
        values = responses.sel(unit=unit).values
        means = np.bincount(number, weights=values) / np.bincount(number)
        most, least = int(means.argmax()), int(means.argmin())
        if means[most] - means[least] <= 1e-12 * np.abs(means).max():
            without.append(str(unit))
            continue
        chosen = []
        for category in (least, most):
            rows = np.flatnonzero(number == category)
            order = generator(seed, PREFERENCE_FLIP, str(unit), str(names[category])).permutation(len(rows))[:count]
            chosen.append(tuple(stimuli[np.sort(rows[order])].tolist()))
        found.append(Flip(unit=str(unit), most=str(names[most]), least=str(names[least]), up=chosen[0], down=chosen[1]))
    return found, without


def part_of(grid: Grid, stimuli: Sequence[str]) -> Grid:
    """Return a grid of some of its stimuli; what searches run on is shared."""
    place = {name: row for row, name in enumerate(grid.stimulus_ids)}
    rows: NDArray[np.intp] = np.array([place[name] for name in stimuli], dtype=np.intp)
    part = replace(
        grid,
        images=grid.clean[torch.as_tensor(rows, device=grid.device)],
        stimulus_ids=tuple(stimuli),
        clean_responses=grid.clean_responses[rows],
        clean_logits=None if grid.clean_logits is None else grid.clean_logits[rows],
        partner=None,
    )
    for name in ("budget", "models"):
        part.__dict__[name] = getattr(grid, name)
    return part
