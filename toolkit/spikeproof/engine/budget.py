"""What an attack or control may return: inside its ball and the pixel box, finite, of the right shape and dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from spikeproof.errors import AttackError
from spikeproof.geometry import norm_of, project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spikeproof.plugin import Norm

__all__ = ["enforce"]

EXACT = 1e-6
"""Relative excess of the norm that is accepted as it is."""
ROUNDING = 1e-5
"""Relative excess of the norm that is taken for rounding and pulled back; more is an error."""


def enforce(
    perturbed: object, clean: torch.Tensor, limits: torch.Tensor, norm: Norm, *, who: str, names: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Check what an attack returned; never trust it.

    Norms are recomputed in float64. An excess that rounding to the images' dtype explains (1e-5 of the radius, or one
    unit in the last place of every pixel) is pulled back onto the ball and the box; anything more is refused.

    Parameters
    ----------
    perturbed : object
        What came back; must be a tensor (epsilon, item, channel, y, x).
    clean : torch.Tensor, (item, channel, y, x)
    limits : torch.Tensor of float64, (epsilon, item)
        Largest norm allowed.
    norm : {"l1", "l2", "linf"}
    who : str
        What messages call the attack: ``"attack 'pgd' on unit '3'"``.
    names : sequence of str
        Name of each item.

    Returns
    -------
    perturbed : torch.Tensor, (epsilon, item, channel, y, x)
    achieved : torch.Tensor of float64, (epsilon, item)
        Norms of the perturbations.

    Raises
    ------
    AttackError
        Names the attack, the item, what was found and what is allowed.
    """
    shape = (len(limits), *clean.shape)
    if not isinstance(perturbed, torch.Tensor):
        raise AttackError(f"{who} returned {type(perturbed).__name__}: it must return a tensor of shape {shape}")
    if tuple(perturbed.shape) != shape or perturbed.dtype != clean.dtype:
        raise AttackError(
            f"{who} returned {perturbed.dtype} of shape {tuple(perturbed.shape)}: "
            f"it must return {clean.dtype} of shape {shape} (epsilon, item, *image)"
        )
    images = perturbed.detach().to(clean.device).reshape(-1, *clean.shape[1:])
    start = clean.repeat(len(limits), *[1] * (clean.ndim - 1))
    radii = limits.reshape(-1)
    flat = images.reshape(len(images), -1)

    def refuse(bad: torch.Tensor, found: str, advice: str) -> AttackError:
        row = int(bad.nonzero()[0, 0])
        more = f" (and {int(bad.sum()) - 1} more)" if int(bad.sum()) > 1 else ""
        return AttackError(f"{who}, {names[row % len(clean)]}, radius {radii[row]:.6g}: {found}{more}; {advice}")

    bad = ~torch.isfinite(flat).all(dim=1)
    if bad.any():
        raise refuse(bad, "the image has a value that is not finite", "an attack must return finite images")
    low, high = flat.amin(dim=1), flat.amax(dim=1)
    ulp = torch.finfo(clean.dtype).eps
    bad = (low < -8 * ulp) | (high > 1 + 8 * ulp)
    if bad.any():
        row = int(bad.nonzero()[0, 0])
        found = f"pixels reach from {low[row]:.6g} to {high[row]:.6g}"
        raise refuse(bad, found, "allowed is [0, 1]: clip to the box (see spikeproof.geometry.project)")
    achieved = norm_of(images.to(torch.float64) - start.to(torch.float64), norm)
    pixels = flat.shape[1]
    spread = {"l1": pixels, "l2": pixels**0.5, "linf": 1.0}[norm]  # of one unit in the last place of every pixel
    rounding = (radii * ROUNDING).clamp(min=ulp * spread)
    bad = achieved > radii + torch.where(radii > 0, rounding, 0.0)
    if bad.any():
        row = int(bad.nonzero()[0, 0])
        found = f"the perturbation has {norm} norm {achieved[row]:.6g}, allowed {radii[row]:.6g}"
        raise refuse(bad, found, "project on the ball (see spikeproof.geometry.project)")
    off = ((achieved > radii * (1 + EXACT)) | (low < 0) | (high > 1)).nonzero()[:, 0]
    if len(off):
        images = images.clone()
        images[off] = project(images[off], start[off], radii[off], norm)
        achieved[off] = norm_of(images[off].to(torch.float64) - start[off].to(torch.float64), norm)
    return images.reshape(shape), achieved.reshape(limits.shape)
