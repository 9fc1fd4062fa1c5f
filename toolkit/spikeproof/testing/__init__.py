"""The conformance kit: what every component must hold, as small checks that a plugin's own tests run.

    # tests/test_conformance.py of a plugin
    from collections.abc import Callable
    from spikeproof.testing import Example, parametrize

    @parametrize("spikeproof-mine", examples={"source-mine": Example(target="data/small.mine")})
    def test_conformance(check: Callable[[], None]) -> None:
        check()

Each test is one check of one component, such as ``attack-blur-stays_in_the_ball``. A component that knowingly breaks
one is named with the reason in ``expected_failures`` and is then expected to fail it.
"""

from __future__ import annotations

from .kit import Bound, Outcome, checks_of, parametrize, run_checks
from .registry import Check, CheckFailed, checks
from .subject import Example, Subject

__all__ = [
    "Bound",
    "Check",
    "CheckFailed",
    "Example",
    "Outcome",
    "Subject",
    "checks",
    "checks_of",
    "parametrize",
    "run_checks",
]
