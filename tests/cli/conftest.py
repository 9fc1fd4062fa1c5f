"""The command line, run in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import TOY, Cli, Outcome
from spikeproof.cli import execute


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Run one command line in an empty folder, on a screen of 100 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "SPIKEPROOF_PLUGINS", "SPIKEPROOF_NO_PLUGINS", "SPIKEPROOF_STRICT"):
        monkeypatch.delenv(name, raising=False)

    def run(*argv: object) -> Outcome:
        capsys.readouterr()
        code = execute([str(token) for token in argv])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A plugin file with components that compute nothing."""
    file = tmp_path / "toy.py"
    file.write_text(TOY)
    return file
