"""Capacity, radius and dimension of the categories' manifolds, as a function of a matrix of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample, generator

from .capacity import manifold_geometry
from .cones import cone_capacity
from .decoding import one_thread

__all__ = ["Capacity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How many random two-way classifications of the categories a linear readout could make, per dimension."""

    method: Annotated[
        Literal["mean-field", "cone"],
        "By mean-field theory, which also gives radius and dimension, or by the cone of all points, which assumes"
        " nothing of the centres and takes longer.",
    ] = "mean-field"
    probes: Annotated[int, "Random probes for each manifold (mean-field) or in all (cone)."] = 40
    points: Annotated[int, "Most stimuli that stand for a category."] = 20
    rank: Annotated[
        int | None, "Directions that centres share to take out first (mean-field); none: as many as decorrelate them."
    ] = 0
    margin: Annotated[float, "Margin kappa of the classifications (mean-field)."] = 0.0

    def __post_init__(self) -> None:
        if self.probes < 1:
            raise BadParameter(f"capacity: probes must be at least 1, got {self.probes}")
        if self.points < 2:
            raise BadParameter(f"capacity: points must be at least 2, got {self.points}")
        if not 0 <= self.margin < float("inf"):
            raise BadParameter(f"capacity: margin must be 0 or more, and finite, got {self.margin}")
        if self.rank is not None and self.rank < 0:
            raise BadParameter(f"capacity: rank must be 0 or more, or none, got {self.rank}")

    def quantities(self) -> tuple[Quantity, ...]:
        """Capacity; by mean-field theory also radius and dimension."""
        what = f"A category's manifold is the responses to at most {self.points} of its stimuli"
        if self.method == "cone":
            return (
                Quantity(
                    name="capacity",
                    long_name="manifold capacity",
                    units="categories per dimension",
                    definition=(
                        f"{what}. P / E |projection of t on the cone of y_i x|^2 over {self.probes} Gaussian t and "
                        "random labels y (Chou et al. 2024)."
                    ),
                    lowest=0.0,
                    headline=True,
                ),
            )
        source = "(Chung, Lee & Sompolinsky 2018, doi:10.1103/PhysRevX.8.031003; Cohen et al. 2020)"
        taken = "as many shared directions of the centres as decorrelate them" if self.rank is None else self.rank
        more = f"{self.probes} probes a manifold, the global mean and {taken} shared directions taken out"
        return (
            Quantity(
                name="capacity",
                long_name="manifold capacity",
                units="categories per dimension",
                definition=f"{what}. Mean-field capacity {source}, harmonic mean over categories; {more}. 2: points.",
                lowest=0.0,
                headline=True,
            ),
            Quantity(
                name="radius",
                long_name="manifold radius",
                units="length of the centre",
                definition=f"{what}. Root mean square of anchor points about their mean {source}; {more}.",
                lowest=0.0,
            ),
            Quantity(
                name="dimension",
                long_name="manifold dimension",
                units="dimensions",
                definition=f"{what}. D times the squared mean cosine of probes and anchor points {source}; {more}.",
                lowest=0.0,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Measure the manifolds of the categories.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer than three categories, fewer than two stimuli of one, or responses do not vary.
        spikeproof.errors.DataError
            If a category's centre is that of all responses.
        """
        clouds, names = self._clouds(sample)
        values = sample.responses
        if np.linalg.norm(values - values.mean(axis=0)) <= 1e-13 * np.linalg.norm(values):
            raise NotEnoughData(
                f"capacity: responses are the same for all {len(values)} stimuli: there are no manifolds"
            )
        with one_thread():
            if self.method == "cone":
                most = max(map(len, clouds))
                # A point that stands there twice changes no cone.
                points = np.stack([cloud[np.arange(most) % len(cloud)] for cloud in clouds])
                signs = np.stack(
                    [generator(sample.seed, "cone labels", name).choice([-1.0, 1.0], self.probes) for name in names],
                    axis=1,
                )
                capacity, _ = cone_capacity(points, probes=sample.probes(self.probes, "cone").T, labels=signs)
                return {"capacity": capacity}
            drawn = [
                np.vstack(
                    [
                        sample.probes(self.probes, f"manifold {name}"),
                        generator(sample.seed, "manifold centre", name).standard_normal((1, self.probes)),
                    ]
                )
                for name in names
            ]
            found = manifold_geometry(clouds, margin=self.margin, rank=self.rank, seed=sample.seed, drawn=drawn)
        return {
            "capacity": found.mean_capacity,
            "radius": float(found.radius.mean()),
            "dimension": float(found.dimension.mean()),
        }

    def _clouds(self, sample: Sample) -> tuple[list[NDArray[np.float64]], list[str]]:
        if sample.labels is None:
            raise NotEnoughData(
                "capacity: there are no categories: name the column that holds them (option `category`)"
            )
        names, counts = np.unique(sample.labels, return_counts=True)
        if len(names) < 3:
            raise NotEnoughData(f"capacity: needs at least three categories, got {len(names)}")
        if counts.min() < 2:
            few = str(names[counts.argmin()])
            raise NotEnoughData(f"capacity: category {few!r} has {counts.min()} stimulus, but a manifold needs two")
        scale = np.abs(sample.responses).max()
        values = sample.responses / scale if scale > 0 else sample.responses
        order = sample.order()
        return [values[order[sample.labels[order] == name][: self.points]] for name in names], names.tolist()
