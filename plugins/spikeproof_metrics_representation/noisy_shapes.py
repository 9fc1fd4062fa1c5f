"""Shape distance between noisy representations, as a score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.types import Quantity, Repeats, Sample

from .compared import sides
from .stochastic import gaussian_shape_distance

__all__ = ["StochasticShape"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StochasticShape:
    """Distance that is left between two representations, each with its noise, after the best rotation."""

    alpha: Annotated[float, "2 compares means only (Procrustes), 1 means and noise (2-Wasserstein), 0 noise only."] = (
        1.0
    )
    noise: Annotated[
        Literal["pooled", "each"],
        "One noise covariance for all stimuli, or one for each, which needs many more presentations than units.",
    ] = "pooled"
    restarts: Annotated[int, "Random rotations to search from, besides the one that aligns the means."] = 0
    iterations: Annotated[int, "Steps of a search at most; one that is not done by then is refused."] = 2000
    tolerance: Annotated[float, "A search is done where a step lowers the distance by less than this share."] = 1e-5

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 2:
            raise BadParameter(f"stochastic-shape: alpha must lie between 0 (noise) and 2 (means), got {self.alpha}")
        if self.restarts < 0 or self.iterations < 1:
            raise BadParameter(
                f"stochastic-shape: restarts must be at least 0 and iterations at least 1, got {self.restarts} and "
                f"{self.iterations}"
            )
        if not 0 < self.tolerance < 1:
            raise BadParameter(f"stochastic-shape: tolerance must lie between 0 and 1, got {self.tolerance:g}")

    @property
    def reads_repeats(self) -> bool:
        """It is made of single presentations, unless it looks at means only."""
        return self.alpha < 2

    def quantities(self) -> tuple[Quantity, ...]:
        """The distance."""
        return (
            Quantity(
                name="stochastic_shape",
                long_name="stochastic shape distance",
                units="1",
                definition=(
                    f"sqrt(mean over stimuli of {self.alpha:g} |m_x - m_y|^2 + {2 - self.alpha:g} Bures^2(S_x, S_y)) "
                    "of means m and noise covariances S after the best rotation (Duong et al. 2023, arXiv:2211.11665), "
                    f"S {'pooled over stimuli' if self.noise == 'pooled' else 'of each stimulus'}, 0 for a network. "
                    "Each side is centred and scaled so that its means lie at a root mean square distance of 1 from "
                    "their centre; the narrower one is padded with silent units."
                ),
                lowest=0.0,
                levels={"identical": 0.0},
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Search it.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer than 3 stimuli, a side does not vary, or a side that has noise has no repeats to tell it.
        spikeproof.errors.DataError
            If the search does not end within the iterations.
        """
        values, reference = sides(sample, "stochastic-shape", stimuli=3)
        names = np.arange(len(values)).astype(str) if sample.stimuli is None else sample.stimuli
        width = max(values.shape[1], reference.shape[1])
        given = (
            (values, sample.repeats, sample.noiseless, "compared system"),
            (reference, sample.reference_repeats, sample.reference_noiseless, "reference"),
        )
        one, other = (
            _padded(means, self._covariances(means, names, shown, computed, what), width)
            for means, shown, computed, what in given
        )
        found = gaussian_shape_distance(
            *one,
            *other,
            alpha=self.alpha,
            iterations=self.iterations,
            tolerance=self.tolerance,
            restarts=self.restarts,
            seed=sample.seed,
        )
        if not found.converged:
            raise DataError(
                f"stochastic-shape: the search for the best rotation was not done after {self.iterations} iterations: "
                "raise iterations or tolerance"
            )
        return {"stochastic_shape": found.distance}

    def _covariances(
        self, means: NDArray[np.float64], names: NDArray[np.str_], shown: Repeats | None, computed: bool, what: str
    ) -> NDArray[np.float64]:
        """Noise covariance at each stimulus, (stimulus, unit, unit)."""
        stimuli, units = means.shape
        if self.alpha == 2 or (computed and shown is None):
            return np.zeros((stimuli, units, units))
        if shown is None:
            raise NotEnoughData(
                f"stochastic-shape: there are no single presentations of the {what}, which tell its noise: show images "
                "again, or set alpha to 2 to compare means only"
            )
        each = np.zeros((stimuli, units, units))
        freedom = np.zeros(stimuli)
        for row, name in enumerate(names.tolist()):
            mine = shown.responses[shown.stimuli == name]
            if len(mine) > 1:
                residual = mine - mine.mean(axis=0)
                each[row], freedom[row] = residual.T @ residual, len(mine) - 1
        if self.noise == "each" and (freedom < 1).any():
            row = int(freedom.argmin())
            raise NotEnoughData(
                f"stochastic-shape: stimulus {str(names[row])!r} of the {what} was presented once "
                f"({int((freedom < 1).sum())} such stimuli), so that its noise is not known: set noise to pooled"
            )
        if freedom.sum() < 1:
            raise NotEnoughData(
                f"stochastic-shape: no stimulus of the {what} was presented twice, so that its noise is not known (a "
                "half of two repeats has one each): set alpha to 2 to compare means only"
            )
        if self.noise == "each":
            return np.asarray(each / freedom[:, None, None])
        return np.broadcast_to(each.sum(axis=0) / freedom.sum(), each.shape).copy()


def _padded(
    means: NDArray[np.float64], covariances: NDArray[np.float64], width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centred, scaled, and with silent units up to the width."""
    centred = means - means.mean(axis=0)
    size = math.sqrt(float((centred**2).sum(axis=1).mean()))
    more = width - means.shape[1]
    return np.pad(centred / size, ((0, 0), (0, more))), np.pad(covariances / size**2, ((0, 0), (0, more), (0, more)))
