"""Accuracy, distances, shape bias, d', image-level choices, agreement, confidence: known answers and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import spikeproof_metrics_behavior as behavior
from scipy import stats
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof_metrics_behavior import ImageTrials

FEW = Resampling(draws=200)


def test_no_choice_counts_as_wrong_and_stays_in_the_denominator() -> None:
    assert behavior.accuracy(["a", "na", "b", "b"], ["a", "a", "b", "a"]) == 0.5
    assert behavior.accuracy([0, -1, 1], [0, 0, 1]) == pytest.approx(2 / 3)
    assert behavior.accuracy([[0, 1], [1, 1]], [0, 1]).tolist() == [1.0, 0.5]


def test_accuracy_refuses_trials_without_truth() -> None:
    with pytest.raises(NotEnoughData, match="there is no trial"):
        behavior.accuracy([], [])
    with pytest.raises(DataError, match="1 trials have no true category"):
        behavior.accuracy(["a", "b"], ["a", "na"])
    with pytest.raises(DataError, match="2 trials have no true category"):
        behavior.accuracy([0, 1], [-1, -1])
    with pytest.raises(DataError, match=r"\(2,\) responses do not fit \(3,\)"):
        behavior.accuracy([0, 1], [0, 1, 1])


def test_accuracy_distance_is_relative_to_the_farthest_accuracy() -> None:
    assert behavior.accuracy_distance(0.0, 0.7) == pytest.approx(0)
    assert behavior.accuracy_distance(1.0, 0.3) == pytest.approx(0)
    assert behavior.accuracy_distance(0.5, 0.5) == 1
    assert behavior.accuracy_distance(0.25, 0.75, chance=0.25) == pytest.approx(0)
    with pytest.raises(DataError, match="accuracies must lie between 0 and 1"):
        behavior.accuracy_distance(1.2, 0.5)
    with pytest.raises(DataError, match=r"chance must lie in \[0, 1\), got 1"):
        behavior.accuracy_distance(0.2, 0.5, chance=1)


def test_entropy_of_one_choice_and_of_none() -> None:
    assert behavior.response_entropy(["a"] * 4, ["a", "b"]) == 0
    assert behavior.response_entropy(["na"] * 4, ["a", "b"]) == 0
    with pytest.raises(NotEnoughData, match="there is no trial"):
        behavior.response_entropy([], ["a"])


def test_shape_bias_leaves_out_trials_without_conflict_but_divides_the_fractions_by_all() -> None:
    result = behavior.shape_bias(list("aabca"), list("aaaaa"), list("bbbba"))
    assert result.bias == pytest.approx(2 / 3)
    assert (result.fraction_shape, result.fraction_texture) == (0.4, 0.2)
    assert (result.conflict_fraction_shape, result.conflict_fraction_texture) == (0.5, 0.25)
    assert (result.decisions, result.conflicts, result.trials) == (3, 4, 5)


def test_shape_bias_without_conflict_or_decisions_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="there is no conflict of cues"):
        behavior.shape_bias(["a"], ["a"], ["a"])
    with pytest.raises(NotEnoughData, match="neither shape nor texture was chosen on any of 2 trials"):
        behavior.shape_bias(["c", "na"], ["a", "a"], ["b", "b"])
    with pytest.raises(DataError, match="do not fit"):
        behavior.shape_bias(["c"], ["a", "a"], ["b", "b"])
    assert behavior.texture_of("bird3-clock10.png") == "clock"
    with pytest.raises(DataError, match=r"image 'bird3\.png' is not named SHAPEk-TEXTUREk"):
        behavior.texture_of("bird3.png")


def test_dprime_of_rates_and_its_three_rules_for_the_extremes() -> None:
    assert behavior.behavioral_dprime(stats.norm.cdf(1.2), stats.norm.cdf(-0.3)) == pytest.approx(1.5)
    with pytest.raises(
        DataError, match=r"2 rates are 0 or 1, where d' is infinite: pass extreme='clip-rates' or 'cap'"
    ):
        behavior.behavioral_dprime([1.0, 0.5], [0.5, 0.0])
    edge = 2 * stats.norm.ppf(0.99)
    assert behavior.behavioral_dprime(1.0, 0.0, extreme="clip-rates") == pytest.approx(edge)
    assert behavior.behavioral_dprime([1.0, 0.0], [0.0, 1.0], extreme="cap").tolist() == [5, -5]
    assert behavior.behavioral_dprime(1.0, 0.4, extreme="cap", limit=3) == 3
    assert np.isnan(behavior.behavioral_dprime(1.0, 1.0, extreme="cap"))
    assert np.isnan(behavior.behavioral_dprime(np.nan, 0.5))
    with pytest.raises(DataError, match="rates must lie between 0 and 1"):
        behavior.behavioral_dprime(1.1, 0.5)
    with pytest.raises(DataError, match=r"limit between 0 and 0\.5, got 0\.5"):
        behavior.behavioral_dprime(1.0, 0.5, extreme="clip-rates", limit=0.5)
    with pytest.raises(DataError, match="cap must be above 0, got 0"):
        behavior.behavioral_dprime(1.0, 0.5, extreme="cap", limit=0)


def simulated_trials(repeats: int = 30, seed: int = 0) -> tuple[ImageTrials, np.ndarray]:
    """Two-alternative trials of 30 images of 3 objects, and the probability of the distractor."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), 10)
    p = rng.uniform(0.02, 0.5, size=(30, 3))
    p[np.arange(30), truth] = np.nan
    image = np.tile(np.arange(30), 2 * repeats)
    distractor = (truth[image] + 1 + (np.arange(len(image)) >= len(image) // 2)) % 3
    choice = np.where(rng.random(len(image)) < p[image, distractor], distractor, truth[image])
    return ImageTrials(image=image, distractor=distractor, choice=choice, truth=truth), p


def test_many_trials_give_the_probabilities_and_a_high_ceiling() -> None:
    trials, p = simulated_trials(4000)
    np.testing.assert_allclose(behavior.choice_rates(trials), p, atol=0.03)
    assert behavior.image_level_ceiling(trials, level="i2n").score > 0.97
    odds = np.nan_to_num(p / (1 - p), nan=1.0)  # a model of these probabilities, with p_o = 1
    for level in ("i1", "i1n", "i2", "i2n"):
        result = behavior.image_level_consistency(odds, trials, level=level)
        assert result.score > 0.97
        assert result.entries.tolist() == [30 if level.startswith("i1") else 60] * 2


def test_a_model_that_knows_nothing_has_no_consistency() -> None:
    trials, _ = simulated_trials(40)
    model = np.random.default_rng(5).uniform(0.1, 1, size=(30, 3))
    assert abs(behavior.image_level_consistency(model, trials).score) < 0.35


def test_empty_cells_are_left_out_and_counted() -> None:
    trials, _ = simulated_trials(2)
    result = behavior.image_level_ceiling(trials, level="i2")
    assert (result.entries < 60).all()
    assert (result.entries > 10).all()
    only = ImageTrials(image=[0, 0], distractor=[1, 1], choice=[0, 1], truth=[0, 1])
    with pytest.raises(NotEnoughData, match=r"i2: 0 entries have trials on both sides, but two are needed"):
        behavior.image_level_ceiling(only, level="i2")


def test_choices_that_do_not_vary_cannot_be_correlated() -> None:
    trials = ImageTrials(image=[0, 1] * 4, distractor=[1, 0] * 4, choice=[0, 1] * 4, truth=[0, 1])
    with pytest.raises(NotEnoughData, match="d' does not vary over the 2 entries"):
        behavior.image_level_ceiling(trials, level="i2", halves=[range(8)])


def test_rates_of_zero_and_one_are_capped() -> None:
    d = behavior.image_level_dprime([[np.nan, 0.0], [0.5, np.nan]], [0, 1], level="i2")
    assert d[0, 1] == 5
    assert d[1, 0] == 5  # the other object's false-alarm rate is 0
    both = behavior.image_level_dprime([[np.nan, 0.0], [1.0, np.nan]], [0, 1], level="i2")
    assert np.isnan(both[0, 1])  # infinite less infinite
    with pytest.raises(DataError, match="rates must lie between 0 and 1"):
        behavior.image_level_dprime([[np.nan, 1.5], [0.5, np.nan]], [0, 1])
    with pytest.raises(DataError, match="do not fit the objects of 3 images"):
        behavior.image_level_dprime([[np.nan, 0.5], [0.5, np.nan]], [0, 1, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": [0, 2]}, "image of trial 1 is 2, but there are 2, counted from 0"),
        ({"truth": [0, -1]}, "truth of image 1 is -1"),
        ({"distractor": [0, 0]}, "on trial 0 the distractor is the image's own object"),
        ({"choice": [2, 1], "objects": 3}, "on trial 0 object 2 was chosen, which was not on offer"),
        ({"choice": [1]}, "must have one value a trial each"),
    ],
)
def test_impossible_trials_are_refused(changes: dict, message: str) -> None:
    given = {"image": [0, 1], "distractor": [1, 0], "choice": [0, 1], "truth": [0, 1]}
    with pytest.raises(DataError, match=message):
        ImageTrials(**given | changes)


def test_no_trial_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="there is no trial"):
        ImageTrials(image=[], distractor=[], choice=[], truth=[0, 1])


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (np.ones((2, 2)), r"probabilities \(2, 2\) do not fit 30 images and 3 objects"),
        (-np.ones((30, 3)), "must be finite and not negative"),
        (np.full((30, 3), np.nan), "must be finite and not negative"),
        (np.zeros((30, 3)), "on image 0 the model gives probability 0 both to its object and to object 0"),
    ],
)
def test_a_model_without_probabilities_is_refused(probabilities: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        behavior.image_level_consistency(probabilities, simulated_trials()[0])


def test_objectome_false_alarms_are_pooled_over_trials_and_brain_scores_over_images() -> None:
    # Object 1 has two images; the first was shown nine times, the second once.
    image = [0] * 10 + [1] * 9 + [2]
    choice = [0] * 8 + [1] * 2 + [1] * 9 + [0]
    trials = ImageTrials(image=image, distractor=[1] * 10 + [0] * 10, choice=choice, truth=[0, 1, 1])
    z = stats.norm.ppf
    assert behavior.objectome_metrics(trials).i2[0, 1] == pytest.approx(z(0.8) - z(0.1))
    rates = behavior.choice_rates(trials)
    assert behavior.image_level_dprime(rates, trials.truth, level="i2")[0, 1] == pytest.approx(z(0.8) - z(0.5))


def test_objectome_consistency_corrects_for_noise_and_refuses_what_is_noise() -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=4000)
    first, second = (signal + rng.normal(size=(2, 4000)) for _ in range(2))
    result = behavior.objectome_consistency(first, second)
    assert result.first == pytest.approx(0.5, abs=0.05)
    assert result.raw == pytest.approx(0.5, abs=0.05)
    assert result.consistency == pytest.approx(1, abs=0.06)
    everything = behavior.objectome_consistency(first, second, pairs="all")
    r = np.corrcoef([*first, *second])
    assert everything.raw == pytest.approx(r[:2, 2:].mean())
    assert result.raw == pytest.approx((r[0, 3] + r[1, 2]) / 2)
    with pytest.raises(NotEnoughData, match=r"internal consistencies are -1 and .*, but must be above 0"):
        behavior.objectome_consistency(np.stack([signal, -signal]), second)
    with pytest.raises(DataError, match="needs two halves each, of one shape"):
        behavior.objectome_consistency(first, second[:1])


