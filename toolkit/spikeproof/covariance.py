"""The noise covariance of a recording: single presentations about their stimulus's mean, session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wording import some

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["noise_covariance", "session_covariance", "session_name", "sessions_of"]

_RESIDUALS_PER_UNIT = 2
"""Residual degrees of freedom per unit below which a noise covariance is not inverted.

With n degrees of freedom and p units the inverse of a sample covariance is biased by n / (n - p - 1) (mean of the
inverse Wishart distribution; Anderson 2003, section 7.7): a factor of about 2 at n = 2 p, without bound below p.
"""


def sessions_of(response: xr.DataArray) -> dict[tuple[str, str], NDArray[np.intp]]:
    """Columns of the units that were recorded together.

    Parameters
    ----------
    response : xarray.DataArray
        With a dimension ``unit`` and, if known, the coordinates ``subject`` and ``session`` on it.

    Returns
    -------
    dict of (subject, session) to numpy.ndarray of int
        In the order of their first unit; one entry of empty text if neither is known.
    """
    import numpy as np

    given = [
        response[name].values.astype(str).tolist() if name in response.coords else [""] * response.sizes["unit"]
        for name in ("subject", "session")
    ]
    columns: dict[tuple[str, str], list[int]] = {}
    for column, (subject, session) in enumerate(zip(*given, strict=True)):
        columns.setdefault((subject, session), []).append(column)
    return {key: np.asarray(found, dtype=np.intp) for key, found in columns.items()}


def session_name(subject: str, session: str) -> str:
    """Name a session in a sentence."""
    return " of ".join(filter(None, (f"session {session!r}", subject and f"subject {subject!r}")))


def session_covariance(
    values: NDArray[np.float64], row: NDArray[np.intp], response: xr.DataArray
) -> tuple[NDArray[np.float64] | None, str]:
    """Noise covariance, block by block: units of different sessions were never recorded together.

    What one session's units share from presentation to presentation is estimated from the presentations that all of
    them were measured on. Between sessions nothing is measured, and the covariance is zero.

    Parameters
    ----------
    values : numpy.ndarray of float64, (presentation, unit)
        NaN where not measured.
    row : numpy.ndarray of int, (presentation,)
        Number of each presentation's stimulus.
    response : xarray.DataArray
        The units' coordinates: ``unit``, ``subject``, ``session``.

    Returns
    -------
    covariance : numpy.ndarray of float64, (unit, unit), or None
    reason : str
        Why there is none (the session is named if there are several), otherwise empty.
    """
    import numpy as np

    sessions = sessions_of(response)
    units = response["unit"].values
    covariance = np.zeros((len(units), len(units)))
    for (subject, session), columns in sessions.items():
        residuals, freedom = _residuals(values, row, columns)
        block, reason = noise_covariance(residuals, freedom, units[columns])
        if block is None:
            return None, f"in {session_name(subject, session)}, {reason}" if len(sessions) > 1 else reason
        covariance[np.ix_(columns, columns)] = block
    return covariance, ""


def noise_covariance(
    residuals: NDArray[np.float64], freedom: int, units: NDArray[np.str_]
) -> tuple[NDArray[np.float64] | None, str]:
    """Covariance of single presentations about their stimulus's mean, if it can be inverted.

    Parameters
    ----------
    residuals : numpy.ndarray of float64, (presentation, unit)
        Responses less their stimulus's mean.
    freedom : int
        Degrees of freedom: presentations less stimuli.
    units : numpy.ndarray of str, (unit,)
        Names, for the reason.

    Returns
    -------
    covariance : numpy.ndarray of float64, (unit, unit), or None
        ``residuals.T @ residuals / freedom``.
    reason : str
        Why there is none, otherwise empty.
    """
    import numpy as np

    count = residuals.shape[1]
    if freedom < _RESIDUALS_PER_UNIT * count:
        return None, (
            f"repeats leave {freedom} residual degrees of freedom for {count} units "
            f"(at least {_RESIDUALS_PER_UNIT * count} are needed)"
        )
    covariance: NDArray[np.float64] = residuals.T @ residuals / freedom
    still = units[np.diag(covariance) <= 0]
    if still.size:
        return None, f"{still.size} units never vary between repeats of a stimulus ({some(still)})"
    sd = np.sqrt(np.diag(covariance))
    smallest = float(np.linalg.eigvalsh(covariance / np.outer(sd, sd))[0])
    if smallest < count * np.finfo(np.float64).eps * 1e3:
        return (
            None,
            f"it is singular (smallest eigenvalue of the noise correlations {smallest:.2g}): some units are copies",
        )
    return covariance, ""


def _residuals(
    values: NDArray[np.float64], row: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float64], int]:
    """Single presentations that all of these units were measured on, less their stimulus's mean over them."""
    import numpy as np

    order = np.argsort(row, kind="stable")
    block = values[np.ix_(order, columns)]
    complete = ~np.isnan(block).any(axis=1)
    block, stimulus = block[complete], row[order][complete]
    starts = np.flatnonzero(np.diff(stimulus, prepend=-1))
    shown = np.diff(starts, append=len(stimulus))
    means = np.add.reduceat(block, starts, axis=0) / shown[:, np.newaxis] if len(starts) else block
    block -= np.repeat(means, shown, axis=0)
    return block, len(stimulus) - len(starts)
