"""The work behind the images of one system: one job for each target, kept as a block until the folder is sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import xarray as xr

from spikeproof.engine import attack_target
from spikeproof.errors import NotEnoughData
from spikeproof.pipeline.jobs import pixel_jobs
from spikeproof.pipeline.parts import build_part
from spikeproof.pipeline.pixels import PixelAttack, check_gradient, open_grid
from spikeproof.result import slug
from spikeproof.study import ComponentSpec
from spikeproof.wording import some

from .cells import Aim
from .flips import PREFERENCE_FLIP, flips_of, part_of
from .made import MadeImage, Refused, images_of_target
from .manifest import FIELDS
from .shown import ShownGrid

if TYPE_CHECKING:
    from spikeproof.code import Code
    from spikeproof.engine import Grid
    from spikeproof.pipeline.ledger import Ledger
    from spikeproof.pipeline.opening import OpenStudy
    from spikeproof.pipeline.parts import Part
    from spikeproof.pipeline.systems import System
    from spikeproof.plugin import AttackEntry, ObjectiveEntry

    from .flips import Flip

__all__ = ["Making", "flip_jobs", "target_jobs"]

_LATER = ("image", "study", "sha256")
"""Columns that are filled in once all images are known."""


@dataclass(frozen=True, kw_only=True)
class Making:
    """One target's images to be made.

    Parameters
    ----------
    block : str
        Name of its block.
    what : str
        What the user is told.
    make : callable
        Does the work: yields images, and tells its argument what was refused.
    """

    block: str
    what: str
    make: Callable[[Callable[[Refused], None]], Iterator[MadeImage]]

    def to_block(self) -> xr.DataTree:
        """Do the work."""
        refused: list[Refused] = []
        images = list(self.make(refused.append))
        names = [field.name for field in FIELDS if field.name not in _LATER]
        parts: dict[str, tuple[tuple[str, ...], object]] = {}
        if images:
            parts["levels"] = (("item", "channel", "y", "x"), np.stack([one.levels for one in images]))
            for name in names:
                parts[name] = (("item",), np.array([one.row[name] for one in images], dtype=str))
        if refused:
            parts["what"] = (("refusal",), np.array([one.what for one in refused], dtype=str))
            parts["reason"] = (("refusal",), np.array([one.reason for one in refused], dtype=str))
        return xr.DataTree(xr.Dataset(parts))


def target_jobs(
    system: System, opened: OpenStudy, ledger: Ledger, *, round_name: str, categories: Mapping[str, str]
) -> list[Making]:
    """List what the study's own aims and attacks make of a system."""
    stimuli = opened.recording.stimuli
    attacks = []
    for attack in opened.parts.attacks:
        if attack.entry.domain != "stimulus":
            ledger.refuse(f"{attack.label} of {system.name}", "it perturbs activity, not images: there is none to show")
        elif attack.entry.kind == "free":
            ledger.refuse(f"{attack.label} of {system.name}", "no norm binds its images: they are no perturbations")
        else:
            attacks.append(attack)
    if not attacks or stimuli is None:
        return []
    engine = replace(opened.study.engine, longer_items=0)
    jobs, _ = pixel_jobs(
        attacks,
        system,
        opened.parts,
        replace(opened.study, engine=engine),
        stimuli,
        ledger,
        batch=opened.batch,
        device=opened.device,
        keep_images=True,
    )
    shown: dict[int, ShownGrid] = {}
    made = []
    for job in jobs:
        work = job.evidences
        if isinstance(work, PixelAttack):
            grid = shown.setdefault(id(work.grid), ShownGrid(work.grid, system.code, categories))
            make = partial(_of_target, work, grid, round_name)
            made.append(Making(block=job.block, what=job.what, make=make))
    return made


def _of_target(
    work: PixelAttack, shown: ShownGrid, round_name: str, refuse: Callable[[Refused], None]
) -> Iterator[MadeImage]:
    aim = Aim(
        system=work.system.name,
        attack=work.attack.label,
        objective=work.objective.label,
        scale=work.objective.entry.scale,
        target=work.target,
        unit=work.column,
        other=work.other,
        round=round_name,
    )
    yield from images_of_target(shown, work.company.ask(work.place), work.controls, aim, refuse)


