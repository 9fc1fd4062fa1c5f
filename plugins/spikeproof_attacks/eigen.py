"""The directions of the image that the population notices most, or least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from spikeproof.errors import BadParameter
from spikeproof.geometry import step_in_box
from spikeproof.plugin import Norm
from spikeproof.types import ItemNoise, ItemObjective

from .pursuits import Displaced

__all__ = ["Eigen", "least_noticed", "most_noticed"]

_HELD = 2**24
"""Entries of the Jacobians that are asked for at once."""
_RESOLVED = 1e-6
"""Singular values below this share of the largest are rounding of float32."""
_TIE = 1e-5
"""Relative difference below which both signs moved the population equally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eigen:
    """The perturbation along the most or the least noticeable direction of the population at each clean image.

    Berardino et al. 2017 (arXiv 1710.02266), "eigen-distortions": the right singular vectors of the Jacobian of the
    whitened population, which are the eigenvectors of its Fisher information where noise is as the whitening says. The
    most noticeable is the top one. The least noticeable is the bottom one; where directions go unnoticed altogether (as
    many as there are pixels more than independent units), it is a random one of these, drawn for each item.

    From the clean image each epsilon is walked along the direction, clipping to the box, until the norm is reached. A
    singular vector has no sign: both are tried, and of the two images the one is kept whose population vector moved
    farther (``most``) or less far (``least``).
    """

    target: Annotated[str, "Which direction: most (the default) or least."] = ""

    def __post_init__(self) -> None:
        if self.target not in ("", "most", "least"):
            raise BadParameter(f"eigen: directions are 'most' and 'least' (eigen:least), got {self.target!r}")

    def pursues(self) -> Displaced:
        """The distance from the clean population vector, to be made large or small."""
        return Displaced(way="least" if self.target == "least" else "most")

    def __call__(
        self,
        objective: ItemObjective,
        clean: torch.Tensor,
        epsilons: torch.Tensor,
        norm: Norm,
        noise: ItemNoise,
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x)."""
        # Drawn for every item, needed or not, so that an item's numbers never depend on the others.
        drawn = noise.normal(clean.shape[1:], like=clean)
        components = objective.responses(clean[:1], torch.zeros(1, dtype=torch.long, device=clean.device)).shape[1]
        size = max(1, _HELD // (components * clean[0].numel()))
        directions = []
        for items in torch.split(torch.arange(len(clean), device=clean.device), size):
            for jacobian, start in zip(objective.jacobian(clean[items], items), drawn[items], strict=True):
                rows = jacobian.flatten(1).to(torch.float64)
                found = least_noticed(rows, start.flatten()) if self.target == "least" else most_noticed(rows)
                directions.append(found.to(clean.dtype).reshape(clean.shape[1:]))
        direction = torch.stack(directions).repeat(len(epsilons), *[1] * (clean.ndim - 1))
        start = clean.repeat(len(epsilons), *[1] * (clean.ndim - 1))
        radius = epsilons.to(torch.float64).repeat_interleave(len(clean))
        items = torch.arange(len(clean), device=clean.device).repeat(len(epsilons))
        plus, minus = (step_in_box(start, sign * direction, radius, norm) for sign in (1.0, -1.0))
        there, here = objective(minus, items), objective(plus, items)
        better = there - here > _TIE * here.abs()  # a tie must not be settled by how rows were batched
        kept = torch.where(better.view(-1, *[1] * (clean.ndim - 1)), minus, plus)
        return kept.reshape(len(epsilons), *clean.shape)


def most_noticed(jacobian: torch.Tensor) -> torch.Tensor:
    """Direction of unit length that a linear map enlarges most: its top right singular vector.

    Parameters
    ----------
    jacobian : torch.Tensor, (component, pixel)

    Returns
    -------
    torch.Tensor, (pixel,)
        Zero where the Jacobian is; its largest entry is positive.

    Examples
    --------
    >>> most_noticed(torch.tensor([[1.0, 0.0], [0.0, -3.0]]))
    tensor([0., 1.])
    """
    return _signed(_rows_of_rank(jacobian)[1][-1:].sum(dim=0))


def least_noticed(jacobian: torch.Tensor, draw: torch.Tensor) -> torch.Tensor:
    """Direction of unit length that a linear map enlarges least.

    Its bottom right singular vector, or, where some directions are mapped to zero, the one of these that is nearest to
    a random direction.

    Parameters
    ----------
    jacobian : torch.Tensor, (component, pixel)
    draw : torch.Tensor, (pixel,)
        The random direction.

    Returns
    -------
    torch.Tensor, (pixel,)
        Zero where the Jacobian is, since nothing is noticed then.

    Examples
    --------
    >>> least_noticed(torch.tensor([[1.0, 0.0], [0.0, -3.0]]), torch.ones(2))
    tensor([1., 0.])
    >>> least_noticed(torch.tensor([[0.0, 0.0, 2.0]]), torch.tensor([3.0, 4.0, 5.0]))
    tensor([0.6000, 0.8000, 0.0000])
    """
    values, rows = _rows_of_rank(jacobian)
    if not len(values):
        return torch.zeros_like(jacobian[0])
    if len(rows) == jacobian.shape[1]:
        return _signed(rows[0])
    free = draw.to(rows)
    for _ in range(2):  # a second time for what rounding left
        free = free - rows.T @ (rows @ free)
    unit: torch.Tensor = free / torch.linalg.vector_norm(free)
    return unit


def _rows_of_rank(jacobian: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Singular values above rounding, ascending, and their right singular vectors (value, pixel).

    By the eigenvectors of the smaller of the two Gram matrices, in the Jacobian's dtype.
    """
    wide = jacobian.shape[0] < jacobian.shape[1]
    gram = jacobian @ jacobian.T if wide else jacobian.T @ jacobian
    squares, vectors = torch.linalg.eigh(gram)
    values = squares.clamp(min=0).sqrt()
    kept = (values > _RESOLVED * values[-1]) & (values > 0)
    values, vectors = values[kept], vectors[:, kept].T
    if not len(values):
        return values, jacobian[:0]
    if wide:
        vectors = torch.linalg.qr(((vectors @ jacobian) / values[:, None]).flip(0).T)[0].T.flip(0)
    return values, vectors


def _signed(direction: torch.Tensor) -> torch.Tensor:
    """The direction or its opposite: that whose largest entry is positive."""
    return direction.neg() if float(direction[direction.abs().argmax()]) < 0 else direction
