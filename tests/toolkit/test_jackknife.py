"""Intervals from leaving groups out, against closed forms and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import jackknife_groups, jackknife_interval, jackknife_pairs


def leave_one_out(values: np.ndarray, statistic: object) -> np.ndarray:
    return np.array([statistic(np.delete(values, k, axis=0)) for k in range(len(values))])  # type: ignore[operator]


def test_the_interval_of_a_mean_is_students() -> None:
    values = np.random.default_rng(0).normal(size=20)
    low, high = jackknife_interval(values.mean(), [leave_one_out(values, np.mean)])
    expected = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert (float(low), float(high)) == pytest.approx(expected, rel=1e-9)


def test_the_variances_of_crossed_factors_add_up() -> None:
    cells = np.random.default_rng(1).normal(size=(12, 9))
    rows = (cells.sum() - cells.sum(axis=1)) / (11 * 9)
    columns = (cells.sum() - cells.sum(axis=0)) / (12 * 8)
    low, high = jackknife_interval(cells.mean(), [rows, columns])
    parts = stats.sem(cells.mean(axis=1)) ** 2, stats.sem(cells.mean(axis=0)) ** 2
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 11 + parts[1] ** 2 / 8)
    assert float(high - low) / 2 == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(sum(parts)))


def without_both(cells: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return np.array([np.delete(np.delete(cells, a, axis=0), b, axis=1).mean() for a, b in pairs])


def crossed(cells: np.ndarray, pairs: int) -> tuple[float, float]:
    """Interval of the mean over a table, with so many pairs of a row and a column left out."""
    count, width = cells.shape
    rows = (cells.sum() - cells.sum(axis=1)) / ((count - 1) * width)
    columns = (cells.sum() - cells.sum(axis=0)) / (count * (width - 1))
    both = without_both(cells, jackknife_pairs(count, width, most=pairs))
    low, high = jackknife_interval(cells.mean(), [rows, columns], both_left_out={(0, 1): both})
    return float(low), float(high)


def test_an_interaction_is_counted_once() -> None:
    """The variance components of a two-way table (Owen 2007): the interaction's is that of its residuals."""
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(12, 9)) + rng.normal(size=(12, 1)) + rng.normal(size=9)
    residual = cells - cells.mean(axis=1, keepdims=True) - cells.mean(axis=0) + cells.mean()
    both = (residual**2).sum() / (11 * 8) / (12 * 9)
    of_rows, of_columns = stats.sem(cells.mean(axis=1)) ** 2, stats.sem(cells.mean(axis=0)) ** 2
    total = of_rows + of_columns - both
    freedom = total**2 / (of_rows**2 / 11 + of_columns**2 / 8 + both**2 / 88)
    low, high = crossed(cells, 108)
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(total))


def test_a_sample_of_pairs_holds_a_table_of_interactions_alone() -> None:
    """Independent cells: 95 % intervals of the mean hold it in 93 to 98 % of 500 simulations."""
    rng = np.random.default_rng(3)
    tables = rng.normal(size=(500, 20, 16))
    ends = np.array([crossed(cells, 24) for cells in tables])
    assert 0.93 <= np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0)) <= 0.98
    wider = np.array([crossed(cells, 0) for cells in tables[:100]])
    assert np.ptp(ends[:100], axis=1).mean() < 0.85 * np.ptp(wider, axis=1).mean()


def test_what_is_left_is_never_below_the_largest_variance_of_one_factor() -> None:
    values = np.array([1.0, 2.0, 4.0])
    both = np.array([50.0, -60.0, 70.0])  # an interaction that would take off more than there is
    low, high = jackknife_interval(2.0, [values, values], both_left_out={(0, 1): both})
    single = 2 / 3 * ((values - values.mean()) ** 2).sum()
    assert float(high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(single))


def test_pairs_of_a_factor_with_one_group_say_nothing() -> None:
    values = np.array([1.0, 2.0, 4.0])
    found = jackknife_interval(2.0, [values, np.ones(1)], both_left_out={(0, 1): np.ones(3)})
    assert [float(end) for end in found] == [float(end) for end in jackknife_interval(2.0, [values])]


