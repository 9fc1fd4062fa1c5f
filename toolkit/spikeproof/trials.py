"""What a subject did, trial by trial: the behaviour of people and animals beside that of a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._checks import check_names
from .errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["check_trials", "trials_of_presentations"]

_TEXT = ("subject", "stimulus_id", "choice")
_OPTIONAL = ("session", "condition", "category", "image_set")


def check_trials(trials: xr.Dataset) -> None:
    """Refuse trials that cannot be trusted.

    Parameters
    ----------
    trials : xarray.Dataset, dims (trial,)
        ``subject``, ``stimulus_id`` and ``choice`` (str; an empty choice is a trial without one), and where they are
        known ``session``, ``condition``, ``category`` (the right choice), ``image_set`` (str) and ``rt`` (s).

    Raises
    ------
    DataError
        If one of the three is missing, or a variable is no text or number along ``trial``.
    """
    import numpy as np

    if "trial" not in trials.sizes or trials.sizes["trial"] == 0:
        raise DataError("trials: there are none: give them a dimension 'trial' with at least one")
    missing = [name for name in _TEXT if name not in trials]
    if missing:
        raise DataError(f"trials: {missing[0]!r} is missing; there are {', '.join(map(str, trials.variables))}")
    for name, variable in trials.variables.items():
        if variable.dims != ("trial",):
            raise DataError(f"trials: {name!r} has dims {variable.dims}, expected (trial,)")
    for name in (*_TEXT, *_OPTIONAL):
        if name in trials and trials[name].dtype.kind != "U":
            raise DataError(f"trials: {name!r} must be text, got {trials[name].dtype}")
    if "rt" in trials and not np.issubdtype(trials["rt"].dtype, np.floating):
        raise DataError(f"trials: 'rt' must be seconds, got {trials['rt'].dtype}")
    check_names("trials", "subject", trials["subject"].values.tolist(), unique=False)
    check_names("trials", "stimulus_id", trials["stimulus_id"].values.tolist(), unique=False)


def trials_of_presentations(responses: xr.Dataset | None) -> xr.Dataset | None:
    """Trials that a recording's presentations are, where the subject's choices were recorded; None otherwise.

    The subject of a presentation is that of the units, if there is one only; a composite's sessions are kept apart by
    their sources and have no single subject, so it gives none.

    Parameters
    ----------
    responses : xarray.Dataset, optional
        With ``choice`` on presentation.

    Returns
    -------
    xarray.Dataset, dims (trial,), or None
        With ``row`` (int): the number of the presentation.
    """
    import numpy as np
    import xarray as xr

    if responses is None:
        return None
    subjects = sorted(set(responses["subject"].values.astype(str).tolist())) if "subject" in responses.coords else []
    if "choice" not in responses.coords or len(subjects) > 1:
        return None
    count = responses.sizes["presentation"]
    parts = {
        "subject": np.full(count, subjects[0] if subjects and subjects[0] else "subject"),
        "stimulus_id": responses["stimulus_id"].values.astype(str),
        "choice": _text(responses["choice"].values),
    }
    if "category" in responses.coords:
        parts["category"] = _text(responses["category"].values)
    sessions = set(responses["session"].values.astype(str).tolist()) if "session" in responses.coords else set()
    if len(sessions) == 1:
        parts["session"] = np.full(count, sessions.pop())
    trials = xr.Dataset({name: ("trial", values) for name, values in parts.items()})
    return trials.assign(row=("trial", np.arange(count)))


def _text(values: NDArray[np.generic]) -> NDArray[np.str_]:
    """Text of choices; empty where a number is NaN: no choice was made."""
    import numpy as np

    text: NDArray[np.str_] = values.astype(str)
    return np.where(np.isnan(values), "", text) if values.dtype.kind == "f" else text
