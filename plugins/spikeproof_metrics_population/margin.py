"""The margin of behaviour: the smallest shift of the population that changes the choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling, bootstrap_fraction, interval, resampling_weights, stack_statistic
from spikeproof.types import Code, Evidence

from .text import with_interval

__all__ = ["Margin", "weighted_quantile"]

_HALF = 0.5
_QUANTILES = np.round(np.linspace(0.05, 0.95, 19), 2)


def weighted_quantile(
    values: NDArray[np.float64], weights: NDArray[np.float64], quantiles: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Smallest value at or below which a share of the weight lies (inverse of the empirical distribution function).

    Parameters
    ----------
    values : numpy.ndarray, (value,)
        Infinite values are allowed.
    weights : numpy.ndarray, (draw, value)
    quantiles : numpy.ndarray, (quantile,)

    Returns
    -------
    numpy.ndarray, (draw, quantile)

    Examples
    --------
    >>> weighted_quantile(np.array([3.0, 1.0, np.inf]), np.ones((1, 3)), np.array([0.5, 1.0])).tolist()
    [[3.0, inf]]
    """
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[:, order], axis=1)
    share /= share[:, -1:]
    # Sums of whole counts over their total: a share that should equal the quantile may be a rounding below it.
    position = np.stack([(share < quantile - 1e-12).sum(axis=1) for quantile in quantiles], axis=1)
    return np.asarray(values[order][position])


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Smallest displacement of the population vector that changes the choice, beside random directions."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Smallest dose that changes each stimulus's choice, infinite where none does: ``minimal``, (stimulus,)."""
        if evidence.minimal is None:
            raise NotEnoughData(
                f"margin: attack {evidence.attack!r} does not say at which dose choices change: name attack 'shift'"
            )
        return xr.Dataset({"minimal": evidence.minimal.astype(np.float64)})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Distribution over stimuli, for the attack and for random directions.

        Returns
        -------
        xarray.Dataset
            ``distribution`` (statistic, direction, quantile), ``median`` and ``relative_median``
            (statistic, direction), ``within_one`` (statistic, direction), ``control_at_median`` (statistic,).
        """
        control = measured["control"].values.astype(str)
        names = {name: name if name else "optimal" for name in dict.fromkeys(control.tolist())}
        units = str(measured["minimal"].attrs.get("units", "sd"))
        quantiles = np.union1d(_QUANTILES, [0.5])
        middle = int(np.searchsorted(quantiles, 0.5))
        along = xr.DataArray(list(names.values()), dims=("direction",))
        whole, medians, within = [], [], []
        for name in names:
            cells = measured["minimal"].isel(target=np.flatnonzero(control == name)).transpose("target", "stimulus")
            distribution = _quantiles(cells, quantiles, resampling)
            whole.append(distribution)
            medians.append(distribution.isel(quantile=middle, drop=True))
            inside = (cells <= 1).astype(np.float64)
            within.append(_fraction(inside, resampling))
        summary = xr.Dataset(
            {
                "distribution": xr.concat(whole, dim=along.rename("direction")),
                "median": xr.concat(medians, dim=along.rename("direction")),
                "within_one": xr.concat(within, dim=along.rename("direction")),
            }
        )
        summary["relative_median"] = summary["median"] / code.population_pair_distance
        if "optimal" in names.values() and len(names) > 1:
            half = float(summary["median"].sel(direction="optimal", statistic="estimate"))
            cells = measured["minimal"].isel(target=np.flatnonzero(control != ""))
            summary["control_at_median"] = _fraction((cells <= half).astype(np.float64), resampling)
        _annotate(summary, units, measured.sizes["stimulus"])
        return summary

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how far the population must move, beside a random direction and another image."""
        units = summary["median"].attrs["units"]
        for direction in summary["direction"].values.tolist():
            median = summary["median"].sel(direction=direction)
            within = summary["within_one"].sel(direction=direction)
            relative = summary["relative_median"].sel(direction=direction)
            way = "the shortest way" if direction == "optimal" else f"a {direction} direction"
            far = (
                "changes half of the choices at no distance (many directions lead away from every boundary)"
                if np.isinf(median.sel(statistic="estimate"))
                else f"changes half of the choices within {with_interval(median)} {units}, "
                f"{with_interval(relative)} of the distance to another image"
            )
            yield f"Moving the population in {way} {far}; within 1 {units} it changes {with_interval(within)} of them."
        if "random" in summary["direction"].values:
            share = summary["control_at_median"]
            verdict = "is shorter than" if share.sel(statistic="high") < _HALF else "is not told apart from"
            yield (
                f"At the distance at which the shortest way changes half of the choices, random directions change "
                f"{with_interval(share)} of them: the shortest way {verdict} a random one."
            )


def _quantiles(cells: xr.DataArray, quantiles: NDArray[np.float64], resampling: Resampling) -> xr.DataArray:
    values = cells.values.ravel()
    target = resampling_weights(cells, "target", resampling)[0]
    stimulus = resampling_weights(cells, "stimulus", resampling)[0]
    estimate = weighted_quantile(values, np.ones((1, values.size)), quantiles)[0]
    # One draw at a time: all weights of many targets x stimuli x draws at once would not fit in memory.
    drawn = np.concatenate(
        [
            weighted_quantile(values, np.outer(target[k], stimulus[k]).reshape(1, -1), quantiles)
            for k in range(resampling.draws)
        ]
    )
    low, high = interval(drawn, estimate, resampling.level)
    if cells.size == 1:
        low, high = np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)
    coords = {"quantile": quantiles}
    return stack_statistic(*(xr.DataArray(v, dims=("quantile",), coords=coords) for v in (estimate, low, high)))


def _fraction(inside: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    return bootstrap_fraction(inside, ["target", "stimulus"], resampling, name="within_one").drop_attrs()


def _annotate(summary: xr.Dataset, units: str, stimuli: int) -> None:
    how = (
        "Smallest displacement of the population vector that changes the held-out choice of the linear readout, in "
        f"{units} (closed form); for a random direction, the first displacement along it that does. "
    )
    spread = "Interval: percentile bootstrap over stimuli crossed with directions; conditional on the readout."
    summary["quantile"].attrs["units"] = "share of stimuli"
    summary["distribution"].attrs = {
        "long_name": "displacement that changes the choice, over stimuli",
        "units": units,
        "definition": f"{how}Quantiles over {stimuli} stimuli. {spread}",
        "figure": "distribution",
        "x": "quantile",
    }
    summary["median"].attrs = {
        "long_name": "median displacement that changes the choice",
        "units": units,
        "definition": f"{how}Median over {stimuli} stimuli; infinite where half of them never change. {spread}",
        "headline": 1,
    }
    summary["relative_median"].attrs = {
        "long_name": "median displacement over the mean distance between two clean stimuli",
        "units": "distance to another image",
        "definition": f"{how}Median, relative to the mean distance of two different clean population vectors. {spread}",
    }
    if "control_at_median" in summary:
        summary["control_at_median"].attrs = {
            "long_name": "share of choices that control directions change at the median of the shortest way",
            "units": "share of stimuli",
            "definition": f"{how}One half would be no shorter than a control. {spread} The distance is held fixed.",
        }
    summary["within_one"].attrs = {
        "long_name": f"share of choices that change within 1 {units}",
        "units": "share of stimuli",
        "definition": f"{how}{spread}",
    }
