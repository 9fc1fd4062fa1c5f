"""Scores of populations that follow a perturbation: few units, information and spectrum of what was shown again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Repeats, Sample
from spikeproof_metrics_population import cvpca, power_law, readout_weights
from spikeproof_metrics_population.few_units import FewUnits
from spikeproof_metrics_population.fisher import category_information
from spikeproof_metrics_population.trial_information import TrialInformation
from spikeproof_metrics_population.trial_spectrum import TrialSpectrum

NAMES = np.array([f"s{k:03d}" for k in range(60)])
LABELS = np.array(["a", "b"])[np.arange(60) % 2]


def shown(means: np.ndarray, noise: float, *, repeats: int = 6, names: np.ndarray = NAMES, seed: int = 1) -> Sample:
    rng = np.random.default_rng(seed)
    single = means[:, None] + noise * rng.normal(size=(len(means), repeats, means.shape[1]))
    return Sample(
        responses=single.mean(axis=1),
        labels=LABELS[: len(means)],
        stimuli=names[: len(means)],
        units=np.array([f"u{k}" for k in range(means.shape[1])]),
        repeats=Repeats(responses=single.reshape(-1, means.shape[1]), stimuli=np.repeat(names[: len(means)], repeats)),
    )


def test_one_unit_that_knows_is_found_and_random_ones_seldom_hold_it() -> None:
    values = np.random.default_rng(0).normal(size=(60, 20))
    values[:, 7] += 8 * (LABELS == "a")
    sample = Sample(responses=values, labels=LABELS, stimuli=NAMES, units=np.array([f"u{k}" for k in range(20)]))
    for ranking in ("weight", "selectivity"):
        found = FewUnits(percent=(5, 99), ranking=ranking).score(sample)  # type: ignore[arg-type]
        assert found["best_accuracy_5_percent"] > 0.95
        assert found["random_accuracy_5_percent"] < 0.75
        assert found["best_accuracy_99_percent"] == found["random_accuracy_99_percent"] > 0.9  # all 20 units


def test_random_subsets_go_by_the_names_of_units() -> None:
    values = np.random.default_rng(0).normal(size=(60, 20)) + (LABELS == "a")[:, None]
    units = np.array([f"u{k}" for k in range(20)])
    one = FewUnits(percent=(25,)).score(Sample(responses=values, labels=LABELS, stimuli=NAMES, units=units))
    turned = Sample(responses=values[:, ::-1], labels=LABELS, stimuli=NAMES, units=units[::-1])
    assert FewUnits(percent=(25,)).score(turned) == pytest.approx(one)


def test_few_units_refuse_what_they_cannot_be() -> None:
    with pytest.raises(NotEnoughData, match="few-units: there are no categories"):
        FewUnits().score(Sample(responses=np.ones((4, 2))))
    for given in ((), (25, 5), (0,), (100,)):
        with pytest.raises(BadParameter, match="percent must ascend from 1 to 99"):
            FewUnits(percent=given)
    with pytest.raises(BadParameter, match="folds must be at least 2"):
        FewUnits(folds=1)
    with pytest.raises(BadParameter, match="c must be positive and finite"):
        FewUnits(c=0)


@pytest.mark.parametrize(("classes", "units"), [(2, 5), (3, 5), (3, 80)])
def test_ridge_weights_are_those_of_scikit_learn(classes: int, units: int) -> None:
    values = np.random.default_rng(classes).normal(size=(40, units))
    labels = np.array(list("abc"))[np.arange(40) % classes]
    theirs = RidgeClassifier(alpha=0.25).fit(StandardScaler().fit_transform(values), labels)
    np.testing.assert_allclose(readout_weights(values, labels, decoder="ridge", c=2.0), np.atleast_2d(theirs.coef_))


def test_information_is_that_of_each_session_by_itself() -> None:
    rng = np.random.default_rng(0)
    sample = shown(rng.normal(size=(60, 6)) + (LABELS == "a")[:, None], 1.0)
    assert sample.repeats is not None
    single, names = sample.repeats.responses, sample.repeats.stimuli
    label = np.repeat(LABELS, 6)
    whole = category_information(single, names, label)
    found = TrialInformation().score(sample)
    assert found["trial_information"] == pytest.approx(whole.corrected[0])
    assert found["independent_information"] == pytest.approx(whole.shuffled[0])
    assert found["correlation_cost"] == pytest.approx(whole.shuffled[0] - whole.corrected[0])
    parted = TrialInformation().score(replace(sample, recorded=np.array(["m 1"] * 2 + ["m 2"] * 4)))
    one, two = (category_information(single[:, part], names, label) for part in (slice(0, 2), slice(2, 6)))
    assert parted["trial_information"] == pytest.approx((one.corrected[0] + two.corrected[0]) / 2)


def test_information_is_on_average_the_true_one_though_presentations_are_few() -> None:
    shift = np.zeros((12, 4))
    shift[LABELS[:12] == "a", 0] = 2.0  # d' of 2 in one unit: information 4
    found = [
        TrialInformation().score(shown(shift, 1.0, repeats=3, seed=seed))["trial_information"] for seed in range(400)
    ]
    assert np.mean(found) == pytest.approx(4.0, abs=4 * np.std(found) / 20)


def test_information_counts_as_many_units_as_it_is_told() -> None:
    sample = shown(np.random.default_rng(0).normal(size=(60, 6)), 1.0)
    assert sample.repeats is not None
    found = TrialInformation(units=1).score(sample)
    label = np.repeat(LABELS, 6)
    alone = [
        category_information(sample.repeats.responses[:, [unit]], sample.repeats.stimuli, label).corrected[0]
        for unit in range(6)
    ]
    assert min(abs(found["trial_information"] - one) for one in alone) < 1e-9
    assert found["correlation_cost"] == pytest.approx(0, abs=1e-9)  # one unit has no noise correlations
    with pytest.raises(BadParameter, match="units must be at least 1"):
        TrialInformation(units=0)


def test_information_refuses_without_presentations_or_categories() -> None:
    sample = shown(np.random.default_rng(0).normal(size=(60, 3)), 1.0)
    with pytest.raises(NotEnoughData, match="information: there are no single presentations"):
        TrialInformation().score(replace(sample, repeats=None))
    with pytest.raises(NotEnoughData, match="information: there are no categories"):
        TrialInformation().score(replace(sample, labels=None))
    with pytest.raises(NotEnoughData, match="all 60 stimuli have the category 'a': two are needed"):
        TrialInformation().score(replace(sample, labels=np.full(60, "a")))


def test_the_shared_spectrum_of_repeats_that_agree_is_that_of_the_means() -> None:
    means = np.random.default_rng(0).normal(size=(60, 30)) * np.arange(1, 31) ** -0.8
    found = TrialSpectrum(ranks=(1, 20)).score(shown(means, 0.0))
    assert found["shared_variance"] == pytest.approx(1)
    assert found["shared_exponent"] == pytest.approx(power_law(cvpca(means, means), (1, 20)).alpha)


def test_the_share_of_variance_is_that_of_signal_and_noise_of_known_size() -> None:
    means = np.random.default_rng(0).normal(size=(60, 200))
    assert TrialSpectrum().score(shown(means, 3.0))["shared_variance"] == pytest.approx(1 / (1 + 9 / 3), abs=0.03)
    assert abs(TrialSpectrum().score(shown(0 * means, 1.0))["shared_variance"]) < 0.02


def test_the_shared_spectrum_refuses_what_it_cannot_carry() -> None:
    sample = shown(np.random.default_rng(0).normal(size=(60, 4)), 1.0)
    with pytest.raises(NotEnoughData, match="there are no single presentations"):
        TrialSpectrum().score(replace(sample, repeats=None))
    with pytest.raises(NotEnoughData, match="an exponent needs five units, and there are 4"):
        TrialSpectrum().score(sample)
    few = shown(np.random.default_rng(0).normal(size=(3, 6)), 1.0)
    with pytest.raises(NotEnoughData, match="needs five stimuli that were presented at least twice, and there are 3"):
        TrialSpectrum().score(few)
    with pytest.raises(NotEnoughData, match="no unit varies over the 8 repeated stimuli"):
        TrialSpectrum().score(shown(np.ones((8, 6)), 0.0))
    with pytest.raises(BadParameter, match="draws must be at least 1"):
        TrialSpectrum(draws=0)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_cross_validated_components_of_products_that_are_no_numbers_are_refused(size: float) -> None:
    responses = size * np.random.default_rng(0).normal(size=(9, 6))
    with pytest.raises(DataError, match=r"cvPCA: the largest response is \S+, so that products of responses leave"):
        cvpca(responses, responses)


def test_a_unit_that_never_varies_has_no_weight_whatever_rounding_makes_of_its_mean() -> None:
    values = np.random.default_rng(0).normal(size=(60, 3))
    values[:, 1] = 0.1  # the mean of which is not 0.1
    for decoder in ("ridge", "logistic", "svm", "lda"):
        weights = readout_weights(values, LABELS, decoder=decoder)  # type: ignore[arg-type]
        assert (weights[:, 1] == 0).all()
        assert (weights[:, [0, 2]] != 0).all()
