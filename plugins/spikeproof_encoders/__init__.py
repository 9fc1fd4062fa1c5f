"""The encoders of spikeproof: maps from a network's features to recorded units.

Each is a component for studies, and some are fits on plain arrays too, imported from here: ``from spikeproof_encoders
import ridge_weights``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

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

__getattr__ = lazily(__name__, _HOME)
