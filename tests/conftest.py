"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# As the command line has it; before anything imports numpy or torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each core has a worker: threads would only wait for each other

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def environment_as_found() -> Iterator[None]:
    """Take back what a test, or a command run in this process, set in the environment."""
    before = dict(os.environ)
    yield
    for name in {*os.environ, *before} - {"PYTEST_CURRENT_TEST"}:
        if name in before:
            os.environ[name] = before[name]
        else:
            del os.environ[name]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings, networks and golden values; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("SPIKEPROOF_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(
            f"needs the shared data: no {folder}; set SPIKEPROOF_SHARED to the folder that holds data/ and golden/"
        )
    return folder


@pytest.fixture(scope="session")
def third_party_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a third party's plugin, ``spikeproof-blur``, which provides the attack ``blur``."""
    folder = tmp_path_factory.mktemp("third_party")
    project = folder / "spikeproof-blur"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests" / "third_party" / "spikeproof-blur", project, ignore=ignored)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(project)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def third_party_python(third_party_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment: what this one has, and the third party's wheel, installed by pip."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    purelib = Path(subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip())
    lines = [f"import site; site.addsitedir({place!r})" for place in site.getsitepackages()]
    (purelib / "outer.pth").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    installed = subprocess.run([*command, str(third_party_wheel)], capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return python
