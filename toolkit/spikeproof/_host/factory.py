"""Imports a component's factory and reads its parameters off its fields."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import typing
from dataclasses import dataclass

from spikeproof.errors import PluginFailed
from spikeproof.wording import did_you_mean

from .components import Chosen
from .loading import file_module_name

__all__ = ["Parameter", "import_factory", "parameter_values", "parameters_of"]

TARGET = "target"
"""The field that receives what follows the colon; it is not a parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a component.

    Parameters
    ----------
    name : str
    type : type
        Its annotation, resolved, with its metadata (``Annotated[int, "Gradient steps."]``).
    default : object
        ``dataclasses.MISSING`` if a value is required.
    help : str
        The text of its annotation; empty if there is none.
    """

    name: str
    type: typing.Any
    default: object
    help: str


def parameter_values(component: object) -> dict[str, object]:
    """Return the values of a built component's parameters, by name, without its target."""
    if not dataclasses.is_dataclass(component) or isinstance(component, type):
        raise TypeError(f"not a component: {component!r}")
    return {
        field.name: getattr(component, field.name)
        for field in dataclasses.fields(component)
        if field.init and field.name != TARGET
    }


def import_factory(chosen: Chosen, *, place: str = "") -> type:
    """Import the factory that an entry names, and check that it is a frozen keyword-only dataclass.

    Raises
    ------
    PluginFailed
        If it cannot be imported (with the entry's ``install`` sentence), or is no such dataclass.
    """
    entry = chosen.entry
    who = f"{place}{chosen.label} of {chosen.plugin.label}"
    module_name, _, attribute = entry.factory.partition(":")
    try:
        module = importlib.import_module(_in_file(chosen, module_name))
    except ImportError as error:
        install = f". {entry.install}" if entry.install else ""
        raise PluginFailed(f"{who} cannot be imported: {module_name}: {error}{install}") from error
    except (Exception, SystemExit) as error:
        raise PluginFailed(f"{who} cannot be imported: {module_name}: {type(error).__name__}: {error}") from error
    factory = getattr(module, attribute, None)
    if factory is None:
        raise PluginFailed(f"{who}: module {module_name} has no {attribute!r}{did_you_mean(attribute, dir(module), 1)}")
    _check(factory, chosen, who)
    return typing.cast("type", factory)


def _in_file(chosen: Chosen, module_name: str) -> str:
    """Return the module to import: a one-off file calls itself by its stem, but stands under a name of its own."""
    if chosen.plugin.origin.startswith("file@") and module_name == chosen.plugin.name:
        return file_module_name(module_name, chosen.plugin.version)
    return module_name


def _check(factory: object, chosen: Chosen, who: str) -> None:
    name = chosen.entry.factory.partition(":")[2]
    if not isinstance(factory, type) or not dataclasses.is_dataclass(factory):
        raise PluginFailed(f"{who}: {name} is not a dataclass: write @dataclass(frozen=True, slots=True, kw_only=True)")
    if not factory.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise PluginFailed(f"{who}: {name} is not frozen: write @dataclass(frozen=True, slots=True, kw_only=True)")
    positional = [field.name for field in dataclasses.fields(factory) if field.init and not field.kw_only]
    if positional:
        raise PluginFailed(f"{who}: field {positional[0]!r} of {name} is not keyword-only: write kw_only=True")
    has_target = TARGET in {field.name for field in dataclasses.fields(factory)}
    if has_target != (chosen.entry.target is not None):
        problem = "has a field 'target', but its entry has none" if has_target else "lacks the field 'target: str'"
        raise PluginFailed(f"{who}: {name} {problem}")


def parameters_of(factory: type, *, who: str) -> tuple[Parameter, ...]:
    """Read the parameters of a factory: its fields in their order, without the target.

    Raises
    ------
    PluginFailed
        If an annotation cannot be resolved at run time.
    """
    try:
        hints = typing.get_type_hints(factory, include_extras=True)
    except Exception as error:
        raise PluginFailed(
            f"{who}: the annotations of {factory.__name__} cannot be resolved: {error}: import what they name at the "
            "top of its module"
        ) from error
    return tuple(
        Parameter(
            name=field.name,
            type=hints[field.name],
            default=_default(field),
            help=_help(hints[field.name]),
        )
        for field in dataclasses.fields(factory)
        if field.init and field.name != TARGET
    )


def _default(field: dataclasses.Field[typing.Any]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _help(annotation: object) -> str:
    if typing.get_origin(annotation) is not typing.Annotated:
        return ""
    texts = [part for part in typing.get_args(annotation)[1:] if isinstance(part, str)]
    return inspect.cleandoc(texts[0]) if texts else ""
