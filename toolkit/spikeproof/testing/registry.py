"""All checks, by the kinds of components that they are for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, get_args

from spikeproof._host import Kind
from spikeproof.plugin import Entry

if TYPE_CHECKING:
    from .subject import Subject

__all__ = ["Check", "CheckFailed", "check", "checks", "require"]

E = TypeVar("E", bound=Entry)
_ALL: list[Check] = []
_MODULES = (
    "common",
    "attacks",
    "minimal_attacks",
    "controls",
    "response_attacks",
    "metrics",
    "objectives",
    "readouts",
    "encoders",
    "sources",
    "models",
)
"""Modules that register checks; imported when checks are asked for, as they import torch and xarray."""


class CheckFailed(AssertionError):
    """A component does not hold what its kind promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One sentence that a component must hold.

    Parameters
    ----------
    name : str
        The sentence, words joined by underscores (``stays_in_the_ball``).
    kinds : tuple of kind
        Which components it is for.
    applies : callable
        Whether it is for the component of this entry.
    function : callable
        Raises :class:`CheckFailed` if the component of the subject does not hold it.
    """

    name: str
    kinds: tuple[Kind, ...]
    applies: Callable[[Entry], bool]
    function: Callable[[Subject], None]

    @property
    def summary(self) -> str:
        """What must hold, in one line."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


def check(
    *kinds: Kind, when: Callable[[E], bool] = lambda _: True
) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Register a function ``check_SENTENCE(subject)``; for every kind if none is named."""

    def register(function: Callable[[Subject], None]) -> Callable[[Subject], None]:
        _ALL.append(
            Check(
                name=function.__name__.removeprefix("check_"),
                kinds=kinds or get_args(Kind),
                applies=when,  # type: ignore[arg-type]
                function=function,
            )
        )
        return function

    return register


def checks() -> tuple[Check, ...]:
    """Return every check, those for every kind first."""
    for module in _MODULES:
        importlib.import_module(f"{__package__}.{module}")
    return tuple(_ALL)


def require(held: object, message: str) -> None:
    """Raise :class:`CheckFailed` with the message unless it holds."""
    if not held:
        raise CheckFailed(message)
