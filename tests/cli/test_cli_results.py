"""What is said of a result: after a run, by ``explain``, ``report`` and ``demo``; and progress before it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof.api
import spikeproof.demo
import spikeproof.report
import xarray as xr
from command_line import Cli
from spikeproof.cli.outcome import show_result
from spikeproof.cli.progress import LineProgress, RichProgress, progress_for_terminal
from spikeproof.errors import ResultError
from spikeproof.progress import Progress, SilentProgress, current
from spikeproof.result import Result, ResultFolder

STATISTIC = ["estimate", "low", "high"]
LONG = "A sentence that is far longer than any screen is wide, because it says what was found in full. " * 3


def provenance() -> dict[str, Any]:
    return {
        "schema": 1,
        "status": "complete",
        "started": "2026-01-02T03:04:05+00:00",
        "finished": "2026-01-02T03:05:06+00:00",
        "study": {
            "seed": 7,
            "statistics": {"draws": 300},
            "source": [{"use": "simulate:sparse"}],
            "metric": [{"use": "m"}],
            "threat": {
                "norm": "l2",
                "epsilons": [0.5, 1.0],
                "aims": ["unit"],
                "stimuli": "all",
                "controls": ["random"],
            },
        },
        "fingerprint": {},
        "components": [
            {
                "label": "m",
                "kind": "metric",
                "name": "m",
                "target": None,
                "parameters": {"steps": 3, "rate": 0.5, "on": True},
                "distribution": "spikeproof-x",
                "version": "0.3",
                "origin": "editable@0123456789abcdef",
                "revision": 4,
                "reference": "doi:10.1/x",
            },
            {
                "label": "other",
                "kind": "source",
                "name": "own",
                "target": "a.b",
                "parameters": {},
                "distribution": "own.py",
                "version": "f" * 64,
                "origin": "file@" + "f" * 64,
                "revision": 1,
                "reference": None,
            },
        ],
        "data": {"source": "simulate:sparse", "digest": "d" * 64},
        "models": {"net_a": {"weights": "w" * 64}},
        "environment": {
            "python": "3.11.7",
            "system": "Linux x86_64",
            "device": "cpu",
            "versions": {"spikeproof": "0.1.0", "numpy": "2.0"},
            "argv": ["/somewhere/bin/spikeproof", "run", "my study.toml"],
        },
        "systems": ["recording", "net_a l1"],
        "metrics": ["m"],
        "computed": ["m/recording"],
        "findings": [{"system": "recording", "metric": "m", "text": LONG.strip()}],
        "refused": [{"what": "sensitivity of recording", "reason": "it needs [pixel] attacks"}],
        "notes": ["three rows overlap"],
        "seconds": {"a": 2.0, "b": 1.0},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished result of one metric, written through the result folder itself."""

    def values(estimates: Any, dims: tuple[str, ...], **attrs: Any) -> xr.DataArray:
        low = np.asarray(estimates, dtype=float)
        stacked = np.stack([low, low - 0.1, low + 0.1], axis=-1)
        return xr.DataArray(stacked, dims=(*dims, "statistic"), attrs=attrs)

    summary = xr.Dataset(
        {
            "one": values(2.0, (), long_name="mean shift", units="sd", headline=1),
            "many": values([1.0, np.nan], ("epsilon",), long_name="shift", units="1", headline=1),
            "cells": values([[1.0, 0.25], [0.5, 4.0]], ("row", "scale"), long_name="matrix", units="d", headline=1),
            "doses": values([[1.0, 2.0], [3.0, 4.0]], ("row", "epsilon"), long_name="doses", units="d", headline=1),
            "quiet": values(99.0, (), long_name="not at the top", units="1"),
        },
        coords={
            "statistic": STATISTIC,
            "epsilon": [0.5, 1.0],
            "row": ["unit", "random"],
            "scale": ["unit", "population"],
        },
    )
    tree = xr.DataTree.from_dict({"/m/recording/summary": summary, "/m/recording/measured": xr.Dataset()})
    path = tmp_path / "result"
    path.mkdir()
    ResultFolder(path).finish(tree, provenance())
    return path


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_result_is_told_in_full(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "report.html").touch()
    show_result(Result(folder))
    lines = squeezed(capsys.readouterr().out)
    assert "Found in the recording" in lines
    assert f"- {' '.join(LONG.split())}" in lines, "sentences stay whole where no person reads along"
    for line in (
        "mean shift 2 [1.9, 2.1] sd",
        "shift epsilon 0.5 1 [0.9, 1.1]",
        "epsilon 1 none [none]",
        "matrix (d), estimate [95 % interval]",
        "row unit population",
        "row epsilon 0.5 epsilon 1",
        "unit 1 [0.9, 1.1] 0.25 [0.15, 0.35]",
        "random 0.5 [0.4, 0.6] 4 [3.9, 4.1]",
        "Refused",
        "- sensitivity of recording: it needs [pixel] attacks",
        f"Result: {folder}",
        f"Report: {folder / 'report.html'}",
    ):
        assert line in lines, line
    assert "99" not in " ".join(lines)


