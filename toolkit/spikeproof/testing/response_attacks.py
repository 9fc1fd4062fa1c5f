"""What an attack on activity holds."""

from __future__ import annotations

import numpy as np

from spikeproof.errors import DataError
from spikeproof.plugin import AttackEntry
from spikeproof.types import Evidence, ResponsePerturbation

from .registry import CheckFailed, check, require
from .subject import Subject
from .toys import toy_code


def perturbed(subject: Subject, *, seed: int = 0) -> list[ResponsePerturbation]:
    """Run it on the toy code."""
    return list(subject.build()(toy_code(), seed=seed))


def _on_activity(entry: AttackEntry) -> bool:
    return entry.domain == "response"


@check("attack", when=_on_activity)
def check_its_targets_are_evidence(subject: Subject) -> None:
    """Every target has the code's units and stimuli, finite responses, ascending doses with a unit, its own name."""
    code = toy_code()
    found = perturbed(subject)
    require(found, "it yields no target")
    keys = [(item.objective, item.control, item.target) for item in found]
    require(len(set(keys)) == len(keys), f"targets repeat: {sorted({key for key in keys if keys.count(key) > 1})}")
    for item in found:
        try:
            Evidence(
                code=code,
                domain="response",
                attack=subject.entry.name,
                aim=item.aim,  # type: ignore[arg-type]
                objective=item.objective,
                control=item.control,
                target=item.target,
                perturbed=item.perturbed,
            )
        except DataError as error:
            raise CheckFailed(f"target {item.target!r}: {error}") from error
        doses = item.perturbed["epsilon"]
        require((np.diff(doses.values) > 0).all(), f"target {item.target!r}: doses do not ascend: {doses.values}")
        require(doses.attrs.get("units"), f"target {item.target!r}: epsilon.attrs['units'] is missing")
        require(np.isfinite(item.perturbed.values).all(), f"target {item.target!r}: responses are not finite")


@check("attack", when=_on_activity)
def check_it_brings_a_control(subject: Subject) -> None:
    """A control or chance level stands beside it."""
    require(any(item.control for item in perturbed(subject)), "none of its targets is a control")


@check("attack", when=_on_activity)
def check_the_same_seed_gives_the_same_activity(subject: Subject) -> None:
    """Two runs with one seed are equal."""
    one, two = perturbed(subject), perturbed(subject)
    same = len(one) == len(two) and all(a.perturbed.identical(b.perturbed) for a, b in zip(one, two, strict=True))
    require(same, "two runs with one seed differ")
