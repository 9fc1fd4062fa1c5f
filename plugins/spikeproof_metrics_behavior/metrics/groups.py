"""Means over pairs of observers, image set by image set, with what every such metric says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling, interval, stack_statistic
from spikeproof.types import generator
from spikeproof.wording import joined

from spikeproof_metrics_behavior.observers import ALL_SETS, SUBJECTS, Observers

__all__ = ["Drawn", "Group", "groups_of", "left_out", "list_left_out", "seed_of", "table_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Pairs of observers whose mean is one number.

    Parameters
    ----------
    name : str
    pairs : numpy.ndarray of bool, (pair,)
    """

    name: str
    pairs: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A number and its bootstrap draws."""

    estimate: float
    draws: Floats


def groups_of(observers: Observers, pairs: NDArray[np.intp]) -> list[Group]:
    """Subjects with each other, each system with the subjects, systems with each other: those that have a pair."""
    people = len(observers.trials.subjects)
    human = np.asarray(pairs < people)
    first, second = human.T
    found = [Group(name=f"{SUBJECTS} with each other", pairs=first & second)]
    for number, system in enumerate(observers.systems):
        found.append(Group(name=f"{system} with {SUBJECTS}", pairs=first & (pairs[:, 1] == people + number)))
    found.append(Group(name="systems with each other", pairs=~first & ~second))
    return [group for group in found if group.pairs.any()]


def seed_of(resampling: Resampling, *purpose: str) -> int:
    """Seed of its own for every image set: draws of different people and images are independent."""
    return int(generator(resampling.seed, *purpose).integers(2**31))


def table_of(found: Mapping[str, Mapping[str, Drawn]], resampling: Resampling, column: str) -> xr.DataArray:
    """Numbers of every image set and group, and their mean over all sets of a group, with percentile intervals.

    Parameters
    ----------
    found : mapping of image set to mapping of group to Drawn
    resampling : Resampling
    column : str
        Name of the dimension of groups.

    Returns
    -------
    xarray.DataArray, dims (statistic, image_set, ...)
        NaN where a set has no such group.

    Raises
    ------
    NotEnoughData
        If there is no group at all.
    """
    groups = list(dict.fromkeys(group for of_set in found.values() for group in of_set))
    if not groups:
        raise NotEnoughData("there are no two observers to compare: at least two subjects, or one and a system")
    rows = {name: dict(of_set) for name, of_set in found.items() if of_set}
    if len(rows) > 1:
        rows[ALL_SETS] = {}
        for group in groups:
            parts = [of_set[group] for of_set in found.values() if group in of_set]
            estimate = float(np.mean([part.estimate for part in parts]))
            rows[ALL_SETS][group] = Drawn(estimate=estimate, draws=np.mean([part.draws for part in parts], axis=0))
    values = np.full((3, len(rows), len(groups)), np.nan)
    for i, of_set in enumerate(rows.values()):
        for j, group in enumerate(groups):
            if group in of_set:
                drawn = of_set[group]
                bounds = interval(drawn.draws, drawn.estimate, resampling.level, undefined="exclude")
                values[:, i, j] = drawn.estimate, *bounds
    coords = {"image_set": list(rows), column: groups}
    return stack_statistic(*(xr.DataArray(part, dims=("image_set", column), coords=coords) for part in values))


def left_out(sets: Mapping[str, Observers]) -> dict[str, str]:
    """Systems that are compared on no image set, with the first reason."""
    used = {system for observers in sets.values() for system in observers.systems}
    reasons: dict[str, str] = {}
    for observers in sets.values():
        for system, reason in observers.left_out.items():
            if system not in used:
                reasons.setdefault(system, reason)
    return reasons


def list_left_out(variable: xr.DataArray) -> Sequence[str]:
    """Sentences on systems that a variable's attribute ``left_out`` names."""
    reasons = json.loads(variable.attrs.get("left_out", "{}"))
    by_reason: dict[str, list[str]] = {}
    for system, reason in reasons.items():
        by_reason.setdefault(reason, []).append(system)
    return [f"{joined(systems)} is left out: {reason}." for reason, systems in by_reason.items()]
