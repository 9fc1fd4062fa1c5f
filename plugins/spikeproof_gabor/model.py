"""The model ``gabor:``: simple and complex cells."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from spikeproof.errors import BadParameter, ModelError
from torch.nn import functional

from .kernels import Scale, scale_of

__all__ = ["Gabor", "GaborBank", "GaborCells"]

_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""
_GREY = 0.5
"""What lies around the image, and drives no cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gabor:
    """V1-like cells: a pyramid of Gabor functions with one position per wavelength (Kay et al. 2008).

    A *simple* cell is one half-rectified Gabor function of the image's luminance less mid-grey; there are four of each
    frequency, orientation and position (even and odd, on and off). A *complex* cell is the amplitude of the even and
    odd pair, sqrt(even^2 + odd^2) (Adelson and Bergen 1985). With ``normalize`` each response is divided by
    sqrt(c^2 + m), m the mean energy over orientations at that frequency and position (Heeger 1992).

    Examples
    --------
    >>> network = Gabor(frequencies=(2.0, 4.0)).load(seed=0, device="cpu")
    >>> network.layers
    ('simple', 'complex', 'complex-f2', 'complex-f4')
    >>> network.read("complex", image_shape=(1, 32, 32)).units[:2]
    ('f2 o0 y0 x0', 'f2 o0 y0 x1')
    """

    frequencies: Annotated[
        tuple[float, ...], "Spatial frequencies, in cycles along the shorter side of the image, ascending."
    ] = (1.0, 2.0, 4.0, 8.0, 16.0)
    orientations: Annotated[int, "Orientations, evenly spaced over half a turn."] = 8
    bandwidth: Annotated[float, "Width of the tuning to spatial frequency at half height, in octaves."] = 1.0
    normalize: Annotated[bool, "Divide by the contrast at that frequency and position."] = False
    constant: Annotated[float, "Constant of the normalization, in units of the energy's square root."] = 0.5

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.frequencies, self.frequencies[1:], strict=False))
        if not self.frequencies or not rising or not 0 < self.frequencies[0] <= self.frequencies[-1] < float("inf"):
            raise BadParameter(f"gabor: frequencies must be positive and ascend, got {self.frequencies}")
        if self.orientations < 1:
            raise BadParameter(f"gabor: orientations must be at least 1, got {self.orientations}")
        if not 0 < self.bandwidth < float("inf"):
            raise BadParameter(f"gabor: bandwidth must be above 0 octaves, got {self.bandwidth:g}")
        if not 0 < self.constant < float("inf"):
            raise BadParameter(f"gabor: constant must be above 0, got {self.constant:g}")

    def load(self, *, seed: int, device: str) -> GaborBank:  # noqa: ARG002 - nothing is random
        """Open the bank: see ``spikeproof.types.Model``."""
        place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        return GaborBank(cells=self, device=torch.device(place))


