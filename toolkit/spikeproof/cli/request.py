"""What a command is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Request"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One command on one line.

    Parameters
    ----------
    name : str
    summary : str
        Its line in the root help.
    arguments : tuple of str
        What follows its name.
    plugins : tuple of Path
        Files with a plugin of the user's own.
    """

    name: str
    summary: str
    arguments: tuple[str, ...]
    plugins: tuple[Path, ...]

    @property
    def line(self) -> tuple[str, ...]:
        """What follows the name, with the plugin files that were taken out of it."""
        return (*self.arguments, *(token for file in self.plugins for token in ("--plugin", str(file))))
