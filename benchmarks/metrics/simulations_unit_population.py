"""Simulations of single units and of populations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from simulating import Draw, Simulation, code_of, drawn, of_score, summary_of
from spikeproof.pipeline.scored import ScoredMetric
from spikeproof.plugin import MetricEntry
from spikeproof.statistics import Resampling
from spikeproof.types import Evidence
from spikeproof_metrics_population.category_information import CategoryInformation
from spikeproof_metrics_population.decoded import Decoding
from spikeproof_metrics_population.decoder_accuracy import DecoderAccuracy
from spikeproof_metrics_unit.metrics.reliability import Reliability
from spikeproof_metrics_unit.metrics.reliability_draws import reliable
from spikeproof_metrics_unit.metrics.selectivity import Selectivity
from spikeproof_metrics_unit.metrics.sensitivity import Sensitivity

__all__ = ["SIMULATIONS"]

RESAMPLING = Resampling(draws=1000)
STIMULI, UNITS, REPEATS = 120, 8, 4


def dprime(random: np.random.Generator) -> Draw:
    """Two Gaussian categories of 60 stimuli; the first of a few units, d' = 1."""
    labels = np.array(["in", "out"])[np.arange(STIMULI) % 2]
    values = random.normal(size=(STIMULI, 1, 2))
    values[labels == "in", 0, 0] += 1.0
    code = code_of(values, labels)
    summary = summary_of(Selectivity(permutations=1), [Evidence(code=code)], RESAMPLING)
    return drawn(summary["dprime"].sel(category="in").isel(unit=0))


def _choices(random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    labels = np.array(["a", "b"])[np.arange(STIMULI) % 2]
    return random.normal(size=(STIMULI, 1, UNITS)) + 0.3 * (labels == "a")[:, None, None], labels


def accuracy_of_choices(random: np.random.Generator) -> Draw:
    """Choices of a fixed observer of two Gaussian categories: the sign of a weighted sum of units."""
    from dataclasses import replace

    import xarray as xr

    values, labels = _choices(random)
    code = code_of(values, labels)
    chosen = np.where(values[:, 0].sum(axis=1) > 0.15 * UNITS, "a", "b")
    choices = xr.DataArray(chosen, dims="stimulus", coords={"stimulus": code.responses["stimulus"].values})
    summary = summary_of(DecoderAccuracy(), [Evidence(code=replace(code, choices=choices))], RESAMPLING)
    return drawn(summary["accuracy"])


def _score(score: object, name: str) -> ScoredMetric:
    entry = MetricEntry(name=name, factory="a:b", summary="simulated", scale="population", kind="score")
    return ScoredMetric(score=score, entry=entry, seed=0)  # type: ignore[arg-type]


def decoded(random: np.random.Generator) -> Draw:
    """A decoder fitted on the same categories, held out over stimuli; its truth is found by simulation."""
    values, labels = _choices(random)
    return of_score(_score(Decoding(), "decoding"), code_of(values, labels), "decoded_accuracy")


_MANY = 24
"""Units where they are drawn anew."""


def _new_units(random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.str_], NDArray[np.float64]]:
    """Two categories that units tell apart by between nothing and 0.6 sd, each unit by its own."""
    labels = np.array(["a", "b"])[np.arange(STIMULI) % 2]
    apart = random.uniform(0, 0.6, _MANY)
    return random.normal(size=(STIMULI, 1, _MANY)) + apart * (labels == "a")[:, None, None], labels, apart


def decoded_of_new_units(random: np.random.Generator) -> Draw:
    """A decoder of units that are drawn anew, as the stimuli are."""
    values, labels, _ = _new_units(random)
    return of_score(_score(Decoding(), "decoding"), code_of(values, labels), "decoded_accuracy")


def _decoded_truth(*, anew: bool = False) -> float:
    """Mean accuracy on new stimuli of decoders trained on four fifths of the stimuli, in 2,000 recordings."""
    random = np.random.default_rng(99)
    train = int(STIMULI * 0.8)
    right = []
    for _ in range(2000):
        if anew:
            values, labels, apart = _new_units(random)
        else:
            (values, labels), apart = _choices(random), np.full(UNITS, 0.3)
        x = values[:train, 0]
        centred = (x - x.mean(axis=0)) / x.std(axis=0)
        weights = np.linalg.solve(
            centred.T @ centred + 0.5 * np.eye(x.shape[1]), centred.T @ np.where(labels[:train] == "a", 1.0, -1.0)
        )
        mean = np.where(labels[:train] == "a", 1.0, -1.0).mean()
        slope = weights / x.std(axis=0)
        size = np.linalg.norm(slope)
        for centre, sign in ((apart, 1), (0.0 * apart, -1)):
            score = ((centre - x.mean(axis=0)) @ slope + mean) * sign
            right.append(stats.norm.cdf(score / size))
    return float(np.mean(right))


