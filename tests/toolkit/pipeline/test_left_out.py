"""What is left out of a score, and of one that is a mean over stimuli."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from spikeproof.errors import PluginFailed
from spikeproof.pipeline.left_out import BLOCKS, PAIRS, left_out
from spikeproof.pipeline.scored import ScoredMetric
from spikeproof.plugin import MetricEntry
from spikeproof.statistics import Resampling
from spikeproof.testing.toy_evidence import toy_evidence
from spikeproof.testing.toys import toy_code
from spikeproof.types import Evidence, MeanScore, Quantity, Sample, Score

HIT = Quantity(
    name="hits", long_name="hits", units="share", definition="Share.", lowest=0.0, highest=1.0, headline=True
)


@dataclass(frozen=True, kw_only=True)
class Hits:
    """Share of stimuli whose sum over units is above a level; it keeps what it is asked."""

    level: float = 0.0
    asked: list[Sample] = field(default_factory=list)

    def quantities(self) -> tuple[Quantity, ...]:
        return (HIT,)

    def score(self, sample: Sample) -> Mapping[str, float]:
        return {"hits": float(self.contributions(sample)["hits"].mean())}

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        self.asked.append(sample)
        return {"hits": (sample.responses.sum(axis=1) > self.level).astype(np.float64)}


class Plain:
    """The same without its contributions."""

    def quantities(self) -> tuple[Quantity, ...]:
        return (HIT,)

    def score(self, sample: Sample) -> Mapping[str, float]:
        return {"hits": float((sample.responses.sum(axis=1) > 0).mean())}


def sample_of(stimuli: int = 60, units: int = 10, seed: int = 0) -> Sample:
    return Sample(
        responses=np.random.default_rng(seed).normal(size=(stimuli, units)) + 0.2,
        stimuli=np.array([f"s{k:03d}" for k in range(stimuli)]),
        units=np.array([f"u{k:02d}" for k in range(units)]),
    )


def names(sample: Sample) -> dict[str, NDArray[np.str_]]:
    assert sample.stimuli is not None
    assert sample.units is not None
    return {"stimuli": sample.stimuli, "units": sample.units}


def entry(**more: object) -> MetricEntry:
    about: dict[str, object] = {"name": "hits", "factory": "a:b", "summary": "s", "scale": "population"}
    return MetricEntry(**(about | {"kind": "score", "aims": ("population",)} | more))  # type: ignore[arg-type]


def test_both_are_scores_and_one_is_a_mean() -> None:
    assert isinstance(Hits(), Score)
    assert isinstance(Hits(), MeanScore)
    assert not isinstance(Plain(), MeanScore)


def test_contributions_are_left_out_without_being_asked_for_again() -> None:
    sample, score = sample_of(), Hits()
    found = left_out(score, sample, names(sample))  # type: ignore[arg-type]
    plain = left_out(Plain(), sample, names(sample))  # type: ignore[arg-type]
    assert found.whole == pytest.approx(plain.whole)
    np.testing.assert_allclose(found.single["stimuli"], plain.single["stimuli"])
    assert all(len(asked.responses) == 60 for asked in score.asked)
    assert len(score.asked) == 1 + 12  # three partitions of ten units into four parts
    assert {asked.responses.shape[1] for asked in score.asked} == {7, 8, 10}
    assert found.refitted["units"].shape == (12 * BLOCKS, 1)
    assert found.contributing == 60


def test_pairs_of_groups_are_left_out_at_once() -> None:
    sample = sample_of()
    found = left_out(Plain(), sample, names(sample))  # type: ignore[arg-type]
    assert {key: len(values) for key, values in found.single.items()} == {"stimuli": 32, "units": 10}
    assert found.both["stimuli", "units"].shape == (20, 1)
    many = sample_of(units=20)
    assert left_out(Plain(), many, names(many)).both["stimuli", "units"].shape == (PAIRS, 1)  # type: ignore[arg-type]
    assert found.refitted == {}


def test_a_single_unit_is_not_left_out() -> None:
    sample = sample_of(units=1)
    for score in (Plain(), Hits()):
        found = left_out(score, sample, names(sample))  # type: ignore[arg-type]
        assert found.both == {}
        assert found.refitted == {}
        low, high = (float(end) for end in found.bounds(HIT, 0, 0.95)[1:])
        assert 0 < low < float(found.whole[0]) < high < 1


def test_the_interval_of_a_share_of_units_that_say_the_same_is_the_binomial_one() -> None:
    """Every unit repeats the first, so that refits change nothing and stimuli are all that varies."""
    sample = sample_of(stimuli=96)
    same = replace(sample, responses=np.repeat(sample.responses[:, :1], 10, axis=1))
    found = left_out(Hits(), same, names(same))  # type: ignore[arg-type]
    p = float(found.whole[0])
    estimate, low, high = (float(end) for end in found.bounds(HIT, 0, 0.95))
    assert estimate == p
    wilson = stats.binomtest(round(96 * p), 96).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((wilson.low, wilson.high), abs=0.025)


@pytest.mark.parametrize(("level", "bounds"), [(-1e9, (0.025 ** (1 / 60), 1.0)), (1e9, (0.0, 1 - 0.025 ** (1 / 60)))])
def test_where_all_contribute_alike_the_bound_is_clopper_and_pearsons(
    level: float, bounds: tuple[float, float]
) -> None:
    sample = sample_of()
    found = left_out(Hits(level=level), sample, names(sample))  # type: ignore[arg-type]
    assert [float(end) for end in found.bounds(HIT, 0, 0.95)[1:]] == pytest.approx(bounds)


def test_folds_stay_as_they_were_where_stimuli_are_left_out() -> None:
    seen: list[dict[str, int]] = []

    class Folding(Plain):
        def score(self, sample: Sample) -> Mapping[str, float]:
            assert sample.stimuli is not None
            seen.append(dict(zip(sample.stimuli.tolist(), sample.folds(4).tolist(), strict=True)))
            return super().score(sample)

    sample = replace(sample_of(stimuli=41), labels=np.array(["a", "b", "c"])[np.arange(41) % 3])
    left_out(Folding(), sample, names(sample))  # type: ignore[arg-type]
    whole = seen[0]
    assert sorted(np.bincount(list(whole.values())).tolist()) == [10, 10, 10, 11]
    assert all(whole[name] == fold for folds in seen for name, fold in folds.items())
    assert min(map(len, seen)) < 41


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Broken.contributions.. gives no 'hits', which is one of its quantities"),
        ({"hits": np.ones(3)}, "must give 'hits' as one finite number for each of 36 stimuli"),
        ({"hits": np.full(36, np.nan)}, "must give 'hits' as one finite number for each of 36 stimuli"),
    ],
)
def test_contributions_that_break_their_word_are_named(given: Mapping[str, NDArray[np.float64]], message: str) -> None:
    class Broken(Hits):
        def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:  # noqa: ARG002
            return given

    with pytest.raises(PluginFailed, match=message):
        ScoredMetric(score=Broken(), entry=entry(), seed=0).measure(Evidence(code=toy_code()))


def test_a_mean_has_a_clean_value_and_a_curve_that_say_how_they_were_made() -> None:
    from spikeproof.pipeline.blocks import as_target, stack_targets

    metric = ScoredMetric(score=Hits(level=30.0), entry=entry(), seed=0)
    measured = stack_targets([as_target(metric.measure(one), one) for one in toy_evidence(metric.entry, size=1.0)])
    summary = metric.summarise(measured, toy_code(), Resampling(draws=10))
    for name in ("hits", "hits_toy"):
        assert "contributions are left out without fitting again" in summary[name].attrs["definition"]
        estimate, low, high = summary[name].values
        assert (low <= estimate).all()
        assert (estimate <= high).all()
        assert (low < high).all()
