"""``spikeproof stimuli`` and ``--manifest``: what is asked for on the line, and what is said."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import spikeproof.closed_loop
import tomli_w
from command_line import Cli
from experiment import STUDY
from tiny_study import write_tiny_study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_tiny_study(tmp_path)
    threat = STUDY["threat"] | {"aims": ["unit"], "epsilons": [0.003, 0.2], "stimuli": 2, "controls": ["random"]}
    file = tmp_path / "study.toml"
    file.write_text(tomli_w.dumps(STUDY | {"threat": threat}))
    return file


@pytest.mark.usefixtures("study")
def test_what_was_written_is_said(cli: Cli) -> None:
    done = cli("stimuli", "study.toml", "--out", "round-1", "--repeats", 3, "--device", "cpu")
    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "2 - clean 0 2" in lines
    assert "4 unit attack 0.2 2" in lines
    assert "4 unit random 0.2 2" in lines
    assert "10 images, 30 presentations in 3 blocks: round-1/order.csv" in lines
    assert "Run on what was recorded: spikeproof run STUDY --manifest round-1" in lines
    assert "images are not made; all of them are listed in manifest.json" in " ".join(lines)
    assert Path("round-1/manifest.json").is_file()
    again = cli("stimuli", "study.toml", "--out", "round-1", "--repeats", 3, "--device", "cpu")
    assert again.code == 1
    assert "already holds this study's finished result: add --resume" in again.err
    shown = cli("stimuli", "study.toml", "--out", "round-1", "--repeats", 3, "--device", "cpu", "--resume")
    assert shown.code == 0
    assert "these images are made: nothing to do" in shown.err


@pytest.mark.usefixtures("study")
def test_every_option_arrives(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def stop(_: object, **settings: Any) -> None:
        asked.update(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(spikeproof.closed_loop, "make_stimuli", stop)
    Path("r").mkdir()
    line = [
        "--out",
        "r",
        "--size",
        "12",
        "--repeats",
        "4",
        "--system",
        "a",
        "--system",
        "b",
        "--flips",
        "5",
        "--round",
        "2",
        "--batch",
        "8",
        "--device",
        "cpu",
    ]
    done = cli("stimuli", "study.toml", *line)
    assert done.code == 130
    assert done.err.splitlines()[-1] == f"  spikeproof stimuli study.toml {' '.join(line)} --resume"
    asked.pop("progress")
    assert asked == {
        "where": "study.toml",
        "out": Path("r"),
        "size": 12,
        "repeats": 4,
        "systems": ["a", "b"],
        "flips": 5,
        "round_name": "2",
        "resume": False,
        "batch": 8,
        "device": "cpu",
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("stimuli", "study.toml"), "--out: say which folder the images are written to, such as --out round-1"),
        (("stimuli", "study.toml", "--out", "x", "--size", "big"), "--size: expected a whole number, got 'big'"),
        (("stimuli", "nothing.toml", "--out", "x"), "nothing.toml: there is no such study file"),
    ],
)
@pytest.mark.usefixtures("study")
def test_a_wrong_line_is_refused(cli: Cli, line: tuple[str, ...], message: str) -> None:
    done = cli(*line)
    assert done.code == 2
    assert message in done.err


@pytest.mark.usefixtures("study")
def test_manifests_are_named_in_a_study_or_on_the_line(cli: Cli) -> None:
    line = ("run", "study.toml", "--manifest", "one", "--manifest", "two", "--dry-run")
    assert tomllib.loads(cli(*line).out)["manifest"] == ["one", "two"]
    twice = cli("run", "study.toml", "--manifest", "one,one", "--dry-run")
    assert "manifest: 'one' is named twice" in twice.err
    missing = cli("run", "study.toml", "--manifest", "nowhere", "--device", "cpu", "--out", "o")
    assert missing.code == 1
    assert "there is no such file: give the folder that `spikeproof stimuli` wrote" in missing.err
