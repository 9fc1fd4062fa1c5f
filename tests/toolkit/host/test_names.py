"""``[DIST/]NAME[:TARGET]`` resolves to one component, or the error says what was meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spikeproof._host import Host, PluginStatus, Provided
from spikeproof._host.components import PluginState
from spikeproof._host.loading import new_manager
from spikeproof.errors import AmbiguousName, BadParameter, ComponentNotFound
from spikeproof.plugin import AttackEntry, MetricEntry, ModelEntry, SourceEntry


def plugin(distribution: str = "spikeproof", state: PluginState = "active", error: str = "") -> PluginStatus:
    return PluginStatus(name="x", distribution=distribution, version="1.0", state=state, error=error)


def attack(name: str, distribution: str = "spikeproof") -> Provided:
    entry = AttackEntry(name=name, factory="m:C", summary="S.", norms=("l2",))
    return Provided(entry=entry, kind="attack", plugin=plugin(distribution))


def source(name: str, *suffixes: str, target: str | None = "PATH") -> Provided:
    entry = SourceEntry(name=name, factory="m:C", summary="S.", target=target, suffixes=suffixes)
    return Provided(entry=entry, kind="source", plugin=plugin())


MODEL = Provided(
    entry=ModelEntry(name="torch", factory="m:C", summary="S.", target="FILE:NAME"), kind="model", plugin=plugin()
)
METRIC = Provided(
    entry=MetricEntry(name="flips", factory="m:C", summary="S.", scale="unit"), kind="metric", plugin=plugin()
)


def host(*provided: Provided, broken: tuple[PluginStatus, ...] = ()) -> Host:
    return Host(manager=new_manager(), plugins=broken, provided=provided)


def refusal(error: type[Exception], kind: str, spec: str, *provided: Provided, **details: object) -> str:
    where = str(details.pop("where", ""))
    with pytest.raises(error) as caught:
        host(*provided, **details).find(kind, spec, where=where)  # type: ignore[arg-type]
    return str(caught.value)


def test_everything_after_the_first_colon_is_the_target() -> None:
    found = host(source("nwb", ".nwb")).find("source", "nwb:C:\\data\\a:b/c.nwb")
    assert (found.entry.name, found.target, found.spec) == ("nwb", "C:\\data\\a:b/c.nwb", "nwb:C:\\data\\a:b/c.nwb")


def test_a_name_may_be_qualified_and_the_distribution_is_normalised() -> None:
    two = host(attack("pgd"), attack("pgd", "Spikeproof_Other"))
    assert two.find("attack", "spikeproof-other/pgd").plugin.distribution == "Spikeproof_Other"
    assert two.find("attack", "spikeproof/pgd").plugin.distribution == "spikeproof"


def test_an_ambiguous_name_shows_both_spellings() -> None:
    text = refusal(AmbiguousName, "attack", "pgd", attack("pgd"), attack("pgd", "spikeproof-other"), where="study.toml")
    assert text == (
        "study.toml: attack 'pgd' is provided by 2 distributions: write spikeproof/pgd or spikeproof-other/pgd"
    )


def test_an_unknown_name_lists_near_names_and_all_names() -> None:
    text = refusal(
        ComponentNotFound, "attack", "pdg", attack("pgd"), attack("random"), where="study.toml, [[attack]] 1"
    )
    assert text == "study.toml, [[attack]] 1: no attack named 'pdg'. Did you mean 'pgd'? The attacks are: pgd, random"


def test_an_unknown_name_shows_the_plugins_that_failed_or_are_disabled() -> None:
    broken = (
        plugin("spikeproof-a", state="failed", error="ImportError: no torch"),
        plugin("spikeproof-b", state="incompatible", error="requires spikeproof>=9"),
        plugin("spikeproof-c", state="disabled", error="not allowed"),
        plugin("spikeproof-d", state="candidate", error="no entry point"),
    )
    text = refusal(ComponentNotFound, "attack", "cw", attack("pgd"), broken=broken)
    assert text == (
        "no attack named 'cw'. The attacks are: pgd. These plugins could not be loaded: "
        "spikeproof-a 1.0 (x): ImportError: no torch; spikeproof-b 1.0 (x): requires spikeproof>=9. "
        "These plugins are disabled: spikeproof-c 1.0 (x)"
    )


def test_a_name_of_another_kind_is_said_to_be_one() -> None:
    text = refusal(ComponentNotFound, "metric", "pgd", attack("pgd"), METRIC)
    assert text == "no metric named 'pgd'. 'pgd' is an attack. The metrics are: flips"


def test_no_component_of_the_kind_at_all() -> None:
    assert (
        refusal(ComponentNotFound, "readout", "logistic") == "no readout named 'logistic'. No plugin provides a readout"
    )


def test_a_wrong_distribution_shows_who_provides_it() -> None:
    text = refusal(ComponentNotFound, "attack", "foo/pgd", attack("pgd"))
    assert "no attack named 'foo/pgd'. It is provided as spikeproof/pgd." in text


@pytest.mark.parametrize("spec", ["sub-4.nwb", "data/sub-4.NWB", "C:\\data\\sub-4.nwb"])
def test_a_path_alone_proposes_the_source_of_its_suffix(spec: str) -> None:
    provided = (source("nwb", ".nwb"), source("images", ".npz"), source("simulate", target=None))
    text = refusal(ComponentNotFound, "source", spec, *provided)
    assert f"If it is a path or an object, say what reads it: nwb:{spec}." in text
    assert "images:" not in text


def test_a_path_of_unknown_suffix_proposes_every_source_with_a_target() -> None:
    text = refusal(
        ComponentNotFound, "source", "faces/", source("nwb", ".nwb"), source("images"), source("sim", target=None)
    )
    assert "nwb:faces/ or images:faces/" in text
    assert "sim:" not in text


@pytest.mark.parametrize("spec", ["nets.py:build", "my_pkg.nets:build"])
def test_an_object_alone_proposes_the_models_with_a_target(spec: str) -> None:
    assert f"say what reads it: torch:{spec}." in refusal(ComponentNotFound, "model", spec, MODEL)


@pytest.mark.parametrize("spec", ["nwb", "nwb:"])
def test_a_missing_target_is_asked_for(spec: str) -> None:
    text = refusal(BadParameter, "source", spec, source("nwb", ".nwb"), where="--source")
    assert text == "--source: source 'nwb' needs a target: write nwb:PATH"


def test_a_target_in_brackets_may_be_left_out() -> None:
    assert host(source("sim", target="[KIND]")).find("source", "sim").target is None
    assert host(source("sim", target="[KIND]")).find("source", "sim:sparse").target == "sparse"


def test_a_target_that_is_not_taken_is_refused() -> None:
    text = refusal(BadParameter, "attack", "pgd:40", attack("pgd"))
    assert text == "attack 'pgd' takes no target: write 'pgd' without ':40'"


def test_entries_are_sorted_by_name_then_distribution() -> None:
    entries = host(attack("pgd", "b"), attack("fgsm"), attack("pgd", "a"), METRIC).entries("attack")
    assert [item.qualified for item in entries] == ["spikeproof/fgsm", "a/pgd", "b/pgd"]


def test_provenance_names_plugin_version_and_revision() -> None:
    chosen = host(source("nwb")).find("source", "nwb:x.nwb")
    facts = chosen.provenance({"window": (0.1, float("inf")), "path": Path("a"), "where": {"area": None}})
    assert facts == {
        "kind": "source",
        "name": "nwb",
        "target": "x.nwb",
        "parameters": {"window": [0.1, "inf"], "path": "a", "where": {"area": None}},
        "plugin": "x",
        "distribution": "spikeproof",
        "version": "1.0",
        "origin": "wheel",
        "revision": 1,
        "reference": None,
    }


def test_two_installed_distributions_with_one_name(install: Callable[..., Path], good: Callable[[str], str]) -> None:
    install("spikeproof-one", good("twin"))
    install("spikeproof-two", good("twin"))
    found = Host.discover(environ={})
    with pytest.raises(AmbiguousName, match="write spikeproof-one/twin or spikeproof-two/twin"):
        found.find("attack", "twin")
    assert found.find("attack", "spikeproof-two/twin").plugin.name == "two"
