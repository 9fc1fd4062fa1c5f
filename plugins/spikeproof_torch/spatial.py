"""From a layer's output to one row of units per image."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from spikeproof.errors import BadParameter, ModelError

__all__ = ["Spatial"]


@dataclass(frozen=True, slots=True)
class Spatial:
    """How a layer with positions is read.

    Outputs (image, unit) are read as they are, units ``u12``. A convolutional layer (image, channel, y, x) is read as
    the mean over positions (``c12``), at one position (``c12@3,4``), or at all of them. Tokens (image, token, feature)
    are read as the mean over tokens (``f12``) or at each token (``f12@3``).

    Parameters
    ----------
    rule : str
        ``"mean"``, ``"center"``, ``"positions"`` or ``"Y,X"``.

    Examples
    --------
    >>> Spatial("center").units((2, 3, 3), "layer")
    ('c0@1,1', 'c1@1,1')
    """

    rule: str

    def __post_init__(self) -> None:
        if self.rule not in ("mean", "center", "positions") and not re.fullmatch(r"\s*\d+\s*,\s*\d+\s*", self.rule):
            raise BadParameter(
                f"torch: spatial must be mean, center, positions or a position Y,X such as 3,4; got {self.rule!r}"
            )

    def position(self, shape: tuple[int, ...], layer: str) -> tuple[int, int] | None:
        """Position (y, x) that is read of a layer whose output per image is ``shape``; None if there is not one."""
        if len(shape) < 2 or self.rule in ("mean", "positions"):
            return None
        if len(shape) == 2:
            raise ModelError(
                f"torch: layer {layer!r} gives {shape[0]} tokens of {shape[1]} features, which have no row and column: "
                f"spatial must be mean or positions, got {self.rule!r}"
            )
        if self.rule == "center":
            return shape[1] // 2, shape[2] // 2
        y, x = (int(part) for part in self.rule.split(","))
        if y >= shape[1] or x >= shape[2]:
            raise ModelError(
                f"torch: layer {layer!r} is {shape[1]} x {shape[2]} positions (y, x), so there is no position {y},{x} "
                f"(counted from 0)"
            )
        return y, x

    def units(self, shape: tuple[int, ...], layer: str) -> tuple[str, ...]:
        """Names of the units of a layer whose output per image has this shape."""
        if len(shape) not in (1, 2, 3):
            raise ModelError(
                f"torch: layer {layer!r} gives {shape} per image; only (unit), (token, feature) and (channel, y, x) "
                "can be read: choose another layer"
            )
        if len(shape) == 1:
            return tuple(f"u{unit}" for unit in range(shape[0]))
        at = self.position(shape, layer)
        if len(shape) == 2:
            features = range(shape[1])
            if self.rule == "mean":
                return tuple(f"f{feature}" for feature in features)
            return tuple(f"f{feature}@{token}" for token in range(shape[0]) for feature in features)
        channels = range(shape[0])
        if at is not None:
            return tuple(f"c{channel}@{at[0]},{at[1]}" for channel in channels)
        if self.rule == "mean":
            return tuple(f"c{channel}" for channel in channels)
        return tuple(f"c{channel}@{y},{x}" for channel in channels for y in range(shape[1]) for x in range(shape[2]))

    def read(self, output: torch.Tensor, layer: str, columns: torch.Tensor | None) -> torch.Tensor:
        """Read (image, unit) from a layer's output; never a view of it, as later layers may overwrite it.

        Parameters
        ----------
        output : torch.Tensor, (image, ...)
        layer : str
        columns : torch.Tensor of int, optional
            Which units, in this order; all by default.
        """
        shape = tuple(output.shape[1:])
        at = self.position(shape, layer)
        if at is not None:
            rows = output[:, :, at[0], at[1]]
        elif self.rule == "mean" and len(shape) > 1:
            rows = output.mean(dim=1 if len(shape) == 2 else (2, 3))
        else:
            rows = output.reshape(len(output), -1)
        return rows.clone() if columns is None else rows.index_select(1, columns)
