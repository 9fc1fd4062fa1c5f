"""The fitted readouts: golden values, held-out choices, order, weights on raw responses, errors."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Readout, StimulusReadout
from spikeproof_readouts.classifiers import LinearSVM, Logistic
from spikeproof_readouts.head import Head
from spikeproof_readouts.linear import fit_folds
from spikeproof_readouts.plugin import spikeproof_readouts


def code(
    labels: list[str] | np.ndarray, *, units: int = 3, signal: float = 3.0, seed: int = 0
) -> tuple[xr.DataArray, xr.DataArray]:
    """Responses whose units prefer one category each, and the labels."""
    names = np.asarray(labels, dtype=object)
    random = np.random.default_rng(seed)
    prefers = (np.unique(names.astype(str))[np.arange(units) % len(np.unique(names.astype(str)))]) == names[:, None]
    values = random.normal(size=(len(names), units)) + signal * prefers
    stimuli = [f"s{row:03d}" for row in range(len(names))]
    responses = xr.DataArray(values, dims=("stimulus", "unit"), coords={"stimulus": stimuli})
    return responses, xr.DataArray(names, dims=("stimulus",), coords={"stimulus": stimuli})


@pytest.mark.parametrize(
    ("key", "classifier"),
    [("logistic_C1", LogisticRegression), ("linear_svc_C1", partial(LinearSVC, C=1.0, random_state=0))],
)
def test_choices_in_given_folds_are_the_golden_ones(shared: Path, key: str, classifier: Any) -> None:
    with np.load(shared / "golden" / "decoder.npz") as golden:
        x, y, fold = golden["in_X"], golden["in_y"], golden["in_fold"]
        expected, accuracy = golden[f"out_pred_{key}"], golden[f"out_acc_folds_{key}"]
    readout = fit_folds(x, y, fold, classifier=classifier)
    choices = readout.choices(x, readout.stimuli).astype(int)
    assert (choices == expected).mean() >= 0.985  # the index allows one trial or so to differ across solvers
    found = [(choices == y)[fold == number].mean() for number in range(5)]
    np.testing.assert_allclose(found, accuracy, atol=0.05)  # one of the fold's 20 trials
    assert abs((choices == y).mean() - accuracy.mean()) <= 0.015


@pytest.mark.parametrize("classes", [2, 3])
def test_decision_on_raw_responses_is_the_scaled_classifiers_own(classes: int) -> None:
    responses, labels = code([f"c{row % classes}" for row in range(30)], units=4)
    values = responses.values * [1.0, 1e3, 1e-3, 1.0] + [0.0, 5e3, 1.0, -7.0]
    fold = np.arange(30) // 10
    readout = fit_folds(values, labels, fold)
    held = values[fold == 1]
    scaler = StandardScaler().fit(values[fold != 1])
    peer = LogisticRegression().fit(scaler.transform(values[fold != 1]), labels.values[fold != 1].astype(str))
    found = readout.decision(values, readout.stimuli)[fold == 1]
    expected = peer.decision_function(scaler.transform(held))
    if classes == 2:
        assert (found[:, 0] == 0).all()
        found = found[:, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert (readout.choices(values, readout.stimuli)[fold == 1] == peer.predict(scaler.transform(held))).all()


def test_a_unit_that_is_constant_in_training_is_not_read() -> None:
    responses, labels = code(list("ab") * 10)
    responses[:, 1] = 4.0
    responses[0, 1] = 5.0  # moves only where it is held out
    readout = fit_folds(responses, labels, np.arange(20) // 4)
    assert readout.weights[0, :, 1].tolist() == [0, 0]
    assert np.isfinite(readout.weights).all()


@pytest.mark.parametrize("readout", [Logistic(), LinearSVM()], ids=["logistic", "linear-svm"])
def test_each_stimulus_is_read_by_a_classifier_that_never_saw_it(readout: Any) -> None:
    responses, labels = code(list("abcd") * 12, units=6)
    fitted = readout.fit(responses, labels, seed=0)
    for number in range(5):
        rows = fitted.fold == number
        changed = responses.copy()
        changed[rows] += 50.0
        other = labels.copy()
        other[rows] = other.values[rows][::-1]
        again = fit_folds(changed, other, fitted.fold, classifier=_classifier(readout))
        np.testing.assert_allclose(again.weights[number], fitted.weights[number], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(again.intercepts[number], fitted.intercepts[number], rtol=1e-9, atol=1e-12)


def test_shuffled_labels_are_read_at_chance_and_a_leak_would_show() -> None:
    rows, draws = 60, 20
    held_out, leaking = [], []
    for draw in range(draws):
        random = np.random.default_rng(draw)
        responses, labels = code(random.permutation(list("ab") * (rows // 2)), units=40, signal=0.0, seed=draw)
        fitted = Logistic().fit(responses, labels, seed=draw)
        stimuli = [str(name) for name in responses["stimulus"].values]
        held_out.append((fitted.choices(responses, stimuli) == labels.values).mean())
        wrong = type(fitted)(
            classes=fitted.classes,
            weights=fitted.weights,
            intercepts=fitted.intercepts,
            stimuli=fitted.stimuli,
            fold=(fitted.fold + 1) % 5,  # reads each stimulus with a classifier that was fitted on it
        )
        leaking.append((wrong.choices(responses, stimuli) == labels.values).mean())
    sd = 0.5 / np.sqrt(rows * draws)
    assert abs(np.mean(held_out) - 0.5) < 5 * sd
    assert np.mean(leaking) > 0.9


def test_order_of_stimuli_changes_nothing() -> None:
    responses, labels = code(list("aabbbccc") * 4)
    order = np.random.default_rng(1).permutation(32)
    first = Logistic().fit(responses, labels, seed=3)
    second = Logistic().fit(responses[order], labels[order], seed=3)
    stimuli = [str(name) for name in responses["stimulus"].values]
    assert (first.folds_of(stimuli) == second.folds_of(stimuli)).all()
    np.testing.assert_allclose(first.decision(responses, stimuli), second.decision(responses, stimuli), atol=1e-3)


def test_folds_are_stratified_seeded_and_of_equal_size() -> None:
    responses, labels = code(["a"] * 13 + ["b"] * 8 + ["c"] * 11)
    fold = Logistic(folds=4).fit(responses, labels, seed=0).fold
    for name in "abc":
        counts = np.bincount(fold[labels.values == name], minlength=4)
        assert counts.max() - counts.min() <= 1
    assert np.bincount(fold).tolist() == [8, 8, 8, 8]
    assert (Logistic(folds=4).fit(responses, labels, seed=0).fold == fold).all()
    assert (Logistic(folds=4).fit(responses, labels, seed=1).fold != fold).any()


def test_fewer_stimuli_than_folds_reduce_the_folds_and_say_so() -> None:
    responses, labels = code(["a"] * 10 + ["b"] * 3)
    fitted = Logistic().fit(responses, labels, seed=0)
    assert len(fitted.weights) == 3
    assert fitted.notes == ("the readout was fitted in 3 folds instead of 5: category b has 3 stimuli",)
    assert Logistic(folds=3).fit(responses, labels, seed=0).notes == ()


def test_one_stimulus_of_a_category_is_refused_by_name() -> None:
    responses, labels = code(["a"] * 10 + ["b", "c"])
    with pytest.raises(NotEnoughData, match=r"category b has 1 stimulus \(and 1 more categories\); .* needs 2 or more"):
        Logistic().fit(responses, labels, seed=0)


def test_one_category_only_is_refused() -> None:
    responses, labels = code(["face"] * 6)
    with pytest.raises(NotEnoughData, match="all 6 stimuli have one category, face: choices need two or more"):
        Logistic().fit(responses, labels, seed=0)


@pytest.mark.parametrize("none", ["", None, float("nan")])
def test_a_stimulus_without_category_is_refused(none: Any) -> None:
    responses, labels = code(list("ab") * 5)
    labels[3] = none
    with pytest.raises(DataError, match=r"stimulus 's003' has no category \(1 of 10 have none\)"):
        Logistic().fit(responses, labels, seed=0)


def test_number_categories_are_read_as_text() -> None:
    responses, labels = code(list("ab") * 5)
    numbers = labels.copy(data=np.arange(10) % 2)
    assert Logistic().fit(responses, numbers, seed=0).classes == ("0", "1")


def test_labels_of_other_stimuli_are_refused() -> None:
    responses, labels = code(list("ab") * 5)
    with pytest.raises(DataError, match="labels must have the stimuli of the responses, in their order"):
        Logistic().fit(responses, labels[::-1], seed=0)
    with pytest.raises(
        DataError, match=r"expected responses \(stimulus, unit\) and labels \(stimulus,\), got \('unit'"
    ):
        Logistic().fit(responses.T, labels, seed=0)


def test_responses_that_are_not_finite_are_refused() -> None:
    responses, labels = code(list("ab") * 5)
    responses[4, 2] = np.nan
    with pytest.raises(DataError, match="the response of unit 2 to stimulus 4 is not finite"):
        Logistic().fit(responses, labels, seed=0)


def test_given_folds_must_leave_each_category_something_to_fit_on() -> None:
    responses, labels = code(list("aabb"))
    with pytest.raises(NotEnoughData, match="all stimuli of category a are in fold 0: none is left"):
        fit_folds(responses, labels, [0, 0, 0, 1])


@pytest.mark.parametrize("readout", [Logistic(max_iter=1), LinearSVM(max_iter=1)], ids=["logistic", "linear-svm"])
def test_not_converging_is_an_error_that_names_the_fold(readout: Any) -> None:
    responses, labels = code(list("abc") * 10, units=20, signal=0.3)
    with pytest.raises(DataError, match=r"fold 0 \(24 stimuli, 20 units\) did not converge in max_iter = 1 iterations"):
        readout.fit(responses, labels, seed=0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("folds", 1, "folds must be 2 or more, got 1"),
        ("c", 0.0, "c must be a finite number above 0, got 0.0"),
        ("c", float("nan"), "c must be a finite number above 0, got nan"),
        ("max_iter", 0, "max_iter must be 1 or more, got 0"),
    ],
)
@pytest.mark.parametrize("kind", [Logistic, LinearSVM])
def test_bad_parameters_are_refused(kind: Any, name: str, value: float, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        kind(**{name: value})


def test_entries_name_their_factories() -> None:
    entries = {entry.name: entry for entry in spikeproof_readouts()}
    assert list(entries) == ["logistic", "linear-svm", "head", "identity"]
    for entry in entries.values():
        module, attribute = entry.factory.split(":")
        made = getattr(importlib.import_module(module), attribute)()
        assert entry.head == isinstance(made, Head)
        assert (entry.chooses == "stimulus") == isinstance(made, StimulusReadout)
        assert isinstance(made, Head | Readout | StimulusReadout)


def _classifier(readout: Logistic | LinearSVM) -> Any:
    if isinstance(readout, Logistic):
        return partial(LogisticRegression, C=readout.c, max_iter=readout.max_iter)
    return partial(LinearSVC, C=readout.c, max_iter=readout.max_iter, random_state=0)
