"""Listings for programs."""

from __future__ import annotations

import json

import typer

__all__ = ["show_json"]


def show_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
