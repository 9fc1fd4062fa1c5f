"""Sensitivity of recorded neurons from responses that were measured: naive, signed, and the floor of noise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import (
    Resampling,
    bootstrap_draws,
    bootstrap_fraction,
    bootstrap_mean,
    noise_floor,
    pooled_variance,
    reported,
)
from spikeproof.summaries import annotated, levels
from spikeproof.types import Code, Evidence
from spikeproof.wording import joined, percent, with_interval

from spikeproof_metrics_unit.measured import signal_sd, signed_shift

from .perturbations import across, controls_of, lines_of, target_responses

__all__ = ["MeasuredSensitivity"]

_BOTH = ("unit", "stimulus")
_DIRECTIONS = {"up": 1.0, "down": -1.0, "": np.nan}
_SD = "sd over clean stimuli"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSensitivity:
    """Three estimates side by side: sizes as measured, changes in the predicted direction, and noise alone."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure one target unit, dims (epsilon, stimulus), in standard deviations over clean stimuli.

        ``naive`` (size of the change), ``signed`` (change in the predicted direction), ``agrees`` (whether it is),
        ``floor`` and ``noise`` (mean size, and variance, of a change by noise alone), ``corrected`` (``signed`` in
        noise corrected standard deviations), ``predicted`` (size that was predicted).

        Raises
        ------
        NotEnoughData
            If there are no single responses to perturbed stimuli.
        spikeproof.errors.DataError
            If there is no target unit, or it never varies over clean stimuli.
        """
        name, clean, attacked, perturbed = target_responses(evidence, "measured-sensitivity")
        single = evidence.repeats_perturbed
        if single is None:
            raise NotEnoughData(
                f"measured-sensitivity: no presentation of {evidence.attack} was recorded in all units: it needs "
                "single responses to perturbed stimuli"
            )
        sd = float(np.std(clean.values, ddof=1))
        variance, shown_clean = _trials(evidence, name)
        shown = _shown(single, perturbed)
        of_stimulus = xr.DataArray(shown_clean, dims="stimulus", coords={"stimulus": clean["stimulus"].values})
        each = of_stimulus.sel(stimulus=perturbed["stimulus"].values).values
        tau2 = variance * (1 / shown + 1 / each) / sd**2
        sign = _signs(evidence, single, perturbed)
        change = (perturbed.values - attacked.values) / sd
        signed = signed_shift(attacked.values / sd, perturbed.values / sd, sign)
        ratio = sd / signal_sd(clean.values, variance, shown_clean) if np.isfinite(variance) else np.nan
        out = {
            "naive": np.abs(change),
            "signed": signed,
            "agrees": np.where(np.isnan(sign) | (change == 0), np.nan, (signed > 0).astype(np.float64)),
            "floor": noise_floor(variance, shown, np.broadcast_to(each, shown.shape)) / sd,
            "noise": tau2,
            "corrected": signed * ratio,
        }
        if evidence.predicted is not None:
            out["predicted"] = np.abs(evidence.predicted.values) / sd
        return xr.Dataset({key: perturbed.copy(data=values) for key, values in out.items()}).assign_attrs(units=_SD)

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Summarise over units and stimuli, one line per attack and per control."""
        lines = lines_of(measured)
        spread = "Interval: bootstrap over units and stimuli, nested in sessions and subjects."
        shared = {"units": _SD, "figure": "curve", "x": "epsilon"}

        def means(key: str) -> xr.DataArray:
            return across(
                lines, lambda part: bootstrap_mean(part[key], _BOTH, resampling, nested_in=levels(part[key]), name=key)
            )

        out = {
            "naive": annotated(
                means("naive"),
                long_name="naive measured sensitivity",
                definition=(
                    "Mean over target units and perturbed stimuli of |mean response to the perturbed image - mean "
                    f"response to its clean version| over the sd of the unit's clean means. Noise raises it. {spread}"
                ),
                reference_lines=json.dumps({"1 sd": 1.0}),
                **shared,
                **({"chance": "floor"} if _known(measured, "floor") else {}),
            ),
        }
        if _known(measured, "signed"):
            out["signed"] = annotated(
                means("signed"),
                long_name="signed measured sensitivity",
                definition=(
                    "Mean of the change of the response in the direction that was predicted before it was recorded, "
                    "over the sd of the unit's clean means (Guo et al. 2022): on average at most the true sensitivity, "
                    f"whatever the noise; 0 where there is no effect, or the predictions are at chance. {spread}"
                ),
                reference_lines=json.dumps({"no effect": 0.0, "1 sd": 1.0}),
                caption="The change of recorded responses in the predicted direction, with its controls.",
                headline=1,
                **shared,
            )
            out["agreement"] = annotated(
                across(
                    lines,
                    lambda part: bootstrap_fraction(
                        part["agrees"], _BOTH, resampling, nested_in=levels(part["agrees"]), name="agreement"
                    ),
                ),
                long_name="changes in the predicted direction",
                units="1",
                definition=(
                    "Share of (unit, perturbed stimulus) pairs whose measured change has the predicted sign; pairs "
                    f"without any change are left out. Noise alone: 0.5. {spread}"
                ),
                figure="curve",
                x="epsilon",
                reference_lines=json.dumps({"noise alone": 0.5}),
            )
        if _known(measured, "floor"):
            out["floor"] = annotated(
                means("floor"),
                long_name="floor of the naive estimate",
                definition=(
                    "Mean size of a measured change if there were none: s sqrt(2 / pi) sqrt(1 / n + 1 / m), s the sd "
                    "of single responses, n and m presentations of the two images (2 s / sqrt(pi n) for n = m). "
                    f"{spread}"
                ),
                units=_SD,
            )
            out["power"] = annotated(
                across(lines, lambda part: _root_power(part, resampling)[0]),
                long_name="root mean square of the true change",
                definition=(
                    "sqrt(mean(change^2 - its noise variance)): the size of changes with the noise taken off, whatever "
                    f"their sign; 0 where noise explains all. At least the mean size. {spread}"
                ),
                **shared,
            )
        if {"signed", "floor"} <= set(out):
            out["attenuation"] = annotated(
                across(lines, lambda part: _attenuation(part, resampling)),
                long_name="attenuation of the signed estimate",
                units="1",
                definition=(
                    "Signed sensitivity over the root mean square of the true change: 2 p - 1 for predictions that are "
                    f"right with probability p about changes of one size, less where sizes differ. {spread}"
                ),
                figure="curve",
                x="epsilon",
            )
            out["signed_corrected"] = annotated(
                means("corrected"),
                long_name="signed measured sensitivity, sd corrected for noise",
                definition=(
                    "As the signed one, over the sd of the unit's true means: sqrt(variance of clean means - noise "
                    f"variance of a mean). Units whose variance noise explains are left out. {spread}"
                ),
                **shared,
            )
        if "predicted" in measured:
            out["predicted"] = annotated(
                means("predicted"),
                long_name="in-silico prediction for the same images",
                definition=f"Mean size of the change that was predicted for these images, over the same sd. {spread}",
                **shared,
            )
        return xr.Dataset(out)

    def describe(self, summary: xr.Dataset, code: Code) -> Iterator[str]:  # noqa: ARG002 - the protocol passes it
        """Say what was measured three ways, and what of it noise could make."""
        last = summary.isel(epsilon=-1)
        where = f"{summary['epsilon'].attrs.get('units', 'epsilon')} {float(last['epsilon']):g}"
        for name in summary["perturbation"].values[summary["control"].values == ""].tolist():
            line = last.sel(perturbation=name)
            told = [f"naive {with_interval(line['naive'])}"]
            if "floor" in summary:
                told[0] += f" (noise alone {with_interval(line['floor'])})"
            if "signed" in summary and np.isfinite(line["signed"].values).all():
                told.append(f"signed by predictions {with_interval(line['signed'])}")
            if "predicted" in summary and np.isfinite(line["predicted"].values).all():
                told.append(f"in-silico, for the same images, {with_interval(line['predicted'])}")
            yield f"At {where}, {name} moved recorded units by, in sd of their clean responses: {'; '.join(told)}."
            if "signed" not in summary or not np.isfinite(line["signed"].values).all():
                yield (
                    f"{name} is not signed: neither directions nor predicted effects came with the images, so that "
                    "effect and noise cannot be told apart but by the floor."
                )
                continue
            low, high = (float(line["signed"].sel(statistic=bound)) for bound in ("low", "high"))
            verdict = "above" if low > 0 else "below" if high < 0 else "not told apart from"
            text = (
                f"The signed change is {verdict} 0; {percent(line['agreement'])} of changes went in the predicted "
                "direction (noise alone: 50 %)"
            )
            if "attenuation" in summary and np.isfinite(line["attenuation"].values).all():
                text += f"; it keeps {with_interval(line['attenuation'])} of the root mean square change (2p - 1)"
            yield f"{text}."
            controls = [c for c in controls_of(summary, name) if np.isfinite(last["signed"].sel(perturbation=c)).all()]
            if controls:
                values = [f"{c} {with_interval(last['signed'].sel(perturbation=c))}" for c in controls]
                yield f"Signed, its controls moved them by: {joined(values)}."


