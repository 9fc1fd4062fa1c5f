"""Behavioural sensitivity index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtri
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["behavioral_dprime"]

Extreme = Literal["refuse", "clip-rates", "cap"]
"""What to do with rates of 0 or 1, at which d' is infinite."""

_LIMITS = {"clip-rates": 0.01, "cap": 5.0}


def behavioral_dprime(
    hit_rate: ArrayLike, false_alarm_rate: ArrayLike, *, extreme: Extreme = "refuse", limit: float | None = None
) -> NDArray[np.float64]:
    """Sensitivity index of signal detection, ``d' = z(hit rate) - z(false-alarm rate)`` (Green & Swets 1966).

    Parameters
    ----------
    hit_rate, false_alarm_rate : array_like
        0 to 1; NaN where there was no trial.
    extreme : {"refuse", "clip-rates", "cap"}
        Rates of 0 and 1 have no finite z. Refuse them; clip the rates to ``[limit, 1 - limit]``, by default 0.01 as
        AllenSDK; or cap d' at ``limit`` in magnitude, by default 5 as Brain-Score and the objectome do. Both rules
        hold for all values, extreme or not.
    limit : float, optional

    Returns
    -------
    numpy.ndarray of float64
        NaN where a rate is, and where a hit and a false-alarm rate are both 0 or both 1 and d' is capped (it is
        infinite less infinite).

    Raises
    ------
    DataError
        If a rate is not in [0, 1], the limit is out of range, or a rate is 0 or 1 and ``extreme`` is ``"refuse"``.

    Examples
    --------
    >>> behavioral_dprime(0.8, 0.2).round(4).tolist()
    1.6832
    >>> behavioral_dprime(1.0, 0.5, extreme="cap").tolist()
    5.0
    """
    hits, alarms = np.asarray(hit_rate, dtype=np.float64), np.asarray(false_alarm_rate, dtype=np.float64)
    for rates in (hits, alarms):
        if ((rates < 0) | (rates > 1)).any():
            raise DataError("d': rates must lie between 0 and 1")
    if extreme == "refuse":
        count = int(sum(np.count_nonzero((rates == 0) | (rates == 1)) for rates in (hits, alarms)))
        if count:
            raise DataError(
                f"d': {count} rates are 0 or 1, where d' is infinite: pass extreme='clip-rates' or 'cap', and say so "
                "beside the number"
            )
        return np.asarray(ndtri(hits) - ndtri(alarms))
    bound = _LIMITS[extreme] if limit is None else limit
    if extreme == "clip-rates":
        if not 0 < bound < 0.5:
            raise DataError(f"d': rates can be clipped to a limit between 0 and 0.5, got {bound:g}")
        return np.asarray(ndtri(np.clip(hits, bound, 1 - bound)) - ndtri(np.clip(alarms, bound, 1 - bound)))
    if not bound > 0:
        raise DataError(f"d': the cap must be above 0, got {bound:g}")
    with np.errstate(invalid="ignore"):
        return np.asarray(np.clip(ndtri(hits) - ndtri(alarms), -bound, bound))
