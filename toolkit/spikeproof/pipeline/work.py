"""A block of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.evidence import Evidence

__all__ = ["Job"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One block of work: done or not done, never half.

    Parameters
    ----------
    block : str
        Name of its block.
    what : str
        What the user is told.
    evidences : callable
        Does the work, yielding evidence and what else is kept of it (example images).
    made : callable, optional
        Makes the block itself, where it is no evidence.
    """

    block: str
    what: str
    evidences: Callable[[], Iterator[tuple[Evidence, xr.Dataset]]] = lambda: iter(())
    made: Callable[[], xr.DataTree] | None = None
