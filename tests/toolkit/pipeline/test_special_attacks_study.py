"""Attacks with a goal of their own in a study: what is refused, what is measured, and that runs can be repeated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import xarray as xr
from spikeproof.plugin import AttackEntry

Study = dict[str, Any]


@pytest.fixture
def special(study: Study) -> Study:
    """A study of the population, with few stimuli and steps."""
    return study | {
        "threat": {
            "norm": "l2",
            "epsilons": [0.2, 0.4],
            "aims": ["population"],
            "stimuli": 4,
            "controls": ["random"],
        },
        "engine": {"longer_items": 0},
        "attack": [
            {"use": "eigen"},
            {"use": "eigen:least", "name": "eigen-least"},
            {"use": "toward", "steps": 10},
            {"use": "metamer", "steps": 30},
            {"use": "universal", "steps": 8},
            {"use": "latent", "layer": "0", "rounds": 2},
        ],
        "metric": ["cross-scale", "match"],
        "statistics": {"draws": 100},
    }


def _refused(result: Any) -> dict[str, str]:
    return {item["what"]: item["reason"] for item in result.provenance["refused"]}


def _items(result: Any) -> xr.Dataset:
    (place,) = result.tree["items"].children
    return result.tree[f"items/{place}"].to_dataset().load()


def _rows(items: xr.Dataset, attack: str, control: str = "") -> xr.Dataset:
    chosen = (items["attack"].values == attack) & (items["control"].values == control)
    return items.isel(target=np.flatnonzero(chosen))


def test_every_attack_is_run_and_measured_by_what_fits_it(folder: Path, special: Study) -> None:
    result = spikeproof.run(special, out=folder / "out")
    assert _refused(result) == {}
    items = _items(result)
    assert set(items["attack"].values) == {"eigen", "eigen-least", "toward", "metamer", "universal", "latent"}
    (place,) = result.tree["cross-scale"].children
    matrix = result.tree[f"cross-scale/{place}/summary"].to_dataset()
    assert not any("metamer" in row for row in matrix["row"].values)
    assert np.isfinite(matrix["epsilon"].values).all()
    largest = matrix["matrix"].sel(statistic="estimate", scale="population").isel(epsilon=-1)
    shift = {str(row): float(largest.sel(row=row)) for row in matrix["row"].values}
    assert shift["population, eigen"] > 2 * shift["random (population, eigen)"]
    assert shift["population, eigen-least"] < 0.2 * shift["random (population, eigen-least)"]
    match = result.tree[f"match/{place}/summary"].to_dataset()
    assert match["row"].values.tolist() == ["population, toward", "random (population, toward)"]
    assert match["images"].values.tolist() == ["metamer", "random"]
    left = match["metamer_residual"].sel(statistic="estimate")
    assert float(left.sel(images="metamer")) < 0.05 * float(left.sel(images="random"))
    covered = match["covered"].sel(statistic="estimate").isel(epsilon=-1)
    assert float(covered.sel(row="population, toward")) > float(covered.sel(row="random (population, toward)")) + 0.2


def test_no_ball_binds_a_metamer_and_its_control_is_as_far(folder: Path, special: Study) -> None:
    special["attack"] = [{"use": "metamer", "steps": 30}]
    items = _items(spikeproof.run(special, out=folder / "out"))
    assert items["epsilon"].values.tolist() == [np.inf]
    metamer, control = _rows(items, "metamer"), _rows(items, "metamer", "random")
    assert (metamer["achieved"].values > 0.4).all()
    np.testing.assert_allclose(control["achieved"].values, metamer["achieved"].values, rtol=1e-4)


@pytest.mark.parametrize("aim", ["unit", "behavior"])
def test_other_aims_are_refused_by_name(folder: Path, special: Study, aim: str) -> None:
    special["threat"]["aims"] = [aim]
    special["attack"] = [{"use": name, "name": name.replace(":", "-")} for name in ("eigen", "toward", "metamer")]
    special["attack"].append({"use": "universal", "steps": 3})
    refused = _refused(spikeproof.run(special, out=folder / "out"))
    for name in ("eigen", "toward", "metamer"):
        assert refused[f"{name} on {aim} of build 3"] == (
            f"{name} fits objectives at the scale population only, not {aim}: it works on the whole population vector, "
            "not on a number that is read of it"
        )
    assert not any(what.startswith("universal") for what in refused)
    assert refused["match of build 3"].startswith("match needs ")


def test_a_study_without_a_goal_is_told_that_nothing_can_be_matched(folder: Path, special: Study) -> None:
    special["attack"] = [{"use": "pgd", "steps": 3}]
    refused = _refused(spikeproof.run(special, out=folder / "out"))
    assert refused == {"match of build 3": "match needs an attack that matches a population vector"}


def test_pgd_toward_another_stimulus_has_a_goal_as_well(folder: Path, special: Study) -> None:
    special["attack"] = [{"use": "pgd", "steps": 3}]
    special["objective"] = [{"use": "population", "goal": "toward"}]
    special["metric"] = ["match"]
    assert spikeproof.run(special, out=folder / "out").provenance["computed"]


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ("5", "torch: build, layer '3': hidden layer '5' is not on the way to it: shift another layer"),
        ("nix", "torch: build has no layer 'nix'; near names: "),
    ],
)
def test_a_hidden_layer_that_is_not_on_the_way_is_refused(
    folder: Path, special: Study, layer: str, reason: str
) -> None:
    special["attack"] = [{"use": "latent", "layer": layer}, {"use": "eigen"}]
    special["metric"] = ["cross-scale"]
    result = spikeproof.run(special, out=folder / "out")
    assert _refused(result)["latent of build 3"].startswith(reason)
    assert set(_items(result)["attack"].values) == {"eigen"}


@pytest.mark.slow
def test_the_batch_changes_nothing_but_rounding(folder: Path, special: Study) -> None:
    one, other = (spikeproof.run(special, out=folder / f"out{batch}", batch=batch) for batch in (64, 5))
    for name in ("cross-scale", "match"):
        (place,) = one.tree[name].children
        ours, theirs = (result.tree[f"{name}/{place}/measured"].to_dataset() for result in (one, other))
        for variable in ours.data_vars:
            np.testing.assert_allclose(
                ours[variable].values, theirs[variable].values, rtol=2e-2, atol=2e-3, err_msg=str(variable)
            )


@pytest.mark.slow
def test_a_resumed_run_is_the_whole_run_to_the_last_bit(folder: Path, special: Study) -> None:
    whole = spikeproof.run(special, out=folder / "whole")
    spikeproof.run(special, out=folder / "part")
    provenance = json.loads((folder / "part" / "provenance.json").read_text())
    assert provenance["status"] == "complete"

    class Unplugged(RuntimeError):
        pass

    blocks = 0

    class Stop(spikeproof.progress.Progress):
        def advance(self, amount: int = 1) -> None:
            nonlocal blocks
            blocks += amount
            if blocks >= 4:
                raise Unplugged

    with pytest.raises(Unplugged):
        spikeproof.run(special, out=folder / "cut", progress=Stop())
    resumed = spikeproof.run(special, out=folder / "cut", resume=True)
    for name in ("cross-scale", "match"):
        (place,) = whole.tree[name].children
        xr.testing.assert_identical(
            *(result.tree[f"{name}/{place}/measured"].to_dataset().load() for result in (whole, resumed))
        )


@pytest.mark.slow
def test_low_precision_does_not_lead_them_off_their_way(folder: Path, special: Study) -> None:
    special["attack"] = special["attack"][:3] + special["attack"][5:]
    special["metric"] = ["cross-scale"]
    found = []
    for precision in ("float32", "bf16-polish"):
        special["engine"] = {"longer_items": 0, "precision": precision}
        result = spikeproof.run(special, out=folder / precision)
        (place,) = result.tree["cross-scale"].children
        found.append(result.tree[f"cross-scale/{place}/measured"].to_dataset()["shift"].values)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_the_report_shows_them(folder: Path, special: Study) -> None:
    spikeproof.run(special, out=folder / "out")
    page = (folder / "out" / "report.html").read_text()
    assert "distance left to the population vector that was to be matched" in page
    assert "metamer" in page


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"kind": "free", "effort": "steps"},
            "a search from afar gains nothing over the clean image: leave effort out",
        ),
        ({"kind": "free", "control": True}, "only an attack on images is free"),
        ({"kind": "loose"}, "kind must be one of 'ball', 'minimal', 'universal', 'free', got 'loose'"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AttackEntry(name="one-attack", factory="a.b:C", summary="One.", norms=("l2",), **entry)
