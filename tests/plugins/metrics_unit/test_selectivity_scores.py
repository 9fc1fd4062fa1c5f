"""Scores of selectivity: means over units of what the functions give."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Sample
from spikeproof_metrics_unit import (
    category_auc,
    category_dprime,
    image_selectivity,
    kurtosis_sparseness,
    selectivity_index,
)
from spikeproof_metrics_unit.metrics.category_selectivity import CategorySelectivity
from spikeproof_metrics_unit.metrics.image_selectivity import ImageSelectivity

LABELS = np.repeat(["a", "b", "c"], [6, 8, 10])


def responses(units: int = 7) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(24, units)) + (LABELS == "b")[:, None] * np.arange(units)


def test_kurtosis_is_that_of_scipy_and_knows_its_distributions() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=(3, 50))
    np.testing.assert_allclose(kurtosis_sparseness(values, axis=1), stats.kurtosis(values, axis=1), rtol=1e-12)
    assert float(kurtosis_sparseness(1e200 * values[0])) == pytest.approx(float(kurtosis_sparseness(values[0])))
    exponential = stats.expon.ppf((np.arange(200_000) + 0.5) / 200_000)
    assert float(kurtosis_sparseness(exponential)) == pytest.approx(6, abs=0.05)
    assert np.isnan(kurtosis_sparseness([[2.0], [2.0], [2.0]])).all()
    assert np.isnan(kurtosis_sparseness([[np.nan], [2.0], [2.5]])).all()
    with pytest.raises(NotEnoughData, match="needs at least two responses"):
        kurtosis_sparseness([[1.0]])


def test_image_selectivity_is_the_mean_over_units_that_vary() -> None:
    values = np.column_stack([responses(), np.full(24, 3.0)])
    found = ImageSelectivity().score(Sample(responses=values))
    assert found["image_selectivity"] == pytest.approx(image_selectivity(values[:, :-1]).mean())
    assert found["kurtosis"] == pytest.approx(stats.kurtosis(values[:, :-1]).mean())
    with pytest.raises(NotEnoughData, match="none of 2 units responds differently"):
        ImageSelectivity().score(Sample(responses=np.ones((5, 2))))
    with pytest.raises(NotEnoughData, match="needs at least four stimuli, got 3"):
        ImageSelectivity().score(Sample(responses=np.eye(3)))


def test_category_selectivity_is_the_functions_of_each_best_category() -> None:
    values = responses()
    found = CategorySelectivity().score(Sample(responses=np.column_stack([values, np.ones(24)]), labels=LABELS))
    members = [name == LABELS for name in "abc"]
    for name, function in (
        ("best_auc", category_auc),
        ("best_dprime", category_dprime),
        ("best_index", lambda v, m: selectivity_index(v, m, negative="keep")),
    ):
        assert found[name] == pytest.approx(np.max([function(values, member) for member in members], axis=0).mean())


def test_perfect_selectivity_is_capped_and_silent_means_have_no_index() -> None:
    perfect = (LABELS == "a").astype(float)[:, None]
    found = CategorySelectivity(cap=4.0).score(Sample(responses=perfect, labels=LABELS))
    assert found == {"best_auc": 1.0, "best_dprime": 4.0, "best_index": 1.0}


def test_category_selectivity_refuses_by_name() -> None:
    with pytest.raises(NotEnoughData, match="needs the categories of the stimuli"):
        CategorySelectivity().score(Sample(responses=responses()))
    with pytest.raises(NotEnoughData, match="two categories or more with two stimuli each, got 1 with 24 at least"):
        CategorySelectivity().score(Sample(responses=responses(), labels=np.full(24, "a")))
    with pytest.raises(NotEnoughData, match="none of 2 units responds differently"):
        CategorySelectivity().score(Sample(responses=np.ones((24, 2)), labels=LABELS))
    with pytest.raises(BadParameter, match="cap must be above 0"):
        CategorySelectivity(cap=0.0)
