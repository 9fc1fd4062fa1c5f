"""Recordings and populations whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

if TYPE_CHECKING:
    from .populations import aligned_population, redundant_population

__all__ = ["aligned_population", "redundant_population"]

__getattr__ = lazily(__name__, dict.fromkeys(__all__, "populations"))
