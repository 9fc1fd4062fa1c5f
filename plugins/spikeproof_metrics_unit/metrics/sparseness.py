"""Lifetime and population sparseness of the clean code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import (
    Resampling,
    interval,
    proportion_interval,
    reported,
    resampling_weights,
    stack_statistic,
)
from spikeproof.summaries import against, annotated, levels, unit_word
from spikeproof.types import Code, Evidence
from spikeproof.wording import percent, with_interval

from spikeproof_metrics_unit.sparseness import lifetime_sparseness, population_sparseness, treves_rolls_activity

from .sparseness_chance import chance_sparseness
from .weighted import weighted_mean

__all__ = ["Sparseness"]

_KNOWN = json.dumps({"exponential": 0.5, "half-normal": round(1 - 2 / np.pi, 4)})
_ACTIVITY = "a = (mean r)^2 / mean r^2, of mean responses"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparseness:
    """How few stimuli drive a unit, and how few units a stimulus drives."""

    rectify: Annotated[bool, "Set negative responses to 0; otherwise a code that has any is refused."] = False

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure the clean code: ``lifetime`` and ``activity`` (unit), ``population`` (stimulus).

        Raises
        ------
        spikeproof.errors.DataError
            If responses are negative and are not to be rectified.
        spikeproof.errors.NotEnoughData
            If no unit ever responds.
        """
        values = self._values(evidence.code)
        names = evidence.code.responses
        measured = xr.Dataset(
            {"lifetime": ("unit", lifetime_sparseness(values)), "activity": ("unit", treves_rolls_activity(values))},
            coords={"unit": names["unit"].values},
        )
        if values.shape[1] > 1:
            measured = measured.assign_coords(stimulus=names["stimulus"].values)
            measured["population"] = ("stimulus", population_sparseness(values))
        return measured

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Summarise over units and stimuli, with what noise alone would give beside it."""
        values = self._values(code)
        own = measured.isel(target=0)
        clause = f" Negative responses of {_negative(code)} units were set to 0." if self.rectify else ""
        chance = chance_sparseness(code, resampling, rectify=self.rectify)
        stimuli, no_stimuli = resampling_weights(code.responses, "stimulus", resampling)
        units, no_units = resampling_weights(code.responses, "unit", resampling, within=levels(code.responses)["unit"])
        fixed = [*no_stimuli, *no_units]
        activity = _activity(stimuli, values)
        summary = xr.Dataset()
        lifetime = _sparse(activity, values)
        source = f"to n = {len(values)} stimuli (Treves & Rolls 1991; Vinje & Gallant 2000). Silent units have none."
        for key, name, text, formula, draws in (
            ("lifetime", "lifetime_sparseness", "lifetime sparseness", "(1 - a) / (1 - 1/n), ", lifetime),
            ("activity", "treves_rolls_activity", "Treves-Rolls activity", "", activity),
        ):
            definition = f"{formula}{_ACTIVITY} {source}{clause}"
            figure: dict[str, str] = {"figure": "distribution", "x": "unit"}
            if key == "lifetime":
                figure |= {"reference_lines": _KNOWN, "caption": "Lines: exponential and half-normal responses."}
                if chance.lifetime is not None:
                    figure["chance"] = "lifetime_sparseness_chance"
            summary[f"{name}_mean"] = annotated(
                reported(weighted_mean(draws, units), _mean(own[key]), resampling, fixed),
                long_name=f"mean {text}",
                units="1",
                definition=f"{definition} Mean over units; interval over units and stimuli.",
                **({"headline": 1} if key == "lifetime" else {}),
            )
            summary[name] = annotated(
                reported(draws, _bare(own[key]), resampling, no_stimuli),
                long_name=text,
                units="1",
                definition=f"{definition} Interval over stimuli.",
                **figure,
            )
        if "population" in own:
            summary = summary.merge(_population(own["population"], values, stimuli, units, resampling, fixed, clause))
        summary["silent_fraction"] = _silent(own["lifetime"], resampling)
        for name, level, like in (
            ("lifetime_sparseness_chance", chance.lifetime, _bare(own["lifetime"])),
            ("lifetime_sparseness_mean_chance", _over_units(chance.lifetime), xr.DataArray(0.0)),
            ("population_sparseness_mean_chance", chance.population, xr.DataArray(0.0)),
        ):
            if level is not None:
                mean = weighted_mean(level.T, np.ones(len(level)))
                low, high = interval(level, mean, resampling.level, undefined="exclude")
                parts = (like.copy(data=part) for part in (mean, low, high))
                summary[name] = annotated(
                    stack_statistic(*parts), long_name=chance.name, units="1", definition=chance.definition
                )
        return summary.assign_attrs(chance=chance.definition)

    def describe(self, summary: xr.Dataset, code: Code) -> Iterator[str]:
        """Say how sparse the code is, and whether noise alone would look as sparse."""
        mean = summary["lifetime_sparseness_mean"]
        count = code.responses.sizes["unit"]
        text = (
            f"Lifetime sparseness is {with_interval(mean)} on average over {count} {unit_word(code)}s"
            " (0: alike to all stimuli; 1: one stimulus only)"
        )
        if "lifetime_sparseness_mean_chance" in summary:
            level = summary["lifetime_sparseness_mean_chance"]
            text += f"; {level.attrs['long_name']} would give {with_interval(level)}"
            verdict = {
                "above": "sparser",
                "below": "less sparse",
                "within": "not told apart from it",
            }
            yield f"{text}: the code is {verdict[against(mean, level)]}."
        else:
            yield f"{text}. {summary.attrs['chance']}"
        if "population_sparseness_mean" in summary:
            yield (
                f"Population sparseness is {with_interval(summary['population_sparseness_mean'])} on average over"
                " stimuli (0: all units respond alike; 1: one unit only)."
            )
        else:
            yield "Population sparseness was not computed: it needs at least two units."
        silent = summary["silent_fraction"]
        if float(silent.sel(statistic="estimate")) > 0:
            yield f"{percent(silent)} of units respond to no stimulus and have no sparseness."

    def _values(self, code: Code) -> NDArray[np.float64]:
        """Responses (stimulus, unit) that sparseness is defined for, scaled so that no square overflows."""
        responses = code.responses
        values: NDArray[np.float64] = responses.values
        lowest = values.min(axis=0)
        if (lowest < 0).any() and not self.rectify:
            worst = int(lowest.argmin())
            name, units = str(responses["unit"].values[worst]), responses.attrs.get("units", "")
            raise DataError(
                f"sparseness: {_negative(code)} of {lowest.size} units of {code.system} have negative responses"
                f" (lowest: {lowest[worst]:.4g} {units}, unit {name!r}), and sparseness is defined for responses that"
                " are not negative. Read responses that are not (a layer after its ReLU, rates without baseline"
                " subtraction), or set rectify = true in the metric's table (--metric.rectify) to set negative"
                " responses to 0"
            )
        top = float(values.max())
        if top <= 0:
            raise NotEnoughData(f"sparseness: no unit of {code.system} responds to any of its {len(values)} stimuli")
        scaled: NDArray[np.float64] = np.maximum(values, 0.0) / top
        return scaled


def _activity(weights: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Treves-Rolls activity (draw, column) of weighted rows."""
    total = weights.sum(axis=1, keepdims=True)
    peak = values.max(axis=0)
    scaled = np.divide(values, peak, out=np.zeros_like(values), where=peak > 0)
    first, second = weights @ scaled / total, weights @ scaled**2 / total
    activity: NDArray[np.float64] = np.divide(first**2, second, out=np.full_like(first, np.nan), where=second > 0)
    return activity


