"""A study of recorded responses to perturbed stimuli: the usual metrics, no model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
from shown_perturbed import recorded, rows_of
from spikeproof.errors import SpikeproofError
from spikeproof.result import Result

METRICS = ("cross-scale", "sensitivity", "preference-flips")


def study(**extra: Any) -> dict[str, Any]:
    return {
        "source": [{"use": "table:r.nc"}],
        "readout": {"use": "logistic"},
        "metric": [{"use": name} for name in METRICS],
        "statistics": {"draws": 100},
        **extra,
    }


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("measured")
    recorded(rows_of(), sd=0.5, repeats=4, categories=True).to_netcdf(folder / "r.nc", engine="h5netcdf")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        spikeproof.run(study(), out="out", device="cpu")
    return spikeproof.open_result(folder / "out")


def test_sensitivity_and_its_control_are_those_of_the_recorded_responses(result: Result) -> None:
    summary = result.summary("sensitivity", "recording")["sensitivity"].sel(statistic="estimate")
    sd = np.arange(12.0).std(ddof=1)  # units u0 and u1 run from 0 to 11 over the clean stimuli
    attack, random = (summary.sel(perturbation=name).values for name in ("pgd", "random"))
    np.testing.assert_allclose(attack, np.array([1.0, 2.0]) / sd, atol=0.1)
    assert (random < 0.15).all()
    assert (random > 0).all()  # noise alone: never 0


def test_the_cross_scale_matrix_has_a_row_for_every_aim_and_control(result: Result) -> None:
    matrix = result.summary("cross-scale", "recording")["matrix"]
    assert set(matrix["row"].values.tolist()) == {"unit", "population", "random (unit)", "random (population)"}
    assert matrix["scale"].values.tolist() == ["unit", "population", "behavior"]
    largest = matrix.isel(epsilon=-1).sel(statistic="estimate", scale="unit")
    assert float(largest.sel(row="unit")) > 3 * float(largest.sel(row="random (unit)"))


def test_the_clean_code_and_its_readout_saw_no_perturbed_presentation(result: Result) -> None:
    facts = result.provenance["system_facts"][0]
    assert (facts["stimuli"], facts["presentations"]) == (12, 48)
    assert result.tree["code/recording"].sizes["stimulus"] == 12
    assert result.refused == []


def test_what_noise_does_to_measured_magnitudes_is_said(result: Result) -> None:
    assert any("noise inflates every magnitude of a measured shift" in note for note in result.provenance["notes"])


def test_a_stimulus_metric_without_model_and_without_perturbed_stimuli_is_still_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [row for row in rows_of() if row["epsilon"] == 0]
    recorded(rows, repeats=2).drop_vars(["clean_stimulus_id", "epsilon"]).to_netcdf("r.nc", engine="h5netcdf")
    with pytest.raises(SpikeproofError, match="sensitivity needs a model: this source has no images"):
        spikeproof.run(study(metric=[{"use": "sensitivity"}], readout={"use": "logistic"}), out="out", device="cpu")


def test_perturbed_stimuli_without_clean_versions_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    responses = recorded(rows_of(), repeats=2, categories=True)
    named = np.array([f"x{name}" if name else "" for name in responses["clean_stimulus_id"].values.tolist()])
    responses.assign_coords(clean_stimulus_id=("presentation", named)).to_netcdf("r.nc", engine="h5netcdf")
    found = spikeproof.run(study(metric=[{"use": "sensitivity"}, {"use": "sparseness"}]), out="out", device="cpu")
    reasons = {item["what"]: item["reason"] for item in found.refused}
    assert "has a clean version in the code" in reasons["measured perturbations of recording"]
    assert any("the code has no response to their clean versions ('xs0" in note for note in found.provenance["notes"])
