"""A score as a metric: its intervals, its curve along the perturbation axis, its ceiling and its chance level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spikeproof.result import slug
from spikeproof.scores import Quantity, Sample, Score
from spikeproof.wording import with_interval

from .left_out import GROUPS, left_out
from .presented import noiseless, perturbed_repeats, recorded_with, repeats_of
from .resampled_scores import halves, named, shuffled
from .score_summaries import SHUFFLED, summary_of

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from spikeproof.code import Code
    from spikeproof.evidence import Evidence
    from spikeproof.plugin import MetricEntry
    from spikeproof.statistics import Resampling

__all__ = ["ScoredMetric"]

_FEW_GROUPS = 8
"""Groups of stimuli for response-domain attacks, whose many draws and doses say most of the uncertainty themselves."""


@dataclass(frozen=True, kw_only=True)
class ScoredMetric:
    """What makes a ``Metric`` of a ``Score``.

    Parameters
    ----------
    score : Score
    entry : MetricEntry
    seed : int
        The study's.
    """

    score: Score
    entry: MetricEntry
    seed: int

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Score one evidence, whole and with groups left out; the clean code also shuffled, or between two halves."""
        import numpy as np
        import xarray as xr

        if evidence.perturbed is None:
            return self._clean(evidence.code)
        clean, choices = evidence.clean, evidence.clean_choices
        dim = "epsilon" if evidence.domain == "stimulus" else f"dose_{slug(evidence.attack)}"
        names, units = (clean[dim].values.astype(str) for dim in ("stimulus", "unit"))
        most = _FEW_GROUPS if evidence.domain == "response" else GROUPS
        found: list[dict[str, NDArray[np.float64]]] = []
        for level in range(evidence.perturbed.sizes["epsilon"]):
            sample = Sample(
                responses=np.asarray(evidence.perturbed.values[level], dtype=np.float64),
                labels=None if evidence.code.labels is None else _of(evidence.code.labels, names),
                choices=None if evidence.choices is None else evidence.choices.values[level].astype(str),
                reference=np.asarray(clean.values, dtype=np.float64) if self.entry.comparison else None,
                reference_choices=None if choices is None or not self.entry.comparison else choices.values.astype(str),
                stimuli=names,
                units=units,
                recorded=recorded_with(evidence.code),
                seed=self.seed,
                noiseless=noiseless(evidence.code),
                repeats=perturbed_repeats(self.score, evidence, level),
                reference_noiseless=noiseless(evidence.code),
                reference_repeats=repeats_of(self.score, evidence.code, names) if self.entry.comparison else None,
                **self._decision(evidence.code, evidence.perturbed.values[level], names),
            )
            found.append(self._resampled(sample, clean, most))
        dose = evidence.perturbed["epsilon"]
        named = {} if evidence.domain == "stimulus" else {"long_name": "dose"}
        out = xr.Dataset(coords={dim: xr.DataArray(dose.values, dims=dim, attrs={**dose.attrs, **named})})
        key = slug(evidence.attack)
        for suffix in found[0]:
            values = np.stack([one[suffix] for one in found])  # (dose, [group,] quantity)
            for column, quantity in enumerate(self.score.quantities()):
                dims = (dim, f"group{suffix}")[: values.ndim - 1]
                out[f"{quantity.name}_{key}{suffix}"] = (dims, values[..., column])
        if not self.entry.comparison and not evidence.control:
            # The clean level of the attacked stimuli: many scores depend on how many stimuli there are.
            sample = Sample(
                responses=np.asarray(clean.values, dtype=np.float64),
                labels=None if evidence.code.labels is None else _of(evidence.code.labels, names),
                choices=None if choices is None else choices.values.astype(str),
                stimuli=names,
                units=units,
                recorded=recorded_with(evidence.code),
                seed=self.seed,
                noiseless=noiseless(evidence.code),
                repeats=repeats_of(self.score, evidence.code, names),
                **self._decision(evidence.code, clean.values, names),
            )
            for suffix, values in self._resampled(sample, clean, most).items():
                for column, quantity in enumerate(self.score.quantities()):
                    dims = (f"group{suffix}",)[: values.ndim - 1]
                    out[f"{quantity.name}_{key}_clean{suffix}"] = (dims, values[..., column])
        return _numbered(out)

    def _decision(self, code: Code, responses: NDArray[np.float64], names: NDArray[np.str_]) -> dict[str, Any]:
        """Decision values for scores that need a readout."""
        if "readout" not in self.entry.needs or code.readout is None:
            return {}
        return {"decision": code.readout.decision(responses, names.tolist()), "classes": code.readout.classes}

    def _resampled(self, sample: Sample, clean: xr.DataArray, most: int) -> dict[str, NDArray[np.float64]]:
        """Score a sample whole, and with groups left out."""
        names, units = (clean[dim].values.astype(str) for dim in ("stimulus", "unit"))
        if most != GROUPS:
            return named(left_out(self.score, sample, {"stimuli": names}, most=most))
        if self.entry.comparison:
            return named(left_out(self.score, sample, {"stimuli": names, "both_units": units}))
        return named(left_out(self.score, sample, {"stimuli": names, "units": units}))

    def _clean(self, code: Code) -> xr.Dataset:
        import numpy as np
        import xarray as xr

        responses = np.asarray(code.responses.values, dtype=np.float64)
        choices = None if code.choices is None else code.choices.values.astype(str)
        sample = Sample(
            responses=responses,
            labels=None if code.labels is None else code.labels.values.astype(str),
            choices=choices,
            reference=responses if self.entry.comparison else None,
            reference_choices=choices if self.entry.comparison else None,
            stimuli=code.responses["stimulus"].values.astype(str),
            units=code.responses["unit"].values.astype(str),
            recorded=recorded_with(code),
            seed=self.seed,
            noiseless=noiseless(code),
            repeats=repeats_of(self.score, code),
            reference_noiseless=noiseless(code),
            reference_repeats=repeats_of(self.score, code) if self.entry.comparison else None,
            **self._decision(code, responses, code.responses["stimulus"].values.astype(str)),
        )
        found: dict[str, NDArray[np.float64]] = {}
        if not self.entry.comparison:
            found = self._resampled(sample, code.responses, GROUPS)
        elif "choices" not in self.entry.needs or code.readout is not None:  # a head reads no averaged responses
            found |= halves(self.score, code, self.seed)
        if self.entry.null is not None:
            found["_shuffled"] = shuffled(self.score, sample, self.entry.null)
        out = xr.Dataset()
        for suffix, values in found.items():
            for column, quantity in enumerate(self.score.quantities()):
                out[f"{quantity.name}{suffix}"] = ((f"group{suffix}",)[: values.ndim - 1], values[..., column])
        return _numbered(out)

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Put the clean value, the ceiling, the chance level and the curves of every quantity together."""
        parts: dict[str, xr.DataArray] = {}
        for quantity in self.score.quantities():
            parts |= summary_of(quantity, measured, self.entry, resampling)
        return _together(parts)

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say the headline numbers, beside chance, and where the strongest perturbation takes them."""
        for quantity in self.score.quantities():
            if not quantity.headline:
                continue
            yield from _clean_sentence(quantity, summary, self.entry)
            for name, curve in summary.data_vars.items():
                if str(name).startswith(f"{quantity.name}_") and "perturbation" in curve.dims:
                    yield from _curve_sentences(quantity, curve)


