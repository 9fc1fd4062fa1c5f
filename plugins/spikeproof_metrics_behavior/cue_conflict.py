"""Shape bias on images whose shape and texture are of different categories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError, NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["ShapeBias", "shape_bias", "shape_of", "texture_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeBias:
    """What :func:`shape_bias` gives.

    Parameters
    ----------
    bias : float
        Choices of the shape over choices of the shape or the texture, on trials where the two conflict.
    fraction_shape, fraction_texture : float
        Choices of the shape, and of the texture, on trials where the two conflict, over *all* trials: the numbers that
        model-vs-human reports.
    conflict_fraction_shape, conflict_fraction_texture : float
        The same over the trials where the two conflict.
    decisions : int
        Choices of the shape or the texture, which ``bias`` rests on.
    conflicts, trials : int
        Trials where the two conflict, and all.
    """

    bias: float
    fraction_shape: float
    fraction_texture: float
    conflict_fraction_shape: float
    conflict_fraction_texture: float
    decisions: int
    conflicts: int
    trials: int


def shape_bias(response: ArrayLike, shape: ArrayLike, texture: ArrayLike) -> ShapeBias:
    """Shape bias of Geirhos et al. (2019), ``shape / (shape + texture)`` decisions on cue-conflict images.

    Parameters
    ----------
    response, shape, texture : array_like, (trial,)
        What one observer chose, and the categories of the image's shape and texture: names or codes. Trials whose
        shape and texture are the same tell nothing and are left out.

    Returns
    -------
    ShapeBias

    Raises
    ------
    NotEnoughData
        If no trial is in conflict, or neither shape nor texture was ever chosen on one.
    DataError
        If the arrays differ in length.

    Examples
    --------
    >>> result = shape_bias(["cat", "cat", "dog", "car"], ["cat"] * 4, ["dog", "dog", "dog", "cat"])
    >>> round(result.bias, 3), result.fraction_shape, result.conflicts
    (0.667, 0.5, 3)
    """
    chosen, form, surface = np.asarray(response), np.asarray(shape), np.asarray(texture)
    if not chosen.shape == form.shape == surface.shape or chosen.ndim != 1:
        raise DataError(
            f"shape bias: {chosen.shape} responses, {form.shape} shapes and {surface.shape} textures do not fit"
        )
    conflict = form != surface
    conflicts = int(conflict.sum())
    if conflicts == 0:
        raise NotEnoughData("shape bias: shape and texture are the same on every trial: there is no conflict of cues")
    by_shape = int((conflict & (chosen == form)).sum())
    by_texture = int((conflict & (chosen == surface)).sum())
    if by_shape + by_texture == 0:
        raise NotEnoughData(
            f"shape bias: neither shape nor texture was chosen on any of {conflicts} trials in conflict, so that the "
            "bias is 0/0"
        )
    return ShapeBias(
        bias=by_shape / (by_shape + by_texture),
        fraction_shape=by_shape / len(chosen),
        fraction_texture=by_texture / len(chosen),
        conflict_fraction_shape=by_shape / conflicts,
        conflict_fraction_texture=by_texture / conflicts,
        decisions=by_shape + by_texture,
        conflicts=conflicts,
        trials=len(chosen),
    )


def shape_of(image_name: str) -> str:
    """Category of the shape in the name of a cue-conflict image of Geirhos et al. (2019).

    Raises
    ------
    DataError
        As :func:`texture_of`.

    Examples
    --------
    >>> shape_of("0001_s5n_s01_0_bird_00_bird3-clock2.png")
    'bird'
    """
    return _parts(image_name)[0]


def texture_of(image_name: str) -> str:
    """Category of the texture in the name of a cue-conflict image of Geirhos et al. (2019).

    Raises
    ------
    DataError
        If the name is not of the form ``...SHAPEk-TEXTUREk.png``.

    Examples
    --------
    >>> texture_of("0001_s5n_s01_0_bird_00_bird3-clock2.png")
    'clock'
    """
    return _parts(image_name)[1]


def _parts(image_name: str) -> tuple[str, str]:
    last = PurePath(image_name).stem.split("_")[-1]
    names = ["".join(letter for letter in part if not letter.isdigit()) for part in last.split("-")]
    if len(names) != 2 or not all(names):
        raise DataError(f"shape bias: image {image_name!r} is not named SHAPEk-TEXTUREk, so its texture is not known")
    return names[0], names[1]
