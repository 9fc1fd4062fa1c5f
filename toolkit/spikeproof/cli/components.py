"""The options of the components that a line or a study chooses, read from their fields through the host."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spikeproof.errors import UsageError

from .compose import tables
from .encoder_options import ENCODER_FIELDS
from .fields import field_option, value_of
from .host_options import COMPONENTS, MODEL_KEYS
from .options import LineOption

if TYPE_CHECKING:
    from spikeproof._host import Chosen, Host, Kind, Parameter

__all__ = ["FieldOption", "Slot", "check_flags", "check_known", "field_options", "panel_title", "set_fields", "slots"]

_HOST_KEYS = {"use", "name", "layer", *MODEL_KEYS.values()}
"""Keys of a component's table that are the host's; a table of any kind keeps the first two."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One chosen component and the table that holds its parameters.

    Parameters
    ----------
    kind : str
    table : dict
        Its table in the study, changed in place.
    chosen : Chosen
    handle : str
        What it is called in options: the table's ``name``, or the component's.
    """

    kind: Kind
    table: dict[str, Any]
    chosen: Chosen
    handle: str


@dataclass(frozen=True, kw_only=True)
class FieldOption:
    """An option that sets one field of one or several components."""

    option: LineOption
    field: Parameter
    slots: tuple[Slot, ...]


def slots(study: dict[str, Any], host: Host, *, where: str, aims: Sequence[str]) -> list[Slot]:
    """Return the components that a study chooses, in the order of help's panels.

    Parameters
    ----------
    study : dict
    host : Host
    where : str
        What messages call the study.
    aims : sequence of str
        Objectives that are aimed at; each has a table of its own once a field of it is set.

    Raises
    ------
    ComponentNotFound, AmbiguousName, BadParameter
        If a spec names nothing, or too much.
    """
    found: list[Slot] = []
    kinds: tuple[Kind, ...] = ("source", "model", "encoder", "readout", "attack", "objective", "metric")
    for kind in kinds:
        chosen = _objectives(study, aims) if kind == "objective" else tables(study, kind)
        for number, table in enumerate(chosen, 1):
            spec = table.get("use")
            if isinstance(spec, str) and spec.strip():
                place = f"{where}, {'--aims' if kind == 'objective' else f'[[{kind}]] {number}'}"
                component = host.find(kind, spec, where=place)
                handle = str(table.get("name", component.entry.name))
                found.append(Slot(kind=kind, table=table, chosen=component, handle=handle))
    return _distinct(found)


def field_options(found: Sequence[Slot], host: Host) -> list[FieldOption]:
    """Return an option for every field of every chosen component.

    Where the chosen components of a kind share one name, ``--attack.steps`` and ``--attack.pgd.steps`` are the same;
    otherwise the name must stand there. Several components of one name share their options.
    """
    made: list[FieldOption] = []
    for kind in dict.fromkeys(slot.kind for slot in found):
        groups: dict[str, list[Slot]] = {}
        for slot in found:
            if slot.kind == kind:
                groups.setdefault(slot.handle, []).append(slot)
        for handle, group in groups.items():
            title = panel_title(group[0], shared=len(group))
            own = ENCODER_FIELDS if kind == "encoder" else ()
            for parameter in (*own, *host.parameters(group[0].chosen)):
                if parameter.name in (_HOST_KEYS if kind == "model" else {"use", "name"}):
                    continue
                word = parameter.name.replace("_", "-")
                short, long = f"--{kind}.{word}", f"--{kind}.{handle}.{word}"
                option = _option(parameter, group, f"field{len(made)}", title, short if len(groups) == 1 else long)
                if len(groups) == 1:
                    option = dataclasses.replace(option, aliases=(long,))
                if "_" in parameter.name:  # as the study file spells it
                    spelt = tuple(flag.removesuffix(word) + parameter.name for flag in (option.flag, *option.aliases))
                    option = dataclasses.replace(option, aliases=(*option.aliases, *spelt))
                made.append(FieldOption(option=option, field=parameter, slots=tuple(group)))
    return made


def set_fields(study: dict[str, Any], made: Sequence[FieldOption], values: Mapping[str, Any]) -> None:
    """Put the values that stand on the line into the components' tables, in place."""
    for item in made:
        if item.option.name in values:
            for slot in item.slots:
                slot.table[item.field.name] = value_of(item.field.type, values[item.option.name])
                if slot.kind == "objective" and not any(slot.table is table for table in tables(study, "objective")):
                    study["objective"] = [*tables(study, "objective"), slot.table]


