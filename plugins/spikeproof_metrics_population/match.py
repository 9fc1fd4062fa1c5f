"""How near an image comes to the population vector that it was to match."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.spatial.distance import cdist
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import bootstrap_fraction, bootstrap_mean
from spikeproof.summaries import annotated
from spikeproof.wording import number, percent, with_interval

from .rows import Row, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.statistics import Resampling
    from spikeproof.types import Code, Evidence

__all__ = ["Match"]

_OVER = ["target", "stimulus"]
_HOW = "Interval: percentile bootstrap over stimuli, conditional on the population and on the denominator."
_FAR = "the mean distance between two different clean population vectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Distance left to the population vector that was to be matched, and how the image differs that matches it."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure one target whose evidence names a goal.

        Returns
        -------
        xarray.Dataset
            ``residual`` (epsilon, stimulus): distance to the goal's vector over the mean distance between clean ones;
            ``start`` (stimulus,): the same before; ``recognised`` (epsilon, stimulus): 1 where no clean vector is
            nearer than the goal's; ``same_choice`` (epsilon, stimulus) where there are choices; ``difference``
            (epsilon, stimulus), of images that no ball binds: norm over the mean norm between two stimuli.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If the evidence names no goal, or all clean population vectors are the same.
        """
        code, perturbed, goal = evidence.code, evidence.perturbed, evidence.goal
        if perturbed is None or goal is None:
            raise NotEnoughData("match: nothing was to be matched: use attack 'toward' or 'metamer'")
        far = code.population_pair_distance
        if not far > 0:
            raise NotEnoughData(
                f"match: all clean population vectors of {code.system} are the same, so that no distance is "
                "relative to anything: choose other units or another layer"
            )
        names = goal.values.astype(str)
        wanted = code.responses.sel(stimulus=names).values
        left = code.population_distance(perturbed.values, wanted) / far
        places = {name: perturbed[name].variable for name in ("epsilon", "stimulus")}
        found = {
            "residual": (("epsilon", "stimulus"), left),
            "start": (("stimulus",), code.population_distance(evidence.clean.values, wanted) / far),
            "recognised": (("epsilon", "stimulus"), _recognised(code, perturbed.values, names)),
        }
        if evidence.choices is not None and code.choices is not None:
            same = evidence.choices.values == code.choices.sel(stimulus=names).values
            found["same_choice"] = (("epsilon", "stimulus"), same.astype(np.float64))
        if not evidence.bounded and evidence.achieved is not None:
            between = float(evidence.achieved.attrs.get("between_stimuli", np.nan))
            difference = evidence.achieved.transpose("epsilon", "stimulus").values / between
            found["difference"] = (("epsilon", "stimulus"), difference)
        return xr.Dataset(found, coords=places)

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Average over stimuli, for each attack and each of its controls.

        Returns
        -------
        xarray.Dataset
            Of attacks in a ball ``residual``, ``covered``, ``recognised`` and ``same_choice`` (statistic, row,
            epsilon); of those that no ball binds ``metamer_residual``, ``metamer_recognised``, ``metamer_same_choice``
            and ``metamer_difference`` (statistic, images). What does not exist is absent.
        """
        epsilon = measured["epsilon"].values
        rows = rows_of(measured)
        free = [row for row in rows if _is_free(measured, row)]
        bound = [row for row in rows if row not in free]
        out = xr.Dataset()
        if bound:
            inside = measured.isel(epsilon=np.flatnonzero(np.isfinite(epsilon)))
            _curves(out, inside, bound, resampling)
        if free:
            _numbers(out, measured.sel(epsilon=np.inf, drop=True), free, resampling)
        return out

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how near attacks and their controls came, and how the images differ."""
        if "residual" in summary:
            last = summary.isel(epsilon=-1)
            for name in last["row"].values.tolist():
                here = last.sel(row=name)
                norm = f"{summary['epsilon'].attrs.get('units', 'norm')} {number(float(last['epsilon']))}"
                yield (
                    f"At {norm}, {name} covers {percent(here['covered'])} of the way to another stimulus's population "
                    f"vector: what is left is {with_interval(here['residual'])} of the distance between two stimuli. "
                    f"Nearest of all to the vector that was to be matched are {percent(here['recognised'])}."
                )
        if "metamer_residual" in summary:
            for name in summary["images"].values.tolist():
                here = summary.sel(images=name)
                differ = (
                    f" The images differ by {with_interval(here['metamer_difference'])} of the norm between two "
                    "stimuli."
                    if "metamer_difference" in summary
                    else ""
                )
                yield (
                    f"Images of {name} are {with_interval(here['metamer_residual'])} of the distance between two "
                    f"stimuli from the population vector of their stimulus, and "
                    f"{percent(here['metamer_recognised'])} are nearer to it than to any other.{differ}"
                )


