"""What a search runs on: the user's model, an equivalent that is faster, or a unit's dependency cone."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from spikeproof.acceleration import Accelerable, Coned, Unchecked
from spikeproof.errors import SpikeproofError
from spikeproof.noise import generator

from .heap import keep_freed_memory

if TYPE_CHECKING:
    from spikeproof.acceleration import Cone, Precision
    from spikeproof.types import ResponseModel

    from .grid import Grid

__all__ = ["SearchModels", "View"]

VERIFIED = 8
"""Clean images on which an offer is compared with the user's model."""
RESPONSES: dict[Precision, float] = {"float32": 1e-4, "bf16": 5e-2}
"""Largest difference of responses that is accepted, relative to the largest response."""
GRADIENTS: dict[Precision, float] = {"float32": 2e-2, "bf16": 0.5}
"""Largest difference of gradients (L2, relative): rounding flips a ReLU here and there, and bf16 more of them."""


@dataclass(frozen=True, kw_only=True)
class View:
    """How the search looks at one target.

    Parameters
    ----------
    exact : ResponseModel
        In float32, for first gradients and the last steps.
    fast : ResponseModel
        For all other steps; ``exact`` itself unless bf16 was asked for.
    unit : int
        Column of the target unit in these models.
    window : tuple of int, (y0, y1, x0, x1), optional
        The part of the image that these models take; None for all of it.
    signature : hashable
        Targets of one signature can be searched in one batch.
    """

    exact: ResponseModel
    fast: ResponseModel
    unit: int
    window: tuple[int, int, int, int] | None = None
    signature: Hashable = None

    def crop(self, images: torch.Tensor) -> torch.Tensor:
        """Part of images (..., y, x) that is looked at."""
        if self.window is None:
            return images
        y0, y1, x0, x1 = self.window
        return images[..., y0:y1, x0:x1]


class SearchModels:
    """The models that searches of one system run on: offers are compared with the user's model before they are used.

    Parameters
    ----------
    grid : Grid
    """

    def __init__(self, grid: Grid) -> None:
        keep_freed_memory()
        self._grid = grid
        self._trusted: dict[tuple[Hashable, ...], bool] = {}
        self._own = grid.model.unchecked() if isinstance(grid.model, Unchecked) else grid.model
        self.exact, self.used = self._accelerated("float32") if grid.accelerate else (self._own, False)
        self.fast = self.exact
        if grid.precision == "bf16-polish":
            self.fast = self._accelerated("bf16")[0]

    def view(self, unit: int, *, local: bool) -> View:
        """How the search looks at a target: through its cone where it has one and the objective is local."""
        if local and self._grid.accelerate:
            exact = self._cone(self.exact, unit, "float32")
            fast = exact if self.fast is self.exact else self._cone(self.fast, unit, "bf16")
            if exact is not None and fast is not None and exact.window == fast.window and exact.unit == fast.unit:
                signature = ("cone", exact.signature, fast.signature)
                return View(
                    exact=exact.model, fast=fast.model, unit=exact.unit, window=exact.window, signature=signature
                )
        return View(exact=self.exact, fast=self.fast, unit=unit)

    def _accelerated(self, precision: Precision) -> tuple[ResponseModel, bool]:
        grid = self._grid
        fallback: ResponseModel = self._own if precision == "float32" else self.exact
        if not isinstance(grid.model, Accelerable):
            if precision == "bf16" or grid.compiled:
                grid.note(f"{grid.name}: this model offers no faster equivalent: the search runs on it as it is")
            return fallback, False
        try:
            offer = grid.model.accelerate(precision=precision, compile=grid.compiled)
            difference = self._difference(offer, precision)
        except SpikeproofError as error:
            grid.note(f"{grid.name}: no faster equivalent in {precision} ({error}): the search runs without it")
            return fallback, False
        if difference:
            grid.note(f"{grid.name}: its faster equivalent in {precision} was dropped: {difference}")
            return fallback, False
        return offer, True

    def _difference(self, offer: ResponseModel, precision: Precision) -> str:
        """What tells an equivalent from the user's model; empty if nothing does."""
        grid = self._grid
        images = grid.clean[:VERIFIED]
        if offer.units != grid.model.units:
            return f"it has {len(offer.units)} units, the model {len(grid.model.units)}"
        read = _both if grid.use_head else _responses
        mine, my_slope = _reading_and_slope(lambda x: read(grid.model, x), images, grid.seed)
        theirs, their_slope = _reading_and_slope(lambda x: read(offer, x), images, grid.seed)
        return _told_apart(theirs, mine, their_slope, my_slope, precision)

    def _cone(self, model: ResponseModel, unit: int, precision: Precision) -> Cone | None:
        if not isinstance(model, Coned):
            return None
        cone = model.cone(unit)
        if cone is None:
            return None
        key = (precision, cone.signature)
        if not self._trusted.get(key, True):
            return None
        difference = self._cone_difference(cone, unit, precision, slope=key not in self._trusted)
        self._trusted[key] = not difference
        if difference:
            name = self._grid.model.units[unit]
            self._grid.note(f"{self._grid.name}: the dependency cone of unit {name!r} was dropped: {difference}")
            return None
        return cone

    def _cone_difference(self, cone: Cone, unit: int, precision: Precision, *, slope: bool) -> str:
        """What tells a cone from the unit; gradients are looked at once a signature."""
        grid = self._grid
        images = grid.clean[:VERIFIED]
        y0, y1, x0, x1 = cone.window
        crops = images[..., y0:y1, x0:x1].contiguous()
        if not slope:
            with torch.no_grad():
                theirs = cone.model.responses(crops)[:, cone.unit]
            mine = torch.as_tensor(grid.clean_responses[:VERIFIED, unit]).to(theirs)
            return _told_apart(theirs[:, None], mine[:, None], None, None, precision, scale=self._scale)
        mine, my_slope = _reading_and_slope(lambda x: grid.model.responses(x)[:, [unit]], images, grid.seed)
        theirs, their_slope = _reading_and_slope(lambda x: cone.model.responses(x)[:, [cone.unit]], crops, grid.seed)
        whole = torch.zeros_like(my_slope)
        whole[..., y0:y1, x0:x1] = their_slope
        return _told_apart(theirs, mine, whole, my_slope, precision, scale=self._scale)

    @property
    def _scale(self) -> float:
        return float(abs(self._grid.clean_responses).max())