def _sparse(activity: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 - activity) / (1 - 1 / len(values))


def _population(
    own: xr.DataArray,
    values: NDArray[np.float64],
    stimuli: NDArray[np.float64],
    units: NDArray[np.float64],
    resampling: Resampling,
    fixed: list[str],
    clause: str,
) -> xr.Dataset:
    draws = _sparse(_activity(units, values.T), values.T)
    definition = f"(1 - a) / (1 - 1/n), {_ACTIVITY} of n = {len(values.T)} units to one stimulus. {clause}".strip()
    no_units = [name for name in fixed if name != "stimulus"]
    return xr.Dataset(
        {
            "population_sparseness_mean": annotated(
                reported(weighted_mean(draws, stimuli), _mean(own), resampling, fixed),
                long_name="mean population sparseness",
                units="1",
                definition=f"{definition} Mean over stimuli; interval over units and stimuli.",
            ),
            "population_sparseness": annotated(
                reported(draws, _bare(own), resampling, no_units),
                long_name="population sparseness",
                units="1",
                definition=f"{definition} Interval over units.",
                figure="distribution",
                x="stimulus",
            ),
        }
    )


def _silent(lifetime: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    silent = int(np.isnan(lifetime.values).sum())
    low, high = proportion_interval(silent, lifetime.size, resampling.level)
    parts = (xr.DataArray(float(part)) for part in (silent / lifetime.size, low, high))
    return annotated(
        stack_statistic(*parts),
        long_name="fraction of silent units",
        units="1",
        definition="Share of units that respond to no stimulus. Clopper-Pearson interval.",
    )


def _over_units(level: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    return None if level is None else weighted_mean(level, np.ones(level.shape))


def _mean(values: xr.DataArray) -> xr.DataArray:
    return xr.DataArray(float(values.mean(skipna=True)))


def _bare(values: xr.DataArray) -> xr.DataArray:
    dim = values.dims[0]
    kept: dict[Any, Any] = {dim: values[dim].values}
    return xr.DataArray(values.values, dims=(dim,), coords=kept)


def _negative(code: Code) -> int:
    return int((code.responses.values.min(axis=0) < 0).sum())
