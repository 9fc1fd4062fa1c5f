"""The project's own files agree with each other."""

from __future__ import annotations

import functools
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEMO = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt . && .venv/bin/spikeproof demo"
TESTS = (
    "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e '.[test]' && "
    ".venv/bin/python -m pytest -n auto"
)


@functools.cache
def tracked() -> tuple[Path, ...]:
    """Files of the project; what git does not know of (results, environments) is none of it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of the project's files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        try:
            found.append((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # weights and images
    return found


def lines_with(pattern: str, files: list[tuple[str, str]]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in files
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]


def test_the_readme_has_exactly_two_set_up_lines_in_one_block() -> None:
    (block,) = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
    assert block.splitlines() == [DEMO, TESTS]
    assert re.findall(r"^.*pip install.*$", README, flags=re.MULTILINE) == [DEMO, TESTS]


def test_ci_takes_the_test_line_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"grep -m1 -E '([^']+)' README\.md", script)
    assert re.findall(f"{pattern}.*$", README, flags=re.MULTILINE) == [TESTS]


def test_the_set_up_lines_ask_for_nothing_that_is_not_there() -> None:
    assert (ROOT / "constraints.txt").is_file()
    assert "test" in PROJECT["project"]["optional-dependencies"]
    assert "spikeproof" in PROJECT["project"]["scripts"]
    assert PROJECT["project"]["requires-python"] == ">=3.11"


MACHINE = r"(^|[\s\"'`(=:])/(work|opt|home|root|Users|mnt)/"
HOSTS = r"(?i)index-url|find-links|https?://[^/\s]*(pypi|hosted|conda|wheel|simple|download\.)"


@pytest.mark.parametrize("pattern", [MACHINE, HOSTS], ids=["paths of a machine", "hosts of a package registry"])
def test_no_file_names(pattern: str) -> None:
    assert lines_with(pattern, [(name, text) for name, text in texts() if name != "tests/test_project.py"]) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE, "open('/home/me/data.nwb')"),
        (MACHINE, "python: /opt/python/bin/python"),
        (HOSTS, "--extra-index-url x"),
        (HOSTS, "https://download.example.org/x"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: str, line: str) -> None:
    assert lines_with(pattern, [("a.txt", f"first\n{line}")]) == [f"a.txt:2: {line}"]


def test_entry_points_are_the_plugin_folders() -> None:
    folders = {path.parent.name for path in (ROOT / "plugins").glob("*/plugin.py")}
    points = PROJECT["project"]["entry-points"]["spikeproof"]
    assert {f"{folder}.plugin" for folder in folders} == set(points.values())
    assert {
        name: value for name, value in points.items() if f"spikeproof_{name.replace('-', '_')}.plugin" != value
    } == {}
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    shipped = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}  # functions only: no plugin.py
    assert sorted(packages) == sorted(["toolkit/spikeproof", *(f"plugins/{folder}" for folder in shipped)])


def test_the_wheel_installs_nothing_beside_its_own_name() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [path for path in packages if not Path(path).name.startswith("spikeproof")] == []


def pins() -> dict[str, Version]:
    found = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text:
            pin = Requirement(text)
            (specifier,) = pin.specifier
            assert specifier.operator == "==", f"{line}: a constraint pins one version"
            found[canonicalize_name(pin.name)] = Version(specifier.version)
    return found


def test_constraints_pin_torch_so_that_the_set_up_pulls_no_gigabytes() -> None:
    assert pins()["torch"] == Version("2.13.0")


DIRECT = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["test"]]


@pytest.mark.parametrize("requirement", [*DIRECT, *PROJECT["build-system"]["requires"]])
def test_constraints_pin_every_direct_dependency_to_a_version_that_is_admitted(requirement: str) -> None:
    wanted = Requirement(requirement)
    assert wanted.specifier.contains(pins()[canonicalize_name(wanted.name)], prereleases=True)


def test_the_licence_is_bsd_3_everywhere() -> None:
    assert PROJECT["project"]["license"] == "BSD-3-Clause"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("BSD 3-Clause License")
    assert "BSD 3-clause" in README


def test_changelog_fragments_are_named_for_what_they_are() -> None:
    names = [path.name for path in (ROOT / "docs" / "changelog.d").iterdir() if path.name != "README.md"]
    assert [name for name in names if not re.fullmatch(r"[\w-]+\.(added|changed|fixed|removed)\.md", name)] == []
