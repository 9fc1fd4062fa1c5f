"""The tests of the comment on Guo et al. (2022): sparse or distributed, necessary or sufficient, how many units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

if TYPE_CHECKING:
    from .ranking import kendall_tau, stable_from

__all__ = ["kendall_tau", "stable_from"]

_HOME = {"kendall_tau": "ranking", "stable_from": "ranking"}

__getattr__ = lazily(__name__, _HOME)
