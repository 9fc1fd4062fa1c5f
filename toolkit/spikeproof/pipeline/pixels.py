"""One target of a stimulus-domain attack, with its controls, as evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
import xarray as xr

from spikeproof.engine import Grid, Target, attack_targets, control_target, gradient_check, share_targets
from spikeproof.evidence import Evidence
from spikeproof.geometry import norm_of
from spikeproof.noise import generator
from spikeproof.types import Goal, Matching, Pursuing

from .parts import OTHER_UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.engine import AttackedTarget
    from spikeproof.plugin import AttackEntry, ObjectiveEntry
    from spikeproof.stimuli import StimulusSet
    from spikeproof.study import Engine, Threat

    from .company import Company
    from .parts import Part
    from .systems import System

__all__ = [
    "PixelAttack",
    "attacked_stimuli",
    "check_gradient",
    "farthest",
    "goes_its_own_way",
    "open_grid",
    "pursued",
    "searched",
]


def attacked_stimuli(threat: Threat, stimuli: StimulusSet, seed: int) -> list[str]:
    """Return the stimuli that are attacked: the first of a seeded order, listed in the order of the stimulus set."""
    ids = stimuli.ids
    if threat.stimuli is None or threat.stimuli >= len(ids):
        return list(ids)
    order = generator(seed, "stimuli").permutation(len(ids))[: threat.stimuli]
    return [ids[row] for row in sorted(order.tolist())]


def open_grid(
    system: System,
    threat: Threat,
    engine: Engine,
    stimuli: StimulusSet,
    *,
    seed: int,
    use_head: bool,
    batch: int,
    device: str,
    note: Callable[[str], None],
    attacked: Sequence[str] | None = None,
) -> Grid:
    """Gather what every target of a system shares; ``attacked`` names other stimuli than the study's."""
    attacked = attacked_stimuli(threat, stimuli, seed) if attacked is None else attacked
    code, model = system.code, system.model
    if model is None:
        raise ValueError(f"{system.name} has no model to attack")
    rows = code.responses.get_index("stimulus").get_indexer(pd.Index(attacked))
    count = len(attacked)
    # Another attacked stimulus for each one: a seeded cycle through all of them, so that none is its own partner.
    order = generator(seed, "partners").permutation(count)
    partner = np.empty(count, dtype=np.intp)
    partner[order] = np.roll(order, -1)
    return Grid(
        model=model,
        images=stimuli.images(attacked),
        stimulus_ids=tuple(attacked),
        clean_responses=code.responses.values[rows],
        clean_logits=system.logits[rows] if system.logits is not None and use_head else None,
        whitening=code.whitening,
        unit_sd=code.unit_sd,
        readout=code.readout,
        use_head=use_head,
        partner=partner,
        epsilons=threat.epsilons,
        norm=threat.norm,
        seed=seed,
        batch=batch,
        device=device,
        name=system.name,
        accelerate=engine.accelerate,
        precision=engine.precision,
        compiled=engine.compile,
        note=note,
    )


def farthest(grid: Grid) -> float:
    """Norm of the largest perturbation that stays in the pixel box, over the attacked images."""
    clean = grid.clean.double()
    reach = torch.maximum(clean, 1 - clean).flatten(1)
    return float(norm_of(reach, grid.norm).max())


def check_gradient(system: System, grid: Grid) -> None:
    """Refuse a layer that gradients cannot attack.

    Raises
    ------
    ModelError
        If the layer has no gradient, or it is masked.
    """
    gradient_check(
        grid.model,
        grid.images,
        epsilon=max(grid.epsilons),
        norm=grid.norm,
        seed=grid.seed,
        device=grid.device,
        name=system.name,
    )


def pursued(attack: Part[AttackEntry], objective: Part[ObjectiveEntry]) -> Part[ObjectiveEntry]:
    """Return what an attack maximises: what is aimed at, unless it pursues something of its own at that scale."""
    if isinstance(attack.component, Pursuing):
        return replace(objective, component=attack.component.pursues())
    return objective


def goes_its_own_way(attack: Part[AttackEntry]) -> bool:
    """Whether an attack climbs something else than the objective, so that no step of ours may be added to its own."""
    return attack.entry.hidden or isinstance(attack.component, Pursuing)


def searched(
    grid: Grid, attack: Part[AttackEntry], objective: Part[ObjectiveEntry], targets: Sequence[Target]
) -> Iterator[AttackedTarget]:
    """Search these targets together and yield what came of each."""
    if attack.entry.kind == "universal":
        return share_targets(
            grid,
            attack.component,
            attack.label,
            objective.component,
            objective.label,
            decision=objective.entry.decision,
            targets=targets,
        )
    return attack_targets(
        grid,
        attack.component,
        attack.label,
        objective.component,
        objective.label,
        decision=objective.entry.decision,
        targets=targets,
        gradients=attack.entry.needs_gradients,
        local=objective.entry.local and not attack.entry.hidden,  # a hidden layer is one of the whole image
        exact=goes_its_own_way(attack),
        minimal=attack.entry.kind == "minimal",
    )


