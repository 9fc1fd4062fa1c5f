"""Fields of components as options: how their types are parsed, named and turned into what a study file holds."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .options import LineOption

__all__ = ["field_option", "type_name", "value_of"]


def field_option(
    *,
    name: str,
    flag: str,
    annotation: object,
    default: object,
    text: str,
    panel: str,
    aliases: tuple[str, ...] = (),
) -> LineOption:
    """Make an option out of a component's field.

    Numbers, texts, choices and switches are parsed by Typer. A field with several values repeats or takes commas;
    anything else is taken as text, and its value is checked where the component is built.

    Parameters
    ----------
    name : str
        Identifier under which its value arrives.
    flag : str
        Its spelling that help shows.
    annotation : type
        Of the field, with its metadata or without.
    default : object
        What holds where the option isn't given: the study file's value, or the field's default; None if neither.
    text, panel, aliases
        See :class:`~spikeproof.cli.options.LineOption`.
    """
    members = _values(annotation)
    parsed: Any = str
    metavar: str | None = f"<{type_name(annotation)}>"
    if len(members) == 1 and (members[0] in (bool, int, float, str) or _is_choice(members[0])):
        parsed, metavar = members[0], None
    elif any(_is_sequence(member) for member in members):
        parsed = list[str]
    return LineOption(
        name=name,
        flag=flag,
        annotation=parsed,
        help=text,
        panel=panel,
        default=default,
        metavar=metavar,
        aliases=aliases,
        negatable=parsed is bool,
    )


def value_of(annotation: object, value: object) -> object:
    """Turn what Typer parsed for a field into what a study file would hold.

    Examples
    --------
    >>> value_of(tuple[float, float], ["0,0.5"])
    [0, 0.5]
    >>> value_of(int | Literal["all"], "all")
    'all'
    """
    members = _values(annotation)
    if isinstance(value, list):
        texts = [text.strip() for part in value for text in str(part).split(",")]
        items = [item for member in members if _is_sequence(member) for item in get_args(member)]
        return [_literal(text, [leaf for item in items for leaf in _members(item)]) for text in texts]
    if isinstance(value, str) and len(members) > 1:
        return _literal(value, members)
    return value


def type_name(annotation: object) -> str:
    """Return how a type is written for a person.

    Examples
    --------
    >>> type_name(tuple[float, float]), type_name(int | Literal["all"]), type_name(tuple[str, ...] | None)
    ('float,float', 'int|all', 'str,...')
    """
    members = _values(annotation)
    if len(members) != 1:
        return "|".join(dict.fromkeys(type_name(member) for member in members))
    member = members[0]
    if _is_sequence(member):
        items = ["..." if item is Ellipsis else type_name(item) for item in get_args(member)]
        return ",".join(items if get_origin(member) is tuple else [*items, "..."])
    if get_origin(member) is Literal:
        return "|".join(map(str, get_args(member)))
    return member.__name__ if isinstance(member, type) else str(member)


def _literal(text: str, kinds: list[object]) -> object:
    if any(text in get_args(kind) for kind in kinds if _is_choice(kind)):
        return text
    for number, admitted in ((int, (int, float)), (float, (float,))):
        if any(kind in kinds for kind in admitted):
            try:
                return number(text)
            except ValueError:
                continue
    if bool in kinds and text in ("true", "false"):
        return text == "true"
    return text


def _members(annotation: object) -> list[object]:
    """Return the alternatives of a type, without metadata."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [leaf for member in get_args(annotation) for leaf in _members(member)]
    return [annotation]


def _values(annotation: object) -> list[object]:
    return [member for member in _members(annotation) if member is not type(None)]


def _is_choice(annotation: object) -> bool:
    return get_origin(annotation) is Literal and all(isinstance(choice, str) for choice in get_args(annotation))


def _is_sequence(annotation: object) -> bool:
    return get_origin(annotation) in (tuple, list)
