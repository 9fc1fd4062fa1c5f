"""The neuron-dropping curve: how well a category is decoded from how many units."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import (
    Resampling,
    bootstrap_draws,
    bootstrap_fraction,
    crossing,
    interval,
    permutation_p,
    stack_statistic,
)
from spikeproof.summaries import with_bounds
from spikeproof.types import Code, Evidence, generator
from spikeproof.wording import number, with_interval
from threadpoolctl import threadpool_limits

from .decoding import Decoder, assign_folds, check_categories, held_out_choices
from .extrapolation import extrapolate_curve

__all__ = ["DroppingCurve", "dropping_curve"]

SHARE = 0.95
"""Share of the accuracy of all units that ``units_95`` asks for."""


def dropping_curve(
    responses: xr.DataArray,
    labels: xr.DataArray,
    *,
    sizes: Sequence[int] = (),
    draws: int = 50,
    folds: int = 5,
    c: float = 1.0,
    decoder: Decoder = "logistic",
    seed: int = 0,
) -> xr.Dataset:
    """Held-out correctness of a decoder on random subsets of units, and the same with shuffled labels.

    Each draw takes a fresh subset of units and a fresh assignment of stimuli to folds (Wessberg et al. 2000,
    doi:10.1038/35042582; caveats in Lebedev 2014, doi:10.3389/fnsys.2014.00102).

    Parameters
    ----------
    responses : xarray.DataArray, dims (stimulus, unit)
        Means over repeats: folds are over stimuli.
    labels : xarray.DataArray, dims (stimulus,)
        Category of each stimulus.
    sizes : sequence of int
        Numbers of units, ascending; empty takes about 8 from 1 to all, even on a log axis.
    draws : int
        Random subsets per size.
    folds : int
        Folds over stimuli, stratified by category.
    c : float
        Inverse strength of the decoder's L2 penalty.
    decoder : {"logistic", "ridge", "svm", "lda"}
    seed : int

    Returns
    -------
    xarray.Dataset
        ``correct`` and ``shuffled``, dims (size, subset, stimulus), 1 where the held-out choice is right; for
        ``shuffled`` the labels are permuted over stimuli before anything else, once per subset.

    Raises
    ------
    NotEnoughData
        If there is one category, fewer stimuli of one than folds, or fewer units than the largest size.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> y = np.tile(["a", "b"], 10)
    >>> r = xr.DataArray(np.c_[y == "a", np.arange(20) % 3].astype(float), dims=("stimulus", "unit"))
    >>> curve = dropping_curve(r, xr.DataArray(y, dims="stimulus"), draws=4)
    >>> curve["correct"].mean(["subset", "stimulus"]).sel(size=2).item()
    1.0
    """
    values = np.asarray(responses.transpose("stimulus", "unit").values, dtype=np.float64)
    names = np.asarray(labels.values).astype(str)
    check_categories(names, folds, "dropping-curve")
    classes = np.unique(names, return_inverse=True)[1]
    stimuli, units = values.shape
    numbers = _sizes(sizes, units)
    correct = np.empty((2, len(numbers), draws, stimuli))
    # Thousands of small fits: threads would only wait for each other (8 times slower where cores are busy).
    with threadpool_limits(1, "blas"):
        for (k, size), draw in itertools.product(enumerate(numbers.tolist()), range(draws)):
            rng = generator(seed, "dropping-curve", size, draw)
            subset = values[:, rng.choice(units, size=size, replace=False)]
            for shuffled, truth in enumerate((classes, rng.permutation(classes))):
                fold = assign_folds(truth, folds, rng)
                correct[shuffled, k, draw] = held_out_choices(subset, truth, fold, decoder=decoder, c=c) == truth
    coords: dict[str, object] = {"size": xr.DataArray(numbers, dims=("size",), attrs={"units": "units"})}
    if "stimulus" in responses.coords:
        coords["stimulus"] = responses["stimulus"].values
    dims = ("size", "subset", "stimulus")
    return xr.Dataset({"correct": (dims, correct[0]), "shuffled": (dims, correct[1])}, coords=coords)


def _sizes(sizes: Sequence[int], units: int) -> NDArray[np.int64]:
    if not sizes:
        return np.unique(np.rint(np.geomspace(1, units, 8)).astype(np.int64))
    if max(sizes) > units:
        raise NotEnoughData(f"dropping-curve: sizes go up to {max(sizes)} units, but there are {units}")
    return np.asarray(sizes, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppingCurve:
    """Decoder accuracy against the number of units, with chance by shuffled labels."""

    draws: Annotated[int, "Random subsets of units per size."] = 50
    folds: Annotated[int, "Folds over stimuli, stratified by category."] = 5
    sizes: Annotated[
        tuple[int, ...], "Numbers of units, ascending; empty takes about 8 from 1 to all, even on a log axis."
    ] = ()
    decoder: Annotated[Decoder, "Linear classifier; units are standardised in the training fold."] = "logistic"
    c: Annotated[float, "Inverse strength of the decoder's L2 penalty."] = 1.0
    seed: Annotated[int, "Seed of the subsets, the folds and the shuffles."] = 0

    def __post_init__(self) -> None:
        if self.draws < 2:
            raise BadParameter(f"dropping-curve: draws must be at least 2, got {self.draws}")
        if self.folds < 2:
            raise BadParameter(f"dropping-curve: folds must be at least 2, got {self.folds}")
        if not 0 < self.c < float("inf"):
            raise BadParameter(f"dropping-curve: c must be positive and finite, got {self.c}")
        if self.sizes and (min(self.sizes) < 1 or list(self.sizes) != sorted(set(self.sizes))):
            raise BadParameter(f"dropping-curve: sizes must ascend from 1 or more, got {list(self.sizes)}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Held-out correctness per size, subset and stimulus: see :func:`dropping_curve`."""
        code = evidence.code
        if code.labels is None:
            raise NotEnoughData(
                f"dropping-curve: code {code.system} has no categories: name the column that holds them"
            )
        return dropping_curve(
            code.responses,
            code.labels,
            sizes=self.sizes,
            draws=self.draws,
            folds=self.folds,
            c=self.c,
            decoder=self.decoder,
            seed=self.seed,
        )

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Average over subsets and stimuli.

        Returns
        -------
        xarray.Dataset
            ``accuracy`` and ``chance`` (statistic, size); ``full_accuracy``, ``full_chance`` and ``units_95``
            (statistic,).
        """
        cells = measured.isel(target=0, drop=True)
        over = ["subset", "stimulus"]
        accuracy = bootstrap_fraction(cells["correct"], over, resampling, name="accuracy")
        draws = bootstrap_draws(cells["correct"], over, resampling).transpose("draw", "size")
        null = cells["shuffled"].mean("stimulus").transpose("subset", "size")
        expected = null.mean("subset")
        low, high = interval(null.values, expected.values, resampling.level)
        chance = stack_statistic(expected, expected.copy(data=low), expected.copy(data=high))
        sizes = cells["size"].values.astype(np.float64)
        mean = accuracy.sel(statistic="estimate").values
        enough = _units_for_share(sizes, mean)
        few, many = interval(_units_for_share(sizes, draws.values), enough, resampling.level, undefined="exclude")
        summary = xr.Dataset(
            {
                "accuracy": accuracy,
                "chance": chance,
                "full_accuracy": accuracy.isel(size=-1, drop=True),
                "full_chance": chance.isel(size=-1, drop=True),
                "units_95": stack_statistic(*(xr.DataArray(value) for value in (enough, few, many))),
            }
        )
        summary["size"].attrs |= {"long_name": "population size", "units": "units"}
        self._annotate(summary, code)
        further = self._extrapolated(sizes, mean, draws.values, float(expected[-1]), code, resampling)
        summary = summary.merge(further).assign_attrs(further.attrs)
        p = permutation_p(mean[-1], null.isel(size=-1).values)
        summary["full_accuracy"].attrs["p_above_chance"] = float(p)
        return summary

    def _extrapolated(
        self,
        sizes: NDArray[np.float64],
        mean: NDArray[np.float64],
        draws: NDArray[np.float64],
        chance: float,
        code: Code,
        resampling: Resampling,
    ) -> xr.Dataset:
        """Asymptote of the curve and the units for 95 % of it; empty where it cannot be extrapolated."""
        try:
            found = extrapolate_curve(
                sizes, mean, len(np.unique(_labels(code))), draws=draws, chance=chance, level=resampling.level
            )
        except DataError as error:  # NotEnoughData among them
            return xr.Dataset(attrs={"not_extrapolated": str(error)})
        how = (
            "Fit of d'(n) = d_inf sqrt(n / (n + n0)) to the curve (Moreno-Bote et al. 2014, doi:10.1038/nn.3807),"
            " accuracy from d' by Green & Swets (1966), scaled to the chance level of shuffled categories"
        )
        spread = "Interval: percentile bootstrap over stimuli crossed with subsets; it assumes that law"
        return xr.Dataset(
            {
                "asymptote": with_bounds(found.asymptote, found.asymptote_low, found.asymptote_high).assign_attrs(
                    long_name="accuracy of infinitely many units",
                    units="share correct",
                    definition=f"{how}. {spread}.",
                ),
                "units_asymptote": with_bounds(found.units, found.low, found.high).assign_attrs(
                    long_name="number of units for 95 % of the asymptote",
                    units="units",
                    definition=f"{how}. {spread}; infinite where the curve does not bend. Status: {found.status}.",
                ),
            },
            attrs={"extrapolation": found.status},
        )

    def _annotate(self, summary: xr.Dataset, code: Code) -> None:
        counts = np.unique(_labels(code), return_counts=True)[1]
        how = (
            f"Held-out accuracy of a {self.decoder} classifier (C = {self.c:g}, units standardised in training folds) "
            f"in {self.folds} folds over {int(counts.sum())} stimuli"
        )
        spread = "percentile bootstrap over stimuli crossed with subsets; it does not hold the spread of training sets"
        null = "The same with the categories shuffled over stimuli: mean and 95 % range of the shuffles."
        lines = {"majority category": float(counts.max() / counts.sum()), "1 / categories": 1 / len(counts)}
        shared = {"units": "share correct"}
        summary["accuracy"].attrs |= shared | {
            "long_name": "decoder accuracy",
            "definition": f"{how}, mean over {self.draws} random subsets of units per size. Interval: {spread}.",
            "figure": "curve",
            "x": "size",
            "x_scale": "log",
            "caption": "Neuron-dropping curve: held-out accuracy against the number of units drawn at random.",
            "chance": "chance",
            "reference_lines": json.dumps(lines),
        }
        summary["chance"].attrs |= shared | {"long_name": "chance level", "definition": null}
        summary["full_accuracy"].attrs |= shared | {
            "long_name": f"decoder accuracy with {int(summary['size'][-1])} units",
            "definition": f"{how}, mean over {self.draws} assignments to folds. Interval: {spread}.",
            "chance": "full_chance",
            "headline": 1,
        }
        summary["full_chance"].attrs |= shared | {"long_name": "chance level", "definition": null}
        summary["units_95"].attrs |= {
            "long_name": "number of units for 95 % of the full accuracy",
            "units": "units",
            "definition": "Where the mean curve reaches 95 % of its value at the largest size and stays there, "
            "interpolated linearly, at least the smallest size. It means little where that accuracy is at chance.",
        }

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        """Say how well the category is decoded, against chance, and from how many units."""
        full, chance = summary["full_accuracy"], summary["full_chance"]
        size = int(summary["size"].values[-1])
        categories = len(np.unique(_labels(code)))
        yield (
            f"From {size} units, {categories} categories are decoded with held-out accuracy {with_interval(full)}; "
            f"with shuffled categories it is {with_interval(chance)}."
        )
        p = full.attrs["p_above_chance"]
        if p > 0.05:
            yield f"That is not told apart from chance (p = {number(p)}): how many units carry it cannot be said."
            return
        yield f"That is above chance (p = {number(p)}, {self.draws} shuffles)."
        enough = summary["units_95"]
        yield f"95 % of that accuracy needs {with_interval(enough)} of {size} units drawn at random."
        first = summary["accuracy"].isel(size=0)
        yield f"{_units(int(summary['size'].values[0]))} drawn at random: accuracy {with_interval(first)}."
        if "units_asymptote" in summary:
            doubt = {
                "ok": "",
                "far": " That is far beyond what was recorded, and means little.",
                "unbounded": " The curve does not bend within the recorded population: it sets no bound.",
            }[summary.attrs["extrapolation"]]
            yield (
                f"Extrapolated to infinitely many units the accuracy is {with_interval(summary['asymptote'])}, and 95 %"
                f" of that needs {with_interval(summary['units_asymptote'])} units.{doubt}"
            )
        else:
            yield f"It is not extrapolated: {summary.attrs['not_extrapolated']}."


def _labels(code: Code) -> NDArray[np.str_]:
    if code.labels is None:
        raise NotEnoughData(f"dropping-curve: code {code.system} has no categories: name the column that holds them")
    return np.asarray(code.labels.values).astype(str)


def _units(count: int) -> str:
    return "One unit" if count == 1 else f"{number(count)} units"


def _units_for_share(sizes: NDArray[np.float64], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number of units from which on curves (..., size) stay at 95 % of their last value, at least the smallest size.

    The lower envelope keeps a curve of few subsets, which is not monotone, from crossing early by chance.
    """
    share = curves / curves[..., -1:]
    share = np.minimum.accumulate(share[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(np.maximum(crossing(sizes, share, SHARE), sizes[0]))
