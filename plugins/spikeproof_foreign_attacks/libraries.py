"""What the three libraries have in common: how they are imported, and the texts of their common parameters."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from spikeproof.errors import UsageError

from .randomness import seeded

__all__ = ["RELATIVE", "TOGETHER", "WRITTEN", "imported"]

WRITTEN = "Parameters of the library's attack, as it names them: NAME=VALUE pairs with commas between them."
TOGETHER = (
    "Attack all items of a batch in one call even if the attack draws random numbers: faster, but an item's numbers "
    "then depend on the items that share its batch."
)
RELATIVE = "Step length in units of epsilon, for an attack that takes it in pixel units; none leaves the library's own."


def imported(name: str, install: str) -> Any:  # noqa: ANN401 - these libraries have no types
    """Import a library that is no dependency of ours.

    Raises
    ------
    spikeproof.errors.UsageError
        If it is not installed, or fails to import: with how to install it.
    """
    try:
        # What a library, or what it imports, draws on being imported is no draw of its attack's.
        with seeded(0, torch.device("cpu")):
            return import_module(name)
    except ImportError as error:
        raise UsageError(f"{name.partition('.')[0]} cannot be imported ({error}): {install}") from error
