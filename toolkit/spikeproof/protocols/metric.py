"""Metrics of evidence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.code import Code
    from spikeproof.evidence import Evidence
    from spikeproof.statistics import Resampling

__all__ = ["Metric"]


@runtime_checkable
class Metric(Protocol):
    """Responses, clean and perturbed, to named numbers with uncertainty."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure one target.

        Returns
        -------
        xarray.Dataset
            Values per target: dims of the evidence (``epsilon``, ``stimulus``, ``unit``) or the metric's own. The
            host stacks the targets of a system along a new dimension ``target`` with coordinates ``attack``, ``aim``,
            ``objective``, ``control``, ``target``, ``target_unit``, ``session`` and ``subject`` (str).
        """

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Summarise over targets and stimuli, with intervals.

        Returns
        -------
        xarray.Dataset
            Every variable has a dimension ``statistic`` with coordinates ``estimate``, ``low``, ``high`` (the 95 %
            interval) and attributes ``long_name``, ``units``, ``definition``. Optional attributes tell the report how
            to draw it: see ``docs/architecture.md``, "Figures".
        """

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        """Say what was found, in plain sentences made from the numbers and their intervals."""
