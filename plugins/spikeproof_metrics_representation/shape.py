"""Shape distances: what is left between two representations after the best alignment.

Williams et al. 2021, arXiv:2110.14739.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy import linalg
from scipy.optimize import linear_sum_assignment
from spikeproof.errors import DataError, NotEnoughData

from .checking import CONSTANT, as_matrix, same_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ShapeAlignment", "align_shapes", "permutation_distance", "shape_distance"]

Measure: TypeAlias = Literal["angular", "euclidean"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapeAlignment:
    """How two representations are brought together.

    Parameters
    ----------
    means : tuple of numpy.ndarray, (unit,)
        What is taken off each.
    whitening : tuple of numpy.ndarray, (unit, unit)
        Partial whitening of each; None where there is none.
    rotations : tuple of numpy.ndarray, (unit, common dimension)
        The rotation of each into common axes, as many as the narrower one has units.
    """

    means: tuple[NDArray[np.float64], NDArray[np.float64]]
    whitening: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]
    rotations: tuple[NDArray[np.float64], NDArray[np.float64]]

    def distance(self, first: ArrayLike, second: ArrayLike, measure: Measure = "angular") -> float:
        """Distance of two representations, of other stimuli perhaps, in this alignment.

        Parameters
        ----------
        first, second : array_like, (stimulus, unit)
        measure : {"angular", "euclidean"}

        Returns
        -------
        float
            Radians (``angular``), or units of the responses. On held-out stimuli it exceeds the distance on those that
            the alignment was fitted to.

        Raises
        ------
        DataError
            If shapes do not fit, or a representation does not vary.
        """
        pair = [_checked(values, name) for values, name in ((first, "first"), (second, "second"))]
        same_rows(pair[0], pair[1], "shape distance")
        for side, values in enumerate(pair):
            if values.shape[1] != len(self.means[side]):
                raise DataError(
                    f"shape distance: the alignment was fitted to {len(self.means[side])} units, got {values.shape[1]}"
                )
        moved = [_whitened(v - m, z) for v, m, z in zip(pair, self.means, self.whitening, strict=True)]
        common = [v @ r for v, r in zip(moved, self.rotations, strict=True)]
        # Where there are as many common axes as units nothing lies outside of them.
        outside = [
            np.zeros(1) if r.shape[0] == r.shape[1] else v - c @ r.T
            for v, c, r in zip(moved, common, self.rotations, strict=True)
        ]
        return _distance(float(np.vdot(*common)), moved, measure, (*common, *outside))


def align_shapes(
    first: ArrayLike,
    second: ArrayLike,
    *,
    alpha: float = 1.0,
    center: bool = True,
    convention: Literal["exact", "netrep"] = "exact",
) -> ShapeAlignment:
    """Align two representations by rotation, after partial whitening.

    Parameters
    ----------
    first, second : array_like, (stimulus, unit)
        Responses to the same stimuli. Numbers of units may differ: the narrower one is padded with silent units.
    alpha : float
        1 allows rotations and reflections only (Procrustes); 0 any linear map (canonical correlation). Between them,
        directions of variance lambda are scaled by ``alpha + (1 - alpha) / sqrt(lambda)``, and then all alike, so that
        the total variance is kept.
    center : bool
        Take each unit's mean off.
    convention : {"exact", "netrep"}
        ``netrep`` gives every direction without variance, those of padding among them, a share of the whitened variance
        (it raises eigenvalues to 1e-7, in squared units of the data), so that with ``0 < alpha < 1`` the variance kept
        is not that of the data; angular distances of representations of full rank are the same.

    Returns
    -------
    ShapeAlignment

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli; or, for ``alpha = 0``, not more stimuli than units: any two representations
        are then linear maps of one another.
    DataError
        If a representation does not vary, or is not of full rank where ``alpha = 0``; or shapes do not fit.

    Examples
    --------
    >>> x = [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]
    >>> turned = [[0.0, 1.0], [-1.0, 0.0], [1.0, -1.0]]
    >>> round(align_shapes(x, turned).distance(x, turned), 6)
    0.0
    """
    x, y, means = _pair(first, second, center)
    whitening = _whitenings(x, y, alpha, convention)
    return _aligned(_whitened(x, whitening[0]), _whitened(y, whitening[1]), means, whitening)


def shape_distance(
    first: ArrayLike,
    second: ArrayLike,
    *,
    alpha: float = 1.0,
    measure: Measure = "angular",
    center: bool = True,
    convention: Literal["exact", "netrep"] = "exact",
) -> float:
    """Distance between two representations after the best alignment; a metric.

    ``arccos(nuclear(X'Y) / (|X| |Y|))`` or ``sqrt(|X|² + |Y|² - 2 nuclear(X'Y))`` of the representations, partially
    whitened (``alpha = 1``, Procrustes: as they are), from singular values alone. Where those would lose digits
    (distances near 0) the aligned representations are subtracted.

    Parameters
    ----------
    first, second : array_like, (stimulus, unit)
    alpha, center, convention
        See :func:`align_shapes`; for held-out stimuli use :meth:`ShapeAlignment.distance`.
    measure : {"angular", "euclidean"}

    Returns
    -------
    float
        Radians, 0 to pi / 2 (``angular``), or units of the responses (``euclidean``, the Frobenius norm).

    Raises
    ------
    NotEnoughData, DataError
        As :func:`align_shapes`.

    Examples
    --------
    >>> round(shape_distance([[1.0], [-1.0]], [[2.0], [-2.0]], measure="euclidean"), 6)
    1.414214
    """
    x, y, means = _pair(first, second, center)
    whitening = _whitenings(x, y, alpha, convention)
    moved = _whitened(x, whitening[0]), _whitened(y, whitening[1])
    nuclear = _nuclear_norm(*moved)
    if nuclear < (1 - 1e-6) * np.linalg.norm(moved[0]) * np.linalg.norm(moved[1]):
        return _distance(nuclear, moved, measure)
    return _aligned(*moved, means, whitening).distance(first, second, measure)


def permutation_distance(
    first: ArrayLike, second: ArrayLike, *, measure: Measure = "angular", center: bool = True
) -> float:
    """Distance between two representations after the best matching of their units, one to one.

    Unlike a rotation, a matching keeps what is special about single units (Khosla & Williams 2024, arXiv:2309.12714).

    Parameters
    ----------
    first, second : array_like, (stimulus, unit)
        The narrower one is padded with silent units.
    measure : {"angular", "euclidean"}
    center : bool
        Take each unit's mean off.

    Returns
    -------
    float
        Radians, or units of the responses.

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli.
    DataError
        If a representation does not vary, or shapes do not fit.

    Examples
    --------
    >>> permutation_distance([[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [2.0, 0.0]], measure="euclidean")
    0.0
    """
    x, y, _ = _pair(first, second, center)
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(v, ((0, 0), (0, width - v.shape[1]))) for v in (x, y))
    rows, columns = linear_sum_assignment(x.T @ y, maximize=True)
    common = (x[:, rows], y[:, columns])
    return _distance(float(np.vdot(*common)), (x, y), measure, (*common, np.zeros(1), np.zeros(1)))


def _distance(
    inner: float, whole: Sequence[NDArray[np.float64]], measure: Measure, common: Sequence[NDArray[np.float64]] = ()
) -> float:
    """Distance from the inner product of aligned representations; near 0 from their difference, which loses nothing.

    ``common`` are the aligned representations, wherever the distance may be near 0: first what each is in the axes that
    are aligned, then what it is outside of them.
    """
    if measure not in {"angular", "euclidean"}:
        raise DataError(f"shape distance: measure must be 'angular' or 'euclidean', got {measure!r}")
    norms = [float(np.linalg.norm(v)) for v in whole]
    if common and inner > (1 - 1e-6) * norms[0] * norms[1]:
        a, b = norms if measure == "angular" else (1.0, 1.0)
        parts = (common[0] / a - common[1] / b, common[2] / a, common[3] / b)
        gap = float(np.sqrt(sum((part**2).sum() for part in parts)))
        return gap if measure == "euclidean" else float(2 * np.arcsin(min(gap / 2, 1.0)))
    if measure == "angular":
        return float(np.arccos(np.clip(inner / (norms[0] * norms[1]), -1.0, 1.0)))
    return float(np.sqrt(max(norms[0] ** 2 + norms[1] ** 2 - 2 * inner, 0.0)))


def _nuclear_norm(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Sum of the singular values of X'Y, through the narrow side."""
    if len(x) < min(x.shape[1], y.shape[1]):
        # X = R' Q' with Q orthonormal, so that X'Y has the singular values of the small R_x R_y'.
        roots = [
            np.asarray(linalg.qr(v.T, mode="r", check_finite=False)[0], dtype=np.float64)[: len(v)] for v in (x, y)
        ]
        x, y = roots[0].T, roots[1].T
    return float(linalg.svdvals(x.T @ y, check_finite=False).sum())


def _aligned(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    means: tuple[NDArray[np.float64], NDArray[np.float64]],
    whitening: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None],
) -> ShapeAlignment:
    """The best rotation of two representations that are whitened already."""
    u, _, vt = linalg.svd(x.T @ y, full_matrices=False, check_finite=False)
    return ShapeAlignment(means=means, whitening=whitening, rotations=(u, vt.T))


