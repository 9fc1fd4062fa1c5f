"""Every golden value of behaviour, and the tabulated numbers of the human data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof_metrics_behavior as behavior
from spikeproof_metrics_behavior import ImageTrials

KAPPAS = {
    "colour": 0.4154,
    "contrast": 0.4370,
    "cue-conflict": 0.3311,
    "edge": 0.3184,
    "eidolonI": 0.3863,
    "eidolonII": 0.4540,
    "eidolonIII": 0.4595,
    "false-colour": 0.4440,
    "high-pass": 0.4401,
    "low-pass": 0.4689,
    "phase-scrambling": 0.4467,
    "power-equalisation": 0.5106,
    "rotation": 0.4385,
    "silhouette": 0.4757,
    "sketch": 0.3696,
    "stylized": 0.5006,
    "uniform-noise": 0.4341,
}
"""Mean human-human error consistency, by the exclusions of Geirhos et al. (2021)."""


def golden(shared: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(shared / "golden" / f"{name}.npz") as arrays:
        return dict(arrays)


def outputs(arrays: dict[str, np.ndarray]) -> set[str]:
    return {key for key in arrays if key.startswith("out_")}


def brainscore(shared: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The values of error_consistency_brainscore, and ours."""
    arrays = golden(shared, "error_consistency_brainscore")
    right = arrays["in_responses"] == arrays["in_truth"][None]  # (observer, condition, trial)
    correct = right.transpose(1, 0, 2)
    theirs = behavior.error_consistency(correct, agreeing="undefined")
    ours = behavior.error_consistency(correct)
    model, humans = len(right) - 1, range(len(right) - 1)
    pooled, each = right.mean(axis=(1, 2)), right.mean(axis=2)
    score = {"undefined": "exclude", "absolute": True}
    return arrays, {
        "out_score": behavior.mean_kappa(theirs.kappa, [model], humans, **score),
        "out_score_error": np.nanstd(theirs.kappa[:, model, :model]),
        "out_ceiling": behavior.mean_kappa(theirs.kappa, humans, **score),
        "out_raw_condition_by_subject": theirs.kappa[:, model, :model],
        "out_accuracy_distance": behavior.accuracy_distance(pooled[-1], pooled[:-1]).mean(),
        "out_accuracy_distance_by_condition": behavior.accuracy_distance(each[-1], each[:-1]).mean(),
        "out_kappa_pairwise_formula": theirs.kappa.transpose(1, 2, 0),
        "out_kappa_pairwise_modelvshuman_rule": ours.kappa.transpose(1, 2, 0),
    }


def test_error_consistency_reproduces_brain_score(shared: Path) -> None:
    arrays, ours = brainscore(shared)
    assert outputs(arrays) == set(ours)
    for key, value in ours.items():
        np.testing.assert_allclose(value, arrays[key], rtol=1e-6, atol=1e-9, err_msg=key)


