"""What a metric refuses target by target is said once."""

from __future__ import annotations

import pytest
from spikeproof.pipeline.ledger import Ledger
from spikeproof.pipeline.summaries import Summaries
from spikeproof.progress import SilentProgress
from spikeproof.statistics import Resampling


@pytest.fixture
def summaries() -> Summaries:
    return Summaries([], Resampling(), Ledger(progress=SilentProgress()))


def refused(summaries: Summaries) -> list[str]:
    return [entry["reason"] for entry in summaries._ledger.refused]


def test_reasons_that_differ_in_figures_only_are_said_once_with_their_number(summaries: Summaries) -> None:
    summaries._refuse("a of net", [f"the smallest response is -{place}.5" for place in range(7)])
    assert refused(summaries) == ["the smallest response is -0.5 (and 6 more that differ in figures only)"]


def test_reasons_that_differ_in_words_are_all_said(summaries: Summaries) -> None:
    summaries._refuse("a of net", ["no repeats", "no categories"])
    assert refused(summaries) == ["no repeats", "no categories"]


def test_what_the_plan_refused_is_not_refused_again_in_other_words(summaries: Summaries) -> None:
    summaries._ledger.refuse("a of net", "a needs repeats")
    summaries._refuse("a of net", ["code net has no repeats"])
    assert refused(summaries) == ["a needs repeats"]
