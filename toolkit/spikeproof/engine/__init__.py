"""Binds objectives to items, calls attacks, enforces what they may return, and reads the responses back."""

from .attacked import AttackedTarget
from .budget import enforce
from .clean import clean_pass, live_units
from .control import control_target
from .gradients import gradient_check
from .grid import Grid
from .items import Target
from .longer import LongerSearch, longer_searches
from .longer_shared import longer_shared_searches
from .objective import BoundObjective
from .shared import share_targets
from .target import attack_target, attack_targets
from .tuning import tuned_rows

__all__ = [
    "AttackedTarget",
    "BoundObjective",
    "Grid",
    "LongerSearch",
    "Target",
    "attack_target",
    "attack_targets",
    "clean_pass",
    "control_target",
    "enforce",
    "gradient_check",
    "live_units",
    "longer_searches",
    "longer_shared_searches",
    "share_targets",
    "tuned_rows",
]
