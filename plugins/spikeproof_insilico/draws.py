"""Draws of how well each recorded unit is predicted."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import (
    Resampling,
    bootstrap_fraction,
    fold_correlation,
    reported,
    resampling_weights,
)
from spikeproof.summaries import levels, with_bounds
from spikeproof.types import Encoding

from .trust import corrected, reliability_draws, shuffled, sign_accuracy, sign_of_changes

__all__ = ["SHUFFLES", "FitDraws"]

SHUFFLES = 200
"""Shuffles of the stimuli behind the chance level."""


class FitDraws:
    """Draws of every number of every unit: (draw, unit) over all recorded units, NaN where there is nothing.

    The first draw holds each stimulus once: it is the estimate. Perturbed images are drawn with their clean one.

    Parameters
    ----------
    encoding : Encoding
    resampling : Resampling
    """

    def __init__(self, encoding: Encoding, resampling: Resampling) -> None:
        self._encoding, self._resampling = encoding, resampling
        data = encoding.data
        self.predicted, self.measured = data["predicted"].values, data["measured"].values
        self.folds = data["fold"].values
        status = data["status"].values.astype(str)
        self.fitted = ~np.isnan(self.predicted).any(axis=0)
        self.kept = status == "kept"
        clean = data["clean_stimulus_id"].values.astype(str)
        groups = data.assign_coords(clean_stimulus_id=("stimulus", clean))
        several = len(set(clean.tolist())) < len(clean)
        within = ["clean_stimulus_id"] if several else []
        drawn, _ = resampling_weights(groups, "stimulus", resampling, within=within)
        weights = np.concatenate([np.ones((1, len(clean))), drawn])  # the first row is the data themselves
        self.r = self._filled(
            fold_correlation(self.predicted[:, self.fitted], self.measured[:, self.fitted], self.folds, weights)
        )
        self.signs = self._filled(
            sign_accuracy(self.predicted[:, self.fitted], self.measured[:, self.fitted], self.folds, weights)
        )
        self.changes = self._changes(clean, weights)
        self.reliability: NDArray[np.float64] | None = None
        self.relative: dict[str, NDArray[np.float64]] = {}
        if encoding.repeated:
            self.reliability = reliability_draws(
                self.measured, data["presentations"].values, data["squares"].values, weights
            )
            self.relative = corrected(self.r, self.reliability)

    def _filled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.full((len(values), len(self.fitted)), np.nan)
        out[:, self.fitted] = values
        return out

    def _changes(self, clean: NDArray[np.str_], weights: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Signs of the changes that perturbations made, where the clean image was shown too."""
        names = self._encoding.data["stimulus"].values.astype(str)
        place = {name: row for row, name in enumerate(names.tolist())}
        rows = [(row, place[of]) for row, of in enumerate(clean.tolist()) if of != names[row] and of in place]
        if not rows:
            return None
        perturbed, before = np.array(rows).T
        change = [values[perturbed] - values[before] for values in (self.predicted, self.measured)]
        return self._filled(
            sign_of_changes(change[0][:, self.fitted], change[1][:, self.fitted], weights[:, perturbed])
        )

    def per_unit(self, values: NDArray[np.float64]) -> xr.DataArray:
        """Estimate and interval of each unit."""
        units = {"recorded_unit": self._encoding.data["unit"].values}
        return reported(values[1:], xr.DataArray(values[0], dims="recorded_unit", coords=units), self._resampling)

    def mean(self, values: NDArray[np.float64], which: NDArray[np.bool_]) -> xr.DataArray:
        """Mean over some units, with units drawn too."""
        units = self._encoding.data.isel(unit=np.flatnonzero(which))
        drawn, fixed = resampling_weights(units["fit"], "unit", self._resampling, within=levels(units["fit"])["unit"])
        chosen = values[:, which]
        known = ~np.isnan(chosen)
        filled = np.where(known, chosen, 0.0)
        estimate = filled[0].sum() / known[0].sum() if known[0].any() else np.nan
        total = (drawn * known[1:]).sum(axis=1)
        draws = np.divide((drawn * filled[1:]).sum(axis=1), total, out=np.full(len(drawn), np.nan), where=total > 0)
        return reported(draws, xr.DataArray(estimate), self._resampling, fixed)

    def chance(self) -> xr.DataArray:
        """Mean over kept units with shuffled stimuli: mean and central range over shuffles."""
        values = shuffled(
            self.predicted[:, self.kept],
            self.measured[:, self.kept],
            self.folds,
            seed=self._resampling.seed,
            shuffles=SHUFFLES,
        ).mean(axis=1)
        tail = (1 - self._resampling.level) / 2
        return with_bounds(values.mean(), *np.quantile(values, [tail, 1 - tail]))

    def share_kept(self) -> xr.DataArray:
        """Share of all recorded units that passed the gate."""
        data = self._encoding.data
        passed = data["fit"].copy(data=self.kept.astype(np.float64))
        return bootstrap_fraction(passed, ["unit"], self._resampling, nested_in=levels(passed), name="kept")
