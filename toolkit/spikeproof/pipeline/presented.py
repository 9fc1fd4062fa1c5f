"""Single presentations behind a code, for scores that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.scores import Repeats, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikeproof.code import Code

__all__ = ["noiseless", "reads_repeats", "repeats_of"]


def reads_repeats(score: Score) -> bool:
    """Whether a score says that it reads single presentations; others are spared the copies."""
    return bool(getattr(score, "reads_repeats", False))


def noiseless(code: Code) -> bool:
    """Whether responses are computed: those of a network's layer, or of an encoder on one."""
    return "layer" in code.facts


def repeats_of(score: Score, code: Code, stimuli: NDArray[np.str_] | None = None) -> Repeats | None:
    """The presentations of these stimuli (all by default); None where there are none, or the score reads none."""
    import numpy as np

    if code.repeats is None or not reads_repeats(score):
        return None
    found = Repeats(
        responses=np.asarray(code.repeats.values, dtype=np.float64),
        stimuli=code.repeats["stimulus"].values.astype(str),
    )
    return found if stimuli is None else found.of_stimuli(stimuli)
