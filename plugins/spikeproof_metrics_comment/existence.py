"""Whether robust units are necessary, or sufficient, for a robust system: over all networks and layers of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling, reported
from spikeproof.summaries import against
from spikeproof.types import Code, Evidence, StudyEvidence
from spikeproof.wording import joined, number, some, with_interval

from .attacked_systems import RANDOM, AttackedSystem, attacked_systems, over_systems
from .existence_summary import annotate
from .rank_correlation import FEWEST, rank_correlations

__all__ = ["NeitherNecessaryNorSufficient"]

_UNITS, _CHOICES = ("fragile units", "robust units"), ("fragile choices", "robust choices")


@dataclass(frozen=True, slots=True, kw_only=True)
class NeitherNecessaryNorSufficient:
    """Unit sensitivity against the robustness of choices, over all layers of all networks of a study.

    Units: how far the attack aimed at a unit moves it, in standard deviations of its clean responses, averaged over
    stimuli and attacked units (as the metric `sensitivity`). System: the share of choices that the attack aimed at the
    choice leaves as they were. Of several attacks the worst counts. If unit robustness were necessary, no system would
    have fragile units and robust choices; if it were sufficient, none would have robust units and fragile choices.
    """

    epsilon: Annotated[float | None, "Norm of the table, one of the study's; unset: the largest."] = None
    fragile: Annotated[float, "Mean sensitivity from which on units count as fragile, sd over clean stimuli."] = 1.0
    robust: Annotated[float, "Share of choices kept from which on choices count as robust."] = 0.5

    def __post_init__(self) -> None:
        if not self.fragile > 0:
            raise BadParameter(f"neither-necessary-nor-sufficient: fragile must be above 0, got {self.fragile:g}")
        if not 0 < self.robust <= 1:
            raise BadParameter(
                f"neither-necessary-nor-sufficient: robust must be above 0 and at most 1, got {self.robust:g}"
            )

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure the attacked unit, or the choices.

        Returns
        -------
        xarray.Dataset
            ``sensitivity`` or ``kept``, dims (epsilon, stimulus); empty for controls aimed at units.
        """
        perturbed = evidence.perturbed
        if perturbed is None:
            return xr.Dataset()
        if evidence.aim == "unit":
            if evidence.control or evidence.target_unit is None:
                return xr.Dataset()
            column = evidence.code.responses["unit"].values.tolist().index(evidence.target_unit)
            sd = float(evidence.code.unit_sd[column])
            if sd == 0:
                raise DataError(
                    f"unit {evidence.target_unit!r} never varies over clean stimuli: its shift has no scale"
                )
            own = perturbed.isel(unit=column, drop=True)
            shift = np.abs(own.values - evidence.clean.values[:, column]) / sd
            return xr.Dataset({"sensitivity": own.copy(data=shift).assign_attrs(units="sd over clean stimuli")})
        if evidence.choices is None or evidence.clean_choices is None:
            raise NotEnoughData(f"code {evidence.code.system} makes no choices: give the study a readout")
        if evidence.control not in ("", RANDOM):
            return xr.Dataset()
        return xr.Dataset({"kept": (evidence.choices == evidence.clean_choices).astype(np.float64)})

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Compare systems.

        Returns
        -------
        xarray.Dataset
            ``sensitivity``, ``kept`` and, where controls ran, ``kept_under_random`` (statistic, system, epsilon);
            ``systems_in_cell`` (statistic, units, choices); with four systems or more ``rank_correlation`` and
            ``rank_correlation_shuffled`` (statistic, epsilon).
        """
        found, reasons, epsilons = attacked_systems(study.measured, resampling)
        if not found:
            said = "; ".join(f"{system}: {reason}" for system, reason in reasons.items())
            raise NotEnoughData(
                "neither-necessary-nor-sufficient needs systems attacked at units and at choices (aims unit and "
                f"behavior), with a readout: there is none{f' ({said})' if said else ''}"
            )
        names = list(found)
        at = self._place(epsilons)
        summary = xr.Dataset(
            {
                "sensitivity": over_systems(found, "sensitivity", epsilons, resampling),
                "kept": over_systems(found, "kept", epsilons, resampling),
            }
        )
        if all(one.kept_random is not None for one in found.values()):
            summary["kept_under_random"] = over_systems(found, "kept_random", epsilons, resampling)
        counts, counted = self._cells(found, at)
        table = xr.DataArray(
            counts, dims=("units", "choices"), coords={"units": list(_UNITS), "choices": list(_CHOICES)}
        )
        summary["systems_in_cell"] = reported(counted, table, resampling)
        if len(names) >= FEWEST:
            families = [_family(study.codes, name) for name in names]
            for name, (value, draws) in rank_correlations(found, families, resampling).items():
                curve = xr.DataArray(value, dims="epsilon", coords={"epsilon": epsilons.values})
                summary[name] = reported(draws, curve, resampling)
        summary = summary.assign_coords(epsilon=epsilons)
        return annotate(summary, at=float(epsilons[at]), fragile=self.fragile, robust=self.robust, reasons=reasons)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say which cells of the table exist, and how sensitivity and robustness go together."""
        table = summary["systems_in_cell"]
        at = float(table.attrs["epsilon"])
        where = f"{summary['epsilon'].attrs.get('units', 'epsilon')} {at:g}"
        here = summary.sel(epsilon=at)
        for units, choices, claim in (
            (_UNITS[0], _CHOICES[1], "robust units are not necessary for robust choices"),
            (_UNITS[1], _CHOICES[0], "robust units are not sufficient for robust choices"),
        ):
            count = table.sel(units=units, choices=choices)
            members = self._members(here, units, choices)
            listed = f" ({some(members, 5)})" if members else ""
            says = f"At {where}, {units} and {choices} are found in {with_interval(count)} of {summary.sizes['system']}"
            low, estimate = (float(count.sel(statistic=name)) for name in ("low", "estimate"))
            if low >= 1:
                yield f"{says} systems{listed}: {claim}."
            elif estimate >= 1:
                yield f"{says} systems{listed}, but not beyond doubt: they lie too near the thresholds."
            else:
                yield f"{says} systems: nothing here says that {claim}."
        if "rank_correlation" not in summary:
            systems = summary.sizes["system"]
            yield (
                f"There are {systems} systems; a rank correlation needs {FEWEST}."
                if systems < FEWEST
                else "All systems keep equally many choices at every norm, so that nothing can be ranked."
            )
        else:
            yield from self._ranked(summary, at)
        reasons = dict(zip(table.attrs["left_out"].split("\n"), table.attrs["reasons"].split("\n"), strict=True))
        for system, reason in reasons.items():
            if system:
                yield f"{system} is left out: {reason}."

    def _ranked(self, summary: xr.Dataset, at: float) -> Iterable[str]:
        """Say how unit sensitivity and choices go together at a norm, or at the largest at which choices differ."""
        rho = summary["rank_correlation"]
        defined = rho["epsilon"].values[rho.sel(statistic="estimate").notnull().values]
        unit = summary["epsilon"].attrs.get("units", "epsilon")
        if at not in defined:
            yield f"At {unit} {at:g} all systems keep equally many choices, and nothing can be ranked."
            at = float(defined[-1])
        value, null = (summary[name].sel(epsilon=at) for name in ("rank_correlation", "rank_correlation_shuffled"))
        yield (
            f"At {unit} {at:g}, over {summary.sizes['system']} systems, unit sensitivity and the share of choices kept "
            f"have a rank correlation of {with_interval(value)}, {against(value, null)} that of shuffled systems, "
            f"{with_interval(null)}; -1 would be: the more robust the units, the more robust the choices."
        )

    def _members(self, here: xr.Dataset, units: str, choices: str) -> list[str]:
        estimate = here.sel(statistic="estimate")
        fragile = estimate["sensitivity"].values >= self.fragile
        robust = estimate["kept"].values >= self.robust
        chosen = (fragile == (units == _UNITS[0])) & (robust == (choices == _CHOICES[1]))
        return [str(name) for name in here["system"].values[chosen].tolist()]

    def _place(self, epsilons: xr.DataArray) -> int:
        if self.epsilon is None:
            return epsilons.size - 1
        near = np.flatnonzero(np.isclose(epsilons.values, self.epsilon, rtol=1e-9))
        if not near.size:
            tested = joined([number(float(value)) for value in epsilons.values])
            raise DataError(
                f"neither-necessary-nor-sufficient: epsilon {self.epsilon:g} was not tested: the study's are {tested}"
            )
        return int(near[0])

    def _cells(self, found: Mapping[str, AttackedSystem], at: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Systems in every cell of the table, (units, choices), and in every draw."""

        def counted(sensitivity: NDArray[np.float64], kept: NDArray[np.float64]) -> NDArray[np.float64]:
            fragile, robust = sensitivity >= self.fragile, kept >= self.robust
            rows = [[(units & choices).sum(axis=0) for choices in (~robust, robust)] for units in (fragile, ~fragile)]
            return np.asarray(rows, dtype=np.float64)

        whole = counted(
            *(np.array([getattr(one, name)[at] for one in found.values()]) for name in ("sensitivity", "kept"))
        )
        drawn = counted(
            *(
                np.stack([getattr(one, name)[:, at] for one in found.values()])
                for name in ("sensitivity_draws", "kept_draws")
            )
        )
        return whole, np.moveaxis(drawn, -1, 0)


def _family(codes: Mapping[str, Code], system: str) -> str:
    """The network that a system is a layer of; layers of one network are drawn together."""
    return str(codes[system].facts.get("model", system)) if system in codes else system
