"""Whether recordings measured the same thing: unit of response, window and time bins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikeproof.errors import DataError

from .part import Part

__all__ = ["check_alike"]

_RELATIVE, _ABSOLUTE = 0.01, 0.002
"""Windows are of one length up to 1 % or 2 ms, whichever is more: a screen's frames shift rows by a few ms at most."""

_EDGES = 1e-6
"""Time bins are the same up to 1 microsecond: a user asks for them, and only rounding may differ."""


def check_alike(parts: Sequence[Part]) -> list[str]:
    """Refuse recordings whose responses cannot stand in one array.

    Returns
    -------
    list of str
        What could not be compared.

    Raises
    ------
    DataError
        If two parts differ in their unit of response, the length of their windows (medians, by more than 1 % and
        2 ms) or their time bins; both are named with what they have.
    """
    first = parts[0]
    for part in parts[1:]:
        here, there = (str(each.response.attrs["units"]) for each in (first, part))
        if here != there:
            raise DataError(
                f"sources: responses of {first.name} are in {here!r} and those of {part.name} in {there!r}: recordings "
                "that are joined need one unit of response (counts and rates: `rate` of the sources)"
            )
        _check_bins(first, part)
    return _check_windows(parts)


def _check_bins(first: Part, part: Part) -> None:
    counts = [each.response.sizes.get("time_bin", 0) for each in (first, part)]
    edges = [_edges(each) for each in (first, part)]
    same = (
        counts[0] == counts[1]
        and len(edges[0]) == len(edges[1])
        and np.allclose(edges[0], edges[1], rtol=0, atol=_EDGES)
    )
    if not same:
        said = [_bins(count, edge) for count, edge in zip(counts, edges, strict=True)]
        raise DataError(
            f"sources: responses of {first.name} have {said[0]}, those of {part.name} have {said[1]}: recordings that "
            "are joined need the same time bins (`bins` of the sources)"
        )


def _edges(part: Part) -> NDArray[np.float64]:
    if "time_bin_start" not in part.responses.coords:
        return np.empty(0)
    return np.concatenate([part.responses[name].values for name in ("time_bin_start", "time_bin_stop")]).astype(float)


def _bins(count: int, edges: NDArray[np.float64]) -> str:
    if not count:
        return "no time bins"
    return f"{count} time bins" + (
        f" from {edges[0]:g} to {edges[-1]:g} s" if len(edges) else " without start and stop"
    )


def _check_windows(parts: Sequence[Part]) -> list[str]:
    lengths = {
        part.name: float(np.median(part.responses["stop_time"].values - part.responses["start_time"].values))
        for part in parts
        if "start_time" in part.responses.coords
    }
    unknown = [part.name for part in parts if part.name not in lengths]
    if len(lengths) > 1:
        shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        if lengths[longest] - lengths[shortest] > max(_RELATIVE * lengths[longest], _ABSOLUTE):
            raise DataError(
                f"sources: windows of {shortest} are {lengths[shortest]:.4g} s long and those of {longest} "
                f"{lengths[longest]:.4g} s (medians; up to 1 % or 2 ms count as equal): responses over different times "
                "are no one code; give the sources the same `window` (s)"
            )
    if not unknown:
        return []
    if not lengths:
        return ["no recording says how long its windows are: whether they are of one length was not checked"]
    return [
        f"the windows of {', '.join(unknown)} are not known: whether they are as long as the others was not checked"
    ]
