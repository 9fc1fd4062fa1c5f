"""Results: what a study found, on disk and in memory."""

from __future__ import annotations

from .folder import ResultFolder, slug
from .provenance import environment
from .result import Result

__all__ = ["Result", "ResultFolder", "environment", "slug"]
