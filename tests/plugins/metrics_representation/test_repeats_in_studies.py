"""Distances in the noise, without its bias, ceilings and explainable variance: what studies make of repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof_metrics_representation as representation
import xarray as xr
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.pipeline.between import compare_systems
from spikeproof.pipeline.ledger import Ledger
from spikeproof.pipeline.scored import ScoredMetric
from spikeproof.plugin import MetricEntry
from spikeproof.progress import SilentProgress
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, Quantity, Repeats, Sample
from spikeproof_metrics_representation.consistency import median_consistency
from spikeproof_metrics_representation.distances import Distance, Side, rdm_of
from spikeproof_metrics_representation.predicted import LinearPredictivity
from spikeproof_metrics_representation.rdm_ceiling import RdmCeiling
from spikeproof_metrics_representation.rdm_similarity import RdmSimilarity

ENTRY = MetricEntry(
    name="toy", factory="toy:Toy", summary="Toy.", scale="population", kind="score", comparison=True, null="stimuli"
)
RESAMPLING = Resampling(draws=40)


def truth(stimuli: int = 12, units: int = 9, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(stimuli, units))


def recording(
    means: np.ndarray, *, noise: float = 1.0, repeats: int = 4, seed: int = 1, drop: int = 0, **on_unit: list[str]
) -> Code:
    """A recording of these means, its stimuli not in alphabetical order; ``drop`` presentations are missing."""
    rng = np.random.default_rng(seed)
    names = [f"s{(11 * k) % len(means):03d}" for k in range(len(means))]
    row = np.tile(np.arange(len(means)), repeats)[: repeats * len(means) - drop]
    single = means[row] + noise * rng.normal(size=(len(row), means.shape[1]))
    units = {"unit": [f"u{k}" for k in range(means.shape[1])], **{n: ("unit", v) for n, v in on_unit.items()}}
    average = np.stack([single[row == k].mean(axis=0) for k in range(len(means))])
    return Code(
        system="recording",
        responses=xr.DataArray(
            average, dims=("stimulus", "unit"), coords={"stimulus": names, **units}, attrs={"units": "Hz"}
        ),
        repeats=xr.DataArray(
            single,
            dims=("presentation", "unit"),
            coords={"stimulus": ("presentation", np.array(names)[row]), **units},
            attrs={"units": "Hz"},
        ),
    )


def network(code: Code, values: np.ndarray) -> Code:
    """A network's layer that was shown the same images."""
    units = [f"n{k}" for k in range(values.shape[1])]
    responses = xr.DataArray(
        values,
        dims=("stimulus", "unit"),
        coords={"stimulus": code.responses["stimulus"].values, "unit": units},
        attrs={"units": "activation"},
    )
    return Code(system="net", responses=responses, facts={"model": "net", "layer": "output"})


def side(code: Code, *, noiseless: bool = False) -> Side:
    shown = None
    if code.repeats is not None:
        shown = Repeats(responses=code.repeats.values, stimuli=code.repeats["stimulus"].values.astype(str))
    names = code.responses["stimulus"].values.astype(str)
    return Side(values=code.responses.values, stimuli=names, repeats=shown, noiseless=noiseless, what="recording")


def in_order(rdm: np.ndarray, code: Code) -> np.ndarray:
    """An RDM of sorted stimuli in the order of the code."""
    rows = np.argsort(np.argsort(code.responses["stimulus"].values.astype(str)))
    return representation.rdm_vector(representation.rdm_matrix(rdm)[np.ix_(rows, rows)])


