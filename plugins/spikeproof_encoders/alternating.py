"""Alternating exact steps for masks and weights of channels, all units at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

__all__ = ["Factors", "alternate", "gaussian_masks", "roughness_matrix"]

_WIDTHS = (0.1, 0.15, 0.25, 0.45)
"""Standard deviations of the masks that are tried first, in widths of the map."""

_CENTRES = 6
"""Centres of those masks along each side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """Fitted masks and weights.

    Parameters
    ----------
    mean : numpy.ndarray, (channel, cell y, cell x)
    mask : numpy.ndarray of float64, (unit, cell)
        Of norm 1.
    channels : numpy.ndarray of float64, (unit, channel)
    intercept : numpy.ndarray of float64, (unit,)
    """

    mean: NDArray[np.floating]
    mask: NDArray[np.float64]
    channels: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def predict(self, cells: NDArray[np.floating]) -> NDArray[np.float64]:
        """Responses (stimulus, unit) to maps of cells (stimulus, channel, cell y, cell x)."""
        flat = (cells - self.mean).reshape(len(cells), cells.shape[1], -1)
        return np.asarray(np.einsum("ncu,uc->nu", flat @ self.mask.T, self.channels) + self.intercept)


def gaussian_masks(rows: int, columns: int) -> NDArray[np.float64]:
    """Masks (mask, cell) of norm 1: one that is even, and Gaussians of four widths all over the map.

    Examples
    --------
    >>> gaussian_masks(8, 8).shape
    (145, 64)
    """
    y, x = ((np.arange(size) + 0.5) / size for size in (rows, columns))
    centres = (np.arange(_CENTRES) + 0.5) / _CENTRES
    masks = [np.ones((rows, columns))]
    for width, cy, cx in product(_WIDTHS, centres, centres):
        down, across = (np.exp(-((at - centre) ** 2) / (2 * width**2)) for at, centre in ((y, cy), (x, cx)))
        masks.append(np.outer(down, across))
    flat = np.stack(masks).reshape(len(masks), -1)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True))


def roughness_matrix(rows: int, columns: int) -> NDArray[np.float64]:
    """Matrix Q (cell, cell) with ``m Q m`` the sum of squared differences of neighbouring cells.

    Examples
    --------
    >>> roughness_matrix(1, 2).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    down, across = (np.diff(np.eye(size), axis=0) for size in (rows, columns))
    total = np.kron(down.T @ down, np.eye(columns)) + np.kron(np.eye(rows), across.T @ across)
    return np.asarray(total)


def alternate(
    cells: NDArray[np.floating],
    responses: NDArray[np.float64],
    candidates: Sequence[tuple[float, float]],
    sweeps: int,
) -> list[Factors]:
    """Fit masks and weights of all units, for every candidate of (roughness, penalty).

    Parameters
    ----------
    cells : numpy.ndarray, (stimulus, channel, cell y, cell x)
    responses : numpy.ndarray of float64, (stimulus, unit)
    candidates : sequence of (float, float)
    sweeps : int

    Returns
    -------
    list of Factors
        One for each candidate; see :class:`Factorised` for what is minimised.
    """
    number, channels, rows, columns = cells.shape
    mean = cells.mean(axis=0, dtype=np.float64).astype(cells.dtype)
    flat = (cells - mean).reshape(number, channels, -1)
    spread = np.sqrt(np.square(flat, dtype=np.float64).mean(axis=(0, 2)))
    spread = np.where(spread > 1e-6 * spread.max(), spread, np.inf)  # a dead channel has weight 0
    flat = flat / spread[:, None].astype(cells.dtype)
    level, scale = responses.mean(axis=0), responses.std(axis=0)
    wanted = (responses - level) / np.where(scale > 0, scale, 1.0)
    rough = roughness_matrix(rows, columns)
    starts = _starts(flat, wanted, gaussian_masks(rows, columns), sorted({penalty for _, penalty in candidates}))
    out = []
    for roughness, penalty in candidates:
        mask = starts[penalty]
        weights = _weights(flat, wanted, mask, penalty + roughness * _quadratic(mask, rough))
        for _ in range(sweeps):
            mask = _masks(flat, wanted, weights, penalty * np.eye(len(rough)) + roughness * rough)
            weights = _weights(flat, wanted, mask, penalty + roughness * _quadratic(mask, rough))
        out.append(Factors(mean=mean, mask=mask, channels=weights / spread * scale[:, None], intercept=level))
    return out


def _quadratic(mask: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("ug,gh,uh->u", mask, matrix, mask))


def _starts(
    flat: NDArray[np.floating], wanted: NDArray[np.float64], masks: NDArray[np.float64], penalties: Sequence[float]
) -> dict[float, NDArray[np.float64]]:
    """For each penalty, the masks (unit, cell) with the smallest squared error of left-out stimuli, in closed form."""
    number, units = wanted.shape
    best = np.full((len(penalties), units), np.inf)
    chosen = np.zeros((len(penalties), units, masks.shape[1]))
    seen = np.tensordot(flat, masks.T.astype(flat.dtype), axes=1)
    for place, mask in enumerate(masks):
        design = seen[:, :, place].astype(np.float64)
        variance, axes = np.linalg.eigh(design.T @ design)
        scores = design @ axes
        shared = scores.T @ wanted
        for row, penalty in enumerate(penalties):
            shrunk = 1 / (np.maximum(variance, 0.0) + number * penalty)
            left_out = 1 - (scores**2) @ shrunk - 1 / number
            error = (wanted - scores @ (shrunk[:, None] * shared)) / left_out[:, None]
            loss = (error**2).sum(axis=0)
            better = loss < best[row]
            best[row, better], chosen[row, better] = loss[better], mask
    return dict(zip(penalties, chosen, strict=True))


def _weights(
    flat: NDArray[np.floating], wanted: NDArray[np.float64], mask: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights (unit, channel) for masks of norm 1."""
    seen = np.ascontiguousarray(np.moveaxis(flat @ mask.T.astype(flat.dtype), 2, 0))
    shrinkage = penalty[:, None, None] * np.eye(flat.shape[1])
    return _solve(seen, wanted, shrinkage)


def _masks(
    flat: NDArray[np.floating],
    wanted: NDArray[np.float64],
    weights: NDArray[np.float64],
    shrinkage: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Masks (unit, cell), put to norm 1, for weights of any norm."""
    size = np.linalg.norm(weights, axis=1, keepdims=True)
    direction = weights / np.where(size > 0, size, 1.0)
    seen = np.tensordot(direction.astype(flat.dtype), flat, axes=(1, 1))
    found = _solve(seen, wanted, shrinkage)
    norm = np.linalg.norm(found, axis=1, keepdims=True)
    even = np.full_like(found, 1 / np.sqrt(found.shape[1]))
    return np.where(norm > 0, found / np.where(norm > 0, norm, 1.0), even)


def _solve(
    seen: NDArray[np.floating], wanted: NDArray[np.float64], shrinkage: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Penalised least squares (unit, feature) of each unit's response on its own features (unit, stimulus, feature)."""
    number = seen.shape[1]
    products = (seen.transpose(0, 2, 1) @ seen).astype(np.float64) / number
    shared = np.einsum("unf,nu->uf", seen, wanted, optimize=True) / number
    return np.asarray(np.linalg.solve(products + shrinkage, shared[:, :, None])[:, :, 0])