def test_agreement_at_chance_and_above_it() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(4, size=60)
    guesses = rng.integers(4, size=(30, 60))
    chance = behavior.agreement(guesses, labels, 4, none=-1, resampling=FEW)
    assert chance.low < 0.25 < chance.high
    assert chance.p > 0.01
    assert chance.shuffled == pytest.approx(0.25, abs=0.01)
    agreeing = np.where(rng.random((30, 60)) < 0.3, labels, guesses)
    above = behavior.agreement(agreeing, labels, 4, none=-1, resampling=FEW)
    assert above.low > 0.25
    assert above.above_chance == pytest.approx(0.225, abs=0.03)
    assert above.p == pytest.approx(1 / 201)


def test_agreement_of_few_images_shows_as_spread_over_images() -> None:
    labels = np.zeros(20, dtype=int)
    choices = np.ones((10, 20), dtype=int)
    choices[:, :5] = 0  # everybody agrees on a quarter of the images
    result = behavior.agreement(choices, labels, 4, none=-1, resampling=FEW)
    assert result.rate == result.chance == 0.25
    assert result.image_sd == pytest.approx(np.std([1] * 5 + [0] * 15, ddof=1))
    assert result.observer_sd == 0


def test_observers_that_prefer_one_label_agree_by_more_than_one_over_options() -> None:
    labels = np.array([0] * 15 + [1] * 5)
    choices = np.zeros((8, 20), dtype=int)  # always the frequent label
    result = behavior.agreement(choices, labels, 2, none=-1, resampling=FEW)
    assert result.rate == 0.75
    assert result.above_chance == 0.25
    assert result.shuffled == 0.75  # but no better than with the labels permuted
    assert result.p == 1


