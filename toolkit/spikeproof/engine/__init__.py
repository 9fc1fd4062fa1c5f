"""Binds objectives to items, calls attacks, enforces what they may return, and reads the responses back."""

from .budget import enforce
from .clean import clean_pass, live_units
from .gradients import gradient_check
from .grid import Grid
from .objective import BoundObjective
from .target import AttackedTarget, attack_target, control_target

__all__ = [
    "AttackedTarget",
    "BoundObjective",
    "Grid",
    "attack_target",
    "clean_pass",
    "control_target",
    "enforce",
    "gradient_check",
    "live_units",
]