def check_flags(flags: Sequence[str], found: Sequence[Slot], options: Sequence[LineOption]) -> None:
    """Refuse options of components that no chosen component has, and say what was meant.

    Raises
    ------
    UsageError
        Naming the near options, or what must be chosen first.
    """
    known = [spelling for option in options for spelling in option.spellings]
    for flag in flags:
        if flag in known:
            continue
        kind, _, rest = flag.removeprefix("--").removeprefix("no-").partition(".")
        chosen = list(dict.fromkeys(slot.handle for slot in found if slot.kind == kind))
        if kind in COMPONENTS and not chosen:
            raise UsageError(
                f"{flag}: no {kind} is chosen: add {COMPONENTS[kind]} NAME (`spikeproof show {kind}` lists them)"
            )
        longer = [f"--{kind}.{handle}.{rest}" for handle in chosen if f"--{kind}.{handle}.{rest}" in known]
        if longer:
            raise UsageError(f"{flag}: several components of kind {kind} are chosen; say which: {' or '.join(longer)}")
        if kind not in COMPONENTS:
            kinds = difflib.get_close_matches(kind, COMPONENTS, n=1)
            hint = f"did you mean --{kinds[0]}.{rest}?" if kinds else "see --help"
            raise UsageError(f"{flag}: no such option: {hint}")
        field, of_kind = rest.rpartition(".")[2], [option.flag for option in options if _is_of(option, kind)]
        near = [
            name
            for word in difflib.get_close_matches(field, [name.rpartition(".")[2] for name in of_kind], n=1)
            for name in of_kind
            if name.rpartition(".")[2] == word
        ]
        hint = f"did you mean {' or '.join(near)}?" if near else f"{kind} {' and '.join(chosen)} has "
        raise UsageError(f"{flag}: no such option: {hint}{'' if near else ', '.join(of_kind) or 'no options'}")


def _is_of(option: LineOption, kind: str) -> bool:
    return option.flag.startswith(f"--{kind}.")


def check_known(flags: Sequence[str], known: Sequence[str]) -> None:
    """Refuse options that the command does not have, and say what was meant.

    Raises
    ------
    UsageError
        Naming the near options.
    """
    for flag in flags:
        near = difflib.get_close_matches(flag, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "see --help"
        raise UsageError(f"{flag}: no such option: {hint}")


def panel_title(slot: Slot, *, shared: int = 1) -> str:
    """Return the heading of a component's options: what it is and who provides it."""
    entry, plugin = slot.chosen.entry, slot.chosen.plugin
    version = plugin.version[:12] if plugin.origin.startswith("file@") else plugin.version
    own = "" if slot.handle == entry.name else f"{entry.name} of "
    several = f", {shared} times" if shared > 1 else ""
    return f"Options of {slot.kind} '{slot.handle}' ({own}{plugin.distribution} {version}{several})"


def _option(parameter: Parameter, group: Sequence[Slot], name: str, title: str, flag: str) -> LineOption:
    required = parameter.default is dataclasses.MISSING
    held = [slot.table[parameter.name] for slot in group if parameter.name in slot.table]
    return field_option(
        name=name,
        flag=flag,
        annotation=parameter.type,
        default=held[0] if held else (None if required else parameter.default),
        text=(parameter.help + (" Required." if required and not held else "")).strip(),
        panel=title,
    )


def _objectives(study: Mapping[str, Any], aims: Sequence[str]) -> list[dict[str, Any]]:
    named = {str(table.get("name", table.get("use"))): table for table in tables(study, "objective")}
    return [named.get(aim, {"use": aim}) for aim in aims]


def _distinct(found: Sequence[Slot]) -> list[Slot]:
    """Tell components of one name but of different distributions apart."""
    distributions: dict[tuple[str, str], set[str]] = {}
    for slot in found:
        distributions.setdefault((slot.kind, slot.handle), set()).add(slot.chosen.plugin.distribution)
    return [
        dataclasses.replace(slot, handle=f"{slot.chosen.plugin.distribution}.{slot.handle}")
        if len(distributions[slot.kind, slot.handle]) > 1
        else slot
        for slot in found
    ]
