"""Trials as a recording holds them, and back: one table of text along ``trial``, one :class:`Trials` an image set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

from .trials import NO_CHOICE, Trials

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["image_sets", "trials_of", "trials_table"]

_KNOWN = (
    "subject",
    "session",
    "stimulus_id",
    "choice",
    "category",
    "condition",
    "image_set",
    "image_name",
    "trial_number",
    "rt",
    "row",
)

UNNAMED = "trials"
"""What trials without an image set are called."""


def trials_table(sets: Mapping[str, Trials], *, prefixed: bool = False) -> xr.Dataset:
    """Trials of image sets as the table that a recording holds.

    Parameters
    ----------
    sets : mapping of str to Trials
    prefixed : bool
        Whether stimuli are called ``SET/IMAGE``: image sets show one photograph in different manipulations.

    Returns
    -------
    xarray.Dataset, dims (trial,)
        ``subject``, ``session``, ``stimulus_id``, ``choice`` (empty where none was made), ``category``, ``condition``,
        ``image_set``, ``image_name`` (str), ``trial_number`` (int), ``rt`` (s) and the further columns.

    Raises
    ------
    DataError
        If a further column stands in some of the sets only.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from spikeproof_metrics_behavior import read_trials
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text(
    ...     "subj,Session,trial,rt,object_response,category,condition,imagename\\n"
    ...     "s1,1,1,0.8,cat,cat,0,0001_x_cat_cat1.png\\ns1,1,2,NaN,na,dog,0,0002_x_dog_dog1.png\\n"
    ... )
    >>> trials_table({"demo": read_trials(file)})["choice"].values.tolist()
    ['cat', '']
    """
    import xarray as xr

    parts: dict[str, list[NDArray[np.generic]]] = {}
    for name, trials in sets.items():
        for key, values in _columns(name, trials, prefixed=prefixed).items():
            parts.setdefault(key, []).append(values)
    short = [key for key, values in parts.items() if len(values) < len(sets)]
    if short:
        raise DataError(f"trials: {short[0]!r} stands in some image sets only: give all of them the same columns")
    return xr.Dataset({key: ("trial", np.concatenate(values)) for key, values in parts.items()})


def _columns(name: str, trials: Trials, *, prefixed: bool) -> dict[str, NDArray[np.generic]]:
    images = np.array(trials.images)
    if prefixed:
        images = np.array([f"{name}/{image}" for image in trials.images])
    choices = np.append(np.array(trials.categories), "")
    return {
        "subject": np.array(trials.subjects)[trials.subject],
        "session": trials.session.astype(str),
        "stimulus_id": images[trials.image],
        "choice": choices[trials.response],
        "category": np.array(trials.categories)[trials.category],
        "condition": np.array(trials.conditions)[trials.condition],
        "image_set": np.full(len(trials.subject), name),
        "image_name": np.array(trials.image_name),
        "trial_number": trials.trial.astype(np.int64),
        "rt": trials.rt,
        **{key: np.array(cells) for key, cells in trials.extra.items()},
    }


def image_sets(table: xr.Dataset) -> list[str]:
    """Names of the image sets in a table, in their order."""
    if "image_set" not in table:
        return [UNNAMED]
    return list(dict.fromkeys(str(name) or UNNAMED for name in table["image_set"].values.tolist()))


def trials_of(table: xr.Dataset, what: str) -> dict[str, Trials]:
    """Trials of every image set in the table of a recording.

    Parameters
    ----------
    table : xarray.Dataset, dims (trial,)
        As in a recording.
    what : str
        The metric that asks, for messages.

    Returns
    -------
    dict of str to Trials
        ``images`` are stimulus ids; a choice that is the category of no image counts among the categories.

    Raises
    ------
    NotEnoughData
        If the trials do not say which choice is right.
    DataError
        If some do and others do not.
    """
    if "category" not in table:
        raise NotEnoughData(
            f"{what} needs the right choice of every trial: these trials have no 'category' (option `category` of the "
            "source)"
        )
    empty = np.flatnonzero(table["category"].values == "")
    if empty.size:
        raise DataError(
            f"{what}: {empty.size} of {table.sizes['trial']} trials have no category, the first on stimulus "
            f"{str(table['stimulus_id'].values[empty[0]])!r}: name the right choice of every trial, or leave these out"
        )
    out = {}
    for name in image_sets(table):
        here = table
        if "image_set" in table:
            here = table.isel(trial=np.flatnonzero(table["image_set"].values == ("" if name == UNNAMED else name)))
            if not here.sizes["trial"]:  # a set that is itself called so
                here = table.isel(trial=np.flatnonzero(table["image_set"].values == name))
        out[name] = _trials(name, here)
    return out


def _trials(name: str, table: xr.Dataset) -> Trials:
    def text(key: str) -> list[str]:
        if key not in table:
            return [""] * table.sizes["trial"]
        return [str(value) for value in table[key].values.tolist()]

    chosen, right = text("choice"), text("category")
    categories = tuple(sorted({*right, *chosen} - {""}))
    code = {category: k for k, category in enumerate(categories)} | {"": NO_CHOICE}
    subjects, subject = _coded(text("subject"))
    conditions, condition = _coded(text("condition"))
    images, image = _coded(text("stimulus_id"))
    _, session = _coded(text("session"))
    count = table.sizes["trial"]
    return Trials(
        name=name,
        subjects=subjects,
        conditions=conditions,
        images=images,
        categories=categories,
        subject=subject,
        condition=condition,
        image=image,
        category=np.array([code[cell] for cell in right], dtype=np.intp),
        response=np.array([code[cell] for cell in chosen], dtype=np.intp),
        session=session,
        trial=table["trial_number"].values.astype(np.intp) if "trial_number" in table else np.arange(count),
        rt=table["rt"].values.astype(np.float64) if "rt" in table else np.full(count, np.nan),
        image_name=tuple(text("image_name" if "image_name" in table else "stimulus_id")),
        extra={str(key): tuple(text(str(key))) for key in table.data_vars if key not in _KNOWN},
    )


def _coded(cells: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    names, code = np.unique(np.array(cells, dtype=str), return_inverse=True)
    return tuple(names.tolist()), code.astype(np.intp)
