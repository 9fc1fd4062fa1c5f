"""Whether a search had come to its end, as far as its own course tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["STATUSES", "at_bound", "course", "course_of_sizes", "worst"]

STATUSES = ("not-finite", "masked", "unreached", "zero-gradient", "unconverged", "at-bound", "converged", "ok", "dead")
"""What can be said of an item, the gravest first."""
LAST = 4
"""The search's last quarter is looked at."""
SETTLED = 0.01
"""Share of all that was gained that the last part of a converged search may have gained."""
FEWEST = 8
"""Questions below which a search has no course to speak of."""
SHORT = 1e-3
"""By how much less than its radius, relative, the norm of a perturbation that the box stopped must be."""


def course(
    best: Sequence[torch.Tensor], clean: torch.Tensor, asked: Sequence[torch.Tensor] | None = None
) -> NDArray[np.str_]:
    """Judge each item by how its best value rose over the questions that were about it.

    Parameters
    ----------
    best : sequence of torch.Tensor, (item,)
        Best value after each question.
    clean : torch.Tensor, (item,)
        Value at the clean image.
    asked : sequence of torch.Tensor of bool, (item,), optional
        Which items each question was about: what is asked about others alone must not lengthen an item's course. All
        of them by default.

    Returns
    -------
    numpy.ndarray of str, (item,)
        ``"converged"`` where the last quarter of the search gained at most 1 % of all that was gained,
        ``"unconverged"`` otherwise, ``"ok"`` where fewer than 8 questions were asked.

    Examples
    --------
    >>> import torch
    >>> rise = [torch.tensor([min(k, 5.0), float(k)]) for k in range(12)]
    >>> course(rise, rise[0]).tolist()
    ['converged', 'unconverged']
    """
    if not best:
        return np.full(len(clean), "ok", dtype="<U13")
    start, values = clean.to(torch.float64), torch.stack(list(best))
    own = torch.ones_like(values, dtype=torch.bool) if asked is None else torch.stack(list(asked))
    number = own.cumsum(dim=0)
    count = number[-1]
    last = (number <= count - count // LAST).sum(dim=0) - 1  # where the last quarter of an item's own begins
    before = torch.maximum(values.gather(0, last.clamp(min=0)[None])[0], start)
    late, gained = values[-1] - before, values[-1] - start
    settled = (gained > 0) & (late <= SETTLED * gained)
    judged = np.where(settled.cpu().numpy(), "converged", "unconverged").astype("<U13")
    return np.where((count < FEWEST).cpu().numpy(), "ok", judged)


def course_of_sizes(sizes: Sequence[torch.Tensor]) -> NDArray[np.str_]:
    """Judge each item by how the smallest perturbation that reaches its goal shrank.

    Parameters
    ----------
    sizes : sequence of torch.Tensor, (item,)
        Its norm after each question; infinite where nothing reaches the goal.

    Returns
    -------
    numpy.ndarray of str, (item,)
        ``"converged"`` where the last quarter of the search shortened it by at most 1 %, ``"unreached"`` where nothing
        reaches the goal, ``"unconverged"`` otherwise.

    Examples
    --------
    >>> import torch
    >>> fall = [torch.tensor([max(9.0 - k, 4.0), 20.0 - k, torch.inf]) for k in range(12)]
    >>> course_of_sizes(fall).tolist()
    ['converged', 'unconverged', 'unreached']
    """
    before, least = sizes[-1 - len(sizes) // LAST], sizes[-1]
    settled = (before <= least * (1 + SETTLED)).cpu().numpy()
    reached = torch.isfinite(least).cpu().numpy()
    return np.where(reached, np.where(settled, "converged", "unconverged"), "unreached").astype("<U13")


def at_bound(images: torch.Tensor, clean: torch.Tensor, achieved: torch.Tensor, radius: float) -> NDArray[np.bool_]:
    """Whether the pixel box stopped the perturbation: a larger radius would reach no further.

    Parameters
    ----------
    images, clean : torch.Tensor, (item, ...)
    achieved : torch.Tensor, (item,)
        Norms of the perturbations.
    radius : float

    Returns
    -------
    numpy.ndarray of bool, (item,)
        True where the norm is smaller than the radius, and every pixel that was moved ended on 0 or 1.
    """
    moved = (images != clean).flatten(1)
    ended = ((images <= 0) | (images >= 1)).flatten(1)
    stopped = (achieved < radius * (1 - SHORT)) & moved.any(dim=1) & (ended | ~moved).all(dim=1)
    found: NDArray[np.bool_] = stopped.cpu().numpy()
    return found


def worst(status: NDArray[np.str_]) -> NDArray[np.str_]:
    """Gravest status over directions (..., direction), for what is claimed of all of them together."""
    rank = np.array([STATUSES.index(value) for value in status.ravel()]).reshape(status.shape)
    gravest: NDArray[np.str_] = np.array(STATUSES, dtype="<U13")[rank.min(axis=-1)]
    return gravest