def _known(measured: xr.Dataset, key: str) -> bool:
    return bool(np.isfinite(measured[key].values).any())


def _trials(evidence: Evidence, unit: str) -> tuple[float, NDArray[np.float64]]:
    """Variance of single responses of the unit, and presentations of each clean stimulus (stimulus,)."""
    code, single = evidence.code, evidence.repeats_perturbed
    stimuli = code.responses["stimulus"].values.astype(str)
    values, images = [], []
    if single is not None:
        values.append(single.sel(unit=unit).values)
        images.append(np.char.add("perturbed ", single["image"].values.astype(str)))
    shown = np.ones(len(stimuli))
    if code.repeats is not None:
        names = code.repeats["stimulus"].values.astype(str)
        values.append(code.repeats.sel(unit=unit).values)
        images.append(np.char.add("clean ", names))
        found, counts = np.unique(names, return_counts=True)
        count_of = dict(zip(found.tolist(), counts.tolist(), strict=True))
        shown = np.array([max(count_of.get(name, 1), 1) for name in stimuli.tolist()], dtype=np.float64)
    return pooled_variance(np.concatenate(values), np.concatenate(images)), shown


def _shown(single: xr.DataArray, perturbed: xr.DataArray) -> NDArray[np.float64]:
    """Presentations behind each mean, (epsilon, stimulus)."""
    out = np.zeros(perturbed.shape)
    row = {float(norm): place for place, norm in enumerate(perturbed["epsilon"].values)}
    column = {str(name): place for place, name in enumerate(perturbed["stimulus"].values)}
    for norm, name in zip(single["epsilon"].values, single["stimulus"].values, strict=True):
        out[row[float(norm)], column[str(name)]] += 1
    return np.maximum(out, 1)


