"""Gradients that are missing, zero or masked: told apart, and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.errors import GradientMasked, ModelError
from spikeproof.geometry import ascent_direction, step_in_box
from spikeproof.noise import ItemNoise, generator

from .rows import RowBudget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spikeproof.plugin import Norm
    from spikeproof.types import ResponseModel

    from .grid import Grid
    from .objective import BoundObjective

__all__ = ["gradient_check", "gradient_status", "stationary"]

SEARCHES = 16
"""Random directions that are tried where a gradient is zero."""
SAMPLED = 8
"""Stimuli at which a layer's gradient is checked."""


def gradient_status(bound: BoundObjective, grid: Grid, keys: Sequence[tuple[str | int, ...]]) -> NDArray[np.str_]:
    """Say what it means that the gradient of these items is zero at the clean image.

    16 random directions are tried at the largest epsilon. An item is *dead* if none of them moves what the objective
    reads and the gradient at the first of them is zero too: there is nothing that a search could follow. It is *masked*
    if some of them move it, but the gradient is zero there as well. Otherwise a search that starts at random has a way.
    Then it is *zero-gradient* if what the objective reads is stationary at the clean image, and *ok* if only the
    objective is (a distance is least at its origin).

    Parameters
    ----------
    bound : BoundObjective
        The items, in float32. Directions are those of the whole image, so that it does not matter which part of it
        is looked at.
    grid : Grid
    keys : sequence of tuple
        Key of each item's random numbers.

    Returns
    -------
    numpy.ndarray of str, (item,)
        ``"ok"``, ``"zero-gradient"``, ``"masked"`` or ``"dead"``.
    """
    clean, count = bound.clean, len(bound)
    noise = ItemNoise(grid.seed, [(*key, "search") for key in keys])
    probes = bound.looked_at(_probes(bound.whole, noise, max(grid.epsilons), grid.norm))
    everything = torch.arange(count, device=clean.device)
    status = np.full(count, "dead", dtype="<U13")
    still = stationary(bound.value_and_gradient(probes[:, 0], everything)[1])
    woken, rest = everything[~still], everything[still]
    masked = torch.zeros(len(rest), dtype=torch.bool, device=clean.device)
    if len(rest):
        start = bound.reading(clean[rest], rest)
        for search in range(SEARCHES):
            open_ = ~masked
            if search and not bool(open_.any()):
                break
            asked = rest[open_]
            masked[open_.clone()] = _moved(bound.reading(probes[asked, search], asked), start[open_])
    moved = rest[masked]
    if len(moved):  # the reading moves: is there a gradient at any other of the places that were tried?
        blind = torch.ones(len(moved), dtype=torch.bool, device=clean.device)
        for search in range(1, SEARCHES):
            asked = moved[blind]
            if not len(asked):
                break
            blind[blind.clone()] = stationary(bound.value_and_gradient(probes[asked, search], asked)[1])
        status[moved[blind].cpu().numpy()] = "masked"
        woken = torch.cat([woken, moved[~blind]])
    if len(woken):
        flat = stationary(bound.reading_gradient(clean[woken], woken)).cpu().numpy()
        status[woken.cpu().numpy()] = np.where(flat, "zero-gradient", "ok")
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

    budget = RowBudget(SAMPLED, lambda _: None)  # whoever runs out of memory here will say so in the search

    def mixed(some: Sequence[int]) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
        return [_mixture(model, part, seed) for part in torch.split(clean[list(some)], budget.rows)]

    seen = [one for found in budget.solved(mixed, range(len(clean))) for one in found]
    slopes = [slope for _, slope in seen if slope is not None]
    gradient = torch.cat(slopes) if len(slopes) == len(seen) else None
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
    if not bool(stationary(gradient).all()):
        return
    noise = ItemNoise(seed, [("gradient check", row) for row in range(len(clean))])
    probes = _probes(clean, noise, epsilon, norm)
    start = torch.cat([responses for responses, _ in seen])
    with torch.no_grad():
        moved = [
            _moved(torch.cat([model.responses(part) for part in torch.split(probes[:, search], budget.rows)]), start)
            for search in range(SEARCHES)
        ]
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


def _mixture(model: ResponseModel, images: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Responses (image, unit), and the gradient of a random mixture of all units; None where there is none."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaf = images.detach().clone().requires_grad_()
        responses = model.responses(leaf)
        mixture = torch.as_tensor(generator(seed, "mixture").standard_normal(responses.shape[1]))
        value = (responses * mixture.to(responses)).sum()
        slope = torch.autograd.grad(value, leaf, allow_unused=True)[0] if value.requires_grad else None
    return responses.detach(), slope


def stationary(gradient: torch.Tensor) -> torch.Tensor:
    """Whether each item's gradient is zero or not finite, (item,)."""
    largest = gradient.flatten(1).abs().amax(dim=1)
    return ~torch.isfinite(largest) | (largest == 0)


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
