"""Intervals that respect how neural data are nested: subjects > sessions > units, and stimuli across them.

The bootstrap draws members of a dimension with replacement. Several dimensions are *crossed*: each is drawn
independently, as in the pigeonhole bootstrap (Owen 2007, doi:10.1214/07-AOAS122), which is exact for the variance
of the members' effects and holds their interaction three times, so that draws are narrowed to hold it once. A
dimension may be *nested*: subjects are drawn, then sessions of each drawn subject, then units of each drawn session.
A draw is a row of counts, so that a thousand draws of a mean are a few matrix products.
"""

from __future__ import annotations

from .bootstrap import bootstrap_draws, bootstrap_fraction, bootstrap_mean, narrowed
from .curves import crossing
from .held_out import fold_correlation
from .intervals import interval, proportion_interval, reported, stack_statistic
from .jackknife import jackknife_groups, jackknife_interval, jackknife_pairs
from .noise import noise_floor, pooled_variance
from .nulls import benjamini_hochberg, permutation_p
from .refits import refitted_variance
from .resampling import Resampling
from .weights import resampling_weights

__all__ = [
    "Resampling",
    "benjamini_hochberg",
    "bootstrap_draws",
    "bootstrap_fraction",
    "bootstrap_mean",
    "crossing",
    "fold_correlation",
    "interval",
    "jackknife_groups",
    "jackknife_interval",
    "jackknife_pairs",
    "narrowed",
    "noise_floor",
    "permutation_p",
    "pooled_variance",
    "proportion_interval",
    "refitted_variance",
    "reported",
    "resampling_weights",
    "stack_statistic",
]
