"""Whether the inputs can carry a metric or an attack, and if not, why: one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikeproof.errors import ModelError

if TYPE_CHECKING:
    from spikeproof.plugin import AttackEntry, MetricEntry, ObjectiveEntry
    from spikeproof.types import Code, ResponseModel

    from .parts import Part
    from .systems import System

__all__ = ["attack_refusal", "metric_refusal", "no_model"]


WORKS_ON = {
    "unit": ": it works on the response of one unit",
    "population": ": it works on the whole population vector, not on a number that is read of it",
    "behavior": ": it works on a choice among classes, and a unit or a population makes none",
}


def no_model(*, images: bool, models: bool) -> str:
    """Say why a recording's pixels cannot be attacked."""
    if not images:
        return "this source has no images"
    if not models:
        return "the study has no [[model]]"
    return "recorded neurons cannot be shown new images: only the models are attacked"


def attack_refusal(attack: Part[AttackEntry], system: System, *, images: bool, models: bool) -> str | None:
    """Return why an attack cannot run on a system, or None if it can."""
    if attack.entry.domain == "stimulus":
        if system.model is None:
            return f"{attack.label} needs a model: {no_model(images=images, models=models)}"
        return _hidden_refusal(attack, system.model) if attack.entry.hidden else None
    if system.code.readout is None:
        return f"{attack.label} needs a readout fitted on the units: {_no_readout(system.code)}"
    return None


def _hidden_refusal(attack: Part[AttackEntry], model: ResponseModel) -> str | None:
    """Return why a hidden layer cannot be shifted, or None if it can."""
    from spikeproof.types import Layered

    if not isinstance(model, Layered):
        return f"{attack.label} shifts a hidden layer, and this model shows none"
    try:
        model.hidden(attack.component.layer)
    except ModelError as error:
        return str(error)
    return None


def aim_refusal(objective: Part[ObjectiveEntry], code: Code) -> str | None:
    """Return why an objective cannot be aimed at, or None if it can."""
    if objective.entry.decision and code.choices is None:
        return f"aim {objective.label} needs behaviour: {_no_readout(code)}"
    return None


def fit_refusal(attack: Part[AttackEntry], objective: Part[ObjectiveEntry]) -> str | None:
    """Return why an attack does not fit an objective, or None if it does."""
    aims, scale = attack.entry.aims, objective.entry.scale
    if not aims or scale in aims:
        return _goal_refusal(attack, objective)
    why = WORKS_ON[aims[0]] if len(aims) == 1 else ""
    return f"{attack.label} fits objectives at the scale {' or '.join(aims)} only, not {objective.label}{why}"


def _goal_refusal(attack: Part[AttackEntry], objective: Part[ObjectiveEntry]) -> str | None:
    from spikeproof.types import Goal

    if attack.entry.kind != "minimal":
        return None
    component = objective.component
    if isinstance(component, Goal) and component.reached_when():
        return None
    why = "as it is set" if isinstance(component, Goal) else "of any setting"
    return (
        f"{attack.label} looks for the smallest perturbation that reaches a goal, and {objective.label} {why} has none"
    )


def metric_refusal(
    metric: Part[MetricEntry],
    system: System,
    evidence: Sequence[tuple[str, str, str]],
    *,
    smallest: Sequence[str] = (),
    images: bool,
    models: bool,
) -> str | None:
    """Return why a metric cannot be computed for a system, or None if it can.

    Parameters
    ----------
    metric : Part
    system : System
    evidence : sequence of (attack name, domain, aim)
        What will be attacked on this system.
    smallest : sequence of str
        Attacks among them that look for the smallest perturbation of images.
    images, models : bool
        Whether the study has any.
    """
    entry, code = metric.entry, system.code
    if "encoder" in entry.needs and code.encoding is None:
        return f"{metric.label} needs an [[encoder]]: {system.name} is no in-silico system"
    if "labels" in entry.needs and code.labels is None:
        return f"{metric.label} needs categories: this source names none (option `category`)"
    if "repeats" in entry.needs and code.repeats is None:
        return f"{metric.label} needs repeats: every stimulus was presented once"
    if "readout" in entry.needs and code.readout is None:
        return f"{metric.label} needs a readout fitted on the units: {_no_readout(code)}"
    if "choices" in entry.needs and code.choices is None:
        return f"{metric.label} needs behaviour: {_no_readout(code)}"
    if entry.kind == "score" and {"choices", "labels"} <= set(entry.needs) and (reason := _strange_choices(code)):
        return f"{metric.label} compares choices with categories: {reason}"
    if entry.kind == "network":
        return None if system.model is not None else f"{metric.label} looks into a network: {system.name} has none"
    if entry.domain is None and not (entry.kind == "score" and entry.comparison):
        return None
    if "measured" in entry.needs and system.shown is None:
        return (
            f"{metric.label} needs recorded responses to perturbed stimuli: no presentation of this system has a "
            "clean_stimulus_id and an epsilon"
        )
    if entry.domain == "stimulus" and system.model is None and system.shown is None:
        return f"{metric.label} needs a model: {no_model(images=images, models=models)}"
    if entry.domain == "stimulus" and "minimal" in entry.needs:
        evidence = [one for one in evidence if one[0] in smallest]
        if not evidence:
            return (
                f"{metric.label} needs an attack that looks for the smallest perturbation (fmn, deepfool or "
                "threshold), and none runs on this system"
            )
    if any(measures(entry, attack, domain, aim) for attack, domain, aim in evidence):
        return None
    if entry.domain is None:
        return None  # a comparison with other systems, or between halves of the repeats, may still be had
    wanted = f" aimed at {' or '.join(entry.aims)}" if entry.aims else ""
    named = f" ({' or '.join(entry.attacks)})" if entry.attacks else ""
    return f"{metric.label} needs a {entry.domain}-domain attack{named}{wanted}, and none runs on this system"


def measures(entry: MetricEntry, attack: str, domain: str, aim: str) -> bool:
    """Whether a metric measures the evidence of this attack."""
    return (
        (entry.kind == "score" or entry.domain == domain)
        and (not entry.aims or aim in entry.aims)
        and (not entry.attacks or attack in entry.attacks)
    )


def _no_readout(code: Code) -> str:
    if code.labels is None and code.choices is None:
        return "this source names no categories (option `category`)"
    if code.choices is not None:
        return "the choices are the network's own head; add a fitted readout such as 'logistic'"
    return "the study has no [readout] that can be fitted here"


def _strange_choices(code: Code) -> str:
    """Say why no choice could be right; empty where one is the name of a category."""
    import numpy as np

    if code.labels is None or code.choices is None:
        return ""
    if code.chooses == "stimulus":
        return f"the readout of {code.system} names stimuli"
    names, chosen = (np.unique(part.values.astype(str)).tolist() for part in (code.labels, code.choices))
    if set(names) & set(chosen):
        return ""
    return (
        f"choices of {code.system} ({', '.join(chosen[:3])} ...) are not among its categories "
        f"({', '.join(names[:3])} ...): name the categories as the network's classes are named"
    )
