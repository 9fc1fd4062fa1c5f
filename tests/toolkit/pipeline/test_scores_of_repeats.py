"""Scores that read single presentations: clean ones, and those of perturbed images that were shown again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import spikeproof
from shown_perturbed import recorded, rows_of
from spikeproof.pipeline.blocks import block_of
from spikeproof.pipeline.parts import Part
from spikeproof.pipeline.resampled_scores import shuffled
from spikeproof.pipeline.scored import ScoredMetric
from spikeproof.plugin import MetricEntry
from spikeproof.result import Result
from spikeproof.testing.toy_evidence import toy_evidence
from spikeproof.types import Quantity, Repeats, Sample


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Variance of single presentations about their stimulus's mean."""

    reads_repeats: ClassVar[bool] = True

    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity(name="spread", long_name="spread", units="1", definition="Variance.", headline=True),)

    def score(self, sample: Sample) -> Mapping[str, float]:
        assert sample.repeats is not None
        shown = sample.repeats
        means = {name: shown.responses[shown.stimuli == name].mean(axis=0) for name in np.unique(shown.stimuli)}
        return {"spread": float(np.mean((shown.responses - np.stack([means[n] for n in shown.stimuli])) ** 2))}


ENTRY = MetricEntry(
    name="spread",
    factory="a:b",
    summary="s",
    scale="unit",
    kind="score",
    needs=("repeats",),
    aims=("population",),
    null="presentations",
)
REPEATS = Repeats(
    responses=np.arange(20.0).reshape(10, 2), stimuli=np.array(["b", "a", "b", "a", "c", "b", "d", "d", "a", "b"])
)


def test_halves_of_the_repeats_go_by_name_and_are_means_of_all_presentations() -> None:
    names, means = REPEATS.half_means(50, seed=0)
    assert names.tolist() == ["a", "b", "d"]  # "c" was shown once
    fewer, again = REPEATS.of_stimuli(np.array(["b", "c"])).half_means(50, seed=0)
    assert fewer.tolist() == ["b"]
    np.testing.assert_array_equal(again[:, :, 0], means[:, :, 1])
    even = REPEATS.responses[REPEATS.stimuli == "b"].mean(axis=0)
    np.testing.assert_allclose(means[:, :, 1].mean(axis=1), np.tile(even, (50, 1)))
    sizes = {2 if one in ([2.0, 3.0], [6.0, 7.0], [16.0, 17.0]) else 1 for one in means[:, 0, 0].tolist()}
    assert sizes == {1, 2}  # of three presentations the first half has one or two
    assert len({tuple(one.ravel()) for one in means[:, :, 1]}) > 2


def test_presentations_are_shuffled_over_stimuli_each_of_which_keeps_its_number() -> None:
    sample = Sample(responses=np.zeros((4, 2)), repeats=REPEATS)
    seen: list[Repeats] = []

    class Kept(Spread):
        def score(self, sample: Sample) -> Mapping[str, float]:
            assert sample.repeats is not None
            seen.append(sample.repeats)
            return Spread.score(self, sample)

    found = shuffled(Kept(), sample, "presentations")
    assert found.shape == (100, 1)
    assert found.std() > 0
    for one in seen[:3]:
        assert one.stimuli.tolist() == REPEATS.stimuli.tolist()
        assert sorted(one.responses.tolist()) == REPEATS.responses.tolist()


def test_a_score_sees_the_presentations_of_each_epsilon() -> None:
    metric = ScoredMetric(score=Spread(), entry=ENTRY, seed=0)
    evidence = next(one for one in toy_evidence(ENTRY) if one.perturbed is not None)
    assert evidence.repeats_perturbed is not None
    found = metric.measure(evidence)["spread_toy"].values
    for level, epsilon in enumerate(evidence.perturbed["epsilon"].values):  # type: ignore[union-attr]
        mine = evidence.repeats_perturbed.values[evidence.repeats_perturbed["epsilon"].values == epsilon]
        stimuli = (
            evidence.repeats_perturbed["stimulus"]
            .values[evidence.repeats_perturbed["epsilon"].values == epsilon]
            .astype(str)
        )
        sample = Sample(responses=mine, repeats=Repeats(responses=mine, stimuli=stimuli))
        assert found[level] == pytest.approx(Spread().score(sample)["spread"])
    clean = metric.measure(next(iter(toy_evidence(ENTRY))))
    assert float(clean["spread"]) == pytest.approx(0.25 * 2 / 3, rel=0.1)  # sd 0.5, about means of 3


