"""The tests of the comment on Guo et al. (2022): sparse or distributed, necessary or sufficient, how many units."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ranking import kendall_tau, stable_from

__all__ = ["kendall_tau", "stable_from"]

_HOME = {"kendall_tau": "ranking", "stable_from": "ranking"}


def __getattr__(name: str) -> object:
    """Import a function's module when the function is first asked for, so that listing plugins stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
