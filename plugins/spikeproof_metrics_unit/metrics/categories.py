"""Categories of stimuli, enough of them to tell one from the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.types import Code

__all__ = ["Categories", "categories_of"]


@dataclass(frozen=True, kw_only=True)
class Categories:
    """Categories of stimuli.

    Parameters
    ----------
    names : tuple of str
        Sorted.
    labels : numpy.ndarray of str, (stimulus,)
    """

    names: tuple[str, ...]
    labels: NDArray[np.str_]

    @property
    def members(self) -> NDArray[np.bool_]:
        """Which stimuli are in each category, (category, stimulus)."""
        inside: NDArray[np.bool_] = np.asarray(self.names)[:, None] == self.labels
        return inside

    @property
    def counts(self) -> NDArray[np.float64]:
        """Number of stimuli in each, (category, 1)."""
        count: NDArray[np.float64] = self.members.sum(axis=1, keepdims=True).astype(np.float64)
        return count


def categories_of(code: Code) -> Categories:
    """Read the categories of a code's stimuli.

    Raises
    ------
    NotEnoughData
        If there are no labels, one category only, fewer than two stimuli of one, or no unit that varies.
    """
    if code.labels is None:
        raise NotEnoughData(
            f"selectivity: the stimuli of {code.system} have no categories; name their column, or choose another metric"
        )
    labels = code.labels.values.astype(str)
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        raise NotEnoughData(
            f"selectivity: all {labels.size} stimuli of {code.system} are of one category ({str(names[0])!r}); at least"
            " two are needed to tell one from the rest"
        )
    if counts.min() < 2:
        few = str(names[counts.argmin()])
        raise NotEnoughData(
            f"selectivity: category {few!r} of {code.system} has one stimulus only; every category needs at least two,"
            " as d' needs their variance. Merge it with another, or leave it out"
        )
    values = code.responses.values
    if (np.ptp(values, axis=0) <= 1e-12 * np.abs(values).max(axis=0)).all():
        raise NotEnoughData(f"selectivity: every unit of {code.system} responds alike to all {labels.size} stimuli")
    return Categories(names=tuple(names.tolist()), labels=labels)
