"""Coordinates of a recording: every column once, under a name of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .columns import as_names
from .presentations import repeats
from .shown import Presentations
from .units import UNKNOWN, Session, Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["coordinates"]

_OURS = frozenset({"stimulus_id", "repeat", "start_time", "stop_time", "category", "presentation_id"})
_DIMS = frozenset({"presentation", "unit", "time_bin", "response", "session", "subject", "area"})


def coordinates(
    shown: Presentations, units: Units, chosen: NDArray[np.intp], session: Session
) -> tuple[dict[str, Any], list[str]]:
    """Coordinates of the recording, each name once, and what was renamed for it."""
    notes = []
    presentation: dict[str, NDArray[Any]] = {
        "stimulus_id": shown.names,
        "repeat": repeats(shown.names, shown.windows.start),
        "start_time": shown.windows.start,
        "stop_time": shown.windows.stop,
    }
    if shown.categories is not None:
        presentation["category"] = shown.categories
    for name, values in shown.columns.values.items():
        if name == "id":
            presentation["presentation_id"] = values
        elif name in presentation and _same(values, presentation[name]):
            continue  # the same values under the same name
        elif name in _OURS | _DIMS:
            presentation[f"{name}_in_table"] = values
            if name not in {"start_time", "stop_time"}:  # these move whenever a window is asked for
                notes.append(f"the table's column {name!r} is the coordinate {name + '_in_table'!r}")
        else:
            presentation[name] = values
    unit: dict[str, NDArray[Any]] = {
        "unit": np.array(units.names, dtype=np.str_)[chosen],
        "session": np.full(len(chosen), session.session or session.identifier or UNKNOWN),
        "subject": np.full(len(chosen), session.subject or UNKNOWN),
        "area": units.areas[chosen],
    }
    if not session.subject:
        notes.append(f"the file does not say which subject was recorded: subject is {UNKNOWN!r}")
    for name, column in units.columns.values.items():
        values = column[chosen]
        if name in {"id", "unit_name"} or (name in unit and _same(values, unit[name])):
            continue
        taken = name in presentation or name in _OURS | _DIMS
        unit[f"{name}_in_units" if taken else name] = values
        if taken:
            notes.append(f"the units' column {name!r} is the coordinate {name + '_in_units'!r}")
    if units.columns.left_out:
        listed = ", ".join(f"{name} ({reason})" for name, reason in units.columns.left_out.items())
        notes.append(f"columns of {units.path} that are not among the coordinates: {listed}")
    coords = {name: ("presentation", values) for name, values in presentation.items()}
    return coords | {name: ("unit", values) for name, values in unit.items()}, notes


def _same(values: NDArray[Any], others: NDArray[Any]) -> bool:
    """Whether two columns say the same, as numbers or by name."""
    if values.dtype.kind == others.dtype.kind == "f":
        return bool(np.array_equal(values, others, equal_nan=True))
    return bool(np.array_equal(as_names(values), as_names(others)))
