"""Features of several layers and networks, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from spikeproof.insilico import Features
from spikeproof.types import Mapped
from torch.nn import functional


@dataclass(frozen=True)
class Layer:
    """A map of an image's pixels, so many channels of it."""

    map_shape: tuple[int, int, int] | None
    channels: int
    size: tuple[int, int]

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.channels * self.size[0] * self.size[1])))

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        pooled = functional.interpolate(images, self.size, mode="bilinear", align_corners=False)
        return torch.cat([pooled * (channel + 1) for channel in range(self.channels)], dim=1).flatten(1)


def layer(channels: int, rows: int, columns: int, *, mapped: bool = True) -> Layer:
    return Layer((channels, rows, columns) if mapped else None, channels, (rows, columns))


IMAGES = torch.rand(3, 1, 12, 12, generator=torch.Generator().manual_seed(0))


def features(*layers: Layer) -> Features:
    return Features.opened("a + b", layers)  # type: ignore[arg-type]


@pytest.mark.parametrize("fine", [(8, 8), (7, 9), (4, 4)])
def test_finer_maps_are_averaged_over_the_positions_of_the_coarsest(fine: tuple[int, int]) -> None:
    one, two = layer(2, *fine), layer(3, 4, 4)
    assert isinstance(one, Mapped)
    joined = features(one, two)
    assert joined.shape == (5, 4, 4)
    assert joined.sizes == (32, 48)
    found = joined.of(IMAGES)
    expected = functional.adaptive_avg_pool2d(one.responses(IMAGES).reshape(3, 2, *fine), 4)
    torch.testing.assert_close(found[:, :2], expected)
    torch.testing.assert_close(found[:, 2:].flatten(1), two.responses(IMAGES))


def test_without_maps_features_stand_in_one_row() -> None:
    joined = features(layer(2, 3, 3), layer(1, 2, 2, mapped=False))
    assert (joined.shape, joined.sizes) == ((22,), (18, 4))
    assert joined.of(IMAGES).shape == (3, 22)


def test_networks_that_are_skipped_give_nothing_and_the_others_what_they_gave() -> None:
    joined = features(layer(2, 8, 8), layer(3, 4, 4))
    part = joined.of(IMAGES, frozenset({0}))
    assert not part[:, :2].any()
    torch.testing.assert_close(part[:, 2:], joined.of(IMAGES)[:, 2:])


def test_gradients_reach_the_images_through_averages() -> None:
    images = IMAGES.double().requires_grad_()
    joined = features(layer(1, 6, 6), layer(1, 4, 4))
    assert torch.autograd.gradcheck(lambda pixels: joined.of(pixels).sum(dim=(2, 3)), (images[:1],))
    assert np.isfinite(joined.of(images).detach().numpy()).all()
