"""The smallest perturbations that reach a goal, beside the smallest along control directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.summaries import annotated
from spikeproof.types import Code, Evidence
from spikeproof.wording import with_interval

from .distances import log_grid, median_distance, share_within

__all__ = ["SmallestPerturbation"]

_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallestPerturbation:
    """Norm of the smallest perturbation that reaches a goal, over targets and stimuli, beside control directions."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Smallest norm for each stimulus, infinite where the goal is not reached, and the goal in words."""
        if evidence.minimal is None:
            raise NotEnoughData(
                f"smallest-perturbation: attack {evidence.attack!r} does not look for the smallest perturbation: name "
                "attack 'fmn', 'deepfool' or 'threshold'"
            )
        goal = str(evidence.minimal.attrs.get("goal", "")) or "the goal is reached"
        return xr.Dataset({"minimal": evidence.minimal.astype(np.float64), "goal": xr.DataArray(goal)})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002 - the protocol passes it
        """Distribution over targets and stimuli, for each attack and each control.

        Returns
        -------
        xarray.Dataset
            ``median`` and ``reached`` (statistic, perturbation), ``within`` (statistic, perturbation, size),
            ``control_at_median`` (statistic, perturbation of a control).
        """
        units = str(measured["minimal"].attrs.get("units", "norm"))
        lines = _lines(measured)
        cells = {name: measured["minimal"].isel(target=rows) for name, (_, rows) in lines.items()}
        along = xr.DataArray(list(lines), dims=("perturbation",)).rename("perturbation")
        made_of = {key[:2]: name for name, (key, _) in lines.items() if not key[2]}
        sizes = log_grid(np.concatenate([cells[name].values.ravel() for name in made_of.values()]), "size", units)

        def each(compute: Callable[[xr.DataArray], xr.DataArray]) -> xr.DataArray:
            found: xr.DataArray = xr.concat([compute(c) for c in cells.values()], dim=along)
            return found

        anywhere = xr.DataArray(np.finfo(np.float64).max)
        summary = xr.Dataset(
            {
                "median": each(lambda c: median_distance(c, resampling)),
                "reached": each(lambda c: share_within(c, anywhere, resampling)),
                "within": each(lambda c: share_within(c, sizes, resampling)),
            }
        )
        controls = [(name, made_of[key[:2]]) for name, (key, _) in lines.items() if key[2]]
        if controls:
            estimate = summary["median"].sel(statistic="estimate", drop=True)
            names = xr.DataArray([name for name, _ in controls], dims=("control_line",)).rename("control_line")
            summary["control_at_median"] = xr.concat(
                [
                    share_within(cells[name], estimate.sel(perturbation=own, drop=True).clip(max=anywhere), resampling)
                    for name, own in controls
                ],
                dim=names,
            )
        _annotate(summary, units, measured)
        for place, part in enumerate(("attack", "objective", "control")):
            summary = summary.assign_coords({part: ("perturbation", [key[place] for key, _ in lines.values()])})
        return summary

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how small a perturbation is enough, and how long one in a random direction must be."""
        units, goals = summary["median"].attrs["units"], summary.attrs
        for name in summary["perturbation"].values.tolist():
            own = summary.sel(perturbation=name)
            median, reached = own["median"], own["reached"]
            share = with_interval(reached, scale=100)
            far = (
                f"fewer than half reach it ({share} %)"
                if np.isinf(median.sel(statistic="estimate"))
                else f"the median smallest {units} is {with_interval(median)}; {share} % reach it at all"
            )
            goal = goals[f"goal of {own['objective'].item()}"]
            yield f"{name}, until {goal}: {far}."
            if own["control"].item():
                at = summary["control_at_median"].sel(control_line=name)
                verdict = "shorter than" if at.sel(statistic="high") < _HALF else "not told apart from"
                yield (
                    f"At the attack's median, {name} takes {with_interval(at, scale=100)} % there: what the attack "
                    f"finds is {verdict} such a direction."
                )


def _lines(measured: xr.Dataset) -> dict[str, tuple[tuple[str, str, str], list[int]]]:
    """Rows of each attack, objective and control, by the name of the line: attacks first."""
    columns = [measured[name].values.astype(str).tolist() for name in ("attack", "objective", "control")]
    groups: dict[tuple[str, str, str], list[int]] = {}
    for row, key in enumerate(zip(*columns, strict=True)):
        groups.setdefault(key, []).append(row)
    several = len({objective for _, objective, _ in groups}) > 1
    found = {}
    for key in sorted(groups, key=lambda key: bool(key[2])):
        base = f"{key[0]} ({key[1]})" if several else key[0]
        found[f"{key[2]} of {base}" if key[2] else base] = (key, groups[key])
    return found


def _annotate(summary: xr.Dataset, units: str, measured: xr.Dataset) -> None:
    how = (
        f"Smallest {units} of a perturbation inside the pixel range that reaches the goal, as far as the attack finds "
        "it; for a control, the first norm along its direction that does. "
    )
    spread = (
        "Infinite where nothing was found that reaches it. Interval: percentile bootstrap over stimuli crossed with "
        "targets."
    )
    summary["size"].attrs = {"long_name": "norm", "units": units}
    summary["median"] = annotated(
        summary["median"],
        long_name="median of the smallest perturbations",
        units=units,
        definition=f"{how}Median over {measured.sizes['stimulus']} stimuli and the targets. {spread}",
        headline=1,
    )
    summary["reached"] = annotated(
        summary["reached"],
        long_name="share for which the goal is reached at all",
        units="share of targets x stimuli",
        definition=f"{how}{spread}",
    )
    summary["within"] = annotated(
        summary["within"],
        long_name="share for which the goal is reached within a norm",
        units="share of targets x stimuli",
        definition=f"{how}{spread}",
        figure="curve",
        x="size",
        x_scale="log",
        caption="Targets and stimuli that reach the goal within a norm, by attacks and along control directions.",
    )
    if "control_at_median" in summary:
        summary["control_at_median"] = annotated(
            summary["control_at_median"],
            long_name="share that control directions take to the goal at the attack's median",
            units="share of targets x stimuli",
            definition=f"{how}One half would be no shorter than a control. {spread} The attack's median is held fixed.",
        )
    objectives, goals = (measured[name].values.astype(str).tolist() for name in ("objective", "goal"))
    summary.attrs |= {f"goal of {objective}": goal for objective, goal in zip(objectives, goals, strict=True)}
