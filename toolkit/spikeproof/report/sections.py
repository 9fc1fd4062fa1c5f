"""The sections of the report, each made from the result alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from spikeproof.result import SOURCE_HEAD, joined_over, slug, source_rows
from spikeproof.wording import dose, joined, number

from .figures import called, draw, text_of
from .html import definitions, figure, items, svg_url, table
from .pictures import amplified, png

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.result import Result

__all__ = [
    "findings",
    "metric_sections",
    "picture_section",
    "provenance_section",
    "refusals",
    "side_by_side",
    "systems_section",
]

_MOST_SHORT, _MOST_HEADLINES, _MOST_ROWS, _MOST_SENTENCES = 9, 24, 200, 12
"""A variable with more numbers is in its figure and in ``result.zarr``, not in a table; a system of
which more sentences are said shows the first of each metric, and the others when asked."""
_ACRONYMS = {"cka": "CKA", "rdm": "RDM"}
_HEAD = ("number", "at", "value", "95 % interval")


def side_by_side(result: Result) -> str:
    """Set the headline numbers of all systems side by side."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    systems = result.systems or result.scopes
    for metric, system in itertools.product(result.metrics, systems):
        if not result.has(metric, system):
            continue
        for variable in result.summary(metric, system).data_vars.values():
            found = _rows(_at_its_end(variable)) if _is_headline(variable) else []
            if len(found) <= _MOST_SHORT:
                for name, at, value, interval in found:
                    rows.setdefault((name, at), {})[system] = f"{value} {interval}"
    if not rows:
        return ""
    shown = [system for system in systems if any(system in cells for cells in rows.values())]
    head = ("number", "at", *(_title(result, system) for system in shown))
    body = [(name, at, *(cells.get(system, "–") for system in shown)) for (name, at), cells in rows.items()]
    return table(head, body, numbers=range(2, 2 + len(shown)), grouped=True)


def _at_its_end(variable: xr.DataArray) -> xr.DataArray:
    """Take a curve at the largest norm, or with all units: the whole of it is in its own section."""
    x = str(variable.attrs.get("x", "")) if variable.attrs.get("figure") == "curve" else ""
    return variable.isel({x: [-1]}) if x else variable


def findings(result: Result) -> str:
    """Say in plain words what was found, system by system and metric by metric."""
    parts = []
    for system in result.scopes:
        said = [finding for finding in result.findings if finding["system"] == system]
        most = 1 if len(said) > _MOST_SENTENCES else len(said)
        texts = "".join(
            f"<h4>{escape(_metric_title(metric))}</h4>{_shortened([finding['text'] for finding in group], most)}"
            for metric, group in itertools.groupby(said, key=lambda finding: finding["metric"])
        )
        if texts:
            parts.append(f'<h3>{escape(_title(result, system))}</h3><div class="findings">{texts}</div>')
    return "".join(parts)


def _shortened(texts: Sequence[str], most: int) -> str:
    """Show the first sentences; one more would take no more room than the line that offers it."""
    if len(texts) <= most + 1:
        return items(texts)
    return items(texts[:most]) + _folded(f"{len(texts) - most} more sentences", items(texts[most:]))


def refusals(result: Result) -> str:
    """List what was refused, with the reason; what has one reason stands together."""
    reasons: dict[str, list[str]] = {}
    for entry in result.refused:
        reasons.setdefault(entry["reason"], []).append(entry["what"])
    texts = [f"{joined(list(dict.fromkeys(whats)))}: {reason}" for reason, whats in reasons.items()]
    return f'<div class="findings refused">{items(texts)}</div>' if texts else ""


def metric_sections(result: Result) -> list[tuple[str, str, str]]:
    """Draw every metric: one section each, one part a system."""
    sections = []
    for metric in result.metrics:
        parts = [
            f"<h3>{escape(_title(result, system))}</h3>{_summary(result.summary(metric, system))}"
            for system in result.scopes
            if result.has(metric, system)
        ]
        sections.append((f"metric-{metric}", _metric_title(metric), "".join(parts)))
    return sections


def _summary(summary: xr.Dataset) -> str:
    figures, headline, rest, footnotes = [], [], [], []
    for name, variable in summary.data_vars.items():
        drawings = draw(summary, str(name))
        for svg, alternative in drawings:
            caption = variable.attrs.get("caption") or variable.attrs["definition"]
            figures.append(figure(svg_url(svg), alternative, caption))
        rows = _rows(variable)
        if _is_headline(variable) and len(rows) <= _MOST_HEADLINES:
            headline += rows
        elif len(rows) <= _MOST_ROWS:
            rest += rows
        if not drawings or variable.attrs.get("caption"):
            footnotes.append(f"{variable.attrs['long_name']}: {variable.attrs['definition']}")
    return "".join(
        (
            table(_HEAD, headline, numbers=(2, 3), grouped=True) if headline else "",
            *figures,
            _folded("All numbers", table(_HEAD, rest, numbers=(2, 3), grouped=True)) if rest else "",
            _folded("What these numbers are", items(footnotes)) if footnotes else "",
        )
    )


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def _rows(variable: xr.DataArray) -> list[tuple[str, str, str, str]]:
    dims = [dim for dim in variable.dims if dim != "statistic"]
    bounds = [variable.sel(statistic=name).transpose(*dims).values for name in ("estimate", "low", "high")]
    there = ~np.isnan(np.stack(bounds)).all(axis=0)  # some combinations do not exist
    said = [
        [f"{called(variable, str(dim))} {text_of(value)}" for value in variable[dim].values.tolist()] for dim in dims
    ]
    name, units = variable.attrs["long_name"], variable.attrs["units"]
    if units != "1" and units not in name:
        name = f"{name}, {units}" if "(" in units else f"{name} ({units})"
    rows = []
    for place in np.argwhere(there):
        value, low, high = (float(values[tuple(place)]) for values in bounds)
        at = ", ".join(names[index] for names, index in zip(said, place, strict=True))
        said_value, said_low, said_high = (dose(one, variable.attrs) for one in (value, low, high))
        interval = "no interval" if np.isnan([low, high]).any() else f"[{said_low}, {said_high}]"
        rows.append((name, at, said_value, interval))
    return rows


