"""Folds are over stimuli, and what belongs together stays together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeproof.errors import NotEnoughData
from spikeproof.insilico import stimulus_folds


@given(st.lists(st.integers(0, 30), min_size=60, max_size=60), st.integers(2, 4), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_stimuli_of_one_image_are_never_split(groups: list[int], count: int, seed: int) -> None:
    names = [f"g{group}" for group in groups]
    if len(set(names)) < 3 * count:
        return
    fold = stimulus_folds(names, count, seed=seed)
    assert all(len(set(fold[np.array(names) == name])) == 1 for name in set(names))
    assert set(fold) == set(range(count))


def test_folds_go_by_the_names_of_stimuli_and_not_by_their_order() -> None:
    names = [f"s{k}" for k in range(20)]
    fold = dict(zip(names, stimulus_folds(names, 5, seed=1), strict=True))
    assert dict(zip(names[::-1], stimulus_folds(names[::-1], 5, seed=1), strict=True)) == fold
    assert dict(zip(names, stimulus_folds(names, 5, seed=2), strict=True)) != fold


def test_single_stimuli_make_even_folds() -> None:
    assert np.bincount(stimulus_folds([str(k) for k in range(22)], 5, seed=0)).tolist() == [5, 5, 4, 4, 4]


def test_too_few_stimuli_are_refused_by_number() -> None:
    message = "5 different stimuli cannot be split into 2 folds of three or more: an encoder needs 6 of them, or fewer"
    with pytest.raises(NotEnoughData, match=message):
        stimulus_folds(["a", "b", "c", "d", "e", "e", "e"], 2, seed=0)
