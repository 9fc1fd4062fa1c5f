"""The readout ``identity``: nearest clean stimulus in the code's own distance."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import cdist
from spikeproof.errors import NotEnoughData
from spikeproof.types import Code, StimulusReadout
from spikeproof_readouts.identity import Identity


def code(*, noise: bool, stimuli: int = 12, units: int = 5) -> Code:
    rng = np.random.default_rng(3)
    names = [f"s{k}" for k in range(stimuli)]
    mixed = rng.normal(size=(units, units))
    covariance = xr.DataArray(mixed @ mixed.T + 0.1 * np.eye(units), dims=("unit", "unit_other"))
    return Code(
        system="toy",
        responses=xr.DataArray(
            rng.normal(5, 2, (stimuli, units)),
            dims=("stimulus", "unit"),
            coords={"stimulus": names, "unit": [f"u{k}" for k in range(units)]},
        ),
        noise_covariance=covariance if noise else None,
    )


@pytest.mark.parametrize("noise", [True, False], ids=["noise covariance", "z-scored units"])
def test_it_names_the_stimulus_that_is_nearest_in_the_codes_own_distance(noise: bool) -> None:
    toy = code(noise=noise)
    moved = toy.responses.values + np.random.default_rng(4).normal(0, 1.5, toy.responses.shape)
    names = toy.responses["stimulus"].values.astype(str)
    nearest = cdist(moved @ toy.whitening, toy.responses.values @ toy.whitening).argmin(axis=1)
    readout = Identity().identify(toy)
    assert (readout.choices(moved, names.tolist()) == names[nearest]).all()
    assert 0 < (nearest != np.arange(len(names))).sum() < len(names), "the problem must be neither empty nor hopeless"
    assert (readout.choices(toy.responses.values, names.tolist()) == names).all()
    assert isinstance(Identity(), StimulusReadout)


def test_a_constant_unit_does_not_count() -> None:
    toy = code(noise=False)
    toy.responses[:, 2] = 7.0
    shifted = toy.responses.copy()
    shifted[:, 2] += 1e6
    readout = Identity().identify(toy)
    names = toy.responses["stimulus"].values.astype(str)
    assert (readout.choices(shifted.values, names.tolist()) == names).all()


def test_stimuli_that_cannot_be_told_apart_are_named() -> None:
    toy = code(noise=False)
    toy.responses[4] = toy.responses[1]
    with pytest.raises(NotEnoughData, match=r"stimuli 's1' and 's4' are the same in all 5 units \(1 of 12 stimuli"):
        Identity().identify(toy)
