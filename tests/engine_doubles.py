"""Small response models and objectives of known truth, for tests of the engine and of attacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from spikeproof.engine import Grid
from spikeproof.types import Readings


@dataclass
class Layer:
    """A response model made of a function of images (row, ...) to responses (row, unit), and of one to class scores."""

    function: Callable[[torch.Tensor], torch.Tensor]
    units: tuple[str, ...]
    head: Callable[[torch.Tensor], torch.Tensor] | None = None
    classes: tuple[str, ...] | None = None
    largest_batch: int = 0
    logits_asked: int = 0

    def select(self, units: list[int]) -> Layer:
        function = self.function
        return replace(self, function=lambda x: function(x)[:, units], units=tuple(self.units[k] for k in units))

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        self.largest_batch = max(self.largest_batch, len(images))
        return self.function(images)

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        self.logits_asked += 1
        assert self.head is not None
        return self.head(images)

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.responses(images), self.logits(images)


def linear(weights: np.ndarray, dtype: torch.dtype = torch.float32) -> Layer:
    """Units r = W x, with W (unit, pixel)."""
    matrix = torch.as_tensor(weights, dtype=dtype)
    return Layer(lambda x: x.flatten(1) @ matrix.T, tuple(f"u{k}" for k in range(len(weights))))


def network(seed: int, *, units: int = 4, shape: tuple[int, int, int] = (1, 6, 6)) -> Layer:
    """A small convolutional network with smooth and kinked parts, frozen, and a head of three classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = torch.nn.Sequential(
            torch.nn.Conv2d(shape[0], 6, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(6, 6, 3, stride=2),
            torch.nn.Softplus(),
            torch.nn.Flatten(),
            torch.nn.LazyLinear(units),
        ).eval()
        body(torch.zeros(1, *shape))
        head = torch.nn.Linear(units, 3)
    body.requires_grad_(False)
    head.requires_grad_(False)
    return Layer(
        body, tuple(f"u{k}" for k in range(units)), head=lambda x: head(torch.relu(body(x))), classes=("a", "b", "c")
    )


def make_grid(model: Layer, images: Any, **changes: Any) -> Grid:
    """A grid around these clean images."""
    tensor = torch.as_tensor(images)
    with torch.no_grad():
        responses = model.function(tensor).double().numpy()
        logits = None if model.head is None else model.head(tensor).double().numpy()
    settings: dict[str, Any] = {
        "stimulus_ids": tuple(f"s{k}" for k in range(len(tensor))),
        "clean_responses": responses,
        "clean_logits": logits,
        "epsilons": (0.1, 0.3),
        "norm": "l2",
        "seed": 3,
    }
    return Grid(model=model, images=images, **(settings | changes))


def _of_unit(seen: Readings) -> torch.Tensor:
    return seen.responses.gather(1, seen.unit[:, None])[:, 0]


@dataclass
class Drive:
    """The target unit up, or down."""

    ways: tuple[str, ...] = ("up", "down")
    gain: float = 1.0

    def directions(self) -> tuple[str, ...]:
        return self.ways

    def value(self, seen: Readings) -> torch.Tensor:
        signs = torch.tensor([1.0 if way == "up" else -1.0 for way in self.ways], dtype=seen.responses.dtype)
        return _of_unit(seen) * (signs * self.gain)[seen.direction]


@dataclass
class Away:
    """The population away from its clean response."""

    def directions(self) -> tuple[str, ...]:
        return ("away",)

    def value(self, seen: Readings) -> torch.Tensor:
        return ((seen.responses - seen.clean_responses) @ seen.whitening).square().sum(dim=1)


@dataclass
class Margin:
    """The best other class over the clean choice."""

    def directions(self) -> tuple[str, ...]:
        return ("away",)

    def value(self, seen: Readings) -> torch.Tensor:
        assert seen.decision is not None
        assert seen.choice is not None
        own = seen.decision.gather(1, seen.choice[:, None])[:, 0]
        return seen.decision.scatter(1, seen.choice[:, None], -torch.inf).amax(dim=1) - own
