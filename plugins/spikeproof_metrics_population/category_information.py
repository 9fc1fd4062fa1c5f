"""Linear Fisher information between categories against the noise of single presentations, session by session."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling, jackknife_interval
from spikeproof.summaries import annotated, with_bounds
from spikeproof.types import Code, Evidence, generator
from spikeproof.wording import with_interval

from .fisher import Information, category_information, information_interval

__all__ = ["CategoryInformation"]

_GROUPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryInformation:
    """How far apart the means of two categories are, in the noise that units share from trial to trial."""

    units: Annotated[int | None, "Units of a session that are counted, drawn at random; none: all of them."] = None
    seed: Annotated[int, "Seed of that draw."] = 0

    def __post_init__(self) -> None:
        if self.units is not None and self.units < 1:
            raise BadParameter(f"fisher: units must be at least 1, or none, got {self.units}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure ``information`` and ``shuffled`` (recorded, pair), and both without groups of presentations.

        Raises
        ------
        NotEnoughData
            If there are no categories or repeats, one category only, or too few presentations for the units.
        """
        code = evidence.code
        if code.repeats is None or code.labels is None:
            lacking = "repeats" if code.repeats is None else "categories"
            raise NotEnoughData(f"fisher: code {code.system} has no {lacking}")
        stimulus = code.repeats["stimulus"].values.astype(str)
        labels = code.labels.sel(stimulus=stimulus).values.astype(str)
        names = np.unique(labels)
        if len(names) < 2:
            raise NotEnoughData(
                f"fisher: all repeated stimuli of code {code.system} have the category {str(names[0])!r}: two are"
                " needed"
            )
        group = _groups(stimulus, self.seed)
        places, whole, without = self._sessions(code), [], []
        for place, columns in places.items():
            values = np.asarray(code.repeats.values[:, columns], dtype=np.float64)
            where = f"{code.system}{f', {place}' if place else ''}"
            whole.append(category_information(values, stimulus, labels, where=where))
            kept = [group != one for one in range(_GROUPS)]
            without.append(
                [category_information(values[keep], stimulus[keep], labels[keep], where=where) for keep in kept]
            )
        pairs = [f"{a} / {b}" for a, b in itertools.combinations(names.tolist(), 2)]
        return xr.Dataset(
            {
                "information": (("recorded", "pair"), np.stack([one.corrected for one in whole])),
                "shuffled": (("recorded", "pair"), np.stack([one.shuffled for one in whole])),
                "information_without": (
                    ("recorded", "left_out", "pair"),
                    np.stack([[one.corrected for one in row] for row in without]),
                ),
                "shuffled_without": (
                    ("recorded", "left_out", "pair"),
                    np.stack([[one.shuffled for one in row] for row in without]),
                ),
                "spread": (("recorded", "pair"), np.stack([one.mean_variance for one in whole])),
                "freedom": (("recorded",), np.array([float(one.freedom) for one in whole])),
                "counted": (("recorded",), np.array([float(one.units) for one in whole])),
            },
            coords={"recorded": [place or "all" for place in places], "pair": pairs},
        )

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Give ``information`` (statistic, recorded, pair), and its mean and redundancy for each session."""
        own = measured.isel(target=0, drop=True)
        estimate = own["information"].transpose("recorded", "pair")
        low, high = (np.empty(estimate.shape) for _ in range(2))
        for row in range(estimate.sizes["recorded"]):
            found = Information(
                corrected=estimate.values[row],
                shuffled=own["shuffled"].values[row],
                mean_variance=own["spread"].values[row],
                freedom=int(own["freedom"].values[row]),
                units=int(own["counted"].values[row]),
            )
            low[row], high[row] = information_interval(found, level=resampling.level)
        how = (
            "Difference of the means of two categories over stimuli, in the noise covariance of single presentations"
            " pooled over stimuli: d' S^-1 d, corrected for the bias of few presentations (Kanitscheider et al. 2015,"
            " doi:10.1371/journal.pcbi.1004218; for several stimuli of a category the sampling variance of its mean"
            " takes the place of 1/T). The squared d' of the best linear readout of one trial; units of different"
            " sessions were not recorded together and are not mixed"
        )
        spread = f"Interval: {_GROUPS} groups of presentations are left out in turn; conditional on stimuli and units."
        summary = xr.Dataset(
            {
                "information": annotated(
                    with_bounds(estimate, estimate.copy(data=low), estimate.copy(data=high)),
                    long_name="linear Fisher information between categories",
                    units="squared d'",
                    definition=(
                        f"{how}. Interval: noncentral F, exact for Gaussian noise; conditional on stimuli and units."
                    ),
                )
            }
        )
        information, shuffled = own["information"].mean("pair"), own["shuffled"].mean("pair")
        less, less_shuffled = own["information_without"].mean("pair"), own["shuffled_without"].mean("pair")
        rows = [
            ("mean_information", "mean linear Fisher information", "Mean over pairs", information, less),
            (
                "mean_shuffled",
                "mean information with trials shuffled in every unit",
                "Without noise correlations: sum over units, mean over pairs",
                shuffled,
                less_shuffled,
            ),
        ]
        if bool((shuffled > 0).all()) and bool((less_shuffled > 0).all()):
            rows.append(
                (
                    "redundancy",
                    "share of the information that noise correlations cost",
                    "1 - mean information / mean shuffled information (Averbeck & Lee 2006): below 0 where they add",
                    1 - information / shuffled,
                    1 - less / less_shuffled,
                )
            )
        for name, text, what, value, others in rows:
            left_out = others.transpose("left_out", "recorded").values
            bounds = jackknife_interval(value.values, [left_out], level=resampling.level)
            summary[name] = annotated(
                with_bounds(value, *(value.copy(data=bound) for bound in bounds)),
                long_name=text,
                units="share of information" if name == "redundancy" else "squared d'",
                definition=f"{what}. {how}. {spread}",
            )
        summary["mean_information"].attrs["headline"] = 1
        summary.attrs["units"] = int(own["counted"].values.sum())
        return summary

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how much information there is, and what noise correlations do to it, for each session."""
        for place in summary["recorded"].values.tolist():
            here = summary.sel(recorded=place)
            where = "" if place == "all" else f" in {place}"
            yield (
                f"Linear Fisher information between two categories{where} is {with_interval(here['mean_information'])} "
                f"(squared d' of the best linear readout of one presentation, mean over {summary.sizes['pair']} pairs);"
                f" without noise correlations it would be {with_interval(here['mean_shuffled'])}."
            )
        if "redundancy" not in summary:
            yield "There is no information to speak of without noise correlations, so that redundancy is not defined."

    def _sessions(self, code: Code) -> dict[str, NDArray[np.intp]]:
        """Columns of the units of each session, in the order of their names."""
        coords = code.responses.coords
        parts = [coords[name].values.astype(str) for name in ("subject", "session") if name in coords]
        count = code.responses.sizes["unit"]
        joined = np.array([" ".join(filter(None, row)) for row in zip(*parts, strict=True)]) if parts else None
        places = np.full(count, "") if joined is None else joined
        names = code.responses["unit"].values.astype(str)
        out = {}
        for place in np.unique(places).tolist():
            mine = np.flatnonzero(places == place)
            mine = mine[np.argsort(names[mine], kind="stable")]
            if self.units is not None and self.units < len(mine):
                chosen = generator(self.seed, "fisher units", place).permutation(len(mine))[: self.units]
                mine = mine[np.sort(chosen)]
            out[str(place)] = mine
        return out


def _groups(stimulus: NDArray[np.str_], seed: int) -> NDArray[np.intp]:
    """Group of each presentation: those of one stimulus are dealt out one by one."""
    order = np.lexsort((generator(seed, "fisher groups").random(len(stimulus)), stimulus))
    group = np.empty(len(stimulus), dtype=np.intp)
    group[order] = np.arange(len(stimulus)) % _GROUPS
    return group
