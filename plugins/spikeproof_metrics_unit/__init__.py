"""Metrics of single units: sensitivity, preference flips, sparseness, selectivity, noise, reliability and tuning.

Each is a component for studies (``spikeproof_metrics_unit.metrics``) and a plain function on arrays, imported from
here: ``from spikeproof_metrics_unit import lifetime_sparseness``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

if TYPE_CHECKING:
    from .flips import category_progress, preferred_stimulus_flips
    from .noise import NoiseCeiling, SignalPower, noise_ceiling, signal_power
    from .reliability import (
        Consistency,
        SplitHalf,
        internal_consistency,
        predictor_consistency,
        spearman_brown,
        split_half,
    )
    from .selectivity import category_auc, category_dprime, dprime_status, selectivity_index
    from .sensitivity import random_pair_shift, shift_in_sd
    from .sparseness import (
        image_selectivity,
        kurtosis_sparseness,
        lifetime_sparseness,
        population_sparseness,
        treves_rolls_activity,
    )
    from .tuning import AxisTuning, axis_tuning, preferred_axes, tuning_strength

__all__ = [
    "AxisTuning",
    "Consistency",
    "NoiseCeiling",
    "SignalPower",
    "SplitHalf",
    "axis_tuning",
    "category_auc",
    "category_dprime",
    "category_progress",
    "dprime_status",
    "image_selectivity",
    "internal_consistency",
    "kurtosis_sparseness",
    "lifetime_sparseness",
    "noise_ceiling",
    "population_sparseness",
    "predictor_consistency",
    "preferred_axes",
    "preferred_stimulus_flips",
    "random_pair_shift",
    "selectivity_index",
    "shift_in_sd",
    "signal_power",
    "spearman_brown",
    "split_half",
    "treves_rolls_activity",
    "tuning_strength",
]

_HOME = {
    "AxisTuning": "tuning",
    "Consistency": "reliability",
    "NoiseCeiling": "noise",
    "SignalPower": "noise",
    "SplitHalf": "reliability",
    "axis_tuning": "tuning",
    "category_auc": "selectivity",
    "category_dprime": "selectivity",
    "category_progress": "flips",
    "dprime_status": "selectivity",
    "image_selectivity": "sparseness",
    "internal_consistency": "reliability",
    "kurtosis_sparseness": "sparseness",
    "lifetime_sparseness": "sparseness",
    "noise_ceiling": "noise",
    "population_sparseness": "sparseness",
    "predictor_consistency": "reliability",
    "preferred_axes": "tuning",
    "preferred_stimulus_flips": "flips",
    "random_pair_shift": "sensitivity",
    "selectivity_index": "selectivity",
    "shift_in_sd": "sensitivity",
    "signal_power": "noise",
    "spearman_brown": "reliability",
    "split_half": "reliability",
    "treves_rolls_activity": "sparseness",
    "tuning_strength": "tuning",
}

__getattr__ = lazily(__name__, _HOME)
