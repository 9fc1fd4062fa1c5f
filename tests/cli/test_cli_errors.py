"""How the command line fails: one message, the right exit code, a traceback on demand only."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import spikeproof
from command_line import Cli
from spikeproof.cli.everywhere import take_global_options
from spikeproof.cli.talk import short_talk
from spikeproof.errors import DataError, ResultError, SpikeproofError, UsageError


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make ``report`` raise what the test says."""

    def make(error: BaseException) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr("spikeproof.api.open_result", fail)

    return make


@pytest.mark.parametrize(
    ("error", "code"), [(SpikeproofError("no"), 1), (UsageError("no"), 2), (DataError("no"), 1), (ResultError("no"), 1)]
)
def test_an_error_is_one_message(cli: Cli, raising: Any, error: SpikeproofError, code: int) -> None:
    raising(error)
    done = cli("report", "x")
    assert (done.code, done.out, done.err) == (code, "", "spikeproof: error: no\n")


@pytest.mark.parametrize("line", [["--traceback", "report", "x"], ["report", "x", "--traceback"]])
def test_a_traceback_comes_on_demand(cli: Cli, raising: Any, line: list[str]) -> None:
    raising(DataError("no"))
    done = cli(*line)
    assert done.code == 1
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.endswith("spikeproof: error: no\n")


def test_a_bug_says_that_it_is_one(cli: Cli, raising: Any) -> None:
    raising(KeyError("k"))
    done = cli("report", "x")
    assert done.code == 1
    assert done.err == (
        "spikeproof: error: KeyError: 'k'\nspikeproof: this is a bug; run again with --traceback to see where\n"
    )
    full = cli("report", "x", "--traceback").err
    assert "in fail" in full
    assert full.endswith("spikeproof: this is a bug\n")


def test_ctrl_c_outside_a_run_exits_with_130(cli: Cli, raising: Any) -> None:
    raising(KeyboardInterrupt())
    assert cli("report", "x").code == 130


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (["rn"], "No such command 'rn'. Did you mean 'run'?", "Try 'spikeproof --help'."),
        (["--nope"], "No such option: --nope", "Try 'spikeproof --help'."),
        (["report"], "Missing argument 'RESULT'.", "Try 'spikeproof report --help'."),
        (["demo", "--rsume"], "No such option: --rsume: did you mean --resume?", "Try 'spikeproof demo --help'."),
        (["plugins", "x"], "Got unexpected extra argument(s) (x)", "Try 'spikeproof plugins --help'."),
    ],
)
def test_a_wrong_line_exits_with_2_and_says_where_help_is(cli: Cli, line: list[str], message: str, hint: str) -> None:
    done = cli(*line)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"spikeproof: error: {message}\n{hint}\n"


@pytest.mark.parametrize("line", [["--plugin"], ["run", "--plugin", "--help"], ["run", "--plugin="]])
def test_a_plugin_file_must_be_named(cli: Cli, line: list[str]) -> None:
    done = cli(*line)
    assert (done.code, done.err) == (2, "spikeproof: error: --plugin: name a Python file\n")


def test_global_options_are_taken_from_anywhere_but_behind_a_double_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKEPROOF_NO_PLUGINS", "")
    monkeypatch.delenv("SPIKEPROOF_OFFLINE", raising=False)
    settings, line = take_global_options(["--plugin=a.py", "run", "x", "--plugin", "b.py", "--", "--traceback"])
    assert settings.plugins == (Path("a.py"), Path("b.py"))
    assert not settings.traceback
    assert line == ["run", "x", "--", "--traceback"]
    assert os.environ["SPIKEPROOF_NO_PLUGINS"] == ""
    assert "SPIKEPROOF_OFFLINE" not in os.environ
    take_global_options(["run", "--no-plugins", "x", "--offline"])
    assert (os.environ["SPIKEPROOF_NO_PLUGINS"], os.environ["SPIKEPROOF_OFFLINE"]) == ("1", "1")


def test_help_and_version(cli: Cli) -> None:
    assert cli("--version").out == f"spikeproof {spikeproof.__version__}\n"
    page = cli("--help")
    assert (page.code, page.err) == (0, "")
    assert cli().out == page.out
    for name in ("run", "stimuli", "demo", "inspect", "plugins", "show", "report", "explain"):
        assert f"\n  {name} " in page.out
        help_page = cli(name, "--help")
        assert (help_page.code, help_page.err) == (0, "")
        assert help_page.out.count(f"spikeproof {name}") >= 3, "usage and two examples"
        assert cli(name, "-h").out == help_page.out


@pytest.mark.filterwarnings("always")
def test_warnings_of_libraries_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    before = warnings.showwarning
    with short_talk(full=False):
        for _ in range(2):
            warnings.warn("careful", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "spikeproof: warning: careful (UserWarning)\n"
    assert warnings.showwarning is before


@pytest.mark.parametrize("full", [False, True])
def test_log_records_are_one_line_each(capsys: pytest.CaptureFixture[str], full: bool) -> None:
    log = logging.getLogger("spikeproof.somewhere")
    with short_talk(full=full):
        log.info("too quiet")
        try:
            raise ValueError("inside")  # noqa: TRY301
        except ValueError:
            log.warning("plugin %s failed", "x", exc_info=True)
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "spikeproof: warning: plugin x failed: ValueError: inside"
    assert bool(rest) == full
    assert not logging.getLogger("spikeproof").handlers


@pytest.mark.parametrize("line", [["show"], ["plugins", "--json"], ["run", "--help"], ["--help"]])
def test_a_closed_pipe_is_no_error(line: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "spikeproof", *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() == 0, "nothing failed: the reader had enough"


def test_a_run_goes_on_when_nobody_reads_what_it_tells(tmp_path: Path) -> None:
    line = ["run", "--source", "simulate:sparse", "--source.units", "12", "--source.stimuli", "4"]
    line += ["--metric", "sparseness", "--draws", "100", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [sys.executable, "-m", "spikeproof", *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait() == 0
    assert (tmp_path / "out" / "report.html").is_file()


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "spikeproof", "rn"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("spikeproof: error: No such command 'rn'")


def test_what_is_piped_has_a_line_for_each_row_and_help_keeps_its_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = subprocess.run(
        [sys.executable, "-m", "spikeproof", "show", "metrics"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    (found,) = (row for row in rows if "neither-necessary-nor-sufficient" in row)
    assert "2 x 2 table" in found
    assert all(row == row.rstrip() or len(row) < 300 for row in rows)
    page = subprocess.run(
        [sys.executable, "-m", "spikeproof", "show", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert max(map(len, page.splitlines())) <= 100
