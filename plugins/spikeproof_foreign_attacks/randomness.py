"""Random numbers of libraries that draw from the global generators: seeded for one call, and put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Drawn", "seeded"]


@dataclass(slots=True)
class Drawn:
    """Whether any random number was drawn (or a generator seeded) in a ``with`` block that has ended."""

    any: bool = False


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[Drawn]:
    """Seed the generators of Python, numpy and torch for the block; afterwards they stand where they stood.

    Parameters
    ----------
    seed : int
    device : torch.device
        Where images are; its generator is seeded beside the CPU's.

    Examples
    --------
    >>> with seeded(1, torch.device("cpu")) as one:
    ...     first = torch.rand(1)
    >>> with seeded(1, torch.device("cpu")) as two:
    ...     pass
    >>> one.any, two.any
    (True, False)
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    # torch.manual_seed, which libraries call, seeds every device.
    devices = (
        [torch.device("cuda", number) for number in range(torch.cuda.device_count())] if device.type == "cuda" else []
    )
    drawn = Drawn()
    try:
        with torch.random.fork_rng(devices=devices):
            torch.default_generator.manual_seed(seed)
            if devices:
                torch.cuda.manual_seed_all(seed)
            np.random.seed(seed)
            random.seed(seed)
            before = _state(devices)
            yield drawn
            drawn.any = _state(devices) != before
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _state(devices: list[torch.device]) -> tuple[object, ...]:
    """Where the generators stand, as something that can be compared."""
    on_devices = tuple(torch.cuda.get_rng_state(device).numpy().tobytes() for device in devices)
    kind, keys, *rest = np.random.get_state(legacy=True)
    numpy_state = (kind, np.asarray(keys).tobytes(), *rest)
    return torch.get_rng_state().numpy().tobytes(), on_devices, numpy_state, random.getstate()
