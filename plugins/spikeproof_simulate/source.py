"""The source ``simulate:KIND``: spike counts of a population whose code is known."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter
from spikeproof.types import Inspection, Recording, generator
from spikeproof.wording import did_you_mean

from .counts import highest_correlation, poisson_counts, shared_mean
from .signals import KINDS, Kind, signal, true_dprime

__all__ = ["Simulation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Poisson spike counts of a population with a known category code (:func:`.signals.signal` has the formulas).

    Stimuli are shown in blocks, each in a seeded random order, in windows that touch. Coordinates on unit hold the
    truth: ``true_informative`` (1 where the mean depends on category), ``true_dprime`` (of the preferred category
    against all others, single presentations) and ``true_preferred``.
    """

    target: Annotated[str, "Kind of code: sparse, distributed, redundant or aligned."] = ""
    units: Annotated[int, "Units."] = 60
    stimuli: Annotated[int, "Stimuli per category."] = 10
    categories: Annotated[int, "Categories, at least 2."] = 4
    repeats: Annotated[int, "Presentations of each stimulus."] = 10
    rate: Annotated[float, "Baseline rate of every unit, in spikes/s."] = 20.0
    window: Annotated[float, "Length of each presentation, in s."] = 0.5
    separation: Annotated[float, "Size of the signal, in sd of the noise at baseline (sqrt(rate x window) spikes)."] = (
        2.0
    )
    informative: Annotated[
        int, "Units that carry category in the sparse code; sets equal information in the others."
    ] = 8
    private: Annotated[float, "Redundant code: size of each unit's own signal over the shared one."] = 5.0
    noise_correlation: Annotated[float, "Mean correlation of two units' noise, 0 (independent) to below 1."] = 0.0
    seed: Annotated[int, "Seed of the code and of the noise."] = 0

    def __post_init__(self) -> None:
        if self.target and self.target not in KINDS:
            meant = did_you_mean(self.target, KINDS, 1, otherwise=";")
            raise BadParameter(f"simulate: no kind {self.target!r}{meant} kinds are {', '.join(KINDS)}")
        for name, least in (
            ("units", 1), ("stimuli", 1), ("categories", 2), ("repeats", 1), ("informative", 1),
            ("separation", 0), ("private", 0), ("noise_correlation", 0), ("seed", 0),
        ):  # fmt: skip
            value = getattr(self, name)
            if not value >= least or not math.isfinite(value):
                raise BadParameter(f"simulate: {name} must be a finite number of at least {least}, got {value}")
        for name in ("rate", "window"):
            value = getattr(self, name)
            if not value > 0 or not math.isfinite(value):
                raise BadParameter(f"simulate: {name} must be a finite number above 0, got {value}")
        if self.informative > self.units:
            raise BadParameter(f"simulate: informative is {self.informative} but there are {self.units} units")
        if self.target == "redundant" and self.stimuli < 2:
            raise BadParameter("simulate:redundant: each unit's own signal needs at least 2 stimuli a category, got 1")
        if self.noise_correlation >= 1 or (self.noise_correlation > 0 and self.units < 2):
            raise BadParameter(
                f"simulate: noise_correlation must be below 1, and 0 for a single unit; got "
                f"{self.noise_correlation} for {self.units} units"
            )

    def load(self) -> Recording:
        """Draw the recording.

        Raises
        ------
        BadParameter
            If the signal would need negative rates, or the noise correlation cannot be had with Poisson counts.
        """
        kind = self._kind()
        names, category, means = self._code(kind)
        dprime, preferred = true_dprime(means, category)
        row = self._order(len(category))
        shared = np.zeros(len(category)) if self.noise_correlation == 0 else self._shared(kind, means)
        counts = poisson_counts(means[row], shared[row], generator(self.seed, "simulate", kind, "counts"))
        stimuli = np.array([f"{names[c]}-{k % self.stimuli:03d}" for k, c in enumerate(category)])
        start = np.arange(len(row)) * self.window
        response = xr.DataArray(
            counts,
            dims=("presentation", "unit"),
            coords={
                "stimulus_id": ("presentation", stimuli[row]),
                "repeat": ("presentation", np.repeat(np.arange(self.repeats), len(category))),
                "category": ("presentation", names[category[row]]),
                "start_time": ("presentation", start, {"units": "s"}),
                "stop_time": ("presentation", start + self.window, {"units": "s"}),
                "unit": [f"unit{k:03d}" for k in range(self.units)],
                "session": ("unit", np.full(self.units, "simulated")),
                "subject": ("unit", np.full(self.units, "simulated")),
                "true_informative": ("unit", (dprime > 0).astype(np.int64)),
                "true_dprime": ("unit", dprime),
                "true_preferred": ("unit", np.where(dprime > 0, names[preferred], "")),
            },
            attrs={"units": "spikes", "long_name": "spike count"},
        )
        truth = self._truth(kind, dprime)
        return Recording(
            responses=xr.Dataset({"response": response}),
            identity={
                "source": f"simulate:{kind}",
                "digest": hashlib.sha256(np.ascontiguousarray(counts, dtype="<i8").tobytes()).hexdigest(),
                "truth": truth,
            },
            notes=(f"the truth: {truth}", f"the truth: {self._noise()}"),
        )

    def inspect(self) -> Inspection:
        """Describe what would be drawn, and suggest what to run; no counts are drawn.

        Raises
        ------
        BadParameter
            As for :meth:`load`.
        """
        from .inspecting import inspect_simulation

        kind = self._kind()
        names, category, means = self._code(kind)
        if self.noise_correlation > 0:
            self._shared(kind, means)
        dprime, preferred = true_dprime(means, category)
        return inspect_simulation(self, names[preferred], dprime, means, (self._truth(kind, dprime), self._noise()))

    def _code(self, kind: Kind) -> tuple[NDArray[np.str_], NDArray[np.intp], NDArray[np.float64]]:
        """Names of the categories, category of each stimulus, and mean counts (stimulus, unit)."""
        names = np.array([f"category{number}" for number in range(self.categories)])
        category = np.repeat(np.arange(self.categories), self.stimuli)
        return names, category, self._means(kind, category)

    def _kind(self) -> Kind:
        for kind in KINDS:
            if kind == self.target:
                return kind
        raise BadParameter(f"simulate: say which kind of code, as in simulate:sparse; kinds are {', '.join(KINDS)}")

    def _means(self, kind: Kind, category: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean counts (stimulus, unit)."""
        baseline = self.rate * self.window
        in_sd = signal(
            kind,
            category,
            units=self.units,
            informative=self.informative,
            separation=self.separation,
            private=self.private,
            random=generator(self.seed, "simulate", kind, "code"),
        )
        means: NDArray[np.float64] = baseline + math.sqrt(baseline) * in_sd
        lowest = float(in_sd.min())
        if means.min() <= 0:
            raise BadParameter(
                f"simulate:{kind}: a signal of {lowest:.3g} noise sd below a baseline of {baseline:.4g} spikes "
                f"({self.rate:g} spikes/s in {self.window:g} s) would need a negative rate: raise rate above "
                f"{lowest**2 / self.window:.4g} spikes/s, or lower separation"
            )
        return means

    def _shared(self, kind: Kind, means: NDArray[np.float64]) -> NDArray[np.float64]:
        most = highest_correlation(means)
        if self.noise_correlation > most:
            raise BadParameter(
                f"simulate:{kind}: noise_correlation {self.noise_correlation:g} cannot be had with Poisson counts "
                f"whose means differ this much: the highest is {most:.3f}. Lower it, or lower separation, or raise rate"
            )
        return shared_mean(means, self.noise_correlation)

    def _order(self, stimuli: int) -> NDArray[np.intp]:
        """Stimulus of each presentation: blocks of all stimuli, each in its own random order."""
        random = generator(self.seed, "simulate", "order")
        return np.concatenate([random.permutation(stimuli) for _ in range(self.repeats)]).astype(np.intp)

    def _truth(self, kind: Kind, dprime: NDArray[np.float64]) -> str:
        carrying = int((dprime > 0).sum())
        if carrying == 0:
            return f"{kind} code with separation 0: no unit carries category"
        of_those = dprime[dprime > 0]
        text = (
            f"{kind} code: category is carried by {carrying} of {self.units} units (d' of the preferred category "
            f"{of_those.min():.2f} to {of_those.max():.2f}, single presentations)"
        )
        if kind == "redundant":
            between = (self.categories - 1) / self.categories  # variance of t over stimuli
            share = between / (between + self.private**2)
            return f"{text}; {share:.1%} of each unit's signal variance is the shared category, the rest its own"
        if kind == "aligned":
            return f"{text}, all along one direction of the population"
        return text

    def _noise(self) -> str:
        if self.noise_correlation == 0:
            return "noise is Poisson, independent between units"
        return f"noise is Poisson, with a mean correlation of {self.noise_correlation:g} between units (a shared count)"
