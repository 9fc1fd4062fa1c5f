"""Poisson distances, shapes with their noise, and models against subjects, as studies name them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import spikeproof_metrics_representation as representation
import xarray as xr
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Repeats, Sample, StudyEvidence
from spikeproof_metrics_representation.distances import Side, is_flat, rdm_of
from spikeproof_metrics_representation.model_evaluation import ModelEvaluation
from spikeproof_metrics_representation.noisy_shapes import StochasticShape
from spikeproof_metrics_representation.rdm_similarity import RdmSimilarity

RNG = np.random.default_rng(0)
NAMES = np.array([f"s{k:02d}" for k in range(12)])
RESAMPLING = Resampling(draws=200)


def side(values: np.ndarray) -> Side:
    return Side(values=values, stimuli=NAMES[: len(values)], repeats=None, noiseless=True, what="model")


def test_poisson_distances_are_those_of_the_function_and_compare_rdms() -> None:
    counts = RNG.poisson(5, size=(12, 9)).astype(float)
    np.testing.assert_array_equal(rdm_of(side(counts), "poisson", "toy"), representation.rdm_poisson(counts))
    found = RdmSimilarity(distance="poisson", comparison="cosine").score(
        Sample(responses=counts, reference=counts, stimuli=NAMES)
    )
    assert found["rdm_similarity"] == pytest.approx(1)
    # Of one unit at two rates: (a - b) (log a - log b), rates shrunk to (x + 0.1) / 1.1.
    rates = (np.array([1.0, 4.0]) + 0.1) / 1.1
    two = rdm_of(side(np.array([[1.0], [4.0]])), "poisson", "toy")
    assert two[0] == pytest.approx((rates[0] - rates[1]) * np.log(rates[0] / rates[1]))


def test_poisson_distances_refuse_negative_responses_and_see_when_all_are_alike() -> None:
    with pytest.raises(DataError, match=r"toy: poisson distances need counts, .* of the model is -1: set distance"):
        rdm_of(side(np.array([[1.0], [-1.0]])), "poisson", "toy")
    alike = side(np.full((5, 3), 7.0))
    assert is_flat(rdm_of(alike, "poisson", "toy"), alike, "poisson")
    varied = side(RNG.poisson(5, size=(5, 3)).astype(float))
    assert not is_flat(rdm_of(varied, "poisson", "toy"), varied, "poisson")


def noisy(means: np.ndarray, sd: float, *, seed: int, repeats: int = 4) -> tuple[np.ndarray, Repeats]:
    """Means, and presentations whose noise has exactly this covariance, alike at every stimulus."""
    units = means.shape[1]
    drawn = np.random.default_rng(seed).normal(size=(max(repeats, units + 1), units))
    drawn -= drawn.mean(axis=0)
    white = np.linalg.svd(drawn, full_matrices=False)[0] * np.sqrt(len(drawn) - 1)
    single = means[:, None] + sd * white
    return means, Repeats(responses=single.reshape(-1, units), stimuli=np.repeat(NAMES[: len(means)], len(drawn)))


def compared(first: tuple[np.ndarray, Repeats], second: tuple[np.ndarray, Repeats], **parameters: Any) -> float:
    sample = Sample(
        responses=first[0],
        repeats=first[1],
        reference=second[0],
        reference_repeats=second[1],
        stimuli=NAMES[: len(first[0])],
    )
    return StochasticShape(**parameters).score(sample)["stochastic_shape"]


def test_means_alone_give_the_chord_of_the_shape_distances_angle() -> None:
    x, y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 3))
    found = StochasticShape(alpha=2.0).score(Sample(responses=x, reference=y, stimuli=NAMES))["stochastic_shape"]
    angle = representation.shape_distance(x, y)
    assert found == pytest.approx(np.sqrt(2 * (2 - 2 * np.cos(angle))))


@pytest.mark.parametrize("noise", ["pooled", "each"])
def test_round_noise_of_two_sizes_lies_apart_by_the_difference_of_its_sds(noise: str) -> None:
    means = RNG.normal(size=(12, 4))
    size = np.sqrt(((means - means.mean(axis=0)) ** 2).sum(axis=1).mean())
    rotation = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    found = compared(noisy(means, 0.5, seed=1), noisy(means @ rotation, 2.0, seed=2), noise=noise)
    assert found == pytest.approx(np.sqrt(4) * 1.5 / size, rel=1e-4)  # Bures^2 of two multiples of one = 4 (2 - 0.5)^2
    assert compared(noisy(means, 0.5, seed=1), noisy(means, 0.5, seed=3), noise=noise) == pytest.approx(0, abs=1e-6)


def test_the_distance_of_the_score_is_that_of_the_function_on_centred_and_scaled_responses() -> None:
    x, y = noisy(RNG.normal(size=(12, 3)), 0.7, seed=5), noisy(RNG.normal(size=(12, 3)) + 3, 0.2, seed=6)
    parts = []
    for means, sd in ((x[0], 0.7), (y[0], 0.2)):
        centred = means - means.mean(axis=0)
        size = np.sqrt((centred**2).sum(axis=1).mean())
        parts += [centred / size, np.stack([np.eye(3) * (sd / size) ** 2] * 12)]
    theirs = representation.gaussian_shape_distance(*parts, restarts=0, tolerance=1e-5).distance
    assert compared(x, y) == pytest.approx(theirs, rel=1e-9)


def test_a_network_has_no_noise_and_a_recording_must_tell_its_own() -> None:
    means = RNG.normal(size=(12, 3))
    computed = Sample(responses=means, reference=2 * means, noiseless=True, reference_noiseless=True, stimuli=NAMES)
    assert StochasticShape().score(computed)["stochastic_shape"] == pytest.approx(0, abs=1e-7)
    with pytest.raises(NotEnoughData, match="no single presentations of the reference, which tell its noise"):
        StochasticShape().score(replace(computed, reference_noiseless=False))
    once = Repeats(responses=means, stimuli=NAMES)
    with pytest.raises(NotEnoughData, match="no stimulus of the reference was presented twice"):
        StochasticShape().score(replace(computed, reference_repeats=once))
    most = Repeats(responses=np.vstack([means, means[1:] + 1]), stimuli=np.concatenate([NAMES, NAMES[1:]]))
    with pytest.raises(NotEnoughData, match=r"'s00' of the reference was presented once \(1 such stimuli\).* pooled"):
        StochasticShape(noise="each").score(replace(computed, reference_repeats=most))
    StochasticShape().score(replace(computed, reference_repeats=most))


def test_a_search_that_is_not_done_and_bad_parameters_are_refused() -> None:
    x, y = noisy(RNG.normal(size=(12, 3)), 0.7, seed=5), noisy(RNG.normal(size=(12, 3)), 0.2, seed=6)
    with pytest.raises(DataError, match="was not done after 1 iterations: raise iterations or tolerance"):
        compared(x, y, iterations=1)
    for given, message in (
        ({"alpha": 3.0}, r"alpha must lie between 0 \(noise\) and 2 \(means\), got 3"),
        ({"restarts": -1}, "restarts must be at least 0"),
        ({"tolerance": 0.0}, "tolerance must lie between 0 and 1"),
    ):
        with pytest.raises(BadParameter, match=message):
            StochasticShape(**given)  # type: ignore[arg-type]


def code(system: str, values: np.ndarray, subjects: list[str] | None = None, *, network: bool = False) -> Code:
    units = [f"{system}{k}" for k in range(values.shape[1])]
    coords: dict[str, Any] = {"stimulus": NAMES[: len(values)], "unit": units}
    if subjects:
        coords["subject"] = ("unit", subjects)
    return Code(
        system=system,
        responses=xr.DataArray(values, dims=("stimulus", "unit"), coords=coords, attrs={"units": "Hz"}),
        facts={"model": system, "layer": "output"} if network else {},
    )


TRUTH = RNG.normal(size=(12, 10))
ANIMALS = np.hstack([TRUTH + 0.4 * RNG.normal(size=TRUTH.shape) for _ in range(4)])
SUBJECTS = [name for name in ("a", "b", "c", "d") for _ in range(10)]
CODES = {
    "recording": code("recording", ANIMALS, SUBJECTS),
    "true": code("true", TRUTH, network=True),
    "other": code("other", RNG.normal(size=(12, 10)), network=True),
}


def across(metric: ModelEvaluation, codes: dict[str, Code] = CODES) -> xr.Dataset:
    return metric.across(StudyEvidence(codes=codes, measured={}), RESAMPLING)


@pytest.mark.parametrize("over", ["auto", "subjects", "stimuli"])
def test_means_and_intervals_are_those_of_the_bootstrap_functions(over: Any) -> None:
    summary = across(ModelEvaluation(over=over, comparison="corr"))
    models = np.stack([representation.rdm_correlation(CODES[name].responses.values) for name in ("true", "other")])
    subjects = np.stack([representation.rdm_correlation(ANIMALS[:, 10 * k : 10 * k + 10]) for k in range(4)])
    named: Any = {"auto": "both", "stimuli": "conditions"}.get(over, over)
    theirs = representation.bootstrap_evaluation(models, subjects, "corr", over=named, resampling=RESAMPLING)
    for statistic, values in (("estimate", theirs.means), ("low", theirs.low), ("high", theirs.high)):
        np.testing.assert_allclose(summary["evaluation"].sel(statistic=statistic), values)
    apart = summary["difference"]
    np.testing.assert_allclose(apart.sel(statistic="estimate"), theirs.means[:, None] - theirs.means)
    if named != "both":  # of one factor the interval is that of the paired draws
        size = {"subjects": 4, "conditions": 12}[named]
        sd = np.sqrt((theirs.draws[:, 0] - theirs.draws[:, 1]).var(ddof=1) * size / (size - 1))
        reach = apart.sel(statistic="high", system="true", reference="other") - (theirs.means[0] - theirs.means[1])
        from scipy import stats

        assert float(reach) == pytest.approx(sd * stats.t.ppf(0.975, size - 1))
    assert (apart.values[1:, [0, 1], [0, 1]] == 0).all()
    ceiling = representation.rdm_noise_ceiling(subjects, "corr")
    assert float(summary["lower"].sel(statistic="estimate")) == pytest.approx(ceiling.lower)
    assert float(summary["upper"].sel(statistic="estimate")) == pytest.approx(ceiling.upper)


def test_the_true_model_is_above_chance_and_better_than_another() -> None:
    metric = ModelEvaluation()
    summary = across(metric)
    said = list(metric.describe(summary))
    assert "The RDM of true has a similarity of" in said[0]
    assert "above chance" in said[0]
    assert "not told apart from chance" in said[1]
    assert "True describes the subjects better than other." in said
    low, high = (float(summary[name].sel(statistic="estimate")) for name in ("lower", "upper"))
    assert low < high
    assert abs(float(summary["evaluation_shuffled"].sel(statistic="estimate", system="true"))) < 0.1


def test_one_subject_is_described_over_stimuli_and_has_no_ceiling() -> None:
    codes = {"recording": code("recording", ANIMALS[:, :10]), "true": CODES["true"]}
    summary = across(ModelEvaluation(), codes)
    assert set(summary.data_vars) == {"evaluation", "evaluation_shuffled"}
    assert "does not reach beyond these subjects" in summary["evaluation"].attrs["definition"]
    with pytest.raises(NotEnoughData, match="one subject cannot be resampled"):
        across(ModelEvaluation(over="subjects"), codes)


def test_an_evaluation_refuses_what_it_cannot_compare() -> None:
    with pytest.raises(NotEnoughData, match="the study has no recording"):
        across(ModelEvaluation(), {"true": CODES["true"]})
    with pytest.raises(NotEnoughData, match=r"all systems are recordings: add a \[\[model\]\]"):
        across(ModelEvaluation(), {"recording": CODES["recording"]})
    with pytest.raises(DataError, match="data names 'nobody'; the systems are recording, true, other"):
        across(ModelEvaluation(data=("nobody",)))
    with pytest.raises(BadParameter, match="data names a system twice"):
        ModelEvaluation(data=("a", "a"))
    few = {**CODES, "few": code("few", TRUTH[:5], network=True)}
    with pytest.raises(NotEnoughData, match=r"all systems .* were shown 5 stimuli in common, and it needs 6"):
        across(ModelEvaluation(), few)
    flat = {**CODES, "flat": code("flat", np.eye(12), network=True)}
    with pytest.raises(NotEnoughData, match="all stimuli are equally far from each other in flat"):
        across(ModelEvaluation(), flat)
