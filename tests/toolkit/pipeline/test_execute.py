from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import xarray as xr
from spikeproof.errors import BadStudy, ResultError, SpikeproofError
from spikeproof.pipeline import execute
from spikeproof.progress import SilentProgress
from spikeproof.result import Result

Study = dict[str, Any]
pytestmark = pytest.mark.usefixtures("folder")


def run(study: Study, out: str, *, resume: bool = False, batch: int = 256) -> Result:
    """Run without a report."""
    return execute(
        study, where="study", out=Path(out), resume=resume, batch=batch, device="cpu", progress=SilentProgress()
    )


def measured(result: Result, metric: str) -> xr.Dataset:
    return result.measured(metric, result.systems[0]).load()


def test_every_target_and_control_is_measured_once(study: Study) -> None:
    result = run(study, "out")
    targets = measured(result, "cross-scale")
    kinds = list(zip(targets["objective"].values.tolist(), targets["control"].values.tolist(), strict=True))
    assert {kind: kinds.count(kind) for kind in kinds} == {
        **{("unit", control): 4 for control in ("", "random", "flipped", "other-unit")},
        **{(aim, control): 1 for aim in ("population", "behavior") for control in ("", "random", "flipped")},
    }
    assert result.refused == []


def test_the_result_is_whole_and_says_where_it_comes_from(study: Study) -> None:
    result = spikeproof.run(study, out="out", device="cpu")
    assert sorted(item.name for item in Path("out").iterdir()) == [
        "provenance.json",
        "report.html",
        "result.zarr",
        "study.toml",
    ]
    provenance = json.loads(Path("out/provenance.json").read_text())
    assert provenance["status"] == "complete"
    assert {part["label"] for part in provenance["components"]} >= {"images", "pgd", "unit", "random", "sensitivity"}
    assert len(provenance["models"]["build"]["weights"]) >= 64
    assert len(provenance["data"]["digest"]) >= 64
    variable = result.summary("sensitivity", result.systems[0])
    assert all("produced_by" in variable[name].attrs for name in variable.data_vars)
    assert spikeproof.open_result("out").findings == result.findings
    assert result.findings


def test_the_batch_size_does_not_change_the_numbers(study: Study) -> None:
    one, many = run(study, "one", batch=1), run(study, "many", batch=1000)
    for metric in ("cross-scale", "sensitivity"):
        a, b = measured(one, metric), measured(many, metric)
        for name in a.data_vars:  # relative to another image's distance, or the unit's sd: both are 1
            pursued = (
                a[name].where((a["control"] == "") & (a["scale"] == a["aim"])) if "scale" in a[name].dims else a[name]
            )
            own = np.isfinite(pursued.values)
            np.testing.assert_allclose(a[name].values[own], b[name].values[own], rtol=1e-4, atol=1e-4)
            # an optimum is flat: images whose objective differs by rounding are further apart in whatever else is read
            np.testing.assert_allclose(a[name], b[name], rtol=1e-3, atol=1e-3)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(study: Study) -> None:
    first, again, other = run(study, "a"), run(study, "b"), run(study | {"seed": 1}, "c")
    xr.testing.assert_identical(measured(first, "cross-scale"), measured(again, "cross-scale"))
    assert (
        measured(other, "cross-scale")["stimulus"].values.tolist()
        != measured(first, "cross-scale")["stimulus"].values.tolist()
    )


def test_a_finished_result_is_kept_and_not_computed_again(study: Study) -> None:
    run(study, "out")
    before = {item: item.stat().st_mtime_ns for item in Path("out/result.zarr").rglob("*")}
    with pytest.raises(ResultError, match="already holds this study's finished result: add --resume"):
        run(study, "out")
    run(study, "out", resume=True)
    assert {item: item.stat().st_mtime_ns for item in Path("out/result.zarr").rglob("*")} == before


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"seed": 1}, "the study's seed"),
        ({"metric": [{"use": "cross-scale"}]}, "the study's metric"),
        ({"attack": [{"use": "pgd", "steps": 5}]}, "the study's attack"),
    ],
)
def test_another_study_is_not_mixed_into_a_result(study: Study, change: Study, differs: str) -> None:
    run(study, "out")
    with pytest.raises(ResultError, match=rf"another study's result \(it differs in .*{differs}"):
        run(study | change, "out", resume=True)


