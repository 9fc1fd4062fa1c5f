"""Random numbers drawn per item, so that an item's result depends on neither batch nor worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["ItemNoise", "generator"]


def generator(seed: int, *key: str | int) -> np.random.Generator:
    """Random numbers of one named purpose.

    Parameters
    ----------
    seed : int
        The study's seed.
    *key : str or int
        What the numbers are for; another key gives independent numbers.

    Examples
    --------
    >>> int(generator(0, "units").integers(10)) == int(generator(0, "units").integers(10))
    True
    """
    import numpy as np

    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *digest])))


class ItemNoise:
    """A source of random numbers with one independent stream per item.

    Parameters
    ----------
    seed : int
        The study's seed.
    keys : sequence of tuple
        One key an item, such as (attack, objective, target, stimulus, direction).
    """

    def __init__(self, seed: int, keys: Sequence[tuple[str | int, ...]]) -> None:
        self._streams = [generator(seed, *key) for key in keys]

    def __len__(self) -> int:
        return len(self._streams)

    def normal(self, shape: Sequence[int], like: torch.Tensor, items: Sequence[int] | None = None) -> torch.Tensor:
        """Standard normal numbers (item, \\*shape), with the dtype and device of ``like``."""
        return self._draw(lambda stream: stream.standard_normal(tuple(shape)), like, items)

    def uniform(self, shape: Sequence[int], like: torch.Tensor, items: Sequence[int] | None = None) -> torch.Tensor:
        """Uniform numbers in [0, 1), (item, \\*shape), with the dtype and device of ``like``."""
        return self._draw(lambda stream: stream.random(tuple(shape)), like, items)

    def _draw(
        self,
        draw: Callable[[np.random.Generator], NDArray[np.float64]],
        like: torch.Tensor,
        items: Sequence[int] | None,
    ) -> torch.Tensor:
        import numpy as np
        import torch

        streams = self._streams if items is None else [self._streams[item] for item in items]
        if not streams:
            raise ValueError("noise: no items to draw random numbers for")
        numbers: NDArray[np.float64] = np.stack([draw(stream) for stream in streams])
        return torch.as_tensor(numbers, dtype=like.dtype, device=like.device)
