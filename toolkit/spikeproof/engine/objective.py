"""An objective bound to a batch of items: all that an attack may ask of the model."""

from __future__ import annotations

from copy import copy
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch

from spikeproof.errors import ModelError, PluginFailed
from spikeproof.geometry import norm_of
from spikeproof.noise import generator
from spikeproof.types import Goal, Layered

from .best_so_far import BestSoFar
from .bound_items import BoundItems, joined
from .decisions import BoundDecisions
from .hidden import BoundHidden, Shifted
from .lead import Lead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from spikeproof.types import Objective, ResponseModel

    from .grid import Grid
    from .models import View

__all__ = ["BoundObjective"]

CLEAR = 8
"""Units in the last place of what is read by which a goal is reached clearly."""


class BoundObjective(BoundItems):
    """Values and gradients of an objective at candidate images of items (``spikeproof.types.ItemObjective``).

    Where a value is not finite it becomes minus infinity, so that no attack keeps it; where a gradient is not finite it
    becomes zero; both mark the item in ``not_finite`` and leave all others as they are.

    Parameters
    ----------
    grid : Grid
    objective : Objective
    name : str
        What messages call it.
    decision, stimuli, units, directions, model, alone
        See ``BoundItems``.
    first : tuple of torch.Tensor, optional
        Values and gradients at the clean images, where they are known.
    watched : bool
        Whether ``sizes`` is written.
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
        super().__init__(
            grid,
            name,
            decision=decision,
            stimuli=stimuli,
            units=units,
            directions=directions,
            model=model,
            alone=alone,
        )
        self._objective = objective
        self._first = first
        self._watched = watched
        self._found = BestSoFar(len(self), grid.device)

    @property
    def best(self) -> list[torch.Tensor]:
        """Best value of each item (item,) after each question that the search asked."""
        return self._found.values

    @property
    def asked(self) -> list[torch.Tensor]:
        """Which items (item,) each question was about."""
        return self._found.asked

    @property
    def sizes(self) -> list[torch.Tensor]:
        """Norm of the smallest perturbation of each item that reached the goal (item,), after each question.

        Infinite before.
        """
        return self._found.sizes

    def leads(self, classes: torch.Tensor) -> BoundObjective | None:
        """The same items, driven to a class (item,) each: by how much it leads over the choice that is to be left."""
        if not self._decision or self._choice is None or tuple(self._objective.directions()) != ("away",):
            return None
        other = copy(self)  # what passes the model is counted here, and what is not finite marked
        other._objective, other._partner_choice, other._first = Lead(), classes, None
        other._found, other._watched = BestSoFar(len(self), self._grid.device), False
        other.__dict__.pop("level", None)
        return other

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Values (row,) of images (row, channel, y, x), without gradients."""
        values = []
        with torch.no_grad():
            for part, rows in self.parts(images, items):
                value = self.value(part, rows)
                values.append(self._kept(value, torch.isfinite(value), rows))
        return self._recorded(joined(values), items, images)

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
            for part, rows in self.parts(images, items):
                seen = self.readings(part, rows)
                read = seen.responses if seen.decision is None else seen.decision
                if seen.decision is None and bool((seen.unit >= 0).all()):
                    read = read.gather(1, seen.unit[:, None])
                noise = CLEAR * torch.finfo(read.dtype).eps * read.abs().amax(dim=1)
                found.append(self._objective.value(seen) >= level[rows] + noise)
        return joined(found)

    def value_and_gradient(
        self, images: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) and their gradients (row, channel, y, x)."""
        if self._first is not None and items is None and torch.equal(images, self.clean):
            value, gradient = self._first
            return self._recorded(value.clone(), None, images), gradient.clone()
        values, gradients = [], []
        for part, rows in self.parts(images, items):
            value, gradient = self.differentiate(part, partial(self.value, items=rows))
            finite = torch.isfinite(gradient.flatten(1).sum(dim=1))
            if not finite.all():  # a sum may overflow where its terms are finite: look closer, which is slow
                finite = torch.isfinite(gradient).flatten(1).all(dim=1)
                gradient = torch.where(finite.view(-1, *[1] * (gradient.ndim - 1)), gradient, 0.0)
            values.append(self._kept(value, finite & torch.isfinite(value), rows))
            gradients.append(gradient)
        return self._recorded(joined(values), items, images), joined(gradients)

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

    def hidden(self, layer: str) -> BoundHidden:
        """Return the objective as a function of a shift of a hidden layer of the user's model."""
        model = self._grid.model
        if not isinstance(model, Layered):
            raise ModelError(f"{self._grid.name} shows no hidden layers: use an attack that needs none")
        return BoundHidden(self, model.hidden(layer), lambda: self._grid.budget.rows)

    def reading_gradient(self, images: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Gradient of a random mixture of what the objective reads, (row, channel, y, x)."""

        def mixture(part: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            read = self._reading(part, rows)
            signs = generator(self._grid.seed, "mixture").choice([-1.0, 1.0], read.shape[1])
            return (read * torch.as_tensor(signs).to(read)).sum(dim=1)

        parts = self.parts(images, items)
        return torch.cat([self.differentiate(part, partial(mixture, rows=rows))[1] for part, rows in parts])

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
            self._found.reached(size, rows[there])
        self._found.rose(value.detach(), items)
        return value
