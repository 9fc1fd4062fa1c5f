"""Options as data: declared once, they give Typer its signature, the scan its arity and the study its keys."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from spikeproof.errors import UsageError

if TYPE_CHECKING:
    from .help import HelpPage

__all__ = ["LineArgument", "LineOption", "add_command", "given", "help_option"]


@dataclass(frozen=True, kw_only=True)
class LineOption:
    """One option of a command.

    Parameters
    ----------
    name : str
        Identifier under which its value arrives.
    flag : str
        ``--epsilons``.
    annotation : type
        bool, int, float, str, Path, a Literal of texts, or a list of texts (the option repeats).
    help : str
        Short sentences.
    panel : str
        Heading under which help shows it.
    default : object
        What holds where it isn't given, for help; None if there is nothing to say.
    metavar : str, optional
        What stands for its value in help; the annotation's name by default.
    aliases : tuple of str
        Further spellings; help shows short ones only.
    negatable : bool
        Whether a switch can be turned off too (``--attack.x`` and ``--no-attack.x``).
    """

    name: str
    flag: str
    annotation: Any
    help: str
    panel: str
    default: object = None
    metavar: str | None = None
    aliases: tuple[str, ...] = ()
    negatable: bool = False

    @property
    def is_flag(self) -> bool:
        """Whether it takes no value."""
        return self.annotation is bool

    @property
    def spellings(self) -> tuple[str, ...]:
        """All that may be written on a line for it."""
        flags = (self.flag, *self.aliases)
        return (*flags, *(_negative(flag) for flag in flags)) if self.negatable else flags

    @property
    def shown_too(self) -> tuple[str, ...]:
        """Spellings that help shows beside the first: a short one, and how a component's switch is turned off."""
        short = tuple(alias for alias in self.aliases if not alias.startswith("--"))
        return (*short, _negative(self.flag)) if self.negatable else short

    @property
    def type_shown(self) -> str:
        """What stands for its value in help; empty for a switch."""
        if self.is_flag:
            return ""
        if self.metavar is not None:
            return self.metavar
        choices = get_args(self.annotation)
        return f"<{'|'.join(choices)}>" if choices else f"<{self.annotation.__name__}>"

    @property
    def default_shown(self) -> str:
        """What help says of its default; empty where there is none to speak of."""
        if self.is_flag:
            return ("on" if self.default else "off") if self.negatable else ""
        if isinstance(self.default, tuple | list):
            return ",".join(map(str, self.default))
        return "" if self.default is None else str(self.default)

    def parameter(self, flag: str, name: str, *, hidden: bool) -> inspect.Parameter:
        """Return the parameter of a Typer command for one spelling."""
        negative = f"/{_negative(flag)}" if self.negatable else ""
        option = typer.Option(f"{flag}{negative}", help=self.help, rich_help_panel=self.panel, hidden=hidden)
        # Typer passes texts on, and no defaults: whether an option was given is asked of the context, and the value is
        # read by `value`, whose errors say what was written.
        if self.is_flag:
            return _keyword(name, Annotated[bool, option], False)
        parsed = list[str] if get_origin(self.annotation) is list else str
        return _keyword(name, Annotated[parsed | None, option], None)

    def value(self, given: object) -> object:
        """Return the value of what was written.

        Raises
        ------
        UsageError
            If it is no number where one is expected, or none of the choices.
        """
        if not isinstance(given, str):
            return given
        choices = get_args(self.annotation)
        if choices:
            if given not in choices:
                near = difflib.get_close_matches(given, choices, n=1)
                hint = f": did you mean {near[0]}?" if near else ""
                raise UsageError(f"{self.flag}: expected {' or '.join(choices)}, got {given!r}{hint}")
            return given
        try:
            return self.annotation(given)
        except ValueError:
            expected = "a whole number" if self.annotation is int else "a number"
            raise UsageError(f"{self.flag}: expected {expected}, got {given!r}") from None


def help_option(panel: str) -> LineOption:
    """Return ``--help`` as help shows it; :func:`add_command` makes it work."""
    return LineOption(
        name="help_", flag="--help", aliases=("-h",), annotation=bool, help="Show this and exit.", panel=panel
    )


@dataclass(frozen=True, kw_only=True)
class LineArgument:
    """One argument of a command: what is no option.

    Parameters
    ----------
    name : str
        Identifier under which its text arrives; None where it isn't given.
    metavar : str
        What help calls it.
    help : str
    panel : str
    required : bool
    """

    name: str
    metavar: str
    help: str
    panel: str = "Arguments"
    required: bool = True

    def parameter(self) -> inspect.Parameter:
        """Return the parameter of a Typer command."""
        argument = typer.Argument(metavar=self.metavar, help=self.help)
        if self.required:
            return _keyword(self.name, Annotated[str, argument])
        return _keyword(self.name, Annotated[str | None, argument], None)


def add_command(
    app: typer.Typer,
    page: HelpPage,
    body: Callable[..., None],
) -> None:
    """Add a command that calls ``body(context, **values)`` with the texts and values of its line, by name.

    Parameters
    ----------
    app : typer.Typer
    page : HelpPage
        Its arguments and options, and what ``--help`` shows.
    body : callable
    """

    def command(**values: object) -> None:
        del values["help_"]  # it has done its work
        body(values.pop("context"), **values)

    def show(value: bool) -> None:
        if value:
            from .help import show_help

            show_help(page)
            raise typer.Exit

    wants_help = typer.Option("--help", "-h", is_eager=True, callback=show, expose_value=False)
    parameters = [
        _keyword("context", typer.Context),
        *(argument.parameter() for argument in page.arguments),
        _keyword("help_", Annotated[bool, wants_help], False),
    ]
    for option in page.options:
        parameters.append(option.parameter(option.flag, option.name, hidden=False))
        parameters.extend(
            option.parameter(flag, _alias(option, number), hidden=True) for number, flag in enumerate(option.aliases)
        )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    # Typer's own --help would cut long names, and costs more to start.
    app.command(page.command, help=page.summary, context_settings={"help_option_names": []})(command)


def given(context: typer.Context, options: Iterable[LineOption], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that stand on the line, by name of their option; defaults are left out.

    Raises
    ------
    UsageError
        If a value is not what its option takes.
    """
    found: dict[str, Any] = {}
    for option in options:
        for name in (option.name, *(_alias(option, number) for number in range(len(option.aliases)))):
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                found[option.name] = option.value(values[name])
    return found


def _negative(flag: str) -> str:
    return f"--no-{flag.removeprefix('--')}"


def _alias(option: LineOption, number: int) -> str:
    return f"{option.name}_alias{number}"


def _keyword(name: str, annotation: object, default: object = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
