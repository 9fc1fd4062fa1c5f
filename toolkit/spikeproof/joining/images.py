"""Images of several sources as one set: an id names one image, whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikeproof import progress
from spikeproof.errors import DataError
from spikeproof.stimuli import StimulusSet

__all__ = ["join_images"]

_AT_ONCE = 64
"""Images that are compared in one go."""


def join_images(sets: Mapping[str, StimulusSet], labels: Mapping[str, str]) -> tuple[StimulusSet | None, list[str]]:
    """Put the images of all sources in one set, in the order of the sources; read lazily, as before.

    An id that several sources hold stands once. Its images are compared pixel by pixel, which reads them: the same
    image may be shown in several sessions, but two images under one id are refused.

    Parameters
    ----------
    sets : mapping of str to StimulusSet
        By the source as the user gave it.
    labels : mapping of str to str
        What a column of one source alone is marked with.

    Returns
    -------
    stimuli : StimulusSet or None
        Columns that sources disagree on stand as ``NAME (LABEL)``.
    notes : list of str

    Raises
    ------
    DataError
        If images differ in shape, an id names different images or has different categories, or some images have a
        category and others none.
    """
    if len(sets) < 2:
        return next(iter(sets.values()), None), []
    first, *others = sets
    for name in others:
        if sets[name].shape != sets[first].shape:
            raise DataError(
                f"sources: images of {first} are {sets[first].shape} (channel, y, x) but those of {name} are "
                f"{sets[name].shape}: give both sources the same size (and grayscale)"
            )
    owner: dict[str, str] = {}
    again = 0
    for name, held in sets.items():
        shared = [stimulus for stimulus in held.ids if stimulus in owner]
        if shared:
            _check_same(shared, owner, sets, name)
        again += len(shared)
        owner |= {stimulus: name for stimulus in held.ids if stimulus not in owner}
    notes = [f"{again} images are held by several sources; they are the same, pixel by pixel"] if again else []
    return StimulusSet(table=_table(sets, labels, owner), shape=sets[first].shape, read=_reader(sets, owner)), notes


def _check_same(shared: Sequence[str], owner: Mapping[str, str], sets: Mapping[str, StimulusSet], name: str) -> None:
    """Refuse ids under which another source has another image."""
    listener = progress.current()
    listener.start(f"comparing images of {name}", len(shared))
    by_owner: dict[str, list[str]] = {}
    for stimulus in shared:
        by_owner.setdefault(owner[stimulus], []).append(stimulus)
    for other, ids in by_owner.items():
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            difference = np.abs(sets[other].images(some) - sets[name].images(some)).reshape(len(some), -1).max(axis=1)
            if difference.any():
                at = int(np.flatnonzero(difference)[0])
                raise DataError(
                    f"sources: stimulus_id {some[at]!r} names one image in {other} and another in {name} (pixels "
                    f"differ by up to {difference[at]:.3g}; {len(ids)} ids stand in both): different images need "
                    "different ids. Rename the images, give one source's ids a `prefix`, or give the folder that holds "
                    "both folders"
                )
            listener.advance(len(some))
    listener.finish()


def _table(sets: Mapping[str, StimulusSet], labels: Mapping[str, str], owner: Mapping[str, str]) -> pd.DataFrame:
    index = pd.Index(list(owner), name="stimulus_id")
    columns: dict[str, pd.Series] = {}
    for column in dict.fromkeys(str(column) for held in sets.values() for column in held.table):
        given = {name: held.table[column] for name, held in sets.items() if column in held.table}
        conflict = _conflict(given)
        if conflict is not None and column == "category":
            stimulus, one, other = conflict
            raise DataError(
                f"sources: image {stimulus!r} has category {given[one][stimulus]!r} in {one} but "
                f"{given[other][stimulus]!r} in {other}: a category must be a property of the stimulus"
            )
        if conflict is not None:
            columns |= {f"{column} ({labels[name]})": values.reindex(index) for name, values in given.items()}
            continue
        together = pd.concat(list(given.values()))
        columns[column] = together[~together.index.duplicated()].reindex(index)
    table = pd.DataFrame(columns, index=index)
    if "category" in table and table["category"].isna().any():
        without = owner[table.index[table["category"].isna()][0]]
        having = next(name for name, held in sets.items() if "category" in held.table)
        raise DataError(
            f"sources: images of {having} have categories but those of {without} have none: put each image of "
            f"{without} in a folder of its category"
        )
    return table


def _conflict(given: Mapping[str, pd.Series]) -> tuple[str, str, str] | None:
    """Return an id and two sources that say different things of it, or None."""
    seen: dict[str, tuple[object, bool, str]] = {}
    for name, values in given.items():
        for stimulus, value, missing in zip(values.index, values.tolist(), values.isna().tolist(), strict=True):
            before, was_missing, source = seen.setdefault(stimulus, (value, missing, name))
            if missing != was_missing or (not missing and before != value):
                return stimulus, source, name
    return None


def _reader(
    sets: Mapping[str, StimulusSet], owner: Mapping[str, str]
) -> Callable[[Sequence[int]], NDArray[np.float32]]:
    parts = list(sets.values())
    numbers = {name: number for number, name in enumerate(sets)}
    which = np.array([numbers[name] for name in owner.values()], dtype=np.intp)
    place = np.concatenate(
        [
            held.table.index.get_indexer(pd.Index([stimulus for stimulus, whose in owner.items() if whose == name]))
            for name, held in sets.items()
        ]
    )
    shape = parts[0].shape

    def read(rows: Sequence[int]) -> NDArray[np.float32]:
        out = np.empty((len(rows), *shape), dtype=np.float32)
        wanted = np.asarray(rows, dtype=np.intp)
        for number in np.unique(which[wanted]):
            here = which[wanted] == number
            out[here] = parts[number].read(place[wanted[here]].tolist())
        return out

    return read
