"""A linear readout reads each stimulus with the classifier that never saw it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spikeproof.errors import DataError
from spikeproof.types import LinearReadout

FIELDS: dict[str, Any] = {
    "classes": ("a", "b"),
    "weights": np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]),
    "intercepts": np.array([[0.0, 0.0], [0.0, -5.0]]),
    "stimuli": ("s0", "s1", "s2"),
    "fold": np.array([0, 1, 0]),
}


def test_each_stimulus_is_read_by_its_own_fold() -> None:
    readout = LinearReadout(**FIELDS)
    responses = np.array([[2.0, 9.0], [2.0, 9.0], [-1.0, 9.0]])
    np.testing.assert_allclose(readout.decision(responses, ("s0", "s1", "s2")), [[0, 2], [0, 4], [0, -1]])
    assert readout.choices(responses, ("s0", "s1", "s2")).tolist() == ["b", "b", "a"]
    np.testing.assert_allclose(readout.decision(responses[1:], ("s1", "s2")), [[0, 4], [0, -1]])


def test_leading_dimensions_are_kept() -> None:
    responses = np.random.default_rng(0).normal(size=(4, 2, 2))
    together = LinearReadout(**FIELDS).decision(responses, ("s2", "s1"))
    for number in range(4):
        np.testing.assert_array_equal(
            together[number], LinearReadout(**FIELDS).decision(responses[number], ("s2", "s1"))
        )


def test_the_first_class_wins_ties() -> None:
    assert LinearReadout(**FIELDS).choices(np.zeros((1, 2)), ("s0",)).tolist() == ["a"]


def test_an_unknown_stimulus_is_refused() -> None:
    with pytest.raises(DataError, match="stimulus 'z' was not in the set that the readout was fitted on"):
        LinearReadout(**FIELDS).folds_of(("s0", "z"))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"weights": np.zeros((2, 2))}, r"weights have shape \(2, 2\), expected \(fold, class, unit\)"),
        ({"intercepts": np.zeros((2, 3))}, r"intercepts \(2, 3\) \(fold, class\) do not match the 2 classes"),
        ({"classes": ("a", "b", "c")}, "do not match the 3 classes"),
        ({"classes": ("a", "a")}, "coordinate 'class' must be unique, but 'a' stands twice"),
        ({"classes": ("a",), "weights": np.zeros((2, 1, 2)), "intercepts": np.zeros((2, 1))}, "one class only"),
        ({"weights": np.full((2, 2, 2), np.nan)}, "not finite"),
        ({"stimuli": ("s0", "s1")}, "2 stimuli have 3 folds"),
        ({"stimuli": (), "fold": np.array([], dtype=int)}, "0 stimuli have 0 folds"),
        ({"stimuli": ("s0", "s1", "s0")}, "coordinate 'stimulus' must be unique, but 's0' stands twice"),
        ({"fold": np.array([0, 2, 0])}, "stimulus 's1' is in fold 2, but there are 2"),
        ({"fold": np.array([0, 1, -1])}, "stimulus 's2' is in fold -1"),
    ],
)
def test_a_malformed_readout_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=f"readout: .*{text}"):
        LinearReadout(**(FIELDS | fields))
