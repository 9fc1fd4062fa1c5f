"""Where a distribution came from is told without starting a process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from spikeproof._host import Host

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def origin(install: Callable[..., Path], source: str, direct_url: object) -> str:
    install("spikeproof-from", source, direct_url=json.dumps(direct_url) if direct_url else "")
    (found,) = (item for item in Host.discover(environ={}).plugins if item.distribution == "spikeproof-from")
    return found.origin


def repository(folder: Path, layout: str) -> Path:
    git = folder / ".git"
    if layout == "worktree":
        git.write_text("gitdir: ../real/.git/worktrees/one\n")
        own = folder.parent / "real" / ".git" / "worktrees" / "one"
        own.mkdir(parents=True)
        (own / "HEAD").write_text("ref: refs/heads/side\n")
        (own / "commondir").write_text("../..\n")
        git, head = own.parents[1], "refs/heads/side"
    else:
        git.mkdir()
        head = "refs/heads/main"
        (git / "HEAD").write_text(COMMIT if layout == "detached" else f"ref: {head}\n")
    if layout in {"loose", "worktree"}:
        (git / head).parent.mkdir(parents=True)
        (git / head).write_text(COMMIT + "\n")
    elif layout == "packed":
        (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{'f' * 40} refs/heads/other\n{COMMIT} {head}\n")
    return folder


@pytest.mark.parametrize("layout", ["loose", "packed", "detached", "worktree"])
def test_an_editable_install_names_its_commit(
    layout: str, tmp_path: Path, install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    folder = tmp_path / "work tree"
    folder.mkdir()
    package = repository(folder, layout) / "packages" / "one"
    package.mkdir(parents=True)
    direct_url = {"url": package.as_uri(), "dir_info": {"editable": True}}
    assert origin(install, good("x1"), direct_url) == f"editable@{COMMIT}"


def test_an_unborn_branch_has_no_commit(
    tmp_path: Path, install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    direct_url = {"url": repository(folder, "unborn").as_uri(), "dir_info": {"editable": True}}
    assert origin(install, good("x1"), direct_url) == "editable"


@pytest.mark.parametrize(
    ("direct_url", "expected"),
    [
        (None, "wheel"),
        ({"url": "file:///tmp/x.whl", "archive_info": {}}, "wheel"),
        ({"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, f"git@{COMMIT}"),
        ("not a mapping", "unknown"),
    ],
)
def test_other_origins(
    direct_url: object, expected: str, install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    assert origin(install, good("x1"), direct_url) == expected
