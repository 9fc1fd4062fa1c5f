"""The windows of the Square attack: what a query changes, for each norm."""

from __future__ import annotations

import math
from functools import cache
from typing import Protocol

import torch
from spikeproof.geometry import project, step_in_box
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise

__all__ = ["Windows", "windows_of"]

_TILES = 5
"""Tiles along each side of the first L2 perturbation."""


class Windows(Protocol):
    """Candidates of rows, images (row, channel, y, x)."""

    numbers: int

    def only(self, rows: torch.Tensor) -> Windows:
        """These rows alone."""

    def first(self, noise: ItemNoise, items: torch.Tensor) -> torch.Tensor:
        """Where the search begins; rows of one item (row,) share its random numbers."""

    def moved(self, now: torch.Tensor, part: float, numbers: torch.Tensor) -> torch.Tensor:
        """Candidates near ``now``, by numbers (row, number), with windows of this share of the image."""


def windows_of(clean: torch.Tensor, radius: torch.Tensor, norm: Norm) -> Windows:
    """Windows in balls around clean images (row, ...) of radius (row,)."""
    images = clean.reshape(_planes(clean))
    if norm == "l2":
        return _L2(images, radius)
    beyond = radius.max() + 1
    low, high = (project(images + sign * beyond, images, radius, "linf") for sign in (-1, 1))
    return _Linf(low, high)


def _planes(images: torch.Tensor) -> tuple[int, int, int, int]:
    """Images of any rank as (row, channel, y, x): a vector is one line; frames of a film are channels."""
    *leading, y, x = (1, 1, *images.shape[1:])
    return len(images), math.prod(leading), y, x


def _at(numbers: torch.Tensor, room: int) -> torch.Tensor:
    """Whole numbers from 0 to ``room``, from uniform ones."""
    return (numbers * (room + 1)).long().clamp(max=room)


def _signs(numbers: torch.Tensor) -> torch.Tensor:
    return torch.where(numbers < 0.5, -1.0, 1.0).to(numbers.dtype)


class _Linf:
    """Windows of plus or minus epsilon, one sign a channel."""

    def __init__(self, low: torch.Tensor, high: torch.Tensor) -> None:
        self._low, self._high = low, high
        _, self._channels, self._height, self._width = low.shape
        self.numbers = 2 + self._channels
        self._y = torch.arange(self._height, device=low.device)
        self._x = torch.arange(self._width, device=low.device)

    def only(self, rows: torch.Tensor) -> _Linf:
        """These rows alone."""
        return _Linf(self._low[rows], self._high[rows])

    def first(self, noise: ItemNoise, items: torch.Tensor) -> torch.Tensor:
        """Vertical stripes."""
        stripes = noise.uniform((self._channels, 1, self._width), like=self._low)[items]
        return torch.where(stripes < 0.5, self._low, self._high)

    def moved(self, now: torch.Tensor, part: float, numbers: torch.Tensor) -> torch.Tensor:
        """Candidates (row, channel, y, x), by numbers (row, number)."""
        height, width = _window(part, self._height, self._width, least=1)
        top = _at(numbers[:, 0], self._height - height)[:, None]
        left = _at(numbers[:, 1], self._width - width)[:, None]
        inside = ((self._y >= top) & (self._y < top + height))[:, None, :, None] & (
            (self._x >= left) & (self._x < left + width)
        )[:, None, None, :]
        up = (numbers[:, 2:] >= 0.5)[:, :, None, None]
        return torch.where(inside, torch.where(up, self._high, self._low), now)


