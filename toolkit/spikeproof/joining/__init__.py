"""Several recordings as one: units side by side over shared stimuli, with session and subject kept."""

from __future__ import annotations

from .images import join_images
from .part import Part, labels_of
from .responses import Contribution, join_responses
from .rounds import join_rounds
from .trials import join_trials, unmatched

__all__ = [
    "Contribution",
    "Part",
    "join_images",
    "join_responses",
    "join_rounds",
    "join_trials",
    "labels_of",
    "unmatched",
]
