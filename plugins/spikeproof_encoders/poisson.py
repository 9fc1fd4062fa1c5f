"""The encoder ``poisson``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from spikeproof.errors import BadParameter, DataError

from .basis import FeatureSpace
from .checking import Problem, check_candidates, problem
from .maps import Fitted, LinearMap, fitted
from .ridge import GRIDS, GRIDS_HELP, SCALE_HELP
from .selection import select

__all__ = ["Poisson", "poisson_weights"]

PENALTIES = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)

Link = Literal["exp", "softplus"]

_ITERATIONS, _HALVINGS, _TOLERANCE = 100, 40, 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """Poisson generalised linear model, fitted by maximum likelihood with an L2 penalty per unit.

    The mean response is ``link(w . features + b)``. Responses are counts, or means of counts over repeats, each weighed
    by how often its stimulus was shown to the unit, which is the likelihood of the single presentations. Counts in
    other units (spikes/s) give the same fit at another penalty.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> features = random.normal(size=(400, 3)).astype(np.float32)
    >>> counts = random.poisson(np.exp(1 + features[:, :1]))
    >>> ids = {"stimulus": [f"s{k}" for k in range(400)], "unit": ["a"]}
    >>> responses = xr.DataArray(counts.astype(float), dims=("stimulus", "unit"), coords=ids)
    >>> fit = Poisson(link="exp").fit(features, responses, repeats=None, folds=np.arange(400) % 5, seed=0)
    >>> bool(np.corrcoef(fit.held_out[:, 0], np.exp(1 + features[:, 0]))[0, 1] > 0.99)
    True
    """

    link: Annotated[
        Literal["softplus", "exp"],
        "Mean response from the weighted sum: softplus grows linearly, exp exponentially (the canonical link).",
    ] = "softplus"
    grids: Annotated[tuple[int, ...], GRIDS_HELP] = GRIDS
    scale_channels: Annotated[bool, SCALE_HELP] = False
    components: Annotated[int, "Leading principal components of the training stimuli's features that are fitted."] = 100
    penalties: Annotated[
        tuple[float, ...],
        "Penalties to choose from: half the squared weights count as so many mean squared lengths of centred feature "
        "vectors.",
    ] = PENALTIES

    def __post_init__(self) -> None:
        if self.grids:
            check_candidates("poisson", "grids", self.grids)
        check_candidates("poisson", "penalties", self.penalties)
        if self.components < 1:
            raise BadParameter(f"encoder poisson: components must be 1 or more, got {self.components}")

    def fit(
        self,
        features: NDArray[np.float32],
        responses: xr.DataArray,
        *,
        repeats: xr.DataArray | None,
        folds: NDArray[np.intp],
        seed: int,
    ) -> Fitted:
        """Fit on all stimuli, and once without each fold: see ``spikeproof.types.Encoder``.

        Raises
        ------
        DataError
            If a response is negative.
        """
        given = problem("poisson", features, responses, folds)
        _counts(given)
        weights = _presentations(given, repeats)
        space = FeatureSpace(given.features, self.grids, alike=self.scale_channels)
        penalties = np.array(sorted(self.penalties, reverse=True))

        def solve(
            training: NDArray[np.intp], others: NDArray[np.intp]
        ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            """Coefficients (penalty, component, unit) and the means that they predict."""
            basis = space.basis(training, others)
            design = basis.training[:, : self.components]
            found = _path(design, given.responses[training], weights[training], penalties * basis.length, self.link)
            drive = basis.others[:, : self.components] @ found[:, 1:] + found[:, :1]
            return found, _mean(drive, self.link)

        def loss(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
            return _deviance(predicted, measured)

        selected = select(lambda *rows: solve(*rows)[1], given.responses, given.folds, seed=seed, loss=loss)
        everything = np.arange(len(given.responses))
        basis = space.basis(everything, everything[:0])
        found, _ = solve(everything, everything[:0])
        best = np.take_along_axis(found, selected.candidate[-1][None, None, :], axis=0)[0]
        final = LinearMap.of(space.mean(everything), space.weights(basis, best[1:]), best[0], self.link)
        chosen = {"penalty": (penalties[selected.candidate], "L2 penalty over mean squared feature length")}
        return fitted(given, responses, selected, chosen, final, final.state)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> LinearMap:
        """Make the map whose state was kept: see ``spikeproof.types.Encoder``."""
        return LinearMap.restore(state, self.link)


def _counts(given: Problem) -> None:
    if (given.responses < 0).any():
        row, column = np.argwhere(given.responses < 0)[0]
        raise DataError(
            f"encoder poisson: the response of unit {given.units[column]!r} to stimulus {given.stimuli[row]!r} is "
            f"{given.responses[row, column]:g}, below 0: it is for counts; take ridge, pls or factorised, or responses "
            "without a baseline taken off"
        )


def _presentations(given: Problem, repeats: xr.DataArray | None) -> NDArray[np.float64]:
    """How often each stimulus was shown to each unit; once where there are no repeats."""
    if repeats is None:
        return np.ones_like(given.responses)
    place = {name: row for row, name in enumerate(given.stimuli)}
    counts = np.zeros_like(given.responses)
    rows = np.array([place[str(name)] for name in repeats["stimulus"].values.tolist()], dtype=np.intp)
    np.add.at(counts, rows, ~np.isnan(repeats.sel(unit=list(given.units)).values))
    return np.maximum(counts, 1.0)


def _mean(drive: NDArray[np.float64], link: Link) -> NDArray[np.float64]:
    if link == "exp":
        return np.exp(np.minimum(drive, 700.0))  # e**710 overflows; a fit that gets there is worst at either value
    return np.logaddexp(0.0, drive)


def _deviance(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the log likelihood, summed over rows, up to what y alone adds to it, (candidate, unit)."""
    mean = np.maximum(predicted, 1e-12)
    return np.asarray((mean - measured * np.log(mean)).sum(axis=1))


