"""What a metric holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeproof.plugin import MetricEntry
from spikeproof.statistics import Resampling
from spikeproof.types import Code, MeanScore, Quantity, Sample, StudyEvidence

from .registry import check, require
from .subject import Subject
from .toy_evidence import toy_evidence
from .toys import toy_code, toy_trials

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.types import Evidence

RESAMPLING = Resampling(seed=0, draws=40)


def _of_images(entry: MetricEntry) -> bool:
    return entry.domain == "stimulus"


def _is_score(entry: MetricEntry) -> bool:
    return entry.kind == "score"


_SYSTEMS = {"all": (0, 1, 2, 3, 4, 5), "first": (0, 1, 2), "last": (3, 4, 5), "even": (0, 2, 4)}
"""Units of the toy code that each system of a toy study has."""


def _component(subject: Subject) -> Any:  # noqa: ANN401 - a Metric or a StudyMetric
    """Return the component as the host uses it: a score with what the host makes of it."""
    component = subject.build()
    if subject.entry.kind != "score":
        return component
    from spikeproof.pipeline.scored import ScoredMetric

    return ScoredMetric(score=component, entry=subject.entry, seed=RESAMPLING.seed)


def measured(subject: Subject, *, size: float = 1.0, units: Sequence[int] | None = None) -> xr.Dataset:
    """Measure toy evidence and stack its targets, as the host does."""
    return _stacked(subject, toy_evidence(subject.entry, size=size, units=units))


def _stacked(subject: Subject, evidences: Iterable[Evidence]) -> xr.Dataset:
    """Stack targets along ``target`` with the coordinates that ``Metric.measure`` promises."""
    metric = _component(subject)
    found: list[xr.Dataset] = []
    for item in evidences:
        measured = metric.measure(item)
        require(isinstance(measured, xr.Dataset), f"measure() must return a Dataset, got {type(measured).__name__}")
        unit = item.target_unit
        place = {"session": "", "subject": ""}
        if unit is not None:
            column = item.code.responses.sel(unit=unit)
            place = {name: str(column[name].item()) for name in place}
        here = {
            "attack": item.attack,
            "aim": item.aim or "",
            "objective": item.objective,
            "control": item.control,
            "target": item.target,
            "target_unit": unit or "",
            **place,
        }
        coords = {name: ("target", [text]) for name, text in here.items()}
        found.append(measured.expand_dims("target").assign_coords(coords))
    found = [one for one in found if one.data_vars]  # a study metric need not measure every target
    if not found:
        return xr.Dataset()
    return xr.concat(found, dim="target", join="outer", coords="minimal", compat="equals", combine_attrs="override")


def summarised(subject: Subject, *, units: Sequence[int] | None = None) -> tuple[xr.Dataset, Code]:
    """Measure and summarise toy evidence; return the summary and the code."""
    code = toy_code(units)
    if subject.entry.kind == "study":
        return _component(subject).across(_study(subject, units), RESAMPLING), code
    return _component(subject).summarise(measured(subject, units=units), code, RESAMPLING), code


def _study(subject: Subject, units: Sequence[int] | None) -> StudyEvidence:
    """Four toy systems, each with some of the toy code's units, in the order of ``units``."""
    order = list(units or range(6))
    systems = {name: [unit for unit in order if unit in mine] for name, mine in _SYSTEMS.items()}
    if "encoder" in subject.entry.needs:
        systems = dict.fromkeys(_SYSTEMS, order)  # several models of the same units
    found = {name: measured(subject, units=mine) for name, mine in systems.items()}
    return StudyEvidence(
        codes={name: replace(toy_code(mine), system=name) for name, mine in systems.items()},
        measured={name: dataset for name, dataset in found.items() if dataset.data_vars},
        trials=toy_trials(),
    )


def _usual(subject: Subject) -> tuple[xr.Dataset, Code]:
    """The summary of the usual toy evidence, made once."""
    summary, code = subject.once("summary", lambda: summarised(subject))
    return summary.copy(deep=True), code


@check("metric", when=_of_images)
def check_identical_responses_show_no_shift(subject: Subject) -> None:
    """Where perturbed responses equal the clean ones, shifts are zero and nothing depends on epsilon."""
    found = measured(subject, size=0.0)
    for name, variable in found.data_vars.items():
        if "epsilon" not in variable.dims or not np.issubdtype(variable.dtype, np.number):
            continue
        values = variable.transpose("epsilon", ...).values.astype(float)
        require(
            np.allclose(values, values[:1], equal_nan=True), f"{name} depends on epsilon although nothing was perturbed"
        )
        if "shift" in f"{name} {variable.attrs.get('long_name', '')}":
            largest = np.nanmax(np.abs(values), initial=0.0)
            require(largest < 1e-9, f"{name} is {largest:.3g} although nothing was perturbed")


