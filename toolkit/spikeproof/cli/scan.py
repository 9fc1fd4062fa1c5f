"""What a command line chooses, read before its options are known: they depend on what is chosen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from .options import LineOption

__all__ = ["Scan", "scan"]


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What stands on a line.

    Parameters
    ----------
    values : dict of str to list of str
        Values by option name, for the options that take one, as written.
    arguments : list of str
        What is no option and no option's value, in order.
    component_flags : list of str
        Options of components (``--attack.steps``), as written, without their values.
    unknown : list of str
        Options that are neither known nor a component's.
    """

    values: dict[str, list[str]] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    component_flags: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def scan(arguments: Sequence[str], options: Collection[LineOption], *, ending: str = "") -> Scan:
    """Read a line.

    An option of a component takes a value unless another option, or what must be the argument, follows it.

    Parameters
    ----------
    arguments : sequence of str
        What follows the command.
    options : collection of LineOption
        The options that are known already.
    ending : str
        What follows an option of a component and ends like this is the command's argument, not the option's value.
    """
    flags = {spelling: option for option in options for spelling in option.spellings}
    found = Scan()
    tokens = iter(_pairs(arguments))
    for token, value, following in tokens:
        if value is None and not token.startswith("--"):
            if not token.startswith("-"):
                found.arguments.append(token)
            continue
        option = flags.get(token)
        if option is not None and not option.is_flag:
            if value is None and following is not None:
                next(tokens)
                value = following
            if value is not None:
                found.values.setdefault(option.name, []).append(value)
        elif option is None:
            (found.component_flags if "." in token else found.unknown).append(token)
            if value is None and following is not None and not _stands_alone(following, ending):
                next(tokens)
    return found


def _stands_alone(token: str, ending: str) -> bool:
    return token.startswith("--") or bool(ending and token.endswith(ending))


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield each token, what follows its ``=``, and the token after it."""
    for number, token in enumerate(arguments):
        following = arguments[number + 1] if number + 1 < len(arguments) else None
        if token.startswith("--") and "=" in token:
            name, _, value = token.partition("=")
            yield name, value, following
        else:
            yield token, None, following