@dataclass(frozen=True, kw_only=True)
class PixelAttack:
    """Attacks one target and yields its evidence, then that of its controls.

    Parameters
    ----------
    system : System
    grid : Grid
    attack, objective : Part
    controls : tuple of Part
    company : Company
        The targets that are searched together with this one.
    place : int
        Which of them this one is.
    column : int
        Column of the target unit, -1 where none is aimed at.
    other : int
        Column of the unit that is read for the control ``other-unit``, -1 for no such control.
    target : str
        Name of the target.
    examples : int
        How many images are kept for the report.
    """

    system: System
    grid: Grid
    attack: Part[AttackEntry]
    objective: Part[ObjectiveEntry]
    controls: tuple[Part[AttackEntry], ...]
    company: Company
    place: int
    column: int
    other: int
    target: str
    examples: int

    def __call__(self) -> Iterator[tuple[Evidence, xr.Dataset]]:
        """Do the work."""
        attacked = self.company.ask(self.place)
        yield self._evidence(attacked, "", self.column), self._examples(attacked)
        if self.other >= 0:
            yield self._evidence(attacked, OTHER_UNIT, self.other), xr.Dataset()
        for control in self.controls:
            made = control_target(
                self.grid,
                attacked,
                control.component,
                control.label,
                keep_images=bool(self.examples),
                objective=self.objective.component,
                decision=self.objective.entry.decision,
            )
            yield self._evidence(made, control.label, self.column), self._examples(made)

    def _evidence(self, attacked: AttackedTarget, control: str, column: int) -> Evidence:
        code, stimuli = self.system.code, list(self.grid.stimulus_ids)
        epsilon = xr.DataArray(
            list(self.grid.epsilons), dims="epsilon", attrs={"units": _norm_name(self.grid.norm), "long_name": "norm"}
        )
        places = {"epsilon": epsilon, "stimulus": stimuli}
        return Evidence(
            code=code,
            domain="stimulus",
            attack=self.attack.label,
            aim=self.objective.entry.scale,
            objective=self.objective.label,
            control=control,
            target=self.target,
            target_unit=str(code.responses["unit"].values[column]) if column >= 0 else None,
            perturbed=xr.DataArray(
                attacked.responses,
                dims=("epsilon", "stimulus", "unit"),
                coords={**places, "unit": code.responses["unit"].values},
            ),
            choices=None if attacked.choices is None else self._choices(attacked.choices, places),
            directed=None if attacked.directed is None or control == OTHER_UNIT else self._directed(attacked, places),
            achieved=xr.DataArray(
                attacked.achieved,
                dims=("epsilon", "stimulus"),
                coords=places,
                attrs={"between_stimuli": self.grid.between_stimuli},
            ),
            minimal=None if attacked.minimal is None or control == OTHER_UNIT else self._minimal(attacked.minimal),
            status=xr.DataArray(attacked.status, dims="stimulus", coords={"stimulus": stimuli}),
            goal=self._goal(),
        )

    def _goal(self) -> xr.DataArray | None:
        """Stimulus whose population vector was to be matched."""
        objective, names = self.objective.component, np.array(self.grid.stimulus_ids)
        wanted = objective.matches() if isinstance(objective, Matching) else ""
        if not wanted:
            return None
        goal = names if wanted == "clean" else names[self.grid.partners]
        return xr.DataArray(goal, dims="stimulus", coords={"stimulus": names})

    def _choices(self, index: NDArray[np.intp], places: Mapping[str, object]) -> xr.DataArray:
        readout, model = self.grid.readout, self.grid.model
        classes = model.classes if self.grid.use_head else readout.classes if readout is not None else None
        return xr.DataArray(np.array(classes)[index], dims=("epsilon", "stimulus"), coords=places)

    def _minimal(self, norms: NDArray[np.float64]) -> xr.DataArray:
        objective = self.objective.component
        return xr.DataArray(
            norms,
            dims="stimulus",
            coords={"stimulus": list(self.grid.stimulus_ids)},
            attrs={
                "units": _norm_name(self.grid.norm),
                "goal": objective.reached_when() if isinstance(objective, Goal) else "",
            },
        )

    def _directed(self, attacked: AttackedTarget, places: Mapping[str, object]) -> xr.DataArray:
        return xr.DataArray(
            attacked.directed,
            dims=("direction", "epsilon", "stimulus"),
            coords={"direction": list(attacked.directions), **places},
        )

    def _examples(self, attacked: AttackedTarget) -> xr.Dataset:
        """The first few attacked images at the largest norm; version 0 is clean, version 1 perturbed."""
        if not self.examples or attacked.images is None:
            return xr.Dataset()
        count = min(self.examples, len(self.grid.stimulus_ids))
        pair = np.stack([self.grid.clean[:count].cpu().numpy(), attacked.images[-1, :count].numpy()])
        return xr.Dataset(
            {
                "example": (("version", "shown", "channel", "y", "x"), pair.astype(np.float32)),
                "example_stimulus": ("shown", list(self.grid.stimulus_ids[:count])),
                "example_norm": ("shown", attacked.achieved[-1, :count]),
            }
        )


def _norm_name(norm: str) -> str:
    return {"l1": "L1 norm", "l2": "L2 norm", "linf": "Linf norm"}[norm]
