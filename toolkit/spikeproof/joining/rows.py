"""Which presentations of several recordings stand side by side."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikeproof.compose import Join
from spikeproof.errors import DataError
from spikeproof.pictures import natural
from spikeproof.wording import joined, some

from .part import Part

__all__ = ["Rows", "join_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The presentations of a joined recording, and where those of each part stand among them.

    Parameters
    ----------
    stimuli : numpy.ndarray of str, (presentation,)
    repeat : numpy.ndarray of int, (presentation,)
        0 for the first showing of a stimulus in each part, 1 for the second ...
    taken : tuple of numpy.ndarray of int
        For each part: its presentations that are kept, in its own order.
    places : tuple of numpy.ndarray of int
        For each part: where they stand in the joined recording.
    in_order : bool
        Whether every part shows the same presentations in the same order, which the joined one keeps; otherwise
        presentations stand in the order of stimulus and repeat.
    shown : tuple of int
        For each part: how many different stimuli it showed.
    kept : tuple of int
        For each part: how many of them are kept.
    in_all : int
        Stimuli that every part showed.
    """

    stimuli: NDArray[np.str_]
    repeat: NDArray[np.int64]
    taken: tuple[NDArray[np.intp], ...]
    places: tuple[NDArray[np.intp], ...]
    in_order: bool
    shown: tuple[int, ...]
    kept: tuple[int, ...]
    in_all: int


def join_rows(parts: Sequence[Part], join: Join) -> Rows:
    """Set the k-th showings of each stimulus side by side.

    The order does not depend on the order of the parts: that of the presentations where all parts agree, otherwise
    stimulus by stimulus (numbers inside names count as numbers) and repeat by repeat.

    Raises
    ------
    DataError
        If no stimulus was shown in all parts and ``join`` is ``"shared"``; ids of both sides are shown.
    """
    names, codes = _stimuli(parts)
    shown = np.stack([np.bincount(code, minlength=len(names)) > 0 for code in codes])
    in_all = np.logical_and.reduce(shown, axis=0)
    if join == "shared" and not in_all.any():
        raise DataError(_nothing_shared(parts, names, shown))
    kept = in_all if join == "shared" else np.ones(len(names), dtype=bool)
    showings = [_showing(code, part.responses["repeat"].values) for code, part in zip(codes, parts, strict=True)]
    most = max(int(showing.max()) for showing in showings) + 1
    taken = [np.flatnonzero(kept[code]) for code in codes]
    keys = [(code * most + showing)[rows] for code, showing, rows in zip(codes, showings, taken, strict=True)]
    in_order = all(np.array_equal(key, keys[0]) for key in keys[1:])
    joint = keys[0] if in_order else np.unique(np.concatenate(keys))
    places = [np.arange(len(key)) if in_order else np.searchsorted(joint, key) for key in keys]
    return Rows(
        stimuli=names[joint // most],
        repeat=(joint % most).astype(np.int64),
        taken=tuple(taken),
        places=tuple(places),
        in_order=in_order,
        shown=tuple(shown.sum(axis=1).tolist()),
        kept=tuple((shown & kept).sum(axis=1).tolist()),
        in_all=int(in_all.sum()),
    )


def _stimuli(parts: Sequence[Part]) -> tuple[NDArray[np.str_], list[NDArray[np.intp]]]:
    """Names of all stimuli in natural order, and the number of each presentation's stimulus, part by part."""
    every = np.concatenate([part.responses["stimulus_id"].values.astype(object) for part in parts])
    found, unique = pd.factorize(every)
    order = sorted(range(len(unique)), key=lambda number: natural(str(unique[number])))
    rank = np.empty(len(unique), dtype=np.intp)
    rank[order] = np.arange(len(unique))
    ends = np.cumsum([part.responses.sizes["presentation"] for part in parts])
    return np.array([str(unique[number]) for number in order]), np.split(rank[found], ends[:-1])


def _showing(code: NDArray[np.intp], repeat: NDArray[np.integer]) -> NDArray[np.intp]:
    """0 for a stimulus's first showing, 1 for the second ...: the rank of ``repeat`` among its presentations."""
    order = np.lexsort((repeat, code))
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    lengths = np.diff(starts, append=len(code))
    showing = np.empty(len(code), dtype=np.intp)
    showing[order] = np.arange(len(code)) - np.repeat(starts, lengths)
    return showing


def _nothing_shared(parts: Sequence[Part], names: NDArray[np.str_], shown: NDArray[np.bool_]) -> str:
    first, second = _strangers(shown)
    left, right = names[shown[first]], names[shown[second]]
    near = difflib.get_close_matches(left[0], right[:5000].tolist(), n=1, cutoff=0.5)
    hint = f"; near {str(left[0])!r} is {near[0]!r}" if near else ""
    between = "" if len(parts) == 2 else f": none of {parts[first].name} in {parts[second].name}, for one"
    if (shown[first] & shown[second]).any():
        between, hint = ", though any two have some in common", ""
    return (
        f"sources: no stimulus was shown in all of {joined([part.name for part in parts])}{between}. Stimuli of "
        f"{parts[first].name} are called {some(left, 2)}, those of {parts[second].name} {some(right, 2)}{hint}. "
        "Stimulus ids must be the same in recordings that are joined: choose another column as stimulus, or rename "
        "them; join = 'union' keeps recordings side by side that share no stimulus, but no code spans their units"
    )


def _strangers(shown: NDArray[np.bool_]) -> tuple[int, int]:
    """Return two parts without a stimulus in common, if there are any; the first two otherwise."""
    for first in range(len(shown)):
        for second in range(first + 1, len(shown)):
            if not (shown[first] & shown[second]).any():
                return first, second
    return 0, 1
