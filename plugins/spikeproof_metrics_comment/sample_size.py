"""How many recorded units it takes until scores, and rankings of models by them, are what they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling, interval, jackknife_groups, jackknife_interval
from spikeproof.summaries import annotated
from spikeproof.types import Code, Evidence, StudyEvidence, generator
from spikeproof.wording import joined, number, some, with_interval

from .ranking import chance_of_agreement, kendall_tau, stable_from
from .unit_sums import Kind, shares, subset_norms

__all__ = ["SampleSize"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_TITLES: dict[Kind, str] = {
    "cka": "CKA",
    "rdm": "RDM correlation",
    "ridge": "ridge predictivity",
}
_AGAINST = ("all units", "the other half")
_GROUPS, _VALUE_DRAWS, _FOLDS, _LEAST_STIMULI = 10, 10, 5, 10
_AGREE, _OFTEN = 0.9, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Responses of the reference and of the systems that are compared with it, over the stimuli that all were shown.

    Parameters
    ----------
    name : str
    units, stimuli : tuple of str
    recorded : numpy.ndarray, (stimulus, unit)
    systems : mapping of str to numpy.ndarray, (stimulus, unit_other)
    left_out : mapping of str to str
    """

    name: str
    units: tuple[str, ...]
    stimuli: tuple[str, ...]
    recorded: Floats
    systems: Mapping[str, Floats]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """Scores of all systems with a recording, and the ranking by them, as a function of the number of recorded units.

    Random subsets of the recorded units stand for smaller recordings. The ranking of the systems by a subset is
    compared (Kendall's tau) with that by all units, and, by subsets of one half of the units, with that by the other
    half, which no subset belongs to. It is stable at the number of units from which on tau is above 0.9 in 95 % of the
    draws. Without a recording, the first system stands for one.
    """

    scores: Annotated[
        tuple[Kind, ...],
        "cka: debiased linear CKA; rdm: Pearson correlation of squared Euclidean distances between stimuli; ridge: "
        "correlation of cross-validated ridge predictions, mean over units.",
    ] = ("cka", "rdm", "ridge")
    reference: Annotated[str, "The system whose units are sampled; empty for the recording, or else the first."] = ""
    sizes: Annotated[
        tuple[int, ...], "Numbers of units, ascending; empty takes about 10 up to all, on a log axis."
    ] = ()
    draws: Annotated[int, "Random subsets of units of each size."] = 200
    most: Annotated[int, "Units of the reference that are used at most: a seeded sample of them."] = 2000
    standardise: Annotated[bool, "Scale every unit of the reference to variance 1 first."] = False

    def __post_init__(self) -> None:
        if not self.scores or len(set(self.scores)) < len(self.scores):
            raise BadParameter(
                f"sample-size: name different scores among {', '.join(_TITLES)}, got {list(self.scores)}"
            )
        if self.draws < 2 * _GROUPS:
            raise BadParameter(f"sample-size: draws must be at least {2 * _GROUPS}, got {self.draws}")
        if self.most < 2:
            raise BadParameter(f"sample-size: most must be at least 2, got {self.most}")
        if self.sizes and (min(self.sizes) < 1 or list(self.sizes) != sorted(set(self.sizes))):
            raise BadParameter(f"sample-size: sizes must ascend from 1 or more, got {list(self.sizes)}")

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - the clean codes are enough
        """Nothing: the clean codes of all systems are compared in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Score subsets of the reference's units.

        Returns
        -------
        xarray.Dataset
            ``score`` and ``score_of_one_sample`` (statistic, measure, system, units), and with two systems or more
            ``tau``, ``stable`` (statistic, measure, against, units), ``stable_by_chance`` (statistic,) and
            ``stable_units`` (statistic, measure, against).
        """
        data = self._data(study.codes, resampling.seed)
        sizes = self._sizes(len(data.units))
        rng = generator(resampling.seed, "sample size", "orders")
        by_name = np.argsort(np.array(data.units))
        orders = np.stack([by_name[rng.permutation(len(data.units))] for _ in range(self.draws)])
        names = data.stimuli
        fold = jackknife_groups(names, most=_FOLDS, seed=resampling.seed, purpose="folds")
        stimuli = jackknife_groups(names, most=_GROUPS, seed=resampling.seed, purpose="stimuli")
        units = jackknife_groups(data.units, most=_GROUPS, seed=resampling.seed, purpose="units")
        whole = np.ones(len(names), dtype=bool)
        kept = [whole, *(stimuli != group for group in range(int(stimuli.max()) + 1))]
        # (set of stimuli, score, unit, system): what every unit adds
        added = np.stack([self._added(data, keep, fold) for keep in kept])
        summary = xr.Dataset(self._scores(data, added, kept, orders, units, sizes, resampling))
        if len(data.systems) > 1:
            summary = summary.assign(self._rankings(data, added, orders, units, sizes, resampling))
        return self._annotated(summary, data)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say which systems are nearest, how many units a stable ranking takes, and what small samples give."""
        about = summary["score"].attrs
        last = summary["score"].isel(units=-1)
        total = int(last["units"])
        for measure in summary["measure"].values.tolist():
            here = last.sel(measure=measure)
            ordered = sorted(here["system"].values.tolist(), key=lambda name: -float(here.sel(system=name)[0]))
            listed = joined([f"{name} {with_interval(here.sel(system=name))}" for name in ordered])
            yield f"With {total} units of {about['reference']}, {measure} is: {listed}."
        if "stable_units" not in summary:
            yield "There is one system to compare with: nothing is ranked."
        else:
            for measure in summary["measure"].values.tolist():
                told = []
                for against in summary["against"].values.tolist():
                    found = summary["stable_units"].sel(measure=measure, against=against)
                    reached = np.isfinite(float(found.sel(statistic="estimate")))
                    if float(found.sel(statistic="estimate")) == total:
                        told.append(f"against {against} not before all {total} are there")
                        continue
                    told.append(
                        f"against {against} from {with_interval(found)} units on"
                        if reached
                        else f"against {against} not with the {about[f'most {against}']} units that can be tested"
                    )
                chance = 100 * float(summary["stable_by_chance"].sel(statistic="estimate"))
                yield (
                    f"The ranking of {summary.sizes['system']} systems by {measure} is stable (tau above {_AGREE:g} in "
                    f"{_OFTEN:.0%} of draws) {joined(told)}; a random order is that near in "
                    f"{number(chance)} % of cases."
                )
        for system, reason in json.loads(about["left_out"]).items():
            yield f"{system} is left out: {reason}."

    def _data(self, codes: Mapping[str, Code], seed: int) -> _Data:
        if len(codes) < 2:
            raise NotEnoughData(
                f"sample-size needs two systems, such as a recording and a layer of a model: there are {len(codes)}"
            )
        name = self.reference or ("recording" if "recording" in codes else next(iter(codes)))
        if name not in codes:
            raise DataError(f"sample-size: there is no system {name!r}: the systems are {some(codes, 10)}")
        reference = codes[name]
        shown = {system: set(code.responses["stimulus"].values.astype(str).tolist()) for system, code in codes.items()}
        reasons = {
            system: f"it shares {len(names & shown[name])} stimuli with {name}, at least {_LEAST_STIMULI} are needed"
            for system, names in shown.items()
            if system != name and len(names & shown[name]) < _LEAST_STIMULI
        }
        kept = [system for system in codes if system != name and system not in reasons]
        common = set.intersection(shown[name], *(shown[system] for system in kept))
        if not kept or len(common) < _LEAST_STIMULI:
            said = "; ".join(f"{system}: {reason}" for system, reason in reasons.items())
            raise NotEnoughData(
                f"sample-size: {len(common) if kept else 0} stimuli were shown to {name} and to what it is compared "
                f"with, at least {_LEAST_STIMULI} are needed" + (f" ({said})" if said else "")
            )
        stimuli = sorted(common)
        values = np.asarray(reference.responses.sel(stimulus=stimuli).values, dtype=np.float64)
        units = reference.responses["unit"].values.astype(str)
        varies = np.flatnonzero(np.ptp(values, axis=0) > 1e-12 * np.abs(values).max(axis=0))
        if len(varies) < 4:
            raise NotEnoughData(
                f"sample-size: {len(varies)} units of {name} respond differently to any two stimuli, at least 4 are "
                "needed"
            )
        if len(varies) > self.most:
            by_name = varies[np.argsort(units[varies])]
            varies = np.sort(generator(seed, "sample size", "units").choice(by_name, self.most, replace=False))
        # Centred, as all scores are invariant to it and sums of squares of large baselines are not exact.
        recorded = values[:, varies] - values[:, varies].mean(axis=0)
        if self.standardise:
            recorded = recorded / recorded.std(axis=0, ddof=1)
        systems = {}
        for system in kept:
            other = np.asarray(codes[system].responses.sel(stimulus=stimuli).values, dtype=np.float64)
            systems[system] = other - other.mean(axis=0)
        return _Data(
            name=name,
            units=tuple(units[varies].tolist()),
            stimuli=tuple(stimuli),
            recorded=recorded,
            systems=systems,
            left_out=reasons,
        )

    def _sizes(self, units: int) -> list[int]:
        if self.sizes:
            if self.sizes[-1] > units:
                raise NotEnoughData(
                    f"sample-size: sizes go up to {self.sizes[-1]} units, but the reference has {units} that vary"
                )
            return list(self.sizes)
        grid = np.rint(np.geomspace(2, units, 10)).astype(int).tolist()
        return sorted({*grid, units // 2, units})

    def _added(self, data: _Data, keep: NDArray[np.bool_], fold: Ints) -> Floats:
        """What every unit adds to every score of every system, (score, unit, system), on some of the stimuli."""
        recorded = data.recorded[keep]
        return np.stack(
            [
                np.stack(
                    [shares(kind, recorded, other[keep], system, fold[keep]) for system, other in data.systems.items()],
                    axis=1,
                )
                for kind in self.scores
            ]
        )

    def _scores(
        self,
        data: _Data,
        added: Floats,
        kept: Sequence[NDArray[np.bool_]],
        orders: Ints,
        units: Ints,
        sizes: Sequence[int],
        resampling: Resampling,
    ) -> dict[str, xr.DataArray]:
        """Scores by number of units: the mean over subsets, and the range of single ones."""
        every = np.stack([self._of_order(data, added, kept, order, sizes) for order in orders[:_VALUE_DRAWS]])
        mean = _mean(every, axis=0)  # (set, score, system, size)
        without_units = []
        for group in range(int(units.max()) + 1):
            rest = [order[units[order] != group] for order in orders[:_VALUE_DRAWS]]
            clipped = [min(size, len(rest[0])) for size in sizes]
            found = [self._of_order(data, added[:1], kept[:1], order, clipped)[0] for order in rest]
            without_units.append(_mean(np.stack(found), axis=0))
        low, high = jackknife_interval(
            mean[0], [mean[1:], np.stack(without_units)], level=resampling.level, highest=1.0
        )
        single = np.stack([self._of_order(data, added[:1], kept[:1], order, sizes)[0] for order in orders])
        ends = interval(single, mean[0], resampling.level, undefined="exclude")
        coords = {
            "statistic": ["estimate", "low", "high"],
            "measure": [_TITLES[kind] for kind in self.scores],
            "system": list(data.systems),
            "units": list(sizes),
        }
        dims = tuple(coords)
        return {
            "score": xr.DataArray(np.stack([mean[0], low, high]), dims=dims, coords=coords),
            "score_of_one_sample": xr.DataArray(np.stack([mean[0], *ends]), dims=dims, coords=coords),
        }

    def _of_order(
        self,
        data: _Data,
        added: Floats,
        kept: Sequence[NDArray[np.bool_]],
        order: Ints,
        sizes: Sequence[int],
    ) -> Floats:
        """Scores by the first units of an order, (set, score, system, size)."""
        norms = subset_norms(self.scores, data.recorded, order, sizes, kept)
        sums = added[:, :, order].cumsum(axis=2)[:, :, np.array(sizes) - 1]  # (set, score, size, system)
        divisors = np.stack([norms[kind] for kind in self.scores], axis=1)  # (set, score, size)
        return np.asarray((sums / divisors[..., None]).swapaxes(2, 3))

    def _rankings(
        self, data: _Data, added: Floats, orders: Ints, units: Ints, sizes: Sequence[int], resampling: Resampling
    ) -> dict[str, xr.DataArray]:
        """Agreement of rankings by number of units, and the number from which on they are stable."""
        taus = _taus(added[0], orders, sizes)  # (draw, score, against, size)
        statistics = _agreement(taus)  # (statistic, score, against, size)
        without_stimuli = [_agreement(_taus(part, orders, sizes)) for part in added[1:]]
        without_units = []
        for group in range(int(units.max()) + 1):
            rest = np.stack([order[units[order] != group] for order in orders])
            without_units.append(_agreement(_taus(added[0], rest, sizes)))
        draw_groups = np.arange(len(taus)) % _GROUPS
        without_draws = [_agreement(taus[draw_groups != group]) for group in range(_GROUPS)]
        factors = [np.stack(part) for part in (without_stimuli, without_units, without_draws)]
        known = ~np.isnan(statistics)
        bounds = np.full((2, *statistics.shape), np.nan)
        for place, lowest in enumerate((-1.0, 0.0)):
            here = known[place]
            of_statistic = [factor[:, place][:, here] for factor in factors]
            bounds[:, place, here] = jackknife_interval(
                statistics[place][here], of_statistic, level=resampling.level, lowest=lowest, highest=1.0
            )
        coords = {
            "statistic": ["estimate", "low", "high"],
            "measure": [_TITLES[kind] for kind in self.scores],
            "against": list(_AGAINST),
            "units": list(sizes),
        }
        both = np.stack([statistics, *bounds], axis=1)  # (tau or share, statistic, score, against, size)
        first, last, earliest = (stable_from(sizes, both[1, place], level=_OFTEN) for place in (0, 1, 2))
        chance = chance_of_agreement(len(data.systems), _AGREE)
        return {
            "tau": xr.DataArray(both[0], dims=tuple(coords), coords=coords),
            "stable": xr.DataArray(both[1], dims=tuple(coords), coords=coords),
            "stable_units": xr.DataArray(
                np.stack([first, earliest, last]),
                dims=("statistic", "measure", "against"),
                coords={name: coords[name] for name in ("statistic", "measure", "against")},
            ),
            "stable_by_chance": xr.DataArray(
                np.full(3, chance), dims="statistic", coords={"statistic": coords["statistic"]}
            ),
        }

    def _annotated(self, summary: xr.Dataset, data: _Data) -> xr.Dataset:
        total = len(data.units)
        summary["units"].attrs |= {"long_name": f"units of {data.name}", "units": "units"}
        summary["measure"].attrs["long_name"] = "by"
        which = f"{total} units of {data.name} that vary, {len(data.stimuli)} stimuli."
        jackknife = "delete-a-group jackknife over stimuli and over units, whose variances add up, with Student's t"
        facts: dict[str, str | int | float] = {
            "reference": data.name,
            "left_out": json.dumps(dict(data.left_out)),
            f"most {_AGAINST[0]}": total,
            f"most {_AGAINST[1]}": total // 2,
        }
        summary["score"] = annotated(
            summary["score"],
            long_name="score",
            units="1",
            definition=(
                f"CKA: debiased, linear; RDM correlation: Pearson, of squared Euclidean distances; ridge predictivity: "
                "correlation within folds of held-out predictions with each unit's responses, mean over units. Mean "
                f"over {_VALUE_DRAWS} random subsets; {which} Interval: {jackknife}."
            ),
            figure="curve",
            x="units",
            x_scale="log",
            panels="measure",
            caption="Scores of systems against the number of recorded units.",
            **facts,
        )
        summary["score_of_one_sample"] = annotated(
            summary["score_of_one_sample"],
            long_name="score by one sample of units",
            units="1",
            definition=(
                f"The same; low and high are the 95 % range of {self.draws} random subsets: what one recording of so "
                "few units may give. Subsets are of the units at hand: the range narrows to nothing at all of them."
            ),
            figure="curve",
            x="units",
            x_scale="log",
            panels="measure",
        )
        if "tau" not in summary:
            return summary
        summary["against"].attrs["long_name"] = "against"
        half = "Subsets are drawn from all units, or from one half of them and compared with the ranking by the other."
        summary["tau"] = annotated(
            summary["tau"],
            long_name="Kendall's tau with the ranking by more units",
            units="1",
            definition=(
                f"Of the systems' scores by a subset and by all units, or the other half; mean of {self.draws} draws. "
                f"{half} Interval: {jackknife}, draws being a third factor."
            ),
            figure="curve",
            x="units",
            x_scale="log",
            panels="measure",
            reference_lines=json.dumps({f"{_AGREE:g}": _AGREE}),
        )
        summary["stable"] = annotated(
            summary["stable"],
            long_name=f"rankings with tau above {_AGREE:g}",
            units="share of draws",
            definition=f"Of {self.draws} draws. {half} Interval: {jackknife}, draws being a third factor.",
            figure="curve",
            x="units",
            x_scale="log",
            panels="measure",
            chance="stable_by_chance",
            reference_lines=json.dumps({f"{_OFTEN:.0%}": _OFTEN}),
        )
        summary["stable_by_chance"] = annotated(
            summary["stable_by_chance"],
            long_name="random order",
            units="share of orders",
            definition=(
                f"Probability that a random order of {len(data.systems)} systems has a tau above {_AGREE:g} with a "
                "given one, counted exactly."
            ),
        )
        summary["stable_units"] = annotated(
            summary["stable_units"],
            long_name="units from which on the ranking is stable",
            units="units",
            definition=(
                f"Smallest tested number of units from which on tau is above {_AGREE:g} in {_OFTEN:.0%} of the draws; "
                "infinite where it is not within the tested numbers. Its bounds are where the bounds of that share "
                "reach it."
            ),
            headline=1,
        )
        return summary


def _taus(added: Floats, orders: Ints, sizes: Sequence[int]) -> Floats:
    """Tau of the ranking by the first units of an order, (draw, score, against, size).

    Against all units, and against the other half for sizes up to a half; NaN for larger ones.
    """
    draws, units = orders.shape
    middle = units // 2
    clipped = np.minimum(np.array(sizes), units)
    out = np.full((draws, len(added), len(_AGAINST), len(sizes)), np.nan)
    total = added[:, orders[0]].sum(axis=1)  # (score, system)
    small = clipped <= middle
    for draw, order in enumerate(orders):
        sums = added[:, order].cumsum(axis=1)  # (score, unit, system)
        here = sums[:, clipped - 1]
        out[draw, :, 0] = kendall_tau(here, total[:, None])
        other = total - sums[:, middle - 1]
        out[draw, :, 1][:, small] = kendall_tau(here[:, small], other[:, None])
    return out


def _agreement(taus: Floats) -> Floats:
    """Mean tau, and the share of draws in which it is high, (2, score, against, size)."""
    gone = np.isnan(taus).any(axis=0)
    share = (np.nan_to_num(taus, nan=-1.0) > _AGREE).mean(axis=0)
    return np.where(gone, np.nan, np.stack([np.nan_to_num(taus).mean(axis=0), share]))


def _mean(values: Floats, axis: int) -> Floats:
    """Mean of what is defined."""
    there = ~np.isnan(values)
    count = there.sum(axis=axis)
    total: Floats = np.where(there, values, 0.0).sum(axis=axis)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