def picture_section(result: Result) -> str:
    """Show clean images, their perturbed versions and the amplified difference."""
    parts = []
    for system in result.systems:
        place = f"/examples/{slug(system)}"
        if place not in result.tree.groups:
            continue
        examples = result.tree[place].to_dataset()
        rows = [_pictures(examples.isel(target=index)) for index in range(examples.sizes["target"])]
        parts.append(f"<h3>{escape(_title(result, system))}</h3>" + "".join(rows))
    return "".join(parts)


def _pictures(target: xr.Dataset) -> str:
    shown = target["example"].load()
    aim = str(target["objective"].item())
    who = f"{aim}: {target['target'].item()}" if target["target_unit"].item() else aim
    control = str(target["control"].item())
    heading = f"{control} control, " if control else ""
    cells = []
    for index in range(shown.sizes["shown"]):
        clean, perturbed = shown.isel(shown=index, version=0), shown.isel(shown=index, version=1)
        difference, factor = amplified(clean, perturbed)
        name = text_of(target["example_stimulus"].values[index])
        cells += [
            figure(png(clean.values), f"clean image {name}", f"{name}, clean"),
            figure(
                png(perturbed.values),
                f"perturbed image {name}",
                f"perturbed, norm {number(float(target['example_norm'].values[index]))}",
            ),
            figure(png(difference), f"difference for {name}", f"difference × {factor:g}"),
        ]
    return f"<h4>{escape(heading)}aimed at {escape(who)}</h4><div class=pictures>{''.join(cells)}</div>"


def systems_section(result: Result) -> str:
    """Say what was studied, and what was chosen for the user."""
    rows = [
        (
            _title(result, facts["name"]),
            str(facts["units"]),
            facts.get("aimed_at", "–"),
            str(facts["stimuli"]),
            str(facts["categories"]),
            facts["units of response"],
            str(facts.get("presentations", "–")),
        )
        for facts in result.provenance["system_facts"]
    ]
    head = ("system", "units", "aimed at", "stimuli", "categories", "response in", "presentations")
    notes = f"<h3>Notes</h3>{items(result.notes)}" if result.notes else ""
    listed = table(head, rows, numbers=(1, 2, 3, 4, 6)) if rows else "<p>Trials of subjects; no neural code.</p>"
    return listed + _sources(result) + notes


def _sources(result: Result) -> str:
    """Say what each of several sources gave."""
    rows = source_rows(result.provenance)
    if not rows:
        return ""
    said = joined_over(result.provenance)
    sentence = f"<p>{escape(said)}</p>" if said else ""
    return f"<h3>Sources</h3>{sentence}{table(SOURCE_HEAD, rows, numbers=(3, 4, 5, 6, 7))}"


def provenance_section(result: Result) -> str:
    """Say which data, versions, revisions and seed made the numbers."""
    provenance = result.provenance
    components = [
        (
            part["kind"],
            part["label"],
            f"{part['distribution']} {part['version']}",
            str(part["revision"]),
            _parameters(part),
        )
        for part in provenance["components"]
    ]
    environment = provenance["environment"]
    facts = [
        ("data", "; ".join(f"{key} {value}" for key, value in provenance["data"].items())),
        *(
            (f"model {name}", "; ".join(f"{k} {v}" for k, v in identity.items()))
            for name, identity in provenance["models"].items()
        ),
        ("seed", str(provenance["study"].get("seed", 0))),
        ("bootstrap draws", str(provenance["study"]["statistics"]["draws"])),
        ("python", f"{environment['python']} on {environment['system']}, {environment['device']}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in environment["versions"].items())),
        ("seconds", ", ".join(f"{name} {seconds:g}" for name, seconds in provenance["seconds"].items())),
    ]
    study = json.dumps(provenance["study"], indent=1, ensure_ascii=False)
    return (
        table(("kind", "component", "from", "revision", "parameters"), components)
        + definitions(facts)
        + _folded("The study as resolved", f"<pre>{escape(study)}</pre>")
    )


def _parameters(part: dict[str, object]) -> str:
    parameters = part["parameters"]
    target = [str(part["target"])] if part.get("target") else []
    named = [f"{key} = {value}" for key, value in parameters.items()] if isinstance(parameters, dict) else []
    return ", ".join(target + named)


def _is_headline(variable: xr.DataArray) -> bool:
    return str(variable.attrs.get("headline", "")) == "1"


def _metric_title(metric: str) -> str:
    words = [_ACRONYMS.get(word, word) for word in metric.replace("-", " ").split(" ")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _title(result: Result, system: str) -> str:
    known = {"recording": "The recording", "all systems": "All systems together"}
    called = result.label(system)
    return known.get(system, f"I{called[1:]}" if called != system else f"Network {system}")
