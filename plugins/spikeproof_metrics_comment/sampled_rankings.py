"""Rankings of systems by fewer recorded units, against those by all of them and by the other half."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import Resampling, jackknife_interval

from .ranking import chance_of_agreement, kendall_tau, stable_from
from .sampled_scores import TITLES
from .unit_sums import Kind

__all__ = ["AGAINST", "AGREE", "DRAW_GROUPS", "OFTEN", "rankings_by_size"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

AGAINST = ("all units", "the other half")
AGREE, OFTEN = 0.9, 0.95
"""Tau from which on rankings agree, and the share of draws in which they must."""
DRAW_GROUPS = 10
"""Groups of draws that are left out in turn."""


def rankings_by_size(
    kinds: Sequence[Kind], added: Floats, orders: Ints, units: Ints, sizes: Sequence[int], resampling: Resampling
) -> dict[str, xr.DataArray]:
    """Agreement of rankings by number of units, and the number from which on they are stable.

    Parameters
    ----------
    kinds, orders, units, sizes, resampling
        See ``scores_by_size``.
    added : numpy.ndarray, (set of stimuli, score, unit, system)
        See ``added_by_units``.
    """
    taus = _taus(added[0], orders, sizes)  # (draw, score, against, size)
    statistics = _agreement(taus)  # (statistic, score, against, size)
    without_stimuli = [_agreement(_taus(part, orders, sizes)) for part in added[1:]]
    without_units = []
    for group in range(int(units.max()) + 1):
        rest = np.stack([order[units[order] != group] for order in orders])
        without_units.append(_agreement(_taus(added[0], rest, sizes)))
    draw_groups = np.arange(len(taus)) % DRAW_GROUPS
    without_draws = [_agreement(taus[draw_groups != group]) for group in range(DRAW_GROUPS)]
    factors = [np.stack(part) for part in (without_stimuli, without_units, without_draws)]
    known = ~np.isnan(statistics)
    bounds = np.full((2, *statistics.shape), np.nan)
    for place, lowest in enumerate((-1.0, 0.0)):
        here = known[place]
        of_statistic = [factor[:, place][:, here] for factor in factors]
        bounds[:, place, here] = jackknife_interval(
            statistics[place][here], of_statistic, level=resampling.level, lowest=lowest, highest=1.0
        )
    coords = {
        "statistic": ["estimate", "low", "high"],
        "measure": [TITLES[kind] for kind in kinds],
        "against": list(AGAINST),
        "units": list(sizes),
    }
    both = np.stack([statistics, *bounds], axis=1)  # (tau or share, statistic, score, against, size)
    first, last, earliest = (stable_from(sizes, both[1, place], level=OFTEN) for place in (0, 1, 2))
    chance = chance_of_agreement(added.shape[-1], AGREE)
    return {
        "tau": xr.DataArray(both[0], dims=tuple(coords), coords=coords),
        "stable": xr.DataArray(both[1], dims=tuple(coords), coords=coords),
        "stable_units": xr.DataArray(
            np.stack([first, earliest, last]),
            dims=("statistic", "measure", "against"),
            coords={name: coords[name] for name in ("statistic", "measure", "against")},
        ),
        "stable_by_chance": xr.DataArray(
            np.full(3, chance), dims="statistic", coords={"statistic": coords["statistic"]}
        ),
    }


def _taus(added: Floats, orders: Ints, sizes: Sequence[int]) -> Floats:
    """Tau of the ranking by the first units of an order, (draw, score, against, size).

    Against all units, and against the other half for sizes up to a half; NaN for larger ones.
    """
    draws, units = orders.shape
    middle = units // 2
    clipped = np.minimum(np.array(sizes), units)
    out = np.full((draws, len(added), len(AGAINST), len(sizes)), np.nan)
    total = added[:, orders[0]].sum(axis=1)  # (score, system)
    small = clipped <= middle
    for draw, order in enumerate(orders):
        sums = added[:, order].cumsum(axis=1)  # (score, unit, system)
        here = sums[:, clipped - 1]
        out[draw, :, 0] = kendall_tau(here, total[:, None])
        other = total - sums[:, middle - 1]
        out[draw, :, 1][:, small] = kendall_tau(here[:, small], other[:, None])
    return out


def _agreement(taus: Floats) -> Floats:
    """Mean tau, and the share of draws in which it is high, (2, score, against, size)."""
    gone = np.isnan(taus).any(axis=0)
    share = (np.nan_to_num(taus, nan=-1.0) > AGREE).mean(axis=0)
    return np.where(gone, np.nan, np.stack([np.nan_to_num(taus).mean(axis=0), share]))
