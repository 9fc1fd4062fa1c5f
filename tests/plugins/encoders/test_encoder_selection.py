"""What all encoders share: nothing leaks, everything is chosen inside training folds, bad input is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from simulated_recordings import correlation, folds_of, responses_of
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import fold_correlation
from spikeproof.types import Encoder, FittedEncoder
from spikeproof_encoders import PLS, Average, Factorised, Poisson, Ready, Ridge
from spikeproof_encoders.selection import select

ENCODERS: dict[str, Callable[[], Encoder]] = {
    "ridge": Ridge,
    "pls": lambda: PLS(components=(1, 3, 6)),
    "factorised": lambda: Factorised(grid=3, penalties=(1.0, 0.1), roughness=(0.3,)),
    "poisson": Poisson,
    "average": Average,
}


def recording(stimuli: int = 120, *, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Maps, and counts of two units that a place and a channel drive."""
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(stimuli, 3, 4, 4)).astype(np.float32)
    drive = np.stack([maps[:, 0, 1:3, 1:3].mean((1, 2)), maps[:, 2, 2:, 2:].mean((1, 2))], axis=1)
    return maps, rng.poisson(np.exp(2 + drive)).astype(np.float64)


def fit(name: str, maps: NDArray[np.float32], counts: NDArray[Any], folds: NDArray[np.intp]) -> FittedEncoder:
    return ENCODERS[name]().fit(maps, responses_of(counts), repeats=None, folds=folds, seed=0)


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_there_is_predicted_and_what_is_not_is_not(name: str) -> None:
    maps, counts = recording()
    folds = folds_of(120)
    assert fold_correlation(fit(name, maps, counts, folds).held_out, counts, folds).min() > 0.5
    order = np.random.default_rng(1).permutation(120)
    shuffled = fold_correlation(fit(name, maps, counts[order], folds).held_out, counts[order], folds)
    # Two units, sd 1 / sqrt(120) = 0.09 each.
    assert np.abs(np.nan_to_num(shuffled)).max() < 0.3


@pytest.mark.parametrize("name", ENCODERS)
def test_copies_of_a_stimulus_in_one_fold_teach_nothing_about_it(name: str) -> None:
    """Every stimulus stands there twice, with one random response: whoever saw a copy would know it by heart."""
    rng = np.random.default_rng(5)
    maps = np.repeat(rng.normal(size=(60, 3, 4, 4)).astype(np.float32), 2, axis=0)
    counts = np.repeat(rng.poisson(8.0, size=(60, 2)), 2, axis=0).astype(np.float64)
    together, apart = np.repeat(np.arange(60) % 4, 2), np.arange(120) % 2
    honest = fold_correlation(fit(name, maps, counts, together).held_out, counts, together)
    assert np.abs(np.nan_to_num(honest)).max() < 0.45  # sd 1 / sqrt(60) = 0.13
    if name == "ridge":  # with the copies in two folds this test would be passed by nobody
        leaking = Ridge(penalties=(1e-6,)).fit(maps, responses_of(counts), repeats=None, folds=apart, seed=0)
        assert correlation(leaking.held_out, counts).min() > 0.85


