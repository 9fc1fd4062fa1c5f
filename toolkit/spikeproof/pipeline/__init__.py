"""Runs a study: loads, plans, attacks target by target, measures, summarises."""

from __future__ import annotations

from .execute import execute

__all__ = ["execute"]
