"""The best-k readout: how few units, chosen well, decode a category as well as all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling, bootstrap_draws, bootstrap_fraction, interval
from spikeproof.summaries import annotated, with_bounds
from spikeproof.types import Code, Evidence, generator
from spikeproof.wording import with_interval

from .concentration import Ranking, best_units, enough
from .decoding import Decoder, assign_folds, check_categories

__all__ = ["BestUnitsReadout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BestUnitsReadout:
    """Held-out accuracy of decoders of the k best units, chosen on the training stimuli, and of k random ones."""

    sizes: Annotated[
        tuple[int, ...], "Numbers of units, ascending; empty takes about 8 from 1 to all, even on a log axis."
    ] = ()
    ranking: Annotated[Ranking, "By the weights of a decoder of all units, or by each unit's ANOVA F."] = "weight"
    decoder: Annotated[Decoder, "Linear classifier; units are standardised in the training fold."] = "logistic"
    c: Annotated[float, "Inverse strength of the decoder's L2 penalty."] = 1.0
    folds: Annotated[int, "Folds over stimuli, stratified by category."] = 5
    draws: Annotated[int, "Random subsets of units per size."] = 10
    seed: Annotated[int, "Seed of the folds and the random subsets."] = 0

    def __post_init__(self) -> None:
        for name, least in (("folds", 2), ("draws", 1)):
            if getattr(self, name) < least:
                raise BadParameter(f"best-units: {name} must be at least {least}, got {getattr(self, name)}")
        if not 0 < self.c < float("inf"):
            raise BadParameter(f"best-units: c must be positive and finite, got {self.c}")
        if self.sizes and (min(self.sizes) < 1 or list(self.sizes) != sorted(set(self.sizes))):
            raise BadParameter(f"best-units: sizes must ascend from 1 or more, got {list(self.sizes)}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Held-out correctness ``correct`` (chosen, size, stimulus), of the best and of random units.

        Raises
        ------
        NotEnoughData
            If there are no categories, one only, fewer stimuli of one than folds, or fewer units than a size.
        """
        code = evidence.code
        if code.labels is None:
            raise NotEnoughData(f"best-units: code {code.system} has no categories: name the column that holds them")
        labels = code.labels.values.astype(str)
        check_categories(labels, self.folds, "best-units")
        found = best_units(
            np.asarray(code.responses.values, dtype=np.float64),
            labels,
            assign_folds(labels, self.folds, generator(self.seed, "best-units")),
            sizes=self.sizes,
            ranking=self.ranking,
            decoder=self.decoder,
            c=self.c,
            draws=self.draws,
            seed=self.seed,
        )
        return xr.Dataset(
            {"correct": (("chosen", "size", "stimulus"), np.stack([found.correct, found.random_correct]))},
            coords={
                "chosen": ["best", "random"],
                "size": xr.DataArray(found.sizes, dims="size", attrs={"long_name": "units read", "units": "units"}),
                "stimulus": code.responses["stimulus"].values,
            },
        )

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Average over stimuli: ``accuracy`` (statistic, chosen, size), ``units_95`` and ``units_95_random``."""
        cells = measured["correct"].isel(target=0, drop=True)
        sizes = cells["size"].values
        accuracy = bootstrap_fraction(cells, ["stimulus"], resampling, name="accuracy")
        draws = bootstrap_draws(cells, ["stimulus"], resampling).transpose("draw", "chosen", "size").values
        rank = {"weight": "the size of its weights", "selectivity": "its ANOVA F"}[self.ranking]
        how = (
            f"Held-out accuracy of a {self.decoder} classifier (C = {self.c:g}, {self.folds} folds over stimuli) of k "
            f"units, the best by {rank}, chosen on the training stimuli (Meyers et al. 2008, doi:10.1152/jn.90248.2008)"
        )
        spread = "Interval: percentile bootstrap over stimuli, conditional on the fits"
        summary = xr.Dataset(
            {
                "accuracy": annotated(
                    accuracy,
                    long_name="accuracy of the best k units",
                    units="share correct",
                    definition=f"{how}; random: mean over {self.draws} subsets of k units. {spread}.",
                    figure="curve",
                    x="size",
                    x_scale="log",
                    caption="Accuracy of readouts of the k best units and of k random ones.",
                )
            }
        )
        for column, (name, text) in enumerate((("units_95", "best"), ("units_95_random", "random"))):
            more: dict[str, str | int | float] = {"headline": 1, "chance": "units_95_random"} if column == 0 else {}
            estimate = enough(sizes, accuracy.sel(statistic="estimate").values[column])
            drawn = np.array([enough(sizes, row) for row in draws[:, column]])
            low, high = interval(drawn, estimate, resampling.level)
            summary[name] = annotated(
                with_bounds(estimate, low, high),
                long_name=f"number of {text} units for 95 % of the full accuracy",
                units="units",
                definition=(
                    f"{how}. From where on the accuracy of the {text} units stays at 95 % of that of all units, "
                    f"interpolated linearly, at least the smallest size. {spread}."
                ),
                **more,
            )
        return summary

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how many units, chosen well, do as well as all, and how many random ones."""
        few, random = summary["units_95"], summary["units_95_random"]
        size = int(summary["size"].values[-1])
        yield (
            f"The best {with_interval(few)} of {size} units reach 95 % of the accuracy of all of them; of units drawn"
            f" at random it takes {with_interval(random)}."
        )
        if _apart(few, random):
            yield "So the category is carried by few units more than by others."
        else:
            yield "That is not told apart from random units."


def _apart(few: xr.DataArray, random: xr.DataArray) -> bool:
    bounds: NDArray[np.float64] = np.array([few.sel(statistic="high"), random.sel(statistic="low")])
    return bool(bounds[0] < bounds[1])
