"""The jobs of one system: the clean code, every target of every attack, every response-domain attack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from spikeproof.errors import ModelError
from spikeproof.evidence import Evidence
from spikeproof.network import NetworkEvidence
from spikeproof.result import slug

from .measured_jobs import measured_jobs
from .parts import OTHER_UNIT
from .why_not import aim_refusal, attack_refusal, fit_refusal
from .work import Job

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.plugin import AttackEntry
    from spikeproof.stimuli import StimulusSet
    from spikeproof.study import Study

    from .ledger import Ledger
    from .parts import Part, Parts
    from .systems import System

__all__ = ["Job", "Plan", "pixel_jobs", "plan"]

EXAMPLES = 3
"""How many attacked images of the first target of an aim are kept for the report."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The jobs of one system, and which evidence they will yield: (attack, domain, aim).

    ``smallest`` names the attacks whose evidence says how small a perturbation is enough.
    """

    jobs: tuple[Job, ...]
    evidence: tuple[tuple[str, str, str], ...]
    smallest: tuple[str, ...] = ()


def plan(
    system: System,
    parts: Parts,
    study: Study,
    stimuli: StimulusSet | None,
    ledger: Ledger,
    *,
    batch: int | Literal["tuned"],
    device: str,
) -> Plan:
    """List the jobs of a system; what it cannot carry is refused in the ledger."""
    prefix = slug(system.name)
    jobs = [_clean_job(system, prefix, stimuli, study.seed)]
    evidence: list[tuple[str, str, str]] = []
    pixel = [attack for attack in parts.attacks if attack.entry.domain == "stimulus"]
    for attack in parts.attacks:
        reason = attack_refusal(attack, system, images=stimuli is not None, models=bool(parts.models))
        if reason is not None:
            ledger.refuse(f"{attack.label} of {system.name}", reason)
            pixel = [other for other in pixel if other is not attack]
        elif attack in pixel:
            continue
        else:
            jobs.append(_response_job(attack, system, study, prefix))
            evidence.append((attack.label, "response", "behavior"))
    if system.shown is not None:
        more, yields = measured_jobs(system, system.shown, ledger)
        jobs += more
        evidence += yields
    if pixel and system.model is not None and stimuli is not None:
        more, yields = pixel_jobs(pixel, system, parts, study, stimuli, ledger, batch=batch, device=device)
        jobs += more
        evidence += yields
    smallest = [attack.label for attack in pixel if attack.entry.kind == "minimal"]
    return Plan(
        jobs=tuple(jobs),
        evidence=tuple(evidence),
        smallest=tuple(label for label in smallest if any(label == name for name, _, _ in evidence)),
    )


def _clean_job(system: System, prefix: str, stimuli: StimulusSet | None, seed: int) -> Job:
    network = None
    if system.model is not None and stimuli is not None:
        network = NetworkEvidence(model=system.model, stimuli=stimuli, seed=seed)

    def evidences() -> Iterator[tuple[Evidence, xr.Dataset]]:
        import xarray as xr

        yield Evidence(code=system.code, network=network), xr.Dataset()

    return Job(block=f"{prefix}__clean", what=f"the clean code of {system.name}", evidences=evidences)


def _response_job(attack: Part[AttackEntry], system: System, study: Study, prefix: str) -> Job:
    def evidences() -> Iterator[tuple[Evidence, xr.Dataset]]:
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
            evidence = Evidence(
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
            yield evidence, xr.Dataset()

    return Job(block=f"{prefix}__{slug(attack.label)}", what=f"{attack.label} of {system.name}", evidences=evidences)


def pixel_jobs(
    attacks: list[Part[AttackEntry]],
    system: System,
    parts: Parts,
    study: Study,
    stimuli: StimulusSet,
    ledger: Ledger,
    *,
    batch: int | Literal["tuned"],
    device: str,
    keep_images: bool = False,
) -> tuple[list[Job], list[tuple[str, str, str]]]:
    """List the jobs of attacks on images; ``keep_images`` keeps those of every target, for whoever wants them."""
    from spikeproof.engine import Target, tuned_rows

    from .company import companies
    from .pixels import PixelAttack, check_gradient, farthest, open_grid, pursued, searched
    from .searches import LongerJob, sample_size

    if study.threat is None:
        raise ValueError("parts with pixel attacks are built with a threat")
    head = parts.readout is not None and parts.readout.entry.head
    asked = study.threat.stimuli
    if asked is not None and asked > len(stimuli.ids):
        ledger.note(f"[threat] stimuli = {asked} were asked for, there are {len(stimuli.ids)}: all are attacked")
    grid = open_grid(
        system,
        study.threat,
        study.engine,
        stimuli,
        seed=study.seed,
        use_head=head,
        batch=_rows(batch, system, ledger),
        device=device,
        note=ledger.note,
    )
    if batch == "tuned" and system.name not in ledger.engine:
        grid = grid.with_rows(tuned_rows(grid))
    ledger.engine[system.name] = {
        "batch": grid.batch,
        "precision": grid.precision,
        "compile": grid.compiled,
        "faster_equivalent": grid.models.used,
    }
    if max(grid.epsilons) > farthest(grid):
        ledger.note(
            f"{system.name}: norms up to {max(grid.epsilons):g} were asked for, but no perturbation of these images "
            f"stays in [0, 1] beyond {farthest(grid):.3g}: larger ones reach no further"
        )
    usable = attacks
    try:
        check_gradient(system, grid)
    except ModelError as error:
        usable = [attack for attack in attacks if not attack.entry.needs_gradients]
        for attack in attacks:
            if attack not in usable:
                ledger.refuse(f"{attack.label} of {system.name}", str(error).removeprefix(f"{system.name}: "))
    names = system.code.responses["unit"].values.tolist()
    if parts.other_unit and len(system.targets) < 2:
        ledger.refuse(
            f"{OTHER_UNIT} of {system.name}",
            "another unit's perturbation needs two units that are aimed at, and there is one",
        )
    jobs: list[Job] = []
    yields: list[tuple[str, str, str]] = []
    for objective in parts.objectives:
        reason = aim_refusal(objective, system.code)
        if reason is not None:
            ledger.refuse(f"aim {objective.label} of {system.name}", reason)
            continue
        per_unit = objective.entry.scale == "unit"
        targets = [(column, names[column]) for column in system.targets] if per_unit else [(-1, objective.label)]
        others = system.targets[1:] + system.targets[:1] if parts.other_unit and len(system.targets) > 1 else ()
        for attack in usable:
            reason = fit_refusal(attack, objective)
            if reason is not None:
                ledger.refuse(f"{attack.label} on {objective.label} of {system.name}", reason)
                continue
            aimed = pursued(attack, objective)
            # No ball binds a free attack, whatever the threat: its one radius is infinite.
            bound = grid.at((float("inf"),)) if attack.entry.kind == "free" else grid
            wanted = [
                Target(unit=column, name=target, keep_images=keep_images or bool(parts.controls) or number == 0)
                for number, (column, target) in enumerate(targets)
            ]
            ways = len(aimed.component.directions())
            placed = companies(
                wanted,
                partial(searched, bound, attack, aimed),
                rows=len(grid.stimulus_ids) * len(bound.epsilons) * ways,
                batch=grid.batch,
            )
            for number, (column, target) in enumerate(targets):
                work = PixelAttack(
                    system=system,
                    grid=bound,
                    attack=attack,
                    objective=aimed,
                    controls=parts.controls,
                    company=placed[number][0],
                    place=placed[number][1],
                    column=column,
                    other=others[number] if per_unit and others else -1,
                    target=target,
                    examples=EXAMPLES if number == 0 else 0,
                )
                name = "__".join(map(slug, (system.name, attack.label, objective.label, target)))
                jobs.append(
                    Job(block=name, what=f"{attack.label} on {objective.label} of {system.name}", evidences=work)
                )
            # Where all stimuli share a perturbation, they are one item.
            items = len(wanted) * ways * (1 if attack.entry.kind == "universal" else len(grid.stimulus_ids))
            count = sample_size(study.engine.longer_items, items, len(grid.epsilons))
            if attack.entry.effort and count and max(grid.epsilons) > 0:
                name = "__".join(map(slug, (system.name, attack.label, objective.label)))
                longer = LongerJob(grid=grid, attack=attack, objective=aimed, targets=tuple(wanted), count=count)
                what = f"{attack.label} on {objective.label} of {system.name}, a sample longer"
                jobs.append(Job(block=f"{name}__longer", what=what, made=longer))
            yields.append((attack.label, "stimulus", objective.entry.scale))
    return jobs, yields


def _rows(batch: int | Literal["tuned"], system: System, ledger: Ledger) -> int:
    """Rows in one pass: as asked for, or as an earlier part of this run was tuned to."""
    if batch != "tuned":
        return batch
    known = ledger.engine.get(system.name)
    return int(known["batch"]) if known else 64
