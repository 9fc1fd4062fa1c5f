"""Every wait ends."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from spikeproof.errors import DataError
from spikeproof_nwb.archive.patience import Patience, retry_after


class Clock:
    """Time that passes only while something sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def patience(limit: float = 45.0) -> tuple[Patience, Clock]:
    clock = Clock()
    return Patience(limit=limit, what="x", clock=clock, sleep=clock.sleep), clock


@pytest.mark.parametrize("each", [0.0, 3.0, 20.0, 40.0])
def test_a_server_that_fails_is_given_up_within_a_minute(each: float) -> None:
    """Whatever each try takes, up to what its timeout allows."""
    held, clock = patience()

    def tries() -> None:
        for _ in itertools.count():
            clock.now += min(each, sum(held.timeout))
            held.failed("gone")

    with pytest.raises(DataError, match=r"x: gone .*: try again later"):
        tries()
    assert clock.now < 60


def test_what_the_server_asks_for_is_honoured_if_there_is_time() -> None:
    held, clock = patience()
    held.failed("busy", wait=7)
    assert clock.now == 7
    with pytest.raises(DataError, match="x: busy, and it asks to wait 120 s: try again after that"):
        held.failed("busy", wait=120)
    assert clock.now == 7


def test_bytes_start_the_time_anew_and_a_trickle_does_not() -> None:
    held, clock = patience()
    for _ in range(20):
        clock.now += 40
        held.received(300_000)
    clock.now += 40
    held.received(10)
    clock.now += 6
    with pytest.raises(DataError, match="x: fewer than 256 kB came in 45 s: the connection is too slow"):
        held.received(10)


@pytest.mark.parametrize(("said", "seconds"), [("3", 3.0), ("1.5", 1.5), ("", None), ("soon", None), ("-1", None)])
def test_the_time_to_wait_is_read(said: str, seconds: float | None) -> None:
    response = requests.Response()
    response.headers["Retry-After"] = said
    assert retry_after(response) == seconds


def test_the_time_to_wait_may_be_a_date() -> None:
    response = requests.Response()
    response.headers["Retry-After"] = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after(response) == pytest.approx(30, abs=2)
    response.headers["Retry-After"] = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert retry_after(response) == 0
