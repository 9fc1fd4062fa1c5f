"""Shape distance between noisy representations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import linalg
from spikeproof.errors import DataError
from spikeproof.types import generator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["StochasticDistance", "gaussian_shape_distance"]


class StochasticDistance(NamedTuple):
    """A distance that was searched by iteration.

    Parameters
    ----------
    distance : float
        In units of the responses.
    iterations : int
        Steps that were taken.
    converged : bool
        Whether the last step gained less than the tolerance.
    """

    distance: float
    iterations: int
    converged: bool


def gaussian_shape_distance(
    first_means: ArrayLike,
    first_covariances: ArrayLike,
    second_means: ArrayLike,
    second_covariances: ArrayLike,
    *,
    alpha: float = 1.0,
    iterations: int = 10_000,
    tolerance: float = 1e-8,
    restarts: int = 4,
    seed: int = 0,
) -> StochasticDistance:
    """Distance of two Gaussian representations after the best rotation (Duong et al. 2023, arXiv:2211.11665).

    The minimum over rotations of ``sqrt(mean over stimuli of alpha |m_x - m_y|² + (2 - alpha) Bures²(S_x, S_y))``, by
    turns over the rotation of the units and those of each stimulus's covariance root, from the rotation that aligns the
    means and from random ones. Each search ends in a local minimum; the smallest is returned.

    Parameters
    ----------
    first_means, second_means : array_like, (stimulus, unit)
    first_covariances, second_covariances : array_like, (stimulus, unit, unit)
        Of the noise, positive semi-definite.
    alpha : float
        2: means only (Procrustes); 1: the 2-Wasserstein distance; 0: covariances only. The search minimises the
        distance itself; netrep's weighs its parts by the squares of alpha and 2 - alpha, which is another minimum
        unless alpha is 0, 1 or 2.
    iterations : int
        Steps at most. Covariances alone (alpha 0) need thousands; stopped early, the distance is too large.
    tolerance : float
        Stop where a step lowers the distance by less than this share.
    restarts : int
        Random rotations to search from, besides the one that aligns the means. 0 is what netrep does.
    seed : int
        Of those rotations.

    Returns
    -------
    StochasticDistance

    Raises
    ------
    DataError
        If shapes do not fit, a value is not finite, or a covariance has a negative eigenvalue.

    Examples
    --------
    >>> import numpy as np
    >>> means, noise = np.array([[1.0, 0.0], [0.0, 1.0]]), np.stack([np.eye(2), np.eye(2)])
    >>> round(gaussian_shape_distance(means, noise, means[:, ::-1], 4 * noise).distance, 6)
    1.414214
    """
    if not 0 <= alpha <= 2:
        raise DataError(f"shape distance: alpha must lie between 0 (covariances) and 2 (means), got {alpha}")
    x, x_roots = _checked(first_means, first_covariances, "first")
    y, y_roots = _checked(second_means, second_covariances, "second")
    if x.shape != y.shape:
        raise DataError(f"shape distance: the two must have the same stimuli and units, got {x.shape} and {y.shape}")
    units = x.shape[1]
    targets = np.vstack([np.sqrt(alpha) * x, np.sqrt(2 - alpha) * x_roots.reshape(-1, units)])
    rng = generator(seed, "shape distance", units)
    starts = [np.asarray(linalg.orthogonal_procrustes(y, x)[0], dtype=np.float64)]
    # The QR decomposition of normal numbers, with the signs of R put right, is uniform over rotations and reflections.
    for _ in range(restarts):
        q, r = np.linalg.qr(rng.standard_normal((units, units)))
        starts.append(q * np.sign(np.diagonal(r)))
    searched = [_search(start, targets, (x_roots, y, y_roots), alpha, iterations, tolerance) for start in starts]
    rotation, taken, converged = min(searched, key=lambda found: found[0])[1:]
    moved = rotation.T @ y_roots
    fidelity = np.linalg.svd(x_roots @ moved, compute_uv=False).sum(axis=1)
    spread = (x_roots**2).sum(axis=(1, 2)) + (y_roots**2).sum(axis=(1, 2)) - 2 * fidelity
    shift = ((x - y @ rotation) ** 2).sum(axis=1)
    squared = alpha * shift + (2 - alpha) * np.maximum(spread, 0.0)
    return StochasticDistance(float(np.sqrt(squared.mean())), taken, converged)


def _search(
    rotation: NDArray[np.float64],
    targets: NDArray[np.float64],
    others: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    alpha: float,
    iterations: int,
    tolerance: float,
) -> tuple[float, NDArray[np.float64], int, bool]:
    """Loss, rotation, steps, and whether the last of them gained less than the tolerance."""
    x_roots, y, y_roots = others
    loss = before = np.inf
    for step in range(1, iterations + 1):
        u, _, vt = np.linalg.svd(y_roots @ rotation @ x_roots)
        turned = np.swapaxes(u @ vt, 1, 2) @ y_roots
        sources = np.vstack([np.sqrt(alpha) * y, np.sqrt(2 - alpha) * turned.reshape(len(targets) - len(y), -1)])
        rotation = np.asarray(linalg.orthogonal_procrustes(sources, targets)[0], dtype=np.float64)
        loss = float(np.linalg.norm(targets - sources @ rotation))
        if before - loss <= tolerance * max(loss, tolerance):
            return loss, rotation, step, True
        before = loss
    return loss, rotation, iterations, False


def _checked(means: ArrayLike, covariances: ArrayLike, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means, and symmetric square roots of the covariances."""
    m, c = np.asarray(means, dtype=np.float64), np.asarray(covariances, dtype=np.float64)
    if m.ndim != 2 or c.shape != (*m.shape, m.shape[-1]):
        raise DataError(
            f"shape distance: the {name} needs means (stimulus, unit) and covariances (stimulus, unit, unit), got "
            f"{m.shape} and {c.shape}"
        )
    if not (np.isfinite(m).all() and np.isfinite(c).all()):
        raise DataError(f"shape distance: the {name} representation holds values that are not finite")
    values, vectors = np.linalg.eigh(c)
    if (values[:, 0] < -1e-8 * np.abs(values).max(axis=1)).any():
        stimulus = int(np.argmin(values[:, 0]))
        raise DataError(f"shape distance: the {name} covariance of stimulus {stimulus} has a negative eigenvalue")
    return m, (vectors * np.sqrt(np.maximum(values, 0.0))[:, None]) @ np.swapaxes(vectors, 1, 2)
