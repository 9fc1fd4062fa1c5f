"""Single presentations behind a code, for scores that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.scores import Repeats, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikeproof.code import Code
    from spikeproof.evidence import Evidence

__all__ = ["noiseless", "perturbed_repeats", "reads_repeats", "recorded_with", "repeats_of"]


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


def perturbed_repeats(score: Score, evidence: Evidence, level: int) -> Repeats | None:
    """The presentations of the perturbed stimuli at one epsilon; None where nobody was shown them, or reads them."""
    import numpy as np

    shown = evidence.repeats_perturbed
    if shown is None or evidence.perturbed is None or not reads_repeats(score):
        return None
    here = shown["epsilon"].values == evidence.perturbed["epsilon"].values[level]
    return Repeats(
        responses=np.asarray(shown.values[here], dtype=np.float64), stimuli=shown["stimulus"].values.astype(str)[here]
    )


def recorded_with(code: Code) -> NDArray[np.str_] | None:
    """Subject and session of each unit, (unit,); None where neither is said."""
    import numpy as np

    coords = code.responses.coords
    parts = [coords[name].values.astype(str) for name in ("subject", "session") if name in coords]
    if not parts:
        return None
    return np.array([" ".join(filter(None, row)) for row in zip(*parts, strict=True)])
