"""A score of everything, and without groups of stimuli and units: what its intervals are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Literal, TypeAlias

from spikeproof.errors import NotEnoughData, PluginFailed
from spikeproof.scores import MeanScore, Quantity, Repeats, Sample, Score
from spikeproof.statistics import jackknife_groups, jackknife_interval, jackknife_pairs, proportion_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["GROUPS", "Factor", "LeftOut", "contributed", "left_out", "scored", "with_bounds"]

Factor: TypeAlias = Literal["stimuli", "units", "reference_units", "both_units"]
"""What is left out: units of the responses, of the reference, or of both sides where they are the same."""

GROUPS = 32
"""Most groups of stimuli, and of units, that are left out in turn."""

PAIRS = 24
"""Pairs of groups that are left out at once, for the interaction of two factors."""


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
    contributing : int
        Stimuli that contribute, where the score is a mean over them; otherwise 0.
    """

    whole: NDArray[np.float64]
    single: Mapping[Factor, NDArray[np.float64]]
    both: Mapping[tuple[Factor, Factor], NDArray[np.float64]]
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

    groups = {
        factor: jackknife_groups(
            names.tolist(), most=most, seed=sample.seed, purpose="stimuli" if factor == "stimuli" else "units"
        )
        for factor, names in factors.items()
    }
    many = {factor: int(group.max()) + 1 for factor, group in groups.items()}
    empty = np.empty((0, len(score.quantities())))
    pairs = {
        (a, b): jackknife_pairs(many[a], many[b], most=PAIRS)
        for a, b in combinations(factors, 2)
        if many[a] > 1 and many[b] > 1
    }
    known: dict[tuple[tuple[Factor, int], ...], NDArray[np.float64]] = {}

    def kept(chosen: tuple[tuple[Factor, int], ...]) -> Sample:
        found = sample
        for factor, number in sorted(chosen, key=lambda one: one[0] == "stimuli"):
            found = _kept(found, groups[factor] != number, factor)
        return found

    def value(*chosen: tuple[Factor, int]) -> NDArray[np.float64]:
        if not isinstance(score, MeanScore):
            return scored(score, kept(chosen))
        # What a stimulus contributes depends on the units that are left, not on which stimuli are averaged.
        units = tuple(one for one in chosen if one[0] != "stimuli")
        if units not in known:
            known[units] = contributed(score, kept(units))
        of_stimuli = [groups["stimuli"] != number for factor, number in chosen if factor == "stimuli"]
        return np.asarray(known[units][of_stimuli[0] if of_stimuli else slice(None)].mean(axis=0))

    return LeftOut(
        whole=value(),
        single={
            factor: np.stack([value((factor, number)) for number in range(many[factor])]) if many[factor] > 1 else empty
            for factor in factors
        },
        both={(a, b): np.stack([value((a, int(i)), (b, int(j))) for i, j in rows]) for (a, b), rows in pairs.items()},
        contributing=len(sample.responses) if isinstance(score, MeanScore) else 0,
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
        parts = {
            name: getattr(sample, name)[keep]
            for name in ("responses", "labels", "choices", "reference", "reference_choices", "decision", "stimuli")
            if getattr(sample, name) is not None
        }
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
    return replace(sample, units=units, **parts)


def with_bounds(
    quantity: Quantity,
    estimate: NDArray[np.float64],
    left_out: list[NDArray[np.float64]],
    both_left_out: Mapping[tuple[int, int], NDArray[np.float64]],
    level: float,
    *,
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
