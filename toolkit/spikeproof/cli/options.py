"""Options as data: declared once, they give Typer its signature, the scan its arity and the study its keys."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

__all__ = ["LineOption", "given", "help_parameter", "signature"]


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
        What Typer parses: bool, int, float, str, Path, a Literal of texts, or a list of texts (the option repeats).
    help : str
        Short sentences.
    panel : str
        Heading under which help shows it.
    default : object
        What holds where it isn't given; shown in help.
    metavar : str, optional
        What stands for its value in help; the annotation's name by default.
    aliases : tuple of str
        Further spellings, not shown.
    """

    name: str
    flag: str
    annotation: Any
    help: str
    panel: str
    default: Any = None
    metavar: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def is_flag(self) -> bool:
        """Whether it takes no value."""
        return self.annotation is bool

    @property
    def spellings(self) -> tuple[str, ...]:
        """All that may be written on a line for it."""
        flags = (self.flag, *self.aliases)
        return (*flags, *(_negative(flag) for flag in flags)) if self.is_flag and "." in self.flag else flags

    def parameter(self, flag: str, name: str, *, hidden: bool) -> inspect.Parameter:
        """Return the parameter of a Typer command for one spelling."""
        declaration, shown = flag, bool(self.default not in (None, [], ""))
        show_default: bool | str = shown
        if self.is_flag:
            # Typer shows the flag's own name as the default of a bool with a dotted flag: say it in words.
            show_default = ("on" if self.default else "off") if "." in flag else False
            declaration = f"{flag}/{_negative(flag)}" if "." in flag else flag
        option = typer.Option(
            declaration,
            help=_escape(self.help),
            rich_help_panel=self.panel,
            metavar="" if self.is_flag else self.metavar,
            show_default=show_default,
            hidden=hidden,
        )
        annotation = self.annotation if self.is_flag else self.annotation | None
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[annotation, option], default=self.default
        )


def help_parameter(panel: str) -> inspect.Parameter:
    """Return ``--help`` as a parameter of its own, so that it stands in a panel and not in one before all others."""

    def show(context: typer.Context, value: bool) -> None:
        if value:
            text = context.get_help()  # rich prints it itself and returns nothing
            if text:
                typer.echo(text)
            raise typer.Exit

    option = typer.Option(
        "--help",
        "-h",
        help="Show this and exit.",
        is_eager=True,
        callback=show,
        expose_value=False,
        rich_help_panel=panel,
        metavar="",
    )
    return inspect.Parameter("help_", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[bool, option], default=False)


def signature(
    function: Callable[..., None], options: Iterable[LineOption], argument: inspect.Parameter, panel: str
) -> Callable[..., None]:
    """Give ``function(context, **values)`` the signature that Typer reads.

    Parameters
    ----------
    function : callable
        Called with the context and the values by name.
    options : iterable of LineOption
    argument : inspect.Parameter
        The command's argument.
    panel : str
        Heading under which ``--help`` stands.
    """

    def command(**values: object) -> None:
        function(values.pop("context"), **values)

    parameters = [
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        argument,
    ]
    for option in options:
        parameters.append(option.parameter(option.flag, option.name, hidden=False))
        parameters.extend(
            option.parameter(flag, _alias(option, number), hidden=True) for number, flag in enumerate(option.aliases)
        )
    parameters.append(help_parameter(panel))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def given(context: typer.Context, options: Iterable[LineOption], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that stand on the line, by name of their option; defaults are left out."""
    found: dict[str, Any] = {}
    for option in options:
        for name in (option.name, *(_alias(option, number) for number in range(len(option.aliases)))):
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                found[option.name] = values[name]
    return found


def _negative(flag: str) -> str:
    return f"--no-{flag.removeprefix('--')}"


def _alias(option: LineOption, number: int) -> str:
    return f"{option.name}_alias{number}"


def _escape(text: str) -> str:
    """Keep square brackets in help from being read as rich's markup."""
    return text.replace("[", "\\[")
