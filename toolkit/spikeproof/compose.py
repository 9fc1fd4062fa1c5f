"""Several sources as one recording: responses from one, images from others, joined over stimulus ids."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .errors import DataError
from .recording import Recording
from .stimuli import StimulusSet

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["compose"]


def compose(recordings: Sequence[Recording]) -> Recording:
    """Join what several sources give.

    One source passes through. Of several, at most one may hold responses; the images of all are put in one set, in
    the order of the sources. Images that were never presented stay and are noted; a presentation without an image is
    refused. Categories may come from either side and must agree.

    Parameters
    ----------
    recordings : sequence of Recording
        One per ``[[source]]`` of a study, in its order.

    Returns
    -------
    Recording
        With ``identity`` of each source under ``0.``, ``1.`` ..., and ``source`` and ``digest`` of them all.

    Raises
    ------
    DataError
        If several sources hold responses, images differ in shape or share ids, a presented stimulus has no image, or
        the two sides give a stimulus different categories; sources and stimuli are named.
    """
    if not recordings:
        raise DataError("sources: none was given: name one, such as nwb:FILE.nwb or images:FOLDER")
    if len(recordings) == 1:
        return recordings[0]
    names = _names(recordings)
    recorded = [number for number, recording in enumerate(recordings) if recording.responses is not None]
    if len(recorded) > 1:
        raise DataError(
            f"sources: {len(recorded)} of them hold responses ({', '.join(names[number] for number in recorded)}). "
            "Putting several recordings together as one population is planned for a later version; now give one source "
            "with responses a study, and run a study for each recording"
        )
    notes = [note for recording in recordings for note in recording.notes]
    sets = {
        name: recording.stimuli
        for name, recording in zip(names, recordings, strict=True)
        if recording.stimuli is not None
    }
    stimuli = _concatenate(sets)
    responses = recordings[recorded[0]].responses if recorded else None
    if responses is not None and stimuli is not None:
        notes += _match(responses, stimuli, names[recorded[0]], tuple(sets))
        responses, stimuli = _share_categories(responses, stimuli, names[recorded[0]], notes)
    return Recording(responses=responses, stimuli=stimuli, identity=_identity(recordings, names), notes=tuple(notes))


def _names(recordings: Sequence[Recording]) -> list[str]:
    """The sources as the user gave them; numbered where one is given twice."""
    names = [recording.identity.get("source", "source") for recording in recordings]
    return [name if names.count(name) == 1 else f"{name} (source {number})" for number, name in enumerate(names)]


def _identity(recordings: Sequence[Recording], names: Sequence[str]) -> Mapping[str, str]:
    merged = {
        "source": " + ".join(names),
        "digest": hashlib.sha256(
            "\n".join(recording.identity.get("digest", "") for recording in recordings).encode()
        ).hexdigest(),
    }
    for number, recording in enumerate(recordings):
        merged |= {f"{number}.{key}": value for key, value in recording.identity.items()}
    return merged


def _concatenate(sets: Mapping[str, StimulusSet]) -> StimulusSet | None:
    import numpy as np
    import pandas as pd

    if len(sets) < 2:
        return next(iter(sets.values()), None)
    first, *others = sets
    owner: dict[str, str] = dict.fromkeys(sets[first].ids, first)
    for name in others:
        if sets[name].shape != sets[first].shape:
            raise DataError(
                f"sources: images of {first} are {sets[first].shape} (channel, y, x) but those of {name} are "
                f"{sets[name].shape}: give both sources the same size (and grayscale)"
            )
        twice = [stimulus for stimulus in sets[name].ids if stimulus in owner]
        if twice:
            raise DataError(
                f"sources: stimulus_id {twice[0]!r} names an image in {owner[twice[0]]} and another in {name} "
                f"({len(twice)} such ids): rename the images, or give the folder that holds both folders"
            )
        if ("category" in sets[name].table) != ("category" in sets[first].table):
            with_, without = (first, name) if "category" in sets[first].table else (name, first)
            raise DataError(
                f"sources: images of {with_} have categories but those of {without} have none: put each image of "
                f"{without} in a folder of its category"
            )
        owner |= dict.fromkeys(sets[name].ids, name)
    parts = tuple(sets.values())
    starts = np.cumsum([0, *(len(part) for part in parts)])
    shape = parts[0].shape

    def read(rows: Sequence[int]) -> NDArray[np.float32]:
        out = np.empty((len(rows), *shape), dtype=np.float32)
        wanted = np.asarray(rows, dtype=np.intp)
        which = np.searchsorted(starts, wanted, side="right") - 1
        for number in np.unique(which):
            here = which == number
            out[here] = parts[number].read((wanted[here] - starts[number]).tolist())
        return out

    return StimulusSet(table=pd.concat([part.table for part in parts]), shape=shape, read=read)


def _match(responses: xr.Dataset, stimuli: StimulusSet, recorded: str, images: Sequence[str]) -> list[str]:
    """Notes on images that were never presented; a presentation without an image is refused."""
    shown = list(dict.fromkeys(responses["stimulus_id"].values.tolist()))
    held = set(stimuli.ids)
    missing = [name for name in shown if name not in held]
    if missing:
        near = difflib.get_close_matches(missing[0], stimuli.ids[:5000], n=1, cutoff=0.4)
        hint = f" ({near[0]!r} is near {missing[0]!r})" if near else ""
        raise DataError(
            f"sources: {len(missing)} of {len(shown)} stimuli presented in {recorded} have no image in "
            f"{', '.join(images)}: {_some(missing)}. Images there are called {_some(stimuli.ids, 2)}{hint}: stimulus "
            "ids must be the same on both sides; rename the images, choose another column as stimulus, or leave the "
            "images out"
        )
    extra = len(stimuli) - len(shown)
    return [f"{extra} of {len(stimuli)} images were never presented in {recorded}"] if extra else []


def _share_categories(
    responses: xr.Dataset, stimuli: StimulusSet, recorded: str, notes: list[str]
) -> tuple[xr.Dataset, StimulusSet]:
    """Give both sides the categories of either; refuse a conflict."""
    presented = responses["stimulus_id"].values.tolist()
    has_table, has_presentations = "category" in stimuli.table, "category" in responses.coords
    if has_table:
        of_image = stimuli.table["category"].reindex(presented).astype(str).to_numpy()
        if not has_presentations:
            notes.append("categories of presentations are those of the images")
            return responses.assign_coords(category=("presentation", of_image.astype("U"))), stimuli
        for number, (stimulus, given, image) in enumerate(
            zip(presented, responses["category"].values.tolist(), of_image, strict=True)
        ):
            if str(given) != image:
                raise DataError(
                    f"sources: stimulus {stimulus!r} has category {str(given)!r} on presentation {number} of "
                    f"{recorded}, but {image!r} among the images: choose another column, or rename the folders"
                )
        return responses, stimuli
    if not has_presentations:
        return responses, stimuli
    category: dict[str, str] = {}
    for stimulus, given in zip(presented, responses["category"].values.tolist(), strict=True):
        if category.setdefault(stimulus, str(given)) != str(given):
            raise DataError(
                f"sources: stimulus {stimulus!r} has several categories in {recorded} ({category[stimulus]!r} and "
                f"{str(given)!r}): a category must be a property of the stimulus; choose another column as category"
            )
    if len(category) < len(stimuli):
        notes.append("the images have no categories: those of the presentations do not cover images never presented")
        return responses, stimuli
    notes.append("categories of images are those of their presentations")
    table: pd.DataFrame = stimuli.table.assign(category=[category[name] for name in stimuli.ids])
    return responses, StimulusSet(table=table, shape=stimuli.shape, read=stimuli.read)


def _some(names: Iterable[str], most: int = 3) -> str:
    listed = list(names)
    shown = ", ".join(repr(name) for name in listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown
