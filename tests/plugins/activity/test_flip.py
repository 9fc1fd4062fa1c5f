"""Flipped units: what a flip does, in which order, and that it never knows what it is read on."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.testing.toys import toy_code
from spikeproof_activity.flip import Flip, flip
from spikeproof_activity.orders import greedy_order, selectivity_order


def responses() -> tuple[xr.DataArray, xr.DataArray]:
    rng = np.random.default_rng(0)
    labels = xr.DataArray(np.repeat(["a", "b", "c"], 20), dims="stimulus")
    means = np.repeat([[9.0, 1.0], [5.0, 4.0], [1.0, 2.0]], 20, axis=0)
    return xr.DataArray(means + rng.normal(size=(60, 2)), dims=("stimulus", "unit")), labels


def test_a_flip_exchanges_the_most_and_the_least_preferred_category_and_nothing_else() -> None:
    clean, labels = responses()
    flipped = flip(clean, labels)
    means, after = (np.stack([one.values[labels == name].mean(axis=0) for name in "abc"]) for one in (clean, flipped))
    np.testing.assert_allclose(after[[0, 2], 0], means[[2, 0], 0])  # unit 0 prefers a most, c least
    np.testing.assert_allclose(after[[1, 0], 1], means[[0, 1], 1])  # unit 1 prefers b most, a least
    np.testing.assert_allclose(after[1, 0], means[[0, 2], 0].sum() - means[1, 0])
    np.testing.assert_allclose(np.diff(flipped.values, axis=0), -np.diff(clean.values, axis=0))
    np.testing.assert_allclose(flip(flipped, labels).values, clean.values)


def test_targets_are_orders_and_draws_and_doses_are_units() -> None:
    code = toy_code()
    found = {(one.objective, one.target): one for one in Flip(draws=3)(code, seed=0)}
    assert list(found) == [
        ("weight", "behavior"), ("selectivity", "behavior"), ("greedy", "behavior"),
        ("random", "draw 0"), ("random", "draw 1"), ("random", "draw 2"),
    ]  # fmt: skip
    for one in found.values():
        assert one.perturbed["epsilon"].values.tolist() == [1, 2, 3, 4, 5, 6]
        assert one.perturbed["epsilon"].attrs["units"] == "units flipped"
        changed = (one.perturbed.values != code.responses.values).sum(axis=2)
        np.testing.assert_array_equal(changed, np.arange(1, 7)[:, None] * np.ones(36, dtype=int))
    assert {one.control for one in found.values()} == {"", "random"}
    last = [one.perturbed.values[-1] for one in found.values()]
    assert all(np.array_equal(last[0], other) for other in last)  # all units flipped: any order


def test_a_flip_is_made_of_training_stimuli_alone() -> None:
    code = toy_code()
    assert code.readout is not None
    assert code.labels is not None
    whole = next(iter(Flip(draws=1)(code, seed=0))).perturbed.values[-1]
    for fold in (0, 1):
        held_out = code.readout.fold == fold
        training = code.responses.values[~held_out]
        labels = code.labels.values[~held_out]
        means = np.stack([training[labels == name].mean(axis=0) for name in np.unique(labels)])
        expected = means.max(axis=0) + means.min(axis=0) - code.responses.values[held_out]
        np.testing.assert_allclose(whole[held_out], expected)


def test_selectivity_puts_the_most_telling_unit_first_and_constant_ones_last() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 30)
    signal = np.where(labels == "a", 1.0, -1.0)
    columns = np.stack([np.ones(60), 0.5 * signal, 2 * signal, 0 * signal], axis=1)
    columns[:, 1:] += rng.normal(size=(60, 3))
    assert selectivity_order(columns, labels).tolist()[:2] == [2, 1]
    assert selectivity_order(columns, labels).tolist()[-1] == 0
    perfect = np.stack([signal, rng.normal(size=60)], axis=1)
    assert selectivity_order(perfect, labels).tolist() == [0, 1]


def test_greedy_flips_what_moves_choices_most() -> None:
    weights = np.array([[1.0, 5.0, 0.1], [-1.0, -5.0, -0.1]])
    clean = np.array([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]])
    assert greedy_order(weights, np.zeros(2), clean, -clean).tolist()[0] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "flip: draws must be at least 1, got 0"),
        ({"counts": (0, 1)}, r"flip: counts must ascend from 1 or more, got \[0, 1\]"),
        ({"counts": (2, 1)}, r"flip: counts must ascend from 1 or more, got \[2, 1\]"),
    ],
)
def test_bad_parameters_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        Flip(**options)  # type: ignore[arg-type]


def test_what_cannot_be_flipped_is_refused() -> None:
    from dataclasses import replace

    code = toy_code()
    with pytest.raises(NotEnoughData, match="flip: code toy has no linear readout"):
        next(iter(Flip()(replace(code, readout=None), seed=0)))
    with pytest.raises(NotEnoughData, match="flip: code toy has no categories, of which units could prefer one"):
        next(iter(Flip()(replace(code, labels=None), seed=0)))
    with pytest.raises(NotEnoughData, match="flip: counts go up to 7, but code toy has 6 units"):
        next(iter(Flip(counts=(7,))(code, seed=0)))
    with pytest.raises(NotEnoughData, match="flip: code toy has 1 unit: at least 2 are needed"):
        next(iter(Flip()(toy_code([0]), seed=0)))
