"""Fields of components as options, and the scan that finds out what is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from spikeproof.cli.fields import field_option, type_name, value_of
from spikeproof.cli.host_options import OPTIONS, RUNNING
from spikeproof.cli.options import LineOption
from spikeproof.cli.scan import scan
from spikeproof.errors import UsageError


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "int"),
        (Annotated[float | None, "Help."], "float"),
        (Literal["a", "b"], "a|b"),
        (Annotated[int | Literal["all"], "Help."], "int|all"),
        (tuple[float, float], "float,float"),
        (tuple[str, ...] | None, "str,..."),
        (tuple[Literal["a", "b"], ...], "a|b,..."),
        (list[int], "int,..."),
    ],
)
def test_types_are_named_for_people(annotation: Any, name: str) -> None:
    assert type_name(annotation) == name


@pytest.mark.parametrize(
    ("annotation", "written", "value"),
    [
        (int, 3, 3),
        (bool, False, False),
        (int | Literal["all"], "all", "all"),
        (int | Literal["all"], "12", 12),
        (float | str, "0.5", 0.5),
        (float | str, "x", "x"),
        (int | float, "2", 2),
        (bool | str, "true", True),
        (str | None, "12", "12"),
        (tuple[float, float], ["0,0.5"], [0, 0.5]),
        (tuple[float, float] | None, ["0", "0.5"], [0, 0.5]),
        (tuple[str, ...], ["1,b"], ["1", "b"]),
        (tuple[int | Literal["all"], ...], ["1,all"], [1, "all"]),
        (tuple[int, ...], ["1,x"], [1, "x"]),
    ],
)
def test_what_was_written_becomes_what_a_study_file_holds(annotation: Any, written: object, value: object) -> None:
    got = value_of(annotation, written)
    assert (got, type(got)) == (value, type(value))


def option(annotation: Any, **more: Any) -> LineOption:
    return field_option(
        name="f", flag="--attack.f", annotation=annotation, default=more.pop("default", None), text="", panel="", **more
    )


@pytest.mark.parametrize(
    ("annotation", "written", "message"),
    [
        (int, "2.5", "--attack.f: expected a whole number, got '2.5'"),
        (float | None, "x", "--attack.f: expected a number, got 'x'"),
        (Literal["flat", "cosine"], "cosin", "--attack.f: expected flat or cosine, got 'cosin': did you mean cosine?"),
        (Literal["flat", "cosine"], "zzz", "--attack.f: expected flat or cosine, got 'zzz'"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_written(annotation: Any, written: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        option(annotation).value(written)
    assert str(error.value) == message


def test_values_take_the_type_of_their_option() -> None:
    assert option(int).value("-3") == -3
    assert option(float).value("1e-3") == 0.001
    assert option(str).value("1") == "1"
    assert LineOption(name="o", flag="--o", annotation=Path, help="", panel="").value("a/b") == Path("a/b")


@pytest.mark.parametrize(
    ("annotation", "default", "shown"),
    [
        (int, 40, "40"),
        (bool, True, "on"),
        (bool, False, "off"),
        (tuple[float, ...], (0.5, 1.0), "0.5,1.0"),
        (int | Literal["all"], "all", "all"),
        (str | None, None, ""),
        (int, "many", "many"),
    ],
)
def test_the_effective_default_is_shown(annotation: Any, default: object, shown: str) -> None:
    assert option(annotation, default=default).default_shown == shown


KNOWN = (*OPTIONS, *RUNNING)


def test_the_scan_tells_values_arguments_and_component_options_apart() -> None:
    found = scan(
        [
            "--attack",
            "pgd",
            "--attack.steps",
            "3",
            "study.toml",
            "--source=nwb:x",
            "--resume",
            "--metric",
            "a",
            "--metric",
            "b",
        ],
        KNOWN,
        ending=".toml",
    )
    assert found.values == {"attack": ["pgd"], "source": ["nwb:x"], "metric": ["a", "b"]}
    assert found.arguments == ["study.toml"]
    assert found.component_flags == ["--attack.steps"]


@pytest.mark.parametrize(
    "line",
    [
        ["--attack.keep-best", "study.toml"],
        ["--attack.keep-best", "--attack.steps", "3", "study.toml"],
        ["--attack.steps=3", "study.toml"],
        ["--resume", "study.toml"],
        ["study.toml", "--attack.window", "-0.1,0.5"],
    ],
)
def test_the_study_is_found_behind_switches_and_values(line: list[str]) -> None:
    assert scan(line, KNOWN, ending=".toml").arguments == ["study.toml"]


def test_misspelt_options_are_not_taken_for_arguments() -> None:
    found = scan(["--atack", "pgd"], KNOWN)
    assert found.unknown == ["--atack"]
    assert found.arguments == []
