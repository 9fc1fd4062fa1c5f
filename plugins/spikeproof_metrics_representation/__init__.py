"""Representation: RDMs and their comparison, CKA, shape distances, and linear predictivity.

Plain functions on arrays, imported from here: ``from spikeproof_metrics_representation import rdm_crossnobis``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .compare import compare_rdms
    from .crossnobis import rdm_crossnobis, rdm_poisson_crossvalidated
    from .noise import noise_covariance, noise_precision
    from .noise_ceiling import NoiseCeiling, rdm_noise_ceiling
    from .rdm import (
        rdm_correlation,
        rdm_mahalanobis,
        rdm_matrix,
        rdm_poisson,
        rdm_squared_euclidean,
        rdm_vector,
    )
    from .repeats import condition_means, stack_repeats
    from .unbalanced import rdm_unbalanced

__all__ = [
    "NoiseCeiling",
    "compare_rdms",
    "condition_means",
    "noise_covariance",
    "noise_precision",
    "rdm_correlation",
    "rdm_crossnobis",
    "rdm_mahalanobis",
    "rdm_matrix",
    "rdm_noise_ceiling",
    "rdm_poisson",
    "rdm_poisson_crossvalidated",
    "rdm_squared_euclidean",
    "rdm_unbalanced",
    "rdm_vector",
    "stack_repeats",
]

_HOME = {
    "NoiseCeiling": "noise_ceiling",
    "compare_rdms": "compare",
    "condition_means": "repeats",
    "noise_covariance": "noise",
    "noise_precision": "noise",
    "rdm_correlation": "rdm",
    "rdm_crossnobis": "crossnobis",
    "rdm_mahalanobis": "rdm",
    "rdm_matrix": "rdm",
    "rdm_noise_ceiling": "noise_ceiling",
    "rdm_poisson": "rdm",
    "rdm_poisson_crossvalidated": "crossnobis",
    "rdm_squared_euclidean": "rdm",
    "rdm_unbalanced": "unbalanced",
    "rdm_vector": "rdm",
    "stack_repeats": "repeats",
}


def __getattr__(name: str) -> object:
    """Import a function's module when the function is first asked for, so that listing plugins stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
