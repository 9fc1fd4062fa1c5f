"""Which archive is asked, and with which key."""

from __future__ import annotations

import re

import pytest
from spikeproof.errors import BadParameter, DataError
from spikeproof_nwb.archive.instance import choose_instance


@pytest.mark.parametrize(
    ("said", "environ", "name", "api"),
    [
        (None, {}, "dandi", "https://api.dandiarchive.org/api"),
        (None, {"DANDI_INSTANCE": "ember-dandi"}, "ember-dandi", "https://api-dandi.emberarchive.org/api"),
        ("dandi-sandbox", {"DANDI_INSTANCE": "linc"}, "dandi-sandbox", "https://api.sandbox.dandiarchive.org/api"),
        ("https://dandiarchive.org/", {}, "dandi", "https://api.dandiarchive.org/api"),
        ("https://api.dandiarchive.org/api/", {}, "dandi", "https://api.dandiarchive.org/api"),
        ("http://127.0.0.1:8000/api", {}, "127.0.0.1:8000", "http://127.0.0.1:8000/api"),
        ("https://mine.org", {}, "mine.org", ""),
    ],
)
def test_an_archive_is_named_or_addressed(said: str | None, environ: dict[str, str], name: str, api: str) -> None:
    found = choose_instance(said, environ)
    assert (found.name, found.api) == (name, api)


@pytest.mark.parametrize(
    ("said", "environ", "message"),
    [
        ("dandi-sandbx", {}, "instance = 'dandi-sandbx' is no archive: did you mean 'dandi-sandbox'"),
        (None, {"DANDI_INSTANCE": "zzz"}, "DANDI_INSTANCE = 'zzz' is no archive: known are dandi"),
        ("ftp://mine.org", {}, "an address begins with https://"),
        ("https://user:pass@mine.org/api", {}, "instance holds a user's name before the host: leave it out"),
    ],
)
def test_an_unknown_archive_is_refused(said: str | None, environ: dict[str, str], message: str) -> None:
    with pytest.raises(BadParameter, match=re.escape(message)):
        choose_instance(said, environ)


@pytest.mark.parametrize(
    ("said", "variable"),
    [
        ("dandi", "DANDI_API_KEY"),
        ("ember-dandi", "EMBER_DANDI_API_KEY"),
        ("http://127.0.0.1:8000/api", "DANDI_127_0_0_1_8000_API_KEY"),
        ("http://127.0.0.1:8000/api", "127.0.0.1:8000_API_KEY"),
    ],
)
def test_the_key_stands_in_the_variable_of_the_dandi_client(said: str, variable: str) -> None:
    assert choose_instance(said, {}).token({variable: " k \n"}) == ("k", variable)
    assert choose_instance(said, {}).token({}) is None
    assert choose_instance(said, {}).token({variable: " "}) is None


def test_the_key_of_one_archive_is_not_given_to_another() -> None:
    assert choose_instance("https://mine.org/api", {}).token({"DANDI_API_KEY": "k"}) is None


def test_a_key_is_not_sent_in_the_clear() -> None:
    with pytest.raises(
        DataError, match=r"http://mine.org/api is not https: the key in DANDI_MINE_ORG_API_KEY was not sent"
    ):
        choose_instance("http://mine.org/api", {}).token({"DANDI_MINE_ORG_API_KEY": "k"})
    assert choose_instance("http://[::1]:80/api", {}).token({"DANDI____1__80_API_KEY": "k"}) is not None
