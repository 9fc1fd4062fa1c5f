"""Images at which the model has no finite responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.acceleration import Unchecked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .grid import Grid

__all__ = ["back_to_clean"]


def back_to_clean(
    grid: Grid,
    images: torch.Tensor,
    achieved: torch.Tensor,
    stimuli: NDArray[np.intp],
    status: NDArray[np.str_],
    *,
    unseen: bool,
) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.str_]]:
    """Put the clean image where responses are not finite, for items that are known for it, and flag these.

    A search keeps no such point, but what is made of its result may be one: the projection of a long perturbation on a
    small ball. That item must not end the run of all others. Items that no search saw to be fragile are left: there the
    attack did not look, and reading them will say which it is. So are items that no ball binds, since the clean image
    would be the perfect answer.

    Parameters
    ----------
    grid : Grid
    images : torch.Tensor, (epsilon, item, channel, y, x)
    achieved : torch.Tensor, (epsilon, item)
        Norms of the perturbations.
    stimuli : numpy.ndarray of int, (item,)
    status : numpy.ndarray of str, (item,)
    unseen : bool
        Whether no search has asked about these images, so that every item may be fragile.

    Returns
    -------
    images, achieved, status
        As they came, or changed copies.
    """
    fragile = np.flatnonzero((status == "not-finite") | unseen)
    if not len(fragile) or grid.epsilons == (np.inf,):
        return images, achieved, status
    model = grid.model.unchecked() if isinstance(grid.model, Unchecked) else grid.model
    items = torch.as_tensor(fragile, device=images.device)
    rows = images[:, items].flatten(0, 1)
    finite = []
    with torch.no_grad():
        for part in torch.split(rows, grid.budget.rows):
            seen = model.both(part) if grid.use_head else (model.responses(part),)
            finite.append(torch.stack([torch.isfinite(one).all(dim=1) for one in seen]).all(dim=0))
    broken = ~torch.cat(finite).to(images.device).reshape(len(images), -1)
    if not broken.any():
        return images, achieved, status
    images, achieved, status = images.clone(), achieved.clone(), status.copy()
    ball, place = broken.nonzero(as_tuple=True)
    images[ball, items[place]] = grid.clean[torch.as_tensor(stimuli[fragile])[place.cpu()]].to(images)
    achieved[ball, items[place]] = 0
    status[fragile[place.cpu().numpy()]] = "not-finite"
    return images, achieved, status
