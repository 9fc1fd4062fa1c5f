"""What all searches in a ball share: every item at every epsilon as one batch of rows, and the best point of each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from spikeproof.geometry import ascent_direction, project, steepest_step, step_in_box
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

__all__ = ["Place", "Rows", "random_direction"]


@dataclass(frozen=True, slots=True)
class Place:
    """Points of all rows (row, ...), with the values (row,) and gradients (row, ...) there."""

    points: torch.Tensor
    value: torch.Tensor
    slope: torch.Tensor

    def where(self, take: torch.Tensor, other: Place) -> Place:
        """The other place's rows where ``take`` (row,), this one's elsewhere."""
        wide = take.view(-1, *[1] * (self.points.ndim - 1))
        return Place(
            torch.where(wide, other.points, self.points),
            torch.where(take, other.value, self.value),
            torch.where(wide, other.slope, self.slope),
        )

    def copy(self) -> Place:
        """A place of its own memory, for :meth:`take`."""
        return Place(self.points.clone(), self.value.clone(), self.slope.clone())

    def take(self, rows: torch.Tensor, other: Place) -> None:
        """Take over the rows (row,) of another place, in this one's memory."""
        index = rows.nonzero()[:, 0]
        for mine, theirs in zip(
            (self.points, self.value, self.slope), (other.points, other.value, other.slope), strict=True
        ):
            mine[index] = theirs[index]


class Rows:
    """Every item at every epsilon as one batch of rows (epsilon-major), with the best point of each so far.

    Parameters
    ----------
    objective : ItemObjective
    clean : torch.Tensor, (item, ...)
    epsilons : torch.Tensor, (epsilon,), ascending
    norm : {"l1", "l2", "linf"}
    """

    def __init__(self, objective: ItemObjective, clean: torch.Tensor, epsilons: torch.Tensor, norm: Norm) -> None:
        self.objective, self.norm = objective, norm
        self.count, self.radii = len(epsilons), epsilons
        self.own = clean
        self.clean = clean.repeat(self.count, *[1] * (clean.ndim - 1))
        self.items = torch.arange(len(clean), device=clean.device).repeat(self.count)
        self.radius = epsilons.to(torch.float64).repeat_interleave(len(clean))
        self.best = self.clean.clone()
        self.at_clean: torch.Tensor | None = None
        self.value = torch.full((len(self.clean),), -torch.inf, dtype=torch.float64, device=clean.device)

    def keep(self, value: torch.Tensor, images: torch.Tensor) -> None:
        """Keep images (row, ...) that are better than the best so far."""
        better = value > self.value
        self.value = torch.where(better, value.to(torch.float64), self.value)
        self.best[better] = images[better]

    def begin(self) -> tuple[Place, torch.Tensor]:
        """Value and gradient at the clean images, which are kept; and the items (item,) that have no gradient there."""
        value, gradient = self.objective.value_and_gradient(self.own)
        place = Place(self.clean, value.repeat(self.count), gradient.repeat(self.count, *[1] * (gradient.ndim - 1)))
        self.keep(place.value, self.clean)
        self.at_clean = place.value.to(torch.float64)
        return place, ascent_direction(gradient, self.norm)[1]

    def leave(self, place: Place, direction: torch.Tensor, away: torch.Tensor) -> Place:
        """Put items (item,) or rows (row,) that are sent away on the sphere, along their direction (item, ...)."""
        moved = (away if len(away) == len(self.items) else away.repeat(self.count)).nonzero()[:, 0]
        if not len(moved):
            return place
        points, reached, slope = place.points.clone(), place.value.clone(), place.slope.clone()
        points[moved] = step_in_box(self.clean[moved], direction[self.items[moved]], self.radius[moved], self.norm)
        reached[moved], slope[moved] = self.objective.value_and_gradient(points[moved], self.items[moved])
        self.keep(reached, points)
        return Place(points, reached, slope)

    def step(
        self,
        points: torch.Tensor,
        slope: torch.Tensor,
        size: float | torch.Tensor,
        radius: torch.Tensor | None = None,
        *,
        reach: float | None = None,
    ) -> torch.Tensor:
        """One step along the steepest direction, projected on the ball in the box.

        Parameters
        ----------
        points, slope : torch.Tensor, (row, ...)
        size : float or torch.Tensor, (row,)
            In units of epsilon. For L1, whose steepest direction is a single pixel, the step goes to where a linear
            function would be largest within this distance and the box, of at most epsilon.
        radius : torch.Tensor, (row,), optional
            Of the ball; epsilon by default.
        reach : float, optional
            For L1: the most that the step moves a single pixel.
        """
        limit = self.radius if radius is None else radius
        if self.norm == "l1":
            far = self.radius * torch.as_tensor(size, device=points.device).clamp(max=1)
            if reach is None:
                points = steepest_step(points, slope, far, "l1")
            else:
                low, high = (points - reach).clamp(min=0), (points + reach).clamp(max=1)
                points = steepest_step(points, slope, far, "l1", low=low, high=high)
            return project(points, self.clean, limit, "l1")
        length = (self.radius * size).to(points.dtype).view(-1, *[1] * (points.ndim - 1))
        return project(points + length * ascent_direction(slope, self.norm)[0], self.clean, limit, self.norm)

    def inside(self, points: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Nearest points of the ball in the box; of all rows, or of those named (row,)."""
        if rows is None:
            return project(points, self.clean, self.radius, self.norm)
        return project(points, self.clean[rows], self.radius[rows], self.norm)

    def look(self, points: torch.Tensor, *, last: bool = False) -> Place:
        """Values and gradients at points (row, ...), which are kept where best; no gradients are taken at the last."""
        if last:
            value, slope = self.objective(points, self.items), torch.zeros_like(points)
        else:
            value, slope = self.objective.value_and_gradient(points, self.items)
        self.keep(value, points)
        return Place(points, value, slope)

    def best_of_smaller(self) -> torch.Tensor:
        """Best points (epsilon, item, ...), each at least as good as those of all smaller balls."""
        best = self.best.reshape(self.count, -1, *self.best.shape[1:])
        value = self.value.reshape(self.count, -1)
        for larger in range(1, self.count):
            worse = value[larger] < value[larger - 1]
            best[larger][worse] = best[larger - 1][worse]
            value[larger][worse] = value[larger - 1][worse]
        return best


def random_direction(noise: ItemNoise, clean: torch.Tensor, norm: Norm) -> torch.Tensor:
    """Directions (item, ...), uniform on the sphere of L1 or L2, or a random sign for every pixel."""
    if norm == "l1":
        centred = noise.uniform(clean.shape[1:], like=clean) - 0.5
        tail = (1 - 2 * centred.abs()).clamp(min=torch.finfo(clean.dtype).tiny)
        return -centred.sign() * tail.log()  # Laplace: its density depends on the L1 norm alone
    return ascent_direction(noise.normal(clean.shape[1:], like=clean), norm)[0]
