"""An attack that does not fit an objective is refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from spikeproof.pipeline.parts import Part
from spikeproof.pipeline.why_not import fit_refusal, metric_refusal
from spikeproof.plugin import AttackEntry, MetricEntry, ObjectiveEntry, Scale
from spikeproof.testing.toys import toy_code


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


def test_a_score_of_choices_is_refused_where_no_choice_could_be_right() -> None:
    entry = MetricEntry(
        name="accurate", factory="m:F", summary="One.", scale="behavior", kind="score", needs=("choices", "labels")
    )
    code = toy_code()
    assert code.choices is not None

    def refusal(given: Any) -> str | None:
        system: Any = SimpleNamespace(name="toy", code=given, model=None, shown=None)
        return metric_refusal(part(entry), system, [], images=False, models=False)

    assert refusal(code) is None
    numbers = replace(code, choices=code.choices.copy(data=[str(k % 3) for k in range(36)]), readout=None)
    assert refusal(numbers) == (
        "accurate compares choices with categories: choices of toy (0, 1, 2 ...) are not among its categories (apple, "
        "bear, car ...): name the categories as the network's classes are named"
    )
    assert refusal(replace(numbers, chooses="stimulus")) == (
        "accurate compares choices with categories: the readout of toy names stimuli"
    )
