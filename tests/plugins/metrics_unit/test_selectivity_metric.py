"""Category selectivity of codes: values, intervals, permuted labels, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, Metric
from spikeproof_metrics_unit import category_auc, category_dprime
from spikeproof_metrics_unit.metrics.categories import Categories, categories_of
from spikeproof_metrics_unit.metrics.selectivity import Selectivity
from spikeproof_metrics_unit.metrics.selectivity_draws import (
    _stratified,
    bootstrap_selectivity,
    permuted_selectivity,
    strength,
)

RESAMPLING = Resampling(draws=200)
LABELS = ["cat"] * 12 + ["dog"] * 9 + ["bird"] * 15


def summarise(build: SimpleNamespace, code: Code, metric: Selectivity | None = None) -> xr.Dataset:
    metric = metric or Selectivity(permutations=200)
    summary = metric.summarise(build.stack(metric, [Evidence(code=code)]), code, RESAMPLING)
    build.check(summary)
    return summary


@pytest.fixture(scope="module")
def responses() -> np.ndarray:
    """Unit 0 prefers dogs, unit 1 is suppressed by birds, units 2 to 9 are untuned counts with ties."""
    rng = np.random.default_rng(0)
    values = rng.poisson(4, size=(36, 10)).astype(float)
    values[:, 0] += 12 * (np.array(LABELS) == "dog")
    values[:, 1] += 12 * (np.array(LABELS) != "bird")
    return values


@pytest.fixture(scope="module")
def code(build: SimpleNamespace, responses: np.ndarray) -> Code:
    return build.code(responses, LABELS)


@pytest.fixture(scope="module")
def summary(build: SimpleNamespace, code: Code) -> xr.Dataset:
    return summarise(build, code)


def test_the_summary_holds_the_plain_functions_values(code: Code, summary: xr.Dataset) -> None:
    assert isinstance(Selectivity(), Metric)
    assert summary["category"].values.tolist() == ["bird", "cat", "dog"]
    for name in ("bird", "cat", "dog"):
        inside = np.array(LABELS) == name
        at = {"category": name, "statistic": "estimate"}
        np.testing.assert_allclose(summary["dprime"].sel(at), category_dprime(code.responses.values, inside))
        np.testing.assert_allclose(summary["auc"].sel(at), category_auc(code.responses.values, inside))
    assert summary["best_auc"]["best_category"].sel(unit="u000") == "dog"
    best = summary["best_auc"].sel(statistic="estimate")
    np.testing.assert_allclose(best, summary["auc"].sel(statistic="estimate").max("category"))
    assert float(summary["mean_best_auc"].sel(statistic="estimate")) == pytest.approx(float(best.mean()))


def test_the_draws_are_those_of_the_drawn_stimuli(responses: np.ndarray) -> None:
    names = tuple(sorted(set(LABELS)))
    categories = Categories(names=names, labels=np.array(LABELS))
    resampling = Resampling(draws=60)
    weights = _stratified(categories, resampling)
    first = np.array([[1.0], [0.0], [0.0]]) * np.ones(10)  # the first category is the one whose draws are kept
    drawn = bootstrap_selectivity(responses, categories, first, first, lambda d: d, resampling)
    inside = np.array(LABELS) == names[0]
    for draw in (0, 1, 59):
        rows = np.repeat(np.arange(36), weights[draw].astype(int))
        assert (np.array(LABELS)[rows] == names[0]).sum() == inside.sum()
        np.testing.assert_allclose(drawn.best_auc[draw], category_auc(responses[rows], inside[rows]))
        np.testing.assert_allclose(drawn.best_dprime[draw], category_dprime(responses[rows], inside[rows]))


def test_categories_are_drawn_apart_from_each_other() -> None:
    equal = Categories(names=("a", "b"), labels=np.array(["a"] * 6 + ["b"] * 6))
    weights = _stratified(equal, Resampling(draws=50))
    np.testing.assert_array_equal(weights[:, :6].sum(axis=1), 6)
    assert (weights[:, :6] != weights[:, 6:]).any()


def test_rounding_is_not_taken_for_variance() -> None:
    labels = np.array(["a"] * 7 + ["b"] * 4)
    low = np.random.default_rng(0).normal(size=20)
    separated = np.where((labels == "a")[:, None], low, low + 0.7)
    categories = Categories(names=("a", "b"), labels=labels)
    first = np.array([[0.0], [1.0]]) * np.ones(20)
    drawn = bootstrap_selectivity(separated, categories, first, first, lambda d: d, Resampling(draws=50))
    assert (drawn.best_dprime == np.inf).all()


def test_a_small_category_needs_a_more_extreme_auc() -> None:
    categories = Categories(names=("a", "b"), labels=np.array(["a"] * 2 + ["b"] * 18))
    three = Categories(names=("a", "b", "c"), labels=np.array(["a"] * 2 + ["b"] * 9 + ["c"] * 9))
    error = [np.sqrt(21 / (12 * n * (20 - n))) for n in (2, 9)]  # sd of U / (n1 n2) without ties
    assert float(strength(np.array([[0.8], [0.2]]), categories)[0]) == pytest.approx(0.3 / error[0])
    assert float(strength(np.array([[0.8], [0.25], [0.6]]), three)[0]) == pytest.approx(0.25 / error[1])


def test_permutations_are_those_of_permuted_labels(responses: np.ndarray) -> None:
    from spikeproof.types import generator

    categories = Categories(names=tuple(sorted(set(LABELS))), labels=np.array(LABELS))
    null = permuted_selectivity(responses, categories, lambda d: d, 3, seed=5)
    rng = generator(5, "selectivity", "permutation")
    ordered = np.array(sorted(LABELS))
    for row in range(3):
        shuffled = responses[rng.permutation(36)]
        auc = np.stack([category_auc(shuffled, ordered == name) for name in categories.names])
        dprime = np.stack([category_dprime(shuffled, ordered == name) for name in categories.names])
        np.testing.assert_allclose(null.best_auc[row], auc.max(axis=0))
        np.testing.assert_allclose(null.best_dprime[row], dprime[auc.argmax(axis=0), np.arange(10)])


def test_tuned_units_are_selective_and_untuned_ones_are_not(summary: xr.Dataset) -> None:
    adjusted = summary["best_auc"]["p_adjusted"].values
    assert (adjusted[:2] <= 0.05).all()
    assert (adjusted[2:] > 0.05).all()
    assert float(summary["selective_fraction"].sel(statistic="estimate")) == pytest.approx(0.2)
    chance = summary["selective_fraction_chance"]
    assert float(chance.sel(statistic="estimate")) <= 0.05


def test_p_of_an_untuned_code_is_uniform(build: SimpleNamespace) -> None:
    rng = np.random.default_rng(1)
    noise = build.code(rng.normal(size=(36, 200)), LABELS)
    summary = summarise(build, noise)
    p = summary["best_auc"]["p"].values
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.05)
    assert np.mean(p) == pytest.approx(0.5, abs=0.08)
    low, high = summary["mean_best_auc_chance"].sel(statistic=["low", "high"]).values
    assert low <= float(summary["mean_best_auc"].sel(statistic="estimate")) <= high
    text = next(iter(Selectivity().describe(summary, noise)))
    assert text.endswith("not told apart from chance.")


def test_the_chance_level_of_the_best_of_several_is_above_one_half(summary: xr.Dataset) -> None:
    assert (summary["best_auc_chance"].sel(statistic="estimate") > 0.55).all()


def test_infinite_and_undefined_dprime_are_named_and_never_infinite(
    build: SimpleNamespace, responses: np.ndarray
) -> None:
    values = responses.copy()
    values[:, 2] = np.array(LABELS) == "dog"
    values[:, 3] = 0.1
    odd = build.code(values, LABELS)
    summary = summarise(build, odd, Selectivity(permutations=100, cap=6.0))
    status = summary["dprime"]["dprime_status"]
    assert status.sel(category="dog", unit="u002") == "separated"
    assert (status.sel(unit="u003") == "constant").all()
    assert summary["dprime"].sel(category="dog", unit="u002").values.tolist() == [6.0, 6.0, 6.0]
    assert np.isnan(summary["dprime"].sel(unit="u003")).all()
    assert not np.isinf(summary["dprime"]).any()
    assert "infinite for 1 pairs" in summary["dprime"].attrs["definition"]
    assert "1 constant units have none" in summary["dprime"].attrs["definition"]
    assert float(summary["best_auc"].sel(unit="u003", statistic="estimate")) == 0.5
    assert float(summary["best_auc"]["p"].sel(unit="u003")) == 1.0
    assert list(Selectivity().describe(summary, odd))[-1].startswith("1 units respond alike to all stimuli")


def test_draws_without_variance_or_difference_are_counted(build: SimpleNamespace, responses: np.ndarray) -> None:
    values = responses.copy()
    values[:, 4] = 0
    values[[2, 30], 4] = 1
    summary = summarise(build, build.code(values, LABELS))
    assert summary["dprime"].attrs["undefined_draws"] > 0
    assert "bootstrap draws were undefined" in summary["dprime"].attrs["definition"]


def test_sentences_are_made_of_the_numbers(code: Code, summary: xr.Dataset) -> None:
    texts = list(Selectivity().describe(summary, code))
    assert texts[0].startswith("Units tell their best of 3 categories from the rest with an AUC of 0.")
    assert "permuted labels give" in texts[0]
    assert texts[0].endswith(": above chance.")
    assert texts[1].startswith(
        "2 of 10 units are category-selective at a false discovery rate of 5% (20 [2.52, 55.6] %; permuted labels give"
    )


def test_the_same_seed_gives_the_same_numbers_and_blocks_of_units_do_not_matter(
    build: SimpleNamespace, code: Code, summary: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spikeproof_metrics_unit.metrics.selectivity_draws._CHUNK", 200 * 3 * 4)
    xr.testing.assert_allclose(summarise(build, code), summary)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (None, "the stimuli of recording have no categories; name their column"),
        (["cat"] * 36, r"all 36 stimuli of recording are of one category \('cat'\); at least two"),
        (["cat"] * 35 + ["dog"], r"category 'dog' of recording has one stimulus only; every category needs at least"),
    ],
)
def test_codes_without_categories_are_refused(
    build: SimpleNamespace, responses: np.ndarray, labels: list[str] | None, text: str
) -> None:
    with pytest.raises(NotEnoughData, match=text):
        Selectivity().measure(Evidence(code=build.code(responses, labels)))


def test_a_code_in_which_nothing_varies_is_refused(build: SimpleNamespace) -> None:
    with pytest.raises(NotEnoughData, match="every unit of recording responds alike to all 36 stimuli"):
        categories_of(build.code(np.full((36, 2), 0.1), LABELS))


@pytest.mark.parametrize(
    ("parameter", "value", "text"),
    [
        ("cap", 0.0, "cap must be above 0, got 0.0"),
        ("false_discovery_rate", 1.0, "false_discovery_rate must lie between 0 and 1, got 1.0"),
        ("permutations", 0, "permutations must be at least 1, got 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameter: str, value: float, text: str) -> None:
    with pytest.raises(BadParameter, match=text):
        Selectivity(**{parameter: value})  # type: ignore[arg-type]
