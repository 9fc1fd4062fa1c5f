"""Metrics of single units: sensitivity, preference flips, sparseness and selectivity.

Each is a component for studies (``spikeproof_metrics_unit.metrics``) and a plain function on arrays, imported from
here: ``from spikeproof_metrics_unit import lifetime_sparseness``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .flips import category_progress, preferred_stimulus_flips
    from .selectivity import category_auc, category_dprime, dprime_status
    from .sensitivity import random_pair_shift, shift_in_sd
    from .sparseness import image_selectivity, lifetime_sparseness, population_sparseness, treves_rolls_activity

__all__ = [
    "category_auc",
    "category_dprime",
    "category_progress",
    "dprime_status",
    "image_selectivity",
    "lifetime_sparseness",
    "population_sparseness",
    "preferred_stimulus_flips",
    "random_pair_shift",
    "shift_in_sd",
    "treves_rolls_activity",
]

_HOME = {
    "category_auc": "selectivity",
    "category_dprime": "selectivity",
    "category_progress": "flips",
    "dprime_status": "selectivity",
    "image_selectivity": "sparseness",
    "lifetime_sparseness": "sparseness",
    "population_sparseness": "sparseness",
    "preferred_stimulus_flips": "flips",
    "random_pair_shift": "sensitivity",
    "shift_in_sd": "sensitivity",
    "treves_rolls_activity": "sparseness",
}


def __getattr__(name: str) -> object:
    """Import a function's module when the function is first asked for, so that listing plugins stays cheap."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
