"""Metrics of behaviour: accuracy, error consistency, shape bias, image-level choices, agreement, confidence, trials.

Each is a plain function on arrays, imported from here: ``from spikeproof_metrics_behavior import error_consistency``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

if TYPE_CHECKING:
    from .certainty import Certainty, confidence, margins
    from .choice_agreement import Agreement, agreement
    from .consistency import ErrorConsistency, error_consistency, mean_kappa
    from .correctness import accuracy, accuracy_difference, accuracy_distance, response_entropy
    from .cue_conflict import ShapeBias, shape_bias, shape_of, texture_of
    from .detection import behavioral_dprime
    from .image_level import ImageLevel, image_level_ceiling, image_level_consistency, image_level_dprime
    from .image_rates import ImageTrials, choice_rates, random_halves
    from .kappa_draws import KappaDraws, bootstrap_kappa
    from .objectome import ObjectomeConsistency, ObjectomeMetrics, objectome_consistency, objectome_metrics
    from .reading import read_trial_sets, read_trials
    from .trials import CONTROL_CONDITIONS, Trials, correct_table, same_condition, short_image_name, usable_conditions

__all__ = [
    "CONTROL_CONDITIONS",
    "Agreement",
    "Certainty",
    "ErrorConsistency",
    "ImageLevel",
    "ImageTrials",
    "KappaDraws",
    "ObjectomeConsistency",
    "ObjectomeMetrics",
    "ShapeBias",
    "Trials",
    "accuracy",
    "accuracy_difference",
    "accuracy_distance",
    "agreement",
    "behavioral_dprime",
    "bootstrap_kappa",
    "choice_rates",
    "confidence",
    "correct_table",
    "error_consistency",
    "image_level_ceiling",
    "image_level_consistency",
    "image_level_dprime",
    "margins",
    "mean_kappa",
    "objectome_consistency",
    "objectome_metrics",
    "random_halves",
    "read_trial_sets",
    "read_trials",
    "response_entropy",
    "same_condition",
    "shape_bias",
    "shape_of",
    "short_image_name",
    "texture_of",
    "usable_conditions",
]

_HOME = {
    "Agreement": "choice_agreement",
    "CONTROL_CONDITIONS": "trials",
    "Certainty": "certainty",
    "ErrorConsistency": "consistency",
    "ImageLevel": "image_level",
    "ImageTrials": "image_rates",
    "KappaDraws": "kappa_draws",
    "ObjectomeConsistency": "objectome",
    "ObjectomeMetrics": "objectome",
    "ShapeBias": "cue_conflict",
    "Trials": "trials",
    "accuracy": "correctness",
    "accuracy_difference": "correctness",
    "accuracy_distance": "correctness",
    "agreement": "choice_agreement",
    "behavioral_dprime": "detection",
    "bootstrap_kappa": "kappa_draws",
    "choice_rates": "image_rates",
    "confidence": "certainty",
    "correct_table": "trials",
    "error_consistency": "consistency",
    "image_level_ceiling": "image_level",
    "image_level_consistency": "image_level",
    "image_level_dprime": "image_level",
    "margins": "certainty",
    "mean_kappa": "consistency",
    "objectome_consistency": "objectome",
    "objectome_metrics": "objectome",
    "random_halves": "image_rates",
    "read_trial_sets": "reading",
    "read_trials": "reading",
    "response_entropy": "correctness",
    "same_condition": "trials",
    "shape_bias": "cue_conflict",
    "shape_of": "cue_conflict",
    "short_image_name": "trials",
    "texture_of": "cue_conflict",
    "usable_conditions": "trials",
}

__getattr__ = lazily(__name__, _HOME)
