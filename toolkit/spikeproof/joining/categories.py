"""The category of each stimulus, as several recordings name it: they must agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikeproof.errors import DataError
from spikeproof.wording import some

from .part import Part
from .rows import Rows

__all__ = ["join_categories"]


def join_categories(parts: Sequence[Part], rows: Rows) -> tuple[NDArray[np.str_] | None, list[str]]:
    """Give every presentation the category that any recording names for its stimulus.

    Returns
    -------
    category : numpy.ndarray of str, (presentation,), or None
        Empty where no recording names one; None if none names any.
    notes : list of str

    Raises
    ------
    DataError
        If two recordings, or two presentations in one, give a stimulus different categories.
    """
    held = [part for part in parts if "category" in part.responses.coords]
    if not held:
        return None, []
    category: dict[str, tuple[str, str]] = {}
    for part, taken in zip(parts, rows.taken, strict=True):
        if part not in held:
            continue
        shown = part.responses["stimulus_id"].values[taken].tolist()
        for stimulus, given in zip(shown, part.responses["category"].values[taken].tolist(), strict=True):
            if pd.isna(given) or given == "":
                continue
            before, source = category.setdefault(stimulus, (str(given), part.name))
            if before != str(given):
                where = f"in {source} but {str(given)!r} in {part.name}"
                if source == part.name:
                    where = f"and {str(given)!r} in {part.name}"
                raise DataError(
                    f"sources: stimulus {stimulus!r} has category {before!r} {where}: a category must be a property of "
                    "the stimulus; choose another column as category"
                )
    notes = []
    stimuli = np.unique(rows.stimuli).tolist()
    unnamed = [name for name in stimuli if name not in category]
    if unnamed:
        notes.append(f"{len(unnamed)} of {len(stimuli)} stimuli have no category in any recording ({some(unnamed)})")
    without = [part.name for part in parts if part not in held]
    if without:
        notes.append(
            f"{', '.join(without)} names no categories: those of its stimuli are what the other recordings call them"
        )
    return np.array([category.get(name, ("", ""))[0] for name in rows.stimuli.tolist()]), notes
