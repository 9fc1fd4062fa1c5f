"""How much a layer's units move with their image: the Jacobian of a response model, at images."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from spikeproof.errors import DataError
from spikeproof.types import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from spikeproof.types import ResponseModel

__all__ = ["WHOLE", "Slopes", "slopes_at"]

WHOLE = 48
"""Units up to which the Jacobian is written out whole: as many backward passes."""

_PROBES, _IMAGES = 16, 16


class Slopes(NamedTuple):
    """Slopes at images.

    Parameters
    ----------
    steepest : numpy.ndarray of float64, (image,)
        Largest singular value of the Jacobian; where it is not exact, the stretch of one direction, which is no larger.
    random : numpy.ndarray of float64, (image,)
        Root mean square stretch of a random direction.
    exact : bool
        Whether they are known up to rounding.
    """

    steepest: NDArray[np.float64]
    random: NDArray[np.float64]
    exact: bool


def slopes_at(
    model: ResponseModel, images: NDArray[np.float32], names: Sequence[str], *, steps: int, seed: int
) -> Slopes:
    """Steepest and random stretch of images by a layer's units, in L2.

    Up to 48 units the Jacobian is written out. Beyond, its largest singular value is sought by power iteration on the
    Jacobian and its transpose (the product with a direction is the derivative of the product with a row), and random
    directions are drawn.

    Parameters
    ----------
    model : ResponseModel
    images : numpy.ndarray of float32, (image, channel, y, x)
    names : sequence of str
        Names of the images, which their random numbers go by.
    steps : int
        Of the power iteration.
    seed : int

    Returns
    -------
    Slopes

    Raises
    ------
    DataError
        If responses have no gradient, or one that is not finite, or cannot be differentiated twice.
    """
    whole = len(model.units) <= WHOLE
    parts = []
    for start in range(0, len(images), _IMAGES):
        batch = torch.from_numpy(images[start : start + _IMAGES])
        if whole:
            parts.append(_written_out(model, batch))
        else:
            parts.append(_iterated(model, batch, names[start : start + _IMAGES], steps, seed))
    steepest, random = (np.concatenate(values) for values in zip(*parts, strict=True))
    if not np.isfinite(steepest).all() or not np.isfinite(random).all():
        bad = names[int(np.argmin(np.isfinite(steepest) & np.isfinite(random)))]
        raise DataError(f"lipschitz: the Jacobian at stimulus {bad!r} is not finite")
    return Slopes(steepest, random, whole)


def _responses(model: ResponseModel, leaf: torch.Tensor) -> torch.Tensor:
    values = model.responses(leaf)
    if not values.requires_grad:
        raise DataError("lipschitz: the responses have no gradient with respect to the image, so that no slope is seen")
    return values


def _written_out(model: ResponseModel, images: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    leaf = images.clone().requires_grad_()
    with torch.enable_grad():
        values = _responses(model, leaf)
        columns = values.shape[1]
        rows = [
            torch.autograd.grad(values[:, k].sum(), leaf, retain_graph=k + 1 < columns)[0].flatten(1).double()
            for k in range(columns)
        ]
    jacobians = torch.stack(rows, dim=1)
    pixels = jacobians.shape[2]
    gram = jacobians @ jacobians.mT if columns <= pixels else jacobians.mT @ jacobians
    random = (jacobians.square().sum(dim=(1, 2)) / pixels).sqrt()
    finite = torch.isfinite(gram).flatten(1).all(dim=1)
    safe = torch.where(finite[:, None, None], gram, torch.zeros_like(gram))
    steepest = torch.linalg.eigvalsh(safe)[:, -1].clamp(min=0).sqrt()
    steepest[~finite] = torch.nan
    return steepest.cpu().numpy(), random.cpu().numpy()


def _iterated(
    model: ResponseModel, images: torch.Tensor, names: Sequence[str], steps: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    leaf = images.clone().requires_grad_()
    with torch.enable_grad():
        values = _responses(model, leaf)
        weights = torch.zeros_like(values, requires_grad=True)
        (pulled,) = torch.autograd.grad(values, leaf, weights, create_graph=True)
        if not pulled.requires_grad:
            raise DataError("lipschitz: the gradient of the responses cannot be differentiated: aim at fewer units")

        def pushed(direction: torch.Tensor) -> torch.Tensor:
            try:
                return torch.autograd.grad(pulled, weights, direction, retain_graph=True)[0]
            except RuntimeError as error:
                raise DataError(
                    f"lipschitz: the network has a step whose gradient cannot be differentiated ({error}): set "
                    f"population of its [[model]] to {WHOLE} units or fewer"
                ) from None

        start = torch.stack([_directions(seed, name, images[0].shape) for name in names]).to(leaf)
        moved = [pushed(start[:, k]).double().norm(dim=1) for k in range(_PROBES)]
        random = torch.stack(moved).square().mean(dim=0).sqrt()
        direction, steepest = start[:, 0], torch.zeros(len(images), dtype=torch.float64, device=leaf.device)
        for _ in range(steps):
            along = pushed(direction)
            steepest = torch.maximum(steepest, along.double().norm(dim=1))
            (back,) = torch.autograd.grad(values, leaf, along, retain_graph=True)
            length = back.flatten(1).norm(dim=1).clamp(min=torch.finfo(back.dtype).tiny)
            direction = back / length.reshape(-1, *[1] * (back.ndim - 1))
        steepest = torch.maximum(steepest, pushed(direction).double().norm(dim=1))
    return steepest.detach().cpu().numpy(), random.detach().cpu().numpy()


def _directions(seed: int, name: str, shape: torch.Size) -> torch.Tensor:
    """Random directions of length 1, (probe, channel, y, x)."""
    drawn = generator(seed, "lipschitz", name).standard_normal((_PROBES, *shape))
    drawn /= np.linalg.norm(drawn.reshape(_PROBES, -1), axis=1).reshape(-1, *[1] * len(shape))
    return torch.from_numpy(drawn)
