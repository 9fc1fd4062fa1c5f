"""Where recordings and images come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from spikeproof.inspection import Inspection
    from spikeproof.recording import Recording

__all__ = ["Inspectable", "Source"]


@runtime_checkable
class Source(Protocol):
    """Where recordings and images come from."""

    def load(self) -> Recording | tuple[Recording, ...]:
        """Read the recording; images stay lazy.

        A source that reads several recordings (a pattern that matched several files) returns a tuple of them: the host
        joins them with all the others.

        Raises
        ------
        spikeproof.errors.DataError
            If anything in it cannot be trusted.
        """


@runtime_checkable
class Inspectable(Protocol):
    """A source that can say what a file holds without loading it. Optional."""

    def inspect(self) -> Inspection:
        """Describe what is there and suggest what to run."""