@dataclass(frozen=True, kw_only=True, eq=False)
class GaborBank:
    """An opened bank: see ``spikeproof.types.Network``."""

    cells: Gabor
    device: torch.device

    @property
    def name(self) -> str:
        """``"gabor"``."""
        return "gabor"

    @property
    def identity(self) -> Mapping[str, str]:
        """Its parameters; the digest is theirs, since they say all of it."""
        said = repr(self.cells)
        return {"parameters": said, "weights": hashlib.sha256(said.encode()).hexdigest()}

    @property
    def layers(self) -> tuple[str, ...]:
        """All simple cells, all complex cells, and the complex cells of each frequency (as one map)."""
        return ("simple", "complex", *(f"complex-f{frequency:g}" for frequency in self.cells.frequencies))

    def read(self, layer: str, *, image_shape: tuple[int, int, int]) -> GaborCells:
        """Read all cells of a layer.

        Raises
        ------
        spikeproof.errors.ModelError
            If there is no such layer, the images are neither grey nor RGB, or a wavelength is below two pixels.
        """
        if layer not in self.layers:
            raise ModelError(f"gabor: there is no layer {layer!r}: choose from {', '.join(self.layers)}")
        channels, *size = image_shape
        if channels not in (1, 3):
            raise ModelError(f"gabor: images have {channels} channels: it takes 1 (grey) or 3 (red, green, blue)")
        highest = min(size) / 2
        wanted = [f for f in self.cells.frequencies if layer in ("simple", "complex", f"complex-f{f:g}")]
        if wanted[-1] > highest:
            raise ModelError(
                f"gabor: {wanted[-1]:g} cycles do not fit into {min(size)} pixels, which show {highest:g} at most: set "
                "frequencies"
            )
        scales = tuple(
            scale_of(f, (size[0], size[1]), orientations=self.cells.orientations, bandwidth=self.cells.bandwidth)
            for f in wanted
        )
        kinds = ("even+", "even-", "odd+", "odd-") if layer == "simple" else ("",)
        units = tuple(
            f"f{scale.frequency:g} o{180 * angle / self.cells.orientations:g} y{y} x{x} {kind}".strip()
            for scale in scales
            for kind in kinds
            for angle in range(self.cells.orientations)
            for y in range(scale.grid[0])
            for x in range(scale.grid[1])
        )
        return GaborCells(
            layer=layer,
            image_shape=image_shape,
            scales=tuple(replace(scale, kernels=scale.kernels.to(self.device)) for scale in scales),
            constant=self.cells.constant if self.cells.normalize else None,
            units=units,
            map_shape=(self.cells.orientations, *scales[0].grid) if layer.startswith("complex-") else None,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class GaborCells:
    """Cells of one layer: see ``spikeproof.types.ResponseModel``."""

    layer: str
    image_shape: tuple[int, int, int]
    scales: tuple[Scale, ...]
    constant: float | None
    units: tuple[str, ...]
    map_shape: tuple[int, int, int] | None = None
    columns: tuple[int, ...] | None = None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """None: cells name no classes."""
        return None

    def select(self, units: Sequence[int]) -> GaborCells:
        """Return the same layer restricted to these columns, in this order."""
        outside = [unit for unit in units if not 0 <= unit < len(self.units)]
        if outside:
            raise ModelError(f"gabor: {self.layer!r} has {len(self.units)} units, there is no column {outside[0]}")
        before = range(len(self.units)) if self.columns is None else self.columns
        return replace(
            self,
            units=tuple(self.units[unit] for unit in units),
            columns=tuple(before[unit] for unit in units),
            map_shape=None,
        )

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit), in units of contrast times pixels, to images (image, channel, y, x)."""
        if tuple(images.shape[1:]) != self.image_shape:
            raise ModelError(
                f"gabor: opened for images of shape {self.image_shape} (channel, y, x), got {tuple(images.shape)}"
            )
        if len(_LUMA) == self.image_shape[0]:
            grey = torch.einsum("nchw,c->nhw", images, images.new_tensor(_LUMA))[:, None]
        else:
            grey = images
        parts = [self._cells(grey - _GREY, scale) for scale in self.scales]
        together = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return together if self.columns is None else together[:, list(self.columns)]

    def logits(self, images: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - the protocol passes them
        """Refuse: cells have no class scores."""
        raise ModelError(f"gabor: layer {self.layer!r} has no class scores: use a fitted readout")

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Refuse: cells have no class scores."""
        return self.responses(images), self.logits(images)

    def _cells(self, grey: torch.Tensor, scale: Scale) -> torch.Tensor:
        """Cells of one frequency, (image, kind x orientation x y x x)."""
        kernels = scale.kernels.to(grey)
        filtered = functional.conv2d(functional.pad(grey, scale.padding), kernels, stride=scale.stride)
        even, odd = filtered.chunk(2, dim=1)
        energy = even.square() + odd.square()
        if self.layer == "simple":
            cells = torch.cat([half.clamp_min(0) for half in (even, -even, odd, -odd)], dim=1)
        else:
            # The amplitude has no slope at 0; a tenth of the smallest step of an 8-bit image gives it one.
            floor = energy.new_tensor((0.1 / 255) ** 2)
            cells = (energy + floor).sqrt() - floor.sqrt()
        if self.constant is not None:
            pool = energy.mean(dim=1, keepdim=True)
            cells = cells / (self.constant**2 + pool).sqrt()
        return cells.flatten(1)