@pytest.mark.parametrize("drop", [0, 5])
def test_distances_are_those_of_the_functions(drop: int) -> None:
    code = recording(truth(), drop=drop)
    assert code.repeats is not None
    shown = code.repeats["stimulus"].values.astype(str)
    precision = representation.noise_precision(code.repeats.values, shown)
    if drop:
        rank = np.array([int((shown[:k] == shown[k]).sum()) for k in range(len(shown))])
        crossnobis = representation.rdm_unbalanced(
            code.repeats.values, shown, "mahalanobis", folds=rank, precision=precision
        )
    else:
        crossnobis = representation.rdm_crossnobis(
            representation.stack_repeats(code.repeats.values, shown)[0], precision
        )
    here = side(code)
    np.testing.assert_allclose(rdm_of(here, "crossnobis", "toy"), in_order(crossnobis, code), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        rdm_of(here, "mahalanobis", "toy"), representation.rdm_mahalanobis(here.values, precision), rtol=1e-12
    )
    np.testing.assert_array_equal(
        rdm_of(here, "squared-euclidean", "toy"), representation.rdm_squared_euclidean(here.values)
    )
    np.testing.assert_array_equal(rdm_of(here, "correlation", "toy"), representation.rdm_correlation(here.values))


def test_what_has_no_noise_is_measured_as_it_is() -> None:
    code = network(recording(truth()), truth())
    for distance in ("mahalanobis", "crossnobis"):
        found = rdm_of(side(code, noiseless=True), distance, "toy")  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, representation.rdm_squared_euclidean(truth()))


def test_crossnobis_distances_of_noise_alone_are_zero_on_average_and_others_are_not() -> None:
    found: dict[Distance, list[float]] = {"crossnobis": [], "mahalanobis": []}
    for seed in range(60):
        here = side(recording(np.zeros((6, 5)), seed=seed, repeats=8))
        for distance, means in found.items():
            means.append(float(rdm_of(here, distance, "toy").mean()))
    error = np.std(found["crossnobis"]) / np.sqrt(60)
    assert abs(np.mean(found["crossnobis"])) < 3 * error
    assert np.mean(found["mahalanobis"]) > 20 * error


def compared(score: Any, codes: dict[str, Code], name: str = "rdm_similarity") -> xr.DataArray:
    metric = ScoredMetric(score=score, entry=ENTRY, seed=0)
    ledger = Ledger(progress=SilentProgress())
    found = compare_systems(metric, "toy", codes, RESAMPLING, ledger)
    assert found is not None, ledger.refused
    return found[f"{name}_between"].sel(reference="recording", system="net")


def test_a_recording_is_compared_with_a_network_without_the_bias_of_unequal_repeats() -> None:
    means = truth(10, 30)
    code = recording(means, noise=0.8, repeats=6, drop=9)
    assert code.repeats is not None
    codes = {"recording": code, "net": network(code, means)}
    values = compared(RdmSimilarity(distance="crossnobis", comparison="corr"), codes)
    expected = representation.compare_rdms(
        rdm_of(side(code), "crossnobis", "toy"), representation.rdm_squared_euclidean(means), "corr"
    )
    assert float(values.sel(statistic="estimate")) == pytest.approx(float(expected[0, 0]))
    middle, low, high = values.values.tolist()
    assert low < middle < high


class Probe:
    """A score that holds if single presentations are always those of the means that it is given."""

    reads_repeats = True

    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity(name="rdm_similarity", long_name="x", units="1", definition="x."),)

    def score(self, sample: Sample) -> dict[str, float]:
        assert sample.stimuli is not None
        for means, shown, computed in (
            (sample.responses, sample.repeats, sample.noiseless),
            (sample.reference, sample.reference_repeats, sample.reference_noiseless),
        ):
            assert means is not None
            assert (shown is None) == computed
            if shown is None:
                continue
            assert set(shown.stimuli.tolist()) == set(sample.stimuli.tolist())
            for name, mean in zip(sample.stimuli, means, strict=True):
                np.testing.assert_allclose(shown.responses[shown.stimuli == name].mean(axis=0), mean)
        return {"rdm_similarity": float(sample.responses.mean())}


