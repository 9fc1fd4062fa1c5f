"""spikeproof measures how robust a neural code is, at three scales: units, populations, behaviour.

Importing this package imports nothing heavy: what is named here is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazily

__version__ = "0.1.0"
__all__ = ["__version__", "load_model", "load_source", "open_result", "run"]

if TYPE_CHECKING:
    from .api import load_model, load_source, open_result, run

__getattr__ = lazily(__name__, dict.fromkeys(("load_model", "load_source", "open_result", "run"), "api"))
