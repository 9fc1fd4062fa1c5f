"""Whether robust units are necessary, or sufficient, for a robust system: over all networks and layers of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import rankdata
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling, bootstrap_draws, interval, resampling_weights, stack_statistic
from spikeproof.summaries import against, annotated
from spikeproof.types import Code, Evidence, StudyEvidence, generator
from spikeproof.wording import joined, number, some, with_interval

__all__ = ["NeitherNecessaryNorSufficient", "spearman"]

Floats = NDArray[np.float64]

_UNITS, _CHOICES = ("fragile units", "robust units"), ("fragile choices", "robust choices")
_FEWEST, _RANDOM = 4, "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What a system's units and choices do under attack, (draw, epsilon), and on the data, (epsilon,)."""

    sensitivity: Floats
    kept: Floats
    sensitivity_draws: Floats
    kept_draws: Floats
    kept_random: Floats | None
    kept_random_draws: Floats | None


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
        if evidence.control not in ("", _RANDOM):
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
        found, reasons, epsilons = self._systems(study.measured, resampling)
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
                "sensitivity": _stacked(found, "sensitivity", epsilons, resampling),
                "kept": _stacked(found, "kept", epsilons, resampling),
            }
        )
        if all(one.kept_random is not None for one in found.values()):
            summary["kept_under_random"] = _stacked(found, "kept_random", epsilons, resampling)
        counts, counted = self._cells(found, at)
        table = {"units": _UNITS, "choices": _CHOICES}
        summary["systems_in_cell"] = _with_interval(counts, counted, resampling, table)
        if len(names) >= _FEWEST:
            families = [_family(study.codes, name) for name in names]
            for name, (value, draws) in self._correlations(found, families, resampling).items():
                summary[name] = _with_interval(value, draws, resampling, {"epsilon": epsilons.values})
        summary = summary.assign_coords(epsilon=epsilons)
        return self._annotated(summary, float(epsilons[at]), reasons)

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
                f"There are {systems} systems; a rank correlation needs {_FEWEST}."
                if systems < _FEWEST
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

    def _systems(
        self, measured: Mapping[str, xr.Dataset], resampling: Resampling
    ) -> tuple[dict[str, _Measured], dict[str, str], xr.DataArray]:
        found: dict[str, _Measured] = {}
        reasons: dict[str, str] = {}
        epsilons = xr.DataArray(np.empty(0))
        for system, dataset in measured.items():
            missing = [
                f"no attack was aimed at its {what}"
                for what, name in (("units", "sensitivity"), ("choices", "kept"))
                if name not in dataset or not dataset[name].notnull().any()
            ]
            if missing:
                reasons[system] = joined(missing)
                continue
            epsilons = dataset["epsilon"]
            found[system] = _of_system(dataset, resampling)
        return found, reasons, epsilons

    def _cells(self, found: Mapping[str, _Measured], at: int) -> tuple[Floats, Floats]:
        """Systems in every cell of the table, (units, choices), and in every draw."""

        def counted(sensitivity: Floats, kept: Floats) -> Floats:
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

    def _correlations(
        self, found: Mapping[str, _Measured], families: list[str], resampling: Resampling
    ) -> dict[str, tuple[Floats, Floats]]:
        """Rank correlation at every epsilon, with draws of systems, and with systems shuffled."""
        ones = list(found.values())
        sensitivity, kept = (np.stack([getattr(one, name) for one in ones]) for name in ("sensitivity", "kept"))
        estimate = np.array([spearman(sensitivity[:, k], kept[:, k]) for k in range(sensitivity.shape[1])])
        if np.isnan(estimate).all():
            return {}  # said in the description
        members = xr.DataArray(
            np.zeros(len(ones)), dims="system", coords={"system": list(found), "family": ("system", families)}
        )
        weights, _ = resampling_weights(members, "system", resampling, within=["family"])
        draws = np.full((resampling.draws, len(estimate)), np.nan)
        for draw in range(resampling.draws):
            held = np.repeat(np.arange(len(ones)), weights[draw].astype(int))
            if len(set(held.tolist())) < _FEWEST - 1:
                continue  # too few different systems: undefined, and left out
            for k in range(len(estimate)):
                here = np.array([[one.sensitivity_draws[draw, k], one.kept_draws[draw, k]] for one in ones])[held]
                draws[draw, k] = spearman(here[:, 0], here[:, 1])
        rng = generator(resampling.seed, "existence", "shuffled")
        null = np.empty((resampling.draws, len(estimate)))
        for row in null:
            order = rng.permutation(len(ones))
            row[:] = [spearman(sensitivity[:, k], kept[order, k]) for k in range(len(estimate))]
        centre = np.where(np.isnan(estimate), np.nan, np.nan_to_num(null).mean(axis=0))
        return {"rank_correlation": (estimate, draws), "rank_correlation_shuffled": (centre, null)}

    def _annotated(self, summary: xr.Dataset, at: float, reasons: Mapping[str, str]) -> xr.Dataset:
        spread = "Interval: percentile bootstrap over stimuli"
        summary["sensitivity"] = annotated(
            summary["sensitivity"],
            long_name="sensitivity of units",
            units="sd over clean stimuli",
            definition=(
                "Mean over attacked units and stimuli of |r(x + delta) - r(x)| over the standard deviation of the "
                f"unit's clean responses (Guo et al. 2022), that of the worst attack. {spread} crossed with units."
            ),
            figure="curve",
            x="epsilon",
            reference_lines=f'{{"fragile from here on": {self.fragile!r}}}',
        )
        summary["kept"] = annotated(
            summary["kept"],
            long_name="choices kept",
            units="share of stimuli",
            definition=(
                "Stimuli whose choice no attack aimed at the choice changes. The choice may be right or wrong. "
                f"{spread}."
            ),
            figure="curve",
            x="epsilon",
            reference_lines=f'{{"robust from here on": {self.robust!r}}}',
        )
        if "kept_under_random" in summary:
            summary["kept_under_random"] = annotated(
                summary["kept_under_random"],
                long_name="choices kept under random directions of equal norm",
                units="share of stimuli",
                definition=f"The control of the attacks aimed at the choice. {spread}.",
            )
        summary["systems_in_cell"] = annotated(
            summary["systems_in_cell"],
            long_name="systems",
            units="systems",
            definition=(
                f"At {summary['epsilon'].attrs.get('units', 'epsilon')} {at:g}. Units are fragile from a mean "
                f"sensitivity of {self.fragile:g} sd on, choices robust from {self.robust:.0%} kept on. Interval: "
                "percentile bootstrap over stimuli and units; a cell exists beyond doubt where its lower bound is 1 or "
                "more."
            ),
            figure="matrix",
            rows="units",
            columns="choices",
            headline=1,
            epsilon=at,
            left_out="\n".join(reasons),
            reasons="\n".join(reasons.values()),
        )
        if "rank_correlation" in summary:
            summary["rank_correlation"] = annotated(
                summary["rank_correlation"],
                long_name="rank correlation of unit sensitivity with choices kept",
                units="1",
                definition=(
                    "Spearman's, over systems; -1 where robust units go with robust choices. Interval: percentile "
                    "bootstrap over systems, nested in networks, crossed with stimuli and units; draws with fewer than "
                    f"{_FEWEST - 1} different systems are left out."
                ),
                figure="curve",
                x="epsilon",
                chance="rank_correlation_shuffled",
                headline=1,
            )
            summary["rank_correlation_shuffled"] = annotated(
                summary["rank_correlation_shuffled"],
                long_name="rank correlation with systems shuffled",
                units="1",
                definition="Mean and 95 % range of permutations of the systems.",
            )
        return summary


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation; NaN where a side has one value only (0/0).

    Examples
    --------
    >>> import numpy as np
    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.5, 0.4]))
    0.5
    """
    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (first, second))
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 0 else float("nan")


def _of_system(dataset: xr.Dataset, resampling: Resampling) -> _Measured:
    control = dataset["control"].values.astype(str)
    aim = dataset["aim"].values.astype(str)
    units = _worst(dataset["sensitivity"].isel(target=np.flatnonzero((aim == "unit") & (control == ""))), "max")
    kept = _worst(dataset["kept"].isel(target=np.flatnonzero((aim == "behavior") & (control == ""))), "min")
    other = dataset["kept"].isel(target=np.flatnonzero((aim == "behavior") & (control == _RANDOM)))
    unit_draws = bootstrap_draws(units, ["unit", "stimulus"], resampling).transpose("draw", "epsilon").values
    kept_draws = bootstrap_draws(kept, ["stimulus"], resampling).transpose("draw", "epsilon").values
    random = random_draws = None
    if other.sizes["target"]:
        control_kept = _worst(other, "min")
        random = control_kept.mean("stimulus").values
        random_draws = bootstrap_draws(control_kept, ["stimulus"], resampling).transpose("draw", "epsilon").values
    return _Measured(
        sensitivity=units.mean(["unit", "stimulus"]).values,
        kept=kept.mean("stimulus").values,
        sensitivity_draws=unit_draws,
        kept_draws=kept_draws,
        kept_random=random,
        kept_random_draws=random_draws,
    )


def _worst(values: xr.DataArray, how: str) -> xr.DataArray:
    """The worst of several attacks on one target, dims (epsilon, stimulus) and, for units, unit."""
    names = values["target_unit"].values.astype(str)
    parts = []
    for name in dict.fromkeys(names.tolist()):
        here = values.isel(target=np.flatnonzero(names == name))
        parts.append(here.max("target") if how == "max" else here.min("target"))
    if names[0]:
        return xr.concat(parts, dim=xr.DataArray(list(dict.fromkeys(names.tolist())), dims="unit", name="unit"))
    return parts[0].dropna("stimulus", how="all")


def _stacked(found: Mapping[str, _Measured], name: str, epsilons: xr.DataArray, resampling: Resampling) -> xr.DataArray:
    value = np.stack([getattr(one, name) for one in found.values()])
    draws = np.stack([getattr(one, f"{name}_draws") for one in found.values()], axis=1)
    return _with_interval(value, draws, resampling, {"system": list(found), "epsilon": epsilons.values})


def _with_interval(value: Floats, draws: Floats, resampling: Resampling, coords: Mapping[str, object]) -> xr.DataArray:
    """Value and percentile bounds of draws (draw, ...)."""
    low, high = interval(draws, value, resampling.level, undefined="exclude")
    named = {name: list(values) for name, values in coords.items()}  # type: ignore[call-overload]
    return stack_statistic(*(xr.DataArray(part, dims=tuple(named), coords=named) for part in (value, low, high)))


def _family(codes: Mapping[str, Code], system: str) -> str:
    """The network that a system is a layer of; layers of one network are drawn together."""
    return str(codes[system].facts.get("model", system)) if system in codes else system
