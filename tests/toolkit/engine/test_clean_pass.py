from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from engine_doubles import Layer, network
from spikeproof.engine import clean_pass, gradient_check, live_units
from spikeproof.errors import GradientMasked, ModelError, SpikeproofError
from spikeproof.stimuli import StimulusSet

PIXELS = np.random.default_rng(2).random((7, 1, 6, 6)).astype(np.float32)


def _stimuli(asked: list[int] | None = None) -> StimulusSet:
    def read(rows: Any) -> np.ndarray:
        if asked is not None:
            asked.append(len(rows))
        return PIXELS[list(rows)]

    index = pd.Index([f"image {k}" for k in range(7)], name="stimulus_id")
    return StimulusSet(table=pd.DataFrame(index=index), shape=(1, 6, 6), read=read)


def test_the_clean_pass_streams_images_and_keeps_their_order() -> None:
    model, asked = network(0), list[int]()
    responses, logits = clean_pass(model, _stimuli(asked), batch=3)
    assert asked == [3, 3, 1]
    assert model.largest_batch == 3
    assert responses.dtype == np.float64
    assert model.head is not None
    assert logits is not None
    with torch.no_grad():
        np.testing.assert_allclose(responses, model.function(torch.as_tensor(PIXELS)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(logits, model.head(torch.as_tensor(PIXELS)), rtol=1e-5, atol=1e-6)
    headless = Layer(model.function, model.units)
    assert clean_pass(headless, _stimuli())[1] is None


@pytest.mark.parametrize("most", [1, 2, 5])
def test_where_memory_runs_out_the_clean_pass_goes_on_with_fewer_images_and_says_so_once(most: int) -> None:
    plain, said = network(0), list[str]()
    expected = clean_pass(plain, _stimuli())

    def hungry(right: Any) -> Any:
        def function(y: torch.Tensor) -> torch.Tensor:
            if len(y) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            found: torch.Tensor = right(y)
            return found

        return function

    model = Layer(hungry(plain.function), plain.units, head=hungry(plain.head), classes=plain.classes)
    found = clean_pass(model, _stimuli(), batch=6, note=said.append)
    for one, other in zip(found, expected, strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert len(said) == 1
    assert said[0].startswith("memory ran out with 6 images in a pass: going on with 3")
    gradient_check(model, PIXELS, epsilon=0.3, norm="l2", seed=0)
    with pytest.raises(SpikeproofError, match="memory ran out with one image in a pass"):
        clean_pass(Layer(lambda y: hungry(plain.function)(y.repeat(9, 1, 1, 1)), plain.units), _stimuli())


def test_a_response_that_is_not_a_number_names_the_stimulus_and_the_unit() -> None:
    plain = network(0)
    bad = torch.as_tensor(PIXELS[4])

    def function(y: torch.Tensor) -> torch.Tensor:
        out = plain.function(y)
        out[(y == bad).flatten(1).all(dim=1), 2] = torch.nan
        return out

    with pytest.raises(ModelError, match=r"the response of unit 'u2' to stimulus 'image 4' is nan \(1 of 12 values"):
        clean_pass(Layer(function, plain.units), _stimuli(), batch=3)
    scored = Layer(plain.function, plain.units, head=lambda y: y.flatten(1)[:, :3] / 0, classes=("a", "b", "c"))
    with pytest.raises(ModelError, match=r"the score of class 'a' to stimulus 'image 0' is inf"):
        clean_pass(scored, _stimuli())


def test_units_are_sorted_into_live_dead_and_near_constant() -> None:
    rng = np.random.default_rng(0)
    live = rng.standard_normal((50, 5))
    silent = np.zeros((50, 1))
    constant = np.full((50, 1), 3.7)
    faint = rng.standard_normal((50, 1)) * 1e-7
    rounding = np.float32(1e4) + rng.standard_normal((50, 1)).astype(np.float32) * np.float32(1e-3)
    rare = np.zeros((50, 1))
    rare[3] = 2.0
    table = np.hstack([live, silent, constant, faint, rounding, rare])
    assert live_units(table).tolist() == ["live"] * 5 + ["dead"] * 2 + ["near-constant"] * 2 + ["live"]
    assert live_units(np.ones((1, 2))).tolist() == ["dead", "dead"]
    assert live_units(np.zeros((4, 2))).tolist() == ["dead", "dead"]


def _check(model: Layer) -> None:
    gradient_check(model, PIXELS, epsilon=0.3, norm="l2", seed=0, name="net layer3")


def test_a_layer_with_gradients_passes_and_is_left_alone() -> None:
    model = network(0)
    _check(model)
    assert isinstance(model.function, torch.nn.Module)
    assert all(p.grad is None for p in model.function.parameters())


def test_a_layer_that_is_cut_off_from_the_image_is_refused() -> None:
    plain = network(0)
    message = r"net layer3: the responses are cut off from the image .* no gradient exists: read another layer"
    with pytest.raises(ModelError, match=message):
        _check(Layer(lambda y: plain.function(y.detach()), plain.units))
    weights = torch.ones(4, requires_grad=True)
    with pytest.raises(ModelError, match=message):  # the parameters have a gradient, the image has none
        _check(Layer(lambda y: y.detach().flatten(1)[:, :4] * weights, plain.units))


def test_a_masked_layer_is_told_from_one_that_nothing_moves() -> None:
    plain = network(0)
    with pytest.raises(
        GradientMasked,
        match=r"net layer3: gradient masking: .* all 4 units is zero at all 7 sampled stimuli.* 100% of them",
    ):
        _check(Layer(lambda y: plain.function(y) * 0 + plain.function(y).detach(), plain.units))
    with pytest.raises(ModelError, match=r"do not move them: there is nothing to attack") as caught:
        _check(Layer(lambda y: plain.function(y) * 0, plain.units))
    assert not isinstance(caught.value, GradientMasked)


def test_one_living_unit_is_enough() -> None:
    plain = network(0)
    alive = torch.tensor([0.0, 0.0, 1.0, 0.0])
    _check(Layer(lambda y: plain.function(y) * alive, plain.units))


def test_a_layer_whose_gradient_is_not_finite_is_refused() -> None:
    with pytest.raises(ModelError, match="gradient of the responses to stimulus 0 of the attacked ones is not finite"):
        _check(Layer(lambda y: (y * 0).flatten(1)[:, :4].sqrt(), ("a", "b", "c", "d")))
