"""The options that are accepted before and after the command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spikeproof.errors import UsageError

__all__ = ["NO_PLUGINS", "OFFLINE", "PLUGIN", "TRACEBACK", "GlobalSettings", "take_global_options"]

TRACEBACK, NO_PLUGINS, PLUGIN, OFFLINE = "--traceback", "--no-plugins", "--plugin", "--offline"


@dataclass(frozen=True, kw_only=True)
class GlobalSettings:
    """What the options that stand anywhere on the line say.

    Parameters
    ----------
    traceback : bool
        Whether an error shows where it was raised.
    plugins : tuple of Path
        Files with a plugin of the user's own.
    """

    traceback: bool
    plugins: tuple[Path, ...] = ()


def take_global_options(argv: Sequence[str]) -> tuple[GlobalSettings, list[str]]:
    """Take the global options out of a command line.

    ``--no-plugins`` sets ``SPIKEPROOF_NO_PLUGINS`` and ``--offline`` sets ``SPIKEPROOF_OFFLINE`` for this process and
    those that it starts.

    Raises
    ------
    UsageError
        If ``--plugin`` names no file.

    Examples
    --------
    >>> settings, line = take_global_options(["run", "study.toml", "--traceback"])
    >>> settings.traceback, line
    (True, ['run', 'study.toml'])
    """
    end = argv.index("--") if "--" in argv else len(argv)
    kept: list[str] = []
    plugins: list[Path] = []
    traceback = no_plugins = offline = False
    tokens = iter(argv[:end])
    for token in tokens:
        if token == TRACEBACK:
            traceback = True
        elif token == NO_PLUGINS:
            no_plugins = True
        elif token == OFFLINE:
            offline = True
        elif token == PLUGIN or token.startswith(f"{PLUGIN}="):
            file = token.partition("=")[2] if "=" in token else next(tokens, "")
            if not file or file.startswith("--"):
                raise UsageError(f"{PLUGIN}: name a Python file")
            plugins.append(Path(file))
        else:
            kept.append(token)
    if no_plugins:
        os.environ["SPIKEPROOF_NO_PLUGINS"] = "1"
    if offline:
        os.environ["SPIKEPROOF_OFFLINE"] = "1"
    return GlobalSettings(traceback=traceback, plugins=tuple(plugins)), [*kept, *argv[end:]]
