"""Perturbed images in whole grey levels, inside the budget that the perturbation had before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.plugin import Norm

__all__ = ["LEVELS", "level_norm", "rounded", "to_levels"]

LEVELS = 255
"""Grey levels above black of 8 bits."""
_SLACK = 1e-7
"""Relative excess of a norm that is rounding of float32 images."""


def to_levels(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Nearest grey levels of images in [0, 1]."""
    return np.rint(np.asarray(images, dtype=np.float64) * LEVELS).astype(np.uint8)


def level_norm(difference: NDArray[np.integer], norm: Norm) -> float:
    """Norm, on images in [0, 1], of a difference in grey levels."""
    size = np.abs(np.asarray(difference, dtype=np.float64)).ravel()
    if norm == "l2":
        return float(np.sqrt((size**2).sum())) / LEVELS
    return float(size.sum() if norm == "l1" else size.max(initial=0)) / LEVELS


def rounded(
    clean: NDArray[np.uint8], perturbation: NDArray[np.floating], limit: float, norm: Norm
) -> NDArray[np.uint8]:
    """Return the clean image with a perturbation in whole grey levels, whose norm does not exceed a limit.

    Rounding to the nearest level may lengthen a perturbation, and erases one below half a level in every pixel. So
    every pixel is first rounded toward the clean image, which shortens it; then pixels are raised to the next level,
    those that had most of the way to it first, until the next one would exceed the limit. A perturbation of a tenth
    of a level everywhere becomes one of a whole level in those pixels that it moved most.

    Parameters
    ----------
    clean : numpy.ndarray of uint8, (channel, y, x)
        The clean image as it is shown.
    perturbation : numpy.ndarray of float, (channel, y, x)
        In [0, 1] units.
    limit : float
        Largest norm, on images in [0, 1].
    norm : {"l1", "l2", "linf"}

    Returns
    -------
    numpy.ndarray of uint8, (channel, y, x)
        The clean image itself where the limit is below one level of one pixel.

    Examples
    --------
    >>> clean = np.full((1, 2, 2), 100, dtype=np.uint8)
    >>> step = np.array([[[0.4, 0.3], [0.2, -0.1]]]) / 255
    >>> rounded(clean, step, limit=1.45 / 255, norm="l2").tolist()
    [[[101, 101], [100, 100]]]
    """
    wanted = np.asarray(perturbation, dtype=np.float64).ravel() * LEVELS
    base = clean.astype(np.int64).ravel()
    nearest = np.rint(wanted)
    exact = np.abs(wanted - nearest) < 1e-4  # float32 images in whole levels are off by this little
    step = np.where(exact, nearest, np.trunc(wanted)).astype(np.int64)
    step = np.clip(base + step, 0, LEVELS) - base
    sign = np.sign(wanted).astype(np.int64)
    rest = np.where(exact, 0.0, np.abs(wanted) - np.abs(step))
    free = (rest > 0) & (base + step + sign >= 0) & (base + step + sign <= LEVELS)
    budget = limit * LEVELS * (1 + _SLACK)
    size = np.abs(step)
    if norm == "linf":
        raised = free & (size + 1 <= budget) & (rest >= 0.5)
        if not (step.any() or raised.any()):
            raised = free & (size + 1 <= budget) & (rest >= rest.max(initial=0))
    else:
        order = np.argsort(-rest, kind="stable")
        order = order[free[order]]
        cost = 2.0 * size[order] + 1 if norm == "l2" else np.ones(len(order))
        spent = float((size.astype(np.float64) ** 2).sum()) if norm == "l2" else float(size.sum())
        fits = spent + np.cumsum(cost) <= (budget**2 if norm == "l2" else budget)
        raised = np.zeros(len(base), dtype=bool)
        raised[order[fits]] = True
    shown: NDArray[np.uint8] = (base + step + np.where(raised, sign, 0)).reshape(clean.shape).astype(np.uint8)
    return shown
