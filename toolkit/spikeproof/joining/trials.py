"""Trials of several sources as one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeproof.errors import DataError
from spikeproof.wording import some

__all__ = ["join_trials", "unmatched"]

_OF_ONE_SOURCE = ("row",)
"""What numbers rows of one recording: of no use beside another's."""


def join_trials(parts: Mapping[str, xr.Dataset], digests: Mapping[str, str]) -> tuple[xr.Dataset | None, list[str]]:
    """Put the trials of all sources one after another.

    Parameters
    ----------
    parts : mapping of str to xarray.Dataset
        By the source as the user gave it.
    digests : mapping of str to str
        Of the same sources; empty where unknown.

    Returns
    -------
    trials : xarray.Dataset or None
        What a source does not say is empty text, or NaN.
    notes : list of str

    Raises
    ------
    DataError
        If two sources hold the same trials, or a column is text in one and numbers in another.
    """
    if not parts:
        return None, []
    _refuse_twice(parts, digests)
    if len(parts) == 1:
        return next(iter(parts.values())), []
    names = list(dict.fromkeys(str(name) for part in parts.values() for name in part.data_vars))
    columns = {name: _column(name, parts) for name in names if name not in _OF_ONE_SOURCE}
    joined = xr.Dataset({name: ("trial", values) for name, values in columns.items()})
    notes = []
    seen: dict[tuple[str, str], str] = {}
    both: dict[tuple[str, str], str] = {}
    for source, part in parts.items():
        for who in _observers(part):
            if seen.setdefault(who, source) != source:
                both[who] = seen[who]
    if both:
        (image_set, subject), source = next(iter(both.items()))
        of = f" of {image_set!r}" if image_set else ""
        notes.append(
            f"{len(both)} subjects have trials in several sources (subject {subject!r}{of} in {source} and another): "
            "they count as one observer each"
        )
    return joined, notes


def unmatched(trials: xr.Dataset, shown: Iterable[str]) -> list[str]:
    """Note trials whose stimuli are none of those that systems are shown."""
    stimuli = list(shown)
    named = dict.fromkeys(trials["stimulus_id"].values.astype(str).tolist())
    if not stimuli or set(stimuli) & named.keys():
        return []
    return [
        f"none of the {len(named):,} stimuli of the trials ({some(named, 2)}) is one of the {len(stimuli):,} of other "
        f"sources ({some(stimuli, 2)}): subjects may be compared with nobody else"
    ]


def _refuse_twice(parts: Mapping[str, xr.Dataset], digests: Mapping[str, str]) -> None:
    owner: dict[str, str] = {}
    for source in parts:
        digest = digests.get(source, "")
        if digest and owner.setdefault(digest, source) != source:
            raise DataError(f"sources: {owner[digest]} and {source} hold the same trials: name them once")


def _observers(part: xr.Dataset) -> set[tuple[str, str]]:
    subjects = part["subject"].values.astype(str).tolist()
    sets = part["image_set"].values.astype(str).tolist() if "image_set" in part else [""] * len(subjects)
    return set(zip(sets, subjects, strict=True))


def _column(name: str, parts: Mapping[str, xr.Dataset]) -> NDArray[np.generic]:
    kinds = {part[name].dtype.kind for part in parts.values() if name in part}
    text = "U" in kinds
    if text and len(kinds) > 1:
        raise DataError(f"sources: column {name!r} of the trials is text in one source and numbers in another")
    whole = kinds == {"i"} and all(name in part for part in parts.values())
    filled = [
        part[name].values if name in part else np.full(part.sizes["trial"], "" if text else np.nan)
        for part in parts.values()
    ]
    together: NDArray[np.generic] = np.concatenate(filled)
    return together if text or whole else together.astype(np.float64)
