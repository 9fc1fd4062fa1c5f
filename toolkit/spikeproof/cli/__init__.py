"""The command line. This module imports Typer and the standard library only: the commands import what they need."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import typer

from spikeproof.errors import SpikeproofError

from .app import command_named, make_app
from .everywhere import GlobalSettings, take_global_options

__all__ = ["execute", "main"]

PROGRAM = "spikeproof"


def main() -> NoReturn:
    """Run the command line of this process and exit: 0 if it worked, 2 if the request was wrong, 1 if it failed."""
    # Threads that spin while they wait make small networks many times slower where cores are shared. Said here,
    # since it is read once, when torch or numpy is imported first.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(execute(sys.argv[1:]))


def execute(argv: Sequence[str]) -> int:
    """Run one command line.

    Parameters
    ----------
    argv : sequence of str
        What follows the name of the program.

    Returns
    -------
    int
        The exit code. Errors have been said on stderr by then.
    """
    settings, line = GlobalSettings(traceback="--traceback" in argv), list(argv)
    try:
        settings, line = take_global_options(argv)
        code = _run(line, settings)
        sys.stdout.flush()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # Typer calls it a failure
            return _leave_pipe()
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except typer.TyperException as error:
        return _say(_usage(error), error, hint=_help_hint(line))
    except SpikeproofError as error:
        return _say(str(error), error, full=settings.traceback)
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped", None, code=130)
    except BrokenPipeError:
        return _leave_pipe()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}", error, full=settings.traceback, code=1)
    except Exception as error:  # noqa: BLE001 - a person reads this, not a traceback
        text = f"{type(error).__name__}: {error}"
        hint = "this is a bug" if settings.traceback else "this is a bug; run again with --traceback to see where"
        return _say(text, error, full=settings.traceback, hint=f"spikeproof: {hint}", code=1)
    return code


def _run(line: Sequence[str], settings: GlobalSettings) -> int:
    if not command_named(line):
        return _invoke(line, settings)
    from .talk import short_talk

    with short_talk(full=settings.traceback):
        return _invoke(line, settings)


def _invoke(line: Sequence[str], settings: GlobalSettings) -> int:
    from typer.main import get_command

    command = get_command(make_app(line, settings))
    code = command.main(args=list(line) or ["--help"], prog_name=PROGRAM, standalone_mode=False)
    return code if isinstance(code, int) else 0


def _say(text: str, error: BaseException | None, *, full: bool = False, hint: str = "", code: int | None = None) -> int:
    if full and error is not None:
        traceback.print_exception(error)
    typer.echo(f"{PROGRAM}: error: {text}", err=True)
    if hint:
        typer.echo(hint, err=True)
    return int(getattr(error, "exit_code", 1)) if code is None else code


def _usage(error: typer.TyperException) -> str:
    near = getattr(error, "possibilities", None)
    if near:
        return f"{error.message}: did you mean {near[0]}?"
    return error.format_message()


def _help_hint(line: Sequence[str]) -> str:
    name = command_named(line)
    return f"Try '{PROGRAM} {name} --help'." if name else f"Try '{PROGRAM} --help'."


def _leave_pipe() -> int:
    """Whoever read our output had enough: say nothing, and let the interpreter's last flush go nowhere.

    Nothing failed: results are said on stdout when the work is done, and what is told on stderr is lost without harm
    (`talk.tell`).
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