def test_a_score_of_repeats_is_spared_computed_responses() -> None:
    from dataclasses import replace

    part = Part(label="spread", entry=ENTRY, component=ScoredMetric(score=Spread(), entry=ENTRY, seed=0), provenance={})
    import xarray as xr

    computed = [
        (one if one.perturbed is None else replace(one, repeats_perturbed=None), xr.Dataset())
        for one in toy_evidence(ENTRY)
    ]
    block = block_of(computed, [part])
    assert block["metrics/spread"].sizes["target"] == 1  # the clean code alone
    assert block.attrs["refused"] == "{}"


METRICS = ("trial-reliability", "lifetime-sparseness", "choice-accuracy")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("measured_repeats")
    recorded(rows_of((1.0,), units=1), sd=0.5, repeats=4, categories=True).to_netcdf(folder / "r.nc", engine="h5netcdf")
    study = {
        "source": [{"use": "table:r.nc"}],
        "readout": {"use": "logistic"},
        "metric": [
            {"use": METRICS[0], "splits": 4},
            {"use": METRICS[2]},
            {"use": METRICS[1], "rectify": True},
            {"use": "rdm-similarity", "distance": "crossnobis", "comparison": "cosine"},
        ],
        "statistics": {"draws": 100},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        spikeproof.run(study, out="out", device="cpu")
    return spikeproof.open_result(folder / "out")


def test_reliability_of_recorded_responses_is_a_curve_with_its_control_and_its_clean_level(result: Result) -> None:
    curve = result.summary("trial-reliability", "recording")["half_reliability_pgd"]
    assert curve["perturbation"].values.tolist() == ["pgd", "random", "clean"]
    assert set(curve["aim"].values.tolist()) == {"unit", "population"}
    estimate = curve.sel(statistic="estimate")
    assert (estimate.values > 0.8).all()  # sd 0.5 of the noise, units that run from 0 to 11
    assert (estimate.values <= 1).all()
    assert curve.attrs["chance"] == "half_reliability_shuffled"
    chance = result.summary("trial-reliability", "recording")["half_reliability_shuffled"]
    assert abs(float(chance.sel(statistic="estimate"))) < 0.3


def test_distances_without_the_bias_of_noise_are_a_curve_where_perturbed_images_were_shown_again(
    result: Result,
) -> None:
    curve = result.summary("rdm-similarity", "recording")["rdm_similarity_pgd"]
    assert curve["perturbation"].values.tolist() == ["pgd", "random", "repeats"]
    assert (curve.sel(statistic="estimate", aim="population").values > 0.8).all()
    assert result.refused == []


def test_accuracy_and_sparseness_are_curves_too(result: Result) -> None:
    accuracy = result.summary("choice-accuracy", "recording")["choice_accuracy_pgd"]
    assert accuracy["perturbation"].values.tolist() == ["pgd", "random", "clean"]
    sparse = result.summary("lifetime-sparseness", "recording")["lifetime_sparseness_pgd"]
    drop = sparse.sel(statistic="estimate", aim="population", epsilon=1.0)
    assert float(drop.sel(perturbation="pgd")) < float(drop.sel(perturbation="clean"))  # all units moved up by 1


def test_a_study_without_perturbed_repeats_has_the_clean_value_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [row for row in rows_of() if row["epsilon"] == 0]
    recorded(rows, sd=0.5, repeats=3).drop_vars(["clean_stimulus_id", "epsilon"]).to_netcdf("r.nc", engine="h5netcdf")
    study = {"source": [{"use": "table:r.nc"}], "metric": [{"use": "trial-reliability"}]}
    spikeproof.run(study, out="out", device="cpu")
    summary = spikeproof.open_result(tmp_path / "out").summary("trial-reliability", "recording")
    assert float(summary["half_reliability"].sel(statistic="estimate")) > 0.9
    assert not [name for name in summary if "pgd" in str(name)]