def test_changed_data_under_the_same_name_are_another_study(study: Study) -> None:
    run(study, "out")
    with np.load("images.npz") as arrays:
        changed = {"x": arrays["x"] * np.float32(0.9), "y": arrays["y"]}
    np.savez("images.npz", **changed)
    with pytest.raises(ResultError, match="it differs in the data"):
        run(study, "out", resume=True)


def test_changed_weights_under_the_same_name_are_another_study(study: Study) -> None:
    run(study, "out")
    Path("nets.py").write_text(Path("nets.py").read_text().replace("manual_seed(1)", "manual_seed(2)"))
    with pytest.raises(ResultError, match="it differs in the models' code, the models' weights"):
        run(study, "out", resume=True)


KILLED = """
import os, sys
import spikeproof
from spikeproof.result import ResultFolder
count = 0
write = ResultFolder.write_block
def kill_after(self, name, tree):
    global count
    write(self, name, tree)
    count += 1
    if count == 3:
        os.kill(os.getpid(), 9)
ResultFolder.write_block = kill_after
spikeproof.run("study.toml", out="killed", device="cpu")
"""


def test_a_killed_run_is_resumed_to_the_same_result_without_doing_finished_targets_again(study: Study) -> None:
    import tomli_w

    Path("study.toml").write_text(tomli_w.dumps(study))
    killed = subprocess.run([sys.executable, "-c", KILLED], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    blocks = {item.name: item.stat().st_mtime_ns for item in Path("killed/blocks").iterdir()}
    assert len(blocks) == 3
    with pytest.raises(ResultError, match="not finished: run its study again with --resume"):
        spikeproof.open_result("killed")

    class Listener:
        def __init__(self) -> None:
            self.notes: list[str] = []
            self.started: list[tuple[str, int]] = []

        def start(self, task: str, total: int) -> None:
            self.started.append((task, total))

        def advance(self, n: int = 1) -> None:
            pass

        def note(self, text: str) -> None:
            self.notes.append(text)

        def finish(self) -> None:
            pass

    listener = Listener()
    resumed = spikeproof.run("study.toml", out="killed", device="cpu", resume=True, progress=listener)
    assert any("3 of 10 parts of the work were finished before and are kept" in note for note in listener.notes)
    whole = run(study, "whole")
    for metric in ("cross-scale", "sensitivity"):
        xr.testing.assert_identical(measured(resumed, metric), measured(whole, metric))
        system = whole.systems[0]
        xr.testing.assert_identical(resumed.summary(metric, system).load(), whole.summary(metric, system).load())


@pytest.mark.slow
def test_a_run_killed_at_any_moment_leaves_nothing_half_written(study: Study) -> None:
    import tomli_w

    Path("study.toml").write_text(tomli_w.dumps(study))
    command = [sys.executable, "-m", "spikeproof", "run", "study.toml", "--out", "out", "--device", "cpu", "--resume"]
    for delay in np.linspace(1.5, 12, 12):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(float(delay))
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    xr.testing.assert_identical(
        measured(spikeproof.open_result("out"), "cross-scale"), measured(run(study, "whole"), "cross-scale")
    )


def test_a_recording_without_images_refuses_pixel_attacks_by_name_and_runs_the_rest() -> None:
    result = run(
        {
            "source": [{"use": "simulate:sparse", "units": 12, "stimuli": 6, "repeats": 4}],
            "readout": {"use": "logistic"},
            "threat": {"epsilons": [1.0]},
            "attack": [{"use": "pgd"}, {"use": "silence", "draws": 5}],
            "metric": [{"use": "sensitivity"}, {"use": "silencing"}],
            "statistics": {"draws": 100},
        },
        "out",
    )
    assert {"what": "pgd of recording", "reason": "pgd needs a model: this source has no images"} in result.refused
    assert {
        "what": "sensitivity of recording",
        "reason": "sensitivity needs a model: this source has no images",
    } in result.refused
    assert result.metrics == ("silencing",)


def test_when_nothing_can_be_computed_the_run_fails_with_the_reasons() -> None:
    with pytest.raises(SpikeproofError, match=r"nothing could be computed: .*sensitivity needs a model"):
        run({"source": "simulate:sparse", "metric": ["sensitivity"]}, "out")


def test_a_layer_cut_off_from_the_image_is_refused_for_gradient_attacks(study: Study) -> None:
    study["model"] = [{"use": "torch:nets.py:cut", "layers": ["4"]}]
    with pytest.raises(SpikeproofError, match=r"pgd of cut 4: .*cut off from the image"):
        run(study, "out")


def test_gradient_masking_is_named(study: Study) -> None:
    study["model"] = [{"use": "torch:nets.py:masked", "layers": ["4"]}]
    with pytest.raises(SpikeproofError, match="gradient masking"):
        run(study, "out")


def test_dead_units_are_counted_and_never_attacked(study: Study) -> None:
    study["model"] = [{"use": "torch:nets.py:dead", "layers": ["3"], "units": "all"}]
    result = run(study, "out")
    assert any("3 dead and 0 near-constant of 12 units" in note for note in result.notes)
    code = result.tree["code/" + next(iter(result.tree["code"].children))].to_dataset()
    assert code["unit_category"].values.tolist().count("dead") == 3
    assert code.sizes["unit"] == 9


def test_more_units_than_live_ones_is_said(study: Study) -> None:
    study["model"][0]["units"] = 50
    result = run(study, "out")
    assert any("units = 50 were asked for, 12 are live: all of them are used" in note for note in result.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attack": [{"use": "random"}]}, "'random' is a control, not an attack: name it under controls"),
        ({"threat": None}, r"attack 'pgd' perturbs images and needs a \[threat\] table"),
        ({"threat": {"epsilons": [1], "controls": ["pgd"]}}, "'pgd' is an attack, not a control"),
        (
            {"objective": [{"use": "population"}], "threat": {"epsilons": [1], "aims": ["unit"]}},
            r"\[\[objective\]\] 'population' is not among the aims",
        ),
        ({"attack": [], "threat": None, "objective": ["unit"]}, r"\[\[objective\]\] needs a \[threat\] table"),
        ({"metric": [{"use": "cross-scale", "name": "items"}]}, "'items' is a name that the result keeps for itself"),
    ],
)
def test_components_that_do_not_fit_are_refused_before_any_work(study: Study, change: Study, message: str) -> None:
    whole = {key: value for key, value in (study | change).items() if value is not None}
    with pytest.raises(BadStudy, match=message):
        run(whole, "out")
    assert not Path("out").exists()


