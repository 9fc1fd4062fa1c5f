"""Comparisons of representations as the host makes them: values, identity, pairs, ceilings, refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import spikeproof_metrics_representation as representation
import xarray as xr
from spikeproof._host import Host
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.pipeline.between import compare_systems, described
from spikeproof.pipeline.blocks import as_target, stack_targets
from spikeproof.pipeline.ledger import Ledger
from spikeproof.pipeline.scored import ScoredMetric
from spikeproof.plugin import MetricEntry
from spikeproof.progress import SilentProgress
from spikeproof.statistics import Resampling
from spikeproof.testing.toy_evidence import toy_evidence
from spikeproof.testing.toys import toy_code
from spikeproof.types import Code, Sample
from spikeproof_metrics_representation.aligned_kernels import KernelAlignment
from spikeproof_metrics_representation.aligned_shapes import ShapeDistance
from spikeproof_metrics_representation.predicted import LinearPredictivity
from spikeproof_metrics_representation.rdm_similarity import RdmSimilarity

SCORES = {
    "cka": KernelAlignment(),
    "rdm-similarity": RdmSimilarity(),
    "shape-distance": ShapeDistance(),
    "predictivity": LinearPredictivity(folds=2),
}
IDENTICAL = {
    "cka": 1.0,
    "rdm_similarity": 1.0,
    "shape_distance": 0.0,
    "predictivity": 1.0,
    "reverse_predictivity": 1.0,
}
RESAMPLING = Resampling(draws=40)


def entry_of(name: str) -> MetricEntry:
    host = Host.discover(environ={"SPIKEPROOF_NO_PLUGINS": "1"})
    found = next(item.entry for item in host.entries("metric") if item.entry.name == name)
    assert isinstance(found, MetricEntry)
    return found


def metric_of(name: str) -> ScoredMetric:
    return ScoredMetric(score=SCORES[name], entry=entry_of(name), seed=0)


def summary_of(name: str, *, size: float = 1.0) -> xr.Dataset:
    metric = metric_of(name)
    found = [as_target(metric.measure(item), item) for item in toy_evidence(metric.entry, size=size)]
    return metric.summarise(stack_targets([item for item in found if item.data_vars]), toy_code(), RESAMPLING)


def two(seed: int = 0, stimuli: int = 40) -> Sample:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(stimuli, 4))
    responses = latent @ rng.normal(size=(4, 7)) + 0.5 * rng.normal(size=(stimuli, 7))
    reference = latent @ rng.normal(size=(4, 5)) + 0.5 * rng.normal(size=(stimuli, 5))
    return Sample(responses=responses, reference=reference, stimuli=np.array([f"s{k}" for k in range(stimuli)]))


def changed(sample: Sample, **sides: np.ndarray) -> Sample:
    return replace(sample, **sides)  # type: ignore[arg-type]


def test_every_comparison_is_one_of_the_host() -> None:
    for name, score in SCORES.items():
        entry = entry_of(name)
        assert (entry.kind, entry.comparison, entry.null, entry.scale) == ("score", True, "stimuli", "population")
        assert entry.aims == ("population", "behavior")
        assert score.quantities()[0].headline


def test_a_curve_holds_the_values_of_the_functions() -> None:
    for name in ("cka", "rdm-similarity", "shape-distance"):
        metric = metric_of(name)
        evidence = next(item for item in toy_evidence(metric.entry) if item.perturbed is not None)
        assert evidence.perturbed is not None
        clean, perturbed = evidence.clean.values, evidence.perturbed.values[2]
        expected = {
            "cka": lambda x, y: representation.cka(x, y),
            "rdm-similarity": lambda x, y: representation.compare_rdms(
                representation.rdm_correlation(x), representation.rdm_correlation(y), "spearman"
            )[0, 0],
            "shape-distance": lambda x, y: representation.shape_distance(x, y),
        }[name](perturbed, clean)
        quantity = metric.score.quantities()[0].name
        found = metric.measure(evidence)[f"{quantity}_toy"].values[2]
        assert 0 < abs(expected) < 1
        assert found == pytest.approx(expected, rel=1e-12)


def test_predictivity_runs_in_both_directions_on_held_out_folds() -> None:
    sample = two()
    assert sample.reference is not None
    tests = sample.folds(4) == np.arange(4)[:, None]
    assert (tests.sum(axis=0) == 1).all()
    for method, given in (("pls", {"components": 3}), ("ridge", {"penalty": 5.0}), ("ridgecv", {})):
        found = LinearPredictivity(method=method, folds=4, **given).score(sample)  # type: ignore[arg-type]
        more: dict[str, Any] = {"components": 3, "tolerance": 0.0, "alpha": 5.0, "test_sets": tests}
        forward = representation.linear_predictivity(sample.responses, sample.reference, method, **more)  # type: ignore[arg-type]
        reverse = representation.reverse_predictivity(sample.responses, sample.reference, method, **more)  # type: ignore[arg-type]
        assert found["predictivity"] == pytest.approx(forward.score, rel=1e-12)
        assert found["reverse_predictivity"] == pytest.approx(reverse.score, rel=1e-12)
        assert forward.score != pytest.approx(reverse.score, abs=1e-3)


def test_predictivity_takes_no_more_components_than_there_are_and_leaves_silent_units_out() -> None:
    sample = two()
    assert sample.reference is not None
    few = LinearPredictivity(components=5, folds=2).score(changed(sample, responses=sample.responses[:, :5]))
    assert LinearPredictivity(folds=2).score(changed(sample, responses=sample.responses[:, :5])) == few
    silent = changed(
        sample,
        responses=np.insert(sample.responses, 2, 0.0, axis=1),
        reference=np.insert(sample.reference, 1, 3.0, axis=1),
    )
    assert LinearPredictivity().score(silent) == pytest.approx(LinearPredictivity().score(sample), rel=1e-9)


@pytest.mark.parametrize("name", ["cka", "rdm-similarity", "shape-distance"])
def test_nothing_perturbed_is_identity_and_shuffled_stimuli_are_not(name: str) -> None:
    summary = summary_of(name, size=0.0)
    for quantity in SCORES[name].quantities():
        curve = summary[f"{quantity.name}_toy"].sel(perturbation="toy")
        # arccos has no more than half the digits near 0
        assert curve.values == pytest.approx(np.full(curve.shape, IDENTICAL[quantity.name]), abs=1e-7)
        assert (curve.sel(statistic="estimate") <= quantity.highest).all()
        chance = float(summary[f"{quantity.name}_shuffled"].sel(statistic="estimate"))
        assert abs(chance - IDENTICAL[quantity.name]) > 0.3


def test_identical_responses_predict_each_other_where_components_and_stimuli_suffice() -> None:
    sample = two()
    same = replace(sample, reference=sample.responses)
    for score in (LinearPredictivity(), LinearPredictivity(method="ridge", penalty=1e-9)):
        assert score.score(same) == pytest.approx({"predictivity": 1.0, "reverse_predictivity": 1.0}, abs=1e-9)
    assert LinearPredictivity(components=2).score(same)["predictivity"] < 0.99


@pytest.mark.parametrize("name", SCORES)
def test_a_recording_with_repeats_has_a_ceiling_between_chance_and_identity(name: str) -> None:
    summary = summary_of(name)
    for quantity in SCORES[name].quantities():
        assert quantity.name not in summary
        ceiling, chance = (summary[f"{quantity.name}_{what}"] for what in ("ceiling", "shuffled"))
        distance = [abs(float(item.sel(statistic="estimate")) - IDENTICAL[quantity.name]) for item in (ceiling, chance)]
        assert 0 < distance[0] < distance[1]
        assert float(ceiling.sel(statistic="low")) < float(ceiling.sel(statistic="high"))
        assert summary[f"{quantity.name}_toy"]["perturbation"].values.tolist() == ["toy", "random", "repeats"]


def networks() -> dict[str, Code]:
    sample = two()
    assert sample.reference is not None
    names = np.array([f"s{k}" for k in range(40)])
    found = {}
    for system, values in (("one", sample.responses), ("two", sample.reference)):
        on = {"stimulus": names, "unit": [f"u{k}" for k in range(values.shape[1])]}
        found[system] = Code(
            system=system, responses=xr.DataArray(values, dims=("stimulus", "unit"), coords=on, attrs={"units": "1"})
        )
    return found


@pytest.mark.parametrize("name", SCORES)
def test_networks_are_compared_with_each_other(name: str) -> None:
    codes = networks()
    summary = compare_systems(metric_of(name), name, codes, RESAMPLING, Ledger(progress=SilentProgress()))
    assert summary is not None
    score = SCORES[name]
    for quantity in score.quantities():
        values = summary[f"{quantity.name}_between"]
        sample = replace(
            two(), responses=codes["two"].responses.values, reference=codes["one"].responses.values, seed=0
        )
        expected = score.score(sample)[quantity.name]
        low, estimate, high = (
            float(values.sel(statistic=which, reference="one", system="two")) for which in ("low", "estimate", "high")
        )
        assert estimate == pytest.approx(expected, rel=1e-12)
        assert low < estimate < high
        null = summary[f"{quantity.name}_between_shuffled"].sel(reference="one", system="two")
        assert abs(float(null.sel(statistic="estimate")) - IDENTICAL[quantity.name]) > 1.5 * abs(
            expected - IDENTICAL[quantity.name]
        )
    assert described(metric_of(name), summary)


def test_turning_and_scaling_changes_no_alignment() -> None:
    sample = two()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(7, 7)))[0]
    same = replace(sample, reference=3.0 * sample.responses @ turn + 1.0)
    assert KernelAlignment().score(same)["cka"] == pytest.approx(1)
    assert ShapeDistance().score(same)["shape_distance"] == pytest.approx(0, abs=1e-7)
    assert RdmSimilarity(distance="squared-euclidean").score(same)["rdm_similarity"] == pytest.approx(1)
    assert LinearPredictivity().score(same)["predictivity"] == pytest.approx(1)


def test_what_predicts_and_what_is_predicted_change_places_with_the_systems() -> None:
    sample = two()
    assert sample.reference is not None
    forward = LinearPredictivity().score(sample)
    back = LinearPredictivity().score(replace(sample, responses=sample.reference, reference=sample.responses))
    assert forward["predictivity"] == pytest.approx(back["reverse_predictivity"], rel=1e-12)


def test_options_choose_the_estimator() -> None:
    sample = two()
    x, y = sample.responses, sample.reference
    assert y is not None
    biased = KernelAlignment(debiased=False).score(sample)["cka"]
    assert biased == pytest.approx(representation.cka(x, y, debiased=False), rel=1e-12)
    assert biased > KernelAlignment().score(sample)["cka"]
    assert "biased CKA" in KernelAlignment(debiased=False).quantities()[0].long_name
    assert ShapeDistance(alpha=0.5).score(sample)["shape_distance"] == pytest.approx(
        representation.shape_distance(x, y, alpha=0.5), rel=1e-12
    )
    rdms = {
        "correlation": [representation.rdm_correlation(side) for side in (x, y)],
        "squared-euclidean": [representation.rdm_squared_euclidean(side) for side in (x, y)],
    }
    seen = set()
    for distance, pair in rdms.items():
        for comparison in ("spearman", "corr", "cosine", "rho-a", "tau-a", "corr_cov"):
            score = RdmSimilarity(distance=distance, comparison=comparison)  # type: ignore[arg-type]
            expected = float(representation.compare_rdms(pair[0], pair[1], comparison)[0, 0])  # type: ignore[arg-type]
            assert score.score(sample)["rdm_similarity"] == pytest.approx(expected, rel=1e-12)
            definition = score.quantities()[0].definition
            assert definition not in seen
            seen.add(definition)


def test_independent_responses_have_no_debiased_cka_and_much_biased_one() -> None:
    rng = np.random.default_rng(3)
    values = [
        [
            score.score(Sample(responses=a, reference=b))["cka"]
            for score in (KernelAlignment(), KernelAlignment(debiased=False))
        ]
        for a, b in (rng.normal(size=(2, 30, 60)) for _ in range(60))
    ]
    debiased, biased = np.mean(values, axis=0)
    assert abs(debiased) < 3 * np.std([row[0] for row in values]) / math.sqrt(60)
    assert biased > 0.5


@pytest.mark.parametrize("name", SCORES)
def test_too_little_is_refused(name: str) -> None:
    score, sample = SCORES[name], two()
    assert sample.reference is not None
    with pytest.raises(NotEnoughData, match=f"{name}: there is nothing to compare with: it needs the responses of a r"):
        score.score(replace(sample, reference=None))
    with pytest.raises(NotEnoughData, match=f"{name}: 2 stimuli are compared, but it needs at least [346]"):
        score.score(two(stimuli=2))
    flat = np.full((40, 5), 0.3)
    with pytest.raises(
        NotEnoughData, match=f"{name}: the reference's responses are the same for all 40 stimuli \\(5 u"
    ):
        score.score(replace(sample, reference=flat))
    with pytest.raises(NotEnoughData, match=f"{name}: the compared responses are the same for all 40 stimuli"):
        score.score(replace(sample, responses=flat))


def test_what_an_rdm_cannot_say_is_refused() -> None:
    sample = two()
    few = replace(sample, responses=sample.responses[:, :2])
    with pytest.raises(
        NotEnoughData, match="the compared system has 2 units, but correlation distances need at least 3"
    ):
        RdmSimilarity().score(few)
    assert np.isfinite(RdmSimilarity(distance="squared-euclidean").score(few)["rdm_similarity"])
    silent = sample.responses.copy()
    silent[[7, 9]] = 0.0
    with pytest.raises(
        NotEnoughData, match=r"all 7 units of the compared system respond alike to stimulus 's7' \(2 su"
    ):
        RdmSimilarity().score(replace(sample, responses=silent))
    same = replace(sample, responses=np.eye(40))
    with pytest.raises(NotEnoughData, match="all 40 stimuli are equally far from each other in the compared system"):
        RdmSimilarity().score(same)
    line = replace(sample, reference=np.outer(np.arange(1.0, 41.0), [0.1, 0.2, 0.5, 0.9]))
    with pytest.raises(NotEnoughData, match="all 40 stimuli are equally far from each other in the reference"):
        RdmSimilarity(comparison="tau-a").score(line)
    assert RdmSimilarity(distance="squared-euclidean", comparison="cosine").score(same)["rdm_similarity"] > 0.5
    with pytest.raises(DataError, match="finite"):
        RdmSimilarity().score(replace(sample, responses=np.where(np.eye(40, 7) > 0, np.nan, sample.responses)))


def test_predictivity_refuses_folds_without_enough_stimuli() -> None:
    with pytest.raises(NotEnoughData, match="8 stimuli cannot be split into 5 folds of two or more"):
        LinearPredictivity(folds=5).score(two(stimuli=8))
    with pytest.raises(NotEnoughData, match=r"12 stimuli in 5 folds leave one of 2, but a correlation needs 3 held-o"):
        LinearPredictivity(folds=5).score(two(stimuli=12))
    with pytest.raises(NotEnoughData, match="shape distance: with alpha 0"):
        ShapeDistance(alpha=0.0).score(two(stimuli=6))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ShapeDistance(alpha=1.5), r"shape-distance: alpha must lie between 0 .* and 1 \(rotations\), got 1.5"),
        (lambda: LinearPredictivity(components=0), "predictivity: components must be at least 1, got 0"),
        (lambda: LinearPredictivity(penalty=0.0), "predictivity: penalty must be above 0, and finite, got 0.0"),
        (lambda: LinearPredictivity(folds=1), "predictivity: folds must be at least 2, got 1"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(build: Any, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        build()


def test_the_order_of_stimuli_and_of_units_does_not_matter() -> None:
    sample = two()
    assert sample.reference is not None
    assert sample.stimuli is not None
    rows, columns = np.random.default_rng(5).permutation(40), np.array([3, 0, 6, 1, 4, 2, 5])
    other = replace(
        sample,
        responses=sample.responses[rows][:, columns],
        reference=sample.reference[rows],
        stimuli=sample.stimuli[rows],
    )
    for score in SCORES.values():
        assert score.score(other) == pytest.approx(score.score(sample), rel=1e-9)