def test_presentations_follow_the_means_through_pairs_halves_shuffles_and_what_is_left_out() -> None:
    code = recording(truth(), drop=3)
    compared(Probe(), {"recording": code, "net": network(code, truth())})
    metric = ScoredMetric(score=Probe(), entry=ENTRY, seed=0)
    found = metric.measure(Evidence(code=code))
    assert {"rdm_similarity_ceiling", "rdm_similarity_shuffled"} <= set(found.data_vars)
    alone = ScoredMetric(score=OneSided(), entry=replace(ENTRY, comparison=False, null=None), seed=0)
    assert "rdm_similarity" in alone.measure(Evidence(code=code))


class OneSided(Probe):
    def score(self, sample: Sample) -> dict[str, float]:
        return super().score(replace(sample, reference=sample.responses, reference_repeats=sample.repeats))


def test_scores_that_do_not_ask_get_no_presentations() -> None:
    class Plain(Probe):
        reads_repeats = False

        def score(self, sample: Sample) -> dict[str, float]:
            assert sample.repeats is None
            assert sample.reference_repeats is None
            return {"rdm_similarity": float(sample.responses.mean())}

    ScoredMetric(score=Plain(), entry=ENTRY, seed=0).measure(Evidence(code=recording(truth())))


def test_the_reliability_that_is_drawn_is_that_of_the_means() -> None:
    means = truth(200, 15)
    code = recording(means, noise=1.5, repeats=6)
    assert code.repeats is not None
    shown = Repeats(responses=code.repeats.values, stimuli=code.repeats["stimulus"].values.astype(str))
    found = median_consistency(shown, seed=0)
    assert found == pytest.approx(1 / (1 + 1.5**2 / 6), abs=0.03)
    order = np.random.default_rng(0).permutation(len(shown.stimuli))
    other = Repeats(responses=shown.responses[np.sort(order)], stimuli=shown.stimuli[np.sort(order)])
    assert median_consistency(other, seed=0) == found
    kept = np.unique(shown.stimuli)[:150]
    assert median_consistency(shown.of_stimuli(kept), seed=0) == pytest.approx(found, abs=0.03)


@pytest.mark.parametrize(
    ("ceiling", "rule"),
    [
        ("r2-over-ceiling", representation.r2_over_ceiling),
        ("squared-r-over-ceiling", representation.squared_r_over_ceiling),
    ],
)
def test_explainable_variance_follows_the_rule_that_is_named(ceiling: Any, rule: Callable[..., Any]) -> None:
    means = truth(60, 6)
    code = recording(means, noise=1.0, repeats=6)
    assert code.repeats is not None
    shown = Repeats(responses=code.repeats.values, stimuli=code.repeats["stimulus"].values.astype(str))
    net = network(code, means @ np.random.default_rng(3).normal(size=(6, 6)))
    sample = Sample(
        responses=net.responses.values,
        reference=code.responses.values,
        stimuli=code.responses["stimulus"].values.astype(str),
        reference_repeats=shown,
        noiseless=True,
    )
    metric = LinearPredictivity(ceiling=ceiling)
    found = metric.score(sample)
    reliability = median_consistency(shown, seed=0)
    assert found["explained"] == pytest.approx(float(rule(found["predictivity"], reliability)))
    assert found["reverse_explained"] == pytest.approx(found["reverse_predictivity"] ** 2)
    assert found["predictivity"] == LinearPredictivity().score(sample)["predictivity"]
    if ceiling == "r2-over-ceiling":
        assert found["explained"] == pytest.approx(1.0, abs=0.12)
    assert "January 2026" in metric.quantities()[2].definition
    assert metric.reads_repeats
    assert not LinearPredictivity().reads_repeats


def measured(metric: RdmCeiling, code: Code) -> xr.Dataset:
    found = metric.measure(Evidence(code=code)).expand_dims("target")
    return metric.summarise(found, code, Resampling())


def estimate(summary: xr.Dataset, name: str) -> float:
    return float(summary[name].sel(statistic="estimate"))


