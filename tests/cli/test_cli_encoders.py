"""Encoders on the command line: chosen, parametrised and listed as all other components are."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli

LINE = "run --source toy-file:a.toy --source.table t --metric toy-count --model toy-net:f.py:a --layer l3,l4"


def dry(cli: Cli, toy: Path, line: str) -> dict[str, Any]:
    done = cli("--plugin", toy, *line.split(), "--dry-run")
    assert (done.code, done.err) == (0, "")
    return tomllib.loads(done.out)


def test_an_encoder_is_chosen_and_set_on_the_line(cli: Cli, toy: Path) -> None:
    line = (
        f"{LINE} --encoder ridge --encoder.layers l3,l4 --encoder.choose all --encoder.folds 4 --encoder.min-fit 0.3 "
        "--encoder.units 20 --encoder.penalties 1,10"
    )
    assert dry(cli, toy, line)["encoder"] == [
        {
            "use": "ridge",
            "penalties": [1, 10],
            "layers": ["l3", "l4"],
            "choose": "all",
            "folds": 4,
            "min_fit": 0.3,
            "units": 20,
        }
    ]


def test_defaults_are_written_out(cli: Cli, toy: Path) -> None:
    assert dry(cli, toy, f"{LINE} --encoder ridge")["encoder"] == [
        {"use": "ridge", "choose": "unit", "folds": 5, "min_fit": 0.2, "units": "all"}
    ]


def test_options_of_one_of_several_encoders_say_which(cli: Cli, toy: Path) -> None:
    found = dry(cli, toy, f"{LINE} --encoder ridge,pls --encoder.pls.min_fit 0.1 --encoder.ridge.folds 3")["encoder"]
    assert [(table["use"], table["folds"], table["min_fit"]) for table in found] == [("ridge", 3, 0.2), ("pls", 5, 0.1)]


def test_help_shows_what_every_encoder_has(cli: Cli, toy: Path) -> None:
    done = cli("--plugin", toy, *LINE.split(), "--encoder", "ridge", "--help")
    for option in ("--encoder.model", "--encoder.choose <unit|all>", "--encoder.min-fit", "--encoder.penalties"):
        assert option in done.out
    assert "Options of encoder 'ridge'" in done.out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--encoder.folds 3", "--encoder.folds: no encoder is chosen: add --encoder NAME"),
        ("--encoder ridge --encoder.fold 3", "--encoder.fold: no such option: did you mean --encoder.folds?"),
        ("--encoder ridge --encoder.choose some", "--encoder.choose: expected unit or all, got 'some'"),
        ("--encoder rigde", "no encoder named 'rigde'. Did you mean 'ridge'?"),
        ("--encoder ridge,ridge", "'ridge' stands 2 times: give each a name = '...' of its own"),
        ("--encoder ridge --encoder.model other", "there is no [[model]] called 'other'"),
    ],
)
def test_a_slip_is_named(cli: Cli, toy: Path, more: str, message: str) -> None:
    done = cli("--plugin", toy, *LINE.split(), *more.split(), "--dry-run")
    assert done.code == 2
    assert message in done.err


def test_encoders_are_listed(cli: Cli, toy: Path) -> None:
    listed = cli("--plugin", toy, "show", "encoder").out
    assert "ridge" in listed
    shown = cli("--plugin", toy, "show", "encoder", "ridge").out
    assert "penalties" in shown
    plugins = cli("--plugin", toy, "plugins").out
    assert "encoder ridge" in plugins.replace("\n", " ")
