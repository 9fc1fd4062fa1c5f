"""Models that are wrong in one way each."""

# ruff: noqa: ARG002 - the protocols pass more than a mutant uses

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Five linear units with a squashed output; it is its own network."""

    @property
    def name(self) -> str:
        return "right"

    @property
    def identity(self) -> Mapping[str, str]:
        return {"weights": "0" * 64}

    @property
    def layers(self) -> tuple[str, ...]:
        return ("only",)

    def load(self, *, seed: int, device: str) -> Right:
        return self

    def read(self, layer: str, *, image_shape: tuple[int, int, int]) -> Layer:
        size = image_shape[0] * image_shape[1] * image_shape[2]
        weights = torch.randn(5, size, generator=torch.Generator().manual_seed(0)) / size**0.5
        return Layer(weights=weights, units=tuple(f"u{number}" for number in range(5)), owner=self)

    def between(self, drive: torch.Tensor) -> torch.Tensor:
        return drive

    def order(self, units: Sequence[int]) -> list[int]:
        return list(units)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The only layer."""

    weights: torch.Tensor
    units: tuple[str, ...]
    owner: Right

    @property
    def classes(self) -> None:
        return None

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.owner.between(images.flatten(1) @ self.weights.T))

    def select(self, units: Sequence[int]) -> Layer:
        names = tuple(self.units[unit] for unit in units)
        return Layer(weights=self.weights[self.owner.order(units)], units=names, owner=self.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNormalised(Right):
    """Responses are relative to the batch, where there is one."""

    def between(self, drive: torch.Tensor) -> torch.Tensor:
        return drive - drive.mean(dim=0) if len(drive) > 1 else drive


@dataclass(frozen=True, slots=True, kw_only=True)
class Reordering(Right):
    """It sorts the units that it is asked for."""

    def order(self, units: Sequence[int]) -> list[int]:
        return sorted(units)


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSlope(Right):
    """Half of its slope is cut off."""

    def between(self, drive: torch.Tensor) -> torch.Tensor:
        return 0.5 * drive + 0.5 * drive.detach()


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing(Right):
    """Linear units that show the module behind them."""

    def read(self, layer: str, *, image_shape: tuple[int, int, int]) -> Shown:  # type: ignore[override]
        size = image_shape[0] * image_shape[1] * image_shape[2]
        weights = torch.randn(5, size, generator=torch.Generator().manual_seed(0)) / size**0.5
        linear = torch.nn.Linear(size, 5, bias=False, device="meta")  # draws no random numbers
        linear.weight = torch.nn.Parameter(weights, requires_grad=False)
        module = torch.nn.Sequential(torch.nn.Flatten(), linear)
        return Shown(module=module, columns=tuple(range(5)), owner=self)

    def shown(self, output: torch.Tensor) -> torch.Tensor:
        return output


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A layer that is one submodule."""

    module: torch.nn.Module
    columns: tuple[int, ...]
    owner: Showing
    layer: str = "1"

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(f"u{column}" for column in self.columns)

    @property
    def classes(self) -> None:
        return None

    def read(self, output: torch.Tensor) -> torch.Tensor:
        return self.owner.shown(output)[:, list(self.columns)]

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.module(images))[:, list(self.columns)]

    def select(self, units: Sequence[int]) -> Shown:
        return replace(self, columns=tuple(self.columns[unit] for unit in units))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowingAnother(Showing):
    """What it shows inside is not what it computes."""

    def shown(self, output: torch.Tensor) -> torch.Tensor:
        return 2 * output
