"""The known-answer pair: fragile units with a robust readout, robust units with a fragile one."""

from __future__ import annotations

import numpy as np
import pytest
from spikeproof_simulate import aligned_population, redundant_population


def sensitivities(units: np.ndarray, readout: np.ndarray) -> tuple[np.ndarray, float]:
    return np.linalg.norm(units, axis=1), float(np.linalg.norm(readout @ units))


def participation_ratio(units: np.ndarray) -> float:
    gram = units @ units.T
    return float(np.trace(gram) ** 2 / np.trace(gram @ gram))


def test_redundant_units_are_fragile_and_their_mean_is_robust() -> None:
    units, readout = redundant_population()
    assert units.shape == (100, 101)
    of_units, of_readout = sensitivities(units, readout)
    np.testing.assert_allclose(of_units, np.sqrt(26), rtol=1e-12)
    assert of_units[0] == pytest.approx(5.099, abs=1e-3)
    assert of_readout == pytest.approx(1.118, abs=1e-3)
    assert of_readout == pytest.approx(np.sqrt(1 + 25 / 100), rel=1e-12)
    assert participation_ratio(units) == pytest.approx((100 * 26) ** 2 / (99 * 25**2 + (25 + 100) ** 2), rel=1e-12)


def test_aligned_units_are_robust_and_their_sum_is_fragile() -> None:
    units, readout = aligned_population()
    of_units, of_readout = sensitivities(units, readout)
    np.testing.assert_allclose(of_units, 0.05, rtol=1e-12)
    assert of_readout == pytest.approx(5.0, rel=1e-12)
    assert participation_ratio(units) == pytest.approx(1.0, rel=1e-12)
    assert set(readout) == {1.0, -1.0}


@pytest.mark.parametrize("pixels", [11, 64])
def test_sensitivities_do_not_depend_on_the_number_of_pixels(pixels: int) -> None:
    units, readout = redundant_population(n=10, a=2.0, pixels=pixels)
    of_units, of_readout = sensitivities(units, readout)
    np.testing.assert_allclose(of_units, np.sqrt(5), rtol=1e-12)
    assert of_readout == pytest.approx(np.sqrt(1 + 4 / 10), rel=1e-12)
    assert sensitivities(*aligned_population(n=10, slope=0.3, pixels=pixels))[1] == pytest.approx(3.0, rel=1e-12)


def test_too_few_pixels_or_units_are_refused() -> None:
    with pytest.raises(ValueError, match="10 units need at least 11 pixels, got 10"):
        redundant_population(n=10, pixels=10)
    with pytest.raises(ValueError, match="need at least"):
        redundant_population(n=0)
    with pytest.raises(ValueError, match="at least one unit and one pixel"):
        aligned_population(n=0)
