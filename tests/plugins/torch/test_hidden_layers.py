"""Layers on the way to the units: their outputs, shifts of them, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from spikeproof.errors import ModelError
from spikeproof.types import Layered
from spikeproof_torch.model import TorchModel
from torch import nn

FILE = """
import torch
from torch import nn

class Tuples(nn.Module):
    def forward(self, x):
        return x, x

class First(nn.Module):
    def forward(self, pair):
        return pair[0]

class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.fold = nn.Linear(12, 12)
    def forward(self, x):
        return self.fold(self.fold(x))

class Split(nn.Module):
    def forward(self, x):
        return x.reshape(-1, 6)

class Joined(nn.Module):
    def forward(self, x):
        return x.reshape(-1, 12)

def build():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(64, 12), nn.Tanh(), nn.Linear(12, 3)
    ).eval()

def odd():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(36, 12), Twice(), Tuples(), First(), Split(), Joined(), nn.Linear(12, 3)
    ).eval()
"""


@pytest.fixture
def nets(tmp_path: Any) -> str:
    (tmp_path / "nets.py").write_text(FILE)
    return f"{tmp_path}/nets.py"


def _layer(nets: str, name: str = "build", layer: str = "4") -> Any:
    network = TorchModel(target=f"{nets}:{name}").load(seed=0, device="cpu")
    return network.read(layer, image_shape=(1, 6, 6))


def _images() -> torch.Tensor:
    return torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def test_the_output_is_that_of_the_layer_though_what_follows_works_in_place(nets: str) -> None:
    model, images = _layer(nets), _images()
    net: Any = model.module
    found = model.hidden("0").activation(images)
    torch.testing.assert_close(found, net[0](images))
    assert (found < 0).any()  # the ReLU behind it did not write into it
    leaf = images.clone().requires_grad_()
    assert torch.autograd.grad(model.hidden("0").activation(leaf).sum(), leaf)[0].abs().sum() > 0


def test_a_shift_goes_through_the_rest_of_the_network(nets: str) -> None:
    model, images = _layer(nets), _images()
    net: Any = model.module
    shift = torch.randn(5, 4, 4, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    found = model.hidden("0").responses(images, shift)
    torch.testing.assert_close(found, net[1:5](net[0](images) + shift))
    assert torch.autograd.grad(found.sum(), shift)[0].abs().sum() > 0
    responses, scores = model.hidden("0").both(images, shift)
    torch.testing.assert_close(responses, found)
    torch.testing.assert_close(scores, net[5](found))
    torch.testing.assert_close(model.hidden("0").responses(images, torch.zeros_like(shift)), model.responses(images))


@pytest.mark.parametrize("name", ["", "4"])
def test_the_layer_that_is_read_can_be_shifted_itself(nets: str, name: str) -> None:
    model, images = _layer(nets), _images()
    found = model.hidden(name).responses(images, torch.full((5, 12), 2.0))
    torch.testing.assert_close(found, model.responses(images) + 2)


def test_units_may_be_chosen_of_the_layer(nets: str) -> None:
    model, images = _layer(nets).select([3, 1]), _images()
    found = model.hidden("").responses(images, torch.arange(12.0).expand(5, 12))
    torch.testing.assert_close(found, model.responses(images) + torch.tensor([3.0, 1.0]))


def test_the_module_is_left_as_it_was(nets: str) -> None:
    model = _layer(nets)
    before = model.responses(_images())
    hidden = model.hidden("0")
    hidden.activation(_images())
    with pytest.raises(ModelError, match="must match the size"):
        hidden.responses(_images(), torch.zeros(5, 1, 1, 7))
    assert not any(part._forward_hooks for part in model.module.modules())
    torch.testing.assert_close(model.responses(_images()), before)
    assert isinstance(model, Layered)


@pytest.mark.parametrize(
    ("name", "layer", "message"),
    [
        ("build", "5", r"layer '4': hidden layer '5' is not on the way to it: shift another layer"),
        ("build", "7", r"build has no layer '7'; near names: 0, 1, 2, 3, 4, 5"),
        ("odd", "2.fold", r"hidden layer '2.fold' is called 2 times on the way: shift another layer"),
        ("odd", "3", r"hidden layer '3' gives tuple, not one tensor of numbers an image"),
        ("odd", "5", r"hidden layer '5' gives shape \(2, 6\), not one tensor of numbers an image"),
    ],
)
def test_a_layer_that_cannot_be_shifted_is_refused(nets: str, name: str, layer: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        _layer(nets, name, "4" if name == "build" else "7").hidden(layer)


def test_numbers_that_are_not_finite_behind_a_shift_are_refused(nets: str) -> None:
    with pytest.raises(ModelError, match="responses are NaN or infinite"):
        _layer(nets).hidden("0").responses(_images(), torch.full((5, 4, 4, 4), torch.nan))


def test_a_whole_network_is_a_layer_too() -> None:
    network = TorchModel(target="torch.nn:Linear(4, 3)").load(seed=0, device="cpu")
    assert isinstance(network.module, nn.Linear)
