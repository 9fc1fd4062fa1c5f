from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import xarray as xr
from spikeproof.engine import Target
from spikeproof.errors import BadStudy
from spikeproof.pipeline.company import companies
from spikeproof.pipeline.searches import joined_longer, said_of_searches, sample_size
from spikeproof.study import parse_study

Study = dict[str, Any]


def _targets(count: int) -> list[Target]:
    return [Target(unit=k, name=str(k)) for k in range(count)]


def _recording(searched: list[list[str]]) -> Any:
    def search(targets: Sequence[Target]) -> Iterator[str]:
        searched.append([target.name for target in targets])
        for target in targets:
            yield f"found {target.name}"

    return search


def test_a_company_is_searched_once_and_each_target_gets_its_own() -> None:
    searched: list[list[str]] = []
    placed = companies(_targets(5), _recording(searched), rows=8, batch=2)  # 8 x 2 rows: two targets
    assert [company.ask(place) for company, place in placed] == [f"found {k}" for k in range(5)]
    assert searched == [["0", "1"], ["2", "3"], ["4"]]


def test_a_resumed_company_is_searched_as_a_whole_again() -> None:
    searched: list[list[str]] = []
    placed = companies(_targets(4), _recording(searched), rows=1, batch=64)
    assert placed[2][0].ask(2) == "found 2"
    assert placed[3][0].ask(3) == "found 3"
    assert searched == [["0", "1", "2", "3"]]
    assert placed[1][0].ask(1) == "found 1"
    assert len(searched) == 2


def test_a_target_that_fills_many_batches_has_no_company() -> None:
    searched: list[list[str]] = []
    placed = companies(_targets(2), _recording(searched), rows=10_000, batch=64)
    assert placed[0][0] is not placed[1][0]


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ({"precision": "float16"}, r"\[engine\]: precision must be 'float32' or 'bf16-polish', got 'float16'"),
        ({"compile": 1}, r"\[engine\]: compile must be true or false, got 1"),
        ({"accelerate": "no"}, r"\[engine\]: accelerate must be true or false, got 'no'"),
        ({"longer_items": -1}, r"longer_items must be a whole number of at least 0 or 'auto', got -1"),
        ({"longer_items": True}, r"longer_items must be .* got True"),
        ({"percision": "float32"}, r"unknown key 'percision': did you mean 'precision'"),
    ],
)
def test_a_wrong_key_of_the_engine_is_refused(engine: Study, message: str) -> None:
    with pytest.raises(BadStudy, match=message):
        parse_study({"source": "simulate:sparse", "metric": ["sparseness"], "engine": engine})


def test_the_sample_costs_a_twentieth_of_the_search_but_for_very_small_and_very_large_ones() -> None:
    for items, epsilons in ((2000, 2), (700, 4), (1500, 1)):
        count = sample_size(None, items, epsilons)
        assert 2 < count < 32
        assert 0.04 < 11 * count / (items * epsilons) <= 0.05
    assert sample_size(0, 100, 4) == 0


def _items(status: list[list[str]], control: str = "") -> xr.Dataset:
    count = len(status)
    names = {"attack": "pgd", "objective": "unit", "control": control}
    return xr.Dataset(
        {"status": (("target", "stimulus"), np.array(status))},
        coords={name: ("target", [text] * count) for name, text in names.items()},
    )


def _sampled(share: list[float]) -> xr.Dataset:
    names = {"attack": "pgd", "objective": "unit"}
    return xr.Dataset(
        {"share": ("item", np.array(share))}, coords={key: ("item", [text] * len(share)) for key, text in names.items()}
    )


def test_what_is_said_of_searches_counts_statuses_and_bounds_the_sample() -> None:
    items = _items([["converged", "converged", "dead"], ["converged", "masked", "unconverged"]])
    counted, longer = said_of_searches(items, _sampled([1.0, 0.975, 0.99]))
    assert counted.startswith("pgd on unit: of 6 target x stimulus pairs, 3 converged, 1 dead (")
    assert "1 masked (" in counted
    assert "1 unconverged" in counted
    assert longer == (
        "pgd on unit: on 3 sampled items a 10 times longer search gained at most 2.6% more (median 1.0%): what is "
        "reported is at least 97% of it there."
    )
    (_, missed) = said_of_searches(items, _sampled([1.0, 0.0]))
    assert (
        missed == "pgd on unit: on 1 of 2 sampled items only a 10 times longer search found anything: take more steps."
    )
    assert len(list(said_of_searches(items, None))) == 1
    assert list(said_of_searches(_items([["converged"]], control="random"), None)) == []
    assert list(said_of_searches(None, None)) == []
    mixed = items.assign(
        status=(("target", "stimulus"), np.array([["converged", np.nan, "dead"], [np.nan] * 3], object))
    )
    (said,) = said_of_searches(mixed, None)  # activity that was attacked beside pixels has no status
    assert said.startswith("pgd on unit: of 2 target x stimulus pairs, 1 converged, 1 dead")
    assert joined_longer([]) is None


