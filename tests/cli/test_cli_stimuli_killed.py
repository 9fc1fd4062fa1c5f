"""``spikeproof stimuli`` killed by the system (SIGKILL), wherever it stands, and asked again."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w
from command_line import Cli
from experiment import STUDY, made
from spikeproof.closed_loop import Manifest, read_manifest
from spikeproof.errors import DataError
from tiny_study import write_tiny_study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL, which this system does not have"),
]

KILLED = '''
import os, pathlib, signal, sys

pattern, left = sys.argv.pop(1), int(sys.argv.pop(1))
replace = pathlib.Path.replace


def killing(self, target):
    """Die where a file is written, but does not have its name yet."""
    global left
    if pathlib.PurePath(target).match(pattern):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)


pathlib.Path.replace = killing
from spikeproof.cli import main

main()
'''
LINE = ("stimuli", "study.toml", "--repeats", "2", "--size", "12", "--flips", "2", "--round", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """What nobody killed."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "study.toml").write_text(tomli_w.dumps(STUDY))
        return made(folder, "whole", size=12, flips=2, round_name="1")


@pytest.mark.parametrize(
    ("pattern", "number"),
    [("blocks/*", 3), ("images/*.png", 5), ("manifest.csv", 1), ("*.nwb", 1), ("manifest.json", 1)],
    ids=["searching", "writing images", "the manifest", "the templates", "the seal"],
)
def test_a_killed_round_is_refused_with_what_to_do_and_goes_on_to_the_same_images(
    pattern: str, number: int, whole: Manifest, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = whole.folder.parent
    monkeypatch.chdir(here)
    write_tiny_study(here)
    out = f"killed-{Path(pattern).suffix or 'block'}-{number}".replace("*", "").replace(".", "")
    line = [*LINE, "--out", out]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, pattern, str(number), *line], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(Path(out).glob("**/*.partial*")), "it was killed while a file was written"
    with pytest.raises(DataError, match="go on with --resume"):
        read_manifest(Path(out))
    again = cli(*line)
    assert again.code == 1
    assert f"{out}: the folder already holds this study's unfinished result: add --resume to use it" in again.err
    resumed = cli(*line, "--resume")
    assert resumed.code == 0, resumed.err
    assert read_manifest(Path(out)).rows == whole.rows
    for row in whole.rows:
        name = f"images/{row['image']}.png"
        assert (Path(out) / name).read_bytes() == (whole.folder / name).read_bytes()
    assert (Path(out) / "order.csv").read_bytes() == (whole.folder / "order.csv").read_bytes()
    assert not list(Path(out).glob("**/*.partial*")), "nothing of the killed run is left"
    assert not (Path(out) / "blocks").exists()
