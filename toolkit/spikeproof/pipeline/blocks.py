"""Blocks: what one target's evidence was measured to be, as it is kept on disk, and how targets are stacked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import DataError, PluginFailed
from spikeproof.evidence import Evidence

from .why_not import measures

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.plugin import MetricEntry

    from .parts import Part

__all__ = ["COORDINATES", "block_of", "stack_group", "stack_metric"]

COORDINATES = ("attack", "aim", "objective", "control", "target", "target_unit", "session", "subject")
"""What identifies a target along the stacked dimension ``target``; empty text where it does not apply."""


def block_of(evidences: Iterable[tuple[Evidence, xr.Dataset]], metrics: Sequence[Part[MetricEntry]]) -> xr.DataTree:
    """Measure evidence as it comes (with what else is kept of it) and return the block.

    A metric that refuses an evidence (``DataError``) is written down with its reason instead of a value.
    """
    import xarray as xr

    groups: dict[str, xr.Dataset] = {}
    for number, (evidence, extras) in enumerate(evidences):
        place = f"/{number:06d}"
        groups[place] = xr.Dataset(attrs=_identity(evidence))
        groups[f"{place}/items"] = _items(evidence)
        groups[f"{place}/examples"] = extras
        for metric in metrics:
            if not _applies(metric.entry, evidence):
                continue
            try:
                measured = metric.component.measure(evidence)
            except DataError as error:
                measured = xr.Dataset(attrs={"refused": str(error)})
            if not isinstance(measured, xr.Dataset):
                raise PluginFailed(
                    f"metric {metric.label!r}: measure() must return an xarray.Dataset, got {type(measured)}"
                )
            groups[f"{place}/metrics/{metric.label}"] = measured
    return xr.DataTree.from_dict(groups)


def stack_metric(blocks: Iterable[xr.DataTree], label: str) -> tuple[xr.Dataset | None, list[str]]:
    """Stack the targets of one metric along ``target``; also return the reasons of evidence that it refused."""
    found: list[xr.Dataset] = []
    reasons: list[str] = []
    for block in blocks:
        for evidence in block.children.values():
            if "metrics" not in evidence.children or label not in evidence["metrics"].children:
                continue
            measured = _dataset(evidence, f"metrics/{label}")
            if "refused" in measured.attrs:
                reason = str(measured.attrs["refused"])
                reasons += [] if reason in reasons else [reason]
                continue
            found.append(_as_target(measured, evidence))
    if not found:
        return None, reasons
    return _stack(found), reasons


def stack_group(blocks: Iterable[xr.DataTree], name: str) -> xr.Dataset | None:
    """Stack ``items`` (norms, statuses, choices) or ``examples`` (images) of the targets that have them."""
    found = [
        _as_target(dataset, evidence)
        for block in blocks
        for evidence in block.children.values()
        if (dataset := _dataset(evidence, name)).data_vars
    ]
    return _stack(found) if found else None


def _applies(entry: MetricEntry, evidence: Evidence) -> bool:
    if entry.domain is None or evidence.domain is None:
        return entry.domain is None and evidence.domain is None
    if "minimal" in entry.needs and evidence.minimal is None:
        return False
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

    parts = {"achieved": evidence.achieved, "status": evidence.status, "choices": evidence.choices}
    return xr.Dataset({name: values for name, values in parts.items() if values is not None})


def _stack(targets: list[xr.Dataset]) -> xr.Dataset:
    import xarray as xr

    return xr.concat(targets, dim="target", join="outer", coords="minimal", compat="equals", combine_attrs="override")


def _dataset(tree: xr.DataTree, path: str) -> xr.Dataset:
    for name in path.split("/"):
        tree = tree.children[name]
    return tree.to_dataset(inherit=False)


def _as_target(dataset: xr.Dataset, evidence: xr.DataTree) -> xr.Dataset:
    return dataset.expand_dims("target").assign_coords(
        {name: ("target", [str(evidence.attrs[name])]) for name in COORDINATES}
    )
