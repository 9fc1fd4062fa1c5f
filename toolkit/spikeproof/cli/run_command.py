"""``spikeproof run``: a study file, the line, or both; then the result in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from spikeproof.errors import UsageError
from spikeproof.plugin import AttackEntry

from .components import FieldOption, check_flags, check_known, field_options, set_fields, slots
from .compose import choose, default_out, set_host_values, split_specs, split_words, tables
from .help import HelpPage
from .host_options import MODEL_KEYS, OPTIONS, OUTPUT, RUNNING, STUDY_KEYS, TOP_KEYS, USUAL_AIMS
from .options import LineArgument, LineOption, add_command, given, help_option
from .request import Request
from .scan import Scan, scan

if TYPE_CHECKING:
    from spikeproof._host import Host, Kind
    from spikeproof.study import Study

__all__ = ["add"]

_TEXT = """Give a study file, or name everything on the line. The line wins over the file.
A SPEC is NAME or NAME:TARGET, such as nwb:recording.nwb.
Options that name several things repeat or take commas.
The options of a component join these once it is chosen:
  spikeproof run --attack pgd --help"""

_EXAMPLES = (
    "spikeproof run study.toml --epsilons 0.5,1 --out results/two-radii",
    "spikeproof run --source nwb:x.nwb --source.table trials --metric sparseness",
)

_STUDY = LineArgument(name="study", metavar="STUDY", help="A study in TOML.", panel="Study file", required=False)

_SPEC_OPTIONS: tuple[Kind, ...] = ("source", "model", "encoder", "readout", "attack", "metric")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Composition:
    """All that the scan of a line found out."""

    line: tuple[str, ...]
    file: Path | None
    study: dict[str, Any]
    where: str
    host: Host
    fields: tuple[FieldOption, ...]
    options: tuple[LineOption, ...]


def add(app: typer.Typer, request: Request) -> None:
    """Add the command for one line: the options of the components that it chooses are among its own."""
    composed = _compose(request)

    def body(context: typer.Context, study: str | None, **values: object) -> None:
        if (Path(study) if study is not None else None) != composed.file:
            raise UsageError(f"{study or composed.file}: put the study file before the options")
        _run(composed, given(context, composed.options, values))

    page = HelpPage(
        command=request.name,
        summary=request.summary,
        text=_TEXT,
        arguments=(_STUDY,),
        options=composed.options,
        panel=OUTPUT,
        examples=_EXAMPLES,
    )
    add_command(app, page, body)


def _compose(request: Request) -> _Composition:
    from spikeproof._host import Host
    from spikeproof.study import read_study

    line = scan(request.arguments, (*OPTIONS, *RUNNING, help_option(OUTPUT)), ending=".toml")
    check_known(line.unknown, [option.flag for option in (*OPTIONS, *RUNNING)])
    file = Path(line.arguments[0]) if line.arguments else None
    base = read_study(file) if file is not None else {}
    where = _where(file, line)
    plugins = list(dict.fromkeys([*base.get("plugins", ()), *map(str, request.plugins)]))
    host = Host.discover(files=[Path(name) for name in plugins])
    study = choose(base, _specs(line, host))
    if plugins:
        study["plugins"] = plugins
    found = slots(study, host, where=where, aims=_aims(line, study, host))
    fields = tuple(field_options(found, host))
    own = (*_with_names(OPTIONS, host), *RUNNING)
    options = (*(_with_study(option, study) for option in own), *(item.option for item in fields))
    check_flags(line.component_flags, found, options)
    return _Composition(
        line=request.line, file=file, study=study, where=where, host=host, fields=fields, options=options
    )


def _where(file: Path | None, line: Scan) -> str:
    if file is None:
        return "the command line"
    asked = set(line.values) - {option.name for option in RUNNING}
    return f"{file} and the command line" if asked or line.component_flags else str(file)


def _specs(line: Scan, host: Host) -> dict[str, list[str]]:
    specs: dict[str, list[str]] = {}
    for kind in _SPEC_OPTIONS:
        names = {name for item in host.entries(kind) for name in (item.entry.name, item.qualified)}
        specs[kind] = split_specs(line.values.get(kind, []), names)
    return specs


def _aims(line: Scan, study: dict[str, Any], host: Host) -> list[str]:
    """Return the objectives whose options are offered: those that are named, or the usual ones of a pixel attack."""
    if "aims" in line.values:
        return split_words(line.values["aims"])
    threat = study.get("threat")
    named = threat.get("aims") if isinstance(threat, dict) else None
    if isinstance(named, list) and all(isinstance(name, str) for name in named):
        return list(named)
    return list(USUAL_AIMS) if threat or _attacks_pixels(study, host) else []


def _attacks_pixels(study: dict[str, Any], host: Host) -> bool:
    names = {str(table.get("use")).rpartition("/")[2] for table in tables(study, "attack")}
    return any(
        isinstance(item.entry, AttackEntry) and item.entry.domain == "stimulus" and item.entry.name in names
        for item in host.entries("attack")
    )


def _with_names(options: Sequence[LineOption], host: Host) -> list[LineOption]:
    """Add the names that can be chosen to the help of the options that choose."""
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
            if option.name == "controls":
                names["other-unit"] = None  # the host's own
            if names:
                option = dataclasses.replace(option, help=f"{option.help} Known: {', '.join(names)}.")
        named.append(option)
    return named


def _with_study(option: LineOption, study: dict[str, Any]) -> LineOption:
    """Show what the study file holds as the default."""
    table, key = STUDY_KEYS.get(option.name, ("", option.name))
    holder = study.get(table) if table else study if option.name in TOP_KEYS else None
    models = tables(study, "model")
    if option.name in MODEL_KEYS and len(models) == 1:
        holder, key = models[0], MODEL_KEYS[option.name]
    if isinstance(holder, dict) and key in holder:
        return dataclasses.replace(option, default=holder[key])
    return option


def _run(composed: _Composition, values: dict[str, Any]) -> None:
    from spikeproof.study import parse_study

    if composed.file is None and not values:
        raise UsageError(
            "nothing to run: give a study file, or at least --source SPEC and --metric SPEC (see spikeproof run --help)"
        )
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

    with keep_on_interrupt(out, "run", composed.line), progress_for_terminal() as progress:
        result = api.run(
            study.to_mapping(),
            where=composed.where,
            out=out,
            resume=bool(values.get("resume")),
            batch=_batch(values.get("batch")),
            device=values.get("device", "auto"),
            progress=progress,
        )
    show_result(result)


def _batch(text: str | None) -> int | Literal["tuned"] | None:
    if text is None:
        return None
    if text == "tuned":
        return "tuned"
    if not text.strip().isdecimal():
        raise UsageError(f"--batch: expected a whole number or tuned, got {text!r}")
    return int(text)


def _keep_study(study: Study, composed: _Composition, values: dict[str, Any]) -> None:
    """Check every component, then write the study where it was asked for."""
    from spikeproof.pipeline.parts import build_parts

    from .study_text import study_text

    build_parts(study, composed.host, where=composed.where)
    text = study_text(study.to_mapping())
    if "save_study" in values:
        file: Path = values["save_study"]
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--save-study: {file} cannot be written: {error.strerror}") from None
        typer.echo(f"study written to {file}", err=True)
    if values.get("dry_run"):
        typer.echo(text, nl=False)
