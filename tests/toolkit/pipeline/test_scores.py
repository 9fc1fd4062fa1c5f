"""Scores: what the host makes of a number of a matrix, alone, along a perturbation and between systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import NotEnoughData, PluginFailed
from spikeproof.pipeline.between import compare_systems, described
from spikeproof.pipeline.ledger import Ledger
from spikeproof.pipeline.scored import ScoredMetric
from spikeproof.plugin import MetricEntry
from spikeproof.progress import SilentProgress
from spikeproof.statistics import Resampling
from spikeproof.testing.toy_evidence import toy_evidence
from spikeproof.testing.toys import toy_code
from spikeproof.types import Code, Evidence, Quantity, Sample

RESAMPLING = Resampling(draws=40)


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean response."""

    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity(name="mean", long_name="mean response", units="Hz", definition="Mean.", headline=True),)

    def score(self, sample: Sample) -> Mapping[str, float]:
        return {"mean": float(sample.responses.mean())}


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Correlation of all responses with those of the reference, where the units are the same."""

    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                name="likeness",
                long_name="likeness",
                units="1",
                definition="Correlation of stimulus means.",
                lowest=-1.0,
                highest=1.0,
                levels={"identical": 1.0},
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        if len(sample.responses) < 4:
            raise NotEnoughData(f"likeness: {len(sample.responses)} stimuli, at least 4 are needed")
        assert sample.reference is not None
        pair = np.corrcoef(sample.responses.mean(axis=1), sample.reference.mean(axis=1))
        return {"likeness": float(pair[0, 1])}


def entry(**more: object) -> MetricEntry:
    about: dict[str, object] = {"name": "toy-score", "factory": "a:b", "summary": "s", "scale": "population"}
    return MetricEntry(**(about | {"kind": "score", "aims": ("population",)} | more))  # type: ignore[arg-type]


def stacked(metric: ScoredMetric, *, size: float = 1.0) -> xr.Dataset:
    from spikeproof.pipeline.blocks import as_target, stack_targets

    found = [as_target(metric.measure(evidence), evidence) for evidence in toy_evidence(metric.entry, size=size)]
    return stack_targets([dataset for dataset in found if dataset.data_vars])


def mean_metric() -> ScoredMetric:
    return ScoredMetric(score=Mean(), entry=entry(), seed=0)


def likeness_metric() -> ScoredMetric:
    return ScoredMetric(score=Likeness(), entry=entry(comparison=True, null="stimuli"), seed=0)


def test_the_clean_value_is_the_score_of_the_clean_code_with_students_interval() -> None:
    code = toy_code()
    summary = mean_metric().summarise(stacked(mean_metric()), code, RESAMPLING)
    low, estimate, high = (float(summary["mean"].sel(statistic=name)) for name in ("low", "estimate", "high"))
    assert estimate == pytest.approx(float(code.responses.mean()))
    assert low < estimate < high
    assert summary["mean"].attrs["headline"] == 1


def test_a_curve_holds_attack_control_and_the_clean_level_of_the_attacked_stimuli() -> None:
    metric = mean_metric()
    summary = metric.summarise(stacked(metric), toy_code(), RESAMPLING)
    curve = summary["mean_toy"]
    assert curve.dims == ("statistic", "aim", "perturbation", "epsilon")
    assert curve["perturbation"].values.tolist() == ["toy", "random", "clean"]
    assert curve["control"].values.tolist() == ["", "random", "clean"]
    attacked = [item for item in toy_evidence(metric.entry) if item.perturbed is not None]
    expected = np.mean([item.perturbed.values[2].mean() for item in attacked if not item.control])  # type: ignore[union-attr]
    assert float(curve.sel(statistic="estimate", aim="population", perturbation="toy", epsilon=1.0)) == pytest.approx(
        float(expected)
    )
    clean = float(attacked[0].clean.mean())
    assert curve.sel(statistic="estimate", perturbation="clean").values == pytest.approx(np.full((1, 3), clean))


def test_a_comparison_without_perturbation_is_identical_and_its_chance_level_is_not() -> None:
    metric = likeness_metric()
    summary = metric.summarise(stacked(metric, size=0.0), toy_code(), RESAMPLING)
    assert "likeness" not in summary
    curve = summary["likeness_toy"].sel(statistic="estimate", perturbation="toy").values
    assert curve == pytest.approx(np.ones((1, 3)))
    assert abs(float(summary["likeness_shuffled"].sel(statistic="estimate"))) < 0.1
    assert summary["likeness_toy"].attrs["chance"] == "likeness_shuffled"


def test_the_ceiling_of_a_comparison_is_what_two_halves_of_the_repeats_share() -> None:
    metric = likeness_metric()
    summary = metric.summarise(stacked(metric), toy_code(), RESAMPLING)
    ceiling = float(summary["likeness_ceiling"].sel(statistic="estimate"))
    curve = summary["likeness_toy"]
    assert 0.7 < ceiling < 1
    assert curve["perturbation"].values.tolist() == ["toy", "random", "repeats"]
    assert float(
        curve.sel(statistic="estimate", aim="population", perturbation="repeats", epsilon=0.2)
    ) == pytest.approx(ceiling)


def test_without_repeats_there_is_no_ceiling() -> None:
    code = replace(toy_code(), repeats=None, noise_covariance=None)
    assert list(likeness_metric().measure(Evidence(code=code))) == ["likeness_shuffled"]


def test_findings_say_the_value_its_chance_level_and_the_curve() -> None:
    metric = likeness_metric()
    summary = metric.summarise(stacked(metric), toy_code(), RESAMPLING)
    first, second = metric.describe(summary, toy_code())
    assert first.startswith("Likeness between two halves of the repeats is 0.")
    assert "; with the stimuli shuffled it is " in first
    assert second.startswith("At L2 norm 1, aimed at population, likeness is: toy 0.")


def test_a_score_that_refuses_is_heard() -> None:
    metric = likeness_metric()
    few = next(item for item in toy_evidence(metric.entry) if item.perturbed is not None)
    assert few.perturbed is not None
    names = few.perturbed["stimulus"].values[:3]
    evidence = replace(
        few,
        perturbed=few.perturbed.sel(stimulus=names),
        **dict.fromkeys(("choices", "directed", "achieved", "minimal", "status")),  # type: ignore[arg-type]
    )
    with pytest.raises(NotEnoughData, match="likeness: 3 stimuli, at least 4 are needed"):
        metric.measure(evidence)


@pytest.mark.parametrize(
    ("given", "message"),
    [({}, "gives no 'mean', which is one of its quantities"), ({"mean": float("nan")}, "gives NaN for 'mean'")],
)
def test_a_score_that_breaks_its_word_is_named(given: Mapping[str, float], message: str) -> None:
    class Broken(Mean):
        def score(self, sample: Sample) -> Mapping[str, float]:  # noqa: ARG002
            return given

    with pytest.raises(PluginFailed, match=message):
        ScoredMetric(score=Broken(), entry=entry(), seed=0).measure(Evidence(code=toy_code()))


def test_an_entry_says_what_only_a_score_can_have() -> None:
    with pytest.raises(ValueError, match="comparison and null are for scores"):
        entry(kind="evidence", comparison=True)
    with pytest.raises(ValueError, match="leave domain out"):
        entry(domain="stimulus")


def test_a_quantity_must_be_named_and_described() -> None:
    with pytest.raises(ValueError, match="bad name 'Mean Rate'"):
        Quantity(name="Mean Rate", long_name="a", units="1", definition="b")
    with pytest.raises(ValueError, match="quantity mean: definition is missing"):
        Quantity(name="mean", long_name="a", units="1", definition="")


def three_codes() -> dict[str, Code]:
    one, few = toy_code(), toy_code([0, 1, 2])
    stimuli = one.responses["stimulus"].values.tolist()
    other = one.responses.assign_coords(stimulus=[f"other {name}" for name in stimuli])
    stranger = Code(system="stranger", responses=other)
    return {"one": one, "few": replace(few, system="few"), "stranger": stranger}


def compared() -> tuple[xr.Dataset, Ledger]:
    ledger = Ledger(progress=SilentProgress())
    summary = compare_systems(likeness_metric(), "likeness", three_codes(), RESAMPLING, ledger)
    assert summary is not None
    return summary, ledger


def test_every_pair_of_systems_is_compared_over_the_stimuli_that_both_were_shown() -> None:
    summary, ledger = compared()
    codes = three_codes()
    values = summary["likeness_between"]
    expected = np.corrcoef(codes["one"].responses.mean("unit"), codes["few"].responses.mean("unit"))[0, 1]
    assert float(values.sel(statistic="estimate", reference="one", system="few")) == pytest.approx(expected)
    assert values.sel(reference="one", system="few").values == pytest.approx(
        values.sel(reference="few", system="one").values
    )
    assert np.isnan(values.sel(reference="one", system="one")).all()
    assert (
        abs(float(summary["likeness_between_shuffled"].sel(statistic="estimate", reference="one", system="few"))) < 0.1
    )
    assert {
        "what": "likeness between one and stranger",
        "reason": "they share 0 stimuli: a comparison needs at least two",
    } in ledger.refused


def test_what_systems_share_is_said_per_reference() -> None:
    summary, _ = compared()
    assert described(likeness_metric(), summary)[0].startswith("Likeness with one: few 0.")


@pytest.mark.parametrize(("identical", "order"), [(1.0, ["twin", "few"]), (-1.0, ["few", "twin"])])
def test_the_nearest_system_comes_first_also_by_a_distance(identical: float, order: list[str]) -> None:
    class Measured(Likeness):
        def quantities(self) -> tuple[Quantity, ...]:
            return (replace(super().quantities()[0], levels={"identical": identical}),)

    metric = ScoredMetric(score=Measured(), entry=entry(comparison=True), seed=0)
    codes = {name: code for name, code in three_codes().items() if name != "stranger"}
    codes["twin"] = replace(toy_code(), system="twin")
    summary = compare_systems(metric, "likeness", codes, RESAMPLING, Ledger(progress=SilentProgress()))
    assert summary is not None
    sentence = described(metric, summary)[0]
    assert sentence.startswith("Likeness with one: ")
    assert sorted(order, key=sentence.index) == order


def test_strangers_alone_have_nothing_to_compare() -> None:
    codes = {name: code for name, code in three_codes().items() if name != "few"}
    assert compare_systems(likeness_metric(), "likeness", codes, RESAMPLING, Ledger(progress=SilentProgress())) is None


def test_names_go_with_what_is_left_out() -> None:
    seen: list[Sample] = []

    class Listening(Mean):
        def score(self, sample: Sample) -> Mapping[str, float]:
            seen.append(sample)
            return super().score(sample)

    code = toy_code()
    ScoredMetric(score=Listening(), entry=entry(), seed=0).measure(Evidence(code=code))
    assert {sample.responses.shape for sample in seen} == {
        (36 - stimuli, 6 - units) for stimuli in (0, 1, 2) for units in (0, 1)
    }
    for sample in seen:
        assert sample.stimuli is not None
        assert sample.units is not None
        expected = code.responses.sel(stimulus=sample.stimuli, unit=sample.units).values
        np.testing.assert_array_equal(sample.responses, expected)


def labelled(labels: list[str]) -> Sample:
    return Sample(responses=np.zeros((len(labels), 1)), labels=np.array(labels))


def test_folds_go_by_name_and_hold_each_category_out_in_part_only() -> None:
    fold = labelled(["a"] * 300).folds(5)
    assert np.bincount(fold).min() > 30
    for seed in range(50):
        fold = replace(labelled(["a"] * 8 + ["b"] * 2), seed=seed).folds(5, by_label=True)
        assert fold[8] != fold[9]


def test_folds_refuse_too_few_stimuli() -> None:
    with pytest.raises(NotEnoughData, match="3 stimuli cannot be split into 2 folds of two or more"):
        labelled(["a"] * 3).folds(2)
    with pytest.raises(NotEnoughData, match="category 'b' has 1 stimulus: a decoder needs two or more"):
        labelled(["a"] * 3 + ["b"]).folds(2, by_label=True)


def test_curves_of_several_attacks_stand_in_one_summary() -> None:
    metric = mean_metric()
    first = stacked(metric)
    second = first.isel(target=np.flatnonzero(first["attack"].values == "toy"))
    renamed = {str(name): str(name).replace("_toy", "_other") for name in second.data_vars}
    second = (
        second.rename(renamed)
        .rename(epsilon="dose_other")
        .assign_coords(
            attack=("target", ["other"] * second.sizes["target"]),
            control=("target", ["" if name == "" else "flipped" for name in second["control"].values]),
        )
    )
    both = xr.concat([first, second], dim="target", join="outer", coords="minimal", compat="override", data_vars="all")
    summary = metric.summarise(both, toy_code(), RESAMPLING)
    assert summary["perturbation"].values.tolist() == ["toy", "random", "clean", "other", "flipped"]
    controls = dict(zip(summary["perturbation"].values.tolist(), summary["control"].values.tolist(), strict=True))
    assert controls == {"clean": "clean", "flipped": "flipped", "other": "", "random": "random", "toy": ""}
    for name, absent in (("mean_toy", ("other", "flipped")), ("mean_other", ("toy", "random"))):
        for other in absent:
            assert bool(summary[name].sel(perturbation=other).isnull().all())
    said = " ".join(metric.describe(summary, toy_code()))
    assert "mean response is: toy" in said
    assert "; other 5." in said
