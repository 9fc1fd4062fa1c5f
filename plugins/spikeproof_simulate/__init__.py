"""Recordings and populations whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .populations import aligned_population, redundant_population

__all__ = ["aligned_population", "redundant_population"]


def __getattr__(name: str) -> object:
    # Lazy: listing plugins imports this package and must not import numpy.
    if name in __all__:
        from . import populations

        found: object = getattr(populations, name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
