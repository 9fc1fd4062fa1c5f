"""Image-level consistency as a metric: the functions' values, who is compared, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, LinearReadout, StudyEvidence
from spikeproof_metrics_behavior import image_level_dprime
from spikeproof_metrics_behavior.metrics.image_level import ImageLevelConsistency

RESAMPLING = Resampling(draws=100)
OBJECTS = ("bear", "cat", "dog")
IMAGES = [f"{name}{k}" for name in OBJECTS for k in range(6)]
HARD = np.random.default_rng(3).uniform(0.02, 0.5, (18, 3))
"""How often an image is taken for each other object."""


def trials(repeats: int = 40, subjects: int = 4, seed: int = 0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    rows: dict[str, list[str]] = {
        name: [] for name in ("subject", "stimulus_id", "choice", "category", "condition", "distractor")
    }
    for repeat in range(repeats):
        for image, name in enumerate(IMAGES):
            own = image // 6
            for other in set(range(3)) - {own}:
                rows["subject"].append(f"s{repeat % subjects}")
                rows["stimulus_id"].append(name)
                rows["category"].append(OBJECTS[own])
                rows["distractor"].append(OBJECTS[other])
                rows["choice"].append(OBJECTS[other if rng.random() < HARD[image, other] else own])
                rows["condition"].append(f"{repeat}, {other}")
    return xr.Dataset({name: ("trial", np.array(values)) for name, values in rows.items()})


def network(name: str, confusion: np.ndarray, classes: tuple[str, ...] = OBJECTS) -> Code:
    """A code whose softmax probabilities are given: units are the log-probabilities, the readout the identity."""
    p = confusion.copy()
    p[np.arange(18), np.arange(18) // 6] = 0
    p[np.arange(18), np.arange(18) // 6] = 1 - p.sum(axis=1) / 2
    logits = np.log(p / p.sum(axis=1, keepdims=True))
    readout = LinearReadout(
        classes=classes,
        weights=np.eye(3)[None],
        intercepts=np.zeros((1, 3)),
        stimuli=tuple(IMAGES),
        fold=np.zeros(18, dtype=np.intp),
    )
    responses = xr.DataArray(logits, dims=("stimulus", "unit"), coords={"stimulus": IMAGES, "unit": ["a", "b", "c"]})
    choices = xr.DataArray(readout.choices(logits, IMAGES), dims="stimulus", coords={"stimulus": IMAGES})
    return Code(system=name, responses=responses, choices=choices, readout=readout)


def study(table: xr.Dataset, *codes: Code) -> StudyEvidence:
    return StudyEvidence(codes={code.system: code for code in codes}, measured={}, trials=table)


def estimate(summary: xr.Dataset, observers: str, level: str) -> float:
    return float(summary["consistency"].sel(statistic="estimate", observers=observers, level=level)[0])


@pytest.mark.parametrize("rule", ["brain-score", "objectome"])
def test_a_network_that_errs_like_subjects_is_consistent_and_another_is_not(rule: str) -> None:
    other = np.random.default_rng(9).uniform(0.02, 0.5, (18, 3))
    metric = ImageLevelConsistency(rule=rule, splits=2)  # type: ignore[arg-type]
    summary = metric.across(study(trials(160), network("alike", HARD), network("other", other)), RESAMPLING)
    assert estimate(summary, "subjects with each other", "i2n") > 0.8
    assert estimate(summary, "alike with subjects", "i2n") > 0.85
    assert abs(estimate(summary, "other with subjects", "i2n")) < 0.6
    null = summary["consistency_shuffled"].sel(observers="alike with subjects", level="i2n")[:, 0]
    assert float(null.sel(statistic="high")) < estimate(summary, "alike with subjects", "i2n")
    assert abs(float(null.sel(statistic="estimate"))) < 0.15
    bounds = summary["consistency"].sel(observers="alike with subjects", level="i2n")[:, 0].values
    assert bounds[1] < bounds[0] < bounds[2]
    told = list(metric.describe(summary))
    assert any(said.startswith("Alike with subjects, image by image of trials: i1 ") for said in told)


def test_objects_alone_explain_i2_but_not_i2n() -> None:
    by_object = np.where(np.arange(18)[:, None] // 6 == 0, 0.4, 0.1) * np.ones((18, 3))
    rng = np.random.default_rng(0)
    noisy = (by_object * rng.uniform(0.7, 1.3, (18, 3))).clip(0.01, 0.5)
    table = trials(60)
    summary = ImageLevelConsistency(splits=2).across(study(table, network("net", noisy)), RESAMPLING)
    shuffled = summary["consistency_shuffled"].sel(statistic="estimate", observers="net with subjects")[0]
    assert abs(float(shuffled.sel(level="i2n"))) < 0.1
    own = image_level_dprime(noisy, np.arange(18) // 6, level="i2n")
    assert np.isfinite(own).sum() == 36


def test_systems_that_cannot_be_compared_are_named() -> None:
    mute = network("mute", HARD)
    head = Code(system="head", responses=mute.responses, choices=mute.choices)
    wrong = network("wrong", HARD, classes=("bear", "cat", "fox"))
    sure = network("sure", np.full((18, 3), 1e-9))
    metric = ImageLevelConsistency(splits=1)
    summary = metric.across(study(trials(), head, wrong, sure, mute), RESAMPLING)
    told = " ".join(metric.describe(summary))
    assert "head is left out: image-level needs decision values of a fitted readout" in told
    assert "wrong is left out: its readout has no class 'dog', which is an object on offer" in told
    assert "sure with subjects (i1)" in told
    assert "its d' does not vary over images" in told
    assert np.isnan(estimate(summary, "sure with subjects", "i1"))
    assert "mute with subjects" in summary["observers"].values


def test_trials_without_a_distractor_are_refused() -> None:
    metric = ImageLevelConsistency()
    with pytest.raises(NotEnoughData, match=r"image-level needs trials on which two objects were on offer.*distractor"):
        metric.across(study(trials().drop_vars("distractor")), RESAMPLING)
    unknown = trials()
    unknown["distractor"].values[:] = "fox"
    with pytest.raises(DataError, match="distractor 'fox' of 'trials' is no category of its trials"):
        metric.across(study(unknown), RESAMPLING)
    with pytest.raises(NotEnoughData, match="d' does not vary over the"):
        metric.across(study(trials().assign(choice=trials()["category"])), RESAMPLING)
    with pytest.raises(BadParameter, match="splits must be at least 1"):
        ImageLevelConsistency(splits=0)
