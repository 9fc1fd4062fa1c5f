"""Each mutant fails the check that it breaks, and only that; what is right fails none; each check has a mutant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from mutants.plugin import BROKEN
from spikeproof._host import Host
from spikeproof.testing import Bound, checks, checks_of

METADATA = "Metadata-Version: 2.1\nName: spikeproof-mutants\nVersion: 1.0\n"
POINTS = "[spikeproof]\nmutants = mutants.plugin\nheavy = mutants.heavy\n"


@pytest.fixture(scope="module")
def bounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Bound]]]:
    """The checks of each mutant, by its name."""
    site = tmp_path_factory.mktemp("site")
    info = site / "spikeproof_mutants-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(POINTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        host = Host.discover(environ={"SPIKEPROOF_PLUGINS": "spikeproof-mutants"})
        found: dict[str, list[Bound]] = defaultdict(list)
        for bound in checks_of(host, "spikeproof-mutants"):
            found[bound.name.removesuffix(f"-{bound.check.name}")].append(bound)
        yield found


@pytest.mark.parametrize("mutant", BROKEN)
def test_a_mutant_fails_its_own_check_and_no_other(mutant: str, bounds: dict[str, list[Bound]]) -> None:
    failed = {}
    for bound in bounds[mutant]:
        try:
            bound()
        except AssertionError as error:
            failed[bound.check.name] = str(error)
    assert set(failed) == BROKEN[mutant], failed


def test_every_check_has_a_mutant_that_it_catches() -> None:
    caught = {(name.partition("-")[0], check) for name, broken in BROKEN.items() for check in broken}
    blind = [
        f"{item.name} of {kind}"
        for item in checks()
        for kind in item.kinds
        if not any(check == item.name and (len(item.kinds) > 1 or of == kind) for of, check in caught)
    ]
    assert blind == []


def test_every_mutant_is_checked(bounds: dict[str, list[Bound]]) -> None:
    assert set(bounds) == set(BROKEN)


def test_every_check_says_what_must_hold() -> None:
    assert [item.name for item in checks() if not item.summary.endswith(".")] == []
    kinds = {(item.name, kind) for item in checks() for kind in item.kinds}
    assert len(kinds) == sum(len(item.kinds) for item in checks())
