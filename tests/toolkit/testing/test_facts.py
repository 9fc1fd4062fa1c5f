"""Every check of attacks names tests that exist, and these tests notice every slip that they are to notice."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from docs_tables import DOCS, GROUPS, check_markers, checks_of
from mutants import facts, slips
from mutants.slips import Slip

TESTS = Path(__file__).resolve().parents[2]
CHECKS = facts.every_check()


@functools.cache
def functions(name: str) -> frozenset[str]:
    """Test functions of a file below ``tests``."""
    tree = ast.parse((TESTS / name).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("name", CHECKS)
def test_the_tests_of_a_check_exist(name: str) -> None:
    missing = [test for test in CHECKS[name].tests if test.split("::")[1] not in functions(test.split("::")[0])]
    assert CHECKS[name].tests
    assert missing == []


def test_all_36_checks_stand_there_each_with_a_slip() -> None:
    assert list(facts.CHECKS) == list(range(1, 37))
    assert [number for number, check in facts.CHECKS.items() if not check.slips] == []


@pytest.mark.parametrize("group", GROUPS)
def test_the_page_shows_the_checks_as_they_are(group: str) -> None:
    shown = dict(check_markers(DOCS / "verification.md"))
    assert shown[group] == checks_of(group), "run python tests/docs_tables.py"


def test_every_slip_belongs_to_a_check() -> None:
    made = {
        name
        for name, value in vars(slips).items()
        if inspect.isfunction(value)
        and value.__module__ == slips.__name__
        and list(inspect.signature(value).parameters) == ["patch"]
    }
    assert made == {slip.__name__ for check in CHECKS.values() for slip in check.slips}


class Spoiled:
    """Runs tests of an inner session with a slip, and keeps what became of them."""

    def __init__(self, slip: Slip) -> None:
        self.slip = slip
        self.passed: list[str] = []
        self.noticed: list[str] = []
        self.broken: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: Any) -> Generator[None, object, object]:  # noqa: ARG002
        with pytest.MonkeyPatch.context() as patch:
            self.slip(patch)
            return (yield)

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        if call.excinfo is None:
            if call.when == "call":
                self.passed.append(item.nodeid)
        elif not call.excinfo.errisinstance(pytest.skip.Exception):
            slipped = Path(call.excinfo.traceback[-1].path).name == "slips.py"  # the slip itself does not work
            (self.broken if slipped or call.when != "call" else self.noticed).append(
                f"{item.nodeid}: {call.excinfo.exconly()}"
            )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "slip"),
    [pytest.param(name, slip, id=f"{name}-{slip.__name__}") for name, check in CHECKS.items() for slip in check.slips],
)
def test_a_slip_is_noticed_by_the_tests_of_its_check(name: str, slip: Slip) -> None:
    session = Spoiled(slip)
    tests = [str(TESTS / test) for test in CHECKS[name].tests]
    options = ["-x", "-q", "-m", "", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={TESTS.parent}"]
    pytest.main([*options, f"--config-file={TESTS.parent / 'pyproject.toml'}", *tests], plugins=[session])
    assert session.broken == []
    assert session.noticed, f"these passed: {session.passed}"