def _signs(evidence: Evidence, single: xr.DataArray, perturbed: xr.DataArray) -> NDArray[np.float64]:
    """Predicted sign of each change (epsilon, stimulus); NaN where none was predicted."""
    out = np.full(perturbed.shape, np.nan)
    row = {float(norm): place for place, norm in enumerate(perturbed["epsilon"].values)}
    column = {str(name): place for place, name in enumerate(perturbed["stimulus"].values)}
    if evidence.control == "":  # a control was not made to go anywhere
        for norm, name, direction in zip(
            single["epsilon"].values, single["stimulus"].values, single["direction"].values, strict=True
        ):
            out[row[float(norm)], column[str(name)]] = _DIRECTIONS.get(str(direction), np.nan)
    if evidence.predicted is not None:
        out = np.where(np.isnan(out), np.sign(evidence.predicted.values), out)
    return out


def _draws(part: xr.DataArray, resampling: Resampling) -> tuple[NDArray[np.float64], list[str]]:
    drawn = bootstrap_draws(part, _BOTH, resampling, nested_in=levels(part)).transpose("draw", "epsilon")
    return drawn.values, [name for name in str(drawn.attrs.get("not_resampled", "")).split(", ") if name]


def _root_power(part: xr.Dataset, resampling: Resampling) -> tuple[xr.DataArray, NDArray[np.float64]]:
    """Root mean square of the true change (statistic, epsilon), and its draws."""
    power = part["naive"] ** 2 - part["noise"]
    drawn, fixed = _draws(power, resampling)
    roots = np.sqrt(np.maximum(drawn, 0.0))
    mean = power.mean(_BOTH).clip(min=0)
    return reported(roots, mean.copy(data=np.sqrt(mean.values)), resampling, fixed), roots


def _attenuation(part: xr.Dataset, resampling: Resampling) -> xr.DataArray:
    drawn, fixed = _draws(part["signed"], resampling)
    root, roots = _root_power(part, resampling)
    size = root.sel(statistic="estimate", drop=True)
    estimate = (part["signed"].mean(_BOTH) / size).where(size > 0)
    draws = np.divide(drawn, roots, out=np.full(drawn.shape, np.nan), where=roots > 0)
    return reported(draws, estimate, resampling, fixed)
