"""A recording's responses as a clean code: means over repeats, labels, single presentations, noise covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .averaging import means_over_repeats, measured_stimuli, one_number
from .code import Code
from .covariance import noise_covariance, session_covariance, session_name, sessions_of
from .errors import DataError, NotEnoughData
from .recording import Recording
from .wording import some

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["code_of_recording", "noise_covariance"]


def code_of_recording(recording: Recording, system: str = "recording") -> tuple[Code, tuple[str, ...]]:
    """Average a recording's responses over the repeats that were measured.

    A code is complete: every unit has a response to every stimulus. Stimuli that not every unit was measured on are
    left out of the code, and this is noted; the recording keeps them.

    Parameters
    ----------
    recording : Recording
        With ``response`` (presentation, unit); time bins are summed (spikes) or averaged (anything else). Labels are
        the presentations' ``category``, or that of the stimuli.
    system : str
        Name of the code.

    Returns
    -------
    code : Code
        Without readout. Stimuli stand in the order of their first presentation; coordinates on unit are kept.
        ``repeats`` holds the presentations that every unit was measured on, if at least one stimulus has two of them.
        ``noise_covariance`` is pooled over stimuli (degrees of freedom: presentations - stimuli) and estimated session
        by session, since units of different sessions were never recorded together: between sessions it is zero. It is
        there only with at least two residual degrees of freedom per unit in every session, and if it is positive
        definite.
    notes : tuple of str
        What was left out and what could not be had, and why, and which units are constant.

    Raises
    ------
    DataError
        If there are no responses, or a stimulus has several categories or none while others have one.
    NotEnoughData
        If fewer than two stimuli were measured in every unit.

    Notes
    -----
    Beside what is returned, the largest arrays on the way are one session's presentations and, for counts that are
    not float64 yet, one copy of the responses.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> response = xr.DataArray(
    ...     [[1.0, 5.0], [2.0, 6.0], [3.0, np.nan]],
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
    ([[2.0, 5.0], [2.0, 6.0]], ['b', 'a'])
    """
    import numpy as np
    import pandas as pd
    import xarray as xr

    if recording.responses is None:
        raise DataError("recording: it holds images without responses: add a source with responses, or a model")
    response = recording.responses["response"]
    values, binned = one_number(response)
    notes = list(binned)
    every_row, names = pd.factorize(response["stimulus_id"].values)
    kept = _complete(values, every_row, names, response, system, notes)
    stimuli = [str(name) for name in names[kept]]
    if len(kept) < len(names):
        inside = np.flatnonzero(np.isin(every_row, kept))
        values, row = values[inside], np.searchsorted(kept, every_row[inside])
    else:
        inside, row = np.arange(len(every_row)), every_row
    means = means_over_repeats(values, row, len(stimuli))
    on_unit = {str(name): coord for name, coord in response.coords.items() if coord.dims == ("unit",)}
    attrs = {"units": str(response.attrs["units"])}
    constant = response["unit"].values[np.ptp(means, axis=0) <= 1e-12 * np.abs(means).max(axis=0)]
    if constant.size:
        notes.append(
            f"{constant.size} of {values.shape[1]} units have the same mean response to every stimulus: "
            f"{some(constant)}"
        )
    single = _single_presentations(values, row, notes)
    repeats = covariance = None
    if single is not None:
        repeats = xr.DataArray(
            values if len(single) == len(values) else values[single],
            dims=("presentation", "unit"),
            coords={
                **on_unit,
                "stimulus": ("presentation", np.asarray(stimuli)[row[single]]),
                "row": ("presentation", inside[single]),
            },
            attrs=attrs,
        )
    if len(values) > len(stimuli):
        estimate, reason = session_covariance(values, row, response)
        if estimate is None:
            notes.append(f"no noise covariance: {reason}; population distances use z-scored units instead")
        else:
            units = response["unit"].values
            covariance = xr.DataArray(
                estimate, dims=("unit", "unit_other"), coords={"unit": units, "unit_other": units}
            )
            sessions = len(sessions_of(response))
            if sessions > 1:
                notes.append(
                    f"units of different sessions were not recorded together: the noise covariance between the "
                    f"{sessions} sessions is not measured and taken as zero"
                )
    else:
        notes.append("no stimulus was repeated: there is no noise covariance; population distances use z-scored units")
    code = Code(
        system=system,
        responses=xr.DataArray(means, dims=("stimulus", "unit"), coords={**on_unit, "stimulus": stimuli}, attrs=attrs),
        labels=_labels(recording, response, row, inside, stimuli),
        repeats=repeats,
        noise_covariance=covariance,
        facts=dict(recording.identity),
    )
    return code, tuple(notes)


def _complete(
    values: NDArray[np.float64],
    row: NDArray[np.intp],
    names: NDArray[np.str_],
    response: xr.DataArray,
    system: str,
    notes: list[str],
) -> NDArray[np.intp]:
    """Numbers of the stimuli that every unit was measured on; the others are noted, with what measured least."""
    import numpy as np

    if len(names) < 2:
        raise NotEnoughData(
            f"{system}: one stimulus only ({str(names[0])!r}): a code needs at least two different stimuli"
        )
    total = values.shape[1]
    measured = measured_stimuli(values, row, len(names))
    complete = measured == total
    kept = np.flatnonzero(complete)
    if len(kept) == len(names):
        return kept
    fewest = _measured_least(values, row, response)
    if len(kept) < 2:
        raise NotEnoughData(
            f"{system}: {len(kept)} of {len(names)} stimuli were measured in all {total} units, and a code needs two "
            f"at least ({fewest}): leave out the units or sessions that saw too few stimuli"
        )
    notes.append(
        f"{len(names) - len(kept)} of {len(names)} stimuli were not measured in all {total} units and are left out of "
        f"the code ({some(names[~complete])}); {fewest}"
    )
    return kept


def _measured_least(values: NDArray[np.float64], row: NDArray[np.intp], response: xr.DataArray) -> str:
    """Say which session, or which unit of the only one, was measured on the fewest stimuli."""
    import numpy as np

    sessions = sessions_of(response)
    if len(sessions) > 1:
        counts = {
            key: len(np.unique(row[~np.isnan(values[:, columns]).all(axis=1)])) for key, columns in sessions.items()
        }
        key = min(counts, key=lambda key: (counts[key], key))
        return f"the fewest, {counts[key]}, in {session_name(*key)}"
    of_unit = [len(np.unique(row[~np.isnan(column)])) for column in values.T]
    least = int(np.argmin(of_unit))
    return f"the fewest, {of_unit[least]}, in unit {response['unit'].values[least].item()!r}"


def _single_presentations(
    values: NDArray[np.float64], row: NDArray[np.intp], notes: list[str]
) -> NDArray[np.intp] | None:
    """Presentations that every unit was measured on; None if there is no stimulus with two of them."""
    import numpy as np

    single = np.flatnonzero(~np.isnan(values).any(axis=1))
    repeated = len(single) > len(np.unique(row[single]))
    if len(single) < len(values):
        end = "the others enter the means alone"
        if not repeated:
            end = "no stimulus has two, so there are no repeats for metrics that need them; all enter the means"
        notes.append(f"{len(single)} of {len(values)} presentations were measured in every unit; {end}")
    return single if repeated else None


def _labels(
    recording: Recording,
    response: xr.DataArray,
    row: NDArray[np.intp],
    presentations: NDArray[np.intp],
    stimuli: list[str],
) -> xr.DataArray | None:
    """Category of each stimulus of the code; ``row`` is the stimulus of each of ``presentations``."""
    import numpy as np
    import pandas as pd
    import xarray as xr

    if "category" in response.coords:
        given = response["category"].values[presentations]
    elif recording.stimuli is not None and "category" in recording.stimuli.table:
        column = recording.stimuli.table["category"]
        missing = [name for name in stimuli if name not in column.index]
        if missing:
            raise DataError(
                f"recording: {len(missing)} presented stimuli are not in the table of images and have no category "
                f"({some(missing)}): give the presentations a category"
            )
        given = column.loc[np.asarray(stimuli, dtype=object)[row]].to_numpy()
    else:
        return None
    labels: list[str | None] = [None] * len(stimuli)
    for presentation, position, value in zip(presentations.tolist(), row.tolist(), given.tolist(), strict=True):
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
