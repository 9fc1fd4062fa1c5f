"""The embedded demo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run import run_demo

__all__ = ["run_demo"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module attribute can be anything
    # The networks load on their own (as a study's model), so the rest waits until it is asked for.
    if name == "run_demo":
        from .run import run_demo

        return run_demo
    raise AttributeError(f"module 'spikeproof.demo' has no attribute {name!r}")
