"""One broken plugin never stops the host, leaves nothing behind, and is named with its error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_distributions import BROKEN
from spikeproof._host import Host, PluginStatus
from spikeproof._host.loading import new_manager
from spikeproof.errors import PluginFailed


def status(host: Host, distribution: str) -> PluginStatus:
    (found,) = (plugin for plugin in host.plugins if plugin.distribution == distribution)
    return found


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_leaves_the_rest_working_and_is_named(
    kind: str, install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    source, error = BROKEN[kind]
    install("spikeproof-bad", source)
    install("spikeproof-good", good("fine-attack"))
    host = Host.discover(environ={})
    bad = status(host, "spikeproof-bad")
    assert bad.state == "failed"
    assert error in bad.error
    assert "\n" not in bad.error
    assert bad.traceback.startswith("Traceback")
    assert bad.provides == ()
    assert not [item for item in host._provided if item.plugin.distribution == "spikeproof-bad"]
    assert "spikeproof-bad/bad" not in dict(host._manager.list_name_plugin())
    assert not hasattr(host._manager.hook, "spikeproof_atacks")
    assert status(host, "spikeproof-good").state in {"active", "slow"}
    chosen = host.find("attack", "fine-attack")
    assert host.build(chosen, {"width": 5}, where="here").width == 5  # type: ignore[attr-defined]


def test_all_broken_at_once_are_all_shown(install: Callable[..., Path]) -> None:
    for number, (source, _) in enumerate(BROKEN.values()):
        install(f"spikeproof-bad{number}", source)
    host = Host.discover(environ={})
    states = [plugin.state for plugin in host.plugins if plugin.distribution.startswith("spikeproof-bad")]
    assert states == ["failed"] * len(BROKEN)


@pytest.mark.parametrize(
    ("requirement", "state"),
    [
        ("spikeproof>=99", "incompatible"),
        ("spikeproof<0.0.1; python_version > '3'", "incompatible"),
        ("Spikeproof>=0.1", "active"),
        ("spikeproof<0.0.1; extra == 'old'", "active"),
        ("spikeproof-other>=99", "active"),
        ("spikeproof >> 3", "failed"),
    ],
)
def test_the_requirement_on_spikeproof_is_the_api_version(
    requirement: str, state: str, install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    install("spikeproof-pinned", good("pinned"), requires=("numpy", requirement))
    found = status(Host.discover(environ={}), "spikeproof-pinned")
    assert found.state.replace("slow", "active") == state
    if state == "incompatible":
        assert found.error.startswith("requires spikeproof")
        assert "but this is spikeproof" in found.error
        assert "spikeproof_pinned" not in sys.modules


def test_two_plugins_of_one_distribution_cannot_share_a_name(
    install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    site = install("spikeproof-twice", good("same"), points={"a": "spikeproof_twice", "b": "second_of_twice"})
    (site / "second_of_twice.py").write_text(good("same"))
    one, two = (plugin for plugin in Host.discover(environ={}).plugins if plugin.distribution == "spikeproof-twice")
    assert (one.name, one.usable) == ("a", True)
    assert (two.name, two.state) == ("b", "failed")
    assert two.error == "ValueError: attack 'same' is already provided by plugin 'a' of the same distribution"


def test_one_module_under_two_entry_points_is_refused_the_second_time(
    install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    install("spikeproof-a", good("one-name"))
    install("spikeproof-b", None, points={"b": "spikeproof_a"})
    found = status(Host.discover(environ={}), "spikeproof-b")
    assert found.state == "failed"
    assert "already registered" in found.error


def test_a_plugin_that_takes_long_to_load_is_slow_but_usable(
    install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    install(
        "spikeproof-slow",
        good("late") + "\nimport time\nt = time.thread_time()\nwhile time.thread_time() < t + .06: pass\n",
    )
    host = Host.discover(environ={})
    found = status(host, "spikeproof-slow")
    assert found.state == "slow"
    assert found.import_ms > 50
    assert host.find("attack", "late").plugin == found


def test_a_distribution_without_entry_point_is_shown_as_a_candidate(install: Callable[..., Path]) -> None:
    install("spikeproof-forgot", "", points={}, version="2.0")
    found = status(Host.discover(environ={}), "spikeproof-forgot")
    assert (found.state, found.version, found.usable) == ("candidate", "2.0", False)
    assert "declares no entry point of the group 'spikeproof'" in found.error


def test_strict_mode_raises_and_names_the_plugin(install: Callable[..., Path]) -> None:
    install("spikeproof-bad", "import no_such_module_anywhere\n", version="1.2")
    environ = {"SPIKEPROOF_STRICT": "1", "SPIKEPROOF_PLUGINS": "bad"}
    with pytest.raises(PluginFailed) as caught:
        Host.discover(environ=environ)
    assert str(caught.value) == (
        "plugin spikeproof-bad 1.2 (bad) has failed: ModuleNotFoundError: No module named 'no_such_module_anywhere' "
        "(SPIKEPROOF_STRICT is set)"
    )
    Host.discover(environ={"SPIKEPROOF_STRICT": "0"})


@pytest.mark.parametrize(
    ("environ", "active"),
    [
        ({}, {"one", "two"}),
        ({"SPIKEPROOF_PLUGINS": ""}, set()),
        ({"SPIKEPROOF_PLUGINS": "one"}, {"one"}),
        ({"SPIKEPROOF_PLUGINS": " Spikeproof_Two , one"}, {"one", "two"}),
        ({"SPIKEPROOF_NO_PLUGINS": "1", "SPIKEPROOF_PLUGINS": "one"}, set()),
        ({"SPIKEPROOF_NO_PLUGINS": "0"}, {"one", "two"}),
    ],
)
def test_the_environment_restricts_plugins_but_never_the_built_ins(
    environ: dict[str, str], active: set[str], install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    install("spikeproof-one", good("first"))
    install("spikeproof-two", good("second"))
    host = Host.discover(environ=environ)
    others = [plugin for plugin in host.plugins if plugin.distribution != "spikeproof" and plugin.state != "candidate"]
    assert {plugin.name for plugin in others if plugin.usable} == active
    assert {plugin.state for plugin in others if not plugin.usable} <= {"disabled"}
    assert {plugin.name for plugin in host.plugins if plugin.distribution == "spikeproof"} >= {
        "nwb",
        "torch",
        "attacks",
    }
    if "one" not in active:
        assert "spikeproof_one" not in sys.modules


def test_a_misspelt_allow_list_is_said(
    install: Callable[..., Path], good: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    install("spikeproof-one", good("first"))
    with caplog.at_level(logging.WARNING):
        Host.discover(environ={"SPIKEPROOF_PLUGINS": "spikeproof-onne"})
    assert (
        "'spikeproof-onne', but no plugin or distribution has that name: did you mean 'spikeproof-one'?" in caplog.text
    )


def test_the_order_of_plugins_is_that_of_distribution_and_name(
    install: Callable[..., Path], good: Callable[[str], str]
) -> None:
    install("spikeproof-zeta", good("zeta-attack"))
    install("spikeproof-alpha", good("alpha-attack"))
    found = [(item.distribution, item.name) for item in Host.discover(environ={}).plugins if item.name]
    assert found == sorted(found)


OBSERVER = """
from spikeproof.plugin import hookimpl
seen = []

@hookimpl
def spikeproof_result({arguments}):
    {body}
"""


def test_observers_see_the_result_and_their_errors_are_only_logged(
    install: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    install("spikeproof-a", OBSERVER.format(arguments="result", body="raise RuntimeError('disk full')"))
    install("spikeproof-b", OBSERVER.format(arguments="result", body="seen.append(result)"))
    install("spikeproof-c", OBSERVER.format(arguments="", body="seen.append('called')"))
    host = Host.discover(environ={})
    host.notify("the result")
    assert sys.modules["spikeproof_b"].seen == ["the result"]
    assert sys.modules["spikeproof_c"].seen == ["called"]
    assert "plugin spikeproof-a/a failed on the result" in caplog.text
    assert "disk full" in caplog.text


def test_a_new_manager_has_every_hook_and_no_plugin() -> None:
    manager = new_manager()
    assert manager.get_plugins() == set()
    assert manager.hook.spikeproof_result.spec is not None
