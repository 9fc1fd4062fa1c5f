"""The margin of behaviour: the smallest shift of the population that changes the choice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence
from spikeproof.wording import with_interval

from .distances import log_grid, median_distance, share_within

__all__ = ["Margin"]

_HALF = 0.5


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
            ``changed_within`` (statistic, direction, displacement), the distribution function; ``median``,
            ``relative_median`` and ``within_one`` (statistic, direction); ``control_at_median`` (statistic,).
        """
        control = measured["control"].values.astype(str)
        names = {name: name if name else "optimal" for name in dict.fromkeys(control.tolist())}
        units = str(measured["minimal"].attrs.get("units", "sd"))
        along = xr.DataArray(list(names.values()), dims=("direction",)).rename("direction")
        cells = {name: measured["minimal"].isel(target=np.flatnonzero(control == name)) for name in names}
        grid = log_grid(measured["minimal"].values[control == next(iter(names))], "displacement", units)
        summary = xr.Dataset(
            {
                "changed_within": xr.concat([share_within(c, grid, resampling) for c in cells.values()], dim=along),
                "median": xr.concat([median_distance(c, resampling) for c in cells.values()], dim=along),
                "within_one": xr.concat(
                    [share_within(c, xr.DataArray(1.0), resampling) for c in cells.values()], dim=along
                ),
            }
        )
        summary["relative_median"] = summary["median"] / code.population_pair_distance
        if "optimal" in names.values() and len(names) > 1:
            half = float(summary["median"].sel(direction="optimal", statistic="estimate"))
            controls = measured["minimal"].isel(target=np.flatnonzero(control != ""))
            summary["control_at_median"] = share_within(controls, xr.DataArray(half), resampling)
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


def _annotate(summary: xr.Dataset, units: str, stimuli: int) -> None:
    how = (
        "Smallest displacement of the population vector that changes the held-out choice of the linear readout, in "
        f"{units} (closed form); for a random direction, the first displacement along it that does. "
    )
    spread = "Interval: percentile bootstrap over stimuli crossed with directions; conditional on the readout."
    summary["displacement"].attrs = {"long_name": "displacement", "units": units}
    summary["changed_within"].attrs = {
        "long_name": "choices changed",
        "units": "share of stimuli",
        "definition": f"{how}Share of {stimuli} stimuli whose choice changes within the displacement. {spread}",
        "figure": "curve",
        "x": "displacement",
        "x_scale": "log",
        "caption": "Choices that change when the population moves to the nearest boundary, or in a random direction.",
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
        "definition": (
            f"{how}Median, relative to the mean distance of two different clean population vectors; infinite where half"
            f" of the choices never change. {spread}"
        ),
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
