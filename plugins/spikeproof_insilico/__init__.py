"""How far to trust in-silico units: how well encoders predict, and how far they agree under attack."""

from __future__ import annotations
