"""Linear readouts: the choices that a population of units supports, held out over stimuli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._checks import check_names
from .errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["LinearReadout"]


@dataclass(frozen=True, kw_only=True)
class LinearReadout:
    """A linear classifier fitted in folds over stimuli, so that each stimulus is read by one that never saw it.

    Parameters
    ----------
    classes : tuple of str
        Class names.
    weights : numpy.ndarray of float64, (fold, class, unit)
        Per unit of raw response (any standardisation is folded in).
    intercepts : numpy.ndarray of float64, (fold, class)
    stimuli : tuple of str
        Stimulus ids that ``fold`` covers.
    fold : numpy.ndarray of int, (stimulus,)
        The fold whose classifier reads this stimulus (it was held out there).
    notes : tuple of str
        What a reader should know of the fit, each a clause without a full stop (``"... in 3 folds instead of 5"``).
    """

    classes: tuple[str, ...]
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    stimuli: tuple[str, ...]
    fold: NDArray[np.intp]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        import numpy as np

        if self.weights.ndim != 3:
            raise DataError(f"readout: weights have shape {self.weights.shape}, expected (fold, class, unit)")
        folds, classes, _ = self.weights.shape
        if self.intercepts.shape != (folds, classes) or classes != len(self.classes):
            raise DataError(
                f"readout: weights {self.weights.shape} (fold, class, unit) and intercepts {self.intercepts.shape} "
                f"(fold, class) do not match the {len(self.classes)} classes"
            )
        if classes < 2:
            raise DataError(f"readout: one class only ({self.classes}): a choice needs two")
        check_names("readout", "class", self.classes, unique=True)
        check_names("readout", "stimulus", self.stimuli, unique=True)
        if not (np.isfinite(self.weights).all() and np.isfinite(self.intercepts).all()):
            raise DataError("readout: weights or intercepts are not finite: the fit did not converge")
        if len(self.fold) != len(self.stimuli) or not len(self.fold):
            raise DataError(
                f"readout: {len(self.stimuli)} stimuli have {len(self.fold)} folds: every stimulus needs one"
            )
        wrong = np.flatnonzero((self.fold < 0) | (self.fold >= folds))
        if wrong.size:
            raise DataError(
                f"readout: stimulus {self.stimuli[wrong[0]]!r} is in fold {self.fold[wrong[0]]}, but there are {folds}"
            )

    def folds_of(self, stimuli: Sequence[str]) -> NDArray[np.intp]:
        """Fold of each stimulus id, (stimulus,)."""
        import numpy as np

        position = {name: row for row, name in enumerate(self.stimuli)}
        unknown = [name for name in stimuli if name not in position]
        if unknown:
            raise DataError(f"readout: stimulus {unknown[0]!r} was not in the set that the readout was fitted on")
        return self.fold[np.array([position[name] for name in stimuli], dtype=np.intp)]

    def decision(self, responses: ArrayLike, stimuli: Sequence[str]) -> NDArray[np.float64]:
        """Decision values (..., stimulus, class) of responses (..., stimulus, unit)."""
        import numpy as np

        fold = self.folds_of(stimuli)
        values = np.asarray(responses, dtype=np.float64)
        out = np.empty((*values.shape[:-1], len(self.classes)))
        for number in np.unique(fold):
            rows = fold == number
            out[..., rows, :] = values[..., rows, :] @ self.weights[number].T + self.intercepts[number]
        return out

    def choices(self, responses: ArrayLike, stimuli: Sequence[str]) -> NDArray[np.str_]:
        """Chosen class (..., stimulus) of responses (..., stimulus, unit); the first class wins ties."""
        import numpy as np

        names: NDArray[np.str_] = np.asarray(self.classes, dtype=np.str_)[
            self.decision(responses, stimuli).argmax(axis=-1)
        ]
        return names
