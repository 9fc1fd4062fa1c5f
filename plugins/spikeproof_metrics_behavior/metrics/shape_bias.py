"""Shape bias of subjects and systems on images whose shape and texture are of different categories."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import Resampling, interval
from spikeproof.summaries import against, annotated
from spikeproof.types import Code, Evidence, StudyEvidence, generator
from spikeproof.wording import number, some, with_interval

from spikeproof_metrics_behavior.cue_conflict import shape_of, texture_of
from spikeproof_metrics_behavior.drawing import draws_of_cells, draws_of_members
from spikeproof_metrics_behavior.observers import (
    ALL_SETS,
    SUBJECTS,
    Cells,
    Names,
    Observers,
    Repeated,
    cells_of,
    observers_of,
    permuted,
)

from .groups import Drawn, left_out, list_left_out, seed_of, table_of

__all__ = ["ShapeBiasOfObservers"]

Floats = NDArray[np.float64]

_SHUFFLES = 200
_STIMULI = "stimuli"
"""What the images of a study without trials are called as an image set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeBiasOfObservers:
    """Choices of the shape over choices of the shape or the texture, on images in which the two conflict.

    The shape is the right category of a trial. The texture is a column of the trials (option ``texture`` of the
    source), or is read from names such as ``bird3-clock2.png``. Image sets that have neither are left out. Without
    trials, systems alone are measured, on the stimuli of the study.
    """

    names: Names = "same"
    repeated: Repeated = "refuse"

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - nothing is measured of one system alone
        """Nothing: all choices are looked at in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Average over images, then over subjects.

        Returns
        -------
        xarray.Dataset
            ``shape_bias``, ``shape_bias_shuffled``, ``shape_choices`` and ``texture_choices`` (statistic, image_set,
            observer), and ``shape_bias_of_subject`` (statistic, subject) where there are several.
        """
        sets, other = self._sets(study)
        found: dict[str, dict[str, dict[str, Drawn]]] = {
            name: {} for name in ("shape_bias", "shape_bias_shuffled", "shape_choices", "texture_choices")
        }
        by_subject: dict[str, Drawn] = {}
        undefined = 0
        for name, (observers, cells, texture) in sets.items():
            rng = generator(seed_of(resampling, "shape bias", name), "draws")
            if (cells.truth == texture).all():
                raise NotEnoughData(
                    f"shape-bias: shape and texture are the same on all {len(texture)} images of {name!r}: there is no "
                    "conflict of cues"
                )
            people = len(observers.trials.subjects)
            drawn = draws_of_cells(cells.condition, resampling.draws, rng)
            members = draws_of_members(range(people), people, resampling.draws, rng, least=1)
            once = np.ones((1, len(texture)))
            whole, draws = (_counted(weights, cells.chosen, cells.truth, texture) for weights in (once, drawn))
            null = np.concatenate(
                [_counted(once, permuted(cells, rng), cells.truth, texture) for _ in range(_SHUFFLES)], axis=1
            )
            for row, key in enumerate(("shape_choices", "texture_choices", "shape_bias")):
                found[key][name] = _observed(observers, whole[row], draws[row], members)
            shuffled = _observed(observers, whole[2], null[2], np.ones((_SHUFFLES, people)))
            found["shape_bias_shuffled"][name] = {
                observer: replace(one, estimate=float(np.nanmean(one.draws))) for observer, one in shuffled.items()
            }
            undefined = max(undefined, int(np.isnan(draws[2]).any(axis=1).sum()))
            for k, subject in enumerate(observers.trials.subjects):
                label = subject if len(sets) == 1 else f"{name} {subject}"
                by_subject[label] = Drawn(estimate=float(whole[2][0, k]), draws=draws[2][:, k])
        summary = xr.Dataset({key: table_of(of_set, resampling, "observer") for key, of_set in found.items()})
        by_subject = {name: one for name, one in by_subject.items() if not np.isnan(one.estimate)}
        if len(by_subject) > 1:
            summary["shape_bias_of_subject"] = _listed(by_subject, resampling)
        return _annotated(summary, {name: part[0] for name, part in sets.items()}, other, undefined)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say the bias of subjects and systems, beside shuffled choices."""
        bias, null = summary["shape_bias"], summary["shape_bias_shuffled"]
        where = ALL_SETS if ALL_SETS in bias["image_set"].values else bias["image_set"].values[-1].item()
        for observer in bias["observer"].values.tolist():
            value, chance = (table.sel(image_set=where, observer=observer) for table in (bias, null))
            if bool(value.sel(statistic="estimate").isnull()):
                continue
            yield (
                f"Shape bias of {observer} on {where} is {with_interval(value)}, {against(value, chance)} what choices "
                f"shuffled over images give, {with_interval(chance)}."
            )
        if "shape_bias_of_subject" in summary:
            own = summary["shape_bias_of_subject"].sel(statistic="estimate").values
            yield f"That of single subjects is {number(float(own.min()))} to {number(float(own.max()))}."
        other = json.loads(bias.attrs["other_sets"])
        if other:
            yield (
                f"Image sets without a texture of their own are left out: {some(other, 3)} (their images are not named "
                "SHAPEk-TEXTUREk, and no column `texture` was named)."
            )
        yield from list_left_out(bias)

    def _sets(self, study: StudyEvidence) -> tuple[dict[str, tuple[Observers, Cells, NDArray[np.intp]]], list[str]]:
        """Image sets with their textures, and the names of the others."""
        if study.trials is None:
            return {_STIMULI: _systems_alone(study.codes)}, []
        found, other = {}, []
        for name, given in observers_of(study, "shape-bias", self.names).items():
            textures = _textures(given)
            if textures is None:
                other.append(name)
                continue
            observers = given.first_showings() if self.repeated == "first" else given
            cells = cells_of(observers)
            found[name] = observers, cells, _codes(cells, [textures[image] for image in cells.image.tolist()])
        if not found:
            raise NotEnoughData(
                "shape-bias needs images whose shape and texture conflict: no image set has a column `texture` (an "
                "option of the source) or images named SHAPEk-TEXTUREk"
            )
        return found, other


def _textures(observers: Observers) -> list[str] | None:
    """Texture of every image; None where neither a column nor the names say it."""
    trials = observers.trials
    if "texture" in trials.extra:
        column = trials.extra["texture"]
        of_image = [""] * len(trials.images)
        for image, texture in zip(trials.image.tolist(), column, strict=True):
            of_image[image] = texture
        return of_image
    try:
        return [texture_of(image) for image in trials.images]
    except DataError:
        return None


def _codes(cells: Cells, textures: list[str]) -> NDArray[np.intp]:
    """Code of every cell's texture; one that nobody can choose has a code of its own."""
    code = {name: k for k, name in enumerate(cells.names)}
    return np.array([code.get(texture, len(code)) for texture in textures], dtype=np.intp)


