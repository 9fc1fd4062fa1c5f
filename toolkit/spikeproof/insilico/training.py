"""What encoders are fitted to: mean responses to the stimuli that were shown, each with its own image."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from spikeproof.averaging import one_number
from spikeproof.code_of_recording import code_of_recording
from spikeproof.errors import DataError
from spikeproof.measured import named_as_shown
from spikeproof.recording import Recording
from spikeproof.stimuli import StimulusSet
from spikeproof.wording import did_you_mean, some

__all__ = ["CLEAN", "Training", "training_data"]

CLEAN = "clean_stimulus_id"
"""Column that says which image a perturbed stimulus was made of."""

_READ = 64
"""Images that are held at once while they are compared."""

_PERTURBED = (CLEAN, "epsilon", "norm", "aim", "objective", "target_unit", "control", "attack", "direction")
"""Columns of perturbed stimuli: to an encoder, a perturbed image is one more stimulus."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Responses and images of every stimulus that a recording showed, perturbed ones too.

    Parameters
    ----------
    responses : xarray.DataArray, dims (stimulus, unit)
        Means over the repeats that were measured.
    repeats : xarray.DataArray, dims (presentation, unit), optional
        Single presentations with the coordinate ``stimulus``.
    groups : numpy.ndarray of str, (stimulus,)
        The clean image of each stimulus; itself where it is clean.
    presentations : numpy.ndarray of int, (stimulus, unit)
        How often each stimulus was measured in each unit.
    squares : numpy.ndarray of float64, (stimulus, unit)
        Sum of squares of single responses about their stimulus's mean.
    images : StimulusSet
        In the order of the responses.
    together : numpy.ndarray of str, (stimulus,)
        What folds never split: stimuli of one group, and stimuli whose images are alike to the last pixel, whatever
        they are called.
    alike : tuple of tuple of str
        Stimuli that differ by name only: such as are clean, or are made of different clean images.
    """

    responses: xr.DataArray
    repeats: xr.DataArray | None
    groups: NDArray[np.str_]
    presentations: NDArray[np.intp]
    squares: NDArray[np.float64]
    images: StimulusSet
    together: NDArray[np.str_]
    alike: tuple[tuple[str, ...], ...] = ()


def training_data(recording: Recording) -> Training:
    """Put each stimulus's mean response beside its image; they are matched by id, never by order.

    Parameters
    ----------
    recording : Recording
        With responses and images.

    Raises
    ------
    DataError
        If a stimulus that was shown has no image (near names are listed), or is said to be made of two clean ones.
    """
    if recording.responses is None or recording.stimuli is None:
        raise ValueError("encoders are fitted to recordings with images")
    given = named_as_shown(recording.responses)
    marks = [name for name in _PERTURBED if name in given.coords]
    code, _ = code_of_recording(replace(recording, responses=given.drop_vars(marks)), system="recording")
    shown = [str(name) for name in code.responses["stimulus"].values]
    images = _matched(shown, recording.stimuli)
    values, _ = one_number(given["response"])
    row = code.responses.get_index("stimulus").get_indexer(pd.Index(given["stimulus_id"].values.astype(str)))
    values, row = values[row >= 0], row[row >= 0]
    measured = ~np.isnan(values)
    counts = np.zeros(code.responses.shape, dtype=np.intp)
    squares = np.zeros(code.responses.shape)
    np.add.at(counts, row, measured)
    np.add.at(squares, row, np.where(measured, values - code.responses.values[row], 0.0) ** 2)
    groups = _groups(shown, replace(recording, responses=given))
    together, alike = _together(images, groups)
    return Training(
        responses=code.responses,
        repeats=code.repeats,
        groups=groups,
        presentations=counts,
        squares=squares,
        images=images,
        together=together,
        alike=alike,
    )


def _matched(shown: list[str], stimuli: StimulusSet) -> StimulusSet:
    known = set(stimuli.ids)
    missing = [name for name in shown if name not in known]
    if missing:
        hint = did_you_mean(missing[0], stimuli.ids, otherwise=";")
        others = f"{hint} there are {len(known)} images, such as {some(stimuli.ids, most=2)}"
        raise DataError(
            f"encoder: {len(missing)} of {len(shown)} stimuli of the recording have no image ({some(missing)}){others}"
            ". Images are matched by stimulus_id, never by order: name the image files as the recording names its "
            "stimuli, or choose its column `stimulus` so that it does"
        )
    return stimuli.select(shown)


def _groups(shown: list[str], recording: Recording) -> NDArray[np.str_]:
    """The clean image of each stimulus, from the presentations or else from the table of images."""
    place = {name: row for row, name in enumerate(shown)}
    groups: list[str] = [""] * len(shown)
    pairs: list[tuple[str, object]] = []
    if recording.responses is not None and CLEAN in recording.responses.coords:
        pairs += zip(
            recording.responses["stimulus_id"].values.tolist(), recording.responses[CLEAN].values.tolist(), strict=True
        )
    if recording.stimuli is not None and CLEAN in recording.stimuli.table:
        pairs += recording.stimuli.table[CLEAN].items()  # type: ignore[arg-type]
    for name, clean in pairs:
        if name not in place or clean is None or clean != clean or not str(clean):  # NaN is not itself
            continue
        before = groups[place[name]]
        if before and before != str(clean):
            raise DataError(
                f"encoder: stimulus {name!r} is made of two clean images ({CLEAN} is {before!r} and {str(clean)!r}): "
                "one perturbed image has one clean one; correct the table"
            )
        groups[place[name]] = str(clean)
    return np.array([group or name for group, name in zip(groups, shown, strict=True)], dtype=np.str_)


def _together(images: StimulusSet, groups: NDArray[np.str_]) -> tuple[NDArray[np.str_], tuple[tuple[str, ...], ...]]:
    """Join groups that share an image; say which stimuli show one image under several names.

    A stimulus that is fitted under one name and held out under another would be predicted from itself.
    """
    same: dict[bytes, list[int]] = {}
    row = 0
    for pixels in images.chunks(_READ):
        for image in pixels:
            content = np.ascontiguousarray(image + np.float32(0.0)).tobytes()  # -0.0 is 0.0
            same.setdefault(hashlib.blake2b(content, digest_size=16).digest(), []).append(row)
            row += 1
    out, alike = groups.copy(), []
    for rows in same.values():
        named = list(dict.fromkeys(groups[rows].tolist()))
        if len(named) > 1:
            alike.append(tuple(images.ids[row] for row in rows))
            joined: Sequence[str] = list(dict.fromkeys(out[rows].tolist()))
            out[np.isin(out, joined)] = joined[0]
    return out, tuple(alike)
