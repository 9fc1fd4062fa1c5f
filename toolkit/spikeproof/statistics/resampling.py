"""How intervals are made."""

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

    def __post_init__(self) -> None:
        if self.draws < 2:
            raise ValueError(f"resampling: draws must be at least 2, got {self.draws}")
        if not 0 < self.level < 1:
            raise ValueError(f"resampling: level must lie between 0 and 1, such as 0.95, got {self.level}")
