"""A score of everything, and without groups of stimuli and units: what its intervals are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Literal, TypeAlias

from spikeproof.errors import DataError, NotEnoughData, PluginFailed
from spikeproof.scores import MeanScore, Quantity, Repeats, Sample, Score
from spikeproof.statistics import (
    jackknife_groups,
    jackknife_interval,
    jackknife_pairs,
    proportion_interval,
    refitted_variance,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BLOCKS", "GROUPS", "Factor", "LeftOut", "check_range", "contributed", "left_out", "scored", "with_bounds"]

Factor: TypeAlias = Literal["stimuli", "units", "reference_units", "both_units"]
"""What is left out: units of the responses, of the reference, or of both sides where they are the same."""

GROUPS = 32
"""Most groups of stimuli, and of units, that are left out in turn."""

_LARGEST = 1e35
"""Responses beyond which, or below whose inverse, products of kernels (their eighth powers) are no numbers."""

PAIRS = 24
"""Most pairs of groups that are left out at once, for the interaction of two factors; two for each group of the smaller
factor, whose own variance is no better known."""

_OF_STIMULI = ("responses", "labels", "choices", "reference", "reference_choices", "decision", "stimuli", "places")

BLOCKS = 8
"""Blocks of stimuli whose means tell the effect of a refit from the flips of single choices."""

_PARTS, _PARTITIONS = 4, 8
"""Parts of the units, each of which is left out once with a fit of its own, and most partitions into parts. A
partition has three degrees of freedom, and all of them together no more than the units have."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A score of everything, and without what was left out of it.

    Parameters
    ----------
    whole : numpy.ndarray of float64, (quantity,)
    single : mapping of str to numpy.ndarray of float64, (group, quantity)
        For each factor: without each of its groups in turn; no rows where there is one group only.
    both : mapping of (str, str) to numpy.ndarray of float64, (pair, quantity)
        For two factors: without a group of each, for the pairs of ``jackknife_pairs``.
        None of a mean over stimuli.
    refitted : mapping of str to numpy.ndarray of float64, (refit and block, quantity)
        Of a mean over stimuli: for each factor of units, the mean of each block of stimuli without each group of units
        of each partition, of which there are ``BLOCKS`` to a refit.
    contributing : int
        Stimuli that contribute, where the score is a mean over them; otherwise 0.
    """

    whole: NDArray[np.float64]
    single: Mapping[Factor, NDArray[np.float64]]
    both: Mapping[tuple[Factor, Factor], NDArray[np.float64]]
    refitted: Mapping[Factor, NDArray[np.float64]]
    contributing: int

    def bounds(self, quantity: Quantity, column: int, level: float) -> list[NDArray[np.float64]]:
        """Estimate, low and high of a quantity, which stands in this column."""
        places = {factor: place for place, factor in enumerate(self.single)}
        return with_bounds(
            quantity,
            self.whole[column],
            [values[:, column] for values in self.single.values()],
            {(places[a], places[b]): values[:, column] for (a, b), values in self.both.items()},
            level,
            refitted=[values[:, column] for values in self.refitted.values()],
            contributing=self.contributing,
        )


def left_out(
    score: Score, sample: Sample, factors: Mapping[Factor, NDArray[np.str_]], *, most: int = GROUPS
) -> LeftOut:
    """Score a sample whole, without each group of its stimuli and units in turn, and without some pairs of groups.

    Parameters
    ----------
    score : Score
    sample : Sample
    factors : mapping of str to numpy.ndarray of str
        Names of what is left out: ``stimuli``, ``units`` (of the responses), ``reference_units``, or ``both_units``
        where both sides are the same units.
    most : int
        Most groups of a factor.
    """
    import numpy as np

    check_range(sample)
    sample = replace(sample, places=sample.placed())
    if isinstance(score, MeanScore):
        return _of_mean(score, sample, factors, most)
    groups = {
        factor: jackknife_groups(
            names.tolist(), most=most, seed=sample.seed, purpose="stimuli" if factor == "stimuli" else "units"
        )
        for factor, names in factors.items()
    }
    many = {factor: int(group.max()) + 1 for factor, group in groups.items()}
    several = [factor for factor in factors if many[factor] > 1]
    pairs = {
        (a, b): jackknife_pairs(many[a], many[b], most=min(PAIRS, 2 * min(many[a], many[b])))
        for a, b in combinations(several, 2)
    }

    def value(*chosen: tuple[Factor, int]) -> NDArray[np.float64]:
        found = sample
        for factor, number in chosen:
            found = _kept(found, groups[factor] != number, factor)
        return scored(score, found)

    return LeftOut(
        whole=value(),
        single={
            factor: np.stack([value((factor, number)) for number in range(many[factor])])
            if factor in several
            else np.empty((0, len(score.quantities())))
            for factor in factors
        },
        both={(a, b): np.stack([value((a, i), (b, j)) for i, j in rows.tolist()]) for (a, b), rows in pairs.items()},
        refitted={},
        contributing=0,
    )


def _of_mean(score: MeanScore, sample: Sample, factors: Mapping[Factor, NDArray[np.str_]], most: int) -> LeftOut:
    """Leave contributions out as they are, and units with a fit of their own."""
    import numpy as np

    def grouped(names: NDArray[np.str_], most: int, purpose: str) -> NDArray[np.intp]:
        return jackknife_groups(names.tolist(), most=most, seed=sample.seed, purpose=purpose)

    values = contributed(score, sample)
    names = factors["stimuli"]
    stimuli = grouped(names, most, "stimuli")
    block = grouped(names, BLOCKS, "blocks")
    blocks = [np.flatnonzero(block == number) for number in range(int(block.max()) + 1)]
    without = [values[stimuli != number].mean(axis=0) for number in range(int(stimuli.max()) + 1)]
    refitted: dict[Factor, NDArray[np.float64]] = {}
    for factor, members in factors.items():
        if factor == "stimuli" or len(members) < 2 or len(blocks) < BLOCKS:
            continue
        rows = []
        for partition in range(max(1, min(_PARTITIONS, (len(members) - 1) // (_PARTS - 1)))):
            part = grouped(members, _PARTS, f"partition {partition}")
            for number in range(int(part.max()) + 1):
                again = contributed(score, _kept(sample, part != number, factor))
                rows += [again[mine].mean(axis=0) for mine in blocks]
        refitted[factor] = np.stack(rows)
    return LeftOut(
        whole=values.mean(axis=0),
        single={"stimuli": np.stack(without) if len(without) > 1 else np.empty((0, values.shape[1]))},
        both={},
        refitted=refitted,
        contributing=len(values),
    )


def check_range(sample: Sample) -> None:
    """Refuse responses whose products would be infinite or vanish.

    Raises
    ------
    DataError
    """
    import numpy as np

    for values, what in ((sample.responses, "response"), (sample.reference, "response of the reference")):
        largest = 0.0 if values is None else float(np.abs(values).max(initial=0.0))
        if largest > _LARGEST or 0 < largest < 1 / _LARGEST:
            raise DataError(
                f"the largest {what} is {largest:.3g}, so that products of responses leave the range of floating-point "
                "numbers: divide all responses by one number"
            )


def scored(score: Score, sample: Sample) -> NDArray[np.float64]:
    """Score a sample, in the order of the quantities.

    Raises
    ------
    PluginFailed
        If a quantity is missing, or not a number.
    """
    import numpy as np

    found = score.score(sample)
    names = [quantity.name for quantity in score.quantities()]
    missing = [name for name in names if name not in found]
    if missing:
        raise PluginFailed(f"{type(score).__name__}.score() gives no {missing[0]!r}, which is one of its quantities")
    values = np.array([float(found[name]) for name in names])
    if np.isnan(values).any():
        name = names[int(np.isnan(values).argmax())]
        raise PluginFailed(
            f"{type(score).__name__}.score() gives NaN for {name!r}: it must refuse what it cannot compute"
        )
    return values


def contributed(score: MeanScore, sample: Sample) -> NDArray[np.float64]:
    """What each stimulus contributes, (stimulus, quantity), in the order of the quantities.

    Raises
    ------
    PluginFailed
        If a quantity is missing, has another shape, or is not a number.
    """
    import numpy as np

    found = score.contributions(sample)
    columns = []
    for quantity in score.quantities():
        if quantity.name not in found:
            raise PluginFailed(
                f"{type(score).__name__}.contributions() gives no {quantity.name!r}, which is one of its quantities"
            )
        values = np.asarray(found[quantity.name], dtype=np.float64)
        if values.shape != (len(sample.responses),) or not np.isfinite(values).all():
            raise PluginFailed(
                f"{type(score).__name__}.contributions() must give {quantity.name!r} as one finite number for each of "
                f"{len(sample.responses)} stimuli"
            )
        columns.append(values)
    return np.stack(columns, axis=1)


def _kept(sample: Sample, keep: NDArray[np.bool_], of: Factor) -> Sample:
    if of == "stimuli":
        parts = {name: getattr(sample, name)[keep] for name in _OF_STIMULI if getattr(sample, name) is not None}
        names = parts.get("stimuli")
        for side in ("repeats", "reference_repeats"):
            shown: Repeats | None = getattr(sample, side)
            if shown is not None and names is not None:
                parts[side] = shown.of_stimuli(names)
        return replace(sample, **parts)
    sides = {"units": ("responses",), "reference_units": ("reference",), "both_units": ("responses", "reference")}[of]
    units = sample.units if of == "reference_units" or sample.units is None else sample.units[keep]
    parts = {side: getattr(sample, side)[:, keep] for side in sides}
    for side in sides:
        shown = getattr(sample, "repeats" if side == "responses" else "reference_repeats")
        if shown is not None:
            parts["repeats" if side == "responses" else "reference_repeats"] = shown.of_units(keep)
    recorded = sample.recorded if of == "reference_units" or sample.recorded is None else sample.recorded[keep]
    return replace(sample, units=units, recorded=recorded, **parts)


def with_bounds(
    quantity: Quantity,
    estimate: NDArray[np.float64],
    left_out: list[NDArray[np.float64]],
    both_left_out: Mapping[tuple[int, int], NDArray[np.float64]],
    level: float,
    *,
    refitted: Sequence[NDArray[np.float64]] = (),
    contributing: int = 0,
) -> list[NDArray[np.float64]]:
    """Estimate, low and high.

    Where every stimulus contributes one and the same bound of the quantity, nothing varies; the interval is then that
    of Clopper & Pearson for as many trials, which holds for the mean of any bounded contributions.
    """
    import numpy as np

    try:
        low, high = jackknife_interval(
            estimate,
            left_out,
            both_left_out=both_left_out,
            further=[_of_refits(values) for values in refitted],
            level=level,
            lowest=quantity.lowest,
            highest=quantity.highest,
        )
    except NotEnoughData:
        low = high = np.full_like(estimate, np.nan)
    width = quantity.highest - quantity.lowest
    if contributing and np.isfinite(width):
        least, most = (
            float(ends[side])
            for side, ends in enumerate(
                (proportion_interval(contributing, contributing, level), proportion_interval(0, contributing, level))
            )
        )
        low = np.where(estimate >= quantity.highest, quantity.lowest + width * least, low)
        high = np.where(estimate <= quantity.lowest, quantity.lowest + width * most, high)
    return [estimate, low, high]


def _of_refits(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Variance of the refits without parts of the units, and its degrees of freedom."""
    by_block = values.reshape(-1, BLOCKS, *values.shape[1:])
    parts = min(_PARTS, len(by_block))
    return refitted_variance(by_block, parts), len(by_block) * (parts - 1) / parts
