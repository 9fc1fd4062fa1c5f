"""Noise, reliability and behavioural ceilings of units: golden values, simulated truth, missing repeats, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import spikeproof_metrics_unit as unit
from spikeproof.errors import DataError, NotEnoughData

RNG = np.random.default_rng(0)


def golden(shared: Path, name: str, index: str = "main") -> tuple[dict[str, np.ndarray], float, float]:
    entry = json.loads((shared / "golden" / f"index_{index}.json").read_text())[name]
    with np.load(shared / "golden" / f"{name}.npz") as arrays:
        return dict(arrays), entry["rtol"], entry["atol"]


SIGNAL_NOISE = {
    "out_ncsnr": lambda z: unit.noise_ceiling(z["in_responses"]).ncsnr,
    "out_noise_ceiling_frac": lambda z: unit.noise_ceiling(z["in_responses"]).ceiling,
    "out_signal_power_sahani_linden": lambda z: unit.signal_power(z["in_responses"]).signal,
    "out_noise_power": lambda z: unit.signal_power(z["in_responses"]).noise,
    "out_split_half_r": lambda z: unit.split_half(z["in_responses"], z["in_split_perms"]).r,
    "out_spearman_brown": lambda z: unit.split_half(z["in_responses"], z["in_split_perms"]).spearman_brown,
}
CONSISTENCY = {
    "out_ic_center": lambda z: unit.internal_consistency(z["in_responses"]).center,
    "out_ic_error": lambda z: unit.internal_consistency(z["in_responses"]).error,
    "out_ic_raw": lambda z: unit.internal_consistency(z["in_responses"]).raw,
}


@pytest.mark.parametrize("output", SIGNAL_NOISE)
def test_signal_and_noise_reproduce_the_golden_values(shared: Path, output: str) -> None:
    arrays, rtol, atol = golden(shared, "signal_noise")
    np.testing.assert_allclose(SIGNAL_NOISE[output](arrays), arrays[output], rtol=rtol, atol=atol)


@pytest.mark.parametrize("output", CONSISTENCY)
def test_internal_consistency_reproduces_the_golden_values(shared: Path, output: str) -> None:
    arrays, rtol, atol = golden(shared, "brainscore_internal_consistency", "brainscore")
    np.testing.assert_allclose(CONSISTENCY[output](arrays), arrays[output], rtol=rtol, atol=atol)


def test_every_golden_output_of_repeats_is_covered(shared: Path) -> None:
    for name, index, covered in (
        ("signal_noise", "main", SIGNAL_NOISE),
        ("brainscore_internal_consistency", "brainscore", CONSISTENCY),
    ):
        arrays, _, _ = golden(shared, name, index)
        assert {key for key in arrays if key.startswith("out_")} == set(covered)


def simulated(stimuli: int, repeats: int, signal_sd: list[float], noise_sd: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(stimuli, 1, len(signal_sd))) * signal_sd
    return 5 + signal + noise_sd * rng.normal(size=(stimuli, repeats, len(signal_sd)))


def punched(values: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    gone = np.random.default_rng(seed).random(values.shape[:2]) < share
    return np.where(gone[..., None], np.nan, values)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_noise_ceiling_and_signal_power_recover_the_simulated_variances(share: float) -> None:
    values = punched(simulated(3000, 6, [1.0, 0.5], 0.8), share)
    ceiling, power = unit.noise_ceiling(values), unit.signal_power(values)
    np.testing.assert_allclose(ceiling.noise_variance, 0.64, rtol=0.04)
    np.testing.assert_allclose(ceiling.signal_variance, [1.0, 0.25], rtol=0.08)
    np.testing.assert_allclose(ceiling.ncsnr, [1.25, 0.625], rtol=0.05)
    np.testing.assert_allclose(power.signal, [1.0, 0.25], rtol=0.08)
    np.testing.assert_allclose(power.noise, 0.64, rtol=0.05)
    counts = (~np.isnan(values[..., 0])).sum(axis=1)
    expected = ceiling.ncsnr**2 / (ceiling.ncsnr**2 + (1 / counts[counts > 0]).mean())
    np.testing.assert_allclose(ceiling.ceiling, expected)


def test_noise_ceiling_for_another_number_of_repeats() -> None:
    values = simulated(50, 4, [1.0], 1.0)
    one, here = unit.noise_ceiling(values, repeats=1), unit.noise_ceiling(values)
    np.testing.assert_allclose(one.ceiling, one.ncsnr**2 / (one.ncsnr**2 + 1))
    np.testing.assert_allclose(here.ceiling, here.ncsnr**2 / (here.ncsnr**2 + 0.25))


def test_a_constant_a_noiseless_and_a_signalless_unit_say_so() -> None:
    noise = RNG.normal(size=(40, 4))
    noise -= noise.mean(axis=1, keepdims=True)  # so that the noise exceeds the total
    values = np.stack([np.full((40, 4), 0.1), np.tile(np.arange(40.0)[:, None], 4), noise], axis=2)
    result = unit.noise_ceiling(values)
    assert result.status.tolist() == ["constant", "noiseless", "no signal"]
    assert np.isnan(result.ncsnr[0])
    assert np.isnan(result.ceiling[0])
    assert result.ncsnr[1] == np.inf
    assert result.ceiling[1] == 1
    assert result.ncsnr[2] == 0
    assert result.ceiling[2] == 0


def test_signal_power_of_a_unit_of_noise_stays_negative() -> None:
    values = simulated(20, 3, [0.0] * 200, 1.0)
    power = unit.signal_power(values).signal
    assert (power < 0).any()
    assert abs(power.mean()) < 3 * power.std() / np.sqrt(200)


def test_random_halves_with_spearman_brown_give_the_reliability_of_the_mean() -> None:
    values = simulated(2000, 8, [1.0, 0.6], 1.5)
    truth = np.array([1.0, 0.36]) / (np.array([1.0, 0.36]) + 1.5**2 / 8)
    result = unit.split_half(values, splits=20)
    np.testing.assert_allclose(result.reliability, truth, atol=0.02)
    assert result.status.tolist() == ["ok", "ok"]
    assert (result.stimuli == 2000).all()


def test_missing_repeats_are_halved_stimulus_by_stimulus() -> None:
    values = punched(simulated(400, 7, [1.0, 0.5], 1.0), 0.5)
    result = unit.split_half(values, splits=8, seed=3)
    usable = (~np.isnan(values[..., 0])).sum(axis=1) >= 2
    assert (result.stimuli == usable.sum()).all()
    again = unit.split_half(values, splits=8, seed=3)
    np.testing.assert_array_equal(result.r, again.r)
    assert not np.array_equal(result.r, unit.split_half(values, splits=8, seed=4).r)


def test_given_orders_on_missing_repeats_leave_out_what_one_half_lacks() -> None:
    values = simulated(30, 4, [1.0, 1.0], 0.5)
    values[0, :2, 0] = np.nan  # the first half of stimulus 0, for unit 0 only
    values[1, 3] = np.nan
    result = unit.split_half(values, [[0, 1, 2, 3]])
    assert result.stimuli.tolist() == [[29, 30]]
    a, b = np.nanmean(values[1:, :2, 0], axis=1), np.nanmean(values[1:, 2:, 0], axis=1)
    assert result.r[0, 0] == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_halves_that_oppose_each_other_are_flagged_not_averaged() -> None:
    values = np.zeros((2, 2, 3))
    values[:, 0, 0], values[:, 1, 0] = [0, 1], [1, 0]  # r = -1
    values[:, :, 1] = 0.1
    values[:, :, 2] = [[0, 0], [1, 1]]
    result = unit.split_half(values, [[0, 1]])
    assert result.r[0, 0] == -1
    assert np.isnan(result.spearman_brown[0, 0])
    assert np.isnan(result.reliability[:2]).all()
    assert result.status.tolist() == ["negative", "constant", "ok"]
    with pytest.raises(DataError, match=r"undefined for 1 correlations of -1: the halves oppose each other"):
        unit.spearman_brown([0.5, -1.0])
    assert unit.spearman_brown(-1 / 3) == pytest.approx(-1)
    assert unit.spearman_brown(-0.5) == pytest.approx(-2)
    assert unit.spearman_brown(0.2, factor=5) == pytest.approx(1.0 / 1.8)


def test_a_unit_that_varies_by_rounding_only_is_constant() -> None:
    values = np.where(np.random.default_rng(0).random((30, 4, 1)) < 0.5, 0.3, 0.1 + 0.2)
    assert unit.split_half(values, splits=3).status.tolist() == ["constant"]
    assert unit.noise_ceiling(values).status.tolist() == ["constant"]


def by_hand(values: np.ndarray, splits: int, seed: int) -> np.ndarray:
    """The protocol of predictor consistency, one stimulus at a time."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(splits):
        first, second = [], []
        for stimulus in values:
            repeats = np.flatnonzero(~np.isnan(stimulus).all(axis=1))
            if len(repeats) < 2:
                continue
            order = rng.permutation(repeats)
            first.append(stimulus[order[: len(order) // 2]].mean(axis=0))
            second.append(stimulus[order[len(order) // 2 :]].mean(axis=0))
        a, b = np.array(first), np.array(second)
        r = np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])
        rows.append(2 * r / (1 + r))
    return np.array(rows)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_predictor_consistency_follows_its_protocol_draw_by_draw(share: float) -> None:
    values = punched(simulated(25, 5, [1.0, 0.7, 0.3], 1.0), share)
    result = unit.predictor_consistency(values, splits=4, seed=7)
    expected = by_hand(values, 4, 7)
    np.testing.assert_allclose(result.raw, expected, rtol=1e-10)
    per_split = np.median(expected, axis=1)
    assert result.center == pytest.approx(per_split.mean())
    assert result.error == pytest.approx(per_split.std() / 2)


def test_predictor_consistency_needs_ten_stimuli_with_two_repeats() -> None:
    with pytest.raises(NotEnoughData, match=r"9 stimuli have two repeats or more, but 10 are needed"):
        unit.predictor_consistency(simulated(9, 4, [1.0], 1.0))


def test_internal_consistency_with_odd_repeats_missing_values_and_a_constant_unit() -> None:
    values = simulated(60, 5, [1.0, 0.8, 0.6, 0.0], 0.7)
    values[..., 3] = 2.5
    values[4, :4, 0] = np.nan
    result = unit.internal_consistency(values)
    assert (result.undefined == 1).all()
    assert np.isnan(result.raw[:, 3]).all()
    assert result.stimuli[:, 0].max() <= 60
    assert result.stimuli[:, 0].min() == 59
    assert result.center == pytest.approx(np.median(result.raw[:, :3], axis=1).mean())
    with pytest.raises(NotEnoughData, match="no unit varies over stimuli in both halves of every split"):
        unit.internal_consistency(np.ones((5, 4, 2)))


ALL = [unit.noise_ceiling, unit.signal_power, unit.split_half, unit.internal_consistency, unit.predictor_consistency]


@pytest.mark.parametrize("function", ALL)
def test_what_holds_no_noise_is_refused(function) -> None:  # noqa: ANN001
    with pytest.raises(NotEnoughData, match=r"needs at least two repeats of each stimulus, got 1"):
        function(np.ones((5, 1, 2)))
    with pytest.raises(NotEnoughData, match=r"needs at least two stimuli, got 1"):
        function(np.ones((1, 5, 2)))
    with pytest.raises(DataError, match=r"needs responses \(stimulus, repeat, unit\), got 2 dimensions"):
        function(np.ones((5, 2)))
    values = simulated(12, 3, [1.0, 1.0], 1.0)
    values[3, 1, 0] = np.inf
    with pytest.raises(DataError, match=r"1 responses are infinite; NaN marks what is missing"):
        function(values)
    values = simulated(12, 3, [1.0, 1.0], 1.0)
    values[1:, 1:, 1] = np.nan
    with pytest.raises(NotEnoughData, match=r"unit 1 has 1 stimuli that were measured at least twice"):
        function(values)


def test_signal_power_refuses_repeats_that_never_meet() -> None:
    values = np.full((4, 4, 1), np.nan)
    for stimulus, pair in enumerate([(0, 1), (0, 2), (0, 3), (1, 2)]):
        values[stimulus, list(pair), 0] = stimulus
    with pytest.raises(NotEnoughData, match="no two repeats of unit 0 share two stimuli"):
        unit.signal_power(values)


def test_orders_must_be_permutations_and_splits_positive() -> None:
    values = simulated(12, 3, [1.0], 1.0)
    with pytest.raises(DataError, match="each row of permutations must order the repeats 0 to 2"):
        unit.split_half(values, [[0, 1, 1]])
    with pytest.raises(DataError, match="splits must be at least 1, got 0"):
        unit.split_half(values, splits=0)


def test_many_splits_in_chunks_are_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeproof_metrics_unit import repeats

    values = punched(simulated(30, 4, [1.0, 0.5], 1.0), 0.2)
    whole = unit.split_half(values, splits=7).r
    monkeypatch.setattr(repeats, "_CHUNK", 1)
    np.testing.assert_array_equal(unit.split_half(values, splits=7).r, whole)


def test_neurons_of_a_real_session_are_reliable(shared: Path) -> None:
    responses = np.load(shared / "data" / "v4" / "responses_raw_210325.npy").transpose(1, 2, 0)
    result = unit.split_half(responses)
    assert set(result.status) == {"ok"}
    assert result.reliability.mean() == pytest.approx(0.73, abs=0.02)
    assert result.reliability.min() == pytest.approx(0.50, abs=0.03)
    assert (result.stimuli == 640).all()
    ceiling = unit.noise_ceiling(responses).ceiling
    assert np.corrcoef(ceiling, result.reliability)[0, 1] > 0.99  # both are the share of signal in the mean
    assert ceiling.mean() == pytest.approx(result.reliability.mean(), abs=0.02)