def test_no_fit_for_a_fold_sees_a_response_to_it() -> None:
    """The path of fits is asked for training rows only; neither the choice nor the fit of a fold may have its rows."""
    folds = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    responses = np.arange(8.0)[:, None]
    seen: list[tuple[frozenset[int], frozenset[int]]] = []

    def path(training: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
        seen.append((frozenset(folds[training].tolist()), frozenset(folds[others].tolist())))
        return np.stack([np.full((len(others), 1), responses[training].mean() * share) for share in (0.0, 1.0)])

    found = select(path, responses, folds, seed=0)
    assert all(not training & others for training, others in seen)
    everything = {0, 1, 2, 3}
    assert {training for training, _ in seen} == {
        frozenset(everything - {first, second}) for first in range(4) for second in range(4)
    }
    assert len(seen) == 10  # each pair once, each fold once
    np.testing.assert_allclose(found.held_out[:2], 4.5 * found.candidate[[0, 0]])
    assert found.numbers.tolist() == [0, 1, 2, 3, -1]


def test_the_choice_for_a_fold_is_made_by_the_others() -> None:
    """One candidate is right everywhere but in fold 0: it is chosen for fold 0, and for no other."""
    folds = np.repeat(np.arange(3), 4)
    responses = np.ones((12, 1))

    def path(training: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
        del training
        right = np.where(folds[others] == 0, 9.0, 1.0)[:, None]
        return np.stack([np.full((len(others), 1), 2.0), right])

    found = select(path, responses, folds, seed=0)
    assert found.candidate[:, 0].tolist() == [1, 0, 0, 0]
    assert found.held_out[:, 0].tolist() == [9.0] * 4 + [2.0] * 8


def test_with_two_folds_the_one_that_is_left_is_dealt_into_parts() -> None:
    maps, counts = recording(200)
    folds = folds_of(200, 2)
    one, two = (fit("ridge", maps, counts, folds) for _ in range(2))
    assert fold_correlation(one.held_out, counts, folds).min() > 0.5
    np.testing.assert_array_equal(one.held_out, two.held_out)


def test_numbers_of_folds_need_not_follow_each_other() -> None:
    maps, counts = recording()
    one = fit("ridge", maps, counts, folds_of(120))
    two = fit("ridge", maps, counts, np.array([7, 3, 90, 11])[folds_of(120)])
    np.testing.assert_array_equal(one.held_out, two.held_out)
    assert two.hyperparameters["fold"].values.tolist() == [3, 7, 11, 90, -1]


@pytest.mark.parametrize("name", ENCODERS)
def test_features_of_another_shape_are_refused(name: str) -> None:
    maps, counts = recording(60)
    fitted = fit(name, maps, counts, folds_of(60))
    with pytest.raises(DataError, match=r"the encoder was fitted on .* and is given .*: read the same layer, with"):
        fitted.predict(torch.zeros(2, 3, 5, 4))


@pytest.mark.parametrize("name", ENCODERS)
def test_bad_input_is_refused_by_name(name: str) -> None:
    who = "ridge" if name == "average" else name
    maps, counts = recording(40)
    folds = folds_of(40)
    constant = counts.copy()
    constant[folds != 2, 1] = 4.0
    with pytest.raises(
        DataError,
        match=rf"encoder {who}: the response of unit 'n1' is the same to all 30 stimuli outside fold 2: there is "
        "nothing to predict; leave the unit out",
    ):
        fit(name, maps, constant, folds)
    unmeasured = counts.copy()
    unmeasured[5, 0] = np.nan
    with pytest.raises(
        DataError,
        match=rf"encoder {who}: the response of unit 'n0' to stimulus 's5' is nan: leave out stimuli that were not "
        "measured",
    ):
        fit(name, maps, unmeasured, folds)
    broken = maps.copy()
    broken[7, 1, 0, 2] = np.inf
    with pytest.raises(
        DataError,
        match=rf"encoder {who}: feature 18 of stimulus 's7' is inf \(1 of 40 stimuli have such features\): choose "
        "another layer, or mend the network",
    ):
        fit(name, broken, counts, folds)
    with pytest.raises(NotEnoughData, match=rf"encoder {who}: 4 stimuli in 4 folds leave 2 to fit on where hyper"):
        fit(name, maps[:4], np.arange(8.0).reshape(4, 2), folds[:4])
    with pytest.raises(NotEnoughData, match=rf"encoder {who}: all 40 stimuli are in one fold: two are needed"):
        fit(name, maps, counts, np.zeros(40, dtype=np.intp))


def test_shapes_that_do_not_fit_are_refused() -> None:
    maps, counts = recording(40)
    folds = folds_of(40)
    with pytest.raises(DataError, match=r"encoder ridge: there are features of 39 stimuli, responses to 40 and folds"):
        fit("ridge", maps[1:], counts, folds)
    with pytest.raises(DataError, match=r"encoder ridge: features must be \(stimulus, feature\) or \(stimulus, chan"):
        fit("ridge", maps.reshape(40, 3, 16), counts, folds)
    with pytest.raises(DataError, match=r"encoder ridge: expected responses \(stimulus, unit\), got \('unit', 'sti"):
        Ridge().fit(maps, responses_of(counts).T, repeats=None, folds=folds, seed=0)


def test_showings_of_one_stimulus_in_two_folds_are_refused() -> None:
    maps, counts = recording(40)
    responses = responses_of(counts)
    responses = responses.assign_coords(stimulus=["twice" if row < 2 else f"s{row}" for row in range(40)])
    with pytest.raises(DataError, match=r"encoder ridge: stimulus 'twice' stands in the folds 0 and 1: what is tr"):
        Ridge().fit(maps, responses, repeats=None, folds=folds_of(40), seed=0)


@pytest.mark.parametrize("name", ENCODERS)
def test_dead_features_get_no_weight(name: str) -> None:
    maps, counts = recording(60)
    maps[:, 1] = 0.25
    fitted = fit(name, maps, counts, folds_of(60))
    rows = torch.from_numpy(maps[:3]).requires_grad_()
    fitted.predict(rows).sum().backward()
    assert rows.grad is not None
    assert float(rows.grad[:, 1].abs().max()) < 1e-6 * float(rows.grad.abs().max())


def test_every_encoder_satisfies_the_protocol() -> None:
    for made in (*ENCODERS.values(), Ready):
        assert isinstance(made(), Encoder)
