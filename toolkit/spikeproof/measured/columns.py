"""The columns that say what was done to a presented stimulus, read strictly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikeproof.errors import DataError
from spikeproof.wording import did_you_mean, some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["CLEAN_ID", "COLUMNS", "EPSILON", "Perturbations", "perturbations_of"]

CLEAN_ID, EPSILON = "clean_stimulus_id", "epsilon"

_TEXTS = ("norm", "aim", "objective", "target", "target_unit", "other_unit", "control", "attack", "direction", "round")
_NUMBERS = ("achieved", "predicted_effect", "other_unit_effect")
COLUMNS = (CLEAN_ID, EPSILON, *_TEXTS, *_NUMBERS)
"""Columns of a presentation table that are understood; the first two make a perturbed stimulus one."""

_SCALES = ("unit", "population", "behavior")
_NORMS = ("l1", "l2", "linf")
_DIGITS = 6
"""Significant digits of a norm: a column of 0.1 in single precision and one in double precision say the same."""


@dataclass(frozen=True, kw_only=True)
class Perturbations:
    """What was done to the stimulus of each presentation.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a presentation, in order: ``stimulus_id``, ``perturbed`` (bool), and every one of ``COLUMNS``; texts are
        empty and numbers NaN where nothing is said. ``aim``, ``objective`` and ``target`` are filled in.
    """

    table: pd.DataFrame

    @property
    def perturbed(self) -> NDArray[np.bool_]:
        """Which presentations show a perturbed stimulus, (presentation,)."""
        return self.table["perturbed"].to_numpy(dtype=bool)

    @property
    def clean_rows(self) -> NDArray[np.intp]:
        """Numbers of the presentations of clean stimuli."""
        import numpy as np

        return np.flatnonzero(~self.perturbed)


def perturbations_of(responses: xr.Dataset) -> Perturbations | None:
    """Read what was done to each presented stimulus.

    A presentation shows a perturbed stimulus if its ``clean_stimulus_id`` is not empty and its ``epsilon`` above 0.
    With ``epsilon`` 0 it shows the clean stimulus of that name.

    Parameters
    ----------
    responses : xarray.Dataset
        A recording's, see ``Recording.responses``.

    Returns
    -------
    Perturbations or None
        None where there is no column ``clean_stimulus_id``, or every presentation is clean.

    Raises
    ------
    DataError
        Naming the presentation and the column, if ``epsilon`` is missing, no number or negative, one is given without
        the other, a norm, an aim or a unit is not known, one stimulus is described in two ways, or nothing clean was
        shown.
    """
    import pandas as pd

    if CLEAN_ID not in responses.coords:
        return None
    if EPSILON not in responses.coords:
        raise DataError(
            f"recording: presentations have a column {CLEAN_ID!r} but none called {EPSILON!r}: say the norm of each "
            "perturbation (0 for clean stimuli), or rename the first column"
        )
    shown = responses["stimulus_id"].values.astype(str)
    count = len(shown)
    table = pd.DataFrame({"stimulus_id": shown})
    for name in (CLEAN_ID, *_TEXTS):
        table[name] = _texts(responses, name, count)
    for name in (EPSILON, *_NUMBERS):
        table[name] = _numbers(responses, name, count)
    source, epsilon = table[CLEAN_ID].to_numpy(dtype=str), table[EPSILON].to_numpy()
    itself = (source == "") | (source == shown)
    _refuse(
        (epsilon > 0) & itself,
        table,
        lambda row: (
            f"epsilon is {epsilon[row]:g}, but {CLEAN_ID} is {repr(str(source[row])) if source[row] else 'empty'}: "
            "name the clean stimulus that it was made of, or say epsilon 0"
        ),
    )
    _refuse(
        ~itself & ~(epsilon >= 0),
        table,
        lambda row: (
            f"{CLEAN_ID} is {str(source[row])!r}, but epsilon is {_said(epsilon[row])}: say the norm of the "
            "perturbation, or 0 for the clean stimulus itself"
        ),
    )
    _refuse(epsilon < 0, table, lambda row: f"epsilon is {epsilon[row]:g}: a norm is not negative")
    perturbed = ~itself & (epsilon > 0)
    table["perturbed"] = perturbed
    if not perturbed.any():
        return None
    if perturbed.all():
        raise DataError(
            f"recording: every one of {count} presentations shows a perturbed stimulus ({CLEAN_ID}, {EPSILON}): "
            "effects are measured against responses to the clean stimuli: add their presentations"
        )
    _check_names(table, responses["unit"].values.tolist())
    _fill_in(table)
    _check_alike(table)
    return Perturbations(table=table)


def _texts(responses: xr.Dataset, name: str, count: int) -> NDArray[np.str_]:
    import numpy as np
    import pandas as pd

    if name not in responses.coords or responses[name].dims != ("presentation",):
        return np.full(count, "", dtype=object).astype(str)
    values = responses[name].values
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.round(values))
        return np.array(
            ["" if np.isnan(v) else str(int(v)) if w else str(v) for v, w in zip(values, whole, strict=True)]
        )
    return np.array(["" if pd.isna(value) else str(value) for value in values.tolist()], dtype=str)


def _numbers(responses: xr.Dataset, name: str, count: int) -> NDArray[np.float64]:
    import numpy as np
    import pandas as pd

    if name not in responses.coords or responses[name].dims != ("presentation",):
        return np.full(count, np.nan)
    numbers = np.full(count, np.nan)
    for row, value in enumerate(responses[name].values.tolist()):
        if pd.isna(value) or value == "":
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = np.inf
        if not np.isfinite(number):
            stimulus = responses["stimulus_id"].values[row].item()
            raise DataError(
                f"recording: {name} of presentation {row} (stimulus {stimulus!r}) is {value!r}: it must be a number"
            )
        numbers[row] = float(f"{number:.{_DIGITS}g}") if name == EPSILON else number
    return numbers


def _check_names(table: pd.DataFrame, units: list[str]) -> None:
    import numpy as np

    perturbed = table["perturbed"].to_numpy(dtype=bool)
    for name, known in (("aim", _SCALES), ("norm", _NORMS)):
        values = table[name].to_numpy(dtype=str)
        for row in np.flatnonzero(perturbed & (values != "") & ~np.isin(values, known)).tolist():
            said = f"{name} is {str(values[row])!r}, which is none of {', '.join(map(repr, known))}"
            raise DataError(f"recording: presentation {row} (stimulus {table['stimulus_id'].iloc[row]!r}): {said}")
    for name in ("target_unit", "other_unit"):
        values = table[name].to_numpy(dtype=str)
        for row in np.flatnonzero(perturbed & (values != "") & ~np.isin(values, units)).tolist():
            named = str(values[row])
            said = f"{name} is {named!r}, which is no unit of the recording ({some(units)}){did_you_mean(named, units)}"
            raise DataError(f"recording: presentation {row} (stimulus {table['stimulus_id'].iloc[row]!r}): {said}")
    norms = sorted(set(table["norm"][perturbed]) - {""})
    if len(norms) > 1:
        raise DataError(
            f"recording: perturbations are of several norms ({', '.join(norms)}), and their sizes cannot be compared: "
            "keep the presentations of one of them in the source"
        )


def _fill_in(table: pd.DataFrame) -> None:
    """Aim, objective, target: what is not said follows from whether a unit is named."""
    import numpy as np

    unit = table["target_unit"].to_numpy(dtype=str)
    aim = table["aim"].to_numpy(dtype=str)
    aim = np.where(aim != "", aim, np.where(unit != "", "unit", "population"))
    objective = table["objective"].to_numpy(dtype=str)
    objective = np.where(objective != "", objective, aim)
    target = table["target"].to_numpy(dtype=str)
    table["aim"], table["objective"] = aim, objective
    table["target"] = np.where(target != "", target, np.where(unit != "", unit, objective))


def _check_alike(table: pd.DataFrame) -> None:
    """One stimulus is one perturbation of one image, whenever it is shown."""
    named = [name for name in COLUMNS if name not in _NUMBERS]
    first: dict[str, tuple[int, tuple[object, ...]]] = {}
    for row, values in enumerate(zip(table["stimulus_id"], *(table[name] for name in named), strict=True)):
        if not table["perturbed"].iloc[row]:
            continue
        stimulus, said = str(values[0]), values[1:]
        before = first.setdefault(stimulus, (row, said))
        if before[1] != said:
            column = next(name for name, a, b in zip(named, before[1], said, strict=True) if a != b)
            raise DataError(
                f"recording: stimulus {stimulus!r} has two values of {column} ({before[1][named.index(column)]!r} on "
                f"presentation {before[0]}, {said[named.index(column)]!r} on presentation {row}): what was done to an "
                "image is a property of the image; give different images different ids"
            )
    both = {str(name) for name in table["stimulus_id"][~table["perturbed"].to_numpy(dtype=bool)]} & set(first)
    if both:
        raise DataError(
            f"recording: stimulus {min(both)!r} is perturbed on some presentations and clean on others "
            f"({CLEAN_ID}, {EPSILON}): give different images different ids"
        )


def _refuse(bad: NDArray[np.bool_], table: pd.DataFrame, reason: Callable[[int], str]) -> None:
    import numpy as np

    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        more = f" ({int(bad.sum())} such presentations)" if bad.sum() > 1 else ""
        raise DataError(
            f"recording: presentation {row} (stimulus {table['stimulus_id'].iloc[row]!r}): {reason(row)}{more}"
        )


def _said(number: float) -> str:
    return "missing" if number != number else f"{number:g}"