@pytest.mark.parametrize("across", ["subjects", "sessions"])
def test_ceilings_across_subjects_or_sessions_are_those_of_their_rdms(across: Any) -> None:
    means = truth(10, 12)
    who = ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    where = (
        {"subject": who, "session": ["one"] * 12} if across == "subjects" else {"session": who, "subject": ["x"] * 12}
    )
    code = recording(means, noise=0.3, **where)
    summary = measured(RdmCeiling(), code)
    rdms = [representation.rdm_correlation(code.responses.values[:, np.array(who) == name]) for name in "abc"]
    lower, upper = representation.rdm_noise_ceiling(rdms, "spearman")
    assert (estimate(summary, "lower"), estimate(summary, "upper")) == pytest.approx((lower, upper))
    assert summary["lower"].attrs["definition"].startswith("RDM of each of 3 subjects or sessions against the pool")
    low, high = (float(summary["lower"].sel(statistic=name)) for name in ("low", "high"))
    assert low < lower < high
    chance = summary["lower_shuffled"]
    assert float(chance.sel(statistic="low")) < 0 < float(chance.sel(statistic="high"))
    (said,) = RdmCeiling().describe(summary, code)
    assert said.startswith("No RDM does better than")


@pytest.mark.parametrize("distance", ["squared-euclidean", "crossnobis"])
def test_halves_foretell_what_the_true_rdm_reaches(distance: Distance) -> None:
    means = truth(14, 20)
    exact = representation.rdm_squared_euclidean(means)
    metric = RdmCeiling(comparison="corr", distance=distance, across="halves", splits=2)
    reached, halves = [], []
    for seed in range(40):
        code = recording(means, noise=1.5, repeats=8, seed=seed)
        _, data = metric._data(code)
        halves.append(metric._between_halves(data)[0])
        reached.append(float(representation.compare_rdms(rdm_of(side(code), distance, "toy"), exact, "corr")[0, 0]))
    foretold = np.sqrt(2 * np.mean(halves) / (1 + np.mean(halves)))
    error = np.std(reached) / np.sqrt(40)
    assert foretold == pytest.approx(np.mean(reached), abs=3 * error)


def test_one_recording_has_the_reliability_of_its_halves() -> None:
    code = recording(truth(), noise=0.5, repeats=6)
    summary = measured(RdmCeiling(splits=2, distance="crossnobis"), code)
    halves = estimate(summary, "between_halves")
    assert estimate(summary, "reliability") == pytest.approx(2 * halves / (1 + halves))
    assert estimate(summary, "attainable") == pytest.approx(np.sqrt(2 * halves / (1 + halves)))
    assert abs(estimate(summary, "between_halves_shuffled")) < 0.2 < halves
    (said,) = RdmCeiling().describe(summary, code)
    assert "the RDM of all repeats has a reliability of" in said
    summary = measured(RdmCeiling(splits=1, comparison="tau-a"), code)
    assert "attainable" not in summary
    assert "reliability" not in next(iter(RdmCeiling().describe(summary, code)))


def test_units_that_cannot_be_left_out_are_said() -> None:
    code = recording(truth(10, 6), noise=0.3, session=["a", "b"] * 3)
    summary = measured(RdmCeiling(), code)
    assert "too few units to leave any out" in summary["lower"].attrs["definition"]
    assert (
        "whose variances add up"
        in measured(RdmCeiling(across="halves", splits=1), code)["between_halves"].attrs["definition"]
    )


def once() -> Code:
    return replace(recording(truth()), repeats=None)