def _responses(model: ResponseModel, images: torch.Tensor) -> torch.Tensor:
    return model.responses(images)


def _both(model: ResponseModel, images: torch.Tensor) -> torch.Tensor:
    return torch.cat(model.both(images), dim=1)


def _reading_and_slope(
    function: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers (image, number) and the gradient of a random mixture of them, zero where there is none."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaf = images.detach().clone().requires_grad_()
        read = function(leaf)
        signs = generator(seed, "mixture").choice([-1.0, 1.0], read.shape[1])
        value = (read * torch.as_tensor(signs).to(read)).sum()
        slope = torch.autograd.grad(value, leaf, allow_unused=True)[0] if value.requires_grad else None
    return read.detach(), torch.zeros_like(images) if slope is None else slope


def _told_apart(
    theirs: torch.Tensor,
    mine: torch.Tensor,
    their_slope: torch.Tensor | None,
    my_slope: torch.Tensor | None,
    precision: Precision,
    *,
    scale: float | None = None,
) -> str:
    if theirs.shape != mine.shape:
        return f"it gives {tuple(theirs.shape)} numbers, the model {tuple(mine.shape)}"
    largest = float(mine.abs().max()) if scale is None else scale
    apart = float((theirs.to(mine) - mine).abs().max())
    if not apart <= RESPONSES[precision] * largest:
        return (
            f"its responses differ from the model's by up to {apart:.3g}, which is {apart / (largest or 1.0):.2g} of "
            f"the largest (allowed {RESPONSES[precision]:g})"
        )
    if their_slope is None or my_slope is None:
        return ""
    length = float(my_slope.norm())
    apart = float((their_slope.to(my_slope) - my_slope).norm())
    if torch.isfinite(my_slope).all() and not apart <= GRADIENTS[precision] * length:
        return (
            f"its gradients differ from the model's by {apart / (length or 1.0):.2g} of their length "
            f"(allowed {GRADIENTS[precision]:g})"
        )
    return ""
