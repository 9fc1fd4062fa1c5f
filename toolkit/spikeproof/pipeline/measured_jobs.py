"""The jobs of a recording whose stimuli were perturbed: one for each target that was aimed at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from spikeproof.result import slug

from .work import Job

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.evidence import Evidence
    from spikeproof.measured import MeasuredTarget, Shown

    from .ledger import Ledger
    from .systems import System

__all__ = ["measured_jobs"]


def measured_jobs(system: System, shown: Shown, ledger: Ledger) -> tuple[list[Job], list[tuple[str, str, str]]]:
    """List the jobs, and the evidence that they yield: (attack, domain, aim).

    Parameters
    ----------
    system : System
        A recording, with its clean code.
    shown : Shown
    ledger : Ledger
        Is told what cannot be compared, and what noise does to measured magnitudes.
    """
    from spikeproof.measured import floor_note, measured_targets

    targets = measured_targets(shown.response, shown.perturbations, system.code, ledger.note)
    if not targets:
        ledger.refuse(
            f"measured perturbations of {system.name}",
            "no perturbed stimulus was measured in every unit and has a clean version in the code",
        )
        return [], []
    jobs = [
        Job(
            block="__".join(map(slug, (system.name, "measured", one.attack, one.aim, one.objective, one.target))),
            what=f"measured responses to {one.attack} on {one.objective} of {system.name}",
            evidences=partial(_evidences, one),
        )
        for one in targets
    ]
    attacks = [found for one in targets for found in one.evidences() if not found.control]
    ledger.note(f"{system.name}: {floor_note(attacks)}")
    return jobs, list(dict.fromkeys((one.attack, "stimulus", one.aim) for one in targets))


def _evidences(target: MeasuredTarget) -> Iterator[tuple[Evidence, xr.Dataset]]:
    import xarray as xr

    for one in target.evidences():
        yield one, xr.Dataset()