def image_level(shared: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The values of i2n, and ours."""
    arrays = golden(shared, "i2n")
    codes = {name: arrays[f"in_{name}"] for name in ("image", "distractor", "choice")}
    trials = ImageTrials(**codes, truth=arrays["in_truth_of_image"])
    other = ImageTrials(**codes | {"choice": arrays["in_choice_system2"]}, truth=arrays["in_truth_of_image"])
    np.testing.assert_array_equal(behavior.random_halves(len(trials)), arrays["in_halves"])
    ours: dict[str, Any] = {"out_response_matrix": behavior.choice_rates(trials)}
    ours["out_dprime_matrix"] = behavior.image_level_dprime(ours["out_response_matrix"], trials.truth)
    for level in ("i1", "i1n", "i2", "i2n"):
        name = level.replace("i", "I")
        results = {f"{name}_ceiling": behavior.image_level_ceiling(trials, level=level)}
        if level != "i1":
            for k in (0, 1):
                model = behavior.image_level_consistency(arrays[f"in_prob{k}"], trials, level=level)
                results[f"{name}_model{k}"] = model
        for key, result in results.items():
            ours[f"out_{key}"], ours[f"out_{key}_splits"] = result.score, result.splits
    halves = [(order[:800], order[800:]) for order in arrays["in_halves"]]  # one order for each system
    metrics = [
        [behavior.objectome_metrics(system, rows) for rows in own]
        for system, own in zip((trials, other), halves, strict=True)
    ]
    for level in ("O1", "I1", "I1n", "I2", "I2n"):
        values = [[getattr(half, level.lower()) for half in system] for system in metrics]
        for k in (0, 1):
            ours[f"out_objectome_{level}_half{k + 1}"] = values[0][k]
        if level != "O1":
            found = behavior.objectome_consistency(*values)
            ours[f"out_objectome_consistency_{level}"] = [found.first, found.second, found.raw, found.consistency]
    return arrays, ours


def test_image_level_consistency_reproduces_brain_score_and_the_objectome(shared: Path) -> None:
    arrays, ours = image_level(shared)
    assert outputs(arrays) == set(ours)
    for key, value in ours.items():
        np.testing.assert_allclose(value, arrays[key], rtol=1e-6, atol=1e-9, err_msg=key)


def model_vs_human(shared: Path, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The values of one image set of model_vs_human, and ours, from the codes in the golden file."""
    arrays = golden(shared, "model_vs_human")
    part = {key.split("__")[1]: value for key, value in arrays.items() if key.split("__")[0] == name.replace("-", "_")}
    if name == "cue-conflict":
        by_subject = [
            behavior.shape_bias(*(part[key][part["subject"] == k] for key in ("response", "shape", "texture")))
            for k in range(int(part["subject"].max()) + 1)
        ]
        every = behavior.shape_bias(part["response"], part["shape"], part["texture"])
        return part, {
            "out_shape_bias": [result.bias for result in by_subject],
            "out_fraction_shape": [result.fraction_shape for result in by_subject],
            "out_fraction_texture": [result.fraction_texture for result in by_subject],
            "out_all": [every.bias, every.fraction_shape, every.fraction_texture],
        }
    table = behavior.correct_table(trials_of_codes(part, shared, name))
    result = behavior.error_consistency(table)
    accuracies = [
        [
            behavior.accuracy(part["response"][rows], part["category"][rows])
            for subject in range(table.shape[1])
            for rows in [(part["condition"] == condition) & (part["subject"] == subject)]
        ]
        for condition in range(table.shape[0])
    ]
    np.testing.assert_allclose(result.accuracy, accuracies)
    return part, {
        "out_kappa": result.kappa,
        "out_observed": result.observed,
        "out_expected": result.expected,
        "out_accuracy": accuracies,
    }


def trials_of_codes(part: dict[str, np.ndarray], shared: Path, name: str) -> behavior.Trials:
    entry = json.loads((shared / "golden" / "index_mvh.json").read_text())[name]
    codes = {key: part[key].astype(np.intp) for key in ("subject", "condition", "image", "response", "category")}
    rows = np.arange(len(codes["image"]))
    return behavior.Trials(
        name=name,
        subjects=tuple(entry["subjects"]),
        conditions=tuple(entry["conditions"]),
        images=tuple(map(str, range(int(codes["image"].max()) + 1))),
        categories=tuple(entry["names"]),
        **codes,
        session=np.ones_like(rows),
        trial=rows,
        rt=np.ones(len(rows)),
        image_name=tuple(map(str, rows)),
    )


SETS = [
    "colour",
    "contrast",
    "edge",
    "eidolonI",
    "eidolonII",
    "high-pass",
    "low-pass",
    "phase-scrambling",
    "rotation",
    "silhouette",
    "sketch",
    "uniform-noise",
    "cue-conflict",
]


@pytest.mark.parametrize("name", SETS)
def test_error_consistency_and_shape_bias_reproduce_model_vs_human(shared: Path, name: str) -> None:
    part, ours = model_vs_human(shared, name)
    assert outputs(part) == set(ours)
    for key, value in ours.items():
        np.testing.assert_allclose(value, part[key], rtol=1e-12, atol=1e-12, err_msg=key)
    entry = json.loads((shared / "golden" / "index_mvh.json").read_text())[name]
    if "mean_human_human_kappa" in entry:
        assert behavior.mean_kappa(ours["out_kappa"]) == pytest.approx(entry["mean_human_human_kappa"], abs=1e-12)


def test_every_image_set_of_the_golden_file_is_covered(shared: Path) -> None:
    with np.load(shared / "golden" / "model_vs_human.npz") as arrays:
        assert {key.split("__")[0] for key in arrays} == {name.replace("-", "_") for name in SETS}


@pytest.fixture(scope="module")
def human(shared: Path) -> dict[str, behavior.Trials]:
    return behavior.read_trial_sets(shared / "data" / "human" / "geirhos_model_vs_human" / "raw-data")


def test_all_human_trials_are_read(human: dict[str, behavior.Trials]) -> None:
    assert set(human) == set(KAPPAS)
    assert sum(len(trials.trial) for trials in human.values()) == 85_120
    assert sum(int((trials.response == -1).sum()) for trials in human.values()) == 597
    assert all(np.isnan(trials.rt).sum() == (trials.response == -1).sum() for trials in human.values())


@pytest.mark.parametrize("name", SETS)
def test_files_and_golden_codes_agree(human: dict[str, behavior.Trials], shared: Path, name: str) -> None:
    part = model_vs_human(shared, name)[0]
    trials = human[name]
    rows = trials.subject <= part["subject"].max()  # the golden cue-conflict holds six of ten subjects
    np.testing.assert_array_equal(trials.subject[rows], part["subject"])
    na = part["response"] == 16
    np.testing.assert_array_equal(np.where(trials.response[rows] == -1, 16, trials.response[rows]), part["response"])
    assert na.sum() == (trials.response[rows] == -1).sum()


@pytest.mark.parametrize("name", sorted(KAPPAS))
def test_human_error_consistency_is_the_tabulated_one(human: dict[str, behavior.Trials], name: str) -> None:
    assert mean_kappa_of(human[name]) == pytest.approx(KAPPAS[name], abs=5e-5)


def test_mean_human_error_consistency_and_accuracy(human: dict[str, behavior.Trials]) -> None:
    assert np.mean([mean_kappa_of(trials) for trials in human.values()]) == pytest.approx(0.4312, abs=5e-5)
    used = [trials.select(behavior.usable_conditions(trials)) for trials in human.values()]
    assert np.mean([trials.correct.mean() for trials in used]) == pytest.approx(0.7228, abs=5e-5)


def mean_kappa_of(trials: behavior.Trials) -> float:
    table = behavior.correct_table(trials.select(behavior.usable_conditions(trials)))
    table = table[~np.isnan(table).all(axis=(1, 2))]
    return behavior.mean_kappa(behavior.error_consistency(table).kappa)


def test_human_shape_bias_is_the_tabulated_one(human: dict[str, behavior.Trials]) -> None:
    trials = human["cue-conflict"]
    codes = {category: k for k, category in enumerate(trials.categories)}
    texture = np.array([codes[behavior.texture_of(name)] for name in trials.image_name])
    results = [
        behavior.shape_bias(*(values[trials.subject == k] for values in (trials.response, trials.category, texture)))
        for k in range(10)
    ]
    assert np.mean([result.bias for result in results]) == pytest.approx(0.9576, abs=5e-5)
    assert {(result.conflicts, result.trials) for result in results} == {(1200, 1280)}
    pooled = behavior.shape_bias(trials.response, trials.category, texture)
    assert pooled.bias == pytest.approx(0.9587, abs=5e-5)


def test_entropy_of_choices_is_model_vs_humans(human: dict[str, behavior.Trials], shared: Path) -> None:
    index = json.loads((shared / "golden" / "index_mvh.json").read_text())
    for name in ("colour", "eidolonII", "silhouette"):
        trials = human[name]
        entropies = [
            behavior.response_entropy(trials.response[trials.subject == k], range(16))
            for k in range(len(trials.subjects))
        ]
        assert np.mean(entropies) == pytest.approx(index[name]["mean_entropy"], abs=1e-12)


def test_human_error_consistency_is_above_chance_in_the_bootstrap(human: dict[str, behavior.Trials]) -> None:
    table = behavior.correct_table(human["edge"])
    estimate, low, high = behavior.bootstrap_kappa(table, draws=300).mean()
    assert estimate == pytest.approx(KAPPAS["edge"], abs=5e-5)
    assert 0.2 < low < estimate < high < 0.45
    _, wide_low, wide_high = behavior.bootstrap_kappa(table, draws=300, observers=True).mean()
    assert wide_high - wide_low > high - low