class _L2:
    """Windows that take over the perturbation of another window."""

    def __init__(self, clean: torch.Tensor, radius: torch.Tensor) -> None:
        self._clean, self._radius = clean, radius
        _, self._channels, self._height, self._width = clean.shape
        self.numbers = 5 + self._channels

    def only(self, rows: torch.Tensor) -> _L2:
        """These rows alone."""
        return _L2(self._clean[rows], self._radius[rows])

    def first(self, noise: ItemNoise, items: torch.Tensor) -> torch.Tensor:
        """Tiles of two opposite blobs, with a random sign for each channel, lying or standing at random."""
        down, across = min(_TILES, self._height), min(_TILES, self._width)
        tall, wide = self._height // down, self._width // across
        drawn = noise.uniform((self._channels + 1, down, across), like=self._clean)[items]
        drawn = drawn.repeat_interleave(tall, dim=2).repeat_interleave(wide, dim=3)
        standing, lying = (_blobs(tall, wide, lying=lying).to(drawn).repeat(down, across) for lying in (False, True))
        tiles = torch.where(drawn[:, -1:] < 0.5, standing, lying) * _signs(drawn[:, :-1])
        canvas = torch.zeros_like(self._clean)
        top, left = (self._height - tiles.shape[2]) // 2, (self._width - tiles.shape[3]) // 2
        canvas[:, :, top : top + tiles.shape[2], left : left + tiles.shape[3]] = tiles
        return step_in_box(self._clean, canvas, self._radius, "l2")

    def moved(self, now: torch.Tensor, part: float, numbers: torch.Tensor) -> torch.Tensor:
        """Candidates (row, channel, y, x), by numbers (row, number)."""
        height, width = _window(part, self._height, self._width, least=3)
        to = self._places(numbers[:, 0], numbers[:, 1], height, width)
        taken = self._places(numbers[:, 2], numbers[:, 3], height, width)
        delta = now - self._clean
        there = delta[to]
        standing, lying = (_blobs(height, width, lying=lying).to(numbers) for lying in (False, True))
        blob = torch.where((numbers[:, 4] < 0.5)[:, None, None, None], standing, lying)
        shape = _unit(there) + blob * _signs(numbers[:, 5:])[:, :, None, None]
        total = delta.square().sum(dim=(1, 2, 3))
        delta[taken] = 0
        delta[to] = 0
        freed = total - delta.square().sum(dim=(1, 2, 3))
        spare = (self._radius.square().to(total.dtype) - total).clamp(min=0)
        length = (spare / self._channels + freed.clamp(min=0)).sqrt()
        delta[to] = _unit(shape) * length[:, None, None, None]
        return step_in_box(self._clean, delta, self._radius, "l2")

    def _places(
        self, y: torch.Tensor, x: torch.Tensor, height: int, width: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Index of a window of each row, (row, channel, y, x)."""
        device = y.device
        top, left = _at(y, self._height - height), _at(x, self._width - width)
        return (
            torch.arange(len(y), device=device)[:, None, None, None],
            torch.arange(self._channels, device=device)[None, :, None, None],
            (top[:, None] + torch.arange(height, device=device))[:, None, :, None],
            (left[:, None] + torch.arange(width, device=device))[:, None, None, :],
        )


def _window(part: float, height: int, width: int, *, least: int) -> tuple[int, int]:
    """Height and width of a window that covers a share of the image: square, as far as the image is high enough."""
    side = max(least, round(math.sqrt(part * height * width)))
    if least > 1 and side % 2 == 0:
        side += 1
    tall = min(side, height)
    return tall, min(side if tall == side else max(least, round(part * height * width / tall)), width)


def _unit(windows: torch.Tensor) -> torch.Tensor:
    """Every channel of every window divided by its norm; zero where it is zero."""
    norm = windows.square().sum(dim=(2, 3), keepdim=True).sqrt()
    return windows / torch.where(norm > 0, norm, 1.0)


@cache
def _blobs(height: int, width: int, *, lying: bool) -> torch.Tensor:
    """Two opposite blobs of norm 1 in all, (height, width), one above the other, or side by side where ``lying``.

    At Chebyshev distance d from a blob's centre, its height is the sum of 1 / (k + 1)^2 over k from d to its half size
    (Andriushchenko et al. 2020, eq. 3).
    """
    if lying:
        return _blobs(width, height, lying=False).T
    half = height // 2
    both = torch.cat([_blob(half, width), -_blob(height - half, width)])
    return both / both.square().sum().sqrt()


def _blob(height: int, width: int) -> torch.Tensor:
    if height == 0:
        return torch.zeros(0, width, dtype=torch.float64)
    count = max(height // 2, width // 2) + 1
    terms = 1 / torch.arange(1, count + 1, dtype=torch.float64).square()
    of_distance = terms.flip(0).cumsum(0).flip(0)
    y = (torch.arange(height) - height // 2).abs()
    x = (torch.arange(width) - width // 2).abs()
    found = of_distance[torch.maximum(y[:, None], x[None])]
    return found / found.square().sum().sqrt()
