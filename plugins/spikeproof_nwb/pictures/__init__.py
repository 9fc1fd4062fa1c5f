"""Stimulus images: where they stand in a file, which one each presentation showed, and their pixels."""

from __future__ import annotations

from .choosing import ImageChoice, Showing, image_choice
from .finding import find_images

__all__ = ["ImageChoice", "Showing", "find_images", "image_choice"]
