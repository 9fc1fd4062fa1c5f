"""Choices and accuracy against the number of silenced units: carried by few units or by many."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import (
    Resampling,
    bootstrap_draws,
    bootstrap_fraction,
    crossing,
    interval,
    permutation_p,
    stack_statistic,
)
from spikeproof.summaries import with_bounds
from spikeproof.types import Code, Evidence
from spikeproof.wording import joined, number, with_interval

from .decoder_accuracy import shuffled_accuracy

__all__ = ["DISTRIBUTED", "SPARSE", "Silencing"]

SPARSE, DISTRIBUTED = 0.2, 0.5
"""Bounds of the verdict on the ratio of the best order's k50 to random orders' k50.

Simulated codes of 60 units, 2 and 4 categories, silenced to their means: 5 informative units give 0.07 to 0.11, 60
equally informative ones 0.74 to 0.94, signals of exponentially distributed size 0.20 to 0.35. A readout of pure noise
gives 0.24 to 0.43, so no verdict is given where the readout is not above chance."""

HALF = 0.5
_BEST = ("weight", "greedy")
_NAMES = {"weight": "by readout weight", "greedy": "greedily", "random": "at random"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Silencing:
    """Share of changed choices and accuracy against the number of silenced units, in three orders."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Whether each choice changed, and whether it is right.

        Returns
        -------
        xarray.Dataset
            ``changed`` and, where there are categories, ``correct``, dims (epsilon, stimulus).
        """
        code, perturbed = evidence.code, evidence.perturbed
        if perturbed is None or evidence.clean_choices is None or code.readout is None:
            raise NotEnoughData(f"silencing: code {code.system} has no readout under attack: name attack 'silence'")
        choices = evidence.choices
        if choices is None:
            names = code.readout.choices(perturbed.values, perturbed["stimulus"].values.tolist())
            choices = perturbed.isel(unit=0, drop=True).copy(data=names)
        values = {"changed": (choices != evidence.clean_choices).astype(np.float64)}
        if code.truth is not None:
            truth = code.truth.sel(stimulus=perturbed["stimulus"].values)
            values["correct"] = (choices.astype(str) == truth.astype(str)).astype(np.float64)
        return xr.Dataset(values)

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Average over stimuli and, for random orders, over draws.

        Returns
        -------
        xarray.Dataset
            ``changed`` and ``accuracy`` (statistic, order, epsilon), ``chance`` (statistic,), ``k50``
            (statistic, order), infinite where it is not reached, and ``concentration`` (statistic,), the smaller k50
            of the chosen orders over that of random orders; left out where neither is reached.
        """
        distance = code.behavior_pair_distance
        if distance == 0:
            raise NotEnoughData(f"silencing: the readout of code {code.system} makes the same choice on every stimulus")
        objectives = measured["objective"].values.astype(str)
        orders = list(dict.fromkeys(objectives.tolist()))
        cells = {order: measured.isel(target=np.flatnonzero(objectives == order)) for order in orders}
        over, level = ["target", "stimulus"], resampling.level
        along = xr.DataArray(orders, dims=("order",))

        def curves(variable: str) -> xr.DataArray:
            parts = [bootstrap_fraction(part[variable], over, resampling, name=variable) for part in cells.values()]
            return xr.concat([part.drop_attrs() for part in parts], dim=along.rename("order"))

        out = {"changed": curves("changed")}
        if "correct" in measured and code.truth is not None and code.choices is not None:
            out["accuracy"] = curves("correct")
            null, _ = shuffled_accuracy(
                code.truth.values.astype(str),
                code.choices.values.astype(str),
                shuffles=resampling.draws,
                seed=resampling.seed,
            )
            out["chance"] = with_bounds(null.mean(), *interval(null, null.mean(), level))
        doses = measured["epsilon"].values.astype(np.float64)
        means = np.stack([part["changed"].mean(over).values for part in cells.values()])
        drawn = np.stack(
            [
                bootstrap_draws(part["changed"], over, resampling).transpose("draw", "epsilon").values
                for part in cells.values()
            ]
        )
        half, half_drawn = crossing(doses, means / distance, HALF), crossing(doses, drawn / distance, HALF)
        low, high = interval(half_drawn, half, level, axis=1)
        out["k50"] = stack_statistic(
            *(xr.DataArray(v, dims=("order",), coords={"order": orders}) for v in (half, low, high))
        )
        ratio, ratio_drawn = _ratio(half, orders), _ratio(half_drawn, orders)
        if not np.isnan(ratio):
            bounds = interval(ratio_drawn, ratio, level, undefined="exclude")
            out["concentration"] = with_bounds(float(ratio), *bounds)
            out["concentration"].attrs["undefined_draws"] = int(np.isnan(ratio_drawn).sum())
        summary = xr.Dataset(out)
        summary["epsilon"].attrs |= {"long_name": "silenced", "units": "units"}
        _annotate(summary, distance)
        if "accuracy" in summary and code.truth is not None and code.choices is not None:
            clean = float((code.truth.values.astype(str) == code.choices.values.astype(str)).mean())
            summary["accuracy"].attrs |= {"clean": clean, "p_above_chance": float(permutation_p(clean, null))}
        return summary

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        """Say how many units must fall silent in each order, and whether few or many carry the choice."""
        units = code.responses.sizes["unit"]
        reached = [
            f"{_half(summary['k50'].sel(order=order), float(summary['epsilon'].values[-1]))} units chosen "
            f"{_NAMES.get(order, order)}"
            for order in summary["order"].values.tolist()
        ]
        yield (
            f"Choices move half way to another image's when these many of {units} units fall silent: {joined(reached)}."
        )
        if "accuracy" in summary:
            about, p = summary["accuracy"].attrs, summary["accuracy"].attrs["p_above_chance"]
            yield (
                f"Accuracy is {number(about['clean'])} with all units and {with_interval(summary['chance'])} with "
                "shuffled categories."
            )
            if "random" in summary["order"]:
                last = summary["accuracy"].isel(epsilon=-1).sel(order="random")
                yield f"With {int(last['epsilon'])} random units silent it is {with_interval(last)}."
            if p > 0.05:
                yield (
                    f"The readout is not told apart from chance (p = {number(p)}): whether few or many units carry the "
                    "category cannot be said."
                )
                return
        if "concentration" in summary:
            yield _verdict(summary["concentration"])


