"""The jobs of one system: the clean code, every target of every attack, every response-domain attack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spikeproof.errors import ModelError
from spikeproof.evidence import Evidence
from spikeproof.noise import generator
from spikeproof.result import slug

from .parts import OTHER_UNIT
from .why_not import aim_refusal, attack_refusal

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.plugin import AttackEntry, ObjectiveEntry
    from spikeproof.stimuli import StimulusSet
    from spikeproof.study import Study

    from .ledger import Ledger
    from .parts import Part, Parts
    from .systems import System

__all__ = ["Job", "Plan", "plan"]

EXAMPLES = 3
"""How many attacked images of the first target of an aim are kept for the report."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One block of work: done or not done, never half.

    Parameters
    ----------
    block : str
        Name of its block.
    what : str
        What the user is told.
    evidences : callable
        Does the work, yielding evidence.
    """

    block: str
    what: str
    evidences: Callable[[], Iterator[Evidence]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The jobs of one system, and which evidence they will yield: (attack, domain, aim)."""

    jobs: tuple[Job, ...]
    evidence: tuple[tuple[str, str, str], ...]
    examples: dict[str, xr.Dataset] = field(default_factory=dict)


def plan(
    system: System,
    parts: Parts,
    study: Study,
    stimuli: StimulusSet | None,
    ledger: Ledger,
    *,
    batch: int,
    device: str,
) -> Plan:
    """List the jobs of a system; what it cannot carry is refused in the ledger."""
    prefix = slug(system.name)
    jobs = [Job(block=f"{prefix}__clean", what="the clean code", evidences=lambda: iter([Evidence(code=system.code)]))]
    evidence: list[tuple[str, str, str]] = []
    pixel = [attack for attack in parts.attacks if attack.entry.domain == "stimulus"]
    for attack in parts.attacks:
        reason = attack_refusal(attack, system, images=stimuli is not None, models=bool(parts.models))
        if reason is not None:
            ledger.refuse(f"{attack.label} of {system.name}", reason)
        elif attack in pixel:
            continue
        else:
            jobs.append(_response_job(attack, system, study, prefix))
            evidence.append((attack.label, "response", "behavior"))
    if pixel and system.model is not None and stimuli is not None:
        more, yields = _pixel_jobs(pixel, system, parts, study, stimuli, ledger, batch=batch, device=device)
        jobs += more
        evidence += yields
    return Plan(jobs=tuple(jobs), evidence=tuple(evidence))


def _response_job(attack: Part[AttackEntry], system: System, study: Study, prefix: str) -> Job:
    def evidences() -> Iterator[Evidence]:
        import xarray as xr

        code = system.code
        readout = code.readout
        for found in attack.component(code, seed=study.seed):
            choices = None
            if readout is not None:
                names = found.perturbed["stimulus"].values
                choices = xr.DataArray(
                    readout.choices(found.perturbed.values, names.tolist()),
                    dims=("epsilon", "stimulus"),
                    coords={"epsilon": found.perturbed["epsilon"], "stimulus": names},
                )
            yield Evidence(
                code=code,
                domain="response",
                attack=attack.label,
                aim=found.aim,
                objective=found.objective,
                control=found.control,
                target=found.target,
                perturbed=found.perturbed,
                choices=choices,
                minimal=found.minimal,
            )

    return Job(block=f"{prefix}__{slug(attack.label)}", what=f"{attack.label} of {system.name}", evidences=evidences)


def _pixel_jobs(
    attacks: list[Part[AttackEntry]],
    system: System,
    parts: Parts,
    study: Study,
    stimuli: StimulusSet,
    ledger: Ledger,
    *,
    batch: int,
    device: str,
) -> tuple[list[Job], list[tuple[str, str, str]]]:
    from .pixels import PixelAttack, open_grid

    grid = open_grid(system, study, stimuli, batch=batch, device=device)
    units = system.code.responses["unit"].values.tolist()
    if parts.other_unit and len(units) < 2:
        ledger.refuse(
            f"{OTHER_UNIT} of {system.name}", "another unit's perturbation needs two units, this layer has one"
        )
    jobs: list[Job] = []
    yields: list[tuple[str, str, str]] = []
    for objective in parts.objectives:
        reason = aim_refusal(objective, system.code)
        if reason is not None:
            ledger.refuse(f"aim {objective.label} of {system.name}", reason)
            continue
        aimed = _attackable(attacks, objective, system, grid, ledger)
        targets = list(enumerate(units)) if objective.entry.scale == "unit" else [(-1, objective.label)]
        for attack in aimed:
            for column, target in targets:
                work = PixelAttack(
                    system=system,
                    grid=grid,
                    attack=attack,
                    objective=objective,
                    controls=parts.controls,
                    other_unit=parts.other_unit and len(units) > 1,
                    column=column,
                    target=target,
                    examples=EXAMPLES if column in (-1, 0) else 0,
                )
                name = "__".join(map(slug, (system.name, attack.label, objective.label, target)))
                jobs.append(Job(block=name, what=f"{attack.label} {objective.label} of {system.name}", evidences=work))
            yields.append((attack.label, "stimulus", objective.entry.scale))
    return jobs, yields


def _attackable(
    attacks: list[Part[AttackEntry]], objective: Part[ObjectiveEntry], system: System, grid: object, ledger: Ledger
) -> list[Part[AttackEntry]]:
    from .pixels import check_gradient

    masked: str | None = None
    if any(attack.entry.needs_gradients for attack in attacks):
        try:
            check_gradient(system, objective, grid)
        except ModelError as error:
            masked = str(error)
    usable = []
    for attack in attacks:
        if masked is not None and attack.entry.needs_gradients:
            ledger.refuse(f"{attack.label} aimed at {objective.label} of {system.name}", masked)
        else:
            usable.append(attack)
    return usable


def attacked_stimuli(study: Study, stimuli: StimulusSet) -> list[str]:
    """Return the stimuli that are attacked: the first of a seeded order, listed in the order of the stimulus set."""
    assert study.threat is not None  # noqa: S101 - parts were built with a threat
    count = study.threat.stimuli
    ids = stimuli.ids
    if count is None or count >= len(ids):
        return list(ids)
    order = generator(study.seed, "stimuli").permutation(len(ids))[:count]
    return [ids[row] for row in sorted(order.tolist())]
