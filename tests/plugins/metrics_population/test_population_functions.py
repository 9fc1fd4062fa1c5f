"""Populations: closed forms, simulated truth, edge cases and refusals of every function."""

from __future__ import annotations

import numpy as np
import pytest
import spikeproof_metrics_population as population
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof_metrics_population import active_sets, cones, extrapolation

RNG = np.random.default_rng(0)


def classes(stimuli: int = 60, units: int = 8, dprime: float = 2.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(stimuli) % 3
    x = rng.normal(size=(stimuli, units))
    x[:, :3] += dprime * np.eye(3)[y][:, : min(3, units)]
    return x, y


# Decoders


@pytest.mark.parametrize("units", [8, 90])
@pytest.mark.parametrize("decoder", ["svm", "lda"])
def test_choices_are_those_of_a_plain_pipeline(units: int, decoder: str) -> None:
    x, y = classes(units=units)
    fold = np.arange(60) % 5
    chosen = population.held_out_choices(x, y, fold, decoder=decoder)
    for number in range(5):
        test = fold == number
        model = (
            LinearSVC(dual=False) if decoder == "svm" else LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        )
        peer = make_pipeline(StandardScaler(), model).fit(x[~test], y[~test])
        assert (chosen[test] != peer.predict(x[test])).sum() <= (1 if decoder == "svm" else 0)


def test_discriminant_analysis_reaches_the_ideal_accuracy_where_noise_is_correlated() -> None:
    rng = np.random.default_rng(1)
    y = np.arange(2000) % 2
    shared = rng.normal(size=(2000, 1)) * 2
    x = np.column_stack([y * 1.0, np.zeros(2000)]) + shared + 0.5 * rng.normal(size=(2000, 2))
    slope, sigma = np.array([1.0, 0.0]), 4 + 0.25 * np.eye(2)
    ideal = norm.cdf(np.sqrt(slope @ np.linalg.solve(sigma, slope)) / 2)
    chosen = population.held_out_choices(x, y, np.arange(2000) // 2 % 4, decoder="lda")
    assert (chosen == y).mean() == pytest.approx(ideal, abs=0.02)


def test_only_the_folds_asked_for_are_held_out() -> None:
    x, y = classes()
    fold = np.arange(60) % 5
    some = population.held_out_choices(x, y, fold, folds=[2])
    everything = population.held_out_choices(x, y, fold)
    np.testing.assert_array_equal(some[fold == 2], everything[fold == 2])
    np.testing.assert_array_equal(some[fold != 2], y[fold != 2])


def test_what_cannot_be_decoded_is_refused() -> None:
    x, y = classes()
    fold = np.arange(60) % 5
    with pytest.raises(NotEnoughData, match="all stimuli are in one fold"):
        population.held_out_choices(x, y, np.zeros(60, dtype=int))
    with pytest.raises(NotEnoughData, match="the stimuli that fold 0 is trained on are all of one category"):
        population.held_out_choices(x, np.where(fold == 0, y, 1), fold)
    with pytest.raises(
        NotEnoughData, match="all stimuli of category '0' are in fold 0, so that it is never trained on"
    ):
        population.held_out_choices(x, y, y)
    with pytest.raises(DataError, match="1 responses are not finite"):
        population.held_out_choices(np.where(np.arange(480).reshape(60, 8) == 3, np.nan, x), y, fold)
    with pytest.raises(DataError, match=r"responses \(60, 8\), 59 labels and 60 folds do not fit"):
        population.held_out_choices(x, y[1:], fold)
    with pytest.raises(BadParameter, match=r"lda has no penalty that c could set: leave c at 1, got 0\.5"):
        population.held_out_choices(x, y, fold, decoder="lda", c=0.5)


def test_a_support_vector_machine_that_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeproof_metrics_population import decoding

    monkeypatch.setattr(decoding, "_ITERATIONS", 1)
    with pytest.raises(DataError, match=r"svm with c = 1e\+06 did not converge in 1 iterations: take a smaller c"):
        population.held_out_choices(*classes(), np.arange(60) % 5, decoder="svm", c=1e6)


# Fisher information


def trials(units: int, count: int, slope: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, units)) + slope, rng.normal(size=(count, units))


def test_information_of_many_trials_is_the_formula_and_scales_with_the_unit_of_the_stimulus() -> None:
    rng = np.random.default_rng(2)
    mix = rng.normal(size=(5, 5))
    sigma, slope = mix @ mix.T + np.eye(5), rng.normal(size=5)
    factor = np.linalg.cholesky(sigma)
    first, second = (rng.standard_normal((20_000, 5)) @ factor.T + shift for shift in (slope, 0 * slope))
    truth = slope @ np.linalg.solve(sigma, slope)
    found = population.linear_fisher_information(first, second)
    assert abs(found.corrected - truth) < 4 * np.sqrt(found.variance)
    shuffled = (slope**2 / np.diag(sigma)).sum()
    assert found.shuffled == pytest.approx(shuffled, rel=0.05)
    assert found.redundancy == pytest.approx(1 - truth / shuffled, abs=0.05)
    scaled = population.linear_fisher_information(first, second, ds=0.1)
    assert scaled.corrected == pytest.approx(100 * found.corrected)
    assert scaled.variance == pytest.approx(1e4 * found.variance)


def test_correlations_along_the_signal_make_units_redundant() -> None:
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(2, 4000, 1))
    noise = 0.5 * rng.normal(size=(2, 4000, 4))
    found = population.linear_fisher_information(1 + shared[0] + noise[0], shared[1] + noise[1])
    truth = 4 / (0.25 + 4 * 1.0)
    assert found.corrected == pytest.approx(truth, rel=0.1)
    assert found.redundancy == pytest.approx(1 - truth / (4 / 1.25), abs=0.05)


