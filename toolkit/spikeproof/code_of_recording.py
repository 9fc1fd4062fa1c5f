"""A recording's responses as a clean code: means over repeats, labels, single presentations, noise covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code import Code
from .errors import DataError, NotEnoughData
from .recording import Recording

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["code_of_recording", "noise_covariance"]

_RESIDUALS_PER_UNIT = 2
"""Residual degrees of freedom per unit below which a noise covariance is not inverted.

With n degrees of freedom and p units the inverse of a sample covariance is biased by n / (n - p - 1) (mean of the
inverse Wishart distribution; Anderson 2003, section 7.7): a factor of about 2 at n = 2 p, without bound below p.
"""


def code_of_recording(recording: Recording, system: str = "recording") -> tuple[Code, tuple[str, ...]]:
    """Average a recording's responses over repeats.

    Parameters
    ----------
    recording : Recording
        With ``response`` (presentation, unit). Labels are the presentations' ``category``, or that of the stimuli.
    system : str
        Name of the code.

    Returns
    -------
    code : Code
        Without readout. Stimuli stand in the order of their first presentation; coordinates on unit are kept.
        ``repeats`` is there if at least one stimulus was repeated; ``noise_covariance`` (pooled over stimuli, degrees
        of freedom: presentations - stimuli) only with at least two residual degrees of freedom per unit and if it is
        positive definite.
    notes : tuple of str
        What could not be had, and why, and which units are constant.

    Raises
    ------
    DataError
        If there are no responses, they have time bins, or a stimulus has several categories or none while others
        have one.
    NotEnoughData
        If there is one stimulus only.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> response = xr.DataArray(
    ...     [[1.0, 5.0], [2.0, 6.0], [3.0, 9.0]],
    ...     dims=("presentation", "unit"),
    ...     coords={
    ...         "unit": ["u0", "u1"],
    ...         "stimulus_id": ("presentation", ["b", "a", "b"]),
    ...         "repeat": ("presentation", [0, 0, 1]),
    ...     },
    ...     attrs={"units": "spikes"},
    ... )
    >>> code, notes = code_of_recording(Recording(responses=xr.Dataset({"response": response})))
    >>> code.responses.values.tolist(), code.responses["stimulus"].values.tolist()
    ([[2.0, 7.0], [2.0, 6.0]], ['b', 'a'])
    """
    import numpy as np
    import pandas as pd
    import xarray as xr

    response = _presentations_by_unit(recording)
    values = np.asarray(response.values, dtype=np.float64)
    row, names = pd.factorize(response["stimulus_id"].values)
    stimuli = [str(name) for name in names]
    if len(stimuli) < 2:
        raise NotEnoughData(
            f"{system}: one stimulus only ({stimuli[0]!r}): a code needs at least two different stimuli"
        )
    means, residuals = _means_and_residuals(values, row, len(stimuli))
    on_unit = {str(name): coord for name, coord in response.coords.items() if coord.dims == ("unit",)}
    attrs = {"units": str(response.attrs["units"])}
    notes: list[str] = []
    constant = response["unit"].values[np.ptp(means, axis=0) <= 1e-12 * np.abs(means).max(axis=0)]
    if constant.size:
        notes.append(
            f"{constant.size} of {values.shape[1]} units have the same mean response to every stimulus: "
            f"{_some(constant)}"
        )
    repeats = covariance = None
    if len(values) > len(stimuli):
        repeats = xr.DataArray(
            values,
            dims=("presentation", "unit"),
            coords={**on_unit, "stimulus": ("presentation", np.asarray(stimuli)[row])},
            attrs=attrs,
        )
        estimate, reason = noise_covariance(residuals, len(values) - len(stimuli), response["unit"].values)
        if estimate is None:
            notes.append(f"no noise covariance: {reason}; population distances use z-scored units instead")
        else:
            units = response["unit"].values
            covariance = xr.DataArray(
                estimate, dims=("unit", "unit_other"), coords={"unit": units, "unit_other": units}
            )
    else:
        notes.append("no stimulus was repeated: there is no noise covariance; population distances use z-scored units")
    code = Code(
        system=system,
        responses=xr.DataArray(means, dims=("stimulus", "unit"), coords={**on_unit, "stimulus": stimuli}, attrs=attrs),
        labels=_labels(recording, response, row, stimuli),
        repeats=repeats,
        noise_covariance=covariance,
        facts=dict(recording.identity),
    )
    return code, tuple(notes)


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
        return None, f"{still.size} units never vary between repeats of a stimulus ({_some(still)})"
    sd = np.sqrt(np.diag(covariance))
    smallest = float(np.linalg.eigvalsh(covariance / np.outer(sd, sd))[0])
    if smallest < count * np.finfo(np.float64).eps * 1e3:
        return (
            None,
            f"it is singular (smallest eigenvalue of the noise correlations {smallest:.2g}): some units are copies",
        )
    return covariance, ""


def _presentations_by_unit(recording: Recording) -> xr.DataArray:
    if recording.responses is None:
        raise DataError("recording: it holds images without responses: add a source with responses, or a model")
    response = recording.responses["response"]
    if "time_bin" in response.dims:
        raise DataError(
            f"recording: response has {response.sizes['time_bin']} time bins: this version reads one number a "
            "presentation and unit. Give the source one window (s)"
        )
    return response


def _means_and_residuals(
    values: NDArray[np.float64], row: NDArray[np.intp], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    shown = np.bincount(row, minlength=count)
    starts = np.concatenate([[0], np.cumsum(shown)[:-1]])
    sums = np.add.reduceat(values[np.argsort(row, kind="stable")], starts, axis=0)
    means = sums / shown[:, np.newaxis]
    return means, values - means[row]


def _labels(
    recording: Recording, response: xr.DataArray, row: NDArray[np.intp], stimuli: list[str]
) -> xr.DataArray | None:
    import numpy as np
    import pandas as pd
    import xarray as xr

    if "category" in response.coords:
        given = response["category"].values
    elif recording.stimuli is not None and "category" in recording.stimuli.table:
        column = recording.stimuli.table["category"]
        missing = [name for name in stimuli if name not in column.index]
        if missing:
            raise DataError(
                f"recording: {len(missing)} presented stimuli are not in the table of images and have no category "
                f"({_some(missing)}): give the presentations a category"
            )
        given = column.loc[np.asarray(stimuli, dtype=object)[row]].to_numpy()
    else:
        return None
    labels: list[str | None] = [None] * len(stimuli)
    for presentation, (position, value) in enumerate(zip(row.tolist(), given.tolist(), strict=True)):
        if pd.isna(value) or value == "":
            raise DataError(
                f"recording: coordinate 'category' of presentation {presentation} (stimulus {stimuli[position]!r}) is "
                "missing: drop such presentations in the source, or choose another column as category"
            )
        if labels[position] not in (None, str(value)):
            raise DataError(
                f"recording: stimulus {stimuli[position]!r} has several categories ({labels[position]!r} and "
                f"{str(value)!r}, presentation {presentation}): a category must be a property of the stimulus; choose "
                "another column as category, or another column as stimulus"
            )
        labels[position] = str(value)
    return xr.DataArray(np.asarray(labels, dtype=np.str_), dims=("stimulus",), coords={"stimulus": stimuli})


def _some(names: NDArray[np.str_] | list[str], most: int = 3) -> str:
    shown = ", ".join(str(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
