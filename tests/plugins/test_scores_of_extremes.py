"""Every score of a matrix, on what is degenerate: a number that means something, or the reason why there is none."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from spikeproof._host import Host
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.pipeline.left_out import left_out
from spikeproof.pipeline.resampled_scores import shuffled
from spikeproof.types import Repeats, Sample

STIMULI, UNITS, REPEATS = 30, 8, 4
NAMES = np.array([f"s{k:02d}" for k in range(STIMULI)])
LABELS = np.array(["a", "b", "c"])[np.arange(STIMULI) % 3]
GIVEN: dict[str, dict[str, Any]] = {
    "tuning": {"folds": 2, "bins": 3},
    "few-units": {"percent": [25], "draws": 1},
    "shape-choices": {"textures": [f"{name}=a" for name in NAMES.tolist()]},
}
HOST = Host.discover(environ={"SPIKEPROOF_NO_PLUGINS": "1"})
SCORES = {item.entry.name: item.entry for item in HOST.entries("metric") if item.entry.kind == "score"}
COUNTED = {"choice-accuracy", "choice-consistency", "confidence", "shape-choices"}
"""Scores of choices: they do not look at responses."""
CHANCE = {"decoding", "decoder-transfer", "few-units"}
"""Scores that say of responses without any information that they decode at chance."""


def component(name: str) -> Any:
    return HOST.build(HOST.find("metric", name), GIVEN.get(name, {}), where=name)


def sample(base: np.ndarray, noise: float) -> Sample:
    rng = np.random.default_rng(1)
    single = np.abs(base[:, None] + noise * rng.normal(size=(STIMULI, REPEATS, UNITS)))
    means = single.mean(axis=1)
    shown = Repeats(responses=single.reshape(-1, UNITS), stimuli=np.repeat(NAMES, REPEATS))
    turned = Repeats(responses=shown.responses[:, ::-1].copy(), stimuli=shown.stimuli)
    decision = np.eye(3)[np.arange(STIMULI) % 3]
    return Sample(
        responses=means,
        labels=LABELS,
        choices=LABELS,
        reference=means[:, ::-1].copy(),
        reference_choices=LABELS,
        decision=decision,
        classes=("a", "b", "c"),
        stimuli=NAMES,
        units=np.array([f"u{k}" for k in range(UNITS)]),
        repeats=shown,
        reference_repeats=turned,
    )


BASE = np.random.default_rng(0).exponential(size=(STIMULI, UNITS))


def scored(name: str, given: Sample) -> dict[str, float] | str:
    """What it says: finite numbers, or the reason why it says none."""
    try:
        found = dict(component(name).score(given))
    except (DataError, NotEnoughData) as error:
        return str(error)
    assert all(np.isfinite(value) for value in found.values()), found
    return {key: float(value) for key, value in found.items()}


@pytest.mark.parametrize("name", sorted(SCORES))
def test_usual_responses_and_counts_have_a_finite_score(name: str) -> None:
    assert isinstance(scored(name, sample(BASE, 0.3)), dict)
    counts = np.random.default_rng(2).poisson(3, size=(STIMULI, UNITS)).astype(float)
    assert isinstance(scored(name, sample(counts, 1.0)), dict)
    twice = BASE.copy()
    twice[1::2] = BASE[::2]  # every stimulus stands there twice
    assert isinstance(scored(name, sample(twice, 0.3)), dict)


@pytest.mark.parametrize("name", sorted(set(SCORES) - COUNTED))
@pytest.mark.parametrize("flat", ["zero", "one number", "one pattern"])
def test_responses_that_do_not_vary_have_a_reason_or_the_value_that_they_should(name: str, flat: str) -> None:
    base = {
        "zero": np.zeros((STIMULI, UNITS)),
        "one number": np.full((STIMULI, UNITS), 3.0),
        "one pattern": np.tile(BASE[:1], (STIMULI, 1)),
    }[flat]
    found = scored(name, sample(base, 0.0))
    if name in CHANCE:
        assert isinstance(found, dict)
        assert all(value == pytest.approx(1 / 3) for value in found.values())
    elif name == "lifetime-sparseness" and flat != "zero":
        assert found == pytest.approx({"lifetime_sparseness": 0.0, "treves_rolls_activity": 1.0})
    elif name == "population-sparseness" and flat == "one number":
        assert found == pytest.approx({"population_sparseness": 0.0})
    elif name == "population-sparseness" and flat == "one pattern":
        assert isinstance(found, dict)  # of one pattern there is one
    else:
        assert isinstance(found, str), found
        assert re.search(r"same|varies|vary|every weight is 0|no unit responds|differently|vanishes", found), found


@pytest.mark.parametrize("name", sorted(set(SCORES) - COUNTED))
def test_a_unit_that_never_responds_makes_no_score_undefined(name: str) -> None:
    base = BASE.copy()
    base[:, 2] = 0
    given = sample(base, 0.3)
    assert given.repeats is not None
    single = given.repeats.responses.copy()
    single[:, 2] = 0
    responses = given.responses.copy()
    responses[:, 2] = 0
    changed = replace(given, responses=responses, repeats=replace(given.repeats, responses=single))
    assert isinstance(scored(name, changed), dict)


@pytest.mark.parametrize("size", [1e200, 1e-200])
@pytest.mark.parametrize("side", ["response", "response of the reference"])
def test_responses_whose_products_are_no_numbers_are_refused_before_any_score_sees_them(size: float, side: str) -> None:
    given = sample(BASE, 0.3)
    what = "responses" if side == "response" else "reference"
    changed = replace(given, **{what: getattr(given, what) * size})
    text = rf"the largest {side} is \S+, so that products of responses leave the range .* divide all responses by one"
    with pytest.raises(DataError, match=text):
        left_out(component("cka"), changed, {"stimuli": NAMES})
    with pytest.raises(DataError, match=text):
        shuffled(component("cka"), changed, "stimuli")
