"""Trained networks: the accuracies that are published with them, and every kind of layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from spikeproof_torch.model import TorchModel, TorchNetwork


def zoo(shared: Path, name: str) -> TorchNetwork:
    return TorchModel(target=f"{shared}/data/models/zoo.py:{name}").load(seed=0, device="cpu")


@pytest.fixture(scope="module")
def cifar(shared: Path) -> tuple[torch.Tensor, np.ndarray]:
    with np.load(shared / "data/images/cifar10_test_lossless_300.npz") as data:
        return torch.from_numpy(data["x"]).permute(0, 3, 1, 2) / 255, data["y"]


@pytest.mark.parametrize(
    ("name", "accuracy"), [("cnn_a_standard", 0.773), ("cnn_a_robust", 0.627), ("resnet20", 0.930)]
)
def test_accuracy_is_the_published_one(
    shared: Path, cifar: tuple[torch.Tensor, np.ndarray], name: str, accuracy: float
) -> None:
    x, y = cifar
    network = zoo(shared, name)
    assert network.name == name
    layer = "1.5" if name.startswith("cnn") else "1.pooled"
    model = network.read(layer, image_shape=(3, 32, 32))
    assert len(model.units) == (100 if name.startswith("cnn") else 64)
    assert model.classes == tuple(map(str, range(10)))
    count = 300 if name.startswith("cnn") else 60  # resnet20 is slow
    responses, scores = model.both(x[:count])
    assert abs(float((scores.argmax(1).numpy() == y[:count]).mean()) - accuracy) < (0.001 if count == 300 else 0.05)
    assert responses.shape == (count, len(model.units))


def test_the_pair_has_different_weights_of_one_file(shared: Path) -> None:
    standard, robust = zoo(shared, "cnn_a_standard"), zoo(shared, "cnn_a_robust")
    assert standard.identity["weights"] != robust.identity["weights"]
    assert standard.identity["file_sha256"] == robust.identity["file_sha256"]


def test_a_convolutional_layer_is_read_as_the_mean_of_its_maps(
    shared: Path, cifar: tuple[torch.Tensor, np.ndarray]
) -> None:
    x = cifar[0][:3]
    network = zoo(shared, "resnet20")
    model = network.read("1.layer3", image_shape=(3, 32, 32))
    assert model.units == tuple(f"c{channel}" for channel in range(64))
    pooled = network.read("1.pooled", image_shape=(3, 32, 32)).responses(x)
    torch.testing.assert_close(model.responses(x), pooled)  # the network pools this layer itself


def test_a_v4_neuron_has_one_unit_and_no_classes(shared: Path) -> None:
    network = zoo(shared, "v4_neuron(0)")
    model = network.read("layers.Beta", image_shape=(3, 112, 112))
    assert network.name == "v4_neuron(0)"
    assert model.units == ("u0",)
    assert model.classes is None
