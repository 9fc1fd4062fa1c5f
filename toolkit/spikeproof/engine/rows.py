"""How many rows pass the model at once: fixed, or fewer where memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from spikeproof.errors import SpikeproofError

__all__ = ["RowBudget", "ran_out_of_memory"]

T = TypeVar("T")
R = TypeVar("R")

_SAID = ("can't allocate memory", "not enough memory", "out of memory", "cannot allocate memory")
"""What torch's allocators say in a plain ``RuntimeError``."""


class RowBudget:
    """Most rows (item x epsilon) in one pass; halved where memory runs out, which is said once.

    Parameters
    ----------
    rows : int
    note : callable
        Is told, once, that memory ran out.
    """

    def __init__(self, rows: int, note: Callable[[str], None]) -> None:
        self.rows = rows
        self._note = note
        self._said = False

    def solved(self, work: Callable[[Sequence[T]], R], cells: Sequence[T]) -> Iterator[R]:
        """Do work on cells; where memory runs out, on halves of them with half the rows in a pass.

        Raises
        ------
        SpikeproofError
            If memory runs out with a single row in a pass.
        """
        try:
            done = work(cells)
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
            self._halve(error)
        else:
            yield done
            return
        middle = (len(cells) + 1) // 2
        for part in (cells[:middle], cells[middle:]):
            if part:
                yield from self.solved(work, part)

    def _halve(self, error: Exception) -> None:
        if self.rows == 1:
            raise SpikeproofError(
                "attack: memory ran out with one image in a pass: free memory, or take a smaller network or image"
            ) from error
        before, self.rows = self.rows, self.rows // 2
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.empty_cache()
        if not self._said:
            self._said = True
            self._note(
                f"memory ran out with {before} images in a pass: going on with {self.rows}, and fewer where that is "
                f"too many (--batch {self.rows} avoids the attempt)"
            )


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it was raised from, says that no memory was left."""
    while error is not None:
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
            return True
        if isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _SAID):
            return True
        error = error.__cause__
    return False
