"""Small studies of subjects and systems whose numbers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from spikeproof.types import Code, StudyEvidence

OTHER = {"cat": "dog", "dog": "cat"}


def truth_of(images: int) -> list[str]:
    """Cats and dogs in turn."""
    return ["cat" if image % 2 == 0 else "dog" for image in range(images)]


def chosen(right: Sequence[int]) -> list[str]:
    """Choices that are right where there is a 1."""
    return [name if hit else OTHER[name] for name, hit in zip(truth_of(len(right)), right, strict=True)]


def table(subjects: Mapping[str, Sequence[str]], **more: Sequence[str]) -> xr.Dataset:
    """Trials of subjects that saw the same images in one order."""
    number = len(next(iter(subjects.values())))
    columns: dict[str, list[str]] = {name: [] for name in ("subject", "stimulus_id", "choice", "category", *more)}
    for subject, choices in subjects.items():
        columns["subject"] += [subject] * number
        columns["stimulus_id"] += [f"i{image:03d}" for image in range(number)]
        columns["choice"] += list(choices)
        columns["category"] += truth_of(number)
        for name, values in more.items():
            columns[name] += list(values)
    return xr.Dataset({name: ("trial", np.array(values)) for name, values in columns.items()})


def system(name: str, choices: Sequence[str] | None, stimuli: Sequence[str] | None = None) -> Code:
    """A code with choices and two units that mean nothing."""
    count = len(choices) if choices is not None else 4
    names = list(stimuli) if stimuli is not None else [f"i{image:03d}" for image in range(count)]
    rng = np.random.default_rng(0)
    responses = xr.DataArray(
        rng.random((count, 2)), dims=("stimulus", "unit"), coords={"stimulus": names, "unit": ["u", "v"]}
    )
    made = None if choices is None else xr.DataArray(list(choices), dims="stimulus", coords={"stimulus": names})
    return Code(system=name, responses=responses, choices=made)


def study(trials: xr.Dataset | None, *codes: Code) -> StudyEvidence:
    return StudyEvidence(codes={code.system: code for code in codes}, measured={}, trials=trials)
