"""Recorded responses to perturbed stimuli: told apart from the clean ones, and made into evidence."""

from __future__ import annotations

from .columns import CLEAN_ID, COLUMNS, EPSILON, Perturbations, perturbations_of
from .evidences import MEASURED, MeasuredTarget, measured_targets
from .noise_floor import floor_note, noise_floor
from .presentations import Shown, clean_part, clean_stimuli, named_as_shown

__all__ = [
    "CLEAN_ID",
    "COLUMNS",
    "EPSILON",
    "MEASURED",
    "MeasuredTarget",
    "Perturbations",
    "Shown",
    "clean_part",
    "clean_stimuli",
    "floor_note",
    "measured_targets",
    "named_as_shown",
    "noise_floor",
    "perturbations_of",
]
