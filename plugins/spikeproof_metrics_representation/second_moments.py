"""Comparisons of RDMs through the second moments of the patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, optimize
from scipy.spatial.distance import squareform
from spikeproof.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fidelities", "negative_riemannian_distance"]


def fidelities(
    first: NDArray[np.float64], second: NDArray[np.float64], *, project_second: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """``tr sqrt(sqrt(A) B sqrt(A))`` of the centred second moments of every two RDMs, and the traces of each set.

    An RDM that is not Euclidean has negative eigenvalues there, and no square root. They count as 0, so that the
    similarity stays between 0 and 1; unless ``project_second`` is false: then those of the second set are kept, and
    dropped only after the product, which depends on the order of the two.
    """
    spectra = [[linalg.eigh(_centred(squareform(rdm))) for rdm in rdms] for rdms in (first, second)]
    if project_second:
        spectra = [[(np.maximum(values, 0.0), vectors) for values, vectors in one] for one in spectra]
    traces = [np.array([values.sum() for values, _ in one]) for one in spectra]
    result = np.empty((len(first), len(second)))
    for i, (values, vectors) in enumerate(spectra[0]):
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        for j, (other, axes) in enumerate(spectra[1]):
            mixed = root.T @ axes
            inner = np.maximum(linalg.eigvalsh((mixed * other) @ mixed.T), 0.0)
            result[i, j] = np.sqrt(inner).sum()
    return result, traces[0], traces[1]


def negative_riemannian_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Negative of ``min over s, t of |log eig(e^s G1 + e^t Sigma, G2)|``, (first, second).

    The second moments G are relative to the first condition; ``e^t Sigma`` is noise that the model may add. The minimum
    is searched by Nelder and Mead's simplex from (0, 0), as in rsatoolbox.
    """
    moments = [[_relative_to_first(squareform(rdm)) for rdm in rdms] for rdms in (first, second)]
    for name, matrices in zip(("first", "second"), moments, strict=True):
        for number, matrix in enumerate(matrices):
            if linalg.eigvalsh(matrix)[0] <= 0:
                raise DataError(
                    f"RDM comparison: the second moments of RDM {number} of the {name} set are not positive definite "
                    "(cross-validated RDMs seldom are), so that neg_riem_dist is undefined; use another comparison"
                )
    noise = np.ones_like(moments[0][0]) + np.eye(len(moments[0][0]))
    return np.array([[_riemannian(a, b, noise) for b in moments[1]] for a in moments[0]])


def _riemannian(a: NDArray[np.float64], b: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    def distance(scales: NDArray[np.float64]) -> float:
        mixed = np.exp(scales[0]) * a + np.exp(scales[1]) * noise
        return float(np.sqrt((np.log(linalg.eigvalsh(mixed, b)) ** 2).sum()))

    return -float(optimize.minimize(distance, (0.0, 0.0), method="Nelder-Mead").fun)


def _relative_to_first(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second moments of differences to the first condition."""
    to_first = distances[0, 1:]
    moments: NDArray[np.float64] = (to_first[:, None] + to_first - distances[1:, 1:]) / 2
    return moments


def _centred(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    moments = distances / -2
    mean = moments.mean(axis=0)
    centred: NDArray[np.float64] = moments - mean[:, None] - mean + mean.mean()
    return centred
