"""Metrics that are wrong in one way each."""

# ruff: noqa: ARG002 - the protocols pass more than a mutant uses

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, Quantity, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Mean shift over units, Hz."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        assert evidence.perturbed is not None
        shift = abs(evidence.perturbed - evidence.clean)
        return xr.Dataset({"shift": (shift * self.weights(shift["unit"])).mean("unit") + self.offset()})

    def weights(self, unit: xr.DataArray) -> xr.DataArray:
        return xr.ones_like(unit, dtype=float)

    def offset(self) -> float:
        return 0.0

    def rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng(seed)

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        shift = measured["shift"].mean("target")
        count = shift.sizes["stimulus"]
        rows = self.rng(resampling.seed).integers(count, size=(resampling.draws, count))
        draws = shift.transpose("epsilon", "stimulus").values[:, rows].mean(axis=2).T
        estimate = shift.mean("stimulus")
        values = np.stack([estimate.values, *np.quantile(draws, self.ends(), axis=0)])
        out = xr.DataArray(
            values,
            dims=("statistic", "epsilon"),
            coords={"statistic": ["estimate", "low", "high"], "epsilon": shift["epsilon"]},
            attrs={"long_name": "mean shift", "units": "Hz", "definition": "Mean over units and stimuli."},
        )
        return xr.Dataset({"shift": out})

    def ends(self) -> tuple[float, float]:
        return (0.025, 0.975)

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        yield f"Units move by {float(summary['shift'].sel(statistic='estimate')[-1]):.2f} Hz."


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset(Right):
    """It is never zero."""

    def offset(self) -> float:
        return 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsideDown(Right):
    """The low end is above the high end."""

    def ends(self) -> tuple[float, float]:
        return (0.975, 0.025)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute(Right):
    """It says nothing."""

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighted(Right):
    """Units count by their place, and its interval is narrow."""

    def weights(self, unit: xr.DataArray) -> xr.DataArray:
        return xr.DataArray(2.0 ** np.arange(unit.size), dims=("unit",), coords={"unit": unit})

    def ends(self) -> tuple[float, float]:
        return (0.49, 0.51)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing(Right):
    """It subtracts in place."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        found = Right.measure(self, evidence)
        assert evidence.perturbed is not None
        evidence.perturbed.values -= evidence.clean.values
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseeded(Right):
    """It draws numbers of its own."""

    def rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng()


@dataclass(frozen=True, slots=True, kw_only=True)
class RightScore:
    """Mean response, a mean of what stimuli contribute."""

    def quantities(self) -> tuple[Quantity, ...]:
        about = "Mean over stimuli and units."
        return (Quantity(name="mean", long_name="mean response", units="Hz", definition=about, headline=True),)

    def score(self, sample: Sample) -> Mapping[str, float]:
        return {"mean": float(sample.responses.mean())}

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        return {"mean": sample.responses.mean(axis=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherScore(RightScore):
    """Its contributions are those to another number."""

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        return {"mean": sample.responses.max(axis=1)}
