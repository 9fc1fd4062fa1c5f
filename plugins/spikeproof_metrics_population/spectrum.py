"""Dimensionality and eigenspectra: participation ratio, cross-validated PCA, power laws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import generator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "PowerLaw",
    "cross_validated_spectrum",
    "cvpca",
    "eigenspectrum",
    "jacobian_participation_ratio",
    "participation_ratio",
    "power_law",
]

Centring = Literal["over-stimuli", "over-units"]
"""Which mean cross-validated PCA takes out of the responses."""

_LARGEST = 1e35
"""Responses beyond which, or below whose inverse, products of covariances are no numbers any more."""

ENOUGH = 1000
"""Stimuli and units below which an exponent of the spectrum is flagged: those of 877 neurons and 700 stimuli were
inaccurate in Stringer et al. (2019), extended data figure 9."""


def eigenspectrum(responses: ArrayLike) -> NDArray[np.float64]:
    """Eigenvalues of the covariance over stimuli (ddof 1), descending.

    Parameters
    ----------
    responses : array_like, (stimulus, unit)

    Returns
    -------
    numpy.ndarray of float64, (unit,)
        Not negative; 0 beyond the rank, which stimuli less one bounds.

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli.
    DataError
        If a response is not finite.

    Examples
    --------
    >>> eigenspectrum([[0.0, 1.0], [2.0, 1.0]]).round(6).tolist()
    [2.0, 0.0]
    """
    values = _responses(responses, "eigenspectrum")
    singular = np.linalg.svd(values - values.mean(axis=0), compute_uv=False)
    out = np.zeros(values.shape[1])
    out[: singular.size] = singular**2 / (len(values) - 1)
    return out


def participation_ratio(responses: ArrayLike) -> float:
    """Participation ratio of the covariance C over stimuli, ``(tr C)^2 / tr C^2``.

    How many dimensions the responses spread over: 1 on a line, the number of units for uncorrelated units of equal
    variance. It cannot exceed the number of stimuli less one, and grows with it where that is small.

    Parameters
    ----------
    responses : array_like, (stimulus, unit)

    Returns
    -------
    float

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli, or no unit varies.
    DataError
        If a response is not finite.

    Examples
    --------
    >>> participation_ratio([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    2.0
    """
    values = _responses(responses, "participation ratio")
    centred = values - values.mean(axis=0)
    if np.abs(centred).max() <= 1e-12 * np.abs(values).max():
        raise NotEnoughData("participation ratio: no unit varies over stimuli")
    return _gram_ratio(centred)


def jacobian_participation_ratio(jacobian: ArrayLike) -> float:
    """Participation ratio of a Jacobian's Gram matrix, ``(tr J J')^2 / tr (J J')^2``.

    How many independent directions of the stimulus move the units: 1 where one perturbation moves all of them, the
    number of units where each has a direction of its own.

    Parameters
    ----------
    jacobian : array_like, (unit, ...)
        Derivative of every unit by the pixels, whatever their shape.

    Returns
    -------
    float
        1 to the number of units.

    Raises
    ------
    NotEnoughData
        If every derivative is 0.
    DataError
        If a derivative is not finite.

    Examples
    --------
    >>> jacobian_participation_ratio([[3.0, 0.0], [0.0, 3.0]]), jacobian_participation_ratio([[1.0, 2.0], [2.0, 4.0]])
    (2.0, 1.0)
    """
    values = np.asarray(jacobian, dtype=np.float64)
    rows = values.reshape(len(values), -1)
    if not np.isfinite(rows).all():
        raise DataError("participation ratio: a derivative is not finite")
    if not rows.any():
        raise NotEnoughData("participation ratio: every derivative is 0, so that no direction moves a unit")
    return _gram_ratio(rows)


def cvpca(first: ArrayLike, second: ArrayLike, *, centring: Centring = "over-stimuli") -> NDArray[np.float64]:
    """Cross-validated PCA (Stringer et al. 2019, doi:10.1038/s41586-019-1346-5): variance that two repeats share.

    Principal components of the first repeat; the variance along one is the sum over stimuli of the product of both
    repeats' projections, so that noise, which the repeats do not share, averages to 0.

    Parameters
    ----------
    first, second : array_like, (stimulus, unit)
        Two repeats.
    centring : {"over-stimuli", "over-units"}
        ``over-stimuli`` takes every unit's mean over stimuli out of each repeat first (as Kong et al. 2022);
        ``over-units`` does not, as the authors' Python code. In both, components are those of responses centred over
        units.

    Returns
    -------
    numpy.ndarray of float64, (component,)
        In squared units of response; may be negative. One for each stimulus, or for each unit less one where these
        are fewer; less one after centring over stimuli.

    Raises
    ------
    NotEnoughData
        If there are fewer than two stimuli or units.
    DataError
        If the repeats differ in shape, a response is not finite, or responses are so large or small that their products
        are not.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal = rng.normal(size=(50, 1)) * rng.normal(size=20)
    >>> first, second = signal + 0.1 * rng.normal(size=(2, 50, 20))
    >>> spectrum = cvpca(first, second)
    >>> bool(spectrum[0] > 50 * abs(spectrum[1]))
    True
    """
    a, b = _responses(first, "cvPCA"), _responses(second, "cvPCA")
    if a.shape != b.shape:
        raise DataError(f"cvPCA: the repeats differ in shape, {a.shape} and {b.shape}")
    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    if largest > _LARGEST or 0 < largest < 1 / _LARGEST:
        raise DataError(
            f"cvPCA: the largest response is {largest:.3g}, so that products of responses leave the range of "
            "floating-point numbers: divide all responses by one number"
        )
    stimuli, units = a.shape
    if units < 2:
        raise NotEnoughData("cvPCA: needs at least two units")
    rank = min(stimuli, units - 1)
    if centring == "over-stimuli":
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
        rank = min(stimuli - 1, units - 1)
    if units < stimuli:
        return _cvpca_of_few_units(a, b, rank)
    own, other = a @ a.T, b @ a.T
    # Components of responses centred over units, from the Gram matrix over stimuli.
    centre = a.mean(axis=1)
    squared, vectors = np.linalg.eigh(own - units * np.outer(centre, centre))
    squared, vectors = squared[::-1][:rank], vectors[:, ::-1][:, :rank]
    found = squared > 1e-12 * max(float(squared[0]), 0.0)
    products = np.einsum("ik,ik->k", own @ vectors, other @ vectors)
    return np.asarray(np.divide(products, squared, out=np.zeros_like(products), where=found))


def _cvpca_of_few_units(a: NDArray[np.float64], b: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """The same from the covariance of the units, which is the smaller matrix of the two."""
    centred = a - a.mean(axis=1, keepdims=True)
    squared, axes = np.linalg.eigh(centred.T @ centred)
    squared, axes = squared[::-1][:rank], axes[:, ::-1][:, :rank]
    weights = a.T @ (centred @ axes)  # each times the root of its eigenvalue
    found = squared > 1e-12 * max(float(squared[0]), 0.0)
    products = np.einsum("ik,ik->k", a @ weights, b @ weights)
    return np.asarray(np.divide(products, squared**2, out=np.zeros_like(products), where=found))


def cross_validated_spectrum(
    responses: ArrayLike, *, centring: Centring = "over-stimuli", draws: int = 10, seed: int = 0
) -> NDArray[np.float64]:
    """Mean of :func:`cvpca` over random choices of which repeat comes first.

    Parameters
    ----------
    responses : array_like, (repeat, stimulus, unit)
        Two or more repeats; each draw halves them at random for every stimulus by itself and averages the halves.
    centring : {"over-stimuli", "over-units"}
    draws : int
    seed : int

    Returns
    -------
    numpy.ndarray of float64, (component,)

    Raises
    ------
    NotEnoughData
        If there are fewer than two repeats.
    DataError
        As for :func:`cvpca`.

    Examples
    --------
    >>> cross_validated_spectrum(np.random.default_rng(0).normal(size=(2, 30, 10))).shape
    (9,)
    """
    values = np.asarray(responses, dtype=np.float64)
    if values.ndim != 3 or len(values) < 2:
        raise NotEnoughData(f"cvPCA: needs two repeats or more, (repeat, stimulus, unit), got shape {values.shape}")
    if draws < 1:
        raise DataError(f"cvPCA: draws must be at least 1, got {draws}")
    rng = generator(seed, "cvpca")
    half = len(values) // 2
    spectra = []
    for _ in range(draws):
        order = rng.random(values.shape[:2]).argsort(axis=0)[..., None]
        mixed = np.take_along_axis(values, order, axis=0)
        spectra.append(cvpca(mixed[:half].mean(axis=0), mixed[half:].mean(axis=0), centring=centring))
    mean: NDArray[np.float64] = np.mean(spectra, axis=0)
    return mean


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """What :func:`power_law` gives.

    Parameters
    ----------
    alpha : float
        Exponent: the k-th variance falls as ``k^-alpha``.
    predicted : numpy.ndarray of float64, (component,)
        The fitted power law, at all ranks.
    ranks : tuple of int
        First and last rank fitted, counted from 1.
    negative : int
        Variances below 0 among the fitted ones, whose magnitude was taken, as in the authors' code.
    doubts : tuple of str
        Why the exponent is not to be trusted; empty where nothing speaks against it.
    """

    alpha: float
    predicted: NDArray[np.float64]
    ranks: tuple[int, int]
    negative: int
    doubts: tuple[str, ...]


def power_law(
    variances: ArrayLike, ranks: tuple[int, int] = (11, 500), *, stimuli: int | None = None, units: int | None = None
) -> PowerLaw:
    """Exponent of a spectrum, by the rule of Stringer et al. (2019).

    Least squares of ``log |variance|`` on ``-log rank`` with weights 1 / rank. The default ranks are theirs, for
    spectra of thousands of stimuli and units; take fewer for fewer.

    Parameters
    ----------
    variances : array_like, (component,)
        Descending by component, as :func:`cvpca` or :func:`eigenspectrum` give them.
    ranks : tuple of int
        First and last rank to fit, counted from 1.
    stimuli, units : int, optional
        How many the spectrum rests on: below about 1,000 of each the exponent is flagged.

    Returns
    -------
    PowerLaw

    Raises
    ------
    NotEnoughData
        If the spectrum ends before the last rank, or there are fewer than three ranks.
    DataError
        If a fitted variance is 0 or not finite.

    Examples
    --------
    >>> round(power_law(np.arange(1.0, 601) ** -1.3).alpha, 6)
    1.3
    """
    values = np.asarray(variances, dtype=np.float64)
    first, last = ranks
    if values.ndim != 1 or first < 1 or last - first < 2:
        raise NotEnoughData(f"power law: needs at least three ranks from 1, got {first} to {last}")
    if last > values.size:
        raise NotEnoughData(
            f"power law: the spectrum has {values.size} components, but ranks up to {last} were asked for: name a "
            "smaller range, and say so beside the exponent"
        )
    rank = np.arange(first, last + 1, dtype=np.float64)
    fitted = values[first - 1 : last]
    if not np.isfinite(fitted).all() or (fitted == 0).any():
        at = first + int(np.flatnonzero(~np.isfinite(fitted) | (fitted == 0))[0])
        raise DataError(f"power law: the variance of rank {at} is 0 or not finite: name a smaller range")
    x, y, w = np.log(rank), np.log(np.abs(fitted)), 1 / rank
    centre_x, centre_y = (w @ x) / w.sum(), (w @ y) / w.sum()
    slope = (w @ ((x - centre_x) * (y - centre_y))) / (w @ (x - centre_x) ** 2)
    negative = int((fitted < 0).sum())
    doubts = [
        f"{count} {what} are fewer than about {ENOUGH}"
        for count, what in ((stimuli, "stimuli"), (units, "units"))
        if count is not None and count < ENOUGH
    ]
    if negative:
        doubts.append(f"{negative} of {len(fitted)} fitted variances are negative: noise, not signal")
    every = np.log(np.arange(1, values.size + 1, dtype=np.float64))
    return PowerLaw(
        alpha=float(-slope),
        predicted=np.exp(centre_y + slope * (every - centre_x)),
        ranks=(first, last),
        negative=negative,
        doubts=tuple(doubts),
    )


def _responses(responses: ArrayLike, metric: str) -> NDArray[np.float64]:
    values = np.asarray(responses, dtype=np.float64)
    if values.ndim != 2:
        raise DataError(f"{metric}: needs responses (stimulus, unit), got {values.ndim} dimensions")
    if not np.isfinite(values).all():
        raise DataError(f"{metric}: {int((~np.isfinite(values)).sum())} responses are not finite")
    if len(values) < 2:
        raise NotEnoughData(f"{metric}: needs at least two stimuli, got {len(values)}")
    return values


def _gram_ratio(rows: NDArray[np.float64]) -> float:
    """``(tr G)^2 / tr G^2`` of the Gram matrix, from the smaller of the two."""
    scaled = rows / np.abs(rows).max()  # so that no power over- or underflows
    gram = scaled @ scaled.T if rows.shape[0] <= rows.shape[1] else scaled.T @ scaled
    return float(np.trace(gram) ** 2 / (gram**2).sum())