@pytest.mark.usefixtures("folder")
def test_a_result_holds_how_its_searches_ran_and_how_far_they_came(study: Study) -> None:
    study |= {"engine": {"longer_items": 3}, "metric": [{"use": "sensitivity"}]}
    study["threat"] |= {"aims": ["unit"], "controls": []}
    result = spikeproof.run(study, out="out", device="cpu", batch="tuned")
    engine = json.loads(Path("out/provenance.json").read_text())["engine"]
    (used,) = engine.values()
    assert used["batch"] in (32, 64, 128)
    assert used | {"batch": 0} == {"batch": 0, "precision": "float32", "compile": False, "faster_equivalent": True}
    (group,) = result.tree["longer"].children.values()
    assert group["share"].shape == (3,)
    assert ((group["share"] > 0) & (group["share"] <= 1)).all()
    said = [item["text"] for item in result.findings if item["metric"] == "search"]
    assert len(said) == 2
    assert "on 3 sampled items a 10 times longer search" in said[1]


@pytest.mark.usefixtures("folder")
def test_a_wrong_batch_is_refused(study: Study) -> None:
    for wrong in (0, -3, "many", 2.5):
        with pytest.raises(BadStudy, match="--batch must be a whole number of at least 1 or 'tuned'"):
            spikeproof.run(study, out="out", device="cpu", batch=wrong)  # type: ignore[arg-type]


def _measured(result: Any) -> xr.Dataset:
    (place,) = result.tree["sensitivity"].children
    found: xr.Dataset = result.tree[f"sensitivity/{place}/measured"].to_dataset().load()
    return found


@pytest.mark.usefixtures("folder")
def test_a_resumed_run_keeps_the_batch_that_was_tuned_though_another_would_be_now(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    study |= {"engine": {"longer_items": 0}, "metric": [{"use": "sensitivity"}]}
    study["threat"] |= {"aims": ["unit"], "controls": []}

    class Unplugged(RuntimeError):
        pass

    class Stop(spikeproof.progress.Progress):
        done = 0

        def advance(self, amount: int = 1) -> None:
            self.done += amount
            if self.done >= 3:
                raise Unplugged

    tuned = []

    def tune(grid: Any, rows: int) -> int:
        tuned.append((grid.name, rows))
        return rows

    monkeypatch.setattr("spikeproof.engine.tuned_rows", lambda grid: tune(grid, 32))
    whole = spikeproof.run(study, out="whole", device="cpu", batch="tuned")
    with pytest.raises(Unplugged):
        spikeproof.run(study, out="cut", device="cpu", batch="tuned", progress=Stop())
    assert [rows for _, rows in tuned] == [32, 32]
    monkeypatch.setattr("spikeproof.engine.tuned_rows", lambda grid: tune(grid, 128))
    resumed = spikeproof.run(study, out="cut", device="cpu", batch="tuned", resume=True)
    assert [rows for _, rows in tuned] == [32, 32]  # it was not timed again
    (used,) = json.loads(Path("cut/provenance.json").read_text())["engine"].values()
    assert used["batch"] == 32
    xr.testing.assert_identical(_measured(resumed), _measured(whole))


@pytest.mark.slow
@pytest.mark.filterwarnings(  # torch's own, on importing its compiler
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning:torch.jit._script"
)
@pytest.mark.usefixtures("folder")
def test_a_run_on_a_compiled_network_finds_what_one_without_finds(study: Study) -> None:
    study |= {"metric": [{"use": "sensitivity"}]}
    study["threat"] |= {"aims": ["unit"], "controls": []}
    found = {}
    for compiled in (True, False):
        study["engine"] = {"longer_items": 0, "compile": compiled}
        result = spikeproof.run(study, out=f"compile-{compiled}", device="cpu")
        provenance = json.loads(Path(f"compile-{compiled}/provenance.json").read_text())
        (used,) = provenance["engine"].values()
        assert (used["compile"], used["faster_equivalent"]) == (compiled, True)
        assert not [note for note in provenance.get("notes", []) if "no faster equivalent" in str(note)]
        found[compiled] = _measured(result)
    for name in found[True].data_vars:
        if found[True][name].dtype.kind == "f":
            np.testing.assert_allclose(found[True][name], found[False][name], rtol=1e-2, atol=1e-4, err_msg=str(name))
