"""The plain functions: golden values, closed forms and edge cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import spikeproof_metrics_unit as unit
from scipy import stats
from spikeproof.errors import DataError, NotEnoughData
from spikeproof_metrics_unit.flips import category_preference


def golden(shared: Path, name: str) -> tuple[dict[str, np.ndarray], float, float]:
    index = json.loads((shared / "golden" / "index_main.json").read_text())
    entry = index.get(name) or index[f"{name}.npz"]
    with np.load(shared / "golden" / f"{name}.npz") as arrays:
        return dict(arrays), entry["rtol"], entry["atol"]


# The index says: AllenSDK keeps the sign of row 4, and its image selectivity was given NaN as 0.
SPARSENESS = {
    "out_lifetime_vinje_gallant": lambda z: unit.lifetime_sparseness(z["in_responses"], axis=1, negative="keep"),
    "out_treves_rolls_a": lambda z: unit.treves_rolls_activity(z["in_responses"], axis=1, negative="keep"),
    "out_population_vinje_gallant": lambda z: unit.population_sparseness(z["in_responses_pop"], axis=0),
    "out_image_selectivity_quiroga": lambda z: unit.image_selectivity(np.nan_to_num(z["in_responses"]), axis=1),
}
SELECTIVITY = {
    "out_dprime_ddof1": lambda z: unit.category_dprime(z["in_responses"], z["in_in_category"]),
    "out_dprime_ddof0": lambda z: unit.category_dprime(z["in_responses"], z["in_in_category"], ddof=0),
    "out_cohens_d_pooled": lambda z: unit.category_dprime(z["in_responses"], z["in_in_category"], pooled=True),
    "out_auc": lambda z: unit.category_auc(z["in_responses"], z["in_in_category"]),
}


@pytest.mark.parametrize("output", SPARSENESS)
def test_sparseness_reproduces_the_golden_values(shared: Path, output: str) -> None:
    arrays, rtol, atol = golden(shared, "sparseness")
    np.testing.assert_allclose(SPARSENESS[output](arrays), arrays[output], rtol=rtol, atol=atol)


@pytest.mark.parametrize("output", SELECTIVITY)
def test_selectivity_reproduces_the_golden_values(shared: Path, output: str) -> None:
    arrays, rtol, atol = golden(shared, "dprime_auc")
    np.testing.assert_allclose(SELECTIVITY[output](arrays), arrays[output], rtol=rtol, atol=atol)


def test_every_golden_output_is_covered(shared: Path) -> None:
    for name, covered in (("sparseness", SPARSENESS), ("dprime_auc", SELECTIVITY)):
        arrays, _, _ = golden(shared, name)
        assert {key for key in arrays if key.startswith("out_")} == set(covered)


def test_sparseness_of_known_responses() -> None:
    n = 8
    one_hot, flat = np.eye(n)[3], np.full(n, 2.5)
    assert float(unit.lifetime_sparseness(one_hot)) == pytest.approx(1)
    assert float(unit.treves_rolls_activity(one_hot)) == pytest.approx(1 / n)
    assert float(unit.lifetime_sparseness(flat)) == pytest.approx(0, abs=1e-15)
    assert float(unit.treves_rolls_activity(flat)) == 1
    exponential = stats.expon.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert float(unit.lifetime_sparseness(exponential)) == pytest.approx(0.5, abs=1e-3)
    half_normal = stats.halfnorm.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert float(unit.lifetime_sparseness(half_normal)) == pytest.approx(1 - 2 / np.pi, abs=1e-3)


def test_sparseness_takes_whole_numbers_huge_numbers_and_any_axis() -> None:
    counts = np.array([[0, 3], [2, 0], [1, 0]])
    expected = unit.lifetime_sparseness(counts.astype(float))
    np.testing.assert_allclose(unit.lifetime_sparseness(counts), expected)
    np.testing.assert_allclose(unit.lifetime_sparseness(counts * 1e200), expected)
    np.testing.assert_allclose(unit.lifetime_sparseness(counts.T, axis=1), expected)
    np.testing.assert_allclose(unit.population_sparseness(counts), unit.lifetime_sparseness(counts.T))


def test_sparseness_of_a_silent_unit_or_one_with_a_missing_response_is_undefined() -> None:
    values = unit.lifetime_sparseness([[0.0, 1.0, 1.0], [0.0, np.nan, 2.0]])
    assert np.isnan(values[:2]).all()
    assert np.isfinite(values[2])
    assert np.isnan(unit.image_selectivity([[np.nan], [1.0]])).all()


def test_sparseness_of_signed_responses_is_refused_or_rectified() -> None:
    signed = np.array([-1.0, 1.0, 3.0])
    with pytest.raises(DataError, match=r"the smallest response is -1, but .* pass negative='rectify'"):
        unit.lifetime_sparseness(signed)
    rectified = unit.lifetime_sparseness(signed, negative="rectify")
    assert float(rectified) == pytest.approx(float(unit.lifetime_sparseness([0.0, 1.0, 3.0])))


@pytest.mark.parametrize("function", [unit.lifetime_sparseness, unit.treves_rolls_activity, unit.image_selectivity])
def test_one_stimulus_has_no_sparseness(function) -> None:  # noqa: ANN001
    with pytest.raises(NotEnoughData, match="needs at least two"):
        function([[1.0, 2.0]])


def test_image_selectivity_of_a_flat_unit_is_zero_and_signs_do_not_matter() -> None:
    assert unit.image_selectivity([[2.0, 0.0], [2.0, 1.0], [2.0, 5.0]])[0] == 0
    values = np.random.default_rng(0).normal(size=30)
    assert float(unit.image_selectivity(values)) == pytest.approx(float(unit.image_selectivity(values + 100)))


def test_auc_is_scikit_learns_with_ties() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    responses, inside = rng.poisson(2, size=(50, 4)), rng.random(50) > 0.6
    expected = [roc_auc_score(inside, column) for column in responses.T]
    np.testing.assert_allclose(unit.category_auc(responses, inside), expected)


def test_dprime_of_gaussians_is_their_distance_in_sd() -> None:
    grid = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    responses = np.concatenate([grid * 2, grid * 2 + 3])
    inside = np.arange(40_000) >= 20_000
    assert float(unit.category_dprime(responses, inside)) == pytest.approx(1.5, rel=1e-3)
    assert float(unit.category_auc(responses, inside)) == pytest.approx(stats.norm.cdf(1.5 / np.sqrt(2)), rel=1e-3)


def test_dprime_without_variance_is_named() -> None:
    responses = [[0.1, 0.1, 0.0], [0.1, 0.1, 1.0], [0.1, 0.7, 2.0], [0.1, 0.7, 2.0]]
    inside = [False, False, True, True]
    values = unit.category_dprime(responses, inside)
    assert np.isnan(values[0])
    assert values[1] == np.inf
    assert unit.category_dprime(responses, np.logical_not(inside))[1] == -np.inf
    assert unit.dprime_status(responses, inside).tolist() == ["constant", "separated", "ok"]
    assert unit.category_auc(responses, inside).tolist() == [0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda r: unit.category_dprime(r, [True, False, False, False]), NotEnoughData, r"1 stimuli in the category"),
        (lambda r: unit.category_dprime(r, [True, True, True, False]), NotEnoughData, r"1 stimuli outside the cat"),
        (lambda r: unit.category_auc(r, [True] * 4), NotEnoughData, r"0 stimuli outside the category"),
        (lambda r: unit.category_auc(r, [True] * 3), DataError, r"3 memberships do not fit 4 stimuli"),
        (lambda r: unit.category_auc(np.array(r) * np.nan, [True, True, False, False]), DataError, r"4 .* not finite"),
    ],
)
def test_selectivity_of_too_little_is_refused(call, error: type[Exception], text: str) -> None:  # noqa: ANN001
    with pytest.raises(error, match=text):
        call([1.0, 2.0, 3.0, 4.0])


def test_shift_in_sd_and_the_random_pair_line_of_known_distributions() -> None:
    assert unit.shift_in_sd([1.0, 2.0], [[3.0, 2.0], [1.0, -2.0]], 4.0).tolist() == [[0.5, 0.0], [0.0, 1.0]]
    quantiles = (np.arange(5000) + 0.5) / 5000
    responses = np.stack([stats.norm.ppf(quantiles), stats.expon.ppf(quantiles), quantiles], axis=1)
    # 2 / sqrt(pi), 1 and sqrt(12) / 3 in closed form
    np.testing.assert_allclose(unit.random_pair_shift(responses), [2 / np.sqrt(np.pi), 1.0, np.sqrt(12) / 3], rtol=2e-3)
    values = np.random.default_rng(2).gamma(2, size=(15, 1))
    pairs = np.abs(values - values.T)[np.triu_indices(15, 1)].mean() / values.std(ddof=1)
    assert unit.random_pair_shift(values)[0] == pytest.approx(pairs)


def test_a_unit_that_never_varies_has_no_scale() -> None:
    assert np.isnan(unit.random_pair_shift(np.full((5, 1), 0.1))).all()
    with pytest.raises(DataError, match="standard deviation 0 over clean stimuli has no scale"):
        unit.shift_in_sd([1.0], [2.0], 0.0)
    with pytest.raises(NotEnoughData, match="at least two stimuli, got 1"):
        unit.random_pair_shift([[1.0]])


def test_flips_reach_the_preferred_stimulus_exactly() -> None:
    flips = unit.preferred_stimulus_flips([1.0, 2.0, 5.0, 5.0], [1.0, 2.0, 5.0], [[5.0, 4.999, 9.0]])
    np.testing.assert_array_equal(flips, [[1.0, 0.0, np.nan]])


def test_progress_between_categories_is_zero_at_one_mean_and_one_at_the_other() -> None:
    assert unit.category_progress([2.0, 6.0, 10.0], 6.0, 2.0, "up").tolist() == [0.0, 1.0, 2.0]
    assert unit.category_progress([2.0, 6.0, 10.0], 6.0, 2.0, "down").tolist() == [1.0, 0.0, -1.0]
    assert np.isnan(unit.category_progress([2.0], 3.0, 3.0, "up")).all()


def test_means_that_are_equal_up_to_rounding_are_no_preference() -> None:
    most, least, high, low = category_preference([0.1 + 0.2, 0.3], ["cat", "dog"])
    assert (most, high) == (least, low)
    assert category_preference([0.31, 0.3], ["cat", "dog"])[:2] == ("cat", "dog")


def test_an_unknown_function_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'lifetime_sparsness'"):
        _ = unit.lifetime_sparsness
