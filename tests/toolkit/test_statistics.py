"""Intervals: against scipy, against simulated truth, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from spikeproof.errors import DataError
from spikeproof.statistics import (
    Resampling,
    benjamini_hochberg,
    bootstrap_draws,
    bootstrap_fraction,
    bootstrap_mean,
    crossing,
    interval,
    narrowed,
    permutation_p,
    proportion_interval,
    resampling_weights,
    stack_statistic,
)


def crossed(rng: np.random.Generator, targets: int = 12, stimuli: int = 30, noise: float = 1.0) -> xr.DataArray:
    cells = rng.normal(size=(targets, 1)) + rng.normal(size=(1, stimuli)) + noise * rng.normal(size=(targets, stimuli))
    return xr.DataArray(
        cells,
        dims=("target", "stimulus"),
        coords={
            "target": [f"u{i:03d}" for i in range(targets)],
            "stimulus": [f"s{i:03d}" for i in range(stimuli)],
            "session": ("target", [f"day {i % 4}" for i in range(targets)]),
            "subject": ("target", [f"monkey {i % 2}" for i in range(targets)]),
        },
    )


def test_a_percentile_interval_is_numpys_quantile_of_finite_draws() -> None:
    draws = np.random.default_rng(0).normal(size=(7, 501, 3))
    low, high = interval(draws, draws.mean(axis=1), 0.9, axis=1)
    np.testing.assert_allclose(low, np.quantile(draws, 0.05, axis=1))
    np.testing.assert_allclose(high, np.quantile(draws, 0.95, axis=1))


def test_an_interval_of_draws_that_are_partly_infinite_has_an_infinite_bound_and_no_nan() -> None:
    draws = np.concatenate([np.full(60, np.inf), np.arange(40.0)])
    low, high = interval(draws, 30.0)
    assert (float(low), float(high)) == (pytest.approx(np.quantile(np.sort(draws), 0.025)), np.inf)
    low, high = interval(np.full(100, np.inf), np.inf)
    assert (float(low), float(high)) == (np.inf, np.inf)
    # The upper bound falls between a finite and an infinite draw: it takes the infinite one.
    low, high = interval(np.array([1.0, 2.0, 3.0, np.inf]), 2.0, 0.5)
    assert (float(low), float(high)) == (1.75, np.inf)
    low, high = interval(np.array([-np.inf, 2.0, 3.0, 4.0]), 2.0, 0.5)
    assert (float(low), float(high)) == (-np.inf, 3.25)


def test_an_interval_always_holds_its_estimate() -> None:
    low, high = interval(np.repeat(np.arange(100.0)[:, None], 3, axis=1), [-5.0, 50.0, 120.0])
    assert low.tolist() == [-5.0, pytest.approx(2.475), pytest.approx(2.475)]
    assert high.tolist() == [pytest.approx(96.525), pytest.approx(96.525), 120.0]


def test_an_interval_refuses_undefined_draws_unless_told_to_exclude_them() -> None:
    draws = np.append(np.arange(100.0), np.nan)
    with pytest.raises(DataError, match=r"interval: 1 of 101 bootstrap draws are undefined \(NaN\): there is too"):
        interval(draws, 50.0)
    low, high = interval(draws, 50.0, undefined="exclude")
    assert float(low) == pytest.approx(np.quantile(np.arange(100.0), 0.025))
    assert float(high) == pytest.approx(np.quantile(np.arange(100.0), 0.975))


def test_an_interval_is_nan_where_nothing_was_resampled_or_nothing_was_estimated() -> None:
    low, high = interval([[np.nan, 1.0], [np.nan, 2.0]], [3.0, np.nan])
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_the_bootstrap_of_one_dimension_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=80)
    ours = bootstrap_mean(xr.DataArray(values, dims="unit"), ["unit"], Resampling(draws=20_000), name="mean")
    peer = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert float(ours.sel(statistic="estimate")) == pytest.approx(values.mean())
    # Monte Carlo error of a 2.5 % quantile with 20,000 draws is about 0.01 standard errors of the mean's scale.
    tolerance = 0.05 * values.std() / np.sqrt(len(values))
    assert float(ours.sel(statistic="low")) == pytest.approx(peer.low, abs=tolerance)
    assert float(ours.sel(statistic="high")) == pytest.approx(peer.high, abs=tolerance)


def test_crossed_draws_are_the_weighted_means_that_their_weights_say() -> None:
    cells = crossed(np.random.default_rng(3))
    resampling = Resampling(draws=20)
    w_target, _ = resampling_weights(cells, "target", resampling)
    w_stimulus, _ = resampling_weights(cells, "stimulus", resampling)
    by_hand = [np.average(cells.values, weights=np.outer(a, b)) for a, b in zip(w_target, w_stimulus, strict=True)]
    draws = bootstrap_draws(cells, ["target", "stimulus"], resampling)
    assert draws.dims == ("draw",)
    np.testing.assert_allclose(draws.values, by_hand, rtol=1e-12)


def test_the_variance_of_crossed_draws_is_that_of_the_pigeonhole_bootstrap() -> None:
    # Without interaction it is the variance of the target effects over their number plus that of the stimulus effects
    # over theirs (Owen 2007); the product of the two is smaller by another factor of the number.
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=40), rng.normal(size=30)
    cells = xr.DataArray(a[:, None] + b[None, :], dims=("target", "stimulus"))
    draws = bootstrap_draws(cells, ["target", "stimulus"], Resampling(draws=20_000))
    assert float(draws.var()) == pytest.approx(a.var() / 40 + b.var() / 30, rel=0.05)


def test_draws_of_an_interaction_alone_have_its_variance_once() -> None:
    cells = xr.DataArray(np.random.default_rng(9).normal(size=(40, 30)), dims=("target", "stimulus"))
    draws = bootstrap_draws(cells, ["target", "stimulus"], Resampling(draws=4000))
    once = cells.values.var() / 1200
    assert once * 0.7 < float(draws.var()) < once * 1.6  # 3 times as drawn; never below that of one dimension alone


def test_narrowing_keeps_the_place_of_draws_and_never_widens() -> None:
    rng = np.random.default_rng(0)
    together, one, other = rng.normal(size=(3, 500, 4)) * np.array([2.0, 1.0, 1.0])[:, None, None]
    together[:5, 1] = np.nan
    found = narrowed(np.ones(4), together, [one, other])
    share = (found - 1) / (together - 1)
    assert (np.isnan(found) == np.isnan(together)).all()
    assert (np.nanstd(share, axis=0) < 1e-9).all()
    assert (np.nanmax(share, axis=0) <= 1).all()
    np.testing.assert_allclose(np.nanvar(found, axis=0), np.nanmax(np.var([one, other], axis=1), axis=0), rtol=0.02)
    np.testing.assert_array_equal(narrowed(0.0, together, [one]), together)
    np.testing.assert_array_equal(narrowed(0.0, together, [3 * one, 3 * other]), together)


def test_cells_that_do_not_exist_weigh_nothing() -> None:
    cells = crossed(np.random.default_rng(5))
    holes = cells.where(np.random.default_rng(6).random(cells.shape) > 0.3)
    resampling = Resampling(draws=20)
    w_target, _ = resampling_weights(cells, "target", resampling)
    w_stimulus, _ = resampling_weights(cells, "stimulus", resampling)
    present = holes.notnull().values
    by_hand = [
        np.average(holes.values[present], weights=np.outer(a, b)[present])
        for a, b in zip(w_target, w_stimulus, strict=True)
    ]
    draws = bootstrap_draws(holes, ["target", "stimulus"], resampling).values
    share = (draws - np.nanmean(holes.values)) / (by_hand - np.nanmean(holes.values))
    assert 0.5 < share[0] <= 1  # narrowed, since draws of both hold their interaction three times
    np.testing.assert_allclose(share, share[0], rtol=1e-9)
    estimate = bootstrap_mean(holes, ["target", "stimulus"], resampling, name="m").sel(statistic="estimate")
    assert float(estimate) == pytest.approx(float(np.nanmean(holes.values)))


def test_draws_without_any_cell_are_left_out_and_counted() -> None:
    one_cell = xr.DataArray([np.nan, 2.0, np.nan], dims="stimulus")
    out = bootstrap_mean(one_cell, ["stimulus"], Resampling(draws=300), name="m")
    assert out.values.tolist() == [2.0, 2.0, 2.0]
    assert 0.2 * 300 < out.attrs["undefined_draws"] < 0.4 * 300  # (2/3)^3 = 0.296
    empty = bootstrap_mean(one_cell * np.nan, ["stimulus"], Resampling(draws=300), name="m")
    assert np.isnan(empty.values).all()


def test_a_fraction_of_none_or_all_keeps_a_bound_that_could_still_be() -> None:
    cells = xr.DataArray(np.ones((20, 50)), dims=("unit", "stimulus"))
    ones = bootstrap_fraction(cells, ["unit", "stimulus"], Resampling(draws=50), name="f")
    exact = stats.binomtest(20, 20).proportion_ci(0.95, method="exact")
    assert ones.values.tolist() == [1.0, pytest.approx(exact.low), 1.0]
    zeros = bootstrap_fraction(0 * cells, ["unit", "stimulus"], Resampling(draws=50), name="f")
    assert zeros.values.tolist() == [0.0, 0.0, pytest.approx(1 - exact.low)]
    mixed = cells.where(cells["unit"] > 3, 0.0)
    np.testing.assert_array_equal(
        bootstrap_fraction(mixed, ["unit"], Resampling(draws=50), name="f").values,
        bootstrap_mean(mixed, ["unit"], Resampling(draws=50), name="f").values,
    )
    alone = bootstrap_fraction(cells[:1, :1], ["unit", "stimulus"], Resampling(draws=50), name="f")
    assert np.isnan(alone.values[1:]).all()


def test_further_dimensions_are_kept_with_their_coordinates() -> None:
    cells = crossed(np.random.default_rng(7)).expand_dims(epsilon=[0.5, 1.0], axis=1)
    out = bootstrap_mean(cells, ["stimulus", "target"], Resampling(draws=50), name="shift")
    assert out.name == "shift"
    assert out.dims == ("statistic", "epsilon")
    assert out["epsilon"].values.tolist() == [0.5, 1.0]
    assert out["statistic"].values.tolist() == ["estimate", "low", "high"]
    np.testing.assert_array_equal(out.values[:, 0], out.values[:, 1])


def test_nested_draws_keep_the_number_of_groups_and_of_members() -> None:
    cells = crossed(np.random.default_rng(8))
    weights, fixed = resampling_weights(cells, "target", Resampling(draws=400), within=["subject", "session"])
    assert fixed == ()
    np.testing.assert_array_equal(weights.sum(axis=1), 12)
    sessions = np.stack([weights[:, cells["session"].values == f"day {k}"].sum(axis=1) for k in range(4)], axis=1)
    assert set(np.unique(sessions)) <= {0, 3, 6, 9, 12}  # whole sessions of three units are drawn
    monkeys = sessions[:, [0, 2]].sum(axis=1)
    assert set(np.unique(monkeys)) == {0, 6, 12}  # whole subjects of two sessions
    assert np.mean(monkeys == 0) == pytest.approx(0.25, abs=0.08)


def test_trials_are_drawn_within_the_stimuli_that_are_drawn() -> None:
    stimuli = np.repeat(["a", "b", "c", "d"], [3, 3, 5, 2])
    trials = xr.DataArray(np.arange(13.0), dims="trial", coords={"stimulus": ("trial", stimuli)})
    weights, fixed = resampling_weights(trials, "trial", Resampling(draws=400), within=["stimulus"])
    of_each = np.stack([weights[:, stimuli == name].sum(axis=1) for name in "abcd"])
    times = of_each / np.array([[3], [3], [5], [2]])
    assert fixed == ()
    assert (times == times.astype(int)).all()  # a stimulus that is drawn brings as many trials as it has
    assert (times.sum(axis=0) == 4).all()
    assert (weights[:, :3].std(axis=1) > 0).any()  # and these are drawn anew


def test_an_effect_of_sessions_widens_the_interval_only_if_units_are_nested_in_them() -> None:
    cells = crossed(np.random.default_rng(9), noise=0.1) * 0.1
    shifted = cells + xr.DataArray([float(name[-1]) for name in cells["session"].values], dims="target")
    resampling = Resampling(draws=2000)

    def width(nested: dict[str, list[str]] | None) -> float:
        out = bootstrap_mean(shifted, ["target"], resampling, nested_in=nested, name="m").mean("stimulus")
        return float(out.sel(statistic="high") - out.sel(statistic="low"))

    assert width({"target": ["session"]}) > 1.4 * width(None)


def test_a_dimension_with_one_member_and_a_level_with_one_group_are_named_as_not_resampled() -> None:
    cells = crossed(np.random.default_rng(10)).isel(target=[0])
    out = bootstrap_mean(
        cells, ["target", "stimulus"], Resampling(draws=100), nested_in={"target": ["subject", "session"]}, name="m"
    )
    assert out.attrs["not_resampled"] == "session, subject, target"
    assert float(out.sel(statistic="low")) < float(out.sel(statistic="high"))
    single = bootstrap_mean(cells.isel(stimulus=[0]), ["target", "stimulus"], Resampling(draws=100), name="m")
    assert np.isfinite(single.sel(statistic="estimate"))
    assert np.isnan(single.sel(statistic=["low", "high"])).all()
    networks = crossed(np.random.default_rng(10)).assign_coords(subject=("target", [""] * 12))
    out = bootstrap_mean(networks, ["target"], Resampling(draws=9), nested_in={"target": ["subject"]}, name="m")
    assert "not_resampled" not in out.attrs


def test_the_seed_decides_the_draws_and_the_order_of_targets_does_not() -> None:
    cells = crossed(np.random.default_rng(11))
    nested = {"target": ["subject", "session"]}

    def summary(values: xr.DataArray, seed: int = 0) -> xr.DataArray:
        return bootstrap_mean(
            values, ["target", "stimulus"], Resampling(seed=seed, draws=200), nested_in=nested, name="m"
        )

    shuffled = cells.isel(target=np.random.default_rng(12).permutation(12), stimulus=slice(None, None, -1))
    np.testing.assert_allclose(summary(shuffled).values, summary(cells).values, rtol=1e-12)
    np.testing.assert_array_equal(summary(cells).values, summary(cells).values)
    assert (summary(cells, seed=1).values[1:] != summary(cells).values[1:]).all()


def test_draws_of_arrays_with_the_same_members_are_paired() -> None:
    cells = crossed(np.random.default_rng(13))
    resampling = Resampling(draws=50)
    difference = bootstrap_draws(cells + 1, ["target"], resampling) - bootstrap_draws(cells, ["target"], resampling)
    np.testing.assert_allclose(difference.values, 1.0)


def test_long_draws_are_made_in_chunks_with_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = crossed(np.random.default_rng(14))
    whole = bootstrap_draws(cells, ["target", "stimulus"], Resampling(draws=50))
    monkeypatch.setattr("spikeproof.statistics.bootstrap._CHUNK", 100)
    np.testing.assert_allclose(
        bootstrap_draws(cells, ["target", "stimulus"], Resampling(draws=50)).values, whole.values
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda a: bootstrap_draws(a, ["trial"], Resampling()), r"cannot resample 'trial' of an array with dimensions"),
        (
            lambda a: bootstrap_draws(a, ["stimulus"], Resampling(), nested_in={"target": ["session"]}),
            r"cannot resample 'target'",
        ),
        (
            lambda a: bootstrap_draws(a, ["target"], Resampling(), nested_in={"target": ["day"]}),
            r"bootstrap: 'day' is not a coordinate on 'target', so members cannot be nested in it",
        ),
        (lambda a: bootstrap_draws(a / 0 * np.inf, ["target"], Resampling()), r"mean of infinite values"),
    ],
)
def test_a_bootstrap_that_makes_no_sense_is_refused(call, text: str) -> None:  # noqa: ANN001
    with np.errstate(all="ignore"), pytest.raises(DataError, match=text):
        call(crossed(np.random.default_rng(0)))


@pytest.mark.parametrize(("field", "value"), [("draws", 1), ("level", 1.0), ("level", 0.0)])
def test_resampling_refuses_settings_that_give_no_interval(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"resampling: {field} must"):
        Resampling(**{field: value})  # type: ignore[arg-type]


def test_stack_statistic_keeps_coordinates_and_attributes() -> None:
    a = xr.DataArray([1.0, 2.0], dims="unit", coords={"unit": ["a", "b"]}, attrs={"units": "sd"})
    out = stack_statistic(a, a - 1, a + 1)
    assert out.dims == ("statistic", "unit")
    assert out.attrs == {"units": "sd"}
    assert out.sel(statistic="high", unit="b").item() == 3.0


def test_crossing_interpolates_from_zero_at_dose_zero() -> None:
    doses = [0.5, 1.0, 2.0]
    curves = np.array([[0.2, 0.4, 0.8], [1.0, 2.0, 3.0], [0.1, 0.2, 0.3], [0.6, 0.1, 0.9], [0.5, 0.5, 0.5]])
    np.testing.assert_allclose(crossing(doses, curves, 0.5), [1.25, 0.25, np.inf, 0.5 * 5 / 6, 0.5])
    np.testing.assert_allclose(crossing(doses, curves.reshape(5, 1, 3), 0.5)[:, 0], crossing(doses, curves, 0.5))


def test_crossing_starts_where_told_and_knows_what_it_cannot_say() -> None:
    assert float(crossing([1.0], [1.0], 0.5, start=0.5)) == 0.0
    assert float(crossing([0.0, 1.0], [0.6, 0.7], 0.5)) == 0.0
    assert float(crossing([0.0, 1.0], [0.2, 0.6], 0.4)) == pytest.approx(0.5)
    assert np.isnan(crossing([1.0, 2.0], [0.9, np.nan], 0.5))
    assert float(crossing([1.0, 2.0], [0.2, np.inf], 0.5)) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="doses must ascend"):
        crossing([1.0, 1.0], [0.1, 0.2], 0.5)
    with pytest.raises(ValueError, match="do not fit a curve"):
        crossing([1.0, 2.0], [0.1], 0.5)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (1, 180)])
@pytest.mark.parametrize("method", ["exact", "wilson"])
def test_intervals_of_proportions_are_scipys(k: int, n: int, method: str) -> None:
    peer = stats.binomtest(k, n).proportion_ci(0.9, method=method)
    low, high = proportion_interval(k, n, 0.9, method=method)  # type: ignore[arg-type]
    assert (float(low), float(high)) == (pytest.approx(peer.low, abs=1e-12), pytest.approx(peer.high, abs=1e-12))


def test_a_proportion_of_no_trials_has_no_interval_and_more_successes_than_trials_are_refused() -> None:
    assert np.isnan(proportion_interval(0, 0)).all()
    with pytest.raises(ValueError, match="between 0 and the number of trials"):
        proportion_interval(3, 2)


def test_adjusted_p_is_scipys_and_leaves_out_tests_that_were_not_made() -> None:
    p = np.random.default_rng(0).random(40) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p))
    holes = np.insert(p, 7, np.nan)
    adjusted = benjamini_hochberg(holes)
    assert np.isnan(adjusted[7])
    np.testing.assert_allclose(np.delete(adjusted, 7), stats.false_discovery_control(p))
    assert np.isnan(benjamini_hochberg([np.nan])).all()


def test_permutation_p_counts_the_data_among_the_permutations() -> None:
    null = np.arange(99.0)[:, None] * [1.0, 1.0, 1.0]
    np.testing.assert_allclose(permutation_p([200.0, 94.0, -1.0], null), [0.01, 0.06, 1.0])
    assert float(permutation_p(0.3, [0.1 + 0.2, 0.0, 0.0])) == 0.5  # equal up to rounding
    assert np.isnan(permutation_p([np.nan], [[1.0], [2.0]])).all()


def coverage(simulations: int, draws: int, *, nested: bool) -> float:
    """Share of simulated crossed-effects data sets whose 95 % interval holds the true mean, 0."""
    rng = np.random.default_rng(20)
    hits = 0
    for k in range(simulations):
        cells = crossed(rng, targets=40, stimuli=60)
        over = {"target": ["subject", "session"]} if nested else None
        if nested:
            days = rng.normal(size=20)
            names = [f"{i % 20:02d}" for i in range(40)]
            cells = cells.assign_coords(session=("target", names), subject=("target", ["m"] * 40))
            cells = cells + xr.DataArray([days[int(name)] for name in names], dims="target")
        out = bootstrap_mean(cells, ["target", "stimulus"], Resampling(seed=k, draws=draws), nested_in=over, name="m")
        hits += bool(out.values[1] <= 0 <= out.values[2])
    return hits / simulations


def test_intervals_of_crossed_effects_cover_the_truth() -> None:
    assert 0.88 <= coverage(150, 300, nested=False) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("nested", [False, True])
def test_intervals_of_crossed_and_nested_effects_cover_the_truth_as_often_as_they_say(*, nested: bool) -> None:
    assert 0.93 <= coverage(1000, 1000, nested=nested) <= 0.97
