"""Recorded responses to perturbed images, signed by predictions that are right with a known probability."""

from __future__ import annotations

from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from simulating import Draw, Simulation, code_of, drawn, summary_of
from spikeproof.statistics import Resampling
from spikeproof.types import Evidence
from spikeproof_metrics_unit.metrics.measured_sensitivity import MeasuredSensitivity

__all__ = ["SIMULATIONS"]

RESAMPLING = Resampling(draws=500)
UNITS, STIMULI, TIMES, NOISE, EFFECT = 24, 40, 4, 1.0, 0.8


def _trials(random: np.random.Generator, moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Single responses (stimulus, showing, unit) about these means."""
    return moved[:, None] + random.normal(0, NOISE, (STIMULI, TIMES, UNITS))


def measured(random: np.random.Generator, *, effect: float, right: float, number: str) -> Draw:
    """Neurons that are moved by one size, up or down as predicted with probability ``right``."""
    truth = random.normal(size=(STIMULI, UNITS))
    code = code_of(_trials(random, truth))
    names, units = (code.responses[dim].values for dim in ("stimulus", "unit"))
    found = []
    for column, unit in enumerate(units):
        sign = random.choice([-1.0, 1.0], STIMULI)
        moved = truth.copy()
        moved[:, column] += np.where(random.random(STIMULI) < right, sign, -sign) * effect
        trials = _trials(random, moved)
        shown = np.repeat(names, TIMES)
        on_presentation = {
            "stimulus": shown,
            "epsilon": np.ones(len(shown)),
            "direction": np.repeat(np.where(sign > 0, "up", "down"), TIMES),
            "image": np.char.add(shown.astype(str), "+"),
            "row": np.arange(len(shown)),
        }
        found.append(
            Evidence(
                code=code,
                domain="stimulus",
                attack="measured",
                aim="unit",
                objective="unit",
                target=str(unit),
                target_unit=str(unit),
                perturbed=xr.DataArray(
                    trials.mean(axis=1)[None],
                    dims=("epsilon", "stimulus", "unit"),
                    coords={
                        "epsilon": xr.DataArray([1.0], dims="epsilon", attrs={"units": "L2 norm"}),
                        "stimulus": names,
                        "unit": units,
                    },
                ),
                repeats_perturbed=xr.DataArray(
                    trials.reshape(-1, UNITS),
                    dims=("presentation", "unit"),
                    coords={"unit": units, **{key: ("presentation", one) for key, one in on_presentation.items()}},
                ),
            )
        )
    return drawn(summary_of(MeasuredSensitivity(), found, RESAMPLING)[number].squeeze())


def _per_sd() -> float:
    """Mean of one over the sd of a unit's measured clean means."""
    random = np.random.default_rng(97)
    means = random.normal(0, np.sqrt(1 + NOISE**2 / TIMES), (STIMULI, 100_000))
    return float(np.mean(1 / means.std(axis=0, ddof=1)))


_PER_SD = _per_sd()
_FLOOR = float(2 * NOISE / np.sqrt(np.pi * TIMES))


def _simulation(number: str, right: float, effect: float, truth: float) -> Simulation:
    return Simulation(
        truth=truth,
        draw=partial(measured, effect=effect, right=right, number=number),
        about=f"{UNITS} neurons x {STIMULI} images, {TIMES} showings, p = {right:g}, D = {effect:g}",
    )


SIMULATIONS = {
    "signed sensitivity": _simulation("signed", 0.8, EFFECT, 0.6 * EFFECT * _PER_SD),
    "signed sensitivity, all signs right": _simulation("signed", 1.0, EFFECT, EFFECT * _PER_SD),
    "signed sensitivity, no effect": _simulation("signed", 0.8, 0.0, 0.0),
    "naive sensitivity, no effect": _simulation("naive", 0.8, 0.0, _FLOOR * _PER_SD),
}
