"""A plugin module that imports a large library."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from spikeproof.plugin import AttackEntry, hookimpl


@hookimpl
def spikeproof_attacks() -> Iterator[AttackEntry]:
    norms = tuple(np.array(["l2", "linf"]).tolist())
    yield AttackEntry(name="heavy", factory="mutants.attacks:Right", summary="A mutant.", norms=norms)
