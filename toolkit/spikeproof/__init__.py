"""spikeproof measures how robust a neural code is, at three scales: units, populations, behaviour.

Importing this package imports nothing heavy: what is named here is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "load_model", "load_source", "open_result", "run"]

if TYPE_CHECKING:
    from .api import load_model, load_source, open_result, run


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute can be anything
    if name in __all__:
        from . import api

        return getattr(api, name)
    raise AttributeError(f"module 'spikeproof' has no attribute {name!r}")
