"""How well held-out predictions go with what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["fold_correlation"]


def fold_correlation(
    predicted: ArrayLike, measured: ArrayLike, folds: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Pearson correlation over stimuli of held-out predictions, within folds: each fold is centred by itself.

    ``sum_f cov_f / sqrt(sum_f var_f(predicted) sum_f var_f(measured))``. Predictions of different folds come from
    different fits. Pooled without centring, a fit that predicts nothing but its training mean would correlate
    negatively, since that mean is low where the held-out responses are high.

    Parameters
    ----------
    predicted, measured : array_like, (stimulus, unit)
    folds : array_like of int, (stimulus,)
        The fold in which each stimulus was held out.
    weights : array_like, (draw, stimulus), optional
        How often each draw of a bootstrap holds each stimulus; once by default.

    Returns
    -------
    numpy.ndarray of float64, (unit,) or (draw, unit)
        NaN where predictions or responses do not vary within any fold.

    Examples
    --------
    >>> measured = [[0.0], [1.0], [10.0], [11.0]]
    >>> fold_correlation([[5.0], [6.0], [2.0], [3.0]], measured, [0, 0, 1, 1]).tolist()
    [1.0]
    """
    import numpy as np

    x, y = np.asarray(predicted, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    fold = np.asarray(folds)
    w = np.ones((1, len(x))) if weights is None else np.asarray(weights, dtype=np.float64)
    sums = np.zeros((3, len(w), x.shape[1]))
    scale = np.zeros((2, len(w), x.shape[1]))
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        part = w[:, rows]
        total = part.sum(axis=1, keepdims=True)
        here = [values[rows] - values[rows].mean(axis=0) for values in (x, y)]  # near zero: sums of squares stay exact
        means = [np.divide(part @ values, total, out=np.zeros_like(sums[0]), where=total > 0) for values in here]
        for place, (a, b) in enumerate(((0, 0), (1, 1), (0, 1))):
            sums[place] += part @ (here[a] * here[b]) - total * means[a] * means[b]
        for place, values in enumerate((x, y)):
            scale[place] += part @ values[rows] ** 2
    # A constant's sum of squares is rounding: far below that of its size.
    varies = (sums[0] > 1e-14 * scale[0]) & (sums[1] > 1e-14 * scale[1])
    r = np.divide(sums[2], np.sqrt(np.abs(sums[0] * sums[1])), out=np.full_like(sums[2], np.nan), where=varies)
    out: NDArray[np.float64] = np.clip(r, -1.0, 1.0)
    return np.asarray(out[0]) if weights is None else out
