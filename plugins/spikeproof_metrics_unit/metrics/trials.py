"""Single presentations of a code as an array of stimuli by repeats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.types import Code

__all__ = ["repeats_of"]


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
    order = np.argsort(row, kind="stable")
    first = np.cumsum(count) - count
    column = np.arange(len(row)) - first[row[order]]
    values = np.full((len(position), int(count.max()), code.repeats.sizes["unit"]), np.nan)
    values[row[order], column] = code.repeats.values[order]
    return values[usable]
