"""How well an encoder predicts what it was not fitted to, unit by unit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from spikeproof.errors import DataError
from spikeproof.statistics import Resampling
from spikeproof.summaries import against, annotated
from spikeproof.types import Code, Encoding, Evidence
from spikeproof.wording import number, percent, some, with_interval

from .draws import SHUFFLES, FitDraws

__all__ = ["EncoderFit"]

_LISTED = 12
"""Units that a sentence lists."""
_RULES = {
    "noise_corrected": (
        "noise-corrected held-out correlation",
        "r",
        "r / sqrt(reliability): the correlation of held-out predictions with the noiseless response.",
    ),
    "r2_over_ceiling": (
        "explained share of the explainable variance, r^2 / reliability",
        "1",
        "r^2 / reliability, Brain-Score's rule since January 2026; a negative r keeps its sign.",
    ),
    "squared_r_over_ceiling": (
        "explained share by the older rule, (r / reliability)^2",
        "1",
        "(r / reliability)^2, Brain-Score's rule before January 2026, which takes the reliability for a correlation.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFit:
    """Held-out fit of every recorded unit: raw, relative to the noise ceiling, and the signs of predicted changes."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Take the held-out predictions and the responses of every recorded unit, (stimulus, recorded_unit).

        Raises
        ------
        spikeproof.errors.DataError
            If the system is no encoder's.
        """
        data = _encoding(evidence.code).data
        units = data["unit"].values
        grid = ("fitted_stimulus", "recorded_unit")
        return xr.Dataset(
            {
                "measured": (grid, data["measured"].values),
                "predicted": (grid, data["predicted"].values),
                "fold": ("fitted_stimulus", data["fold"].values),
                "fit": ("recorded_unit", data["fit"].values),
                "reliability": ("recorded_unit", data["reliability"].values),
                "status": ("recorded_unit", data["status"].values.astype(str)),
                "layer": ("recorded_unit", data["layer"].values.astype(str)),
            },
            coords={"fitted_stimulus": data["stimulus"].values, "recorded_unit": units},
        )

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Summarise over stimuli and units; intervals are conditional on the fits."""
        del measured  # it is the code's own encoding, kept in the result
        encoding = _encoding(code)
        found = FitDraws(encoding, resampling)
        gate = f"the units that reach a held-out correlation of {encoding.min_fit:g}"
        r = (
            "Pearson correlation over stimuli of mean responses with predictions by a fit that saw neither the stimulus"
            " nor any other of its fold, each fold centred by itself."
        )
        limit = json.dumps({"units below are left out (min_fit)": encoding.min_fit})
        parts = {
            "held_out_r": annotated(
                found.mean(found.r, found.kept),
                long_name="held-out correlation",
                units="r",
                definition=f"{r} Mean over {gate}, which chose them: it is a little high. {_FITS}",
                chance="chance",
                headline=1,
            ),
            "chance": annotated(
                found.chance(),
                long_name="held-out correlation with the stimuli shuffled",
                units="r",
                definition=f"The same with stimuli shuffled within folds, {SHUFFLES} times: mean and central range.",
            ),
            "held_out_r_of_all": annotated(
                found.mean(found.r, found.fitted),
                long_name="held-out correlation of all recorded units that vary",
                units="r",
                definition=f"{r} Mean over all units that could be fitted, also those left out. {_FITS}",
            ),
            "kept": annotated(
                found.share_kept(),
                long_name="share of recorded units that are predicted well enough",
                units="1",
                definition=f"Share of all recorded units that make up the in-silico system: {gate}.",
            ),
            "unit_held_out_r": annotated(
                found.per_unit(found.r),
                long_name="held-out correlation of each recorded unit",
                units="r",
                definition=f"{r} Interval over stimuli. {_FITS}",
                figure="distribution",
                x="recorded_unit",
                reference_lines=limit,
                caption="Units below the line are left out.",
            ),
            "sign_accuracy": annotated(
                found.mean(found.signs, found.kept),
                long_name="sign accuracy of predicted differences between images",
                units="1",
                definition=(
                    "Share of pairs of held-out images of one fold whose measured difference has the sign that was"
                    " predicted; 0.5 by chance. Pairs that were measured alike are left out. Noise in what was measured"
                    f" lowers it. Mean over {gate}."
                ),
                reference_lines=json.dumps({"chance": 0.5}),
                headline=1,
            ),
            "unit_sign_accuracy": annotated(
                found.per_unit(found.signs),
                long_name="sign accuracy of each recorded unit",
                units="1",
                definition="As the sign accuracy, of each unit; interval over stimuli.",
                figure="distribution",
                x="recorded_unit",
                reference_lines=json.dumps({"chance": 0.5}),
            ),
            **self._of_changes(found, gate),
            **self._relative(found, gate),
        }
        return xr.Dataset(parts).assign_attrs(_attrs(encoding))

    def _of_changes(self, found: FitDraws, gate: str) -> dict[str, xr.DataArray]:
        if found.changes is None:
            return {}
        return {
            "sign_accuracy_perturbed": annotated(
                found.mean(found.changes, found.kept),
                long_name="sign accuracy of predicted effects of perturbations",
                units="1",
                definition=(
                    "Share of perturbed images whose measured change from their clean one has the sign that was"
                    " predicted by a fit that saw neither; 0.5 by chance. Noise in what was measured lowers it. Mean"
                    f" over {gate}."
                ),
                reference_lines=json.dumps({"chance": 0.5}),
                headline=1,
            )
        }

    def _relative(self, found: FitDraws, gate: str) -> dict[str, xr.DataArray]:
        if found.reliability is None:
            return {}
        lost = (
            " Reliability: share of the variance of mean responses that is not noise, from the repeats (Allen et al."
            " 2022). Draws of the stimuli in which it is not above 0 are left out."
        )
        parts: dict[str, xr.DataArray] = {}
        for name, (long_name, units, definition) in _RULES.items():
            values = found.relative[name]
            parts[name] = annotated(
                found.mean(values, found.kept),
                long_name=long_name,
                units=units,
                definition=f"{definition}{lost} Mean over {gate}.",
                headline=int(name == "noise_corrected"),
            )
            parts[f"unit_{name}"] = annotated(
                found.per_unit(values),
                long_name=f"{long_name}, each recorded unit",
                units=units,
                definition=f"{definition}{lost} Interval over stimuli. May exceed 1, as the reliability is estimated.",
                **({"figure": "distribution", "x": "recorded_unit"} if name == "noise_corrected" else {}),
            )
        parts["unit_reliability"] = annotated(
            found.per_unit(found.reliability),
            long_name="reliability of the mean responses of each recorded unit",
            units="1",
            definition="1 - s^2 mean(1/R) / var(means), with R presentations and the variance s^2 over them; unbiased, "
            "so that it may be negative.",
        )
        return parts

    def describe(self, summary: xr.Dataset, code: Code) -> Iterator[str]:
        """Say how well the units are predicted, which were left out, and from which layers."""
        encoding = _encoding(code)
        data = encoding.data
        status, units = data["status"].values.astype(str), data["unit"].values.astype(str)
        kept = status == "kept"
        stands = {"above": "above", "within": "within", "below": "below"}[
            against(summary["held_out_r"], summary["chance"])
        ]
        chance = [float(summary["chance"].sel(statistic=name)) for name in ("low", "high")]
        yield (
            f"{encoding.encoder} on {encoding.model} predicts {int(kept.sum())} of {len(units)} recorded units at a"
            f" held-out correlation of {encoding.min_fit:g} or more: {with_interval(summary['held_out_r'])} on average,"
            f" {stands} what shuffled stimuli give ({number(chance[0])} to {number(chance[1])}). What is computed on"
            " this system is about that model of the neurons."
        )
        if "noise_corrected" in summary:
            yield (
                f"Relative to the noise: r / sqrt(reliability) {with_interval(summary['noise_corrected'])}; share of"
                f" the explainable variance {with_interval(summary['r2_over_ceiling'])} by r^2 / reliability,"
                f" {with_interval(summary['squared_r_over_ceiling'])} by (r / reliability)^2."
            )
        yield (
            f"Of two images that it was not fitted to, it says which one drives a unit more in"
            f" {percent(summary['sign_accuracy'])} of pairs (chance 50 %)."
        )
        if "sign_accuracy_perturbed" in summary:
            yield (
                "It gives the sign of a perturbation's measured effect in"
                f" {percent(summary['sign_accuracy_perturbed'])} of cases (chance 50 %)."
            )
        layers = data["layer"].values.astype(str)[kept].tolist()
        counts = ", ".join(f"{layers.count(name)} from {name!r}" for name in sorted(set(layers)))
        yield f"Layers that the units are predicted from: {counts}."
        fits = data["fit"].values
        for what, why in (
            ("below min_fit", "are predicted worse than that"),
            (_NOTHING, "have no explainable variance"),
        ):
            out = np.flatnonzero(status == what)
            if out.size:
                named = [
                    f"{units[k]} ({number(float(fits[k]))})"
                    for k in out[np.argsort(-np.nan_to_num(fits[out], nan=-2.0))]
                ]
                listed = some(named, most=_LISTED).replace("'", "")
                yield f"Left out, as they {why} (held-out correlation): {listed}."


_NOTHING = "no explainable variance"
_FITS = "The interval is over stimuli and units, not over other fits."


def _encoding(code: Code) -> Encoding:
    if code.encoding is None:
        raise DataError(f"encoder-fit: {code.system} is no in-silico system: there is no encoder to judge")
    return code.encoding


def _attrs(encoding: Encoding) -> dict[str, str | float]:
    return {"encoder": encoding.encoder, "model": encoding.model, "min_fit": encoding.min_fit}