def _recognised(code: Code, vectors: NDArray[np.float64], names: NDArray[np.str_]) -> NDArray[np.float64]:
    """1 where no clean vector is nearer than the goal's, (epsilon, stimulus)."""
    ids = code.responses["stimulus"].values.astype(str)
    clean = code.responses.values @ code.whitening
    nearest = np.stack([cdist(some @ code.whitening, clean).argmin(axis=1) for some in vectors])
    return np.asarray(ids[nearest] == names, dtype=np.float64)


def _is_free(measured: xr.Dataset, row: Row) -> bool:
    infinite = measured["epsilon"].values == np.inf
    values = measured["residual"].isel(target=row.targets, epsilon=np.flatnonzero(infinite))
    return bool(infinite.any()) and bool(values.notnull().any())


def _curves(out: xr.Dataset, measured: xr.Dataset, rows: list[Row], resampling: Resampling) -> None:
    along = xr.DataArray([row.name for row in rows], dims=("row",)).rename("row")
    cells = [measured.isel(target=row.targets).reset_coords(drop=True) for row in rows]
    far = [one["start"].where(one["start"] > 0) for one in cells]

    def means(values: Iterable[xr.DataArray], name: str) -> xr.DataArray:
        return xr.concat([bootstrap_mean(one, _OVER, resampling, name=name) for one in values], dim=along)

    def shares(name: str) -> xr.DataArray:
        return xr.concat([bootstrap_fraction(one[name], _OVER, resampling, name=name) for one in cells], dim=along)

    drawn = {"figure": "curve", "x": "epsilon"}
    out["residual"] = annotated(
        means((one["residual"] for one in cells), "residual"),
        long_name="distance left to the population vector that was to be matched",
        units="distance to another image",
        definition=f"Mean distance over {_FAR}. {_HOW}",
        caption="How near an image in the ball comes to the population vector of another stimulus.",
        **drawn,
    )
    out["covered"] = annotated(
        means((1 - one["residual"] / start for one, start in zip(cells, far, strict=True)), "covered"),
        long_name="share of the way to the population vector that was to be matched",
        units="share",
        definition=f"1 less the distance left over that of the clean vectors, mean over stimuli. {_HOW}",
        **drawn,
    )
    out["recognised"] = annotated(
        shares("recognised"),
        long_name="images whose nearest clean population vector is the one that was to be matched",
        units="share of stimuli",
        definition=f"Of all clean vectors of the system. {_HOW}",
        **drawn,
    )
    if "same_choice" in measured and all(bool(one["same_choice"].notnull().any()) for one in cells):
        out["same_choice"] = annotated(
            shares("same_choice"),
            long_name="images with the choice of the stimulus that was to be matched",
            units="share of stimuli",
            definition=f"The readout's choice. {_HOW}",
            **drawn,
        )
    out["epsilon"].attrs = dict(measured["epsilon"].attrs)


def _numbers(out: xr.Dataset, measured: xr.Dataset, rows: list[Row], resampling: Resampling) -> None:
    names = [row.name.replace("population, ", "") if not row.control else row.control for row in rows]
    if len(set(names)) < len(names):
        names = [row.name for row in rows]
    along = xr.DataArray(names, dims=("images",)).rename("images")
    cells = [measured.isel(target=row.targets).reset_coords(drop=True) for row in rows]

    def means(name: str) -> xr.DataArray:
        return xr.concat([bootstrap_mean(one[name], _OVER, resampling, name=name) for one in cells], dim=along)

    def shares(name: str) -> xr.DataArray:
        return xr.concat([bootstrap_fraction(one[name], _OVER, resampling, name=name) for one in cells], dim=along)

    out["metamer_residual"] = annotated(
        means("residual"),
        long_name="distance of metamers to the population vector of their stimulus",
        units="distance to another image",
        definition=f"Mean distance over {_FAR}; 0 for a perfect metamer. {_HOW}",
        headline=1,
    )
    out["metamer_recognised"] = annotated(
        shares("recognised"),
        long_name="metamers whose nearest clean population vector is that of their stimulus",
        units="share of stimuli",
        definition=f"Of all clean vectors of the system. {_HOW}",
    )
    if "same_choice" in measured and all(bool(one["same_choice"].notnull().any()) for one in cells):
        out["metamer_same_choice"] = annotated(
            shares("same_choice"),
            long_name="metamers with the choice of their stimulus",
            units="share of stimuli",
            definition=f"The readout's choice. {_HOW}",
        )
    if all(bool(one["difference"].notnull().any()) for one in cells):
        out["metamer_difference"] = annotated(
            means("difference"),
            long_name="how metamers differ from their stimulus",
            units="norm between two stimuli",
            definition=f"Norm of the difference over the mean norm of the difference of two attacked stimuli. {_HOW}",
        )
