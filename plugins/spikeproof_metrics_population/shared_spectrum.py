"""The eigenspectrum of what repeats share, and its exponent."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling, jackknife_groups, jackknife_interval
from spikeproof.summaries import annotated, with_bounds
from spikeproof.types import Code, Evidence, generator
from spikeproof.wording import joined, with_interval

from .decoding import one_thread
from .dimensionality import check_ranks, ranks_of
from .spectrum import Centring, cvpca, power_law

__all__ = ["Spectrum"]

_GROUPS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """Variance along the dimensions of the code that comes back over repeats, and how fast it falls."""

    ranks: Annotated[
        tuple[int, ...],
        "First and last rank of the exponent; empty takes 11 to 500, or a twentieth to a half where there are fewer.",
    ] = ()
    centring: Annotated[Centring, "Which mean is taken out first: each unit's over stimuli, or none."] = "over-stimuli"
    draws: Annotated[int, "Random halvings of the repeats."] = 8

    def __post_init__(self) -> None:
        check_ranks(self.ranks, "spectrum")
        if self.draws < 1:
            raise BadParameter(f"spectrum: draws must be at least 1, got {self.draws}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Count the presentations behind it: ``trials`` (stimulus,); the numbers need all stimuli at once.

        Raises
        ------
        NotEnoughData
            If there are fewer than four stimuli with two repeats, or fewer than four units.
        """
        halves = self._halves(evidence.code, 0, 1)
        return xr.Dataset({"trials": ((), float(len(halves[0][0])))})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Average cvPCA over halvings of the repeats: ``variance`` (statistic, rank) and ``exponent`` (statistic,).

        Raises
        ------
        NotEnoughData
            If the ranks are more than there are dimensions.
        """
        halves = self._halves(code, resampling.seed, self.draws)
        with one_thread():
            spectra = [cvpca(a, b, centring=self.centring) for a, b in halves]
            spectrum = np.mean(spectra, axis=0)
            left_out = self._left_out(*halves[0], resampling.seed)
        shortest = min(len(one) for factor in left_out for one in factor)
        first, last = ranks_of(shortest, self.ranks, "spectrum")
        stimuli, units = halves[0][0].shape
        fit = power_law(spectrum, (first, last), stimuli=stimuli, units=units)
        exponents = [
            np.array([power_law(one, (first, last)).alpha for one in factor])
            - power_law(spectra[0], (first, last)).alpha
            for factor in left_out
        ]
        low, high = jackknife_interval(fit.alpha, [fit.alpha + moved for moved in exponents], level=resampling.level)
        scale = float(np.abs(spectrum).sum())
        curves = [np.stack([one[:shortest] for one in factor]) / scale for factor in left_out]
        bounds = jackknife_interval(spectrum[:shortest] / scale, curves, level=resampling.level)
        how = (
            f"Cross-validated PCA (Stringer et al. 2019, doi:10.1038/s41586-019-1346-5), {self.draws} random halvings"
            f" of the repeats of {stimuli} stimuli, {units} units, centred {self.centring}"
        )
        spread = (
            f"Interval: {_GROUPS} groups of stimuli, and of units, are left out in turn (delete-a-group jackknife); "
            "conditional on one halving."
        )
        rank = xr.DataArray(np.arange(1, shortest + 1), dims="rank", attrs={"long_name": "rank", "units": "rank"})
        variance = with_bounds(
            xr.DataArray(spectrum[:shortest] / scale, dims="rank", coords={"rank": rank}),
            *(xr.DataArray(bound, dims="rank", coords={"rank": rank}) for bound in bounds),
        )
        doubts = "".join(f" Doubtful: {doubt}." for doubt in fit.doubts)
        return xr.Dataset(
            {
                "exponent": annotated(
                    with_bounds(fit.alpha, low, high),
                    long_name="exponent of the cross-validated eigenspectrum",
                    units="1",
                    definition=(
                        f"{how}. alpha of variances in proportion to rank^-alpha, ranks {first} to {last}: least"
                        f" squares of log |variance| on log rank, weights 1 / rank.{doubts} {spread}"
                    ),
                    headline=1,
                    reference_lines=json.dumps({"smooth code of many dimensions": 1.0}),
                ),
                "variance": annotated(
                    variance,
                    long_name="share of the variance that repeats share",
                    units="share of variance",
                    definition=f"{how}. Negative where there is noise only. {spread}",
                    figure="curve",
                    x="rank",
                    x_scale="log",
                    caption="Cross-validated eigenspectrum.",
                ),
            },
            attrs={"doubts": list(fit.doubts), "first": first, "last": last},
        )

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say the exponent, and what speaks against it."""
        first, last = (int(summary.attrs[name]) for name in ("first", "last"))
        yield (
            f"The variance that repeats share falls as rank^-alpha with alpha {with_interval(summary['exponent'])}"
            f" over ranks {first} to {last} (1: the slowest fall of a smooth code of many dimensions)."
        )
        doubts = summary.attrs["doubts"]
        if doubts:
            yield f"That exponent is not to be trusted: {joined(doubts)}."

    def _left_out(
        self, a: NDArray[np.float64], b: NDArray[np.float64], seed: int
    ) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
        """Spectra of the first halving without each group of stimuli, and of units."""
        found: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
        for axis, purpose in enumerate(("stimuli", "units")):
            names = [f"{member:09d}" for member in range(a.shape[axis])]
            groups = jackknife_groups(names, most=_GROUPS, seed=seed, purpose=purpose)
            for group in range(groups.max() + 1):
                keep = np.flatnonzero(groups != group)
                found[axis].append(cvpca(a.take(keep, axis=axis), b.take(keep, axis=axis), centring=self.centring))
        return found

    def _halves(self, code: Code, seed: int, draws: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Means of two random halves of each stimulus's presentations, (stimulus, unit) each."""
        if code.repeats is None:
            raise NotEnoughData(f"spectrum: code {code.system} has no repeats: every stimulus was presented once")
        if code.repeats.sizes["unit"] < 5:
            raise NotEnoughData(
                f"spectrum: code {code.system} has {code.repeats.sizes['unit']} units, but an exponent needs five"
            )
        single = np.asarray(code.repeats.values, dtype=np.float64)
        _, row, count = np.unique(code.repeats["stimulus"].values.astype(str), return_inverse=True, return_counts=True)
        usable = count[row] >= 2
        if (count >= 2).sum() < 5:
            raise NotEnoughData(
                f"spectrum: {int((count >= 2).sum())} stimuli of {code.system} were presented at least twice, but an "
                "exponent needs five"
            )
        single, row = single[usable], np.unique(row[usable], return_inverse=True)[1]
        count = np.bincount(row)
        rng = generator(seed, "spectrum halves")
        out = []
        for _ in range(draws):
            order = np.lexsort((rng.random(len(row)), row))
            place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
            first = np.empty(len(row), dtype=bool)
            first[order] = place < np.repeat(count // 2, count)
            sides = []
            for side in (first, ~first):
                total = np.zeros((len(count), single.shape[1]))
                np.add.at(total, row[side], single[side])
                sides.append(total / np.bincount(row[side], minlength=len(count))[:, None])
            out.append((sides[0], sides[1]))
        return out
