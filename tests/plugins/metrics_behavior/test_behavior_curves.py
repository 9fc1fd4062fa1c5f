"""Accuracy and shape bias of choices along a perturbation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Sample
from spikeproof_metrics_behavior.metrics.choice_accuracy import ChoiceAccuracy
from spikeproof_metrics_behavior.metrics.shape_choices import ShapeChoices

SAMPLE = Sample(
    responses=np.ones((4, 1)),
    labels=np.array(["cat", "cat", "dog", "dog"]),
    choices=np.array(["cat", "dog", "dog", "eel"]),
    stimuli=np.array(["cat1-dog1.png", "cat2-dog1.png", "dog1-cat1.png", "dog2-dog1.png"]),
)


def test_accuracy_is_the_share_of_choices_that_are_right() -> None:
    assert ChoiceAccuracy().score(SAMPLE) == {"choice_accuracy": 0.5}
    assert ChoiceAccuracy().contributions(SAMPLE)["choice_accuracy"].tolist() == [1, 0, 1, 0]


def test_attacked_choices_may_all_be_wrong_and_of_one_category() -> None:
    attacked = replace(SAMPLE, choices=np.full(4, "eel"), labels=np.full(4, "cat"))
    assert ChoiceAccuracy().score(attacked) == {"choice_accuracy": 0.0}
    with pytest.raises(NotEnoughData, match="choice-accuracy needs choices and categories"):
        ChoiceAccuracy().score(replace(SAMPLE, choices=None))


def test_shape_bias_counts_images_in_conflict_on_which_either_cue_is_chosen() -> None:
    found = ShapeChoices().score(SAMPLE)  # the last image has one cue only
    assert found == pytest.approx({"choice_shape_bias": 2 / 3, "cue_choices": 1.0})
    named = replace(SAMPLE, stimuli=np.array(["p", "q", "r", "s"]))
    given = ShapeChoices(textures=("p=dog", "q=dog", "r=cat", "s=dog"))
    assert given.score(named) == pytest.approx(found)


def test_shape_bias_refuses_what_it_does_not_know() -> None:
    with pytest.raises(DataError, match="image 'p' is not named SHAPEk-TEXTUREk"):
        ShapeChoices().score(replace(SAMPLE, stimuli=np.array(["p", "q", "r", "s"])))
    with pytest.raises(DataError, match=r"textures name none for stimulus 'cat2-dog1.png' \(3 such stimuli\)"):
        ShapeChoices(textures=("cat1-dog1.png=dog",)).score(SAMPLE)
    with pytest.raises(NotEnoughData, match="neither shape nor texture was chosen on any of 3 trials in conflict"):
        ShapeChoices().score(replace(SAMPLE, choices=np.full(4, "eel")))
    with pytest.raises(NotEnoughData, match="needs choices, and the names of the stimuli"):
        ShapeChoices().score(replace(SAMPLE, choices=None))
    with pytest.raises(NotEnoughData, match="where textures are given, the shape is the category, and there are none"):
        ShapeChoices(textures=("a=b",)).score(replace(SAMPLE, labels=None))
    with pytest.raises(BadParameter, match="textures are given as STIMULUS=CATEGORY, got 'dog'"):
        ShapeChoices(textures=("dog",))
