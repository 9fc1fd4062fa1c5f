"""Sensitivity: Guo's number by hand, its lines, its controls and what it refuses."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import DataError
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Metric
from spikeproof_metrics_unit import random_pair_shift
from spikeproof_metrics_unit.metrics.sensitivity import Sensitivity

RESAMPLING = Resampling(draws=200)
UNITS, STIMULI = 6, 30


@pytest.fixture(scope="module")
def code(build: SimpleNamespace) -> Code:
    return build.code(np.random.default_rng(0).gamma(2.0, size=(STIMULI, UNITS)), sessions=list("aaabbb"))


def evidences(build: SimpleNamespace, code: Code, **more: object) -> list:
    """Unit i moves by 0.22 (i + 1) sd at norm 0.5 and twice that at norm 1; under ``random`` by a hundredth."""
    found = []
    for control, scale in (("", 1.0), ("random", 0.01)):
        for unit in range(UNITS):
            clean = code.responses.values[:, unit]
            step = scale * 0.22 * (unit + 1) * code.unit_sd[unit]
            found.append(build.evidence(code, unit, [clean + step, clean - 2 * step], control=control, **more))
    return found


@pytest.fixture(scope="module")
def summary(build: SimpleNamespace, code: Code) -> xr.Dataset:
    metric = Sensitivity()
    return metric.summarise(build.stack(metric, evidences(build, code)), code, RESAMPLING)


def test_sensitivity_is_a_metric_whose_summary_can_be_drawn(build: SimpleNamespace, summary: xr.Dataset) -> None:
    assert isinstance(Sensitivity(), Metric)
    build.check(summary)
    assert summary["perturbation"].values.tolist() == ["pgd", "random"]
    assert summary["control"].values.tolist() == ["", "random"]
    assert summary["epsilon"].attrs["units"] == "L2 norm"


def test_sensitivity_is_the_mean_shift_in_sd_by_hand(summary: xr.Dataset) -> None:
    estimate = summary["sensitivity"].sel(statistic="estimate")
    mean = np.mean([0.22 * (unit + 1) for unit in range(UNITS)])
    np.testing.assert_allclose(estimate.sel(perturbation="pgd"), [mean, 2 * mean])
    np.testing.assert_allclose(estimate.sel(perturbation="random"), [mean / 100, mean / 50])
    per_unit = summary["unit_sensitivity"].sel(perturbation="pgd", statistic="estimate")
    np.testing.assert_allclose(per_unit, [0.44 * (unit + 1) for unit in range(UNITS)])
    assert per_unit["unit"].values.tolist() == [f"u00{i}" for i in range(UNITS)]


def test_pairs_above_one_sd_the_least_sensitive_unit_and_the_norm_of_one_sd_by_hand(summary: xr.Dataset) -> None:
    at = {"statistic": "estimate", "perturbation": "pgd"}
    # Shifts at norm 0.5: 0.22, 0.44 ... 1.32 sd, of which 1.1 and 1.32 exceed 1; at norm 1 the last four do.
    np.testing.assert_allclose(summary["fraction_above_sd"].sel(at), [2 / 6, 4 / 6])
    np.testing.assert_allclose(summary["least_sensitive"].sel(at), [0.22, 0.44])
    bounds = summary["least_sensitive"].sel(statistic=["low", "high"], perturbation="pgd")
    np.testing.assert_allclose(bounds, [[0.22, 0.44]] * 2)  # each unit moves alike on all stimuli
    mean = 0.22 * 3.5
    assert float(summary["epsilon_one_sd"].sel(at)) == pytest.approx(0.5 + 0.5 * (1 - mean) / mean)
    never = summary["epsilon_one_sd"].sel(perturbation="random")
    assert np.isinf(never).all()
    none = summary["fraction_above_sd"].sel(perturbation="random").isel(epsilon=0)
    assert none.values[:2].tolist() == [0.0, 0.0]
    assert none.values[2] == pytest.approx(1 - 0.025 ** (1 / UNITS))  # none of six units


def test_the_random_pair_line_is_the_mean_over_the_attacked_units(
    build: SimpleNamespace, code: Code, summary: xr.Dataset
) -> None:
    line = random_pair_shift(code.responses.values)
    assert float(summary["random_pair"].sel(statistic="estimate")) == pytest.approx(line.mean())
    metric = Sensitivity()
    two = metric.summarise(build.stack(metric, evidences(build, code)[1:3]), code, RESAMPLING)
    assert float(two["random_pair"].sel(statistic="estimate")) == pytest.approx(line[1:3].mean())
    assert '"1 sd": 1.0' in summary["sensitivity"].attrs["reference_lines"]
    assert summary["sensitivity"].attrs["chance"] == "random_pair"


def test_units_are_nested_in_sessions(build: SimpleNamespace, summary: xr.Dataset) -> None:
    flat = build.code(np.random.default_rng(0).gamma(2.0, size=(STIMULI, UNITS)))
    metric = Sensitivity()
    other = metric.summarise(build.stack(metric, evidences(build, flat)), flat, RESAMPLING)

    def width(dataset: xr.Dataset) -> float:
        one = dataset["sensitivity"].sel(perturbation="pgd").isel(epsilon=0)
        return float(one.sel(statistic="high") - one.sel(statistic="low"))

    assert width(summary) > width(other)
    assert other["sensitivity"].attrs["not_resampled"] == "session, subject"
    assert "There is one session, one subject only" in other["sensitivity"].attrs["definition"]


def test_only_attacked_stimuli_count_but_the_sd_is_over_all(build: SimpleNamespace, code: Code) -> None:
    clean = code.responses.values[[3, 7], 2]
    one = build.evidence(code, 2, [clean + 1.0, clean + 2.0], stimuli=[3, 7])
    measured = Sensitivity().measure(one)["sensitivity"]
    assert measured["stimulus"].values.tolist() == ["s003", "s007"]
    np.testing.assert_allclose(measured, np.array([[1.0, 1.0], [2.0, 2.0]]) / code.responses.values[:, 2].std(ddof=1))


def test_a_unit_read_under_the_perturbations_of_several_others_counts_once(build: SimpleNamespace, code: Code) -> None:
    clean = code.responses.values[:, 0]
    step = code.unit_sd[0]
    read = [
        build.evidence(code, 0, [clean + k * step] * 2, control="other-unit", target=f"u000 under u00{k}")
        for k in (1, 3)
    ]
    other = build.evidence(code, 1, [code.responses.values[:, 1]] * 2, control="other-unit", target="u001 under u000")
    metric = Sensitivity()
    measured = build.stack(metric, [*evidences(build, code)[:UNITS], *read, other])
    out = metric.summarise(measured, code, RESAMPLING).sel(perturbation="other-unit", statistic="estimate")
    assert out["unit_sensitivity"].sel(unit=["u000", "u001"]).values.tolist() == [pytest.approx(2.0), 0.0]
    assert float(out["sensitivity"].isel(epsilon=0)) == pytest.approx(1.0)


def test_several_attacks_and_objectives_are_told_apart(build: SimpleNamespace, code: Code) -> None:
    metric = Sensitivity()
    clean = code.responses.values[:, 0]
    measured = build.stack(
        metric,
        [
            build.evidence(code, 0, [clean, clean + 1], attack="pgd"),
            build.evidence(code, 0, [clean, clean], attack="pgd", control="random"),
            build.evidence(code, 0, [clean, clean + 2], attack="fgsm"),
            build.evidence(code, 0, [clean, clean + 2], attack="fgsm", objective="unit-up"),
        ],
    )
    summary = metric.summarise(measured, code, RESAMPLING)
    assert summary["perturbation"].values.tolist() == [
        "pgd (unit)",
        "fgsm (unit)",
        "fgsm (unit-up)",
        "random of pgd (unit)",
    ]
    texts = list(metric.describe(summary, code))
    assert sum("random of pgd (unit)" in text for text in texts) == 1


def test_a_single_unit_has_an_interval_over_stimuli_only_and_says_so(build: SimpleNamespace, code: Code) -> None:
    metric = Sensitivity()
    summary = metric.summarise(build.stack(metric, evidences(build, code)[:1]), code, RESAMPLING)
    assert "one unit" in summary["sensitivity"].attrs["definition"]
    assert np.isnan(summary["random_pair"].sel(statistic=["low", "high"])).all()
    assert "(no interval)" in next(iter(metric.describe(summary, code)))


def test_the_sentences_are_made_of_the_numbers(code: Code, summary: xr.Dataset) -> None:
    texts = list(Sensitivity().describe(summary, code))
    assert texts[0].startswith("At L2 norm 1, pgd moves a unit by 1.54 [")
    assert "another clean stimulus moves it by" in texts[0]
    assert texts[1].startswith("Controls of the same norm move it by: random 0.0154 [")
    assert "overlaps" not in texts[1]
    assert texts[2].startswith("66.7 [")
    assert "1 sd at L2 norm 0.649 [" in texts[2]


def test_an_attack_like_its_control_is_said_to_be(build: SimpleNamespace, code: Code) -> None:
    metric = Sensitivity()
    same = [build.evidence(code, u, [code.responses.values[:, u] + 0.1] * 2) for u in range(UNITS)]
    same += [build.evidence(code, u, [code.responses.values[:, u] - 0.1] * 2, control="random") for u in range(UNITS)]
    texts = list(metric.describe(metric.summarise(build.stack(metric, same), code, RESAMPLING), code))
    assert "The attack's interval overlaps with that of random." in texts[1]
    assert texts[2] == "The mean does not reach 1 sd within the tested norms (up to 1)."


def test_in_silico_units_are_labelled_so(build: SimpleNamespace) -> None:
    silico = build.code(np.random.default_rng(0).gamma(2.0, size=(STIMULI, UNITS)), facts={"in_silico": "yes"})
    metric = Sensitivity()
    summary = metric.summarise(build.stack(metric, evidences(build, silico)), silico, RESAMPLING)
    assert "moves an in-silico unit by" in next(iter(metric.describe(summary, silico)))


def test_a_unit_that_never_varies_is_refused_by_name(build: SimpleNamespace) -> None:
    values = np.random.default_rng(0).random((5, 2))
    values[:, 1] = 0.1
    dead = build.code(values)
    with pytest.raises(DataError, match=r"sensitivity: unit 'u001' of recording responds alike \(0.1\) to all 5 clean"):
        Sensitivity().measure(build.evidence(dead, 1, np.zeros((2, 5))))


def test_evidence_without_a_target_unit_is_refused(code: Code) -> None:
    from spikeproof.types import Evidence

    with pytest.raises(DataError, match="no target unit or no perturbed responses"):
        Sensitivity().measure(Evidence(code=code))


def test_the_order_of_targets_does_not_matter(build: SimpleNamespace, code: Code, summary: xr.Dataset) -> None:
    metric = Sensitivity()
    found = evidences(build, code)
    order = np.random.default_rng(1).permutation(len(found))
    other = metric.summarise(build.stack(metric, [found[i] for i in order]), code, RESAMPLING)
    for name in ("sensitivity", "fraction_above_sd", "epsilon_one_sd", "random_pair"):
        for line in summary["perturbation"].values if "perturbation" in summary[name].dims else [None]:
            at = {} if line is None else {"perturbation": line}
            np.testing.assert_allclose(other[name].sel(at).values, summary[name].sel(at).values, err_msg=name)
