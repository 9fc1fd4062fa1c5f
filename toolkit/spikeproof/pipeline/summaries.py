"""From blocks to the result's tree: stack, summarise with intervals, check, and say what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import DataError, PluginFailed
from spikeproof.result import slug
from spikeproof.scores import StudyEvidence
from spikeproof.statistics import Resampling

from .between import ALL, compare_systems, described
from .blocks import refusals, stack_blocks
from .labels import label_variable, labelled, named
from .searches import joined_longer, said_of_searches

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.code import Code
    from spikeproof.plugin import MetricEntry

    from .ledger import Ledger
    from .parts import Part
    from .systems import System

__all__ = ["Summaries"]

_REQUIRED = ("long_name", "units", "definition")
_FIGURE = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")


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
        self._codes: dict[str, Code] = {}
        self._measured: dict[str, dict[str, xr.Dataset]] = {}
        self._together = any(
            part.entry.kind == "study" or (part.entry.comparison and part.entry.between) for part in metrics
        )

    @property
    def together(self) -> bool:
        """Whether something was said of several systems together."""
        return any(computed.endswith(f"/{slug(ALL)}") for computed in self.computed)

    def add(self, system: System, blocks: Sequence[xr.DataTree]) -> None:
        """Summarise one system's blocks."""
        place = slug(system.name)
        self.groups[f"/code/{place}"] = _code(system)
        if self._together:
            self._codes[system.name] = system.code
        for name in ("items", "examples"):
            stacked = stack_blocks(blocks, name)
            if stacked is not None:
                self.groups[f"/{name}/{place}"] = stacked
        longer = joined_longer(blocks)
        if longer is not None:
            self.groups[f"/longer/{place}"] = longer
        for metric in self._metrics:
            what = f"{metric.label} of {system.name}"
            self._refuse(what, refusals(blocks, metric.label))
            measured = stack_blocks(blocks, f"metrics/{metric.label}")
            if measured is None:
                known = any(entry["what"] == what for entry in self._ledger.refused)
                if "goal" in metric.entry.needs and not known:
                    self._ledger.refuse(what, f"{metric.label} needs an attack that matches a population vector")
                continue
            if metric.entry.kind == "study":
                self._measured.setdefault(metric.label, {})[system.name] = measured
                self.groups[f"/{metric.label}/{place}/measured"] = measured
                continue
            try:
                with self._ledger.timed(f"summary {what}"):
                    summary = metric.component.summarise(measured, system.code, self._resampling)
            except DataError as error:
                self._ledger.refuse(what, str(error))
                continue
            self.groups[f"/{metric.label}/{place}/measured"] = measured
            said = labelled(metric.component.describe(summary, system.code), system.code)
            for variable in summary.data_vars.values():
                label_variable(variable, system.code)
            self._file(metric, system.name, summary, said)
        said = labelled(said_of_searches(self.groups.get(f"/items/{place}"), longer), system.code)
        self.findings += [{"system": system.name, "metric": "search", "text": text} for text in said]

    def _refuse(self, what: str, reasons: Sequence[str]) -> None:
        """Say once what the plan has not said, and once what differs from target to target in its figures only."""
        if any(entry["what"] == what for entry in self._ledger.refused):
            return
        alike: dict[str, list[str]] = {}
        for reason in reasons:
            alike.setdefault(_FIGURE.sub("", reason), []).append(reason)
        for first, *others in alike.values():
            more = f" (and {len(others)} more that differ in figures only)" if others else ""
            self._ledger.refuse(what, f"{first}{more}")

    def add_together(self, trials: xr.Dataset | None = None) -> None:
        """Summarise what speaks of several systems: comparisons of every pair, and metrics of the whole study."""
        for metric in self._metrics:
            what = f"{metric.label} of {ALL}"
            if metric.entry.comparison and metric.entry.between and len(self._codes) > 1:
                with self._ledger.timed(f"summary {what}"):
                    summary = compare_systems(
                        metric.component, metric.label, self._codes, self._resampling, self._ledger
                    )
                if summary is not None:
                    self._file(metric, ALL, summary, named(described(metric.component, summary), self._codes))
            if metric.entry.kind == "study":
                if "trials" in metric.entry.needs and trials is None:
                    self._ledger.refuse(
                        metric.label,
                        "it needs a subject's choices: a source of trials, or a recording with a column `choice`",
                    )
                    continue
                evidence = StudyEvidence(
                    codes=self._codes, measured=self._measured.get(metric.label, {}), trials=trials
                )
                try:
                    with self._ledger.timed(f"summary {what}"):
                        summary = metric.component.across(evidence, self._resampling)
                except DataError as error:
                    self._ledger.refuse(what, str(error))
                    continue
                self._file(metric, ALL, summary, named(metric.component.describe(summary), self._codes))

    def _file(self, metric: Part[MetricEntry], system: str, summary: xr.Dataset, said: Iterable[str]) -> None:
        if not summary.data_vars:
            return  # a comparison of a system that was neither perturbed nor repeated: see all systems
        _check(summary, metric.label)
        produced = f"metric {metric.label} ({metric.provenance['distribution']} {metric.provenance['version']}, "
        produced += f"revision {metric.provenance['revision']})"
        for order, variable in enumerate(summary.data_vars.values()):
            variable.attrs |= {"produced_by": produced, "order": order}
        self.groups[f"/{metric.label}/{slug(system)}/summary"] = summary
        self.computed.append(f"{metric.label}/{slug(system)}")
        self.findings += [{"system": system, "metric": metric.label, "text": text} for text in said]

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
