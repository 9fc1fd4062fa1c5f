"""Images, weights, and optima that are known, for tests of attacks; all in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from engine_doubles import Layer
from scipy.optimize import brentq

NORMS: tuple[Any, ...] = ("l1", "l2", "linf")
DUAL: dict[Any, Any] = {"l1": "linf", "l2": "l2", "linf": "l1"}


def drawn(seed: int, *shape: int) -> torch.Tensor:
    """Standard normal numbers in float64."""
    return torch.as_tensor(np.random.default_rng(seed).standard_normal(shape))


def grey(items: int = 3, size: int = 6) -> torch.Tensor:
    """Images in the middle of the box."""
    return 0.45 + 0.1 * torch.as_tensor(np.random.default_rng(1).random((items, 1, size, size)))


def natural(items: int = 3, size: int = 6) -> torch.Tensor:
    """Images with many pixels at the walls."""
    x = np.random.default_rng(2).random((items, 1, size, size))
    x[x < 0.2] = 0
    x[x > 0.9] = 1
    return torch.as_tensor(x)


def optimum(w: np.ndarray, x: np.ndarray, eps: float, norm: str) -> float:
    """Largest gain of a linear unit in the ball and the box, by other means than spikeproof.geometry."""
    room = np.where(w > 0, 1 - x, x)
    if norm == "linf":
        return float(np.abs(w) @ np.minimum(room, eps))
    if norm == "l1":
        gain, left = 0.0, eps
        for k in np.argsort(-np.abs(w)):
            gain, left = gain + abs(w[k]) * min(left, room[k]), left - min(left, room[k])
        return gain
    if np.linalg.norm(room) <= eps:
        return float(np.abs(w) @ room)
    t = brentq(lambda t: np.linalg.norm(np.minimum(t * np.abs(w), room)) - eps, 0, 1e9, xtol=1e-14)
    return float(np.abs(w) @ np.minimum(t * np.abs(w), room))


def choosing(weights: torch.Tensor, offset: torch.Tensor) -> Layer:
    """Pixels as units, with a linear head."""
    pixels = weights.shape[1]
    return Layer(
        lambda x: x.flatten(1),
        tuple(f"u{k}" for k in range(pixels)),
        head=lambda x: x.flatten(1) @ weights.T + offset,
        classes=tuple("abcdefgh"[: len(weights)]),
    )
