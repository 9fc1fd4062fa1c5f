"""A layer that is read at all of its positions says which map its units are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from spikeproof.types import Mapped
from spikeproof_torch.model import TorchModel

NETS = """
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 4 * 2, 5)).eval()
"""


@pytest.mark.parametrize(
    ("spatial", "layer", "shape"),
    [("positions", "0", (3, 4, 2)), ("positions", "1", None), ("mean", "0", None), ("center", "0", None)],
)
def test_a_map_is_said_where_every_position_is_read(
    tmp_path: Path, spatial: str, layer: str, shape: tuple[int, int, int] | None
) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    network = TorchModel(target=f"{tmp_path / 'nets.py'}:build", spatial=spatial).load(seed=0, device="cpu")
    model = network.read(layer, image_shape=(1, 6, 4))
    assert isinstance(model, Mapped)
    assert model.map_shape == shape
    assert model.select([0]).map_shape is None, "some of the units are no whole map"


def test_units_reshaped_to_the_map_are_the_layer_s_own_output(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    network = TorchModel(target=f"{tmp_path / 'nets.py'}:build", spatial="positions").load(seed=0, device="cpu")
    model = network.read("0", image_shape=(1, 6, 4))
    images = torch.rand(2, 1, 6, 4)
    shape = model.map_shape
    assert shape is not None
    assert torch.allclose(model.responses(images).reshape(2, *shape), network.module[0](images), atol=1e-6)
