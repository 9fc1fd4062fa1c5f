"""The report: one HTML file that opens offline, reads on a phone and prints."""

from __future__ import annotations

from .page import write_report

__all__ = ["write_report"]
