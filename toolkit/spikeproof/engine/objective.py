"""An objective bound to a batch of items: all that an attack may ask of the model."""

from __future__ import annotations

from copy import copy
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.errors import ModelError, PluginFailed
from spikeproof.geometry import norm_of
from spikeproof.noise import generator
from spikeproof.types import Goal, Layered, Readings

from .decisions import BoundDecisions, apart
from .hidden import BoundHidden, Shifted
from .lead import Lead
from .whitened import jacobian_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from spikeproof.types import Objective, ResponseModel

    from .grid import Grid
    from .models import View

__all__ = ["BoundObjective"]

CLEAR = 8
"""Units in the last place of what is read by which a goal is reached clearly."""
GLANCE = 64
"""Pixels that are compared before all are."""


class BoundObjective:
    """Values and gradients of an objective at candidate images of items (``spikeproof.types.ItemObjective``).

    Images pass through the model at most ``grid.batch`` rows at a time, and only as far as the layer unless the
    objective reads the network's own head. Gradients are taken with respect to the images alone: parameters are
    never touched. Where a value is not finite it becomes minus infinity, so that no attack keeps it; where a gradient
    is not finite it becomes zero; both mark the item in ``not_finite`` and leave all others as they are.

    Parameters
    ----------
    grid : Grid
    objective : Objective
    name : str
        What messages call it.
    decision : bool
        Whether it reads decision values.
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
    first : tuple of torch.Tensor, optional
        Values and gradients at the clean images, where they are known.
    watched : bool
        Whether ``sizes`` is written.

    Attributes
    ----------
    clean : torch.Tensor, (item, channel, y, x)
        Clean image of each item, or the part of it that is looked at.
    whole : torch.Tensor, (item, channel, y, x)
        Clean image of each item, all of it.
    forward_rows, backward_rows : int
        Images that went through the model, and gradients that came back.
    best : list of torch.Tensor, (item,)
        Best value of each item after each question that the search asked.
    sizes : list of torch.Tensor, (item,)
        Norm of the smallest perturbation of each item that reached the goal, after each question; infinite before.
    """

    def __init__(
        self,
        grid: Grid,
        objective: Objective,
        name: str,
        *,
        decision: bool,
        stimuli: NDArray[np.intp],
        units: NDArray[np.intp],
        directions: NDArray[np.intp],
        model: ResponseModel | None = None,
        alone: Sequence[View] | None = None,
        first: tuple[torch.Tensor, torch.Tensor] | None = None,
        watched: bool = False,
    ) -> None:
        if decision and not grid.use_head and grid.readout is None:
            raise PluginFailed(
                f"objective {name!r} reads decisions, but the study has no readout: add a [readout] table"
            )
        self._grid, self._objective, self._name, self._decision = grid, objective, name, decision
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
        self._first = first
        self.not_finite = torch.zeros(len(stimuli), dtype=torch.bool, device=device)
        self._passed = [0, 0]
        self.best: list[torch.Tensor] = []
        self._watched = watched
        self.sizes: list[torch.Tensor] = []

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

    def leads(self, classes: torch.Tensor) -> BoundObjective | None:
        """The same items, driven to a class (item,) each: by how much it leads over the choice that is to be left."""
        if not self._decision or self._choice is None or tuple(self._objective.directions()) != ("away",):
            return None
        other = copy(self)  # what passes the model is counted here, and what is not finite marked
        other._objective, other._partner_choice, other._first = Lead(), classes, None
        other.best, other.sizes, other._watched = [], [], False
        other.__dict__.pop("level", None)
        return other

    def looked_at(self, images: torch.Tensor) -> torch.Tensor:
        """The part that is looked at of whole images (item, ..., channel, y, x), one item after the other."""
        if self._alone is None:
            return images
        return torch.stack([view.crop(own) for view, own in zip(self._alone, images, strict=True)])

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Values (row,) of images (row, channel, y, x), without gradients."""
        values = []
        with torch.no_grad():
            for part, rows in self._parts(images, items):
                value = self.value(part, rows)
                values.append(self._kept(value, torch.isfinite(value), rows))
        return self._recorded(_joined(values), items, images)

    @cached_property
    def level(self) -> torch.Tensor | None:
        """Value from which on each item's goal is reached, (item,); None where the objective has no goal."""
        if not isinstance(self._objective, Goal) or not self._objective.reached_when():
            return None
        items = torch.arange(len(self), device=self._direction.device)
        level = self._objective.reached_at(self._seen(self._clean.to(self.clean.dtype), None, items))
        if not isinstance(level, torch.Tensor) or level.shape != (len(self),) or bool(level.isnan().any()):
            got = tuple(level.shape) if isinstance(level, torch.Tensor) else type(level).__name__
            raise PluginFailed(
                f"objective {self._name!r}: reached_at() must return one number a row, shape ({len(self)},), "
                f"and no nan; got {got}"
            )
        return level

    def reached(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Whether the goal is reached, (row,)."""
        if self.level is None:
            raise PluginFailed(f"objective {self._name!r} has no goal that could be reached")
        return self(images, items) >= (self.level if items is None else self.level[items])

    def clearly_reached(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Whether the goal is reached by more than the rounding of what is read in another batch could undo, (row,)."""
        level = self.level
        if level is None:
            raise PluginFailed(f"objective {self._name!r} has no goal that could be reached")
        found = []
        with torch.no_grad():
            for part, rows in self._parts(images, items):
                seen = self.readings(part, rows)
                read = seen.responses if seen.decision is None else seen.decision
                if seen.decision is None and bool((seen.unit >= 0).all()):
                    read = read.gather(1, seen.unit[:, None])
                noise = CLEAR * torch.finfo(read.dtype).eps * read.abs().amax(dim=1)
                found.append(self._objective.value(seen) >= level[rows] + noise)
        return _joined(found)

    def value_and_gradient(
        self, images: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) and their gradients (row, channel, y, x)."""
        if self._first is not None and items is None and torch.equal(images, self.clean):
            value, gradient = self._first
            return self._recorded(value.clone(), None, images), gradient.clone()
        values, gradients = [], []
        for part, rows in self._parts(images, items):
            value, gradient = self.differentiate(part, partial(self.value, items=rows))
            finite = torch.isfinite(gradient.flatten(1).sum(dim=1))
            if not finite.all():  # a sum may overflow where its terms are finite: look closer, which is slow
                finite = torch.isfinite(gradient).flatten(1).all(dim=1)
                gradient = torch.where(finite.view(-1, *[1] * (gradient.ndim - 1)), gradient, 0.0)
            values.append(self._kept(value, finite & torch.isfinite(value), rows))
            gradients.append(gradient)
        return self._recorded(_joined(values), items, images), _joined(gradients)

    def differentiate(
        self, images: torch.Tensor, function: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) of a function of images through this model, and their gradients (row, channel, y, x)."""
        with torch.inference_mode(mode=False), torch.enable_grad():
            leaf = images.detach().clone().requires_grad_()
            value = function(leaf)
            gradient = torch.autograd.grad(value.sum(), leaf, allow_unused=True)[0] if value.requires_grad else None
        if gradient is None:
            raise ModelError(
                f"objective {self._name!r}: the responses are cut off from the image (detached, or computed under "
                "no_grad), so no gradient exists: read another layer, or use an attack that needs no gradients"
            )
        self.backward_rows += len(images)
        return value.detach(), gradient

    @property
    def decisions(self) -> BoundDecisions | None:
        """Decision values of the items; None where the objective reads none."""
        if not self._decision or self._choice is None or self._partner_choice is None:
            return None
        names = tuple(self._objective.directions())
        return BoundDecisions(
            self._decided,
            choice=self._choice,
            partner_choice=self._partner_choice,
            directions=tuple(names[number] for number in self._direction.tolist()),
            reader=torch.zeros_like(self._choice) if self._grid.use_head or self._fold is None else self._fold,
            passed=self.came_back,
        )

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
        for part, rows in self._parts(images, items):
            slope = jacobian_of(partial(self._whitened, items=rows), part)
            finite = torch.isfinite(slope).flatten(1).all(dim=1)
            self.came_back(rows, finite)
            self.backward_rows += len(part) * (slope.shape[1] - 1)
            slopes.append(torch.where(finite.view(-1, *[1] * (slope.ndim - 1)), slope, 0.0))
        return _joined(slopes)

    def hidden(self, layer: str) -> BoundHidden:
        """Return the objective as a function of a shift of a hidden layer of the user's model."""
        model = self._grid.model
        if not isinstance(model, Layered):
            raise ModelError(f"{self._grid.name} shows no hidden layers: use an attack that needs none")
        return BoundHidden(self, model.hidden(layer), lambda: self._grid.budget.rows)

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

    def reading(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """What the objective reads of each row, (row, number), without gradients.

        Decision values, or the responses of the target unit (of all units if none is aimed at) in standard deviations.
        """
        with torch.no_grad():
            return torch.cat([self._reading(part, rows) for part, rows in self._parts(images, items)])

    def reading_gradient(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Gradient of a random mixture of what the objective reads, (row, channel, y, x)."""

        def mixture(part: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            read = self._reading(part, rows)
            signs = generator(self._grid.seed, "mixture").choice([-1.0, 1.0], read.shape[1])
            return (read * torch.as_tensor(signs).to(read)).sum(dim=1)

        parts = self._parts(images, items)
        return torch.cat([self.differentiate(part, partial(mixture, rows=rows))[1] for part, rows in parts])

    def _decided(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Decision values (row, class), differentiable where gradients are enabled."""
        values = []
        for part, rows in self._parts(images, items):
            seen = self.readings(part, rows).decision
            if seen is None:
                raise PluginFailed(f"objective {self._name!r} reads decisions, but there are none")
            values.append(seen)
        return _joined(values)

    def _whitened(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Whitened responses (row, component), differentiable where gradients are enabled."""
        found = []
        for part, rows in self._parts(images, items):
            seen = self.readings(part, rows)
            found.append(seen.responses @ seen.whitening)
        return _joined(found)

    def came_back(self, items: torch.Tensor, finite: torch.Tensor) -> None:
        """Count gradients of these items, and mark those that are not finite."""
        self.backward_rows += len(items)
        self.not_finite[items[~finite]] = True

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

    def value(self, images: torch.Tensor, items: torch.Tensor, shifted: Shifted | None = None) -> torch.Tensor:
        """Values (row,), differentiable where gradients are enabled."""
        value = self._objective.value(self.readings(images, items, shifted))
        if not isinstance(value, torch.Tensor) or value.shape != (len(images),):
            got = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise PluginFailed(
                f"objective {self._name!r} must return one number a row, shape ({len(images)},), got {got}"
            )
        return value

    def _kept(self, value: torch.Tensor, finite: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        self.not_finite[items[~finite]] = True
        return torch.where(torch.isfinite(value), value, -torch.inf)

    def _recorded(self, value: torch.Tensor, items: torch.Tensor | None, images: torch.Tensor) -> torch.Tensor:
        """Write down the best value of each item so far, and the smallest perturbation that reached its goal."""
        if self._watched and self.level is not None:
            rows = torch.arange(len(value), device=value.device) if items is None else items
            there = (value >= self.level[rows]).nonzero()[:, 0]
            size = norm_of(images[there].double() - self.clean[rows[there]].double(), self._grid.norm)
            before = self.sizes[-1] if self.sizes else torch.full_like(self.level, torch.inf, dtype=torch.float64)
            self.sizes.append(before.scatter_reduce(0, rows[there], size, "amin"))
        start = self.best[-1] if self.best else torch.full_like(self._direction, -torch.inf, dtype=torch.float64)
        found = value.detach().to(torch.float64)
        if items is None:
            self.best.append(torch.maximum(start, found))
        else:
            self.best.append(start.scatter_reduce(0, items, found, "amax"))
        return value

    def _parts(self, images: torch.Tensor, items: torch.Tensor | None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        rows = torch.arange(len(images), device=images.device) if items is None else items
        if len(rows) != len(images):
            raise PluginFailed(f"an attack asked for {len(images)} images of {len(rows)} items: name one item a row")
        size = self._grid.budget.rows
        yield from zip(torch.split(images, size), torch.split(rows, size), strict=True)


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
