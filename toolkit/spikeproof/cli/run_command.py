"""``spikeproof run``: a study file, the line, or both; then the result in words."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikeproof.errors import UsageError

from .components import FieldOption, check_flags, field_options, set_fields, slots
from .compose import choose, default_out, set_host_values, split_specs, split_words
from .host_options import OPTIONS, RUNNING
from .options import LineOption, given, signature
from .scan import Scan, scan

if TYPE_CHECKING:
    from spikeproof._host import Host, Kind
    from spikeproof.study import Study

__all__ = ["EPILOG", "HELP", "OWN_HELP", "command"]

HELP = """Give a study file, or name everything on the line. The line wins over the file.
A SPEC is NAME or NAME:TARGET, such as nwb:recording.nwb.
Options that name several things repeat or take commas.
A chosen component's own options join these: spikeproof run --attack pgd --help"""

EPILOG = """Examples:
  spikeproof run study.toml --epsilons 0.5,1 --out results/two-radii
  spikeproof run --source nwb:x.nwb --source.table trials --metric sparseness"""

_SPEC_OPTIONS: tuple[Kind, ...] = ("source", "model", "readout", "attack", "metric")
_HELP_PANEL = "Output and running"
OWN_HELP = True
"""``--help`` is one of the options that this module makes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Composition:
    """All that the scan of a line found out."""

    arguments: tuple[str, ...]
    file: Path | None
    study: dict[str, Any]
    where: str
    host: Host
    fields: tuple[FieldOption, ...]
    options: tuple[LineOption, ...]


def command(arguments: Sequence[str]) -> Callable[..., None]:
    """Build the command for one line: the options of the components that it chooses are among its own."""
    composed = _compose(arguments)

    def body(context: typer.Context, study: Path | None, **values: object) -> None:
        if study != composed.file:
            raise UsageError(f"{study or composed.file}: put the study file before the options")
        _run(composed, given(context, composed.options, values))

    return signature(body, composed.options, _study_argument(), _HELP_PANEL)


def _compose(arguments: Sequence[str]) -> _Composition:
    from spikeproof._host import Host
    from spikeproof.study import read_study

    line = scan(arguments, (*OPTIONS, *RUNNING), ending=".toml")
    file = Path(line.arguments[0]) if line.arguments else None
    base = read_study(file) if file is not None else {}
    bare = file is None
    where = "the command line" if bare else str(file) if not line.values else f"{file} with the command line"
    plugins = [*base.get("plugins", ()), *line.values.get("plugin", ())]
    host = Host.discover(files=[Path(name) for name in plugins])
    study = choose(base, _specs(line, host))
    found = slots(study, host, where=where, aims=_aims(line, study))
    fields = tuple(field_options(found, host))
    options = (*_with_names(OPTIONS, host), *RUNNING, *(item.option for item in fields))
    options = tuple(_with_study(option, study) for option in options)
    check_flags(line.component_flags, found, options)
    return _Composition(
        arguments=tuple(arguments), file=file, study=study, where=where, host=host, fields=fields, options=options
    )


def _specs(line: Scan, host: Host) -> dict[str, list[str]]:
    specs = {"plugin": line.values.get("plugin", [])}
    for kind in _SPEC_OPTIONS:
        names = {name for item in host.entries(kind) for name in (item.entry.name, item.qualified)}
        specs[kind] = split_specs(line.values.get(kind, []), names)
    return specs


def _aims(line: Scan, study: dict[str, Any]) -> list[str]:
    """Return the objectives whose options are offered: those that are named, or the usual ones of an attack."""
    if "aims" in line.values:
        return split_words(line.values["aims"])
    threat = study.get("threat")
    named = threat.get("aims") if isinstance(threat, dict) else None
    if isinstance(named, list) and all(isinstance(name, str) for name in named):
        return list(named)
    return ["unit", "population", "behavior"] if threat or study.get("attack") else []


def _with_names(options: Sequence[LineOption], host: Host) -> list[LineOption]:
    """Add the names that can be chosen to the help of the options that choose."""
    from spikeproof.plugin import AttackEntry

    kinds: dict[str, Kind] = {**{kind: kind for kind in _SPEC_OPTIONS}, "aims": "objective", "controls": "attack"}
    named = []
    for option in options:
        kind = kinds.get(option.name)
        if kind is not None:
            entries = [item.entry for item in host.entries(kind)]
            if kind == "attack":
                wanted = option.name == "controls"
                entries = [entry for entry in entries if isinstance(entry, AttackEntry) and entry.control == wanted]
            names = dict.fromkeys(f"{entry.name}:{entry.target}" if entry.target else entry.name for entry in entries)
            if names:
                option = dataclasses.replace(option, help=f"{option.help} Known: {', '.join(names)}.")
        named.append(option)
    return named


def _with_study(option: LineOption, study: dict[str, Any]) -> LineOption:
    """Show what the study file holds as the default."""
    from .host_options import STUDY_KEYS

    table, key = STUDY_KEYS.get(option.name, ("", option.name))
    holder = study.get(table) if table else study if option.name == "seed" else None
    if isinstance(holder, dict) and key in holder:
        held = holder[key]
        shown = [str(item) for item in held] if isinstance(held, list) else held
        if option.annotation is str:
            shown = str(shown)
        if isinstance(shown, list) == isinstance(option.default, list) or option.name == "epsilons":
            return dataclasses.replace(option, default=shown)
    return option


def _run(composed: _Composition, values: dict[str, Any]) -> None:
    from spikeproof.study import parse_study

    set_host_values(composed.study, values)
    set_fields(composed.study, composed.fields, values)
    study = parse_study(composed.study, where=composed.where)
    if "save_study" in values or values.get("dry_run"):
        _keep_study(study, composed, values)
    if values.get("dry_run"):
        return
    out = values.get("out") or default_out(composed.file)
    from spikeproof import api

    from .outcome import show_result
    from .progress import progress_for_terminal
    from .stopping import keep_on_interrupt

    with progress_for_terminal() as progress, keep_on_interrupt(out, "run", composed.arguments):
        result = api.run(
            study.to_mapping(),
            where=composed.where,
            out=out,
            resume=bool(values.get("resume")),
            batch=values.get("batch"),
            device=values.get("device", "auto"),
            progress=progress,
        )
    show_result(result)


def _keep_study(study: Study, composed: _Composition, values: dict[str, Any]) -> None:
    """Check every component, then write the study where it was asked for."""
    import tomli_w

    from spikeproof.pipeline.parts import build_parts

    build_parts(study, composed.host, where=composed.where)
    text = tomli_w.dumps(study.to_mapping())
    if "save_study" in values:
        file: Path = values["save_study"]
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--save-study: {file} cannot be written: {error.strerror}") from None
        typer.echo(f"study written to {file}", err=True)
    if values.get("dry_run"):
        typer.echo(text, nl=False)


def _study_argument() -> inspect.Parameter:
    argument = typer.Argument(
        metavar="STUDY", help="Study file (TOML).", show_default=False, rich_help_panel="Study file"
    )
    return inspect.Parameter(
        "study", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Path | None, argument], default=None
    )
