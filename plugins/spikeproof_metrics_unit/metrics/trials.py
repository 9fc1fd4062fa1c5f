"""Single presentations of a code as an array of stimuli by repeats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.types import Code

__all__ = ["by_stimulus", "repeats_of"]


def repeats_of(code: Code, metric: str) -> NDArray[np.float64]:
    """Single presentations, (stimulus, repeat, unit): stimuli in the code's order, the k-th presentation in column k.

    NaN where a stimulus was presented fewer times. Stimuli that were presented once at most are left out: they say
    nothing of noise.

    Raises
    ------
    NotEnoughData
        If fewer than three stimuli were presented twice.
    """
    if code.repeats is None:
        raise NotEnoughData(f"{metric}: code {code.system} has no repeats: every stimulus was presented once")
    shown = code.repeats["stimulus"].values.astype(str)
    position = {name: row for row, name in enumerate(code.responses["stimulus"].values.astype(str).tolist())}
    row = np.array([position[name] for name in shown.tolist()])
    count = np.bincount(row, minlength=len(position))
    usable = np.flatnonzero(count >= 2)
    if len(usable) < 3:
        raise NotEnoughData(
            f"{metric}: {len(usable)} stimuli of {code.system} were presented at least twice, but three are needed"
        )
    return by_stimulus(code.repeats.values, row, len(position))[usable]


def by_stimulus(responses: NDArray[np.float64], row: NDArray[np.intp], stimuli: int) -> NDArray[np.float64]:
    """Presentations in rows of their own, (stimulus, repeat, unit): the k-th of a stimulus in column k, NaN beyond.

    Parameters
    ----------
    responses : numpy.ndarray, (presentation, unit)
    row : numpy.ndarray of int, (presentation,)
        Stimulus of each.
    stimuli : int

    Examples
    --------
    >>> by_stimulus(np.array([[1.0], [2.0], [3.0]]), np.array([0, 1, 0]), 2)[:, :, 0].tolist()
    [[1.0, 3.0], [2.0, nan]]
    """
    count = np.bincount(row, minlength=stimuli)
    order = np.argsort(row, kind="stable")
    column = np.arange(len(row)) - (np.cumsum(count) - count)[row[order]]
    values = np.full((stimuli, int(count.max()), responses.shape[1]), np.nan)
    values[row[order], column] = responses[order]
    return values
