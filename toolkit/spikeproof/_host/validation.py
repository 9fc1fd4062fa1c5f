"""Turns the values of a study file or a command line into a component, or says which of them is wrong."""

from __future__ import annotations

import dataclasses
import math
import operator
import types
import typing
from collections.abc import Mapping, Sequence

from spikeproof.errors import BadParameter, PluginFailed, SpikeproofError, UsageError
from spikeproof.wording import did_you_mean

from .components import Chosen
from .factory import TARGET, Parameter, import_factory, parameters_of

if typing.TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["build", "describe"]


def build(chosen: Chosen, parameters: Mapping[str, object], *, where: str, beside: Sequence[str] = ()) -> object:
    """Import, validate and construct a component.

    Parameters
    ----------
    chosen : Chosen
    parameters : mapping
        Its parameters.
    where : str
        What error messages call the place where they stand.
    beside : sequence of str
        Other keys that may stand there, for the message on an unknown one.

    Raises
    ------
    BadParameter
        If a parameter is unknown, missing, or has the wrong type or value.
    PluginFailed
        If the factory cannot be imported, is no frozen keyword-only dataclass, or fails in another way.
    """
    place = f"{where}: " if where else ""
    factory = import_factory(chosen, place=place)
    fields = parameters_of(factory, who=f"{place}{chosen.label} of {chosen.plugin.label}")
    _refuse_unknown(chosen, parameters, fields, place, beside)
    values: dict[str, object] = {}
    for field in fields:
        if field.name in parameters:
            values[field.name] = _validated(field, parameters[field.name], place)
        elif field.default is dataclasses.MISSING:
            about = f" ({field.help.rstrip('.')})" if field.help else ""
            raise BadParameter(f"{place}{field.name} is required: expected {describe(field.type)}{about}")
    if chosen.target is not None:
        values[TARGET] = chosen.target
    try:
        return factory(**values)
    except UsageError as error:
        text = str(error).removeprefix(f"{chosen.entry.name}: ")  # the place names the component already
        raise type(error)(f"{place}{text}") from error
    except SpikeproofError:
        raise
    except ValueError as error:
        raise BadParameter(f"{place}{error}") from error
    except Exception as error:
        raise PluginFailed(
            f"{place}{chosen.label} of {chosen.plugin.label} cannot be made: {type(error).__name__}: {error}"
        ) from error


def _refuse_unknown(
    chosen: Chosen,
    parameters: Mapping[str, object],
    fields: Sequence[Parameter],
    place: str,
    beside: Sequence[str],
) -> None:
    names = [field.name for field in fields]
    for key in parameters:
        if key in names:
            continue
        if key == TARGET and chosen.entry.target is not None:
            raise BadParameter(f"{place}write the target after the colon: {chosen.entry.name}:{parameters[key]}")
        hint = did_you_mean(key.replace("-", "_"), [*names, *beside], 1, otherwise=":")
        listing = f"has {', '.join(names)}" if names else "has no parameters"
        listing += f"; its table also takes {', '.join(beside)}" if beside else ""
        raise BadParameter(f"{place}unknown parameter {key!r}{hint} {chosen.label} {listing}")


def _validated(field: Parameter, value: object, place: str) -> object:
    from pydantic import TypeAdapter, ValidationError
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

    allow_nan = isinstance(field.default, float) and math.isnan(field.default)
    annotation: typing.Any = _hardened(field.type, allow_nan=allow_nan)
    try:
        adapter = TypeAdapter[object](annotation)
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise PluginFailed(f"{place}{field.name}: its type {field.type!r} cannot be read from a study") from error
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise BadParameter(f"{place}{field.name}: {_explained(field, value, error)}") from None


