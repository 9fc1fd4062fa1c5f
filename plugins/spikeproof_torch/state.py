"""What must be as it was found: the global random state while a network is built or run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["preserved_random_state", "seed_everything"]


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Put the random state of Python, NumPy and torch (CPU, and CUDA if it is in use) back on leaving."""
    python, legacy, cpu = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if _cuda_in_use() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch; call it inside :func:`preserved_random_state`."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # user code may draw from the legacy global state
    # torch.manual_seed would also queue a seed for a CUDA that is not in use yet, and nothing could take it back
    torch.default_generator.manual_seed(seed)
    if _cuda_in_use():
        torch.cuda.manual_seed_all(seed)


def _cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