def test_a_description_comes_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "provenance.json"
    held = json.loads(file.read_text())
    held["study"]["description"] = "What is\ntrue.\n\nAnd more."
    file.write_text(json.dumps(held))
    show_result(Result(folder))
    assert capsys.readouterr().out.splitlines()[:2] == ["What is true.", "And more."]


def test_explain_says_how_a_result_came_about(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    done = cli("explain", folder)
    assert done.code == 0, done.err
    text = " ".join(squeezed(done.out))
    for part in (
        "Run from 2026-01-02 03:04:05 UTC to 2026-01-02 03:05:06 UTC with seed 7; intervals from 300 bootstrap draws.",
        "Systems: recording, net_a l1.",
        "Threat: l2 balls of radius 0.5, 1, aimed at unit, on all stimuli, with the controls random.",
        f"digest {'d' * 64}",
        "Network net_a",
        f"weights {'w' * 64}",
        "steps = 3, rate = 0.5, on = yes",
        "spikeproof-x 0.3 (editable 0123456789ab)",
        "other (own:a.b) defaults own.py file ffffffffffff 1",
        "doi:10.1/x",
        "Python 3.11.7 on Linux x86_64, device cpu.",
        "Versions: spikeproof 0.1.0, numpy 2.0.",
        "Command: spikeproof run 'my study.toml'",
        "Time: 3.0 s: a 2.0 s, b 1.0 s.",
        "- three rows overlap",
        "- sensitivity of recording: it needs [pixel] attacks",
    ):
        assert part in text, part


def test_explain_as_json_is_the_provenance(cli: Cli, folder: Path) -> None:
    assert json.loads(cli("explain", folder, "--json").out) == provenance()


def test_report_says_where_it_is(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(result: Result) -> Path:
        return result.path / "report.html"

    monkeypatch.setattr(spikeproof.report, "write_report", write)
    assert cli("report", folder).out == f"Report: {folder / 'report.html'}\n"


@pytest.mark.parametrize("command", ["explain", "report"])
def test_a_folder_without_a_result_is_refused(cli: Cli, tmp_path: Path, command: str) -> None:
    done = cli(command, tmp_path / "nothing")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"spikeproof: error: {tmp_path / 'nothing'}: no result here")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Collect how the demo is run, and give a finished result."""
    calls: list[tuple[Path, dict[str, Any]]] = []

    def run_demo(out: Path, **settings: Any) -> Result:
        calls.append((out, settings))
        settings["progress"].note("this study's result is finished: nothing to do")
        return Result(folder)

    monkeypatch.setattr(spikeproof.demo, "run_demo", run_demo)
    return calls


def test_the_demo_runs_and_is_told(cli: Cli, asked: list[Any]) -> None:
    done = cli("demo")
    assert done.code == 0
    assert "Found in the recording" in done.out
    assert [(out, settings["resume"]) for out, settings in asked] == [(Path("spikeproof-demo"), False)]


def test_a_finished_demo_is_shown_again(cli: Cli, asked: list[Any], folder: Path, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    folder.rename(tmp_path / "d" / "result")
    folder.symlink_to(tmp_path / "d" / "result")
    done = cli("demo", "--out", "d")
    assert done.code == 0
    assert asked[0][1]["resume"] is True
    assert done.err == "note: this study's result is finished: nothing to do\n"
    assert "Found in the recording" in done.out


def test_a_stopped_demo_says_how_to_go_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_demo(out: Path, **_: Any) -> Result:
        out.mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(spikeproof.demo, "run_demo", run_demo)
    done = cli("demo", "--out", "d", "--resume")
    assert done.code == 130
    assert done.err.splitlines()[-1] == "  spikeproof demo --out d --resume"


def test_nothing_is_said_of_going_on_before_anything_was_kept(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_demo(*_: Any, **__: Any) -> Result:
        raise KeyboardInterrupt

    monkeypatch.setattr(spikeproof.demo, "run_demo", run_demo)
    assert cli("demo").err == "spikeproof: stopped.\n"


def test_an_error_of_the_run_is_the_last_word(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, progress: Progress, **__: Any) -> Result:
        progress.start("attacking recording", 3)
        raise ResultError("the disk is full; finished blocks are kept")

    monkeypatch.setattr(spikeproof.api, "run", run)
    done = cli("run", "--source", "simulate:sparse", "--metric", "sparseness")
    assert (done.code, done.out) == (1, "")
    assert done.err == "attacking recording (3)\nspikeproof: error: the disk is full; finished blocks are kept\n"


def work(progress: Progress) -> None:
    progress.start("first", 3)
    progress.advance()
    progress.note("mind the [gap]")
    progress.advance(2)
    progress.finish()
    progress.start("second", 0)
    progress.finish()
    progress.finish()


def test_without_a_terminal_a_task_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_for_terminal() as progress:
        assert isinstance(progress, LineProgress)
        work(progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "first (3)\nnote: mind the [gap]\nsecond\n"


def test_on_a_terminal_tasks_are_bars_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    with progress_for_terminal() as progress:
        assert isinstance(progress, RichProgress)
        work(progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", captured.err)
    assert "note: mind the [gap]" in shown
    assert re.search(r"first .*3/3", shown)
    assert re.search(r"second ", shown)


def test_bytes_are_shown_as_sizes_with_their_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress_for_terminal() as progress:
        progress.start("fetching x.nwb", 2_070_173, unit="bytes")
        progress.advance(2_070_173)
        progress.finish()
    assert capsys.readouterr().err == "fetching x.nwb (2.1 MB)\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    clock = iter([0.0, 0.0, 1.0, *[2.0] * 9])
    monkeypatch.setattr("spikeproof.cli.progress.time.monotonic", lambda: next(clock))
    with progress_for_terminal() as progress:
        progress.start("fetching x.nwb", 4_000_000, unit="bytes")
        progress.advance(1_000_000)
        progress.advance(3_000_000)
        progress.finish()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert re.search(r"fetching x.nwb .*4.0 MB of 4.0 MB at 2.0 MB/s", shown)


def test_a_command_without_long_tasks_shows_no_bars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress_for_terminal():
        pass
    assert capsys.readouterr().err == ""


def test_components_find_who_listens_while_a_command_runs() -> None:
    assert isinstance(current(), SilentProgress)
    with progress_for_terminal() as progress:
        assert current() is progress
    assert isinstance(current(), SilentProgress)


def test_silence_listens_to_everything() -> None:
    silent = SilentProgress()
    assert isinstance(silent, Progress)
    work(silent)
