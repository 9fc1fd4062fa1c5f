"""Decoding from random subsets of units: golden choices, the ideal observer, chance, and how many units are needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm
from simulated_codes import build_code, category_code, check_summary, stack
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, Metric
from spikeproof_metrics_population.decoding import assign_folds, held_out_choices
from spikeproof_metrics_population.dropping_curve import DroppingCurve, dropping_curve

FEW = Resampling(draws=200)


def summary_of(code: Code, metric: DroppingCurve) -> xr.Dataset:
    evidence = Evidence(code=code)
    summary = metric.summarise(stack([(evidence, metric.measure(evidence))]), code, FEW)
    check_summary(summary)
    return summary


def test_choices_are_those_of_the_golden_decoder(shared: Path) -> None:
    golden = np.load(shared / "golden" / "decoder.npz")
    labels, fold = golden["in_y"], golden["in_fold"]
    chosen = held_out_choices(golden["in_X"], labels, fold)
    assert (chosen != golden["out_pred_logistic_C1"]).sum() <= 1  # the index allows one trial between solvers
    accuracy = (chosen == labels).mean()
    assert accuracy == pytest.approx(float(golden["out_acc_logistic_C1"]), abs=0.0101)
    assert np.mean([(chosen == labels)[fold == k].mean() for k in range(5)]) == pytest.approx(
        golden["out_acc_folds_logistic_C1"].mean(), abs=0.0101
    )


@pytest.mark.parametrize("units", [6, 60])
def test_choices_are_those_of_a_plain_scikit_learn_pipeline_also_where_units_outnumber_stimuli(units: int) -> None:
    code = category_code(np.full(units, 0.5), stimuli=40, classes=4)
    assert code.labels is not None
    labels = code.labels.values
    fold = assign_folds(labels, 4, np.random.default_rng(0))
    values = code.responses.values
    chosen = held_out_choices(values, labels, fold, c=0.7)
    for number in range(4):
        test = fold == number
        peer = make_pipeline(StandardScaler(), LogisticRegression(C=0.7, max_iter=2000))
        peer.fit(values[~test], labels[~test])
        np.testing.assert_array_equal(chosen[test], peer.predict(values[test]))


def test_accuracy_is_the_ideal_observers_for_gaussian_classes_at_every_size() -> None:
    dprime = 0.6
    code = category_code(np.full(12, dprime), stimuli=1000, seed=1)
    assert code.labels is not None
    sizes = (1, 4, 12)
    curve = dropping_curve(code.responses, code.labels, sizes=sizes, draws=6, folds=4)
    accuracy = curve["correct"].mean(["subset", "stimulus"]).values
    ideal = norm.cdf(np.sqrt(sizes) * dprime / 2)
    error = np.sqrt(ideal * (1 - ideal) / 1000)
    assert (np.abs(accuracy - ideal) < 3 * error + 0.005).all()  # a fit on 750 stimuli costs some 0.3 %


def test_shuffled_categories_are_decoded_at_chance_and_noise_is_not_told_apart_from_it() -> None:
    code = category_code(np.zeros(4), stimuli=60, seed=2)
    metric = DroppingCurve(draws=12, folds=2, sizes=(2, 4))
    summary = summary_of(code, metric)
    assert float(summary["full_chance"].sel(statistic="estimate")) == pytest.approx(0.5, abs=0.08)
    text = list(metric.describe(summary, code))
    assert "not told apart from chance" in text[1]
    assert len(text) == 2


def test_a_code_in_one_unit_needs_nearly_all_units_and_a_redundant_one_a_single_unit() -> None:
    one = category_code(np.r_[6.0, np.zeros(7)], stimuli=80)
    needed = summary_of(one, DroppingCurve(draws=40, folds=2, sizes=(4, 6, 8)))["units_95"]
    assert needed.sel(statistic="low") > 5  # accuracy is (1 + k / 8) / 2: 95 % of all 8 units takes 7.2
    assert needed.sel(statistic="high") < 8
    redundant = category_code(np.full(8, 6.0), stimuli=24)
    metric = DroppingCurve(draws=4, folds=2, sizes=(1, 8))
    summary = summary_of(redundant, metric)
    assert (summary["units_95"].values == 1).all()
    text = list(metric.describe(summary, redundant))
    assert text[0].startswith("From 8 units, 2 categories are decoded with held-out accuracy 1 [0.")
    assert text[1].startswith("That is not told apart from chance (p = 0.2)")  # four shuffles cannot tell


def test_a_bump_below_the_plateau_is_not_the_plateau() -> None:
    cells = np.zeros((4, 2, 100))
    for row, right in enumerate((60, 96, 80, 100)):  # 96 % at two units, then a dip, 95 % for good at 3.75 units
        cells[row, :, :right] = 1
    measured = xr.Dataset(
        dict.fromkeys(("correct", "shuffled"), (("target", "size", "subset", "stimulus"), cells[None])),
        coords={"size": [1, 2, 3, 4]},
    )
    code = build_code(np.random.default_rng(0).normal(size=(20, 4)), np.array(["a", "b"] * 10))
    needed = DroppingCurve().summarise(measured, code, FEW)["units_95"]
    assert needed.sel(statistic="estimate") == pytest.approx(3.75)


def test_default_sizes_go_from_one_to_all_units_on_a_log_axis() -> None:
    code = category_code(np.zeros(35), stimuli=6, folds=2)
    assert code.labels is not None
    curve = dropping_curve(code.responses, code.labels, draws=2, folds=2)
    assert curve["size"].values.tolist() == [1, 2, 3, 5, 8, 13, 21, 35]


def test_above_chance_is_said_with_its_p_and_the_number_of_units() -> None:
    code = category_code(np.full(5, 3.0), stimuli=30)
    metric = DroppingCurve(draws=20, folds=3, sizes=(1, 5))
    text = list(metric.describe(summary_of(code, metric), code))
    assert text[1] == "That is above chance (p = 0.0476, 20 shuffles)."
    assert text[2].startswith("95 % of that accuracy needs 2 [1, ")
    assert text[3].startswith("One unit drawn at random: accuracy 0.")


def test_the_order_of_units_and_their_scale_change_no_choice_of_the_whole_population() -> None:
    code = category_code(np.full(5, 1.0), stimuli=40)
    assert code.labels is not None
    order, scale = np.random.default_rng(0).permutation(5), np.array([1e-3, 1.0, 1e3, 1.0, 1.0])
    moved = (code.responses * scale).isel(unit=order)
    curves = [dropping_curve(r, code.labels, sizes=(5,), draws=3) for r in (code.responses, moved)]
    xr.testing.assert_equal(curves[0], curves[1])


def test_the_same_seed_gives_the_same_curve_and_sizes_do_not_disturb_each_other() -> None:
    code = category_code(np.full(5, 1.0), stimuli=20)
    assert code.labels is not None
    some = dropping_curve(code.responses, code.labels, sizes=(2,), draws=3)
    more = dropping_curve(code.responses, code.labels, sizes=(1, 2, 5), draws=4)
    other = dropping_curve(code.responses, code.labels, sizes=(2,), draws=3, seed=1)
    xr.testing.assert_equal(some, more.sel(size=[2]).isel(subset=slice(3)))
    assert not some["correct"].equals(other["correct"])


def test_a_held_out_stimulus_is_never_trained_on() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(list("ab") * 10)
    unique = np.eye(20) + 1e-3 * rng.normal(size=(20, 20))  # a unit per stimulus: only memory could decode it
    fold = assign_folds(labels, 5, rng)
    assert (held_out_choices(unique, labels, fold) == labels).mean() < 0.8
    counts = [np.unique(labels[fold == k], return_counts=True)[1].tolist() for k in range(5)]
    assert counts == [[2, 2]] * 5


def test_ridge_decodes_as_well() -> None:
    code = category_code(np.full(4, 3.0), stimuli=40)
    assert code.labels is not None
    curve = dropping_curve(code.responses, code.labels, sizes=(4,), draws=2, decoder="ridge")
    assert curve["correct"].mean() > 0.95


def test_it_is_a_metric_and_says_the_level_of_the_majority() -> None:
    assert isinstance(DroppingCurve(), Metric)
    values = np.random.default_rng(0).normal(size=(20, 3))
    code = build_code(values, np.array(["a"] * 14 + ["b"] * 6))
    summary = summary_of(code, DroppingCurve(draws=2, folds=3, sizes=(3,)))
    assert summary["accuracy"].attrs["reference_lines"] == '{"majority category": 0.7, "1 / categories": 0.5}'


@pytest.mark.parametrize(
    ("labels", "options", "text"),
    [
        (["a"] * 8, {}, "all 8 stimuli have the category 'a': two or more are needed; name another column"),
        (
            ["a"] * 5 + ["b"] * 3,
            {},
            "category 'b' has 3 stimuli, fewer than 5 folds over stimuli: set folds to 3",
        ),
        (list("ab") * 4, {"folds": 2, "sizes": (2, 9)}, "sizes go up to 9 units, but there are 4"),
    ],
)
def test_too_little_data_is_refused(labels: list[str], options: dict[str, object], text: str) -> None:
    base = build_code(np.random.default_rng(0).normal(size=(8, 4)))
    names = xr.DataArray(labels, dims=("stimulus",), coords={"stimulus": base.responses["stimulus"].values})
    code = Code(system="recording", responses=base.responses, labels=names)
    with pytest.raises(NotEnoughData, match=f"dropping-curve: {text}"):
        DroppingCurve(**options).measure(Evidence(code=code))  # type: ignore[arg-type]


def test_a_code_without_categories_is_refused() -> None:
    code = build_code(np.random.default_rng(0).normal(size=(8, 4)))
    with pytest.raises(NotEnoughData, match="code recording has no categories: name the column that holds them"):
        DroppingCurve().measure(Evidence(code=code))


def test_a_fit_that_does_not_converge_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeproof_metrics_population.decoding._ITERATIONS", 1)
    code = category_code(np.full(4, 1.0), stimuli=40, classes=3)
    assert code.labels is not None
    with pytest.raises(DataError, match=r"logistic with c = 10000 did not converge in 1 iterations: take a smaller c"):
        dropping_curve(code.responses, code.labels, draws=2, c=1e4)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"draws": 1}, "draws must be at least 2, got 1"),
        ({"folds": 1}, "folds must be at least 2, got 1"),
        ({"c": 0.0}, "c must be positive and finite, got 0.0"),
        ({"sizes": (4, 2)}, r"sizes must ascend from 1 or more, got \[4, 2\]"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(BadParameter, match=text):
        DroppingCurve(**options)  # type: ignore[arg-type]
