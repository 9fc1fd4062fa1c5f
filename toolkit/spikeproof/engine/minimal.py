"""The smallest perturbation that reaches an objective's goal: what an attack found, and what a control needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.errors import AttackError
from spikeproof.geometry import norm_of, project, step_in_box
from spikeproof.noise import ItemNoise

from .attacked import call, labels_of
from .budget import enforce
from .convergence import course_of_sizes
from .items import bind, keys_of
from .pasting import pasted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.plugin import Norm

    from .items import Cell, Task
    from .objective import BoundObjective

__all__ = ["Smallest", "search_smallest", "smallest_along"]

LONGER = (0.0, *(1e-6 * 3**step for step in range(9)))
"""Shares by which a perturbation is lengthened until the user's own model sees the goal reached clearly: attacks stop
at its very border, and both the equivalent that they search on and another batch differ in rounding."""
TIE = 1e-4
"""Relative difference of two norms below which neither direction is nearer; batches differ by less."""
TRIED, SPAN = 32, 1000.0
"""Norms that are tried along a direction: even in the log, down to a thousandth of what the pixel range allows."""
HALVED = 10
"""Times that the interval between two of them is halved, to a relative width of 0.02 %."""


@dataclass(frozen=True, kw_only=True)
class Smallest:
    """What a search for the smallest perturbation of a batch of items came to.

    Parameters
    ----------
    nearest : torch.Tensor, (item, channel, y, x)
        Whole images: the nearest that reaches the goal, or whatever came closest to it.
    minimal : numpy.ndarray of float64, (item,)
        Norms of the perturbations; infinite where the goal is not reached, as the user's own model sees it.
    images : torch.Tensor, (epsilon, item, channel, y, x)
        What is left of the perturbations inside each ball: all where they fit, their projection otherwise.
    achieved : torch.Tensor of float64, (epsilon, item)
        Norms of these.
    status : numpy.ndarray of str, (item,)
    """

    nearest: torch.Tensor
    minimal: NDArray[np.float64]
    images: torch.Tensor
    achieved: torch.Tensor
    status: NDArray[np.str_]

    def nearer(self, first: int, count: int) -> int:
        """Which of ``count`` items, from ``first`` on, has the smallest perturbation; the first of equals."""
        sizes = self.minimal[first : first + count]
        return first + int((sizes <= sizes.min() * (1 + TIE)).argmax())

    def kept(self, moved: NDArray[np.intp], epsilons: Sequence[float], ways: int) -> NDArray[np.intp]:
        """Direction that counts for each epsilon and cell, (epsilon, cell).

        The nearer one in balls that hold it: both move the target by what the goal asks for, so that rounding would
        choose. In smaller balls the one that moved the target more (``moved``, (epsilon, cell)).
        """
        cells = np.arange(moved.shape[1])
        nearer = np.array([self.nearer(row * ways, ways) - row * ways for row in range(len(cells))], dtype=np.intp)
        least = self.minimal.reshape(-1, ways)[cells, nearer]
        return np.where(least <= np.asarray(epsilons)[:, None], nearer, moved)


def search_smallest(task: Task, cells: Sequence[Cell], first: tuple[torch.Tensor, torch.Tensor] | None) -> Smallest:
    """Search the smallest perturbations of cells, cell by cell, direction by direction.

    The search runs in float32 whatever the study's precision: a border that is drawn in bf16 is another one. What it
    returns is checked like that of any attack, and the goal is read again on the user's own model.

    Parameters
    ----------
    task : Task
    cells : sequence of Cell
        Their targets share a view.
    first : tuple of torch.Tensor, optional
        Values and gradients at the clean images.

    Raises
    ------
    AttackError
        If the attack fails, or returns no finite image in the box.
    """
    grid, ways, who = task.grid, len(task.directions), task.who(cells)
    rows = [cell.stimulus for cell in cells for _ in range(ways)]
    bound = bind(task, cells, exact=True, first=first, watched=True)
    noise = ItemNoise(grid.seed, keys_of(task, cells))
    found = call(who, lambda: task.attack(bound, bound.clean.clone(), grid.norm, noise))
    shape = tuple(bound.clean.shape)
    if not isinstance(found, torch.Tensor) or tuple(found.shape) != shape:
        got = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else type(found).__name__
        raise AttackError(f"{who} returned {got}: it must return a tensor of shape {shape} (item, *image)")
    limits = torch.full((1, len(rows)), torch.inf, dtype=torch.float64, device=found.device)
    labels = labels_of([grid.stimulus_ids[row] for row in rows])
    checked = enforce(found[None], bound.clean, limits, grid.norm, who=who, names=labels)[0]
    views = [task.views[cell.target] for cell in cells for _ in range(ways)]
    own = bind(task, cells, user=True)
    nearest, reached = _settled(own.clean, pasted(grid, views, rows, checked)[0], own)
    task.count(bound)
    task.count(own)
    size = norm_of(nearest.double() - own.clean.double(), grid.norm)
    images = torch.stack([project(nearest, own.clean, radius, grid.norm) for radius in grid.epsilons])
    moved = images.double() - own.clean.double()
    status = course_of_sizes(bound.sizes)
    there = reached.cpu().numpy()
    status[there & (status == "unreached")] = "unconverged"  # the search itself came just short of it
    status[~there] = "unreached"
    status[(bound.not_finite | own.not_finite).cpu().numpy()] = "not-finite"
    return Smallest(
        nearest=nearest,
        minimal=torch.where(reached, size, torch.inf).cpu().numpy(),
        images=images,
        achieved=norm_of(moved.flatten(0, 1), grid.norm).reshape(len(images), -1),
        status=status,
    )


def _settled(clean: torch.Tensor, found: torch.Tensor, own: BoundObjective) -> tuple[torch.Tensor, torch.Tensor]:
    """Images that reach the goal on the user's own model, lengthened a little where they must be, and which do."""
    nearest = found.clone()
    reached = torch.zeros(len(found), dtype=torch.bool, device=found.device)
    for ask in (own.clearly_reached, own.reached):
        for share in LONGER:
            left = (~reached).nonzero()[:, 0]
            if not len(left):
                return nearest, reached
            start = clean[left]
            images = (start + (1 + share) * (found[left] - start)).clamp(0, 1) if share else found[left]
            there = ask(images, left)
            nearest[left[there]] = images[there]
            reached[left] = there
    return nearest, reached


