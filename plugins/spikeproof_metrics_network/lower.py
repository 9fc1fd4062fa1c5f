"""Lower bounds on the Lipschitz constant: what some input or some pair of inputs shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from spikeproof.errors import DataError, ModelError, NotEnoughData
from torch import nn

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["LowerBound", "jacobian_norms", "lipschitz_lower_bound", "secant_lower_bound"]

BLOCK = 2**24
"""Entries of Jacobians that are held at once."""


class LowerBound(NamedTuple):
    """A lower bound and what shows it.

    Parameters
    ----------
    value : float
    where : int
        The point, or the pair of points, that shows it.
    """

    value: float
    where: int


def jacobian_norms(module: nn.Module, points: torch.Tensor) -> NDArray[np.float64]:
    """Largest singular value of a network's Jacobian at given points.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode, so that inputs of a batch do not depend on each other. It returns (point, output).
    points : torch.Tensor, (point, ...)
        Inputs, in the network's type and on its device. Use double precision for more than six digits.

    Returns
    -------
    numpy.ndarray of float64, (point,)

    Raises
    ------
    ModelError
        If the network is in training mode, has no gradient, or gives a Jacobian that is not finite.
    NotEnoughData
        If there is no point.

    Examples
    --------
    >>> layer = nn.Linear(2, 1, bias=False).double().eval()
    >>> layer.weight = nn.Parameter(torch.tensor([[3.0, 4.0]], dtype=torch.float64))
    >>> jacobian_norms(layer, torch.zeros(1, 2, dtype=torch.float64)).tolist()
    [5.0]
    """
    if any(part.training for part in module.modules()):
        raise ModelError("lipschitz: the network is in training mode, where it is another function; call eval() first")
    if len(points) == 0:
        raise NotEnoughData("lipschitz: at least one point is needed")
    norms = np.empty(len(points))
    with torch.enable_grad():
        outputs = module(points[:1].detach()).reshape(1, -1).shape[1]
        batch = max(1, BLOCK // (outputs * points[0].numel()))
        for start in range(0, len(points), batch):
            norms[start : start + batch] = _norms(module, points[start : start + batch].detach(), outputs)
    if not np.isfinite(norms).all():
        raise ModelError(f"lipschitz: the Jacobian at point {int(np.argmin(np.isfinite(norms)))} is not finite")
    return norms


def lipschitz_lower_bound(module: nn.Module, points: torch.Tensor) -> LowerBound:
    """The largest of :func:`jacobian_norms`: no Lipschitz constant over a set around the points is smaller.

    Parameters
    ----------
    module : torch.nn.Module
    points : torch.Tensor, (point, ...)

    Returns
    -------
    LowerBound

    Raises
    ------
    ModelError, NotEnoughData
        As :func:`jacobian_norms`.

    Examples
    --------
    >>> lipschitz_lower_bound(nn.Tanh().eval(), torch.tensor([[1.0], [0.0]]))
    LowerBound(value=1.0, where=1)
    """
    norms = jacobian_norms(module, points)
    return LowerBound(float(norms.max()), int(norms.argmax()))


def secant_lower_bound(
    inputs: ArrayLike, outputs: ArrayLike, moved_inputs: ArrayLike, moved_outputs: ArrayLike
) -> LowerBound:
    """Largest ``|f(x') - f(x)| / |x' - x|`` over pairs, such as images and what an attack made of them.

    Parameters
    ----------
    inputs, moved_inputs : array_like, (pair, ...)
    outputs, moved_outputs : array_like, (pair, ...)

    Returns
    -------
    LowerBound
        In L2.

    Raises
    ------
    NotEnoughData
        If there is no pair, or no input was moved.
    DataError
        If shapes do not fit, or a value is not finite.

    Examples
    --------
    >>> secant_lower_bound([[0.0], [0.0]], [[0.0], [0.0]], [[1.0], [2.0]], [[3.0], [4.0]])
    LowerBound(value=3.0, where=0)
    """
    x, y, x2, y2 = (np.asarray(v, dtype=np.float64) for v in (inputs, outputs, moved_inputs, moved_outputs))
    if x.shape != x2.shape or y.shape != y2.shape or len(x) != len(y):
        raise DataError(
            f"lipschitz: inputs {x.shape} and {x2.shape}, outputs {y.shape} and {y2.shape} do not fit each other"
        )
    if not all(np.isfinite(v).all() for v in (x, y, x2, y2)):
        raise DataError("lipschitz: inputs or outputs hold values that are not finite")
    count = len(x)
    steps, changes = (np.linalg.norm((b - a).reshape(count, -1), axis=1) for a, b in ((x, x2), (y, y2)))
    moved = steps > 0
    if not moved.any():
        raise NotEnoughData("lipschitz: no input differs from its partner, so that no slope can be seen")
    if (changes[~moved] > 0).any():
        raise DataError("lipschitz: outputs differ where inputs are the same; is the network in training mode?")
    slopes = np.zeros(count)
    slopes[moved] = changes[moved] / steps[moved]
    return LowerBound(float(slopes.max()), int(slopes.argmax()))


def _norms(module: nn.Module, points: torch.Tensor, outputs: int) -> NDArray[np.float64]:
    leaf = points.clone().requires_grad_()
    values = module(leaf).reshape(len(points), -1)
    if not values.requires_grad:
        raise ModelError("lipschitz: the network's output has no gradient with respect to its input")
    rows = []
    for k in range(outputs):
        (gradient,) = torch.autograd.grad(values[:, k].sum(), leaf, retain_graph=k + 1 < outputs)
        rows.append(gradient.reshape(len(points), -1).to(torch.float64))
    jacobians = torch.stack(rows, dim=1)
    wide = jacobians.shape[1] <= jacobians.shape[2]
    gram = jacobians @ jacobians.mT if wide else jacobians.mT @ jacobians
    if not torch.isfinite(gram).all():
        return np.where(torch.isfinite(gram).flatten(1).all(dim=1).cpu().numpy(), 0.0, np.nan)
    largest: NDArray[np.float64] = torch.linalg.eigvalsh(gram)[:, -1].clamp(min=0).sqrt().cpu().numpy()
    return largest
