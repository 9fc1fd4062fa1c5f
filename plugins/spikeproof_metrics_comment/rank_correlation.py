"""Rank correlation, over systems, of the sensitivity of units with the robustness of choices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import rankdata
from spikeproof.statistics import Resampling, resampling_weights
from spikeproof.types import generator

from .attacked_systems import AttackedSystem

__all__ = ["FEWEST", "rank_correlations", "spearman"]

Floats = NDArray[np.float64]

FEWEST = 4
"""Systems that a rank correlation needs."""


def rank_correlations(
    found: Mapping[str, AttackedSystem], families: list[str], resampling: Resampling
) -> dict[str, tuple[Floats, Floats]]:
    """Rank correlation at every epsilon, with draws of systems, and with systems shuffled.

    Parameters
    ----------
    found : mapping of str to AttackedSystem
    families : list of str
        The network of each system: layers of one network are drawn together.
    resampling : Resampling

    Returns
    -------
    dict of str to tuple of numpy.ndarray
        ``rank_correlation`` and ``rank_correlation_shuffled``: values (epsilon,) and draws (draw, epsilon); empty where
        all systems keep equally many choices at every norm.
    """
    ones = list(found.values())
    sensitivity, kept = (np.stack([getattr(one, name) for one in ones]) for name in ("sensitivity", "kept"))
    estimate = np.array([spearman(sensitivity[:, k], kept[:, k]) for k in range(sensitivity.shape[1])])
    if np.isnan(estimate).all():
        return {}  # said in the description
    members = xr.DataArray(
        np.zeros(len(ones)), dims="system", coords={"system": list(found), "family": ("system", families)}
    )
    weights, _ = resampling_weights(members, "system", resampling, within=["family"])
    draws = np.full((resampling.draws, len(estimate)), np.nan)
    for draw in range(resampling.draws):
        held = np.repeat(np.arange(len(ones)), weights[draw].astype(int))
        if len(set(held.tolist())) < FEWEST - 1:
            continue  # too few different systems: undefined, and left out
        for k in range(len(estimate)):
            here = np.array([[one.sensitivity_draws[draw, k], one.kept_draws[draw, k]] for one in ones])[held]
            draws[draw, k] = spearman(here[:, 0], here[:, 1])
    rng = generator(resampling.seed, "existence", "shuffled")
    null = np.empty((resampling.draws, len(estimate)))
    for row in null:
        order = rng.permutation(len(ones))
        row[:] = [spearman(sensitivity[:, k], kept[order, k]) for k in range(len(estimate))]
    centre = np.where(np.isnan(estimate), np.nan, np.nan_to_num(null).mean(axis=0))
    return {"rank_correlation": (estimate, draws), "rank_correlation_shuffled": (centre, null)}


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation; NaN where a side has one value only (0/0).

    Examples
    --------
    >>> import numpy as np
    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.5, 0.4]))
    0.5
    """
    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (first, second))
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 0 else float("nan")
