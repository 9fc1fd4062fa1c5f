"""Nonnegative least squares for many right-hand sides at once, by exchanging active sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEW", "TOLERANCE", "exchanged_weights"]

FEW = 16
"""Points that a projection is first sought among, those of largest overlap with the probe: few carry it."""
TOLERANCE = 1e-12
"""A gradient below this share of the lengths of probe and point is rounding."""
_GUESS = 0.4
"""A point is first taken to carry the projection if its overlap with the probe exceeds this share of the largest."""
_ROUNDS = 12
_CHUNK = 32
"""Systems solved at once: of similar size, as they are padded to the largest, and small enough to stay in the cache."""


def exchanged_weights(
    points: NDArray[np.float64], probes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Project many probes on one cone.

    Block principal pivoting (Portugal, Judice & Vicente 1994, doi:10.1090/S0025-5718-1994-1250776-4; Kim & Park 2011,
    doi:10.1137/110821172) for all probes in step: solve for the weights of the points in each probe's set, drop those
    that came out negative, take in those that would bring the sum nearer to the probe, and go on until there are none.
    Taking in only the best of them, fewer from round to round, keeps sets small and nearly always from going round in
    circles. What is returned as solved fulfils the conditions of the one solution, tested on the points themselves.

    Parameters
    ----------
    points : numpy.ndarray, (dimension, point)
    probes : numpy.ndarray, (probe, dimension)

    Returns
    -------
    weights : numpy.ndarray of float64, (probe, point)
    unsolved : numpy.ndarray of int
        Probes whose sets did not settle, or grew beyond the dimensions, or whose points depend on each other; their
        weights are 0.
    """
    dims, count = points.shape
    sets = _Sets(points, probes)
    tolerance = TOLERANCE * np.outer(np.linalg.norm(probes, axis=1), np.linalg.norm(points, axis=0))
    weights = np.zeros((len(probes), count))
    solved = np.zeros(len(probes), dtype=bool)
    chosen = _first_guess(sets.overlap[:, :count], min(FEW, dims, count))
    left = np.arange(len(probes))
    for number in range(_ROUNDS):
        size = chosen[left].sum(axis=1)
        order = np.argsort(size, kind="stable")
        left = left[order[size[order] <= dims]]
        if not left.size:
            break
        found = sets.solve(left, chosen[left])
        soluble = ~np.isnan(found).any(axis=1)
        left, found = left[soluble], found[soluble]
        inside = chosen[left]
        with np.errstate(all="ignore"):  # dependent points leave weights of any size, which are refused here
            gradient = (probes[left] - found @ points.T) @ points
            settled = (np.abs(gradient) <= tolerance[left]) | ~inside
            gradient[inside] = 0.0
            best = gradient.max(axis=1, keepdims=True)
            negative = inside & (found < 0)
            missing = gradient > np.maximum(min(0.95, 0.3 + 0.1 * number) * best, tolerance[left])
        crowded = (inside.sum(axis=1) - negative.sum(axis=1) + missing.sum(axis=1)) > dims
        missing[crowded] &= gradient[crowded] == best[crowded]
        wrong = negative | missing
        done = ~wrong.any(axis=1)
        exact = done & settled.all(axis=1)
        weights[left[exact]] = found[exact]
        solved[left[exact]] = True
        chosen[left] ^= wrong
        left = left[~done]
    return weights, np.flatnonzero(~solved)


def _first_guess(overlap: NDArray[np.float64], few: int) -> NDArray[np.bool_]:
    """The points, at most so many, whose overlap (probe, point) with the probe is near the largest."""
    largest = np.maximum(overlap.max(axis=1, keepdims=True), 0.0)
    chosen: NDArray[np.bool_] = overlap > _GUESS * largest
    if few < overlap.shape[1]:
        chosen &= overlap >= np.partition(overlap, -few, axis=1)[:, -few, None]
    return chosen


class _Sets:
    """Normal equations of chosen points, solved for many probes at once.

    Sets are padded with dummies, whose equations are ``1 w = 0``, to the size of the largest.
    """

    def __init__(self, points: NDArray[np.float64], probes: NDArray[np.float64]) -> None:
        dims, self._count = points.shape
        self._width = self._count + dims
        gram = np.eye(self._width)
        gram[: self._count, : self._count] = points.T @ points
        self._gram = gram.ravel()
        self.overlap = np.zeros((len(probes), self._width))
        self.overlap[:, : self._count] = probes @ points

    def solve(self, rows: NDArray[np.intp], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Weights (row, point) of each row's chosen points, 0 elsewhere; rows in the order of their sets' sizes.

        NaN where points depend on each other so that there is no solution.
        """
        weights = np.zeros((len(rows), self._width))
        size = chosen.sum(axis=1)
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            own, most = size[part, None], int(size[part][-1])
            members = np.tile(np.arange(self._count, self._count + most), (len(own), 1))
            members[np.arange(most) < own] = np.nonzero(chosen[part])[1]
            system = self._gram.take(members[:, :, None] * self._width + members[:, None, :])
            right = np.take_along_axis(self.overlap[rows[part]], members, axis=1)
            try:
                solution = np.linalg.solve(system, right[:, :, None])[:, :, 0]
            except np.linalg.LinAlgError:
                solution = np.full(right.shape, np.nan)
            np.put_along_axis(weights[part], members, solution, axis=1)
        return weights[:, : self._count]
