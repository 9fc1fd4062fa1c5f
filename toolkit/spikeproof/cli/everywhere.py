"""The options that are accepted before and after the command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["NO_PLUGINS", "TRACEBACK", "GlobalSettings", "take_global_options"]

TRACEBACK, NO_PLUGINS = "--traceback", "--no-plugins"


@dataclass(frozen=True, kw_only=True)
class GlobalSettings:
    """What the options that stand anywhere on the line say."""

    traceback: bool


def take_global_options(argv: Sequence[str]) -> tuple[GlobalSettings, list[str]]:
    """Take the global options out of a command line.

    ``--no-plugins`` sets ``SPIKEPROOF_NO_PLUGINS`` for this process and those that it starts.

    Examples
    --------
    >>> take_global_options(["run", "study.toml", "--traceback"])
    (GlobalSettings(traceback=True), ['run', 'study.toml'])
    """
    end = argv.index("--") if "--" in argv else len(argv)
    options, rest = argv[:end], argv[end:]
    if NO_PLUGINS in options:
        os.environ["SPIKEPROOF_NO_PLUGINS"] = "1"
    kept = [token for token in options if token not in (TRACEBACK, NO_PLUGINS)]
    return GlobalSettings(traceback=TRACEBACK in options), [*kept, *rest]
