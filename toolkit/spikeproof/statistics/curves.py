"""Where a dose-response curve reaches a level."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["crossing"]


def crossing(doses: ArrayLike, curve: ArrayLike, level: float, *, start: ArrayLike = 0.0) -> NDArray[np.float64]:
    """First dose at which a curve reaches a level, by linear interpolation.

    Parameters
    ----------
    doses : array_like, (dose,)
        Ascending, not negative.
    curve : array_like, (..., dose)
        Dose-response curves.
    level : float
        What is to be reached.
    start : array_like, (...)
        Value at dose 0, which the first segment starts from; not used if the first dose is 0.

    Returns
    -------
    numpy.ndarray of float64, (...)
        ``inf`` where the curve never reaches the level within the doses, NaN where the curve holds a NaN.

    Raises
    ------
    ValueError
        If the doses are not ascending or negative, or their number is not that of the curve.

    Examples
    --------
    >>> crossing([1.0, 2.0], [[0.2, 0.8], [0.1, 0.3]], 0.5).tolist()
    [1.5, inf]
    """
    import numpy as np

    x = np.asarray(doses, dtype=np.float64)
    y = np.asarray(curve, dtype=np.float64)
    if x.ndim != 1 or x.size == 0 or y.shape[-1:] != x.shape:
        raise ValueError(f"crossing: {x.shape} doses do not fit a curve of shape {y.shape}")
    if x[0] < 0 or (np.diff(x) <= 0).any():
        raise ValueError(f"crossing: doses must ascend and not be negative, got {x.tolist()}")
    if x[0] > 0:
        first = np.broadcast_to(np.asarray(start, dtype=np.float64), y.shape[:-1])[..., None]
        x, y = np.concatenate([[0.0], x]), np.concatenate([first, y], axis=-1)
    reached = y >= level
    index = np.where(reached.any(axis=-1), reached.argmax(axis=-1), len(x) - 1)
    before = np.maximum(index - 1, 0)
    y0 = np.take_along_axis(y, before[..., None], axis=-1)[..., 0]
    y1 = np.take_along_axis(y, index[..., None], axis=-1)[..., 0]
    share = np.divide(level - y0, y1 - y0, out=np.zeros_like(y0), where=(y1 - y0) > 0)
    dose = np.where(index == 0, x[0], x[before] + np.clip(share, 0.0, 1.0) * (x[index] - x[before]))
    dose = np.where(reached.any(axis=-1), dose, np.inf)
    return np.where(np.isnan(y).any(axis=-1), np.nan, dose)
