"""The encoder ``factorised``."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from simulated_recordings import folds_of, responses_of
from spikeproof.errors import BadParameter, DataError
from spikeproof_encoders import Factorised
from spikeproof_encoders.alternating import _starts, alternate, gaussian_masks, roughness_matrix

Maps = NDArray[np.float32]
Values = NDArray[np.float64]


def neuron(stimuli: int = 400, *, seed: int = 0) -> tuple[Maps, Values, Values, Values]:
    """Maps, noisy responses of a unit, its mask and its weights of channels."""
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(stimuli, 5, 6, 6)).astype(np.float32)
    y, x = np.mgrid[:6, :6]
    mask = np.exp(-((y - 1.5) ** 2 + (x - 3.5) ** 2) / 2) - 0.5 * np.exp(-((y - 4) ** 2 + (x - 3) ** 2) / 2)
    mask /= np.linalg.norm(mask)
    channels = np.array([1.0, -2.0, 0.0, 0.5, 0.0])
    signal = np.einsum("ncyx,yx,c->n", maps, mask, channels)
    return maps, (signal + 0.5 * rng.normal(size=stimuli))[:, None] + 3, mask, channels


def test_a_simulated_neurons_mask_and_channels_are_recovered() -> None:
    maps, responses, mask, channels = neuron()
    encoder = Factorised(sweeps=6, roughness=(0.1, 0.01), penalties=(0.03, 0.003))
    fit = encoder.fit(maps, responses_of(responses), repeats=None, folds=folds_of(400), seed=0)
    found = fit.state["mask"][0]
    assert abs(float((found * mask).sum())) > 0.97  # both of norm 1
    product = np.einsum("yx,c->cyx", found, fit.state["channels"][0])
    truth = np.einsum("yx,c->cyx", mask, channels)
    assert np.linalg.norm(product - truth) < 0.25 * np.linalg.norm(truth)
    assert np.corrcoef(fit.held_out[:, 0], responses[:, 0])[0, 1] > 0.93  # 0.98 with the truth


def test_it_is_a_product_that_is_fitted() -> None:
    maps, responses, _, _ = neuron(100)
    fit = Factorised().fit(maps, responses_of(responses), repeats=None, folds=folds_of(100), seed=0)
    row = torch.from_numpy(maps[:1]).requires_grad_()
    fit.predict(row).sum().backward()
    assert row.grad is not None
    weights = row.grad[0].flatten(1).double()
    values = torch.linalg.svdvals(weights)
    assert float(values[1]) < 1e-5 * float(values[0])


def cost(
    maps: NDArray[np.float64], responses: NDArray[np.float64], roughness: float, penalty: float, sweeps: int
) -> float:
    """What is minimised, for a standardised unit on standardised channels."""
    (found,) = alternate(maps, responses, [(roughness, penalty)], sweeps)
    size = float((found.channels**2).sum())
    rough = (found.mask @ roughness_matrix(*maps.shape[2:]) @ found.mask.T).item()
    error = float(((found.predict(maps) - responses) ** 2).mean())
    return error + size * (penalty + roughness * rough)


def test_every_sweep_lowers_what_is_minimised() -> None:
    maps, responses, _, _ = neuron(150)
    wide = maps.astype(np.float64)
    wide = (wide - wide.mean(axis=0)) / 1.0
    wide /= np.sqrt((wide**2).mean(axis=(0, 2, 3)))[:, None, None]
    responses = (responses - responses.mean()) / responses.std()
    costs = [cost(wide, responses, 0.3, 0.1, sweeps) for sweeps in (1, 2, 3, 5, 9)]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(costs))
    assert costs[0] - costs[-1] > 1e-6


def test_the_first_mask_is_the_best_by_leaving_out_one_after_another() -> None:
    maps, responses, _, _ = neuron(30)
    flat = (maps - maps.mean(axis=0)).reshape(30, 5, 36).astype(np.float64)
    wanted = responses - responses.mean()
    masks = gaussian_masks(6, 6)[::12]
    losses = []
    for mask in masks:
        design, total = flat @ mask, 0.0
        for row in range(30):
            keep = np.arange(30) != row
            x, y = design[keep], wanted[keep]
            middle = x.mean(axis=0)
            # The closed form keeps the penalty and lets the mean be refitted, as this does.
            weights = np.linalg.solve((x - middle).T @ (x - middle) + 30 * 0.2 * np.eye(5), (x - middle).T @ y)
            total += float((wanted[row] - y.mean() - (design[row] - middle) @ weights).item() ** 2)
        losses.append(total)
    chosen = _starts(flat, wanted, masks, [0.2, 5.0])[0.2]
    np.testing.assert_allclose(chosen[0], masks[int(np.argmin(losses))])


def test_roughness_is_the_squared_gradient() -> None:
    mask = np.random.default_rng(1).normal(size=(3, 4))
    expected = (np.diff(mask, axis=0) ** 2).sum() + (np.diff(mask, axis=1) ** 2).sum()
    assert mask.ravel() @ roughness_matrix(3, 4) @ mask.ravel() == pytest.approx(expected)


def test_predictions_of_tensors_are_those_of_the_arrays() -> None:
    rng = np.random.default_rng(2)
    maps = (rng.normal(size=(60, 4, 7, 10)) * 4 + 20).astype(np.float32)
    responses = responses_of(maps[:, :2, 2:4, 2:4].sum((1, 2, 3))[:, None] + rng.normal(size=(60, 1)))
    encoder = Factorised(grid=5, roughness=(0.1,), penalties=(0.1,))
    fit = encoder.fit(maps, responses, repeats=None, folds=folds_of(60), seed=0)
    cells = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps).double(), 5).numpy()
    (found,) = alternate(cells, responses.values, [(0.1, 0.1)], 2)
    np.testing.assert_allclose(fit.predict(torch.from_numpy(maps)).numpy(), found.predict(cells), rtol=1e-5)


def test_features_without_positions_are_refused() -> None:
    rows, responses = np.zeros((40, 9), dtype=np.float32), responses_of(np.arange(40.0)[:, None])
    with pytest.raises(
        DataError,
        match=r"encoder factorised: needs maps \(channel, y, x\), and the layer gives 9 features without positions: "
        "choose layers of maps, read with spatial = 'positions', or another encoder",
    ):
        Factorised().fit(rows, responses, repeats=None, folds=folds_of(40), seed=0)


@pytest.mark.parametrize("name", ["grid", "sweeps"])
def test_parameters_that_make_no_sense_are_refused(name: str) -> None:
    with pytest.raises(BadParameter, match=rf"encoder factorised: {name} must be 1 or more, got 0"):
        Factorised(**{name: 0})  # type: ignore[arg-type]
