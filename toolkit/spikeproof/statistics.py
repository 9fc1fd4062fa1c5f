"""Intervals that respect how neural data are nested: subjects > sessions > units, and stimuli across them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Resampling"]


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How intervals are made.

    Parameters
    ----------
    seed : int
        Seed of the draws.
    draws : int
        Number of bootstrap draws.
    level : float
        Coverage of the interval.
    """

    seed: int = 0
    draws: int = 1000
    level: float = 0.95
