"""What a simulation is: a recording of known truth, and what a metric says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.pipeline.blocks import as_target, stack_targets
from spikeproof.pipeline.scored import ScoredMetric
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence

__all__ = ["Draw", "Simulation", "code_of", "of_score", "summary_of"]

Draw = tuple[float, float, float]
"""Estimate, and the two ends of its interval."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """One number whose truth is known.

    Parameters
    ----------
    truth : float
        What the estimate is of.
    draw : callable
        Makes one recording from a generator of random numbers, and gives the estimate with its interval.
    about : str
        What was simulated, in a few words.
    """

    truth: float
    draw: Callable[[np.random.Generator], Draw]
    about: str


def code_of(trials: NDArray[np.float64], labels: NDArray[np.str_] | None = None) -> Code:
    """Make a code of trials (stimulus, repeat, unit); one repeat gives a code without repeats."""
    stimuli, repeats, units = trials.shape
    names, unit = [f"s{k:04d}" for k in range(stimuli)], [f"u{k:04d}" for k in range(units)]
    coords = {"stimulus": names, "unit": unit}
    single = None
    if repeats > 1:
        shown = ("presentation", np.repeat(names, repeats))
        single = xr.DataArray(
            trials.reshape(-1, units), dims=("presentation", "unit"), coords={"stimulus": shown, "unit": unit}
        )
    return Code(
        system="simulation",
        responses=xr.DataArray(trials.mean(axis=1), dims=("stimulus", "unit"), coords=coords),
        labels=None if labels is None else xr.DataArray(labels, dims="stimulus", coords={"stimulus": names}),
        repeats=single,
    )


def summary_of(metric: object, evidence: list[Evidence], resampling: Resampling) -> xr.Dataset:
    """Measure and summarise, as the host does."""
    measured = stack_targets([as_target(metric.measure(one), one) for one in evidence])  # type: ignore[attr-defined]
    found: xr.Dataset = metric.summarise(measured, evidence[0].code, resampling)  # type: ignore[attr-defined]
    return found


def of_score(metric: ScoredMetric, code: Code, name: str) -> Draw:
    """A score of the clean code with its interval, without its chance level, which takes most of the time."""
    from dataclasses import replace

    plain = ScoredMetric(score=metric.score, entry=replace(metric.entry, null=None), seed=metric.seed)
    return drawn(summary_of(plain, [Evidence(code=code)], Resampling(draws=2))[name])


def drawn(values: xr.DataArray) -> Draw:
    """Estimate, low and high of a number."""
    estimate, low, high = (float(values.sel(statistic=part)) for part in ("estimate", "low", "high"))
    return estimate, low, high
