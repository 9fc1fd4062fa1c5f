"""Gradients that are missing, zero or masked: told apart, and said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from spikeproof.errors import GradientMasked, ModelError
from spikeproof.geometry import ascent_direction, step_in_box
from spikeproof.noise import ItemNoise, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spikeproof.plugin import Norm
    from spikeproof.types import ResponseModel

    from .grid import Grid
    from .objective import BoundObjective

__all__ = ["GradientStatus", "gradient_check", "gradient_status"]

GradientStatus = Literal["ok", "zero-gradient", "masked", "not-finite"]
SEARCHES = 16
"""Random directions that are tried where a gradient is zero."""
SAMPLED = 8
"""Stimuli at which a layer's gradient is checked."""


def gradient_status(
    bound: BoundObjective, grid: Grid, clean: torch.Tensor, keys: Sequence[tuple[str | int, ...]]
) -> NDArray[np.str_]:
    """Tell for each item whether its gradient can be trusted.

    Where the objective's gradient at the clean image is zero, 16 random directions are tried at the largest epsilon.
    A gradient that is zero there too, although what the objective reads has moved, is *masked*. A point where only
    the objective is stationary (a distance is least at its origin) is *ok*: what it reads has a gradient there.

    Parameters
    ----------
    bound : BoundObjective
    grid : Grid
    clean : torch.Tensor, (item, channel, y, x)
    keys : sequence of tuple
        Key of each item's random numbers.

    Returns
    -------
    numpy.ndarray of str, (item,)
        ``"ok"``, ``"zero-gradient"`` or ``"masked"``.
    """
    status = np.full(len(bound), "ok", dtype="<U13")
    items = _flat(bound.value_and_gradient(clean)[1]).nonzero()[:, 0]
    if not len(items):
        return status
    noise = ItemNoise(grid.seed, [(*keys[item], "search") for item in items.tolist()])
    probes = _probes(clean[items], noise, max(grid.epsilons), grid.norm)
    dead = _flat(bound.value_and_gradient(probes[:, 0], items)[1])
    for search in range(1, SEARCHES):  # most stationary points are left at the first probe
        if not dead.any():
            break
        dead[dead.clone()] = _flat(bound.value_and_gradient(probes[dead, search], items[dead])[1])
    woken, still = items[~dead], items[dead]
    if len(woken):
        flat = _flat(bound.reading_gradient(clean[woken], woken))
        status[woken[flat].cpu().numpy()] = "zero-gradient"
    if len(still):
        start = bound.reading(clean[still], still)
        moved = torch.zeros(len(still), dtype=torch.bool, device=clean.device)
        for search in range(SEARCHES):
            moved |= _moved(bound.reading(probes[dead, search], still), start)
        status[still.cpu().numpy()] = np.where(moved.cpu().numpy(), "masked", "zero-gradient")
    return status


def gradient_check(
    model: ResponseModel,
    images: NDArray[np.floating] | torch.Tensor,
    *,
    epsilon: float,
    norm: Norm,
    seed: int,
    device: str = "cpu",
    name: str = "model",
) -> None:
    """Refuse a layer that gradients cannot attack, before any time is spent on it.

    At up to 8 stimuli the gradient of a random mixture of all units is taken: it is zero only where every unit's is.

    Parameters
    ----------
    model : ResponseModel
    images : numpy.ndarray or torch.Tensor, (stimulus, channel, y, x)
        Clean images; the first 8 are used.
    epsilon : float
        Radius at which random directions are tried.
    norm : {"l1", "l2", "linf"}
    seed : int
    device : str
    name : str
        What messages call the system (``"MODEL LAYER"``).

    Raises
    ------
    ModelError
        If the responses are cut off from the image, or do not depend on it.
    GradientMasked
        If the gradient is zero at all sampled stimuli although random search moves the responses.
    """
    clean = torch.as_tensor(images)[:SAMPLED].to(device)
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaf = clean.detach().clone().requires_grad_()
        responses = model.responses(leaf)
        mixture = torch.as_tensor(generator(seed, "mixture").standard_normal(responses.shape[1]))
        value = (responses * mixture.to(responses)).sum()
        gradient = torch.autograd.grad(value, leaf, allow_unused=True)[0] if value.requires_grad else None
    advice = "read another layer, or use an attack that needs no gradients"
    if gradient is None:
        raise ModelError(
            f"{name}: the responses are cut off from the image (detached, computed under no_grad, or the same for "
            f"every image), so no gradient exists: {advice}"
        )
    if not torch.isfinite(gradient).all():
        row = int((~torch.isfinite(gradient).flatten(1).all(dim=1)).nonzero()[0, 0])
        raise ModelError(
            f"{name}: the gradient of the responses to stimulus {row} of the attacked ones is not finite: {advice}"
        )
    if not bool(_flat(gradient).all()):
        return
    noise = ItemNoise(seed, [("gradient check", row) for row in range(len(clean))])
    probes = _probes(clean, noise, epsilon, norm)
    start = responses.detach()
    with torch.no_grad():
        moved = [_moved(model.responses(probes[:, search]), start) for search in range(SEARCHES)]
    share = float(torch.stack(moved).any(dim=0).double().mean())
    if share > 0:
        raise GradientMasked(
            f"{name}: gradient masking: the gradient of all {len(model.units)} units is zero at all {len(clean)} "
            f"sampled stimuli, but random directions of {norm} norm {epsilon:g} move the responses to {share:.0%} of "
            f"them (rounding, a threshold or a quantiser in the network?): robustness would be an illusion; {advice}"
        )
    raise ModelError(
        f"{name}: the gradient of all {len(model.units)} units is zero at all {len(clean)} sampled stimuli, and random "
        f"directions of {norm} norm {epsilon:g} do not move them: there is nothing to attack; {advice}"
    )


def _flat(gradient: torch.Tensor) -> torch.Tensor:
    return ascent_direction(gradient, "linf")[1]


def _probes(clean: torch.Tensor, noise: ItemNoise, radius: float, norm: Norm) -> torch.Tensor:
    """Images (item, search, ...) in random directions at ``radius`` from each clean one."""
    normal = noise.normal((SEARCHES, *clean.shape[1:]), like=clean).flatten(0, 1)
    direction = ascent_direction(normal, norm)[0]
    probes = step_in_box(clean.repeat_interleave(SEARCHES, dim=0), direction, radius, norm)
    return probes.reshape(len(clean), SEARCHES, *clean.shape[1:])


def _moved(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Whether a number of the row moved by more than floating-point noise, (row,)."""
    noise = 64 * torch.finfo(before.dtype).eps * before.abs().amax(dim=1, keepdim=True)
    return ((after - before).abs() > noise).any(dim=1)
