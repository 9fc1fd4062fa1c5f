"""Rounds of one experiment as one recording: the same units, their presentations one round after another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeproof.errors import DataError
from spikeproof.wording import some

from .alike import check_alike
from .part import Part
from .responses import Contribution

__all__ = ["join_rounds"]

_MADE_HERE = ("stimulus_id", "repeat", "unit", "time_bin", "time_bin_start", "time_bin_stop")


def join_rounds(parts: Sequence[Part]) -> tuple[xr.Dataset, list[Contribution], list[str]]:
    """Put the presentations of rounds one after another; units are the same where their names are.

    Parameters
    ----------
    parts : sequence of Part
        In their order.

    Returns
    -------
    responses : xarray.Dataset
        Units that every round recorded, with the columns of the first round; every presentation, with the columns of
        all rounds (empty or NaN where a round lacks one) and ``source``. Repeats of a stimulus are numbered over
        rounds; times stay those of each round's own clock.
    contributions : list of Contribution
    notes : list of str

    Raises
    ------
    DataError
        If two parts are one, no unit was recorded in all, or they did not measure the same thing.
    """
    notes = check_alike(parts)
    _refuse_twice(parts)
    units = [name for name in parts[0].units.tolist() if all(name in set(part.units.tolist()) for part in parts)]
    if not units:
        raise DataError(
            f"sources: no unit of {parts[0].name} ({some(parts[0].units.tolist())}) is called as one of "
            f"{parts[1].name} ({some(parts[1].units.tolist())}): rounds (join = 'rounds') are of the same units; name "
            "them alike, or join different units with 'shared' or 'union'"
        )
    for part in parts:
        lost = [name for name in part.units.tolist() if name not in set(units)]
        if lost:
            notes.append(
                f"{len(lost)} of {len(part.units)} units of {part.name} were not recorded in every round and are left "
                f"out: {some(lost)}"
            )
    kept = [part.responses.sel(unit=units) for part in parts]
    shown = np.concatenate([one["stimulus_id"].values.astype(str) for one in kept])
    coordinates: dict[str, xr.Variable] = {
        "stimulus_id": xr.Variable("presentation", shown),
        "repeat": xr.Variable("presentation", _numbered(shown)),
        "source": xr.Variable(
            "presentation", np.repeat([part.name for part in parts], [one.sizes["presentation"] for one in kept])
        ),
    }
    first = kept[0]
    for name, coordinate in first.coords.items():
        if coordinate.dims in (("unit",), ("time_bin",)):
            coordinates[str(name)] = coordinate.variable
    coordinates["session"] = xr.Variable("unit", _together(kept, "session"))
    coordinates["subject"] = xr.Variable("unit", _together(kept, "subject"))
    names = dict.fromkeys(
        str(name) for one in kept for name, coordinate in one.coords.items() if coordinate.dims == ("presentation",)
    )
    for name in names:
        if name not in _MADE_HERE:
            coordinates[name] = xr.Variable("presentation", _column(name, kept))
    values = np.concatenate([one["response"].values for one in kept])
    response = xr.Variable(first["response"].dims, values, dict(first["response"].attrs))
    dataset = xr.Dataset({"response": response}, coords=coordinates)
    stimuli = [len(set(one["stimulus_id"].values.tolist())) for one in kept]
    given = [
        Contribution(
            source=part.name,
            units=len(part.units),
            presentations=one.sizes["presentation"],
            stimuli=count,
            joined_presentations=one.sizes["presentation"],
            joined_stimuli=count,
            sessions=tuple(dict.fromkeys(part.on_unit("session", part.label).tolist())),
            subjects=tuple(dict.fromkeys(part.on_unit("subject", "unknown").tolist())),
        )
        for part, one, count in zip(parts, kept, stimuli, strict=True)
    ]
    notes.append(
        f"{len(units)} units were recorded in all {len(parts)} rounds, {len(shown)} presentations one round after "
        "another; a unit is the same where its name is, and a change of its rate from round to round counts as noise"
    )
    return dataset, given, notes


def _refuse_twice(parts: Sequence[Part]) -> None:
    owner: dict[str, str] = {}
    for part in parts:
        if part.digest and owner.setdefault(part.digest, part.name) != part.name:
            raise DataError(f"sources: {owner[part.digest]} and {part.name} are one recording: name it once")


def _together(kept: Sequence[xr.Dataset], name: str) -> NDArray[np.str_]:
    """A text of each unit: the rounds' own, joined where they differ."""
    columns = [
        one[name].values.astype(str).tolist() if name in one.coords else [""] * one.sizes["unit"] for one in kept
    ]
    texts = [" + ".join(dict.fromkeys(filter(None, values))) for values in zip(*columns, strict=True)]
    return np.array(texts, dtype=str)


def _column(name: str, kept: Sequence[xr.Dataset]) -> NDArray[np.generic]:
    """A column over all rounds; text where any round has text."""
    kinds = {one[name].dtype.kind for one in kept if name in one.coords}
    text = bool(kinds - set("iufb"))
    filled: list[NDArray[np.generic]] = []
    for one in kept:
        if name not in one.coords:
            filled.append(np.full(one.sizes["presentation"], "" if text else np.nan))
        else:
            filled.append(one[name].values.astype(str) if text else one[name].values)
    return np.concatenate(filled)


def _numbered(stimuli: NDArray[np.str_]) -> NDArray[np.int64]:
    seen: dict[str, int] = {}
    out = np.empty(len(stimuli), dtype=np.int64)
    for place, name in enumerate(stimuli.tolist()):
        out[place] = seen.get(name, 0)
        seen[name] = out[place] + 1
    return out
