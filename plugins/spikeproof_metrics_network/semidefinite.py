"""LipSDP: Lipschitz bounds of dense networks by semidefinite programming."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from scipy import linalg
from spikeproof.errors import DataError, UsageError

from .dense import as_weights, dense_norm

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["SdpBound", "lipsdp"]


class SdpBound(NamedTuple):
    """A certified bound.

    Parameters
    ----------
    value : float
        Upper bound on the Lipschitz constant in L2. It follows from the multipliers by linear algebra: it holds however
        exact the solver was.
    solver_value : float
        What the solver reports.
    status : str
        The solver's own word.
    """

    value: float
    solver_value: float
    status: str


def lipsdp(
    weights: Sequence[ArrayLike],
    mode: Literal["neuron", "layer"] = "neuron",
    *,
    slopes: tuple[float, float] = (0.0, 1.0),
    solver: str = "CLARABEL",
) -> SdpBound:
    """Upper bound of a dense network with slope-restricted activations (Fazlyab et al. 2019, arXiv:1906.04893).

    Tighter than :func:`lipschitz_product`, since it knows how one layer's output directions meet the next one's input.
    (The mode *network* of the paper is no bound: Pauli et al. 2021, arXiv:2005.02929.)

    Parameters
    ----------
    weights : sequence of array_like, (output, input)
        From the input to the output, the last one linear; at least two.
    mode : {"neuron", "layer"}
        One multiplier a neuron (tighter) or a layer (faster).
    slopes : tuple of float
        Smallest and largest slope of the activations: (0, 1) for ReLU, tanh; (0, 0.25) for the logistic function.
    solver : str
        Of cvxpy: ``CLARABEL``, or ``SCS`` for larger networks (some hundred neurons).

    Returns
    -------
    SdpBound

    Raises
    ------
    UsageError
        If cvxpy is not installed, or lacks the solver.
    DataError
        If weights do not fit, slopes are not in order, or the solver finds nothing that certifies a bound.

    Examples
    --------
    >>> round(lipsdp([[[1.0], [1.0]], [[1.0, -1.0]]]).value, 6)  # doctest: +SKIP
    1.0
    """
    matrices = as_weights(weights)
    if len(matrices) < 2:
        raise DataError("LipSDP: needs at least two weights; the bound of a single one is its norm (dense_norm)")
    if matrices[0].shape[1] > matrices[0].shape[0]:
        # Directions of the input that no neuron sees lengthen nothing: the program is as small as the first layer.
        matrices[0] = np.linalg.qr(matrices[0].T)[1].T
    low, high = float(slopes[0]), float(slopes[1])
    if not (np.isfinite([low, high]).all() and low <= high and high > 0):
        raise DataError(f"LipSDP: slopes must be finite, the smallest first, the largest above 0, got {slopes}")
    if mode not in {"neuron", "layer"}:
        raise DataError(f"LipSDP: mode must be 'neuron' or 'layer', got {mode!r}")
    # The bound grows in proportion to every weight, and the solver wants numbers near 1.
    norms = [dense_norm(matrix) for matrix in matrices]
    if min(norms) == 0:
        return SdpBound(0.0, 0.0, "a weight is zero")
    scaled = [matrix / norm for matrix, norm in zip(matrices, norms, strict=True)]
    multipliers, reported, status = _solve(scaled, mode, low, high, solver)
    scale = float(np.prod(norms))
    return SdpBound(scale * _certified(scaled, multipliers, low, high), scale * float(np.sqrt(reported)), status)


def _solve(
    weights: list[NDArray[np.float64]], mode: str, low: float, high: float, solver: str
) -> tuple[NDArray[np.float64], float, str]:
    """Multipliers of the hidden neurons, the squared bound, and the solver's status."""
    try:
        import cvxpy
    except ImportError:
        raise UsageError('LipSDP: needs cvxpy, which is not installed; pip install "spikeproof[lipschitz]"') from None
    if solver not in cvxpy.installed_solvers():
        known = ", ".join(sorted({"CLARABEL", "SCS"} & set(cvxpy.installed_solvers())))
        raise UsageError(f"LipSDP: cvxpy has no solver {solver!r} here; choose from {known}")
    layers = [len(weight) for weight in weights[:-1]]
    square = cvxpy.Variable(nonneg=True)
    if mode == "neuron":
        diagonal: Any = cvxpy.Variable(sum(layers), nonneg=True)
    else:
        spread = linalg.block_diag(*(np.ones((size, 1)) for size in layers))
        diagonal = spread @ cvxpy.Variable(len(layers), nonneg=True)
    before, hidden, first, last = _frame(weights)
    t = cvxpy.diag(diagonal)
    mixed = (low + high) * (before.T @ t @ hidden)
    matrix = mixed + mixed.T - 2 * (hidden.T @ t @ hidden)
    if low * high:
        matrix = matrix - 2 * low * high * (before.T @ t @ before)
    matrix = matrix - square * first + last
    problem = cvxpy.Problem(cvxpy.Minimize(square), [(matrix + matrix.T) / 2 << 0])
    try:
        with warnings.catch_warnings():
            # An inexact solution is told by its status, and does no harm: the bound is proved from the multipliers.
            warnings.simplefilter("ignore", UserWarning)
            problem.solve(solver=solver)
    except cvxpy.error.SolverError as error:
        raise DataError(f"LipSDP: {solver} failed: {error}") from None
    if diagonal.value is None:
        raise DataError(f"LipSDP: {solver} found no bound ({problem.status}); try another solver")
    return np.maximum(np.asarray(diagonal.value, dtype=np.float64), 0.0), float(square.value), str(problem.status)


def _certified(weights: list[NDArray[np.float64]], multipliers: NDArray[np.float64], low: float, high: float) -> float:
    """The smallest bound that these multipliers prove: a Schur complement, without the solver's tolerance."""
    before, hidden, _, last = _frame(weights)
    inputs = weights[0].shape[1]
    for push in (0.0, 1e-9, 1e-7, 1e-5, 1e-3):
        t = multipliers * (1 + push) + push * multipliers.max()
        mixed = (low + high) * (before.T * t) @ hidden
        matrix = mixed + mixed.T - 2 * (hidden.T * t) @ hidden - 2 * low * high * (before.T * t) @ before + last
        inner = -matrix[inputs:, inputs:]
        try:
            factor = linalg.cho_factor(inner)
        except linalg.LinAlgError:
            continue  # on the edge of what is feasible: a little more of the multipliers takes it inside
        across = matrix[:inputs, inputs:]
        proved = linalg.eigvalsh(matrix[:inputs, :inputs] + across @ linalg.cho_solve(factor, across.T))[-1]
        return float(np.sqrt(max(proved, 0.0)))
    raise DataError("LipSDP: the solver's multipliers prove no bound; try another solver")


def _frame(
    weights: list[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What takes all values to those before and after activations, and the forms of input and output."""
    inputs, *layers = (weight.shape[1] for weight in weights)
    neurons = sum(layers)
    before = np.hstack([linalg.block_diag(*weights[:-1]), np.zeros((neurons, layers[-1]))])
    hidden = np.hstack([np.zeros((neurons, inputs)), np.eye(neurons)])
    first, last = np.zeros((2, inputs + neurons, inputs + neurons))
    first[:inputs, :inputs] = np.eye(inputs)
    last[-layers[-1] :, -layers[-1] :] = weights[-1].T @ weights[-1]
    return before, hidden, first, last
