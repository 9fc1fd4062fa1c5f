"""Studies that look for the smallest perturbation: evidence, controls, the metric, the longer search, refusals."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import xarray as xr
from spikeproof.pipeline.parts import Part
from spikeproof.pipeline.searches import said_of_searches
from spikeproof.pipeline.why_not import fit_refusal
from spikeproof.plugin import AttackEntry, ObjectiveEntry

Study = dict[str, Any]


def _changed(study: Study, **tables: Any) -> Study:
    return {**copy.deepcopy(study), **tables}


def _group(result: Any, name: str, part: str = "") -> xr.Dataset:
    """A group of the study's only system."""
    place = next(group for group in result.tree.groups if re.fullmatch(f"/{name}/[^/]+{part and '/' + part}", group))
    dataset: xr.Dataset = result.tree[place].to_dataset()
    return dataset


@pytest.fixture
def smallest(study: Study) -> Study:
    threat = {**study["threat"], "aims": ["unit", "population", "behavior"], "controls": ["random", "other-unit"]}
    return _changed(
        study,
        threat=threat,
        attack=[{"use": "fmn", "steps": 8}, {"use": "deepfool"}],
        metric=[{"use": "smallest-perturbation"}, {"use": "cross-scale"}],
        engine={"longer_items": 2},
    )


def test_a_study_reports_how_small_a_perturbation_is_enough(folder: Path, smallest: Study) -> None:  # noqa: ARG001
    result = spikeproof.run(smallest, out="out")
    summary = _group(result, "smallest-perturbation", "summary")
    lines = summary["perturbation"].values.tolist()
    assert lines == [
        "fmn (unit)",
        "fmn (behavior)",
        "deepfool (behavior)",
        "random of fmn (unit)",
        "random of fmn (behavior)",
        "random of deepfool (behavior)",
    ]
    measured = _group(result, "smallest-perturbation", "measured")
    cells = measured["minimal"].values[(measured["attack"] == "fmn") & (measured["control"] == "")]
    units = cells[measured["objective"].values[(measured["attack"] == "fmn") & (measured["control"] == "")] == "unit"]
    found = summary["median"].sel(statistic="estimate")
    assert float(found.sel(perturbation="fmn (unit)")) == pytest.approx(np.quantile(units, 0.5, method="inverted_cdf"))
    assert (found.values[:3] < found.values[3:]).all()  # random directions need more
    assert float(summary["reached"].sel(statistic="estimate", perturbation="deepfool (behavior)")) == 1
    said = [finding["text"] for finding in result.findings if finding["metric"] == "smallest-perturbation"]
    assert said[0].startswith("fmn (unit), until the response has changed by 1 sd: the median smallest L2 norm is ")
    assert any("until another class is chosen" in text for text in said)
    searched = [finding["text"] for finding in result.findings if finding["metric"] == "search"]
    assert any("a 10 times longer search found perturbations at most" in text for text in searched)


def test_choices_change_exactly_where_the_ball_holds_the_smallest_perturbation(
    folder: Path,  # noqa: ARG001
    smallest: Study,
) -> None:
    threat = {**smallest["threat"], "epsilons": [0.0, 0.05, 0.2, 0.5, 2.0], "aims": ["behavior"]}
    result = spikeproof.run(_changed(smallest, threat=threat), out="out")
    items = _group(result, "items", "")
    own = items.isel(target=np.flatnonzero((items["control"] == "") & (items["attack"] == "fmn"))[0])
    measured = _group(result, "smallest-perturbation", "measured")
    row = np.flatnonzero((measured["control"] == "") & (measured["attack"] == "fmn"))[0]
    minimal = measured["minimal"].isel(target=row)
    code = _group(result, "code", "")
    clean = code["choice"].sel(stimulus=own["stimulus"])
    changed = (own["choices"] != clean).transpose("epsilon", "stimulus").values
    assert np.array_equal(changed, own["epsilon"].values[:, None] >= minimal.values)
    assert (own["achieved"] <= own["epsilon"] * (1 + 1e-6)).all()


def test_what_has_no_goal_is_refused_with_the_reason(folder: Path, smallest: Study) -> None:  # noqa: ARG001
    objective = [{"use": "behavior", "loss": "cross-entropy"}]
    result = spikeproof.run(_changed(smallest, objective=objective), out="out")
    refused = {one["what"]: one["reason"] for one in result.refused}
    assert refused["fmn on population of build 3"] == (
        "fmn fits objectives at the scale unit or behavior only, not population"
    )
    assert refused["deepfool on behavior of build 3"] == (
        "deepfool looks for the smallest perturbation that reaches a goal, and behavior as it is set has none"
    )


def test_a_metric_of_smallest_perturbations_needs_such_an_attack(folder: Path, study: Study) -> None:  # noqa: ARG001
    metrics = [{"use": "smallest-perturbation"}, {"use": "cross-scale"}]
    result = spikeproof.run(_changed(study, metric=metrics), out="out")
    refused = {one["what"]: one["reason"] for one in result.refused}
    assert refused["smallest-perturbation of build 3"] == (
        "smallest-perturbation needs an attack that looks for the smallest perturbation (fmn, deepfool or threshold), "
        "and none runs on this system"
    )


def test_an_objective_that_never_has_a_goal_is_refused() -> None:
    attack = AttackEntry(name="mine", factory="m:F", summary="One.", norms=("l2",), kind="minimal")
    objective = ObjectiveEntry(name="vague", factory="m:F", summary="One.", scale="population")
    refusal = fit_refusal(
        Part(label="mine", entry=attack, component=None, provenance={}),
        Part(label="vague", entry=objective, component=object(), provenance={}),
    )
    assert refusal == (
        "mine looks for the smallest perturbation that reaches a goal, and vague of any setting has none"
    )


@pytest.mark.parametrize(("domain", "control"), [("response", False), ("stimulus", True)])
def test_only_attacks_on_images_look_for_the_smallest_perturbation(domain: Any, control: bool) -> None:
    with pytest.raises(ValueError, match="mine: only an attack on images is minimal"):
        AttackEntry(
            name="mine", factory="m:F", summary="One.", domain=domain, norms=("l2",), control=control, kind="minimal"
        )


def test_a_longer_search_that_alone_reaches_the_goal_is_said() -> None:
    names = {"attack": ("target", ["fmn"]), "objective": ("target", ["unit"]), "control": ("target", [""])}
    items = xr.Dataset({"status": (("target", "stimulus"), [["unreached", "converged"]])}, coords=names)
    longer = xr.Dataset(
        {"share": ("item", [0.0, 1.0])},
        coords={
            "attack": ("item", ["fmn", "fmn"]),
            "objective": ("item", ["unit", "unit"]),
            "minimal": ("item", [True, True]),
        },
    )
    said = list(said_of_searches(items, longer))
    assert "1 whose goal nothing that was found reaches" in said[0]
    assert said[1] == (
        "fmn on unit: on 2 sampled items a 10 times longer search alone reached the goal of 1: take more steps."
    )
