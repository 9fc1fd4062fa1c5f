"""Whether the readout's choice rests on few units or on many: what flipping k units does to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import (
    Resampling,
    bootstrap_draws,
    bootstrap_fraction,
    crossing,
    permutation_p,
    reported,
)
from spikeproof.summaries import annotated
from spikeproof.types import Code, Evidence, generator
from spikeproof.wording import joined, number, percent, with_interval

__all__ = ["SparseOrDistributed"]

Floats = NDArray[np.float64]

_RANDOM = "random"
_NAMES = {
    "weight": "by readout weight",
    "selectivity": "by selectivity",
    "greedy": "greedily",
    _RANDOM: "at random",
}
_OVER = ["target", "stimulus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseOrDistributed:
    """P(readout changes | k units flipped), for the k best units against k random ones, and what follows.

    If a category were carried by k preferred units, flipping these units' preferences would have to flip the readout;
    if it is distributed over many, no few units can. The verdict compares how many units must be flipped for half of
    the choices that flipping all of them changes: the best units against random ones.

    Simulated codes of 60 units, 2 and 4 categories, give a ratio of 0.05 to 0.15 where 5 units carry the category and
    of 0.34 to 0.64 where all do alike; signals of exponentially distributed size lie between, at 0.07 to 0.29. A
    readout of noise alone gives 0.2 to 0.5, so that no verdict is given where the readout is not above chance.
    """

    sparse: Annotated[float, "Ratio below which the whole interval must lie for the verdict sparse."] = 0.2
    distributed: Annotated[float, "Ratio above which the whole interval must lie for the verdict distributed."] = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.sparse <= self.distributed < 1:
            raise BadParameter(
                "sparse-or-distributed: bounds must ascend between 0 and 1, got sparse "
                f"{self.sparse:g} and distributed {self.distributed:g}"
            )

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Whether each choice changed.

        Returns
        -------
        xarray.Dataset
            ``changed``, dims (epsilon, stimulus).
        """
        if evidence.choices is None or evidence.clean_choices is None:
            raise NotEnoughData(
                f"sparse-or-distributed: code {evidence.code.system} has no readout under attack: name attack 'flip'"
            )
        return xr.Dataset({"changed": (evidence.choices != evidence.clean_choices).astype(np.float64)})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Average over stimuli and, for random orders, over draws.

        Returns
        -------
        xarray.Dataset
            ``changed`` (statistic, order, epsilon); ``changed_by_one`` (statistic, order); and where all units were
            flipped in the end ``half_changed`` (statistic, order) and ``ratio`` (statistic,).
        """
        control = measured["control"].values.astype(str)
        order_of = np.where(control == "", measured["objective"].values.astype(str), control)
        orders = list(dict.fromkeys(order_of.tolist()))
        if _RANDOM not in orders or len(orders) < 2:
            raise NotEnoughData("sparse-or-distributed needs flips of random units beside those of the best ones")
        cells = {order: measured["changed"].isel(target=np.flatnonzero(order_of == order)) for order in orders}
        doses = measured["epsilon"].values.astype(np.float64)
        along = xr.DataArray(orders, dims="order", name="order")
        changed = xr.concat(
            [bootstrap_fraction(part, _OVER, resampling, name="changed").drop_attrs() for part in cells.values()],
            dim=along,
        )
        summary = xr.Dataset({"changed": changed})
        if doses[0] == 1:
            summary["changed_by_one"] = changed.isel(epsilon=0, drop=True)
        most = float("nan")
        if doses[-1] == code.responses.sizes["unit"]:
            most = self._compared(summary, cells, code, resampling)
        summary["epsilon"].attrs |= {"long_name": "flipped", "units": "units"}
        self._annotate(summary, most, _above_chance(code, resampling))
        return summary

    def _compared(
        self, summary: xr.Dataset, cells: dict[str, xr.DataArray], code: Code, resampling: Resampling
    ) -> float:
        """Add how many units each order takes, and the ratio; return the share of choices that all units change."""
        orders, doses = list(cells), summary["epsilon"].values.astype(np.float64)
        whole = {order: part.mean(_OVER).values for order, part in cells.items()}
        drawn = {
            order: bootstrap_draws(part, _OVER, resampling).transpose("draw", "epsilon").values
            for order, part in cells.items()
        }
        most = max(float(values[-1]) for values in whole.values())  # any order flips all units in the end
        if most == 0:
            raise NotEnoughData(
                f"sparse-or-distributed: flipping all {doses[-1]:g} units of {code.system} changes no choice: the "
                "readout does not rest on their preferences"
            )
        half = np.array([float(crossing(doses, 2 * whole[order] / most, 1.0)) for order in orders])
        levels = np.max([values[:, -1:] for values in drawn.values()], axis=0) / 2
        half_drawn = np.stack(
            [
                crossing(doses, np.divide(values, levels, out=np.full_like(values, np.nan), where=levels > 0), 1.0)
                for values in drawn.values()
            ]
        )
        by_order = xr.DataArray(half, dims="order", coords={"order": orders})
        summary["half_changed"] = reported(half_drawn.T, by_order, resampling)
        ratio, ratio_drawn = _ratio(half, orders), _ratio(half_drawn, orders)
        summary["ratio"] = reported(ratio_drawn, xr.DataArray(ratio), resampling)
        return most

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        """Say what flipping does, and whether the category is carried by few units or by many."""
        units = code.responses.sizes["unit"]
        if "changed_by_one" in summary:
            best = max(
                (order for order in summary["order"].values.tolist() if order != _RANDOM),
                key=lambda order: float(summary["changed_by_one"].sel(order=order, statistic="estimate")),
                default=_RANDOM,
            )
            one = summary["changed_by_one"]
            yield (
                f"Flipping the preference of the single best unit changes {percent(one.sel(order=best))} of the "
                f"choices, that of a random one {percent(one.sel(order=_RANDOM))}."
            )
        if "ratio" not in summary:
            yield (
                f"Flips go up to {float(summary['epsilon'][-1]):g} of {units} units: whether few or many carry the "
                "choice shows once all are flipped (leave `counts` of the attack empty)."
            )
            return
        reached = [
            f"{with_interval(summary['half_changed'].sel(order=order))} chosen {_NAMES.get(order, order)}"
            for order in summary["order"].values.tolist()
        ]
        yield (
            f"Half of the choices that flipping all units changes are changed by these many of {units} units: "
            f"{joined(reached)}."
        )
        p = summary["ratio"].attrs.get("p_above_chance")
        if p is None or p > 0.05:
            why = "has no categories to be right about" if p is None else f"is not above chance (p = {number(p)})"
            yield f"The readout {why}: whether few or many units carry the category cannot be said."
            return
        yield self._verdict(summary["ratio"])

    def _verdict(self, ratio: xr.DataArray) -> str:
        low, high = (float(ratio.sel(statistic=name)) for name in ("low", "high"))
        says = f"The best units are {with_interval(ratio)} times as many as random ones for the same effect"
        if high < self.sparse:
            return f"{says}: the choice is carried sparsely, by few units (below {self.sparse:g})."
        if low > self.distributed:
            return f"{says}: the choice is distributed over many units (above {self.distributed:g})."
        return (
            f"{says}: neither clearly sparse (below {self.sparse:g}) nor clearly distributed (above "
            f"{self.distributed:g})."
        )

    def _annotate(self, summary: xr.Dataset, most: float, p: float | None) -> None:
        spread = (
            "Interval: percentile bootstrap over stimuli, for random orders crossed with draws; conditional on the "
            "readout."
        )
        flipped = (
            "A flipped unit answers a + b - r, with its mean responses a and b to the categories that it prefers most "
            "and least. Means and orders are those of training stimuli; held-out ones are read."
        )
        summary["changed"] = annotated(
            summary["changed"],
            long_name="choices changed",
            units="share of stimuli",
            definition=f"P(readout changes | k units flipped). {flipped} {spread}",
            figure="curve",
            x="epsilon",
            caption="Choices that change when units flip their preference, for the best units and for random ones.",
        )
        if "changed_by_one" in summary:
            summary["changed_by_one"] = annotated(
                summary["changed_by_one"],
                long_name="choices changed by flipping one unit",
                units="share of stimuli",
                definition=f"P(readout changes | the first unit of the order flipped). {spread}",
            )
        if "ratio" in summary:
            summary["half_changed"] = annotated(
                summary["half_changed"],
                long_name="number of flipped units that change half of the choices",
                units="units",
                definition=(
                    f"Where the curve reaches half of {most:.3g}, the share of choices that flipping all units "
                    f"changes; linear interpolation. {spread}"
                ),
            )
            summary["ratio"] = annotated(
                summary["ratio"],
                long_name="flipped best units over flipped random units for half of the choices",
                units="1",
                definition=(
                    f"Towards 0 where few units carry the choice (sparse: below {self.sparse:g}), towards 1 where any "
                    f"will do (distributed: above {self.distributed:g}). The best order is that which needs the fewest "
                    f"units, in every draw anew. {spread}"
                ),
                headline=1,
            )
            if p is not None:
                summary["ratio"].attrs["p_above_chance"] = p


def _ratio(half: Floats, orders: list[str]) -> Floats:
    """Fewest units (order, ...) of a chosen order over those of random orders."""
    chosen = [half[number] for number, name in enumerate(orders) if name != _RANDOM]
    return np.asarray(np.min(chosen, axis=0) / half[orders.index(_RANDOM)])


def _above_chance(code: Code, resampling: Resampling) -> float | None:
    """P of the readout's accuracy against what it names shuffled over stimuli; None where it cannot be right."""
    if code.truth is None or code.choices is None:
        return None
    labels, choices = (values.values.astype(str) for values in (code.truth, code.choices))
    rng = generator(resampling.seed, "sparse or distributed", "shuffled")
    null = np.array([(rng.permutation(labels) == choices).mean() for _ in range(resampling.draws)])
    return float(permutation_p(float((labels == choices).mean()), null))
