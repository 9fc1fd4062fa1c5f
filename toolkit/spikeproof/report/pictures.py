"""Pictures of attacked images: clean, perturbed, and their difference, amplified."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["amplified", "png"]

_LEAST_PIXELS = 128


def png(image: NDArray[np.floating]) -> str:
    """Encode one image as a PNG data URL.

    Parameters
    ----------
    image : numpy.ndarray, (channel, y, x), in [0, 1]
        One or three channels (others: the mean is shown). Small images are enlarged by whole pixels.
    """
    from PIL import Image

    shown = image if image.shape[0] in (1, 3) else image.mean(axis=0, keepdims=True)
    pixels = np.round(np.clip(shown, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    factor = max(1, -(-_LEAST_PIXELS // min(pixels.shape[:2])))
    pixels = np.kron(pixels, np.ones((factor, factor, 1), dtype=np.uint8))
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def amplified(clean: xr.DataArray, perturbed: xr.DataArray) -> tuple[NDArray[np.float64], float]:
    """Return the difference about mid-grey, amplified to fill the range, and the factor.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> flat = xr.DataArray(np.full((1, 2, 2), 0.5), dims=("channel", "y", "x"))
    >>> amplified(flat, flat + 0.05)[1]
    10.0
    """
    difference = perturbed.values.astype(np.float64) - clean.values
    largest = float(np.abs(difference).max())
    factor = 1.0 if largest == 0 else float(f"{0.5 / largest:.2g}")
    return 0.5 + factor * difference, factor
