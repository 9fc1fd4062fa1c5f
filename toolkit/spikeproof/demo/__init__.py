"""The embedded demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

if TYPE_CHECKING:
    from .run import run_demo

__all__ = ["run_demo"]

# The networks load on their own (as a study's model), so the rest waits until it is asked for.
__getattr__ = lazily(__name__, {"run_demo": "run"})
