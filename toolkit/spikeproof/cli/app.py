"""The Typer application: the commands in the order of their use, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from .everywhere import NO_PLUGINS, OFFLINE, PLUGIN, TRACEBACK, GlobalSettings
from .request import Request

__all__ = ["command_named", "make_app"]

_ABOUT = """How robust is a neural code?

Attack units, populations and behaviour, on recordings and on networks alike,
and see how damage aimed at one scale shows at the others."""

_EPILOG = """The last four options work after the command too.

\b
Start here:
  spikeproof demo
  spikeproof inspect recording.nwb"""

_COMMANDS: dict[str, str] = {
    "run": "Run a study: from a recording or a network to a report.",
    "stimuli": "Write perturbed and control images for an experiment.",
    "demo": "Run the whole path on data that ships with spikeproof.",
    "inspect": "Say what is in a file, and what can be run on it.",
    "report": "Write a result's report.html again.",
    "explain": "Say how a result came about.",
    "show": "List components, or the parameters of one.",
    "plugins": "List plugins, with the errors of those that failed.",
}
"""Every command with its line in the root help."""


def command_named(line: Sequence[str]) -> str:
    """Return the command that a command line names; empty if it names none.

    Examples
    --------
    >>> command_named(["--version"]), command_named(["run", "study.toml"])
    ('', 'run')
    """
    return line[0] if line and line[0] in _COMMANDS else ""


def make_app(line: Sequence[str], settings: GlobalSettings) -> typer.Typer:
    """Build the application for one command line.

    Only the command that the line names is imported and gets its parameters, and the root help is set in plain text:
    rich and pydantic take longer to import than all the rest of it.
    """
    named = command_named(line)
    app = typer.Typer(
        help=_ABOUT,
        epilog=_EPILOG,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": [] if named else ["--help", "-h"]},
    )
    app.callback()(_nothing if named else _root)
    for name, summary in _COMMANDS.items():
        if name == named:
            _add(app, Request(name=name, summary=summary, arguments=tuple(line[1:]), plugins=settings.plugins))
        else:
            app.command(name, help=summary)(_nothing)
    return app


def _add(app: typer.Typer, request: Request) -> None:
    from importlib import import_module

    import_module(f"{__package__}.{request.name}_command").add(app, request)


def _nothing() -> None:
    """Stand in for a command that the line doesn't name, and for the options that were taken out of it before."""


def _version(value: bool) -> None:
    if value:
        from spikeproof import __version__

        typer.echo(f"spikeproof {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
    traceback: Annotated[bool, typer.Option(TRACEBACK, help="Show where an error was raised.")] = False,
    no_plugins: Annotated[bool, typer.Option(NO_PLUGINS, help="Leave out the plugins of other distributions.")] = False,
    offline: Annotated[bool, typer.Option(OFFLINE, help="Read from the cache; ask nothing of the network.")] = False,
    plugin: Annotated[
        str | None,
        typer.Option(
            PLUGIN,
            metavar="FILE",
            help="Add a plugin file of your own. Naming it runs it.",
        ),
    ] = None,
) -> None:
    """Declare the options that work everywhere; they were taken out of the line before."""
