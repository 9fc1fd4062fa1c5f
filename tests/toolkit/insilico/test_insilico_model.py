"""Fitted encoders as one response model: several layers, and networks that a search on one unit leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from spikeproof.errors import ModelError
from spikeproof.insilico import Features, InSilicoModel
from spikeproof.insilico.model import Part
from spikeproof.types import Accelerable, Coned, ResponseModel

SHAPE = (1, 2, 2)


@dataclass
class Net:
    """Units are weighted sums of pixels; counts how often it is run."""

    weights: torch.Tensor
    runs: list[int] = field(default_factory=list)

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(f"f{k}" for k in range(self.weights.shape[1]))

    @property
    def classes(self) -> None:
        return None

    def select(self, units: Sequence[int]) -> ResponseModel:
        raise NotImplementedError

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        self.runs.append(len(images))
        return images.flatten(1) @ self.weights.to(images)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError


@dataclass
class Faster(Net):
    def accelerate(self, *, precision: str, compile: bool) -> Net:  # noqa: A002, ARG002 - the protocol's
        return Net(self.weights)


@dataclass(frozen=True)
class Take:
    """Unit k is a fixed column of the features, doubled."""

    columns: tuple[int, ...]

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        return 2 * features.flatten(1)[:, list(self.columns)]


@dataclass(frozen=True)
class Choosy(Take):
    def reads(self, unit: int) -> Sequence[int]:
        return (self.columns[unit],)


def net(seed: int, units: int, kind: type[Net] = Net) -> Net:
    return kind(torch.randn(4, units, generator=torch.Generator().manual_seed(seed)))


def two_layers(kind: type[Net] = Net) -> tuple[InSilicoModel, Net, Net]:
    """Units a and c from one layer, b from another."""
    first, second = net(0, 3, kind), net(1, 2, kind)
    parts = (
        Part(features=Features.opened("one", (first,)), predictor=Take((2, 0)), columns=(1, 0), places=(0, 2)),
        Part(features=Features.opened("two", (second,)), predictor=Take((1,)), columns=(0,), places=(1,)),
    )
    return InSilicoModel(name="x on y", units=("a", "b", "c"), parts=parts, image_shape=SHAPE), first, second


def test_units_of_several_layers_stand_in_their_order() -> None:
    model, first, second = two_layers()
    images = torch.rand(5, *SHAPE)
    rows = images.flatten(1)
    expected = 2 * torch.stack(
        [rows @ first.weights[:, 0], rows @ second.weights[:, 1], rows @ first.weights[:, 2]], dim=1
    )
    assert torch.allclose(model.responses(images), expected)
    assert torch.allclose(model.select([2, 1]).responses(images), expected[:, [2, 1]])


def test_a_layer_that_no_unit_needs_is_not_run() -> None:
    model, first, second = two_layers()
    model.select([0, 2]).responses(torch.rand(5, *SHAPE))
    assert (first.runs, second.runs) == ([5], [])


def test_a_search_on_one_unit_runs_its_layer_only() -> None:
    model, first, second = two_layers()
    assert isinstance(model, Coned)
    images = torch.rand(5, *SHAPE)
    for column, runs in ((0, (1, 0)), (1, (0, 1)), (2, (1, 0))):
        whole = model.responses(images)
        first.runs.clear()
        second.runs.clear()
        cone = model.cone(column)
        assert cone is not None
        assert cone.window == (0, 2, 0, 2)
        assert torch.allclose(cone.model.responses(images)[:, cone.unit], whole[:, column])
        assert (len(first.runs), len(second.runs)) == runs
    of_a, of_b, of_c = (model.cone(column) for column in range(3))
    assert of_a is not None
    assert of_b is not None
    assert of_c is not None
    assert of_a.signature == of_c.signature != of_b.signature, "units of one layer share batches"
    assert of_a.model.units == of_c.model.units == ("a", "c")


def test_a_model_of_one_layer_has_no_smaller_part() -> None:
    model, _, _ = two_layers()
    assert model.select([0, 2]).cone(0) is None


def test_of_ready_models_a_search_on_one_unit_runs_that_unit_s() -> None:
    nets = [net(seed, 1) for seed in range(3)]
    features = Features.opened("output", tuple(nets))
    assert features.shape == (3,)
    part = Part(features=features, predictor=Choosy((2, 0, 1)), columns=(0, 1, 2), places=(0, 1, 2))
    model = InSilicoModel(name="ready", units=("a", "b", "c"), parts=(part,), image_shape=SHAPE)
    images = torch.rand(4, *SHAPE)
    whole = model.responses(images)
    assert [len(one.runs) for one in nets] == [1, 1, 1]
    cone = model.cone(0)
    assert cone is not None
    assert torch.allclose(cone.model.responses(images)[:, cone.unit], whole[:, 0])
    assert [len(one.runs) for one in nets] == [1, 1, 2]
    assert torch.allclose(model.select([1]).responses(images), whole[:, [1]])
    assert [len(one.runs) for one in nets] == [2, 1, 2]


def test_an_opaque_predictor_is_given_all_networks() -> None:
    nets = [net(seed, 1) for seed in range(2)]
    features = Features.opened("output", tuple(nets))
    part = Part(features=features, predictor=Take((1, 0)), columns=(0, 1), places=(0, 1))
    model = InSilicoModel(name="ready", units=("a", "b"), parts=(part,), image_shape=SHAPE)
    model.select([0]).responses(torch.rand(4, *SHAPE))
    assert [len(one.runs) for one in nets] == [1, 1]
    assert model.cone(0) is None


def test_it_offers_what_its_networks_offer() -> None:
    model, first, _ = two_layers(Faster)
    assert isinstance(model, Accelerable)
    images = torch.rand(4, *SHAPE)
    faster = model.accelerate(precision="float32", compile=False)
    assert torch.allclose(faster.responses(images), model.responses(images))
    assert len(first.runs) == 1, "the equivalent runs on copies of its own"
    slow, _, _ = two_layers()
    with pytest.raises(ModelError, match="x on y: the network behind it offers no faster equivalent"):
        slow.accelerate(precision="float32", compile=False)


def test_a_prediction_that_is_not_finite_is_refused() -> None:
    model, first, _ = two_layers()
    first.weights[0, 0] = torch.inf
    with pytest.raises(ModelError, match="x on y: 4 of 12 predicted responses are NaN or infinite: the encoder does"):
        model.responses(torch.rand(4, *SHAPE) + 0.1)


def test_a_map_keeps_its_shape_and_several_networks_make_a_row() -> None:
    class Mapped(Net):
        @property
        def map_shape(self) -> tuple[int, int, int]:
            return (1, 2, 2)

    one = Features.opened("layer", (net(0, 4, Mapped),))
    assert one.of(torch.rand(3, *SHAPE)).shape == (3, 1, 2, 2)
    two = Features.opened("layer", (net(0, 4, Mapped), net(1, 4, Mapped)))
    assert two.of(torch.rand(3, *SHAPE)).shape == (3, 2, 2, 2), "maps stand side by side as channels"
    mixed = Features.opened("layer", (net(0, 4, Mapped), net(1, 4)))
    assert mixed.of(torch.rand(3, *SHAPE)).shape == (3, 8)