def smallest_along(bound: BoundObjective, ends: torch.Tensor, norm: Norm, ways: int) -> NDArray[np.float64]:
    """First norm at which the goal is reached on the way from clean images through others, (cell,).

    Parameters
    ----------
    bound : BoundObjective
        The items, cell by cell, direction by direction, on the user's own model and whole images.
    ends : torch.Tensor, (cell, channel, y, x)
        Whole images; where one is the clean image there is no direction.
    norm : {"l1", "l2", "linf"}
    ways : int
        Directions of the objective.

    Returns
    -------
    numpy.ndarray of float64, (cell,)
        In whichever direction of the objective it comes first; infinite where the way leaves the pixel range before.
        Found among 32 norms and between two of them by halving.
    """
    clean = bound.clean
    direction = ends.repeat_interleave(ways, dim=0).to(clean) - clean
    corner = step_in_box(clean, direction, float(clean[0].numel()), norm)
    reach = norm_of(corner.double() - clean.double(), norm)
    low = torch.zeros_like(reach)
    high = torch.where(bound.reached(clean), 0.0, torch.inf).to(reach)

    def ask(rows: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
        return bound.reached(step_in_box(clean[rows], direction[rows], size, norm), rows)

    for number in range(TRIED):
        rows = (torch.isinf(high) & (reach > 0)).nonzero()[:, 0]
        if not len(rows):
            break
        size = reach[rows] * SPAN ** ((number + 1) / TRIED - 1)
        there = ask(rows, size)
        high[rows[there]], low[rows[~there]] = size[there], size[~there]
    for _ in range(HALVED):
        rows = (torch.isfinite(high) & (high > low)).nonzero()[:, 0]
        if not len(rows):
            break
        middle = (low[rows] + high[rows]) / 2
        there = ask(rows, middle)
        high[rows[there]], low[rows[~there]] = middle[there], middle[~there]
    least: NDArray[np.float64] = high.reshape(-1, ways).amin(dim=1).cpu().numpy()
    return least