def test_more_pairs_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="5 pairs of groups were left out of factors with 2 and 2 groups"):
        jackknife_interval(0.0, [np.ones(2), np.ones(2)], both_left_out={(0, 1): np.ones(5)})


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 90))
def test_pairs_are_different_and_as_many_as_there_can_be(first: int, second: int, most: int) -> None:
    pairs = jackknife_pairs(first, second, most=most)
    assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs) == min(most, first * second)
    assert ((pairs >= 0) & (pairs < [first, second])).all()


def test_a_left_out_value_on_a_bound_still_gives_an_interval_within_the_bounds() -> None:
    """59 of 60 right: without the group that holds the only error the share is 1, whose logit is infinite."""
    right = np.ones(60)
    right[7] = 0.0
    without = leave_one_out(right, np.mean)
    low, high = (float(end) for end in jackknife_interval(right.mean(), [without], lowest=0.0, highest=1.0))
    assert 0.87 < low < right.mean() < high < 1.0
    wilson = stats.binomtest(59, 60).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((wilson.low, wilson.high), abs=0.03)


def test_variances_from_elsewhere_are_added() -> None:
    values = np.random.default_rng(0).normal(size=20)
    without = leave_one_out(values, np.mean)
    low, high = jackknife_interval(values.mean(), [without], further=[(0.5, 7.0)])
    own = stats.sem(values) ** 2
    freedom = (own + 0.5) ** 2 / (own**2 / 19 + 0.5**2 / 7)
    assert float(high - low) / 2 == pytest.approx(stats.t.ppf(0.975, freedom) * np.sqrt(own + 0.5))


def test_it_covers_a_bounded_statistic_as_often_as_it_says() -> None:
    """Correlation 0.8 of 40 pairs, 800 simulations: 95 % intervals cover it in 93 to 97 %."""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(800):
        x = rng.normal(size=(40, 2)) @ np.linalg.cholesky([[1, 0.8], [0.8, 1]]).T
        sums, squares, products = x.sum(0), (x**2).sum(0), (x[:, 0] * x[:, 1]).sum()

        def r(n: object, s: np.ndarray, q: np.ndarray, p: np.ndarray) -> np.ndarray:
            return np.asarray((n * p - s[..., 0] * s[..., 1]) / np.sqrt(np.prod(n * q - s**2, axis=-1)))  # type: ignore[operator]

        low, high = jackknife_interval(
            r(40, sums, squares, products),
            [r(39, sums - x, squares - x**2, products - x[:, 0] * x[:, 1])],
            lowest=-1.0,
            highest=1.0,
        )
        covered += bool(low <= 0.8 <= high)
    assert 0.93 <= covered / 800 <= 0.97


@given(st.lists(st.floats(0, 1), min_size=3, max_size=12), st.floats(0, 1))
def test_an_interval_holds_its_estimate_and_never_leaves_the_bounds(left_out: list[float], estimate: float) -> None:
    low, high = jackknife_interval(estimate, [np.array(left_out)], lowest=0.0, highest=1.0)
    assert 0 <= low <= estimate + 1e-9
    assert estimate - 1e-9 <= high <= 1


def test_one_bound_is_kept_too() -> None:
    low, high = jackknife_interval(1.1, [np.array([1.01, 1.2, 1.05])], lowest=1.0)
    assert 1 < low < 1.1 < high


def test_an_array_of_statistics_is_done_at_once() -> None:
    values = np.random.default_rng(3).normal(size=(15, 4))
    low, high = jackknife_interval(values.mean(axis=0), [leave_one_out(values, lambda v: v.mean(axis=0))])
    one = jackknife_interval(values[:, 2].mean(), [leave_one_out(values[:, 2], np.mean)])
    assert (low[2], high[2]) == pytest.approx((float(one[0]), float(one[1])))


def test_nothing_to_leave_out_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="nothing can be left out: at least two stimuli or two units"):
        jackknife_interval(1.0, [np.ones((1,))])


def test_a_members_group_does_not_depend_on_the_order_of_members() -> None:
    names = [f"s{number}" for number in range(50)]
    forward = dict(zip(names, jackknife_groups(names, most=8), strict=True))
    backward = dict(zip(names[::-1], jackknife_groups(names[::-1], most=8), strict=True))
    assert forward == backward
    assert np.bincount(list(forward.values())).tolist() == [7, 7, 6, 6, 6, 6, 6, 6]


def test_few_members_are_groups_of_their_own() -> None:
    assert sorted(jackknife_groups(["a", "b", "c"], most=32).tolist()) == [0, 1, 2]
