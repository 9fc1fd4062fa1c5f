"""Scores of populations: dimensionality, decoding, capacity, readout concentration."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Sample
from spikeproof_metrics_population import cvpca, held_out_choices, manifold_geometry, power_law
from spikeproof_metrics_population.decoded import DecoderTransfer, Decoding
from spikeproof_metrics_population.dimensionality import Dimensionality
from spikeproof_metrics_population.manifold_capacity import Capacity
from spikeproof_metrics_population.weights_spread import ReadoutConcentration


def sample(
    separation: float = 1.0, *, stimuli: int = 90, units: int = 12, classes: int = 3, **more: NDArray[np.float64]
) -> Sample:
    rng = np.random.default_rng(1)
    label = np.arange(stimuli) % classes
    values = rng.normal(size=(stimuli, units)) + separation * rng.normal(size=(classes, units))[label]
    return Sample(
        responses=values,
        labels=np.array(list("abcdef"))[label],
        stimuli=np.array([f"s{k}" for k in range(stimuli)]),
        units=np.array([f"u{k}" for k in range(units)]),
        **more,
    )


def test_dimensionality_of_known_spectra() -> None:
    values = np.linalg.qr(np.random.default_rng(0).normal(size=(400, 60)))[0]
    values = np.linalg.qr(values - values.mean(axis=0))[0]
    found = Dimensionality().score(Sample(responses=values))
    assert found["participation_ratio"] == pytest.approx(60)
    assert found["spectrum_exponent"] == pytest.approx(0, abs=1e-6)
    variances = np.arange(1, 61) ** -1.3
    found = Dimensionality(ranks=(1, 60)).score(Sample(responses=values * np.sqrt(variances)))
    assert found["spectrum_exponent"] == pytest.approx(1.3)
    assert found["participation_ratio"] == pytest.approx(variances.sum() ** 2 / (variances**2).sum())
    assert power_law(variances, (3, 30)).alpha == pytest.approx(1.3)


def test_dimensionality_refuses_what_has_too_few_dimensions() -> None:
    flat = sample().responses[:, :2]
    with pytest.raises(NotEnoughData, match=r"vary along 2 dimensions, but an exponent needs three: .* exponent = "):
        Dimensionality().score(Sample(responses=flat))
    assert set(Dimensionality(exponent=False).score(Sample(responses=flat))) == {"participation_ratio"}
    with pytest.raises(NotEnoughData, match="ranks up to 50 are to be fitted, but responses vary along 12 dimensions"):
        Dimensionality(ranks=(11, 50)).score(sample())
    with pytest.raises(BadParameter, match="ranks must be a first and a last one, three or more from 1"):
        Dimensionality(ranks=(3, 4))


def test_cvpca_is_the_same_from_units_as_from_stimuli() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 30, 12))
    for centring in ("over-stimuli", "over-units"):
        few = cvpca(first, second, centring=centring)  # type: ignore[arg-type]
        # Silent units change the mean over units, so the columns are centred over units first.
        rows = [part - part.mean(axis=1, keepdims=True) for part in (first, second)]
        many = cvpca(*(np.hstack([part, np.zeros((30, 30))]) for part in rows), centring=centring)  # type: ignore[arg-type]
        again = cvpca(*rows, centring=centring)  # type: ignore[arg-type]
        np.testing.assert_allclose(again, many[: len(again)], rtol=1e-8, atol=1e-10)
        assert few.shape == again.shape


def test_the_fast_ridge_chooses_as_scikit_learn_does() -> None:
    for units in (12, 120):  # fewer and more than training stimuli
        for classes in (2, 3):
            given = sample(0.4, units=units, classes=classes)
            assert given.labels is not None
            fold = given.folds(4)
            found = held_out_choices(given.responses, given.labels, fold, decoder="ridge", c=0.5)
            for number in range(4):
                test = fold == number
                scaler = StandardScaler().fit(given.responses[~test])
                model = RidgeClassifier(alpha=1.0).fit(scaler.transform(given.responses[~test]), given.labels[~test])
                expected = model.predict(scaler.transform(given.responses[test]))
                np.testing.assert_array_equal(found[test], expected)


def test_decoding_tells_categories_apart_where_there_are_any() -> None:
    assert Decoding().score(sample(3.0))["decoded_accuracy"] == 1
    assert Decoding().score(sample(0.0, stimuli=300))["decoded_accuracy"] == pytest.approx(1 / 3, abs=0.1)


def test_a_transferred_decoder_loses_what_a_retrained_one_does_not() -> None:
    clean = sample(3.0)
    flipped = dataclasses.replace(clean, responses=-clean.responses, reference=clean.responses)
    assert Decoding().score(flipped)["decoded_accuracy"] == 1
    assert DecoderTransfer().score(flipped)["transferred_accuracy"] < 0.2
    same = dataclasses.replace(clean, reference=clean.responses)
    assert DecoderTransfer().score(same)["transferred_accuracy"] == Decoding().score(clean)["decoded_accuracy"]


def test_a_transferred_decoder_never_sees_what_it_is_tested_on() -> None:
    noise = sample(0.0, stimuli=60, units=200)
    found = DecoderTransfer().score(dataclasses.replace(noise, reference=noise.responses))
    assert found["transferred_accuracy"] < 0.6  # trained on them it would be 1


@pytest.mark.parametrize("metric", [Decoding(), DecoderTransfer(), ReadoutConcentration(), Capacity()])
def test_without_categories_the_column_is_asked_for(metric: Decoding) -> None:
    with pytest.raises(NotEnoughData, match="there are no categories: name the column that holds them"):
        metric.score(dataclasses.replace(sample(), labels=None))


def test_decoders_refuse_single_categories_and_single_stimuli() -> None:
    given = sample()
    with pytest.raises(NotEnoughData, match="all 90 stimuli have the category 'a'"):
        Decoding().score(dataclasses.replace(given, labels=np.full(90, "a")))
    alone = np.where(np.arange(90) == 0, "x", "a")
    with pytest.raises(NotEnoughData, match="category 'x' has 1 stimuli"):
        Decoding().score(dataclasses.replace(given, labels=alone))
    with pytest.raises(DataError, match="must be finite and of the same stimuli and units"):
        DecoderTransfer().score(dataclasses.replace(given, reference=given.responses[:, :3]))
    with pytest.raises(BadParameter, match="decoding: folds must be at least 2"):
        Decoding(folds=1)


def test_capacity_falls_as_manifolds_grow() -> None:
    tight, loose = sample(5.0, units=40, classes=5), sample(0.7, units=40, classes=5)
    for method in ("mean-field", "cone"):
        metric = Capacity(method=method)  # type: ignore[arg-type]
        assert metric.score(tight)["capacity"] > 1.5 * metric.score(loose)["capacity"]
    measured = Capacity().score(tight)
    assert measured["radius"] < Capacity().score(loose)["radius"]


def test_capacity_is_that_of_the_function_within_its_probes() -> None:
    given = sample(2.0, units=20, classes=5, stimuli=100)
    assert given.labels is not None
    clouds = [given.responses[given.labels == name] for name in "abcde"]
    expected = manifold_geometry(clouds, probes=2000, rank=0)
    found = Capacity(probes=1000).score(given)
    assert found["capacity"] == pytest.approx(expected.mean_capacity, rel=0.06)
    assert found["radius"] == pytest.approx(expected.radius.mean(), rel=0.06)
    assert found["dimension"] == pytest.approx(expected.dimension.mean(), rel=0.06)


def test_probes_stay_with_their_units_so_that_leaving_one_out_changes_little() -> None:
    given = sample(2.0, units=40, classes=5)
    whole = Capacity(probes=20).score(given)["capacity"]
    keep = np.arange(40) != 7
    assert given.units is not None
    fewer = dataclasses.replace(given, responses=given.responses[:, keep], units=given.units[keep])
    assert Capacity(probes=20).score(fewer)["capacity"] == pytest.approx(whole, rel=0.06)


def test_capacity_refuses_too_few_categories_or_stimuli() -> None:
    with pytest.raises(NotEnoughData, match="capacity: needs at least three categories, got 2"):
        Capacity().score(sample(classes=2))
    alone = np.where(np.arange(90) == 0, "x", sample().labels)
    with pytest.raises(NotEnoughData, match="capacity: category 'x' has 1 stimulus, but a manifold needs two"):
        Capacity().score(dataclasses.replace(sample(), labels=alone))
    for field in ({"probes": 0}, {"points": 1}, {"margin": -1.0}, {"rank": -1}):
        with pytest.raises(BadParameter, match=f"capacity: {next(iter(field))} must be"):
            Capacity(**field)  # type: ignore[arg-type]


def test_a_readout_of_one_unit_is_concentrated_and_one_of_all_is_not() -> None:
    rng = np.random.default_rng(0)
    label = np.arange(400) % 2
    values = rng.normal(size=(400, 20))
    one, every = values.copy(), values + 0.5 * label[:, None]
    one[:, 4] += 20.0 * label
    labels = label.astype(str)
    found = ReadoutConcentration().score(Sample(responses=one, labels=labels))
    assert found["readout_units"] < 1.3
    assert found["readout_share"] == pytest.approx(found["readout_units"] / 20)
    assert ReadoutConcentration().score(Sample(responses=every, labels=labels))["readout_units"] > 10
