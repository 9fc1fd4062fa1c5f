"""How sparse a code would look if its units did not care which stimulus is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spikeproof.statistics import Resampling
from spikeproof.types import Code, generator

from spikeproof_metrics_unit.sparseness import lifetime_sparseness, population_sparseness

from .weighted import weighted_mean

__all__ = ["ChanceSparseness", "chance_sparseness"]

_MOST = 200
"""Simulations: enough for the central 95 %, and each is a whole data set."""


@dataclass(frozen=True, kw_only=True)
class ChanceSparseness:
    """Sparseness under a null, or why there is none.

    Parameters
    ----------
    name, definition : str
        What the null is; or in ``definition`` the reason why there is none.
    lifetime : numpy.ndarray of float64, (simulation, unit), optional
    population : numpy.ndarray of float64, (simulation,), optional
        Mean over stimuli.
    """

    name: str = ""
    definition: str
    lifetime: NDArray[np.float64] | None = None
    population: NDArray[np.float64] | None = None


def chance_sparseness(code: Code, resampling: Resampling, *, rectify: bool) -> ChanceSparseness:
    """Simulate the code without tuning.

    Spike counts: Poisson counts at each unit's mean rate, averaged over as many repeats as each stimulus had. Other
    responses that were repeated: single presentations, shuffled over stimuli (the same for all units). Otherwise
    nothing is known of the noise.

    Parameters
    ----------
    code : Code
    resampling : Resampling
        Its seed; at most 200 of its draws.
    rectify : bool
        Whether negative means are set to 0, as in the data.
    """
    units = str(code.responses.attrs.get("units", ""))
    stimuli = code.responses["stimulus"].values
    rng = generator(resampling.seed, "sparseness", "chance")
    count = min(resampling.draws, _MOST)
    if units.startswith("spike") and (code.responses.values >= 0).all():
        repeats = _repeats(code)[:, None]
        total = (code.responses.values * repeats).sum(axis=0) / repeats.sum()
        simulations = (rng.poisson(total * repeats, size=code.responses.shape) / repeats for _ in range(count))
        name, text = (
            "Poisson noise alone",
            "Poisson spike counts at each unit's mean rate, the same for every stimulus.",
        )
    elif code.repeats is not None:
        single = code.repeats.transpose("presentation", "unit").values
        row = _rows(code.repeats["stimulus"].values, stimuli)
        share = np.zeros((len(stimuli), len(row)))
        share[row, np.arange(len(row))] = 1
        share /= share.sum(axis=1, keepdims=True)
        if not rectify and (single < 0).any():
            return ChanceSparseness(
                definition="No chance level: single presentations are negative, so that shuffled means may be too."
            )
        simulations = (share @ single[rng.permutation(len(single))] for _ in range(count))
        name, text = "shuffled presentations", "Means of single presentations that were shuffled over stimuli."
    else:
        return ChanceSparseness(
            definition=f"No chance level: the responses ({units or 'no units given'}) are neither spike counts nor "
            "repeated, so nothing is known of their noise."
        )
    lifetime, population = [], []
    for simulated in simulations:
        values = np.maximum(simulated, 0.0) if rectify else simulated
        lifetime.append(lifetime_sparseness(values))
        if values.shape[1] > 1:
            per_stimulus = population_sparseness(values)
            population.append(float(weighted_mean(per_stimulus, np.ones(len(per_stimulus)))))
    return ChanceSparseness(
        name=name,
        definition=f"{text} Mean and central {resampling.level:.0%} of {count} simulations.",
        lifetime=np.stack(lifetime),
        population=np.array(population) if population else None,
    )


def _repeats(code: Code) -> NDArray[np.float64]:
    """How often each stimulus was presented, (stimulus,)."""
    stimuli = code.responses["stimulus"].values
    if code.repeats is None:
        return np.ones(len(stimuli))
    rows = _rows(code.repeats["stimulus"].values, stimuli)
    return np.bincount(rows, minlength=len(stimuli)).astype(np.float64)


def _rows(presented: NDArray[np.str_], stimuli: NDArray[np.str_]) -> NDArray[np.intp]:
    position = {name: row for row, name in enumerate(stimuli.tolist())}
    return np.array([position[name] for name in presented.tolist()], dtype=np.intp)