def test_information_of_nothing_is_zero_on_average_and_may_be_negative() -> None:
    found = [population.linear_fisher_information(*trials(6, 30, 0.0, seed)) for seed in range(400)]
    values = np.array([result.corrected for result in found])
    assert (values < 0).any()
    assert abs(values.mean()) < 3 * values.std() / 20
    assert all(result.variance > 0 for result in found)
    without = next(result for result in found if result.shuffled <= 0)
    assert without.status == "no information"
    assert np.isnan(without.redundancy)


def test_units_that_never_vary_are_dropped_and_reported() -> None:
    first, second = trials(4, 40)
    with_silent = [np.insert(part, [1, 3], 0.3, axis=1) for part in (first, second)]
    found = population.linear_fisher_information(*with_silent)
    assert found.dropped.tolist() == [1, 4]
    assert found.units == 4
    assert found.corrected == pytest.approx(population.linear_fisher_information(first, second).corrected)


def test_too_few_trials_for_the_correction_are_refused() -> None:
    assert population.linear_fisher_information(*trials(5, 6)).trials == 6
    with pytest.raises(
        NotEnoughData, match=r"5 units need more than 5 trials of each stimulus .*, but there are 5: take fewer units"
    ):
        population.linear_fisher_information(*trials(5, 5))
    with pytest.raises(NotEnoughData, match="at least two trials"):
        population.linear_fisher_information(np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(NotEnoughData, match="no unit varies over trials"):
        population.linear_fisher_information(np.ones((9, 2)), np.ones((9, 2)))


def test_infinite_or_undefined_information_is_refused() -> None:
    first, second = trials(3, 30)
    first[:, 1], second[:, 1] = 2.0, 1.0
    with pytest.raises(DataError, match="unit 1 never varies over trials but differs between the two stimuli"):
        population.linear_fisher_information(first, second)
    first, second = trials(3, 30)
    with pytest.raises(DataError, match="the units depend on each other exactly"):
        population.linear_fisher_information(*(np.column_stack([part, part.sum(axis=1)]) for part in (first, second)))
    with pytest.raises(DataError, match="30 and 29 trials: the correction holds for equal numbers"):
        population.linear_fisher_information(first, second[1:])
    with pytest.raises(DataError, match=r"must be \(trial, unit\) of the same units"):
        population.linear_fisher_information(first, second[:, 1:])
    with pytest.raises(DataError, match="ds other than 0, got 0"):
        population.linear_fisher_information(first, second, ds=0)
    first[0, 0] = np.nan
    with pytest.raises(DataError, match="a response is not finite"):
        population.linear_fisher_information(first, second)


def test_units_of_very_different_scale_are_no_dependence() -> None:
    first, second = trials(3, 50)
    scale = np.array([1e-6, 1.0, 1e6])
    plain = population.linear_fisher_information(first, second).corrected
    assert population.linear_fisher_information(first * scale, second * scale).corrected == pytest.approx(plain)


# Dimensionality and spectrum


def test_participation_ratio_of_known_spectra() -> None:
    rng = np.random.default_rng(4)
    q = np.linalg.qr(rng.normal(size=(200, 6)) - 0.0)[0]
    q -= q.mean(axis=0)
    q = np.linalg.qr(q)[0]
    sd = np.array([3.0, 2.0, 1.0, 1.0, 0.5, 0.1])
    expected = (sd**2).sum() ** 2 / (sd**4).sum()
    assert population.participation_ratio(q * sd) == pytest.approx(expected)
    assert population.participation_ratio(
        (q * sd) @ np.linalg.qr(rng.normal(size=(6, 6)))[0] * 1e-200
    ) == pytest.approx(expected)
    assert population.participation_ratio(np.outer(np.arange(5.0), [1, 2, 3])) == pytest.approx(1)
    with pytest.raises(NotEnoughData, match="no unit varies"):
        population.participation_ratio(np.full((4, 3), 0.1))
    with pytest.raises(NotEnoughData, match="at least two stimuli, got 1"):
        population.participation_ratio(np.ones((1, 3)))
    with pytest.raises(DataError, match="1 responses are not finite"):
        population.participation_ratio([[1.0, np.nan], [1.0, 2.0]])
    with pytest.raises(DataError, match="got 1 dimensions"):
        population.participation_ratio([1.0, 2.0])


def test_the_gram_matrix_of_a_jacobian_counts_attack_directions() -> None:
    rng = np.random.default_rng(5)
    u = rng.normal(size=49)
    assert population.jacobian_participation_ratio(np.outer(rng.normal(size=20), u)) == pytest.approx(1)
    q = np.linalg.qr(rng.normal(size=(49, 12)))[0].T
    assert population.jacobian_participation_ratio(q.reshape(12, 7, 7)) == pytest.approx(12)
    # r_i = u x + a v_i x with orthonormal u and v_i: see Lonnqvist, Machiraju & Herzog.
    basis = np.linalg.qr(rng.normal(size=(200, 101)))[0].T
    jacobian = basis[0] + 5 * basis[1:]
    expected = (100 * 26) ** 2 / (100 * 26**2 + 100 * 99)
    assert population.jacobian_participation_ratio(jacobian) == pytest.approx(expected)
    assert expected == pytest.approx(87, abs=0.3)
    with pytest.raises(NotEnoughData, match="every derivative is 0"):
        population.jacobian_participation_ratio(np.zeros((3, 4)))
    with pytest.raises(DataError, match="a derivative is not finite"):
        population.jacobian_participation_ratio([[np.inf, 0.0]])


def test_cross_validated_variance_is_the_signals_without_the_noise() -> None:
    rng = np.random.default_rng(6)
    stimuli, units = 400, 60
    signal = rng.normal(size=(stimuli, 5)) * [5, 4, 3, 2, 1] @ np.linalg.qr(rng.normal(size=(units, 5)))[0].T
    first, second = signal + 1.0 * rng.normal(size=(2, stimuli, units))
    spectrum = population.cvpca(first, second) / stimuli
    own = population.eigenspectrum(first)
    truth = population.eigenspectrum(signal)
    np.testing.assert_allclose(spectrum[:4], truth[:4], rtol=0.25)
    assert abs(spectrum[10:].mean()) < 0.05
    assert own[10:40].mean() > 0.5  # where plain PCA sees noise
    assert (spectrum < 0).any()


def test_components_beyond_the_units_or_stimuli_are_not_invented() -> None:
    rng = np.random.default_rng(7)
    assert population.cvpca(*rng.normal(size=(2, 30, 10))).shape == (9,)
    assert population.cvpca(*rng.normal(size=(2, 10, 30))).shape == (9,)
    assert population.cvpca(*rng.normal(size=(2, 10, 30)), centring="over-units").shape == (10,)


def test_repeats_are_swapped_at_random_and_by_the_seed() -> None:
    rng = np.random.default_rng(8)
    repeats = rng.normal(size=(2, 40, 1)) * 0.1 + rng.normal(size=(40, 12))
    first = population.cross_validated_spectrum(repeats, draws=3)
    np.testing.assert_array_equal(first, population.cross_validated_spectrum(repeats, draws=3))
    assert not np.array_equal(first, population.cross_validated_spectrum(repeats, draws=3, seed=1))
    np.testing.assert_allclose(first.sum(), population.cvpca(*repeats).sum(), rtol=0.05)
    with pytest.raises(NotEnoughData, match="two repeats or more"):
        population.cross_validated_spectrum(repeats[:1])
    with pytest.raises(DataError, match="draws must be at least 1, got 0"):
        population.cross_validated_spectrum(repeats, draws=0)
    with pytest.raises(DataError, match="the repeats differ in shape"):
        population.cvpca(repeats[0], repeats[1][1:])
    with pytest.raises(NotEnoughData, match="at least two units"):
        population.cvpca(repeats[0][:, :1], repeats[1][:, :1])


def test_a_power_law_is_fitted_without_touching_its_arguments() -> None:
    spectrum = 7.0 * np.arange(1.0, 801) ** -1.04
    law = population.power_law(spectrum, stimuli=2800, units=10_000)
    assert law.alpha == pytest.approx(1.04)
    np.testing.assert_allclose(law.predicted, spectrum)
    assert law.doubts == ()
    again = population.power_law(spectrum)
    assert again.alpha == law.alpha


def test_an_exponent_that_rests_on_too_little_is_flagged() -> None:
    spectrum = np.arange(1.0, 101) ** -1.0
    spectrum[50] *= -1
    law = population.power_law(spectrum, (11, 90), stimuli=700, units=877)
    assert law.negative == 1
    assert law.doubts == (
        "700 stimuli are fewer than about 1000",
        "877 units are fewer than about 1000",
        "1 of 80 fitted variances are negative: noise, not signal",
    )
    with pytest.raises(NotEnoughData, match="the spectrum has 100 components, but ranks up to 500 were asked for"):
        population.power_law(spectrum)
    with pytest.raises(NotEnoughData, match="at least three ranks from 1, got 5 to 6"):
        population.power_law(spectrum, (5, 6))
    spectrum[20] = 0
    with pytest.raises(DataError, match="the variance of rank 21 is 0 or not finite"):
        population.power_law(spectrum, (11, 90))


# Manifold capacity


def _cone_and_probes(kind: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(9)
    points, probes = rng.normal(size=(12, 80)), rng.normal(size=(40, 12))
    points[0] = 1.0  # so that the cone does not fill the space
    if kind == "tight":
        points[1:] *= 1e-3
    elif kind == "pairs":
        points[:, 40:] = points[:, :40]
    elif kind == "dependent":
        points[1:] = rng.normal(size=(11, 3)) @ rng.normal(size=(3, 80))
    elif kind == "few":
        points = points[:, :6]
    return points, probes


@pytest.mark.parametrize("kind", ["general", "tight", "pairs", "dependent", "few"])
@pytest.mark.parametrize("many", [1, 1000])
def test_a_projection_on_a_cone_is_the_nonnegative_least_squares_one(
    kind: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cones, "_MANY", many)  # together, or one by one
    monkeypatch.setattr(cones, "_CROWDED", 80)
    points, probes = _cone_and_probes(kind)
    expected = np.stack([points @ nnls(points, probe)[0] for probe in probes])
    for few in (1, 16, 200):
        monkeypatch.setattr(cones, "FEW", few)
        weights = cones.cone_weights(points, probes)
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights @ points.T, expected, atol=1e-10)


def test_what_exchanging_sets_cannot_solve_is_left_and_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    points, probes = _cone_and_probes("general")
    weights, unsolved = active_sets.exchanged_weights(points, probes)
    solved = np.setdiff1d(np.arange(len(probes)), unsolved)
    assert 20 < len(solved) < 40
    expected = np.stack([points @ nnls(points, probe)[0] for probe in probes])
    np.testing.assert_allclose(weights[solved] @ points.T, expected[solved], atol=1e-12)
    assert not weights[unsolved].any()
    monkeypatch.setattr(active_sets, "_ROUNDS", 4)
    sooner = active_sets.exchanged_weights(points, probes)[1]
    assert len(solved) > len(probes) - len(sooner) > 0
    # Twice the same points: no sets of them have one solution, and none is made up.
    points, probes = _cone_and_probes("pairs")
    weights, unsolved = active_sets.exchanged_weights(points, probes)
    solved = np.setdiff1d(np.arange(len(probes)), unsolved)
    expected = np.stack([points @ nnls(points, probe)[0] for probe in probes])
    np.testing.assert_allclose(weights[solved] @ points.T, expected[solved], atol=1e-12)


def test_points_have_capacity_two_and_duplicates_change_nothing() -> None:
    rng = np.random.default_rng(10)
    probes = rng.standard_normal((3, 20_000))
    point = np.array([[0.0], [0.0], [1.0]])
    capacity, radius, dimension = population.anchor_geometry(point, probes)
    assert capacity == pytest.approx(2, rel=0.03)
    assert (radius, dimension) == (0, 0)
    points = np.vstack([rng.normal(size=(2, 6)), np.ones(6)])
    twice = population.anchor_geometry(np.column_stack([points, points]), probes[:, :300])
    np.testing.assert_allclose(twice, population.anchor_geometry(points, probes[:, :300]), rtol=1e-9)


def test_a_margin_costs_capacity_and_gardners_value_holds() -> None:
    t = np.random.default_rng(11).standard_normal((2, 40_000))
    point = np.array([[0.0], [1.0]])
    grid = np.linspace(-0.5, 8, 20_001)
    gardner = 1 / np.trapezoid(norm.pdf(grid) * (grid + 0.5) ** 2, grid)
    assert population.anchor_geometry(point, t, margin=0.5)[0] == pytest.approx(gardner, rel=0.02)


def test_larger_manifolds_have_less_capacity_and_given_rank_is_taken_out() -> None:
    rng = np.random.default_rng(12)
    centres = rng.normal(size=(10, 1, 40))
    cloud = rng.normal(size=(10, 12, 40))
    results = [
        population.manifold_geometry(centres + size * cloud, rank=0, probes=100) for size in (0.0, 0.2, 0.5, 1.0)
    ]
    capacities = [result.mean_capacity for result in results]
    assert capacities == sorted(capacities, reverse=True)
    assert capacities[0] == pytest.approx(2, rel=0.1)
    assert results[0].radius.max() < 1e-12
    assert [result.rank for result in results] == [0] * 4
    assert results[1].mean_capacity == pytest.approx(1 / (1 / results[1].capacity).mean())


def test_directions_that_centres_share_are_found_and_taken_out() -> None:
    rng = np.random.default_rng(13)
    direction = np.linalg.qr(rng.normal(size=(60, 1)))[0][:, 0]
    centres = rng.normal(size=(12, 60)) + np.linspace(-25, 25, 12)[:, None] * direction
    clouds = centres[:, None] + 0.3 * rng.normal(size=(12, 10, 60))
    with_all = population.manifold_geometry(clouds, rank=0, probes=60)
    without = population.manifold_geometry(clouds, probes=60)
    assert with_all.centre_correlation == without.centre_correlation > 0.5
    assert without.rank >= 1
    from spikeproof_metrics_population.centres import centre_correlation, shared_directions

    found = shared_directions(centres, rank=1)
    assert abs(found[:, 0] @ direction) > 0.95
    left = centres - centres @ found @ found.T
    assert centre_correlation(left) < 0.2


def test_as_many_directions_are_taken_out_as_centres_share() -> None:
    from spikeproof_metrics_population.centres import shared_directions

    rng = np.random.default_rng(21)
    for number in (1, 2, 3):
        directions = np.linalg.qr(rng.normal(size=(80, number)))[0]
        centres = rng.normal(size=(16, 80)) + 15 * rng.normal(size=(16, number)) @ directions.T
        assert shared_directions(centres, rank=None).shape == (80, number)


def test_manifolds_of_different_numbers_of_points_and_seeds() -> None:
    rng = np.random.default_rng(14)
    clouds = [rng.normal(size=20) + 0.3 * rng.normal(size=(count, 20)) for count in (1, 4, 7, 30)]
    first = population.manifold_geometry(clouds, probes=50)
    again = population.manifold_geometry(clouds, probes=50)
    np.testing.assert_array_equal(first.capacity, again.capacity)
    assert not np.array_equal(first.capacity, population.manifold_geometry(clouds, probes=50, seed=1).capacity)


def test_what_has_no_capacity_is_refused() -> None:
    rng = np.random.default_rng(15)
    clouds = rng.normal(size=(5, 6, 10)) + 3 * rng.normal(size=(5, 1, 10))
    with pytest.raises(NotEnoughData, match="at least three manifolds, got 2"):
        population.manifold_geometry(clouds[:2])
    with pytest.raises(NotEnoughData, match="manifold 1 holds no point"):
        population.manifold_geometry([clouds[0], clouds[1][:0], clouds[2]])
    with pytest.raises(DataError, match=r"manifold 1 has shape \(6, 9\)"):
        population.manifold_geometry([clouds[0], clouds[1][:, 1:], clouds[2]])
    with pytest.raises(DataError, match="a response of manifold 0 is not finite"):
        population.manifold_geometry(np.where(np.arange(300).reshape(5, 6, 10) == 3, np.inf, clouds))
    with pytest.raises(DataError, match="probes must be at least 1, got 0"):
        population.manifold_geometry(clouds, probes=0)
    centre_at_origin = np.concatenate([clouds[:4] - clouds[:4].mean(axis=(0, 1)), [[[1.0] * 10, [-1.0] * 10] * 3]])
    with pytest.raises(DataError, match="the centre of manifold 4 all but vanishes once the mean and 0 shared"):
        population.manifold_geometry(centre_at_origin, rank=0)


def test_anchor_geometry_refuses_impossible_points() -> None:
    t = np.ones((2, 3))
    with pytest.raises(DataError, match="the last row of points must be ones"):
        population.anchor_geometry([[0.0], [2.0]], t)
    with pytest.raises(DataError, match="the margin must not be negative, got -1"):
        population.anchor_geometry([[0.0], [1.0]], t, margin=-1)
    with pytest.raises(DataError, match=r"points \(1, 1\) and probes \(2, 3\)"):
        population.anchor_geometry([[1.0]], t)
    with pytest.raises(DataError, match="not finite"):
        population.anchor_geometry([[np.nan], [1.0]], t)
    with pytest.raises(NotEnoughData, match="no probe meets the manifold"):
        population.anchor_geometry([[0.0], [1.0]], -t)


def test_cone_capacity_of_points_and_its_refusals() -> None:
    rng = np.random.default_rng(16)
    points = rng.normal(size=(160, 1, 80))
    capacity, each = population.cone_capacity(points, draws=20)
    assert capacity == pytest.approx(2, rel=0.15)  # Cover: twice as many points as dimensions
    assert each.shape == (20,)
    with pytest.raises(DataError, match="needs finite points"):
        population.cone_capacity(np.full((2, 1, 3), np.nan))
    with pytest.raises(NotEnoughData, match="there is no point"):
        population.cone_capacity(np.ones((2, 0, 3)))
    with pytest.raises(DataError, match="do not fit points"):
        population.cone_capacity(points, probes=np.ones((2, 80)), labels=np.zeros((2, 160)))
    with pytest.raises(NotEnoughData, match="no probe meets the cone"):
        population.cone_capacity(np.ones((1, 1, 2)), probes=np.ones((3, 2)), labels=np.ones((3, 1)))


# Concentration


def test_concentration_of_known_weights() -> None:
    assert population.readout_concentration(np.eye(9)[2]) == 1
    assert population.readout_concentration(-np.ones(9)) == pytest.approx(9)
    same_for_all = np.tile(RNG.normal(size=9), (3, 1))
    moving = same_for_all + np.eye(3, 9) * 2
    assert population.readout_concentration(moving) == pytest.approx(3)
    with pytest.raises(NotEnoughData, match="the readout rests on no unit"):
        population.readout_concentration(np.tile([0.0, 2.0], (3, 1)) * 0)
    with pytest.raises(DataError, match="needs finite weights"):
        population.readout_concentration([np.nan, 1.0])


@pytest.mark.parametrize("ranking", ["weight", "selectivity"])
def test_a_sparse_code_needs_few_best_units_and_many_random_ones(ranking: str) -> None:
    x, y = classes(90, 40, dprime=4.0)
    result = population.best_units(x, y, np.arange(90) // 3 % 3, sizes=[1, 3, 10], ranking=ranking, draws=4)
    assert result.sizes.tolist() == [1, 3, 10, 40]
    assert result.best[1] > 0.9
    assert result.random[1] < 0.7
    assert result.best_share <= 3 < result.random_share
    assert result.correct.shape == (4, 90)
    np.testing.assert_allclose(result.correct.mean(axis=1), result.best)
    assert result.best[-1] == result.random[-1]


def test_best_units_are_chosen_without_the_stimuli_they_are_tested_on() -> None:
    rng = np.random.default_rng(17)
    accuracies = []
    for _ in range(6):
        x, y = rng.normal(size=(40, 200)), np.arange(40) % 2
        result = population.best_units(x, y, np.arange(40) // 2 % 4, sizes=[5], ranking="selectivity", draws=1)
        accuracies.append(result.best[0])
    assert np.mean(accuracies) == pytest.approx(0.5, abs=0.1)  # chosen on all stimuli it would be near 0.9


def test_constant_units_are_never_good_and_sizes_must_exist() -> None:
    x, y = classes(30, 6, dprime=4.0)
    x[:, 5] = 1.0
    for ranking in ("weight", "selectivity"):
        result = population.best_units(x, y, np.arange(30) // 3 % 3, sizes=[3], ranking=ranking, draws=1)
        assert result.best[0] > 0.8
    with pytest.raises(NotEnoughData, match="sizes go up to 7 units, but there are 6"):
        population.best_units(x, y, np.arange(30) // 3 % 3, sizes=[7])
    with pytest.raises(DataError, match=r"sizes must ascend from 1 or more, got \[2, 1\]"):
        population.best_units(x, y, np.arange(30) // 3 % 3, sizes=[2, 1])


# Extrapolation


def test_accuracy_of_a_dprime_is_that_of_an_ideal_chooser() -> None:
    assert population.choice_accuracy(1.3, 2) == pytest.approx(norm.cdf(1.3 / np.sqrt(2)))
    assert population.choice_accuracy(0.0, 5) == pytest.approx(0.2)
    rng = np.random.default_rng(18)
    draws = rng.normal(size=(200_000, 4))
    draws[:, 0] += 1.0
    assert population.choice_accuracy(1.0, 4) == pytest.approx((draws.argmax(axis=1) == 0).mean(), abs=0.005)


SIZES = np.array([1, 2, 4, 8, 16, 32, 64])


def curve(dprime: float, half: float, options: int = 4) -> np.ndarray:
    return population.choice_accuracy(dprime * np.sqrt(SIZES / (SIZES + half)), options)


@pytest.mark.parametrize(("dprime", "half"), [(2.0, 5.0), (3.0, 60.0), (1.0, 20.0)])
def test_the_asymptote_and_its_units_are_recovered(dprime: float, half: float) -> None:
    result = population.extrapolate_curve(SIZES, curve(dprime, half), 4)
    assert result.dprime == pytest.approx(dprime, rel=1e-3)
    assert result.half == pytest.approx(half, rel=1e-2)
    top = population.choice_accuracy(dprime, 4)
    assert result.asymptote == pytest.approx(float(top), abs=1e-4)
    at = population.choice_accuracy(dprime * np.sqrt(result.units / (result.units + half)), 4)
    assert at == pytest.approx(0.95 * float(top), abs=1e-3)
    assert result.residual < 1e-4
    assert np.isnan([result.low, result.high]).all()


def test_the_interval_holds_the_truth_in_most_simulations() -> None:
    truth = population.extrapolate_curve(SIZES, curve(2.0, 10.0), 4).units
    rng = np.random.default_rng(19)
    held = 0
    for _ in range(25):
        right = rng.random((300, len(SIZES))) < curve(2.0, 10.0)
        weights = rng.multinomial(300, np.full(300, 1 / 300), size=150) / 300
        result = population.extrapolate_curve(SIZES, right.mean(axis=0), 4, draws=weights @ right)
        held += result.low <= truth <= result.high
        assert result.asymptote_low <= result.asymptote <= result.asymptote_high
    assert held >= 20


def test_a_curve_that_does_not_bend_has_no_asymptote_within_reach() -> None:
    straight = population.choice_accuracy(0.1 * np.sqrt(SIZES), 4)
    result = population.extrapolate_curve(SIZES, straight, 4)
    assert result.status in {"unbounded", "far"}
    assert result.units > 640
    late = population.extrapolate_curve(SIZES, curve(3.0, 1500.0), 4)
    assert late.status == "far"
    assert population.extrapolate_curve(SIZES, curve(2.0, 3.0), 4).status == "ok"


def test_chance_of_unequal_categories_is_the_floor() -> None:
    half = population.choice_accuracy(2.0 * np.sqrt(SIZES / (SIZES + 5.0)), 2)
    unequal = 0.7 + 0.3 * (half - 0.5) / 0.5
    result = population.extrapolate_curve(SIZES, unequal, 2, chance=0.7)
    assert result.dprime == pytest.approx(2.0, rel=1e-3)


def test_many_draws_are_fitted_as_single_ones() -> None:
    rng = np.random.default_rng(20)
    noisy = np.clip(curve(2.0, 10.0) + 0.02 * rng.normal(size=(250, len(SIZES))), 0, 1)
    together = extrapolation._fit(SIZES.astype(float), noisy, 4, 0.25)
    alone = [extrapolation._fit(SIZES.astype(float), row[None], 4, 0.25) for row in noisy[::50]]
    np.testing.assert_allclose(together[0][::50], [d[0] for d, _ in alone])


@pytest.mark.parametrize(
    ("sizes", "accuracy", "kind", "message"),
    [
        ([1, 2, 3], [0.4, 0.5, 0.6], NotEnoughData, "at least four population sizes, got 3"),
        ([1, 3, 2, 4], [0.4, 0.5, 0.6, 0.7], DataError, "sizes must ascend from 1 or more"),
        ([1, 2, 3, 4], [0.4, 0.5, 0.6], DataError, "do not fit 4 sizes"),
        ([1, 2, 3, 4], [0.4, 0.5, 0.6, 1.7], DataError, "accuracies must lie between 0 and 1"),
        ([1, 2, 3, 4], [0.3, 0.2, 0.2, 0.25], NotEnoughData, r"the accuracy of 4 units, 0\.25, is not above chance"),
    ],
)
def test_what_cannot_be_extrapolated_is_refused(
    sizes: list[int], accuracy: list[float], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        population.extrapolate_curve(sizes, accuracy, 4)


def test_share_and_chance_must_be_shares() -> None:
    with pytest.raises(DataError, match=r"share must lie in \(0, 1\) and chance in \[0, 1\), got 1 and 0\.25"):
        population.extrapolate_curve(SIZES, curve(2.0, 5.0), 4, share=1)