def _systems_alone(codes: Mapping[str, Code]) -> tuple[Observers, Cells, NDArray[np.intp]]:
    """Choices of systems on stimuli whose names say shape and texture."""
    from spikeproof_metrics_behavior.trials import Trials

    chosen, reasons = {}, {}
    for system, code in codes.items():
        if code.choices is None:
            reasons[system] = "it makes no choices: there is no readout"
        else:
            names = code.choices["stimulus"].values.astype(str).tolist()
            chosen[system] = dict(zip(names, code.choices.values.astype(str).tolist(), strict=True))
    images = sorted({name for of in chosen.values() for name in of})
    if not images:
        raise NotEnoughData("shape-bias needs choices: of subjects (a source of trials), or of systems with a readout")
    shapes, textures = ([of(image) for image in images] for of in (shape_of, texture_of))
    made = {choice for of in chosen.values() for choice in of.values()}
    categories = tuple(sorted({*shapes, *textures, *made}))
    code_of = {name: k for k, name in enumerate(categories)} | {"": -2}
    empty = np.empty(0, dtype=np.intp)
    trials = Trials(
        name=_STIMULI, subjects=(), conditions=("",), images=tuple(images), categories=categories, subject=empty,
        condition=empty, image=empty, category=empty, response=empty, session=empty, trial=empty, rt=np.empty(0),
        image_name=(),
    )  # fmt: skip
    table = np.array([[of.get(image, "") for image in images] for of in chosen.values()])
    observers = Observers(trials=trials, systems=tuple(chosen), chosen=table, left_out=reasons)
    cells = Cells(
        chosen=np.array([[code_of[choice] for choice in row] for row in table.tolist()], dtype=np.intp),
        condition=np.zeros(len(images), dtype=np.intp),
        image=np.arange(len(images)),
        truth=np.array([code_of[name] for name in shapes], dtype=np.intp),
        names=categories,
    )
    return observers, cells, _codes(cells, textures)


