"""From blocks to the result's tree: stack, summarise with intervals, check, and say what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import DataError, PluginFailed
from spikeproof.result import slug
from spikeproof.statistics import Resampling

from .blocks import refusals, stack_blocks

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.plugin import MetricEntry

    from .ledger import Ledger
    from .parts import Part
    from .systems import System

__all__ = ["Summaries"]

_REQUIRED = ("long_name", "units", "definition")


class Summaries:
    """Collects the summaries of every system into one tree.

    Parameters
    ----------
    metrics : sequence of Part
        The study's metrics.
    resampling : Resampling
        How intervals are made.
    ledger : Ledger
        Where refusals go.
    """

    def __init__(self, metrics: Sequence[Part[MetricEntry]], resampling: Resampling, ledger: Ledger) -> None:
        self._metrics = metrics
        self._resampling = resampling
        self._ledger = ledger
        self.groups: dict[str, xr.Dataset] = {}
        self.findings: list[dict[str, str]] = []
        self.computed: list[str] = []

    def add(self, system: System, blocks: Sequence[xr.DataTree]) -> None:
        """Summarise one system's blocks."""
        place = slug(system.name)
        self.groups[f"/code/{place}"] = _code(system)
        for name in ("items", "examples"):
            stacked = stack_blocks(blocks, name)
            if stacked is not None:
                self.groups[f"/{name}/{place}"] = stacked
        for metric in self._metrics:
            what = f"{metric.label} of {system.name}"
            for reason in refusals(blocks, metric.label):
                self._ledger.refuse(what, reason)
            measured = stack_blocks(blocks, f"metrics/{metric.label}")
            if measured is None:
                continue
            try:
                with self._ledger.timed(f"summary {what}"):
                    summary = metric.component.summarise(measured, system.code, self._resampling)
            except DataError as error:
                self._ledger.refuse(what, str(error))
                continue
            _check(summary, metric.label)
            produced = f"metric {metric.label} ({metric.provenance['distribution']} {metric.provenance['version']}, "
            produced += f"revision {metric.provenance['revision']})"
            for variable in summary.data_vars.values():
                variable.attrs["produced_by"] = produced
            self.groups[f"/{metric.label}/{place}/summary"] = summary
            self.groups[f"/{metric.label}/{place}/measured"] = measured
            self.computed.append(f"{metric.label}/{place}")
            self.findings += [
                {"system": system.name, "metric": metric.label, "text": text}
                for text in metric.component.describe(summary, system.code)
            ]

    def tree(self) -> xr.DataTree:
        """All that was collected."""
        import xarray as xr

        return xr.DataTree.from_dict(self.groups)


def _code(system: System) -> xr.Dataset:
    import xarray as xr

    code = system.code
    parts = {
        "response": code.responses,
        "label": code.labels,
        "choice": code.choices,
        "unit_category": system.categories,
    }
    dataset = xr.Dataset({name: values for name, values in parts.items() if values is not None})
    return dataset.assign_attrs({"system": code.system, **code.facts})


def _check(summary: xr.Dataset, label: str) -> None:
    import numpy as np

    for name, variable in summary.data_vars.items():
        missing = [key for key in _REQUIRED if key not in variable.attrs]
        if "statistic" not in variable.dims:
            raise PluginFailed(f"metric {label!r}: {name!r} has no dimension 'statistic': a number without an interval")
        if missing:
            raise PluginFailed(f"metric {label!r}: {name!r} lacks the attribute {missing[0]!r}")
        if np.isnan(variable.sel(statistic="estimate").values).all():
            raise PluginFailed(
                f"metric {label!r}: {name!r} is NaN throughout: a metric must refuse what it cannot compute"
            )
