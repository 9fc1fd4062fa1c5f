"""Items bound to the model that they are searched on: their images, and all that is read of other images of them."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch

from spikeproof.errors import PluginFailed
from spikeproof.types import Readings

from .decisions import apart
from .whitened import jacobian_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from spikeproof.types import ResponseModel

    from .grid import Grid
    from .hidden import Shifted
    from .models import View

__all__ = ["BoundItems", "joined"]

GLANCE = 64
"""Pixels that are compared before all are."""


class BoundItems:
    """Items on a grid, and what an objective reads of candidate images of them.

    Images pass through the model at most ``grid.batch`` rows at a time, and only as far as the layer unless decisions
    are the network's own. Gradients are taken with respect to the images alone: parameters are never touched. An item
    whose gradient is not finite is marked in ``not_finite``; all others stay as they are.

    Parameters
    ----------
    grid : Grid
    name : str
        What messages call the objective.
    decision : bool
        Whether decision values are read.
    stimuli : numpy.ndarray of int, (item,)
        Rows of the grid.
    units : numpy.ndarray of int, (item,)
        Column of the target unit, -1 for none.
    directions : numpy.ndarray of int, (item,)
    model : ResponseModel, optional
        What is searched on, with the units and classes of the grid's; the grid's own by default.
    alone : sequence of View, optional
        How each item's target is looked at, where the objective is local: it then sees the target unit as the only
        column, and images are crops of the windows.

    Attributes
    ----------
    clean : torch.Tensor, (item, channel, y, x)
        Clean image of each item, or the part of it that is looked at.
    whole : torch.Tensor, (item, channel, y, x)
        Clean image of each item, all of it.
    not_finite : torch.Tensor of bool, (item,)
        Which gave a value or a gradient that is not finite.
    forward_rows, backward_rows : int
        Images that went through the model, and gradients that came back.
    """

    def __init__(
        self,
        grid: Grid,
        name: str,
        *,
        decision: bool,
        stimuli: NDArray[np.intp],
        units: NDArray[np.intp],
        directions: NDArray[np.intp],
        model: ResponseModel | None = None,
        alone: Sequence[View] | None = None,
    ) -> None:
        if decision and not grid.use_head and grid.readout is None:
            raise PluginFailed(
                f"objective {name!r} reads decisions, but the study has no readout: add a [readout] table"
            )
        self._grid, self._name, self._decision = grid, name, decision
        device = grid.device
        self._model = grid.model if model is None else model
        self._direction = torch.as_tensor(directions, device=device)
        partners = grid.partners[stimuli]
        self._partner_row = torch.as_tensor(partners, device=device)
        self._target = torch.as_tensor(units, device=device)
        self._column: torch.Tensor | None = None
        self._alone = alone
        self.whole = grid.clean[torch.as_tensor(stimuli, device=device)]
        if alone is None:
            self.clean = self.whole
            self._unit = self._target
            clean, partner = grid.clean_responses[stimuli], grid.clean_responses[partners]
        else:
            self.clean = self.looked_at(self.whole)
            self._unit = torch.zeros(len(units), dtype=torch.long, device=device)
            self._column = torch.tensor([view.unit for view in alone], device=device)
            clean, partner = grid.clean_responses[stimuli, units], grid.clean_responses[partners, units]
            clean, partner = clean[:, None], partner[:, None]
        self._clean = torch.as_tensor(clean, device=device)
        self._partner = torch.as_tensor(partner, device=device)
        choice = grid.clean_choice
        self._choice = None if choice is None else torch.as_tensor(choice[stimuli], device=device)
        self._partner_choice = None if choice is None else torch.as_tensor(choice[partners], device=device)
        self._fold = None if grid.folds is None else torch.as_tensor(grid.folds[stimuli], device=device)
        self.not_finite = torch.zeros(len(stimuli), dtype=torch.bool, device=device)
        self._passed = [0, 0]

    def __len__(self) -> int:
        return len(self._unit)

    @property
    def forward_rows(self) -> int:
        """Images that went through the model."""
        return self._passed[0]

    @forward_rows.setter
    def forward_rows(self, rows: int) -> None:
        self._passed[0] = rows

    @property
    def backward_rows(self) -> int:
        """Gradients that came back."""
        return self._passed[1]

    @backward_rows.setter
    def backward_rows(self, rows: int) -> None:
        self._passed[1] = rows

    def looked_at(self, images: torch.Tensor) -> torch.Tensor:
        """The part that is looked at of whole images (item, ..., channel, y, x), one item after the other."""
        if self._alone is None:
            return images
        return torch.stack([view.crop(own) for view, own in zip(self._alone, images, strict=True)])

    def parts(self, images: torch.Tensor, items: torch.Tensor | None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Images and their items, at most as many as pass the model at once."""
        rows = torch.arange(len(images), device=images.device) if items is None else items
        if len(rows) != len(images):
            raise PluginFailed(f"an attack asked for {len(images)} images of {len(rows)} items: name one item a row")
        size = self._grid.budget.rows
        yield from zip(torch.split(images, size), torch.split(rows, size), strict=True)

    @cached_property
    def partners(self) -> torch.Tensor:
        """Clean image of each item's partner stimulus, (item, channel, y, x)."""
        return self.looked_at(self._grid.clean[self._partner_row])

    def responses(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Whitened population vectors (row, component), differentiable in the images and in nothing else."""
        return apart(images, self._whitened, items, self.came_back)

    def jacobian(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Jacobians of the whitened population, (row, component, channel, y, x); zero where they are not finite."""
        slopes = []
        for part, rows in self.parts(images, items):
            slope = jacobian_of(partial(self._whitened, items=rows), part)
            finite = torch.isfinite(slope).flatten(1).all(dim=1)
            self.came_back(rows, finite)
            self.backward_rows += len(part) * (slope.shape[1] - 1)
            slopes.append(torch.where(finite.view(-1, *[1] * (slope.ndim - 1)), slope, 0.0))
        return joined(slopes)

    def readings(
        self,
        images: torch.Tensor,
        items: torch.Tensor,
        shifted: Shifted | None = None,
    ) -> Readings:
        """What the objective sees at these images; differentiable where gradients are enabled.

        With a shift of a hidden layer, it sees what comes of that.
        """
        model, decision = self._model if shifted is None else shifted, None
        if self._decision and self._grid.use_head:
            responses, decision = model.both(images)
        else:
            responses = model.responses(images)
        if self._column is not None:
            responses = responses.gather(1, self._column[items, None])
        self.forward_rows += len(images)
        clean_responses = self._clean[items].to(responses.dtype)
        # Rounding differs from batch to batch. At the clean image itself it would leave a distance from the clean
        # response of 1e-8 with a gradient that is noise, and the scale-free step would follow it.
        clean = None if shifted is not None else self._unmoved(images, items)
        if clean is not None:
            responses = responses + torch.where(clean[:, None], clean_responses - responses, 0.0).detach()
        if self._decision and decision is None and self._fold is not None:
            decision = self._read_out(responses, self._fold[items])
        return self._seen(responses, decision, items)

    def reading(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """What the objective reads of each row, (row, number), without gradients.

        Decision values, or the responses of the target unit (of all units if none is aimed at) in standard deviations.
        """
        with torch.no_grad():
            return torch.cat([self._reading(part, rows) for part, rows in self.parts(images, items)])

    def came_back(self, items: torch.Tensor, finite: torch.Tensor) -> None:
        """Count gradients of these items, and mark those that are not finite."""
        self.backward_rows += len(items)
        self.not_finite[items[~finite]] = True

    def _decided(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Decision values (row, class), differentiable where gradients are enabled."""
        values = []
        for part, rows in self.parts(images, items):
            seen = self.readings(part, rows).decision
            if seen is None:
                raise PluginFailed(f"objective {self._name!r} reads decisions, but there are none")
            values.append(seen)
        return joined(values)

    def _whitened(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Whitened responses (row, component), differentiable where gradients are enabled."""
        found = []
        for part, rows in self.parts(images, items):
            seen = self.readings(part, rows)
            found.append(seen.responses @ seen.whitening)
        return joined(found)

    def _reading(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        seen = self.readings(images, items)
        if seen.decision is not None:
            return seen.decision
        if self._column is not None:
            return seen.responses
        scaled = seen.responses / self._grid.constant("sd", seen.responses.dtype)
        column = torch.arange(scaled.shape[1], device=scaled.device)
        aimed = (seen.unit[:, None] < 0) | (column == seen.unit[:, None])
        return torch.where(aimed, scaled, 0.0)

    def _seen(self, responses: torch.Tensor, decision: torch.Tensor | None, items: torch.Tensor) -> Readings:
        dtype = responses.dtype
        sd = self._grid.constant("sd", dtype)
        return Readings(
            responses=responses,
            decision=decision,
            clean_responses=self._clean[items].to(dtype),
            partner_responses=self._partner[items].to(dtype),
            choice=None if self._choice is None else self._choice[items],
            partner_choice=None if self._partner_choice is None else self._partner_choice[items],
            unit=self._unit[items],
            direction=self._direction[items],
            whitening=self._grid.constant("whitening", dtype)
            if self._column is None
            else torch.ones((1, 1), dtype=dtype, device=responses.device),
            sd=sd.expand(len(items), -1) if self._column is None else sd[self._target[items]][:, None],
        )

    def _unmoved(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor | None:
        """Which images are the clean ones, (row,); None where none is. A few pixels rule most of them out."""
        clean = self.clean.flatten(1)
        stride = max(1, clean.shape[1] // GLANCE)
        glance = (images.flatten(1)[:, ::stride] == clean[:, ::stride][items]).all(dim=1)
        if not glance.any():
            return None
        unmoved = torch.zeros_like(glance)
        rows = glance.nonzero()[:, 0]
        unmoved[rows] = (images[rows] == self.clean[items[rows]]).flatten(1).all(dim=1)
        return unmoved if unmoved.any() else None

    def _read_out(self, responses: torch.Tensor, folds: torch.Tensor) -> torch.Tensor:
        """Decision values (row, class) by each row's own fold."""
        weights = self._grid.constant("weights", responses.dtype)
        intercepts = self._grid.constant("intercepts", responses.dtype)
        every = torch.einsum("ru,fcu->rfc", responses, weights) + intercepts
        return every[torch.arange(len(folds), device=folds.device), folds]


def joined(parts: list[torch.Tensor]) -> torch.Tensor:
    """What parts of a batch gave, in one tensor."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)