def _trials(random: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(random.normal(size=(STIMULI, 1, UNITS)) + random.normal(size=(STIMULI, REPEATS, UNITS)) / 0.8)


def _reliable(name: str) -> Simulation:
    truth = {
        "split_half": 1 / (1 + 1 / 0.64 / REPEATS),
        "ceiling": 1 / (1 + 1 / 0.64 / REPEATS),
        "ncsnr": 0.8,
        "signal_share": 1 / (1 + 1 / 0.64),
    }[name]

    def draw(random: np.random.Generator) -> Draw:
        estimate, draws = getattr(reliable(_trials(random)[..., :1], 20, RESAMPLING), name)
        low, high = np.quantile(draws[:, 0], [0.025, 0.975])
        return float(estimate[0]), float(low), float(high)

    return Simulation(truth=truth, draw=draw, about=f"one unit, {STIMULI} stimuli x {REPEATS} repeats")


def mean_reliability(random: np.random.Generator) -> Draw:
    """Units of which each has a signal of its own size, drawn at random: stimuli and units are both new."""
    gain = random.uniform(0.5, 1.5, UNITS * 4)
    values = random.normal(size=(STIMULI, 1, UNITS * 4)) * gain + random.normal(size=(STIMULI, REPEATS, UNITS * 4))
    code = code_of(values)
    return drawn(summary_of(Reliability(shuffles=20), [Evidence(code=code)], RESAMPLING)["mean_reliability"])


def _mean_reliability_truth() -> float:
    gain = np.linspace(0.5, 1.5, 10_001)
    return float((gain**2 / (gain**2 + 1 / REPEATS)).mean())


_SLOPE = np.linspace(0.2, 0.8, UNITS)
_MIX = np.eye(UNITS) + 0.3 * np.ones((UNITS, UNITS))
_MEANS = np.random.default_rng(5).normal(size=(12, UNITS)) * 0.3 + _SLOPE * (np.arange(12) % 2)[:, None]


def information(random: np.random.Generator) -> Draw:
    """Twelve stimuli of two categories, ten repeats, correlated Gaussian noise."""
    values = _MEANS[:, None] + random.normal(size=(12, 10, UNITS)) @ _MIX
    code = code_of(values, np.array(["a", "b"])[np.arange(12) % 2])
    summary = summary_of(CategoryInformation(), [Evidence(code=code)], RESAMPLING)
    return drawn(summary["information"].squeeze())


def _information_truth() -> float:
    slope = _MEANS[::2].mean(axis=0) - _MEANS[1::2].mean(axis=0)
    return float(slope @ np.linalg.solve(_MIX.T @ _MIX, slope))


def sensitivity(random: np.random.Generator) -> Draw:
    """Shifts of 30 attacked units that differ from unit to unit and from stimulus to stimulus, in sd of each unit."""
    import xarray as xr

    units, stimuli = 30, 40
    values = random.normal(size=(stimuli, 1, units))
    values = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    code = code_of(values)
    names, unit = (code.responses[dim].values for dim in ("stimulus", "unit"))
    shift = np.exp(0.4 * random.normal(size=units) - 0.08)[:, None] + 0.3 * random.normal(size=(units, stimuli))
    shift += 0.1 * random.normal(size=stimuli)
    found = []
    for k in range(units):
        moved = values[:, 0].copy()
        moved[:, k] += np.abs(shift[k])
        perturbed = xr.DataArray(
            moved[None],
            dims=("epsilon", "stimulus", "unit"),
            coords={
                "epsilon": xr.DataArray([1.0], dims="epsilon", attrs={"units": "L2 norm"}),
                "stimulus": names,
                "unit": unit,
            },
        )
        about = {"domain": "stimulus", "attack": "pgd", "aim": "unit", "objective": "unit"}
        target = str(unit[k])
        found.append(Evidence(code=code, perturbed=perturbed, target=target, target_unit=target, **about))  # type: ignore[arg-type]
    return drawn(summary_of(Sensitivity(), found, RESAMPLING)["sensitivity"].squeeze())


def _sensitivity_truth() -> float:
    random = np.random.default_rng(98)
    size = 400_000
    shift = np.exp(0.4 * random.normal(size=size) - 0.08) + np.sqrt(0.3**2 + 0.1**2) * random.normal(size=size)
    return float(np.abs(shift).mean())


_ACCURACY = float(stats.norm.cdf(0.15 * np.sqrt(UNITS)))

SIMULATIONS = {
    "d'": Simulation(truth=1.0, draw=dprime, about="60 stimuli in, 60 out"),
    "decoder accuracy": Simulation(
        truth=_ACCURACY, draw=accuracy_of_choices, about=f"{STIMULI} choices of one observer"
    ),
    "decoding (score)": Simulation(truth=_decoded_truth(), draw=decoded, about=f"ridge, 5 folds, {STIMULI} stimuli"),
    "decoding (score), new units": Simulation(
        truth=_decoded_truth(anew=True), draw=decoded_of_new_units, about=f"the same, {_MANY} units drawn anew"
    ),
    "sensitivity": Simulation(truth=_sensitivity_truth(), draw=sensitivity, about="30 units x 40 stimuli"),
    "Fisher information": Simulation(truth=_information_truth(), draw=information, about="12 stimuli x 10 repeats"),
    "mean reliability": Simulation(
        truth=_mean_reliability_truth(), draw=mean_reliability, about=f"{4 * UNITS} units drawn anew, {STIMULI} stimuli"
    ),
    "split-half reliability": _reliable("split_half"),
    "noise ceiling": _reliable("ceiling"),
    "ncsnr": _reliable("ncsnr"),
    "signal share": _reliable("signal_share"),
}
