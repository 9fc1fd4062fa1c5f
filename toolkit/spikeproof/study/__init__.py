"""The study: what is to be run, read from TOML or a mapping, checked key by key."""

from __future__ import annotations

from .files import check_requirements, read_study
from .model import ComponentSpec, EncoderSpec, Engine, ModelSpec, Study, Threat
from .parse import parse_study

__all__ = [
    "ComponentSpec",
    "EncoderSpec",
    "Engine",
    "ModelSpec",
    "Study",
    "Threat",
    "check_requirements",
    "parse_study",
    "read_study",
]
