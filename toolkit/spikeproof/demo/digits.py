"""scikit-learn's bundled handwritten digits, as images in [0, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRAINED", "digits"]

TRAINED = 1200
"""How many digits, the first ones, trained the demo's networks; the demo shows the others only."""


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return images (image, 1, 8, 8) in [0, 1] and their digits (image,)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.images[:, None] / 16).astype(np.float32), bunch.target.astype(np.int64)