def _path(
    design: NDArray[np.float64],
    responses: NDArray[np.float64],
    weights: NDArray[np.float64],
    penalties: NDArray[np.float64],
    link: Link,
) -> NDArray[np.float64]:
    """Intercept and coefficients (penalty, 1 + component, unit), from the strongest penalty on, each from the last."""
    units, size = responses.shape[1], design.shape[1]
    silent = responses.sum(axis=0) == 0
    # A unit that never fires here has its likeliest mean at 0, out of reach of either link: half a spike is added.
    mean = np.average(responses, axis=0, weights=weights) + silent * 0.5 / len(responses)
    start = np.zeros((1 + size, units))
    start[0] = np.log(mean) if link == "exp" else mean + np.log(-np.expm1(-mean))
    out = np.empty((len(penalties), 1 + size, units))
    columns = np.concatenate([np.ones((len(design), 1)), design], axis=1)
    for place, penalty in enumerate(penalties):
        if not silent.all():
            start[:, ~silent] = _newton(
                columns, responses[:, ~silent], weights[:, ~silent], penalty, start[:, ~silent], link
            )
        out[place] = start
    return out


def _newton(
    columns: NDArray[np.float64],
    responses: NDArray[np.float64],
    weights: NDArray[np.float64],
    penalty: float,
    start: NDArray[np.float64],
    link: Link,
) -> NDArray[np.float64]:
    """Newton's method with halved steps, for all units at once: the likelihood is log-concave under both links."""
    shrinkage = np.full(columns.shape[1], penalty)
    shrinkage[0] = 0.0  # the intercept is free

    def cost(found: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        mean = np.maximum(_mean(columns @ found, link), 1e-300)
        terms = weights[:, rows] * (mean - responses[:, rows] * np.log(mean))
        return np.asarray(terms.sum(axis=0) + 0.5 * (shrinkage[:, None] * found**2).sum(axis=0))

    found = start.copy()
    active = np.arange(responses.shape[1])
    now = cost(found, active)
    for _ in range(_ITERATIONS):
        drive = columns @ found[:, active]
        first, second = _derivatives(drive, responses[:, active], link)
        gradient = columns.T @ (weights[:, active] * first) + shrinkage[:, None] * found[:, active]
        bends = weights[:, active] * second
        curvature = np.stack([columns.T @ (columns * bends[:, [unit]]) for unit in range(len(active))])
        curvature += np.diag(shrinkage)
        step = np.linalg.solve(curvature, gradient.T[:, :, None])[:, :, 0].T
        gain = (gradient * step).sum(axis=0)  # twice what the quadratic model promises
        far = gain > _TOLERANCE * np.maximum(np.abs(now[active]), 1.0)  # nearer, values differ by rounding only
        length = np.ones(len(active))
        for _ in range(_HALVINGS):
            tried = found[:, active] - length * step
            then = cost(tried, active)
            worse = ~(then <= now[active] - 1e-4 * length * gain) & far
            if not worse.any():
                break
            length = np.where(worse, length / 2, length)
        found[:, active], now[active] = tried, then
        active = active[far]
        if not len(active):
            return found
    raise DataError(
        f"encoder poisson: {len(active)} of {responses.shape[1]} units did not converge in {_ITERATIONS} iterations at "
        f"a penalty of {penalty:.3g}: leave out the smallest penalties, or take fewer components"
    )


def _derivatives(
    drive: NDArray[np.float64], responses: NDArray[np.float64], link: Link
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and second derivative of ``mean - y log mean`` with respect to the drive."""
    if link == "exp":
        mean = _mean(drive, link)
        return mean - responses, mean
    mean = np.maximum(_mean(drive, link), 1e-300)
    slope = expit(drive)
    bend = slope * (1 - slope)
    ratio = responses / mean
    return slope * (1 - ratio), bend * (1 - ratio) + ratio * slope**2 / mean


def poisson_weights(
    features: ArrayLike, counts: ArrayLike, penalty: float, *, link: Link = "softplus"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Poisson regression: ``min sum(mean - y log mean) + penalty |w|^2 / 2`` with ``mean = link(X w + b)``.

    Softplus is convex and log-concave, so that this is convex in w under either link (Paninski 2004,
    doi:10.1088/0954-898X_15_4_002).

    Parameters
    ----------
    features : array_like, (stimulus, feature)
    counts : array_like, (stimulus, unit)
        Not negative, not all 0.
    penalty : float
        Of the weights; the intercept is free.
    link : {"softplus", "exp"}

    Returns
    -------
    weights : numpy.ndarray of float64, (feature, unit)
    intercept : numpy.ndarray of float64, (unit,)

    Examples
    --------
    >>> features, counts = [[0.0], [0.0], [1.0], [1.0]], [[1.0], [3.0], [4.0], [4.0]]
    >>> weights, intercept = poisson_weights(features, counts, 1e-9, link="exp")
    >>> np.exp(intercept).round(4).tolist(), np.exp(intercept + weights[0]).round(4).tolist()
    ([2.0], [4.0])
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    mean = x.mean(axis=0)
    found = _path(x - mean, y, np.ones_like(y), np.array([penalty]), link)[0]
    return found[1:], found[0] - mean @ found[1:]