def _counted(weights: Floats, chosen: NDArray[np.intp], shape: NDArray[np.intp], texture: NDArray[np.intp]) -> Floats:
    """Share of the shape and of the texture among trials in conflict, and the bias, (3, draw, observer)."""
    conflict = shape != texture
    seen = (chosen >= -1) & conflict
    by_shape = weights @ (seen & (chosen == shape)).T.astype(np.float64)
    by_texture = weights @ (seen & (chosen == texture)).T.astype(np.float64)
    total = weights @ seen.T.astype(np.float64)
    both = by_shape + by_texture
    nothing = np.full_like(total, np.nan)
    return np.stack(
        [
            np.divide(by_shape, total, out=nothing.copy(), where=total > 0),
            np.divide(by_texture, total, out=nothing.copy(), where=total > 0),
            np.divide(by_shape, both, out=nothing.copy(), where=both > 0),
        ]
    )


def _observed(observers: Observers, whole: Floats, drawn: Floats, members: Floats) -> dict[str, Drawn]:
    """The subjects' mean, and every system."""
    people = len(observers.trials.subjects)
    out = {}
    if people and not np.isnan(whole[0, :people]).all():
        there = ~np.isnan(drawn[:, :people])
        weight = members * there
        total = weight.sum(axis=1)
        mean = np.divide(
            (weight * np.where(there, drawn[:, :people], 0.0)).sum(axis=1),
            total,
            out=np.full(len(total), np.nan),
            where=total > 0,
        )
        out[SUBJECTS] = Drawn(estimate=float(np.nanmean(whole[0, :people])), draws=mean)
    for place, system in enumerate(observers.systems, people):
        if not np.isnan(whole[0, place]):
            out[system] = Drawn(estimate=float(whole[0, place]), draws=drawn[:, place])
    if not out:
        raise NotEnoughData("shape-bias: neither shape nor texture was ever chosen where the two conflict: it is 0/0")
    return out


def _listed(of_subject: Mapping[str, Drawn], resampling: Resampling) -> xr.DataArray:
    values = np.empty((3, len(of_subject)))
    for column, drawn in enumerate(of_subject.values()):
        bounds = interval(drawn.draws, drawn.estimate, resampling.level, undefined="exclude")
        values[:, column] = drawn.estimate, *bounds
    coords = {"statistic": ["estimate", "low", "high"], "subject": list(of_subject)}
    return xr.DataArray(values, dims=("statistic", "subject"), coords=coords)


def _annotated(summary: xr.Dataset, sets: Mapping[str, Observers], other: list[str], undefined: int) -> xr.Dataset:
    spread = "Interval: percentile bootstrap over images crossed with subjects."
    if undefined:
        spread += f" Up to {undefined} draws held no choice of shape or texture of some observer, and were left out."
    summary["shape_bias"] = annotated(
        summary["shape_bias"],
        long_name="shape bias",
        units="share of choices",
        definition=(
            "Choices of the shape over choices of the shape or the texture, on images in which the two conflict "
            f"(Geirhos et al. 2019); of subjects, the mean over them. {spread}"
        ),
        figure="matrix",
        rows="image_set",
        columns="observer",
        headline=1,
        left_out=json.dumps(left_out(sets)),
        other_sets=json.dumps(other),
    )
    summary["shape_bias_shuffled"] = annotated(
        summary["shape_bias_shuffled"],
        long_name="shape bias with choices shuffled over images",
        units="share of choices",
        definition=f"Mean and 95 % range of {_SHUFFLES} shuffles of every observer's choices.",
    )
    for cue in ("shape", "texture"):
        summary[f"{cue}_choices"] = annotated(
            summary[f"{cue}_choices"],
            long_name=f"choices of the {cue}",
            units="share of images",
            definition=f"Of the images in which shape and texture conflict; mean over subjects. {spread}",
        )
    if "shape_bias_of_subject" in summary:
        summary["shape_bias_of_subject"] = annotated(
            summary["shape_bias_of_subject"],
            long_name="shape bias of each subject",
            units="share of choices",
            definition="As the shape bias. Interval: percentile bootstrap over images.",
            figure="distribution",
            x="subject",
            reference_lines=json.dumps({"shape as often as texture": 0.5}),
        )
    return summary