def _ratio(half: NDArray[np.float64], orders: list[str]) -> NDArray[np.float64]:
    """Smallest k50 (order, ...) of the chosen orders over that of random orders; NaN where neither is reached."""
    chosen = [half[orders.index(name)] for name in _BEST if name in orders]
    if not chosen or "random" not in orders:
        return np.full(half.shape[1:], np.nan)
    best, random = np.min(chosen, axis=0), half[orders.index("random")]
    with np.errstate(invalid="ignore"):
        return np.asarray(best / random)


def _verdict(ratio: xr.DataArray) -> str:
    low, high = float(ratio.sel(statistic="low")), float(ratio.sel(statistic="high"))
    says = f"The best-chosen units need {with_interval(ratio)} times as many as random ones"
    if high < SPARSE:
        return f"{says}: the choice is carried sparsely, by few units (below {SPARSE:g})."
    if low > DISTRIBUTED:
        return f"{says}: the choice is distributed over many units (above {DISTRIBUTED:g})."
    return f"{says}: neither clearly sparse (below {SPARSE:g}) nor clearly distributed (above {DISTRIBUTED:g})."


def _half(value: xr.DataArray, tested: float) -> str:
    if np.isinf(value.sel(statistic="estimate")):
        return f"more than {number(tested)}"
    return with_interval(value)


def _annotate(summary: xr.Dataset, distance: float) -> None:
    spread = (
        "Interval: percentile bootstrap over stimuli, for random orders crossed with draws; conditional on the readout."
    )
    held_out = "Orders are chosen on training stimuli and read on held-out ones."
    summary["changed"].attrs = {
        "long_name": "choices changed",
        "units": "share of stimuli",
        "definition": f"Stimuli whose held-out choice differs from the clean one. {held_out} {spread}",
        "figure": "curve",
        "x": "epsilon",
        "x_scale": "log",
        "caption": "Choices that change when units fall silent, chosen by readout weight, greedily, or at random.",
        "reference_lines": json.dumps({"another image": distance}),
    }
    summary["k50"].attrs = {
        "long_name": "number of silenced units at which half the choices change (k50)",
        "units": "units",
        "definition": f"Where the curve reaches half of {distance:.3g}, the share of pairs of stimuli whose choices "
        "differ (with few categories, half of all choices would never change); linear interpolation; infinite where "
        f"it does not. {spread}",
        "headline": 1,
    }
    if "accuracy" in summary:
        summary["accuracy"].attrs = {
            "long_name": "accuracy",
            "units": "share correct",
            "definition": f"Stimuli whose held-out choice is their category. {held_out} {spread}",
            "figure": "curve",
            "x": "epsilon",
            "x_scale": "log",
            "caption": "Accuracy left when units fall silent, chosen by readout weight, greedily, or at random.",
            "chance": "chance",
        }
        summary["chance"].attrs = {
            "long_name": "chance level of accuracy",
            "units": "share correct",
            "definition": "The clean choices with the categories shuffled over stimuli: mean and 95 % range.",
        }
    if "concentration" in summary:
        summary["concentration"].attrs |= {
            "long_name": "k50 of the best order over k50 of random orders",
            "units": "1",
            "definition": "Towards 0 where few units carry the choice, towards 1 where any will do. The best order is "
            f"the one with the smaller k50, in every draw anew. {spread}",
            "headline": 1,
        }
