"""The closed loop: images for an experiment, with their manifest, and the responses that come back."""

from __future__ import annotations

from .making import REPEATS, make_stimuli
from .manifest import FIELDS, Manifest, read_manifest
from .pngs import manifest_images

__all__ = ["FIELDS", "REPEATS", "Manifest", "make_stimuli", "manifest_images", "read_manifest"]