def flip_jobs(
    system: System,
    recorded: Code | None,
    opened: OpenStudy,
    ledger: Ledger,
    *,
    count: int,
    round_name: str,
    categories: Mapping[str, str],
) -> list[Making]:
    """List the preferred-category flips of a system's units, one job a unit.

    A recorded unit's preference is read from its recorded responses; any other unit's from the model.

    Parameters
    ----------
    system : System
    recorded : Code, optional
        The clean code of the recording.
    opened : OpenStudy
    ledger : Ledger
    count : int
        Stimuli of each of the two categories.
    round_name : str
    categories : mapping of str to str
    """
    stimuli, threat, what = opened.recording.stimuli, opened.study.threat, f"preferred-category flips of {system.name}"
    if stimuli is None or threat is None:
        return []
    units = [str(system.code.responses["unit"].values[column]) for column in system.targets]
    known = set() if recorded is None else set(recorded.responses["unit"].values.tolist())
    in_silico = system.code.facts.get("in_silico") == "yes"
    base = recorded if in_silico and recorded is not None and set(units) <= known else system.code
    if base.labels is None:
        ledger.refuse(what, "a preference for a category needs categories: this source names none (option `category`)")
        return []
    has_image = np.isin(base.responses["stimulus"].values, list(stimuli.ids))
    try:
        flips, without = flips_of(
            base.responses[has_image], base.labels[has_image], units, count=count, seed=opened.study.seed
        )
    except NotEnoughData as error:
        ledger.refuse(what, str(error))
        return []
    if without:
        ledger.note(f"{what}: {len(without)} of {len(units)} units prefer no category ({some(without)})")
    if not flips:
        ledger.refuse(what, f"none of the {len(units)} units prefers one category over another")
        return []
    wanted = {name for flip in flips for name in (*flip.up, *flip.down)}
    grid = open_grid(
        system,
        threat,
        opened.study.engine,
        stimuli,
        seed=opened.study.seed,
        use_head=False,
        batch=opened.batch if isinstance(opened.batch, int) else 64,
        device=opened.device,
        note=ledger.note,
        attacked=[name for name in stimuli.ids if name in wanted],
    )
    check_gradient(system, grid)
    directed = {way: _unit_objective(opened, way) for way in ("up", "down")}
    made = []
    for attack in opened.parts.attacks:
        if attack.entry.domain != "stimulus" or attack.entry.kind != "ball":
            continue
        for flip in flips:
            make = partial(_of_flip, grid, system, attack, directed, flip, opened, round_name, categories)
            name = "__".join(map(slug, (system.name, attack.label, PREFERENCE_FLIP, flip.unit)))
            made.append(Making(block=name, what=f"{attack.label} on {PREFERENCE_FLIP} of {system.name}", make=make))
    return made


def _of_flip(
    grid: Grid,
    system: System,
    attack: Part[AttackEntry],
    directed: Mapping[str, Part[ObjectiveEntry]],
    flip: Flip,
    opened: OpenStudy,
    round_name: str,
    categories: Mapping[str, str],
    refuse: Callable[[Refused], None],
) -> Iterator[MadeImage]:
    column = system.code.responses["unit"].values.tolist().index(flip.unit)
    aim = Aim(
        system=system.name,
        attack=attack.label,
        objective=PREFERENCE_FLIP,
        scale="unit",
        target=flip.unit,
        unit=column,
        other=-1,
        round=round_name,
    )
    for way, stimuli in (("up", flip.up), ("down", flip.down)):
        part = part_of(grid, stimuli)
        attacked = attack_target(
            part,
            attack.component,
            attack.label,
            directed[way].component,
            PREFERENCE_FLIP,
            decision=False,
            unit=column,
            target=flip.unit,
            gradients=attack.entry.needs_gradients,
            keep_images=True,
            local=directed[way].entry.local,
        )
        shown = ShownGrid(part, system.code, categories)
        yield from images_of_target(shown, attacked, opened.parts.controls, aim, refuse)


def _unit_objective(opened: OpenStudy, direction: str) -> Part[ObjectiveEntry]:
    """The objective ``unit`` in one direction."""
    spec = ComponentSpec(
        use="unit", label=PREFERENCE_FLIP, parameters={"direction": direction}, where="preferred-category flips"
    )
    return cast("Part[ObjectiveEntry]", build_part(opened.host, "objective", spec))
