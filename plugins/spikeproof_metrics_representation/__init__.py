"""Representation: RDMs and their comparison, CKA, shape distances, and linear predictivity.

Plain functions on arrays, imported from here: ``from spikeproof_metrics_representation import rdm_crossnobis``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

if TYPE_CHECKING:
    from .ceilings import r2_over_ceiling, squared_r_over_ceiling
    from .compare import compare_rdms
    from .crossnobis import rdm_crossnobis, rdm_poisson_crossvalidated
    from .evaluation import BootstrappedEvaluation, RdmEvaluation, bootstrap_evaluation, evaluate_rdms
    from .kernel_alignment import cka
    from .noise import noise_covariance, noise_precision
    from .noise_ceiling import NoiseCeiling, rdm_noise_ceiling
    from .predictivity import Predictivity, linear_predictivity, reverse_predictivity
    from .rdm import rdm_correlation, rdm_mahalanobis, rdm_matrix, rdm_poisson, rdm_squared_euclidean, rdm_vector
    from .repeats import condition_means, stack_repeats
    from .shape import ShapeAlignment, align_shapes, permutation_distance, shape_distance
    from .splits import predictivity_splits
    from .stochastic import StochasticDistance, gaussian_shape_distance
    from .unbalanced import rdm_unbalanced

__all__ = [
    "BootstrappedEvaluation",
    "NoiseCeiling",
    "Predictivity",
    "RdmEvaluation",
    "ShapeAlignment",
    "StochasticDistance",
    "align_shapes",
    "bootstrap_evaluation",
    "cka",
    "compare_rdms",
    "condition_means",
    "evaluate_rdms",
    "gaussian_shape_distance",
    "linear_predictivity",
    "noise_covariance",
    "noise_precision",
    "permutation_distance",
    "predictivity_splits",
    "r2_over_ceiling",
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
    "reverse_predictivity",
    "shape_distance",
    "squared_r_over_ceiling",
    "stack_repeats",
]

_HOME = {
    "BootstrappedEvaluation": "evaluation",
    "NoiseCeiling": "noise_ceiling",
    "Predictivity": "predictivity",
    "RdmEvaluation": "evaluation",
    "ShapeAlignment": "shape",
    "StochasticDistance": "stochastic",
    "align_shapes": "shape",
    "bootstrap_evaluation": "evaluation",
    "cka": "kernel_alignment",
    "compare_rdms": "compare",
    "condition_means": "repeats",
    "evaluate_rdms": "evaluation",
    "gaussian_shape_distance": "stochastic",
    "linear_predictivity": "predictivity",
    "noise_covariance": "noise",
    "noise_precision": "noise",
    "permutation_distance": "shape",
    "predictivity_splits": "splits",
    "r2_over_ceiling": "ceilings",
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
    "reverse_predictivity": "predictivity",
    "shape_distance": "shape",
    "squared_r_over_ceiling": "ceilings",
    "stack_repeats": "repeats",
}

__getattr__ = lazily(__name__, _HOME)
