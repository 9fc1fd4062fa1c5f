"""The smallest perturbations: medians, shares and controls of given norms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from simulated_codes import check_summary, stack
from spikeproof.errors import NotEnoughData
from spikeproof.plugin import MetricEntry
from spikeproof.statistics import Resampling
from spikeproof.testing.toy_evidence import toy_evidence
from spikeproof.testing.toys import toy_code
from spikeproof.types import Evidence
from spikeproof_metrics_population.smallest import SmallestPerturbation

ENTRY = MetricEntry(
    name="mine", factory="m:F", summary="One.", scale="all", domain="stimulus", aims=("unit",), needs=("minimal",)
)
METRIC = SmallestPerturbation()


def _evidence(norms: dict[str, Any]) -> list[Evidence]:
    """Toy evidence of two units, with these norms for the attack ("") and its control."""
    found = []
    for one in toy_evidence(ENTRY):
        if one.perturbed is None:
            continue
        stimuli = one.perturbed["stimulus"].values
        values = np.resize(np.asarray(norms[one.control], dtype=np.float64), len(stimuli))
        minimal = xr.DataArray(
            values, dims="stimulus", coords={"stimulus": stimuli}, attrs={"units": "L2 norm", "goal": "it is over"}
        )
        found.append(replace(one, minimal=minimal))
    return found


def _summary(norms: dict[str, Any]) -> xr.Dataset:

    measured = stack((one, METRIC.measure(one)) for one in _evidence(norms))
    summary = METRIC.summarise(measured, toy_code(), Resampling(draws=100))
    check_summary(summary)
    return summary


def test_the_numbers_are_medians_and_shares_of_the_norms() -> None:
    summary = _summary({"": [1.0, 2.0, 3.0, np.inf], "random": [2.0, 8.0, np.inf, np.inf]}).sel(statistic="estimate")
    assert summary["median"].values.tolist() == [2.0, 8.0]
    assert summary["reached"].values.tolist() == [0.75, 0.5]
    assert summary["control_at_median"].values.tolist() == [0.25]
    assert float(summary["within"].sel(perturbation="toy").max()) == 0.75
    assert summary["control"].values.tolist() == ["", "random"]


def test_it_says_how_small_is_enough_and_what_a_random_direction_does() -> None:
    said = list(METRIC.describe(_summary({"": [1.0], "random": [9.0, np.inf]}), toy_code()))
    assert said[0].startswith("toy, until it is over: the median smallest L2 norm is 1 ")
    assert said[-1].startswith("At the attack's median, random of toy takes 0 [0, ")
    assert said[-1].endswith("not told apart from such a direction.")  # two targets say little of others
    assert "fewer than half reach it" in next(
        iter(METRIC.describe(_summary({"": [np.inf], "random": [np.inf]}), toy_code()))
    )


def test_evidence_without_smallest_norms_is_refused() -> None:
    one = replace(_evidence({"": [1.0], "random": [1.0]})[0], minimal=None)
    with pytest.raises(NotEnoughData, match="attack 'toy' does not look for the smallest perturbation: name"):
        METRIC.measure(one)
