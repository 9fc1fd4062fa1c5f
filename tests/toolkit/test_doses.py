"""A dose that is read off a curve, outside of what was tested, is a bound: in sentences, in tables and on the line."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from spikeproof.cli.outcome import interval
from spikeproof.summaries import dose_attributes
from spikeproof.wording import dose, with_interval

TESTED = dose_attributes([0.0, 0.5, 2.0])


def bounds(estimate: float, low: float, high: float) -> xr.DataArray:
    names = {"statistic": ["estimate", "low", "high"]}
    return xr.DataArray([estimate, low, high], dims="statistic", coords=names, attrs=TESTED)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.2, "< 0.5"), (0.5, "0.5"), (1.234, "1.23"), (np.inf, "> 2"), (0.0, "0"), (np.nan, "undefined")],
)
def test_a_dose_is_a_bound_where_nothing_was_tested(value: float, shown: str) -> None:
    assert dose(value, TESTED) == shown


def test_a_variable_that_is_no_dose_is_an_ordinary_number() -> None:
    assert (dose(0.2, {}), dose(np.inf, {})) == ("0.2", "not reached")


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((0.6, 0.2, 0.9), "0.6 [< 0.5, 0.9]"),
        ((0.2, 0.1, 0.3), "< 0.5"),
        ((np.inf, np.inf, np.inf), "> 2"),
        ((1.5, 1.0, np.inf), "1.5 [1, > 2]"),
        ((0.2, np.nan, np.nan), "< 0.5 (no interval)"),
    ],
)
def test_an_interval_holds_bounds_and_one_bound_is_said_once(values: tuple[float, float, float], shown: str) -> None:
    assert with_interval(bounds(*values)) == shown


def test_the_line_says_it_too() -> None:
    assert interval(0.2, np.inf, TESTED) == "[< 0.5, > 2]"


def test_no_dose_was_tested_without_one_above_zero() -> None:
    assert dose_attributes([0.0]) == {}
