"""Trials of subjects: what is asked of them, and where a recording holds them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import DataError
from spikeproof.trials import trials_of_presentations
from spikeproof.types import Recording


def trials(**changed: object) -> xr.Dataset:
    columns: dict[str, object] = {
        "subject": ["anna", "anna", "ben"],
        "stimulus_id": ["a.png", "b.png", "a.png"],
        "choice": ["cat", "", "dog"],
        "rt": [0.5, np.nan, 0.7],
    }
    return xr.Dataset({name: ("trial", np.array(values)) for name, values in (columns | changed).items()})


def test_trials_alone_are_a_recording() -> None:
    recording = Recording(trials=trials())
    assert recording.trials is not None
    assert recording.trials.sizes == {"trial": 3}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (trials().drop_vars("choice"), "trials: 'choice' is missing; there are subject, stimulus_id, rt"),
        (trials(choice=[1, 2, 3]), "trials: 'choice' must be text, got int64"),
        (trials(rt=["fast", "slow", "none"]), "trials: 'rt' must be seconds"),
        (trials().isel(trial=slice(0, 0)), "trials: there are none"),
        (trials(subject=["anna", "", "ben"]), "subject"),
        (trials().assign(extra=("other", [1, 2])), r"trials: 'extra' has dims \('other',\), expected \(trial,\)"),
    ],
)
def test_trials_that_cannot_be_trusted_are_refused(bad: xr.Dataset, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Recording(trials=bad)


def presented(**coords: object) -> xr.Dataset:
    response = xr.DataArray(
        np.ones((2, 2)),
        dims=("presentation", "unit"),
        coords={
            "unit": ["u", "v"],
            "stimulus_id": ("presentation", ["a", "b"]),
            "repeat": ("presentation", [0, 0]),
            **coords,
        },
        attrs={"units": "spikes"},
    )
    return xr.Dataset({"response": response})


def test_recorded_choices_are_trials_of_the_recorded_subject() -> None:
    found = trials_of_presentations(
        presented(choice=("presentation", ["old", "new"]), subject=("unit", ["anna", "anna"]))
    )
    assert found is not None
    assert found["subject"].values.tolist() == ["anna", "anna"]
    assert found["choice"].values.tolist() == ["old", "new"]


def test_without_choices_or_with_several_subjects_there_are_none() -> None:
    assert trials_of_presentations(presented()) is None
    several = presented(choice=("presentation", ["old", "new"]), subject=("unit", ["anna", "ben"]))
    assert trials_of_presentations(several) is None
