"""Blocks: what one target's evidence was measured to be, as it is kept on disk, and how targets are stacked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import DataError, PluginFailed
from spikeproof.evidence import Evidence

from .why_not import measures

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.plugin import MetricEntry

    from .parts import Part

__all__ = ["COORDINATES", "as_target", "block_of", "refusals", "stack_blocks", "stack_targets"]

COORDINATES = ("attack", "aim", "objective", "control", "target", "target_unit", "session", "subject")
"""What identifies a target along the stacked dimension ``target``; empty text where it does not apply."""


def block_of(evidences: Iterable[tuple[Evidence, xr.Dataset]], metrics: Sequence[Part[MetricEntry]]) -> xr.DataTree:
    """Measure evidence as it comes (with what else is kept of it) and return the block.

    A block has one group per metric under ``metrics``, and ``items`` (norms, statuses, choices) and ``examples``
    (images), each stacked along ``target``. Where a metric refuses an evidence (``DataError``), the reason is kept in
    the block's attribute ``refused`` instead of a value.
    """
    import xarray as xr

    found: dict[str, list[xr.Dataset]] = {}
    refused: dict[str, list[str]] = {}
    for evidence, extras in evidences:
        measured = {"items": _items(evidence), "examples": extras}
        for metric in metrics:
            if not _applies(metric.entry, evidence):
                continue
            try:
                measured[f"metrics/{metric.label}"] = _measure(metric, evidence)
            except DataError as error:
                reasons = refused.setdefault(metric.label, [])
                reasons += [] if str(error) in reasons else [str(error)]
        for name, dataset in measured.items():
            if dataset.data_vars:
                found.setdefault(name, []).append(as_target(dataset, evidence))
    groups = {f"/{name}": stack_targets(datasets) for name, datasets in found.items()}
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs={"refused": json.dumps(refused)}), **groups})


def stack_blocks(blocks: Iterable[xr.DataTree], group: str) -> xr.Dataset | None:
    """Stack one group (``items``, ``examples`` or ``metrics/LABEL``) of all blocks; None where no block has it."""
    found = [block[group].to_dataset() for block in blocks if f"/{group}" in block.groups]
    return stack_targets(found) if found else None


def refusals(blocks: Iterable[xr.DataTree], label: str) -> list[str]:
    """Return the reasons for which a metric refused evidence, each once."""
    reasons: dict[str, None] = {}
    for block in blocks:
        reasons |= dict.fromkeys(json.loads(block.attrs["refused"]).get(label, ()))
    return list(reasons)


def _measure(metric: Part[MetricEntry], evidence: Evidence) -> xr.Dataset:
    import xarray as xr

    measured = metric.component.measure(evidence)
    empty = (
        metric.entry.kind != "evidence"
    )  # a comparison needs nothing of the clean code, a study metric perhaps neither
    if not isinstance(measured, xr.Dataset) or not (measured.data_vars or empty):
        raise PluginFailed(f"metric {metric.label!r}: measure() must return an xarray.Dataset with variables")
    return measured


def _applies(entry: MetricEntry, evidence: Evidence) -> bool:
    if "encoder" in entry.needs and evidence.code.encoding is None:
        return False
    if entry.kind == "network" and evidence.domain is None:
        return evidence.network is not None
    if evidence.domain is None:
        return entry.domain is None
    if entry.domain is None and entry.kind != "score":
        return False
    if "minimal" in entry.needs and evidence.minimal is None:
        return False
    if "goal" in entry.needs and evidence.goal is None:
        return False
    if not evidence.bounded and "goal" not in entry.needs:
        return False  # images from anywhere in the box are no perturbations within the threat
    if evidence.repeats_perturbed is None and ("measured" in entry.needs or "repeats" in entry.needs):
        return False  # computed responses, and means that activity was added to, come back exactly
    return measures(entry, evidence.attack, evidence.domain, evidence.aim or "")


def _identity(evidence: Evidence) -> dict[str, str]:
    unit = evidence.target_unit
    place = dict.fromkeys(("session", "subject"), "")
    if unit is not None:
        column = evidence.code.responses.sel(unit=unit)
        place = {name: str(column[name].item()) if name in column.coords else "" for name in place}
    return {
        "attack": evidence.attack,
        "aim": evidence.aim or "",
        "objective": evidence.objective,
        "control": evidence.control,
        "target": evidence.target,
        "target_unit": unit or "",
        **place,
    }


def _items(evidence: Evidence) -> xr.Dataset:
    import xarray as xr

    parts = {
        "achieved": evidence.achieved,
        "minimal": evidence.minimal,
        "status": evidence.status,
        "choices": evidence.choices,
    }
    return xr.Dataset({name: values for name, values in parts.items() if values is not None})


def stack_targets(targets: list[xr.Dataset]) -> xr.Dataset:
    """Stack what was measured of several targets along ``target``."""
    import xarray as xr

    return xr.concat(targets, dim="target", join="outer", coords="minimal", compat="equals", combine_attrs="override")


def as_target(dataset: xr.Dataset, evidence: Evidence) -> xr.Dataset:
    """Give what was measured of one evidence its place along ``target``."""
    identity = _identity(evidence)
    return dataset.expand_dims("target").assign_coords({name: ("target", [identity[name]]) for name in COORDINATES})
