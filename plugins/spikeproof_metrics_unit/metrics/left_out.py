"""Draws out of the jackknife: what other stimuli would have given, jointly for all units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from spikeproof.statistics import Resampling, jackknife_groups
from spikeproof.types import generator

__all__ = ["left_out_draws"]

GROUPS = 32
"""Most groups of stimuli that are left out in turn."""


def left_out_draws(
    statistic: Callable[[NDArray[np.float64], NDArray[np.intp]], NDArray[np.float64]],
    values: NDArray[np.float64],
    resampling: Resampling,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A statistic, and draws of it over stimuli.

    Groups of stimuli, with all of their trials, are left out in turn (see
    :func:`spikeproof.statistics.jackknife_interval`); a draw is the statistic plus a random sum of what leaving each
    out did, of which the covariance is the jackknife's, divided by a chi variable of its degrees of freedom. So the
    central 95 % of the draws of one number are its jackknife interval with Student's t, and draws of several units are
    as dependent as the units are. The bootstrap would draw a stimulus twice, with the same trials.

    Parameters
    ----------
    statistic : callable
        Of values with some stimuli only, given the rows they stand in, so that what is drawn for a stimulus (how its
        trials are halved) does not change with the others; on a scale on which it is about symmetric.
    values : numpy.ndarray, (stimulus, ...)
    resampling : Resampling

    Returns
    -------
    estimate : numpy.ndarray of float64, (...)
    draws : numpy.ndarray of float64, (draw, ...)
        NaN where the statistic is not finite without some group.
    """
    groups = jackknife_groups(
        [f"{row:09d}" for row in range(len(values))], most=GROUPS, seed=resampling.seed, purpose="stimuli"
    )
    count = int(groups.max()) + 1
    kept = [np.flatnonzero(groups != group) for group in range(count)]
    estimate = np.asarray(statistic(values, np.arange(len(values))), dtype=np.float64)
    others = np.stack([statistic(values[rows], rows) for rows in kept])
    with np.errstate(invalid="ignore"):
        effects = np.sqrt((count - 1) / count) * (others - others.mean(axis=0))
    rng = generator(resampling.seed, "left-out draws")
    signs = rng.standard_normal((resampling.draws, count))
    scale = np.sqrt(rng.chisquare(count - 1, resampling.draws) / (count - 1))
    flat = (signs / scale[:, None]) @ effects.reshape(count, -1)
    return estimate, estimate + flat.reshape(resampling.draws, *estimate.shape)