class _Compared:
    """A mean over stimuli, whose contributions are compared with its score whenever they are asked for."""

    def __init__(self, score: MeanScore) -> None:
        self._score = score

    def quantities(self) -> tuple[Quantity, ...]:
        return self._score.quantities()

    def score(self, sample: Sample) -> Mapping[str, float]:
        return self._score.score(sample)

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        found = self._score.contributions(sample)
        whole = self._score.score(sample)
        for quantity in self.quantities():
            mean, said = float(np.mean(found[quantity.name])), float(whole[quantity.name])
            require(
                bool(np.isclose(mean, said, rtol=1e-9, atol=1e-12)),
                f"contributions to {quantity.name} have the mean {mean:.6g}, but its score is {said:.6g}",
            )
        return found


@check("metric", when=_is_score)
def check_contributions_average_to_the_score(subject: Subject) -> None:
    """What stimuli contribute to a score that is their mean has the score for its mean."""
    component = subject.build()
    if not isinstance(component, MeanScore):
        return
    from spikeproof.pipeline.scored import ScoredMetric

    metric = ScoredMetric(score=_Compared(component), entry=subject.entry, seed=RESAMPLING.seed)
    for evidence in list(toy_evidence(subject.entry))[:2]:
        metric.measure(evidence)


@check("metric")
def check_every_number_has_an_interval(subject: Subject) -> None:
    """Every summary variable has estimate, low and high in order, and says its name, unit and definition."""
    summary, _ = _usual(subject)
    require(summary.data_vars, "the summary is empty")
    for name, variable in summary.data_vars.items():
        require("statistic" in variable.dims, f"{name} has no dimension 'statistic': a number without an interval")
        have = variable["statistic"].values.tolist()
        require(have == ["estimate", "low", "high"], f"{name}: statistic must be estimate, low, high; got {have}")
        low, high = variable.sel(statistic="low").values, variable.sel(statistic="high").values
        require(not (low > high).any(), f"{name}: an interval's low end is above its high end")
        require(np.isfinite(low).any() or np.isinf(low).any(), f"{name}: its interval is NaN throughout")
        for key in ("long_name", "units", "definition"):
            require(variable.attrs.get(key), f"{name} lacks the attribute {key!r}")


@check("metric")
def check_it_says_what_it_found(subject: Subject) -> None:
    """It gives at least one sentence, with a full stop and without nan."""
    summary, code = _usual(subject)
    metric = _component(subject)
    study = subject.entry.kind == "study"
    sentences = list(metric.describe(summary) if study else metric.describe(summary, code))
    require(sentences, "describe() gives no sentence")
    for sentence in sentences:
        text = sentence.strip()
        require(text.endswith((".", "!", ")")), f"not a sentence: {sentence!r}")
        require("nan" not in text.lower().replace(",", " ").split(), f"a number is nan: {sentence!r}")


@check("metric")
def check_the_order_of_units_does_not_matter(subject: Subject) -> None:
    """With the units in another order, every estimate is the same, or as near as its interval is wide if drawn."""
    one, _ = _usual(subject)
    two, _ = summarised(subject, units=(3, 0, 5, 1, 4, 2))
    for name, variable in one.data_vars.items():
        dims = [dim for dim in variable.dims if dim in variable.coords and dim != "statistic"]
        estimate, low, high = (variable.sel(statistic=which) for which in ("estimate", "low", "high"))
        other = two[name].sel(statistic="estimate").reindex({dim: variable[dim] for dim in dims})
        here, there = estimate.values, other.transpose(*estimate.dims).values
        with np.errstate(invalid="ignore"):  # an infinity on both sides is the same
            near = np.abs(here - there) <= high.values - low.values
        same = np.isclose(here, there, rtol=1e-6, equal_nan=True)
        require((same | near).all(), f"{name} depends on the order of the units")


@check("metric")
def check_the_evidence_is_left_alone(subject: Subject) -> None:
    """It writes to nothing that it is given."""
    evidences, untouched = list(toy_evidence(subject.entry)), list(toy_evidence(subject.entry))
    _stacked(subject, evidences)
    for item, before in zip(evidences, untouched, strict=True):
        require(item.code.responses.identical(before.code.responses), "it changed the clean responses in place")
        if item.perturbed is not None and before.perturbed is not None:
            require(item.perturbed.identical(before.perturbed), "it changed the perturbed responses in place")


@check("metric")
def check_the_same_seed_gives_the_same_interval(subject: Subject) -> None:
    """Its only random numbers are those of the resampling."""
    one, two = _usual(subject)[0], summarised(subject)[0]
    require(one.equals(two), "two summaries with one seed differ")
