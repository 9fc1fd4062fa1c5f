"""Axis tuning of units in the space of another system's features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from spikeproof_metrics_unit.tuning import AxisMethod, held_out_tuning

__all__ = ["Tuning"]

_SOURCE = (
    "Axis code of Bao et al. (2020, doi:10.1038/s41586-020-2350-5): features are the first principal components of the "
    "reference's responses, the preferred axis of a unit is found without the stimuli that are projected on it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How far units follow one axis of the reference's features, and how flat they are across it."""

    components: Annotated[int, "Most principal components of the reference that make up the features."] = 20
    folds: Annotated[int, "Folds over stimuli."] = 5
    bins: Annotated[int, "Bins of equal numbers of stimuli along an axis."] = 5
    method: Annotated[AxisMethod, "Axis by response-weighted mean feature, or by least squares."] = "sta"

    def __post_init__(self) -> None:
        for name, least in (("components", 2), ("folds", 2), ("bins", 2)):
            if getattr(self, name) < least:
                raise BadParameter(f"tuning: {name} must be at least {least}, got {getattr(self, name)}")

    def quantities(self) -> tuple[Quantity, ...]:
        """Correlation with the preferred axis, and the variance explained along and across it."""
        share = f"Share of a unit's variance that {self.bins} bins explain, less what chance would (epsilon squared of "
        share += "Kelley 1935), mean over units:"
        return (
            Quantity(
                name="preferred_axis_r",
                long_name="correlation with the preferred axis",
                units="1",
                definition=(
                    f"{_SOURCE} ({self.components} components at most, {self.folds} folds). Pearson correlation over "
                    "stimuli of a unit's response with its held-out projection, mean over units that vary."
                ),
                lowest=-1.0,
                highest=1.0,
                headline=True,
            ),
            Quantity(
                name="preferred_axis_strength",
                long_name="tuning strength along the preferred axis",
                units="1",
                definition=f"{_SOURCE}. {share} by position along the preferred axis.",
                highest=1.0,
            ),
            Quantity(
                name="orthogonal_axis_strength",
                long_name="tuning strength across the preferred axis",
                units="1",
                definition=(
                    f"{_SOURCE}. {share} by position along the principal axis orthogonal to the preferred one. 0 for a "
                    "unit that is flat across its preferred axis."
                ),
                highest=1.0,
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Average over units.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If the reference has fewer than two dimensions, stimuli are too few for the bins or folds, or no unit
            varies.
        """
        if sample.reference is None:
            raise NotEnoughData("tuning: needs the responses of a reference as features")
        features = _components(sample.reference, self.components)
        r, along, across = held_out_tuning(
            sample.responses, features, sample.folds(self.folds), method=self.method, bins=self.bins
        )
        known = np.isfinite(r) & np.isfinite(along) & np.isfinite(across)
        if not known.any():
            raise NotEnoughData("tuning: no unit varies over the stimuli")
        return {
            "preferred_axis_r": float(r[known].mean()),
            "preferred_axis_strength": float(along[known].mean()),
            "orthogonal_axis_strength": float(across[known].mean()),
        }


def _components(reference: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Scores of the first principal components, (stimulus, component)."""
    centred = reference - reference.mean(axis=0)
    if centred.shape[0] <= centred.shape[1]:
        squared, vectors = np.linalg.eigh(centred @ centred.T)
        scores = vectors * np.sqrt(np.maximum(squared, 0.0))
    else:
        squared, vectors = np.linalg.eigh(centred.T @ centred)
        scores = centred @ vectors
    real = squared > 1e-10 * max(float(squared[-1]), 0.0)
    found: NDArray[np.float64] = scores[:, real][:, ::-1][:, :most]
    if found.shape[1] < 2:
        raise NotEnoughData(
            f"tuning: the reference varies along {found.shape[1]} dimensions, but two are needed: there is nothing "
            "orthogonal to a single one"
        )
    return found