def _hardened(annotation: object, *, allow_nan: bool) -> object:
    """Return the annotation with what pydantic is lax about refused: bools as numbers, and NaN.

    A command line gives text and TOML knows no null, so that ``"a,b"`` is accepted for a tuple and ``"none"`` for an
    optional value that is not text.
    """
    from pydantic import AfterValidator, BeforeValidator

    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        metadata = tuple(part for part in arguments[1:] if not isinstance(part, str))
        inner = _hardened(arguments[0], allow_nan=allow_nan)
        return _getitem(typing.Annotated, (inner, *metadata)) if metadata else inner
    if origin in {typing.Union, types.UnionType}:
        united = _getitem(typing.Union, tuple(_hardened(part, allow_nan=allow_nan) for part in arguments))
        if type(None) in arguments and str not in arguments:
            return _getitem(typing.Annotated, (united, BeforeValidator(_none_of_text)))
        return united
    if origin is tuple:
        parts = tuple(part if part is Ellipsis else _hardened(part, allow_nan=allow_nan) for part in arguments)
        return _getitem(typing.Annotated, (_getitem(tuple, parts), BeforeValidator(_split)))
    if annotation is int:
        return _getitem(typing.Annotated, (int, BeforeValidator(_refuse_bool)))
    if annotation is float:
        checks = () if allow_nan else (AfterValidator(_refuse_nan),)
        return _getitem(typing.Annotated, (float, BeforeValidator(_refuse_bool), *checks))
    return annotation


def _getitem(generic: object, parameters: object) -> object:
    """``generic[parameters]`` for annotations that are known at run time only."""
    return operator.getitem(generic, parameters)  # type: ignore[call-overload]


def _refuse_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _refuse_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("not a number")
    return value


def _none_of_text(value: object) -> object:
    return None if isinstance(value, str) and value.lower() == "none" else value


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


_LIMITS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _explained(field: Parameter, value: object, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=True)[0]
    shown, annotation, where = value, _bare(field.type), ""
    whole = first["type"] in {"missing", "too_long"}  # of a tuple: its length is wrong, not an item
    position = None if whole else next((part for part in first["loc"] if isinstance(part, int)), None)
    elements = _elements(annotation)
    if position is not None and elements is not None:
        shown, where = first["input"], f"item {position + 1}: "
        annotation = elements[min(position, len(elements) - 1)]
    if first["type"] in _LIMITS:
        words, key = _LIMITS[first["type"]]
        return f"{where}must be {words} {first['ctx'][key]}, got {shown!r}"
    options = _options(annotation)
    return f"{where}expected {describe(annotation)}, got {shown!r}{did_you_mean(str(shown), map(str, options), 1)}"


def _bare(annotation: object) -> object:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation


def _members(annotation: object) -> tuple[object, ...]:
    """Return the alternatives of a union; the type itself if it is none."""
    bare = _bare(annotation)
    return typing.get_args(bare) if typing.get_origin(bare) in {typing.Union, types.UnionType} else (bare,)


def _elements(annotation: object) -> tuple[object, ...] | None:
    for part in _members(annotation):
        if typing.get_origin(part) is tuple:
            return tuple(item for item in typing.get_args(part) if item is not Ellipsis)
    return None


def _options(annotation: object) -> tuple[object, ...]:
    return tuple(
        option
        for part in _members(annotation)
        if typing.get_origin(_bare(part)) is typing.Literal
        for option in typing.get_args(_bare(part))
    )


_WORDS: Mapping[object, tuple[str, str]] = {
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false values"),
    str: ("text", "text"),
    type(None): ('"none"', '"none"'),
}


def describe(annotation: object, *, many: bool = False) -> str:
    """Say in words what a value of this type is.

    >>> describe(int), describe(tuple[float, ...]), describe(int | None)
    ('an integer', 'a list of numbers', 'an integer or "none"')
    """
    bare = _bare(annotation)
    origin, arguments = typing.get_origin(bare), typing.get_args(bare)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(describe(part, many=many) for part in arguments)
    if origin is typing.Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"a list of {describe(arguments[0], many=True)}"
        return f"a list of {len(arguments)} values ({', '.join(map(describe, arguments))})"
    if bare in _WORDS:
        return _WORDS[bare][many]
    return str(getattr(bare, "__name__", bare))
