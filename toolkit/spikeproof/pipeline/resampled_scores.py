"""A score with something shuffled, and between halves of the repeats: its chance level and its ceiling."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from spikeproof.noise import generator
from spikeproof.scores import Repeats, Sample, Score

from .left_out import Factor, LeftOut, check_range, left_out, scored
from .presented import reads_repeats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikeproof.code import Code

__all__ = ["halves", "named", "shuffled"]

_SHUFFLES, _SPLITS = 100, 4


def named(found: LeftOut) -> dict[str, NDArray[np.float64]]:
    """What was scored under the suffixes of the variables that hold it."""
    out = {"": found.whole, "_without_stimuli": found.single["stimuli"]}
    units: Factor
    for units in ("units", "both_units"):
        if units in found.single:
            out["_without_units"] = found.single[units]
            if ("stimuli", units) in found.both:
                out["_without_both"] = found.both["stimuli", units]
        if units in found.refitted:
            out["_refitted"] = found.refitted[units]
    return out | _counted("", found)


def _counted(suffix: str, found: LeftOut) -> dict[str, NDArray[np.float64]]:
    """Stimuli that contribute, (quantity,), of a mean of contributions; nothing of another score."""
    import numpy as np

    count = found.contributing
    return {f"{suffix}_contributing": np.full(len(found.whole), float(count))} if count else {}


def shuffled(
    score: Score, sample: Sample, null: Literal["stimuli", "labels", "units", "presentations"]
) -> NDArray[np.float64]:
    """Score a sample whose link between stimuli and something is broken, (shuffle, quantity)."""
    import numpy as np

    check_range(sample)
    rng = generator(sample.seed, "shuffled score", null)
    rows = []
    for _ in range(_SHUFFLES):
        order = rng.permutation(len(sample.responses))
        if null == "labels":
            changed = replace(sample, labels=None if sample.labels is None else sample.labels[order])
        elif null == "units":
            changed = replace(sample, responses=rng.permuted(sample.responses, axis=0))
        elif null == "presentations":
            shown = sample.repeats
            changed = sample if shown is None else replace(sample, repeats=_dealt_again(shown, rng))
        else:
            choices = sample.reference_choices
            changed = replace(
                sample,
                reference=None if sample.reference is None else sample.reference[order],
                reference_choices=None if choices is None else choices[order],
                reference_repeats=_renamed(sample, order),
            )
        rows.append(scored(score, changed))
    return np.stack(rows)


def _dealt_again(shown: Repeats, rng: np.random.Generator) -> Repeats:
    """The same presentations, of other stimuli; each stimulus keeps its number of them."""
    return replace(shown, responses=shown.responses[rng.permutation(len(shown.responses))])


def _renamed(sample: Sample, order: NDArray[np.intp]) -> Repeats | None:
    """The reference's presentations under the names of the stimuli that they are shuffled to."""
    import numpy as np

    shown = sample.reference_repeats
    if shown is None or sample.stimuli is None:
        return shown
    new_name = np.empty_like(sample.stimuli)
    new_name[order] = sample.stimuli
    by_name = np.argsort(sample.stimuli)
    place = by_name[np.searchsorted(sample.stimuli[by_name], shown.stimuli)]
    return replace(shown, stimuli=new_name[place])


def halves(score: Score, code: Code, seed: int) -> dict[str, NDArray[np.float64]]:
    """Score one half of the repeats against the other: what noise alone leaves of a comparison.

    Every stimulus with two presentations or more gives half of them (drawn by the seed) to either side; the mean of
    several such splits is taken. Empty where nothing was repeated.
    """
    import numpy as np

    if code.repeats is None:
        return {}
    single = np.asarray(code.repeats.values, dtype=np.float64)
    shown = code.repeats["stimulus"].values.astype(str)
    names, row, count = np.unique(shown, return_inverse=True, return_counts=True)
    usable = np.flatnonzero(count >= 2)
    if len(usable) < 2:
        return {}
    labels = None if code.labels is None else code.labels.sel(stimulus=names[usable]).values.astype(str)
    whole, without = [], []
    for split in range(_SPLITS):
        rng = generator(seed, "halves", split)
        sides: list[list[NDArray[np.float64]]] = [[], []]
        rows: list[list[NDArray[np.intp]]] = [[], []]
        for stimulus in usable:
            mine = rng.permutation(np.flatnonzero(row == stimulus))
            for side, part in enumerate((mine[: len(mine) // 2], mine[len(mine) // 2 :])):
                sides[side].append(single[part].mean(axis=0))
                rows[side].append(np.sort(part))
        sample = Sample(
            responses=np.stack(sides[0]),
            labels=labels,
            reference=np.stack(sides[1]),
            stimuli=names[usable],
            units=code.responses["unit"].values.astype(str),
            seed=seed,
        )
        if reads_repeats(score):
            first, second = (
                Repeats(responses=single[np.concatenate(r)], stimuli=shown[np.concatenate(r)]) for r in rows
            )
            sample = replace(sample, repeats=first, reference_repeats=second)
        sample = _with_choices(sample, code, names[usable].tolist())
        found = left_out(score, sample, {"stimuli": names[usable]})
        whole.append(found.whole)
        without.append(found.single["stimuli"])
    return {
        "_ceiling": np.mean(whole, axis=0),
        "_ceiling_without_stimuli": np.mean(without, axis=0),
        **_counted("_ceiling", found),
    }


def _with_choices(sample: Sample, code: Code, stimuli: list[str]) -> Sample:
    """Give the two halves of the repeats the fitted readout's choices on each."""
    if code.readout is None or sample.reference is None:
        return sample
    return replace(
        sample,
        choices=code.readout.choices(sample.responses, stimuli),
        reference_choices=code.readout.choices(sample.reference, stimuli),
        decision=code.readout.decision(sample.responses, stimuli),
        classes=code.readout.classes,
    )