def test_a_device_that_is_not_there_is_refused(study: Study) -> None:
    with pytest.raises(BadStudy, match="--device must be 'auto', 'cpu' or 'cuda', got 'tpu'"):
        spikeproof.run(study, out="out", device="tpu")


def test_several_layers_and_models_become_systems_of_one_result(study: Study) -> None:
    study["model"] = [
        {"use": "torch:nets.py:build", "layers": ["0", "3"], "units": 3},
        {"use": "torch:nets.py:dead", "layers": ["3"], "units": 3},
    ]
    result = run(study, "out")
    assert result.systems == ("build 0", "build 3", "dead 3")
    table = result.table()
    assert set(table["system"]) == set(result.systems)
    assert (table["low"].isna() | (table["low"] <= table["high"])).all()


def test_a_single_unit_has_no_other_unit(study: Study) -> None:
    study["model"][0]["units"] = 1
    study["threat"]["aims"] = ["unit"]
    result = run(study, "out")
    assert any(
        entry["what"].startswith("other-unit") and "needs two units" in entry["reason"] for entry in result.refused
    )


def test_two_networks_that_are_called_alike_are_refused_until_one_has_a_name(study: Study) -> None:
    Path("more.py").write_text(Path("nets.py").read_text().replace("manual_seed(1)", "manual_seed(2)"))
    study["model"] = [{"use": f"torch:{file}.py:build", "layers": ["3"], "units": 2} for file in ("nets", "more")]
    with pytest.raises(BadStudy, match=r"'torch:nets\.py:build' and 'torch:more\.py:build' are both called 'build'"):
        run(study, "out")
    study["model"][1]["name"] = "second"
    result = run(study, "out")
    assert result.systems == ("build 3", "second 3")
    first, second = (result.measured("sensitivity", system)["sensitivity"].values for system in result.systems)
    assert not np.allclose(first, second)
