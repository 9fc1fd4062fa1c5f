"""An attack that does not fit an objective is refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from spikeproof.pipeline.parts import Part
from spikeproof.pipeline.why_not import fit_refusal
from spikeproof.plugin import AttackEntry, ObjectiveEntry, Scale


def part(entry: Any) -> Part[Any]:
    return Part(label=entry.name, entry=entry, component=None, provenance={})


def attack(*aims: Scale) -> Part[AttackEntry]:
    return part(AttackEntry(name="mine", factory="m:F", summary="One.", norms=("l2",), aims=aims))


def objective(scale: Scale) -> Part[ObjectiveEntry]:
    return part(ObjectiveEntry(name=f"{scale}-goal", factory="m:F", summary="One.", scale=scale))


def test_an_attack_that_names_no_aims_fits_all() -> None:
    assert [fit_refusal(attack(), objective(scale)) for scale in ("unit", "population", "behavior")] == [None] * 3


def test_an_attack_fits_the_aims_that_it_names() -> None:
    assert fit_refusal(attack("unit", "population"), objective("population")) is None
    assert fit_refusal(attack("unit", "population"), objective("behavior")) == (
        "mine fits objectives at the scale unit or population only, not behavior-goal"
    )


@pytest.mark.parametrize("scale", ["unit", "population"])
def test_an_attack_on_choices_says_why_it_fits_nothing_else(scale: Scale) -> None:
    assert fit_refusal(attack("behavior"), objective(scale)) == (
        f"mine fits objectives at the scale behavior only, not {scale}-goal: it works on a choice among classes, and a "
        "unit or a population makes none"
    )


def test_an_aim_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="mine: aim must be one of 'unit', 'population', 'behavior', got 'network'"):
        attack("network")  # type: ignore[arg-type]
