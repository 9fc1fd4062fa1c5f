"""The ledger of a run: what was noted, what was refused and why, and how long each part took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from spikeproof.progress import Progress

__all__ = ["Ledger"]


@dataclass(kw_only=True)
class Ledger:
    """Collects notes, refusals and timings, and tells them to the user as they come.

    Parameters
    ----------
    progress : Progress
        Where they are shown.

    Attributes
    ----------
    engine : dict
        What the searches of each system ran on: rows in a pass, arithmetic, whether on a faster equivalent.
    """

    progress: Progress
    notes: list[str] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    engine: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, *texts: str) -> None:
        """Write down facts that the user should know."""
        for text in texts:
            if text not in self.notes:
                self.notes.append(text)
                self.progress.note(text)

    def refuse(self, what: str, reason: str) -> None:
        """Write down what cannot be computed, and why."""
        entry = {"what": what, "reason": reason}
        if entry not in self.refused:
            self.refused.append(entry)
            self.progress.note(f"refused: {what}: {reason}")

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Add the wall time of a block, in seconds."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[what] = round(self.seconds.get(what, 0.0) + time.perf_counter() - start, 3)
