"""The kit runs as tests and as a report, counts what it runs, and refuses keys that name nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from spikeproof._host import Host
from spikeproof.errors import ComponentNotFound, PluginFailed, UsageError
from spikeproof.testing import Example, checks_of, parametrize, run_checks

PLUGIN = """
from dataclasses import dataclass
from typing import Annotated
from spikeproof.plugin import EncoderEntry, SourceEntry, hookimpl

@hookimpl
def spikeproof_encoders():
    yield EncoderEntry(name="plain", factory="spikeproof_kit:Plain", summary="Plain.")

@hookimpl
def spikeproof_sources():
    yield SourceEntry(name="there", factory="spikeproof_kit:There", summary="There.", target="PATH")

@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    "An encoder."
    rank: int = 3

@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    "A source."
    target: str
    def load(self):
        raise OSError(f"no such file: {self.target}")
"""
ENVIRON = {"SPIKEPROOF_PLUGINS": "spikeproof-kit"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a distribution ``spikeproof-kit`` of this source."""

    def install(source: str) -> None:
        info = tmp_path / "spikeproof_kit-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spikeproof-kit\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[spikeproof]\nkit = spikeproof_kit\n")
        (tmp_path / "spikeproof_kit.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "spikeproof_kit", raising=False)

    return install


def test_a_report_says_of_every_check_how_it_went(installed: Callable[[str], None]) -> None:
    installed(PLUGIN)
    outcomes = {outcome.name: outcome for outcome in run_checks(Host.discover(environ=ENVIRON), "spikeproof-kit")}
    described = outcomes["encoder-plain-every_parameter_is_described"]
    assert (described.state, described.error) == (
        "failed",
        "rank has no help text: write Annotated[type, 'What it does, its unit.']",
    )
    assert outcomes["encoder-plain-it_can_be_sent_to_a_worker"].state == "passed"
    loading = outcomes["source-there-loading_twice_gives_the_same"]
    assert loading.state == "not run"
    assert "examples={'source-there': Example(target=...)} with its PATH" in loading.error
    assert loading.summary == "Two loads have the same identity, stimuli and responses."


def test_an_example_is_made_when_a_check_runs_and_once(installed: Callable[[str], None]) -> None:
    installed(PLUGIN)
    made = []

    def example() -> Example:
        made.append(1)
        return Example(target="a:b")

    host = Host.discover(environ=ENVIRON)
    bounds = checks_of(host, "Spikeproof_Kit", examples={"source-there": example})
    assert made == []
    for bound in bounds:
        if bound.name in {"source-there-loading_twice_gives_the_same", "source-there-its_images_can_be_read"}:
            with pytest.raises(OSError, match="no such file: a:b"):
                bound()
    assert made == [1]


def test_an_error_of_the_component_is_a_failure_with_its_text(installed: Callable[[str], None]) -> None:
    installed(PLUGIN)
    host = Host.discover(environ=ENVIRON)
    found = run_checks(host, "spikeproof-kit", examples={"source-there": Example(target="x")})
    errors = {outcome.name: outcome.error for outcome in found}
    assert errors["source-there-loading_twice_gives_the_same"] == "OSError: no such file: x"


def test_tests_are_named_and_expected_failures_are_strict(installed: Callable[[str], None]) -> None:
    installed(PLUGIN)
    failing = "encoder-plain-every_parameter_is_described"
    mark = parametrize("spikeproof-kit", environ=ENVIRON, expected_failures={failing: "an example of a failure"})
    name, parameters = mark.args
    assert name == "check"
    ids = [parameter.id for parameter in parameters]
    assert failing in ids
    assert len(ids) == len(set(ids))
    (expected,) = (parameter for parameter in parameters if parameter.marks)
    assert expected.id == failing
    (xfail,) = expected.marks
    assert (xfail.name, xfail.kwargs["strict"], xfail.kwargs["reason"]) == ("xfail", True, "an example of a failure")


def test_keys_that_name_nothing_are_refused(installed: Callable[[str], None]) -> None:
    installed(PLUGIN)
    with pytest.raises(UsageError, match="expected failure 'encoder-plain-every_parameter_is_describe' names nothing"):
        parametrize(
            "spikeproof-kit",
            environ=ENVIRON,
            expected_failures={"encoder-plain-every_parameter_is_describe": "misspelt"},
        )
    with pytest.raises(UsageError, match="example 'source-their' names nothing that is checked: did you mean"):
        parametrize("spikeproof-kit", environ=ENVIRON, examples={"source-their": Example(target="x")})


def test_a_plugin_that_failed_to_load_is_its_own_error(installed: Callable[[str], None]) -> None:
    installed("import no_such_module_anywhere\n")
    with pytest.raises(PluginFailed, match="No module named 'no_such_module_anywhere'\nTraceback"):
        parametrize("spikeproof-kit", environ=ENVIRON)


def test_a_distribution_that_provides_nothing_is_an_error() -> None:
    with pytest.raises(ComponentNotFound, match="distribution 'numpy' provides no component"):
        parametrize("numpy", environ=ENVIRON)
