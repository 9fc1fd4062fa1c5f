"""Responses of which RDMs are made part by part: by subject or session, in halves, without some stimuli or units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import NotEnoughData
from spikeproof.types import Repeats, generator

from .rdm import rdm_matrix, rdm_vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Parted", "first_half", "repeated", "shuffled"]


@dataclass(frozen=True, kw_only=True)
class Parted:
    """Responses, of which some stimuli or units may have been left out.

    Parameters
    ----------
    values : numpy.ndarray of float64, (stimulus, unit)
    stimuli : numpy.ndarray of str, (stimulus,)
    units, group : numpy.ndarray of str, (unit,)
        Names, and the subject or session of each.
    repeats : Repeats, optional
    """

    values: NDArray[np.float64]
    stimuli: NDArray[np.str_]
    units: NDArray[np.str_]
    group: NDArray[np.str_]
    repeats: Repeats | None

    def of_stimuli(self, keep: NDArray[np.bool_]) -> Parted:
        """The responses to these stimuli."""
        names = self.stimuli[keep]
        shown = None if self.repeats is None else self.repeats.of_stimuli(names)
        return Parted(values=self.values[keep], stimuli=names, units=self.units, group=self.group, repeats=shown)

    def of_units(self, keep: NDArray[np.bool_]) -> Parted:
        """The responses of these units."""
        shown = None if self.repeats is None else self.repeats.of_units(keep)
        return Parted(
            values=self.values[:, keep],
            stimuli=self.stimuli,
            units=self.units[keep],
            group=self.group[keep],
            repeats=shown,
        )


def repeated(data: Parted) -> Parted:
    """Keep the stimuli with two presentations or more."""
    if data.repeats is None:
        raise NotEnoughData("rdm-ceiling: one subject, one session and no repeats: nothing says how noisy the RDM is")
    names, counts = np.unique(data.repeats.stimuli, return_counts=True)
    kept = data.of_stimuli(np.isin(data.stimuli, names[counts >= 2]))
    if len(kept.stimuli) < 4:
        raise NotEnoughData(f"rdm-ceiling: {len(kept.stimuli)} stimuli were repeated, but it needs at least 4")
    return kept


def first_half(repeats: Repeats, split: int, seed: int) -> NDArray[np.bool_]:
    """Presentations of the first half, drawn for each stimulus by its name."""
    order = np.argsort(repeats.stimuli, kind="stable")
    names, counts = np.unique(repeats.stimuli, return_counts=True)
    first = np.zeros(len(order), dtype=bool)
    drawn = [_half(seed, split, name, count) for name, count in zip(names.tolist(), counts.tolist(), strict=True)]
    first[order] = np.concatenate(drawn)
    return first


@lru_cache(maxsize=100_000)
def _half(seed: int, split: int, name: str, count: int) -> NDArray[np.bool_]:
    return np.asarray(generator(seed, "rdm halves", split, name).permutation(count) < count // 2)


def shuffled(rdm: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The RDM with its stimuli permuted."""
    matrix = rdm_matrix(rdm)
    order = rng.permutation(len(matrix))
    return rdm_vector(matrix[np.ix_(order, order)])