def _whitenings(
    x: NDArray[np.float64], y: NDArray[np.float64], alpha: float, convention: Literal["exact", "netrep"]
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """The partial whitening of each of two representations."""
    if not 0 <= alpha <= 1:
        raise DataError(f"shape distance: alpha must lie between 0 (any linear map) and 1 (rotations), got {alpha}")
    width = max(x.shape[1], y.shape[1])
    return _whitening(x, alpha, width, convention, "first"), _whitening(y, alpha, width, convention, "second")


def _whitening(
    values: NDArray[np.float64], alpha: float, width: int, convention: Literal["exact", "netrep"], name: str
) -> NDArray[np.float64] | None:
    """The partial whitening of one representation, or None where alpha is 1."""
    if alpha == 1:
        return None
    variances, axes = linalg.eigh(values.T @ values, check_finite=False)
    if convention == "netrep":
        variances = np.maximum(variances, 1e-7)
        padding = np.full(width - len(variances), 1e-7)
        alive = np.ones(len(variances), dtype=bool)
        counted: NDArray[np.float64] = np.concatenate([variances, padding])
    else:
        alive = variances > len(variances) * np.finfo(float).eps * variances[-1]
        counted = variances[alive]
        if alpha == 0 and not alive.all():
            error = NotEnoughData if len(values) <= values.shape[1] else DataError
            raise error(
                f"shape distance: with alpha 0 the {name} representation must be of full rank, but its {len(alive)} "
                f"units span {int(alive.sum())} dimensions over {len(values)} stimuli; use alpha above 0, more stimuli "
                "or fewer units"
            )
    scale = np.zeros(len(variances))
    scale[alive] = alpha + (1 - alpha) / np.sqrt(variances[alive])
    kept = np.sqrt(counted.sum() / ((alpha * np.sqrt(counted) + 1 - alpha) ** 2).sum())
    matrix: NDArray[np.float64] = (axes * (scale * kept)) @ axes.T
    return matrix


def _whitened(values: NDArray[np.float64], whitening: NDArray[np.float64] | None) -> NDArray[np.float64]:
    return values if whitening is None else values @ whitening


def _checked(values: ArrayLike, name: str) -> NDArray[np.float64]:
    return as_matrix(values, f"shape distance: {name} representation", rows="stimulus", columns="unit", at_least=2)


def _pair(
    first: ArrayLike, second: ArrayLike, center: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    x, y = _checked(first, "first"), _checked(second, "second")
    same_rows(x, y, "shape distance")
    means = tuple(v.mean(axis=0) if center else np.zeros(v.shape[1]) for v in (x, y))
    moved = []
    for name, values, mean in (("first", x, means[0]), ("second", y, means[1])):
        difference = values - mean
        if np.linalg.norm(difference) <= CONSTANT * np.linalg.norm(values):
            raise DataError(
                f"shape distance: the {name} representation {'is the same for all stimuli' if center else 'is zero'}, "
                "so that its distances are undefined"
            )
        moved.append(difference)
    return moved[0], moved[1], (means[0], means[1])
