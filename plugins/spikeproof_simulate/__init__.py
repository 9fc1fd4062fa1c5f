"""Recordings and populations whose truth is known."""

from .populations import aligned_population, redundant_population

__all__ = ["aligned_population", "redundant_population"]
