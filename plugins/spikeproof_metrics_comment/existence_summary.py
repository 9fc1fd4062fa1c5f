"""What the numbers of the table of fragile and robust systems say of themselves, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr
from spikeproof.summaries import annotated

from .rank_correlation import FEWEST

__all__ = ["annotate"]


def annotate(
    summary: xr.Dataset, *, at: float, fragile: float, robust: float, reasons: Mapping[str, str]
) -> xr.Dataset:
    """Give the variables their attributes.

    Parameters
    ----------
    summary : xarray.Dataset
    at : float
        Norm of the table.
    fragile, robust : float
        The thresholds of the table.
    reasons : mapping of str to str
        Why systems are left out.
    """
    spread = "Interval: percentile bootstrap over stimuli"
    summary["sensitivity"] = annotated(
        summary["sensitivity"],
        long_name="sensitivity of units",
        units="sd over clean stimuli",
        definition=(
            "Mean over attacked units and stimuli of |r(x + delta) - r(x)| over the standard deviation of the "
            f"unit's clean responses (Guo et al. 2022), that of the worst attack. {spread} crossed with units."
        ),
        figure="curve",
        x="epsilon",
        reference_lines=f'{{"fragile from here on": {fragile!r}}}',
    )
    summary["kept"] = annotated(
        summary["kept"],
        long_name="choices kept",
        units="share of stimuli",
        definition=(
            f"Stimuli whose choice no attack aimed at the choice changes. The choice may be right or wrong. {spread}."
        ),
        figure="curve",
        x="epsilon",
        reference_lines=f'{{"robust from here on": {robust!r}}}',
    )
    if "kept_under_random" in summary:
        summary["kept_under_random"] = annotated(
            summary["kept_under_random"],
            long_name="choices kept under random directions of equal norm",
            units="share of stimuli",
            definition=f"The control of the attacks aimed at the choice. {spread}.",
        )
    summary["systems_in_cell"] = annotated(
        summary["systems_in_cell"],
        long_name="systems",
        units="systems",
        definition=(
            f"At {summary['epsilon'].attrs.get('units', 'epsilon')} {at:g}. Units are fragile from a mean "
            f"sensitivity of {fragile:g} sd on, choices robust from {robust:.0%} kept on. Interval: "
            "percentile bootstrap over stimuli and units; a cell exists beyond doubt where its lower bound is 1 or "
            "more."
        ),
        figure="matrix",
        rows="units",
        columns="choices",
        headline=1,
        epsilon=at,
        left_out="\n".join(reasons),
        reasons="\n".join(reasons.values()),
    )
    if "rank_correlation" in summary:
        summary["rank_correlation"] = annotated(
            summary["rank_correlation"],
            long_name="rank correlation of unit sensitivity with choices kept",
            units="1",
            definition=(
                "Spearman's, over systems; -1 where robust units go with robust choices. Interval: percentile "
                "bootstrap over systems, nested in networks, crossed with stimuli and units; draws with fewer than "
                f"{FEWEST - 1} different systems are left out."
            ),
            figure="curve",
            x="epsilon",
            chance="rank_correlation_shuffled",
            headline=1,
        )
        summary["rank_correlation_shuffled"] = annotated(
            summary["rank_correlation_shuffled"],
            long_name="rank correlation with systems shuffled",
            units="1",
            definition="Mean and 95 % range of permutations of the systems.",
        )
    return summary