def _together(parts: Mapping[str, xr.DataArray]) -> xr.Dataset:
    """Variables of a summary; curves of several attacks have one axis of perturbations, NaN where one has no such."""
    import xarray as xr

    controls = {
        name: control
        for part in parts.values()
        if "perturbation" in part.dims
        for name, control in zip(part["perturbation"].values.tolist(), part["control"].values.tolist(), strict=True)
    }
    if not controls:
        return xr.Dataset(parts)
    named = list(controls)
    alike = {
        name: part.drop_vars("control").reindex(perturbation=named) if "perturbation" in part.dims else part
        for name, part in parts.items()
    }
    return xr.Dataset(alike).assign_coords(control=("perturbation", list(controls.values())))


def _numbered(measured: xr.Dataset) -> xr.Dataset:
    """Number the groups, so that targets with other numbers of them can be stacked."""
    return measured.assign_coords({dim: range(size) for dim, size in measured.sizes.items() if "group_" in str(dim)})


def _clean_sentence(quantity: Quantity, summary: xr.Dataset, entry: MetricEntry) -> Iterable[str]:
    unit = "" if quantity.units == "1" else f" {quantity.units}"
    chance = summary.get(f"{quantity.name}_shuffled")
    beside = "" if chance is None or entry.null is None else f"; {SHUFFLED[entry.null]} it is {with_interval(chance)}"
    title = quantity.long_name[0].upper() + quantity.long_name[1:]
    if quantity.name in summary:
        yield f"{title} is {with_interval(summary[quantity.name])}{unit}{beside}."
    elif f"{quantity.name}_ceiling" in summary:
        ceiling = with_interval(summary[f"{quantity.name}_ceiling"])
        yield f"{title} between two halves of the repeats is {ceiling}{unit}{beside}."


def _curve_sentences(quantity: Quantity, curve: xr.DataArray) -> Iterable[str]:
    dim = str(curve.attrs["x"])
    largest = curve.isel({dim: -1})
    units, value = str(curve[dim].attrs.get("units", "")), f"{float(largest[dim]):g}"
    dose = f"{units} {value}" if units.endswith("norm") else f"{value} {units}".strip()
    where = "aimed at " if dim == "epsilon" else "chosen by "
    for aim in curve["aim"].values.tolist():
        here = largest.sel(aim=aim)
        said = [
            f"{name} {with_interval(here.sel(perturbation=name))}"
            for name in curve["perturbation"].values.tolist()
            if not bool(here.sel(perturbation=name, statistic="estimate").isnull())
        ]
        if not said:
            continue  # an aim of another attack
        yield f"At {dose}, {where}{aim}, {quantity.long_name} is: {'; '.join(said)}."


def _of(labels: xr.DataArray, names: NDArray[np.str_]) -> NDArray[np.str_]:
    found: NDArray[np.str_] = labels.sel(stimulus=names).values.astype(str)
    return found