REFUSALS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no repeats": (
        lambda: rdm_of(side(once()), "crossnobis", "toy"),
        NotEnoughData,
        "crossnobis distances need single presentations of repeated stimuli, and there are none of the recording",
    ),
    "a half of two repeats": (
        lambda: rdm_of(side(recording(truth(), repeats=1)), "mahalanobis", "toy"),
        NotEnoughData,
        "mahalanobis distances need repeats, and there are too few of the recording",
    ),
    "a stimulus that was shown once": (
        lambda: rdm_of(side(recording(truth(), repeats=2, drop=1)), "crossnobis", "toy"),
        NotEnoughData,
        r"stimulus 's\d{3}' of the recording was presented once \(1 such stimuli\)",
    ),
    "ceiling without repeats": (
        lambda: LinearPredictivity(ceiling="r2-over-ceiling").score(
            Sample(responses=truth(), reference=truth(), stimuli=np.arange(12).astype(str), noiseless=True)
        ),
        NotEnoughData,
        "the ceiling needs repeats of the reference, and there are none: set ceiling to none",
    ),
    "too few repeated stimuli": (
        lambda: median_consistency(Repeats(responses=np.ones((6, 1)), stimuli=np.array(list("abcabc"))), seed=0),
        NotEnoughData,
        "3 stimuli of the reference were repeated, but its ceiling needs 4",
    ),
    "no unit varies": (
        lambda: median_consistency(Repeats(responses=np.ones((8, 1)), stimuli=np.array(list("abcdabcd"))), seed=0),
        NotEnoughData,
        "no unit of the reference varies over its 4 repeated stimuli",
    ),
    "splits": (lambda: RdmCeiling(splits=0), BadParameter, "splits must be at least 1"),
    "a network": (
        lambda: RdmCeiling().measure(Evidence(code=network(recording(truth()), truth()))),
        NotEnoughData,
        "computed by a network have no noise",
    ),
    "nothing to compare": (
        lambda: RdmCeiling().measure(Evidence(code=once())),
        NotEnoughData,
        "one subject, one session and no repeats",
    ),
    "one subject": (
        lambda: RdmCeiling(across="subjects").measure(Evidence(code=recording(truth()))),
        NotEnoughData,
        "there is one of subjects only",
    ),
    "few repeated stimuli": (
        lambda: RdmCeiling().measure(Evidence(code=recording(truth(6), repeats=2, drop=3))),
        NotEnoughData,
        "3 stimuli were repeated, but it needs at least 4",
    ),
    "all stimuli alike": (
        lambda: RdmCeiling(distance="squared-euclidean").measure(
            Evidence(code=recording(np.eye(6, 6), noise=0.0, repeats=2))
        ),
        NotEnoughData,
        "all stimuli are equally far from each other in the half of the repeats",
    ),
    "opposed halves": (
        lambda: RdmCeiling().summarise(
            RdmCeiling(splits=1)
            .measure(Evidence(code=recording(truth())))
            .assign(between_halves=-1.0)
            .expand_dims("target"),
            recording(truth()),
            RESAMPLING,
        ),
        DataError,
        "the halves of the repeats oppose each other",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_it_refuses_by_name(name: str) -> None:
    call, kind, text = REFUSALS[name]
    with pytest.raises(kind, match=text):
        call()


@pytest.mark.slow
def test_rdms_of_real_v4_are_as_reliable_with_any_distance(shared: Path) -> None:
    values = np.load(shared / "data/v4/responses_raw_210325.npy").transpose(1, 2, 0)[::5]
    row, repeat = np.nonzero(~np.isnan(values).any(axis=2))
    means = np.nanmean(values, axis=1)
    names = np.array([f"s{k:03d}" for k in range(len(values))])
    units = {"unit": [f"u{k}" for k in range(values.shape[2])]}
    code = Code(
        system="recording",
        responses=xr.DataArray(
            means, dims=("stimulus", "unit"), coords={"stimulus": names, **units}, attrs={"units": "spikes"}
        ),
        repeats=xr.DataArray(
            values[row, repeat],
            dims=("presentation", "unit"),
            coords={"stimulus": ("presentation", names[row]), **units},
            attrs={"units": "spikes"},
        ),
    )
    found = {
        distance: measured(RdmCeiling(distance=distance, comparison="corr", splits=2), code)
        for distance in ("squared-euclidean", "crossnobis")
    }
    for summary in found.values():
        assert estimate(summary, "reliability") == pytest.approx(0.79, abs=0.05)
        low, high = (float(summary["reliability"].sel(statistic=name)) for name in ("low", "high"))
        assert low < estimate(summary, "reliability") < high
