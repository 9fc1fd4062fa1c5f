"""Simulations of comparisons: two systems that see the same latent variables through rectified units of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from simulating import Draw, Simulation
from spikeproof.pipeline.left_out import Factor, left_out
from spikeproof.scores import Sample, Score
from spikeproof_metrics_representation import cka
from spikeproof_metrics_representation.aligned_kernels import KernelAlignment
from spikeproof_metrics_representation.rdm_similarity import RdmSimilarity

__all__ = ["SIMULATIONS"]

STIMULI, UNITS, LATENTS = 100, 24, 6
_STIMULI_NAMES = np.array([f"s{k:03d}" for k in range(STIMULI)])
_UNIT_NAMES = np.array([f"u{k:02d}" for k in range(UNITS)])

System = tuple[NDArray[np.float64], NDArray[np.float64]]


def units(random: np.random.Generator) -> System:
    """Draw a system: weights on the latent variables and thresholds of its units."""
    return random.normal(size=(LATENTS, UNITS)) / np.sqrt(LATENTS), 0.5 * random.normal(size=UNITS)


def responses(
    systems: tuple[System, System], stimuli: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Responses of both systems to new stimuli, with noise of each unit's own."""
    latent = random.normal(size=(stimuli, LATENTS)) * np.linspace(1.5, 0.5, LATENTS)
    first, second = (
        np.maximum(latent @ weights + threshold, 0.0) + 0.3 * random.normal(size=(stimuli, UNITS))
        for weights, threshold in systems
    )
    return first, second


def cka_of_many(systems: tuple[System, System], stimuli: int, random: np.random.Generator) -> float:
    """CKA of so many stimuli that it is that of their population."""
    return cka(*responses(systems, stimuli, random))


def rdm_of_many(systems: tuple[System, System], stimuli: int, random: np.random.Generator) -> float:
    """Spearman correlation of distances over pairs of which no two share a stimulus: that of all possible pairs."""
    distances = []
    for values in responses(systems, stimuli, random):
        centred = values - values.mean(axis=1, keepdims=True)
        centred /= np.linalg.norm(centred, axis=1, keepdims=True)
        distances.append(1 - (centred[::2] * centred[1::2]).sum(axis=1))
    return float(stats.spearmanr(*distances).statistic)


Truth = Callable[[tuple[System, System], int, np.random.Generator], float]


def _fixed() -> tuple[System, System]:
    random = np.random.default_rng(31)
    return units(random), units(random)


def _simulation(score: Score, truth: Truth, *, anew: bool) -> Simulation:
    """The host's interval for a pair of systems; that of fixed units holds the stimuli alone."""
    (quantity,) = score.quantities()
    known = np.random.default_rng(32)
    value = (
        float(np.mean([truth((units(known), units(known)), 1500, known) for _ in range(400)]))
        if anew
        else truth(_fixed(), 400_000, known)
    )

    def draw(random: np.random.Generator) -> Draw:
        systems = (units(random), units(random)) if anew else _fixed()
        first, second = responses(systems, STIMULI, random)
        sample = Sample(responses=first, reference=second, stimuli=_STIMULI_NAMES, units=_UNIT_NAMES)
        factors: dict[Factor, NDArray[np.str_]] = {"stimuli": _STIMULI_NAMES}
        if anew:
            factors |= {"units": _UNIT_NAMES, "reference_units": _UNIT_NAMES}
        estimate, low, high = (float(part) for part in left_out(score, sample, factors).bounds(quantity, 0, 0.95))
        return estimate, low, high

    which = "units of both drawn anew" if anew else "the same units"
    return Simulation(truth=value, draw=draw, about=f"{STIMULI} stimuli x {UNITS} units, {which}")


SIMULATIONS = {
    "CKA (debiased)": _simulation(KernelAlignment(), cka_of_many, anew=False),
    "CKA (debiased), new units": _simulation(KernelAlignment(), cka_of_many, anew=True),
    "RDM correlation": _simulation(RdmSimilarity(), rdm_of_many, anew=False),
    "RDM correlation, new units": _simulation(RdmSimilarity(), rdm_of_many, anew=True),
}
