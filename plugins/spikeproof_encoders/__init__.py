"""The encoders of spikeproof: maps from a network's features to recorded units.

Each is a component for studies, and some are fits on plain arrays too, imported from here: ``from spikeproof_encoders
import ridge_weights``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .average import Average, AverageMap
    from .factorised import Factorised, FactorisedMap
    from .maps import LinearMap
    from .pls import PLS, pls_components
    from .poisson import Poisson, poisson_weights
    from .ready import Ready, ReadyMap
    from .ridge import Ridge, ridge_weights

__all__ = [
    "PLS",
    "Average",
    "AverageMap",
    "Factorised",
    "FactorisedMap",
    "LinearMap",
    "Poisson",
    "Ready",
    "ReadyMap",
    "Ridge",
    "pls_components",
    "poisson_weights",
    "ridge_weights",
]

_HOME = {
    "PLS": "pls",
    "Average": "average",
    "AverageMap": "average",
    "Factorised": "factorised",
    "FactorisedMap": "factorised",
    "LinearMap": "maps",
    "Poisson": "poisson",
    "Ready": "ready",
    "ReadyMap": "ready",
    "Ridge": "ridge",
    "pls_components": "pls",
    "poisson_weights": "poisson",
    "ridge_weights": "ridge",
}


def __getattr__(name: str) -> object:
    """Import a name's module when it is first asked for, so that listing plugins stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
