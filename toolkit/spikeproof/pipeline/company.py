"""Targets that are searched together, so that few stimuli still fill a batch; each is asked for by its own job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spikeproof.engine import AttackedTarget, Target

__all__ = ["BATCHES", "Company", "companies"]

BATCHES = 8
"""How many full batches a company should make; resuming repeats at most one company."""


class Company:
    """Some targets, searched in one go when the first of them is asked for.

    Who is in a company does not depend on what was finished before: a resumed run repeats the whole search of the
    company that it was interrupted in, and so gives the same numbers to the last bit.

    Parameters
    ----------
    targets : sequence of Target
    search : callable
        Yields what came of them, one by one.
    """

    def __init__(
        self, targets: Sequence[Target], search: Callable[[Sequence[Target]], Iterator[AttackedTarget]]
    ) -> None:
        self._targets, self._search = tuple(targets), search
        self._stream: Iterator[AttackedTarget] | None = None
        self._next = 0

    def ask(self, place: int) -> AttackedTarget:
        """Return what came of one target; those before it are passed over."""
        if self._stream is None or self._next > place:
            self._stream, self._next = self._search(self._targets), 0
        try:
            while True:
                found = next(self._stream)
                self._next += 1
                if self._next > place:
                    break
        except BaseException:
            self._stream = None
            raise
        if self._next == len(self._targets):
            self._stream = None  # what the search held is let go
        return found


def companies(
    targets: Sequence[Target],
    search: Callable[[Sequence[Target]], Iterator[AttackedTarget]],
    *,
    rows: int,
    batch: int,
) -> list[tuple[Company, int]]:
    """Company and place of each target, in their order.

    Parameters
    ----------
    targets : sequence of Target
    search : callable
    rows : int
        Rows (stimulus x direction x epsilon) of one target.
    batch : int
        Most rows in one pass.
    """
    size = max(1, -(-BATCHES * batch // rows))
    placed: list[tuple[Company, int]] = []
    for start in range(0, len(targets), size):
        members = targets[start : start + size]
        company = Company(members, search)
        placed += [(company, place) for place in range(len(members))]
    return placed
