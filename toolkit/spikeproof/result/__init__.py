"""Results: what a study found, on disk and in memory."""

from __future__ import annotations

from .folder import ResultFolder, slug
from .provenance import environment
from .result import Result
from .sources import SOURCE_HEAD, joined_over, source_rows

__all__ = ["SOURCE_HEAD", "Result", "ResultFolder", "environment", "joined_over", "slug", "source_rows"]
