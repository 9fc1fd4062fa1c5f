"""What is known about a norm: a bound from below, one from above, and why it holds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NormBound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NormBound:
    """An operator norm between two bounds.

    Parameters
    ----------
    lower : float
        Reached by some input.
    upper : float
        Not exceeded by any.
    how : str
        Why the upper bound holds: ``"exact"``, or what certifies it.
    """

    lower: float
    upper: float
    how: str

    @classmethod
    def exact(cls, value: float, how: str = "exact") -> NormBound:
        """A norm that is known up to rounding."""
        return cls(lower=value, upper=value, how=how)