def test_agreement_leaves_out_trials_without_a_choice_and_takes_options_per_image() -> None:
    result = behavior.agreement([["a", "na"], ["a", "b"]], ["a", "a"], [2, 4], resampling=FEW)
    assert result.rate == pytest.approx(2 / 3)
    assert result.chance == pytest.approx((1 / 2 + 1 / 2 + 1 / 4) / 3)
    assert np.isnan([result.shuffled, result.p]).all()
    floats = behavior.agreement([[0.0, np.nan]], [0.0, 1.0], 2, none=-1, resampling=FEW)
    assert floats.by_image[0] == 1
    assert np.isnan(floats.by_image[1])
    assert np.isnan(floats.observer_sd)
    with pytest.raises(NotEnoughData, match="no observer made a choice"):
        behavior.agreement([["na"]], ["a"], 2)
    with pytest.raises(DataError, match="options must be one number of 2 or more"):
        behavior.agreement([["a"]], ["a"], 1)
    with pytest.raises(DataError, match=r"choices \(1, 1\) do not fit \(2,\) labels"):
        behavior.agreement([["a"]], ["a", "b"], 2)


def test_confidence_of_known_logits() -> None:
    result = behavior.confidence(np.log([[0.7, 0.2, 0.1], [0.5, 0.5, 1e-300]]))
    np.testing.assert_allclose(result.confidence, [0.7, 0.5])
    np.testing.assert_allclose(result.margin, [0.5, 0.0], atol=1e-12)
    assert result.choice.tolist() == [0, 0]
    assert result.entropy[1] == pytest.approx(1)
    sure = behavior.confidence([1.0, 0.0], scale="probabilities")
    assert (sure.entropy, sure.confidence) == (0, 1)
    huge = behavior.confidence([1e4, -1e4])
    assert huge.confidence == 1


def test_margins_and_what_has_none() -> None:
    assert behavior.margins([1.0, 1.0], 0) == 0
    assert behavior.margins([[3.0, 1.0, 2.0]], [1]).tolist() == [-2.0]
    with pytest.raises(NotEnoughData, match="at least two classes"):
        behavior.margins([[1.0]], [0])
    with pytest.raises(DataError, match="1 scores are not finite"):
        behavior.confidence([1.0, np.inf])
    with pytest.raises(DataError, match=r"labels must be classes from 0 to 1"):
        behavior.margins([1.0, 2.0], 2)
    with pytest.raises(DataError, match=r"labels \(2,\) do not fit"):
        behavior.margins([[1.0, 2.0]], [0, 1])
    with pytest.raises(DataError, match="must not be negative and sum to 1; pass scale='logits'"):
        behavior.confidence([0.7, 0.7], scale="probabilities")
