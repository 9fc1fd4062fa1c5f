"""Encoders: maps from a network's features to recorded units, and what they must give to be trusted and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import torch
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Encoder", "Encoding", "FittedEncoder", "Mapped", "Predictor", "Selective"]


@runtime_checkable
class Mapped(Protocol):
    """A response model whose units are a whole feature map, so that an encoder may see it as one. Optional."""

    @property
    def map_shape(self) -> tuple[int, int, int] | None:
        """(channel, y, x) whose row-major flattening is the order of the units; None where they are no such map."""


class Predictor(Protocol):
    """A fitted map from features to units."""

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Responses (row, unit), in the units of the recording, differentiable in the features.

        Parameters
        ----------
        features : torch.Tensor, (row, channel, y, x) or (row, feature)
            As they were fitted on. What is returned has their device and floating type.
        """


@runtime_checkable
class Selective(Protocol):
    """A predictor each unit of which reads some of the features only. Optional.

    Where features are those of several networks, a search on one unit then runs the networks that it reads, and no
    other.
    """

    def reads(self, unit: int) -> Sequence[int]:
        """Columns of (row, feature) that the prediction of this unit depends on."""


class FittedEncoder(Predictor, Protocol):
    """What fitting an encoder gave."""

    @property
    def held_out(self) -> xr.DataArray:
        """Prediction of each stimulus by the fit that saw neither it nor its fold, dims (stimulus, unit)."""

    @property
    def hyperparameters(self) -> xr.Dataset:
        """What was chosen inside the training folds: dims out of ``unit`` and ``fold`` (the fold that was held out).

        ``fold`` has the numbers of ``folds``, and -1 for the fit on all stimuli. Kept in the result, never read back.
        """

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """Numeric arrays from which ``Encoder.restore`` makes the same predictor; kept in the result folder."""


@runtime_checkable
class Encoder(Protocol):
    """Fits a map from a network's features to recorded units."""

    def fit(
        self,
        features: NDArray[np.float32],
        responses: xr.DataArray,
        *,
        repeats: xr.DataArray | None,
        folds: NDArray[np.intp],
        seed: int,
    ) -> FittedEncoder:
        """Fit on all stimuli, and once for every fold without it.

        Parameters
        ----------
        features : numpy.ndarray of float32, (stimulus, channel, y, x) or (stimulus, feature)
            Features of a layer for each stimulus; maps where the layer is read at all of its positions.
        responses : xarray.DataArray, dims (stimulus, unit)
            Means over repeats, without NaN; coordinates ``stimulus`` and ``unit``, ``attrs["units"]``. No unit is
            constant over the stimuli of all folds but one.
        repeats : xarray.DataArray, dims (presentation, unit), optional
            Single presentations with the coordinate ``stimulus``, where there are repeats.
        folds : numpy.ndarray of int, (stimulus,)
            Number of the fold of each stimulus, two different ones at least. Stimuli that belong together (perturbed
            versions of one image) are in one fold. Numbers need not follow each other.
        seed : int
            Seed of whatever is drawn.

        Returns
        -------
        FittedEncoder
            Whose units stand in the order of ``responses``. Hyperparameters are chosen inside the training folds only.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer stimuli than it needs: how many there are, and how many it needs.
        spikeproof.errors.DataError
            If it cannot read such features (maps where it needs them ...): what to set in ``[[model]]``.
        """

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Predictor:
        """Make the predictor whose ``state`` was kept; it predicts the same to the last bit."""


KEPT, BELOW, UNEXPLAINABLE = "kept", "below min_fit", "no explainable variance"
"""What became of a recorded unit: see :class:`Encoding`."""


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How well an encoder predicts every recorded unit on stimuli that it was not fitted on: how far to trust it.

    Parameters
    ----------
    encoder, model : str
        What they are called in the study.
    min_fit : float
        Held-out correlation below which a unit is left out of the in-silico system.
    data : xarray.Dataset
        Of all recorded units and all stimuli that the encoder was fitted to, perturbed ones among them:

        ``measured``, ``predicted`` (stimulus, unit)
            Mean responses, and the prediction by the fit that saw neither the stimulus nor any other of its fold.
            Predictions are NaN for units that were not fitted.
        ``fold`` (stimulus,)
            The fold in which each stimulus was held out.
        ``clean_stimulus_id`` (stimulus,)
            The image that it was made of; itself where it is clean. Those of one image are in one fold.
        ``presentations`` (stimulus, unit), ``squares`` (stimulus, unit)
            How often it was measured, and the sum of squares of single responses about their mean.
        ``fit`` (unit,)
            Held-out correlation (``spikeproof.statistics.fold_correlation``), raw.
        ``reliability`` (unit,)
            Share of the variance of mean responses over stimuli that is not noise; NaN without repeats.
        ``status`` (unit,)
            ``"kept"``; ``"below min_fit"``; ``"no explainable variance"``: it does not vary, or no more than its noise
            does.
        ``layer`` (unit,)
            Layer that it is predicted from; empty where it was not fitted.

    Raises
    ------
    DataError
        If a variable is missing.
    """

    encoder: str
    model: str
    min_fit: float
    data: xr.Dataset

    def __post_init__(self) -> None:
        wanted = (
            "measured", "predicted", "fold", "clean_stimulus_id", "presentations", "squares", "fit", "reliability",
            "status", "layer",
        )  # fmt: skip
        missing = [name for name in wanted if name not in self.data]
        if missing:
            raise DataError(f"encoding of {self.encoder!r}: variable {missing[0]!r} is missing")

    @property
    def kept(self) -> tuple[str, ...]:
        """Units of the in-silico system."""
        return tuple(self.data["unit"].values[self.data["status"].values == KEPT].tolist())

    @property
    def repeated(self) -> bool:
        """Whether the responses of some unit were measured repeatedly, so that their noise is known."""
        return bool((self.data["presentations"] > 1).any())
