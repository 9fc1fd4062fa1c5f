"""What the numbers of the metric of sample sizes say of themselves, and how they are drawn."""

from __future__ import annotations

import json

import xarray as xr
from spikeproof.summaries import annotated

from .sampled import Sampled
from .sampled_rankings import AGAINST, AGREE, OFTEN
from .sampled_scores import VALUE_DRAWS

__all__ = ["annotate"]


def annotate(summary: xr.Dataset, data: Sampled, draws: int) -> xr.Dataset:
    """Give the variables their attributes.

    Parameters
    ----------
    summary : xarray.Dataset
    data : Sampled
    draws : int
        Random subsets of units of each size.
    """
    total = len(data.units)
    summary["units"].attrs |= {"long_name": f"units of {data.name}", "units": "units"}
    summary["measure"].attrs["long_name"] = "by"
    which = f"{total} units of {data.name} that vary, {len(data.stimuli)} stimuli."
    jackknife = "delete-a-group jackknife over stimuli and over units, whose variances add up, with Student's t"
    facts: dict[str, str | int | float] = {
        "reference": data.name,
        "left_out": json.dumps(dict(data.left_out)),
        f"most {AGAINST[0]}": total,
        f"most {AGAINST[1]}": total // 2,
    }
    summary["score"] = annotated(
        summary["score"],
        long_name="score",
        units="1",
        definition=(
            f"CKA: debiased, linear; RDM correlation: Pearson, of squared Euclidean distances; ridge predictivity: "
            "correlation within folds of held-out predictions with each unit's responses, mean over units. Mean "
            f"over {VALUE_DRAWS} random subsets; {which} Interval: {jackknife}."
        ),
        figure="curve",
        x="units",
        x_scale="log",
        panels="measure",
        caption="Scores of systems against the number of recorded units.",
        **facts,
    )
    summary["score_of_one_sample"] = annotated(
        summary["score_of_one_sample"],
        long_name="score by one sample of units",
        units="1",
        definition=(
            f"The same; low and high are the 95 % range of {draws} random subsets: what one recording of so "
            "few units may give. Subsets are of the units at hand: the range narrows to nothing at all of them."
        ),
        figure="curve",
        x="units",
        x_scale="log",
        panels="measure",
    )
    if "tau" not in summary:
        return summary
    summary["against"].attrs["long_name"] = "against"
    half = "Subsets are drawn from all units, or from one half of them and compared with the ranking by the other."
    summary["tau"] = annotated(
        summary["tau"],
        long_name="Kendall's tau with the ranking by more units",
        units="1",
        definition=(
            f"Of the systems' scores by a subset and by all units, or the other half; mean of {draws} draws. "
            f"{half} Interval: {jackknife}, draws being a third factor."
        ),
        figure="curve",
        x="units",
        x_scale="log",
        panels="measure",
        reference_lines=json.dumps({f"{AGREE:g}": AGREE}),
    )
    summary["stable"] = annotated(
        summary["stable"],
        long_name=f"rankings with tau above {AGREE:g}",
        units="share of draws",
        definition=f"Of {draws} draws. {half} Interval: {jackknife}, draws being a third factor.",
        figure="curve",
        x="units",
        x_scale="log",
        panels="measure",
        chance="stable_by_chance",
        reference_lines=json.dumps({f"{OFTEN:.0%}": OFTEN}),
    )
    summary["stable_by_chance"] = annotated(
        summary["stable_by_chance"],
        long_name="random order",
        units="share of orders",
        definition=(
            f"Probability that a random order of {len(data.systems)} systems has a tau above {AGREE:g} with a "
            "given one, counted exactly."
        ),
    )
    summary["stable_units"] = annotated(
        summary["stable_units"],
        long_name="units from which on the ranking is stable",
        units="units",
        definition=(
            f"Smallest tested number of units from which on tau is above {AGREE:g} in {OFTEN:.0%} of the draws; "
            "infinite where it is not within the tested numbers. Its bounds are where the bounds of that share "
            "reach it."
        ),
        headline=1,
    )
    return summary
