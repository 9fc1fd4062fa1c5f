"""Plugins of other distributions, through the command line: used like built-ins, and never able to break the rest."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from command_line import Cli, Outcome
from fake_distributions import BROKEN, Install, good, install
from tiny_study import LINE, write_tiny_study

__all__ = ["good", "install"]

RECORDED = (
    "run --source simulate:sparse --source.units 6 --source.informative 3 --source.stimuli 4 "
    "--metric sparseness --draws 100 --out out"
)


@pytest.fixture
def all_broken(install: Install) -> dict[str, str]:
    """Install every kind of broken plugin, and one that is too new; return the error of each distribution."""
    errors = {}
    for number, (source, error) in enumerate(BROKEN.values()):
        install(f"spikeproof-bad{number}", source)
        errors[f"spikeproof-bad{number}"] = error.partition(" 'plugin'")[0]  # pluggy names the entry point after it
    install("spikeproof-future", "raise SystemExit", requires=("spikeproof>=99",))
    errors["spikeproof-future"] = "requires spikeproof>=99, but this is spikeproof 0."
    return errors


def listed(done: Outcome) -> dict[str, dict[str, Any]]:
    assert (done.code, done.err) == (0, "")
    return {plugin["distribution"]: plugin for plugin in json.loads(done.out) if plugin["distribution"] != "spikeproof"}


@pytest.mark.usefixtures("all_broken")
def test_every_broken_plugin_is_named_with_its_error(cli: Cli, all_broken: dict[str, str]) -> None:
    assert len(all_broken) >= 7 + 1
    plugins = listed(cli("plugins", "--json"))
    text = " ".join(cli("plugins").out.split())
    for distribution, error in all_broken.items():
        found = plugins[distribution]
        assert found["state"] == ("incompatible" if distribution == "spikeproof-future" else "failed")
        assert error in found["error"]
        assert found["provides"] == []
        assert f"({distribution} {found['version']}): {found['state']}" in text
        assert " ".join(found["error"].split())[:60] in text


def test_beside_broken_plugins_a_good_one_and_the_built_ins_work(
    cli: Cli, install: Install, good: Callable[[str], str], all_broken: dict[str, str]
) -> None:
    install("spikeproof-good", good("fine-attack"))
    plugins = listed(cli("plugins", "--json"))
    assert plugins["spikeproof-good"]["provides"] == [{"kind": "attack", "name": "fine-attack"}]
    assert "--attack.width <int>" in cli("run", "--attack", "fine-attack", "--help").out
    assert "bad" not in cli("show", "attack").out
    done = cli(*RECORDED.split())
    assert done.code == 0, done.err
    assert "Report: out/report.html" in done.out
    assert all(distribution not in done.out for distribution in all_broken)


@pytest.mark.parametrize("line", ["plugins", "show attack", RECORDED])
def test_strict_mode_stops_at_a_broken_plugin_and_says_so(
    cli: Cli, install: Install, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    install("spikeproof-bad", BROKEN["import error"][0])
    monkeypatch.setenv("SPIKEPROOF_STRICT", "1")
    done = cli(*line.split())
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "spikeproof: error: plugin spikeproof-bad 0.1 (bad) has failed: ModuleNotFoundError: "
        "No module named 'no_such_module_anywhere' (SPIKEPROOF_STRICT is set)\n"
    )
    assert not Path("out").exists()


def test_no_plugins_hides_what_third_parties_provide(cli: Cli, install: Install, good: Callable[[str], str]) -> None:
    install("spikeproof-good", good("fine-attack"))
    install("spikeproof-bad", BROKEN["exits"][0])
    assert "fine-attack" in cli("show", "attack").out
    plugins = listed(cli("--no-plugins", "plugins", "--json"))
    assert {name: (found["state"], found["provides"]) for name, found in plugins.items()} == {
        "spikeproof-good": ("disabled", []),
        "spikeproof-bad": ("disabled", []),
    }


def test_a_run_without_plugins_does_not_know_their_components(
    cli: Cli, install: Install, good: Callable[[str], str]
) -> None:
    install("spikeproof-good", good("fine-attack"))
    done = cli("run", "--no-plugins", "--attack", "fine-attack", "--help")
    assert done.code == 2
    assert "no attack named 'fine-attack'" in done.err


@pytest.mark.slow
def test_a_third_partys_wheel_is_listed_helped_run_measured_and_named(third_party_python: Path, tmp_path: Path) -> None:
    write_tiny_study(tmp_path)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SPIKEPROOF_")}

    def command(*argv: str) -> str:
        done = subprocess.run(
            [third_party_python, "-m", "spikeproof", *argv],
            cwd=tmp_path,
            env=environ | {"COLUMNS": "100"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    (record,) = (item for item in json.loads(command("plugins", "--json")) if item["distribution"] == "spikeproof-blur")
    assert record["state"] in {"active", "slow"}
    assert (record["version"], record["origin"], record["error"]) == ("0.3.1", "wheel", "")
    assert record["provides"] == [{"kind": "attack", "name": "blur"}]
    assert "spikeproof-blur 0.3.1" in command("plugins")

    page = command("run", "--attack", "blur", "--help")
    assert "Options of attack 'blur' (spikeproof-blur 0.3.1" in page
    assert "--attack.width <int>" in page
    assert "Width of the box, pixels; odd. [default: 3]" in page

    line = LINE.replace("--attack pgd --attack.steps 3", "--attack blur --attack.width 5")
    told = command(*line.split(), "--out", "out")
    assert "blur moves a unit by" in told

    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    (component,) = (part for part in provenance["components"] if part["name"] == "blur")
    assert component["parameters"] == {"width": 5}
    assert (component["distribution"], component["version"], component["revision"]) == ("spikeproof-blur", "0.3.1", 1)
    assert provenance["environment"]["versions"]["spikeproof-blur"] == "0.3.1"
    assert provenance["refused"] == []
    assert "spikeproof-blur" in command("explain", "out")

    with xr.open_datatree(tmp_path / "out" / "result.zarr", engine="zarr", consolidated=False) as tree:
        (system,) = tree["sensitivity"].children
        summary = tree[f"sensitivity/{system}/summary"]["sensitivity"].load()
        measured = tree[f"sensitivity/{system}/measured"]["sensitivity"].load()
    assert summary["perturbation"].values.tolist() == ["blur", "random"]
    assert measured.sizes["target"] == 6  # three units, and the control of each
    blurred = summary.sel(perturbation="blur").squeeze()
    low, estimate, high = (float(blurred.sel(statistic=name)) for name in ("low", "estimate", "high"))
    assert 0 < low <= estimate <= high < float("inf")
