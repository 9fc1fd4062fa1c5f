"""What inspect says of tables: the file, what was made of it, and what an option must still say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from spikeproof.cli import execute
from spikeproof.types import Inspection
from spikeproof_table.source import Table


def inspect(path: Path, **fields: Any) -> Inspection:
    return Table(target=str(path), **fields).inspect()


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    values = np.arange(12.0).reshape(2, 3, 2)
    values[:, 2, 1] = np.nan
    values[0, 0, 1] = np.nan
    path = tmp_path / "counts.npz"
    np.savez(path, responses=values, unit=["a", "b"], stimulus_id=["x", "y", "z"], category=["p", "q", "p"])
    return path


def test_a_table_that_loads_is_described(counts: Path) -> None:
    seen = inspect(counts, dims=("unit", "stimulus", "repeat"), response_units="spikes", subject="M")
    facts = dict(seen.facts)
    assert facts["kind"] == "npz"
    assert facts["unit of response"] == "spikes"
    assert facts["subject"] == "M (2 units)"
    assert facts["area"] == "not said"
    assert facts["units"] == "2 (a to b)"
    assert facts["presentations"] == "5"
    assert facts["stimuli"] == "3 (x to z)"
    assert facts["repeats"] == "1 to 2 of each stimulus"
    assert facts["responses"] == "0 to 10, mean 5.444"
    assert facts["not measured"] == "1 of 10 (NaN)"
    arrays, categories = seen.tables
    assert arrays.rows[0] == ("responses", "2 x 3 x 2", "float64", "0 to 10, 3 not finite")
    assert arrays.rows[2] == ("stimulus_id", "3", "<U1", "x (1), y (1), z (1)")
    assert categories.rows == (("p", "2", "3"), ("q", "1", "2"))
    assert seen.cannot == ("attacks on images: there are none; name a folder or a zip file with images",)
    assert seen.run == (
        f"spikeproof run --source table:{counts} --source.dims unit,stimulus,repeat --source.response-units spikes "
        "--source.subject M --readout logistic --attack silence --attack shift --metric sparseness "
        "--metric selectivity --metric dropping-curve --metric silencing --metric margin --out results"
    )


def test_what_an_option_must_say_is_said(counts: Path) -> None:
    seen = inspect(counts)
    assert seen.facts == (("kind", "npz"),)
    assert seen.run == ""
    assert seen.cannot[0].startswith("the responses have shape (2, 3, 2), and nothing says which axis is which")
    assert seen.tables[0].title == "Arrays"
    seen = inspect(counts, dims=("unit", "stimulus", "repeat"))
    assert seen.cannot[0].startswith("the file does not say the unit of the responses")
    assert dict(seen.facts)["unit of response"] == "not said"
    assert dict(seen.facts)["presentations"] == "5"
    assert "--source.response-units UNIT" in seen.run


def test_columns_and_variables_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("stimulus_id,u1,u2\nx,1,2\ny,3,\n")
    seen = inspect(tmp_path / "a.csv", response_units="Hz")
    assert seen.tables[0].title == "Columns (2 rows)"
    assert seen.tables[0].rows == (
        ("stimulus_id", "2", "x (1), y (1)"),
        ("u1", "2", "1 to 3"),
        ("u2", "2", "2 to 2, 1 not finite"),
    )
    data = xr.Dataset(
        {"response": (("stimulus", "unit", "time_bin"), np.ones((2, 3, 4)), {"units": "Hz"})},
        coords={
            "stimulus": ["x", "y"],
            "time_bin_start": ("time_bin", np.arange(4) * 0.1, {"units": "s"}),
            "time_bin_stop": ("time_bin", np.arange(1, 5) * 0.1, {"units": "s"}),
        },
    )
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    seen = inspect(tmp_path / "a.nc")
    assert seen.tables[0].rows[0] == ("response", "stimulus 2 x unit 3 x time_bin 4", "float64")
    assert dict(seen.facts)["time bins"] == "4, 0 to 0.4 s"
    assert dict(seen.facts)["repeats"] == "none"
    data.drop_vars(["time_bin_start", "time_bin_stop"]).to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    assert dict(inspect(tmp_path / "b.nc").facts)["time bins"] == "4, edges not known"


def test_long_lists_are_cut_on_a_screen_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text(
        "stimulus_id," + ",".join(f"u{n}" for n in range(30)) + "\nx," + ",".join(["1"] * 30) + "\n"
    )
    line = ["inspect", str(tmp_path / "a.csv"), "--response-units", "Hz"]
    assert execute(line) == 0
    shown = capsys.readouterr().out
    assert "u18" in shown
    assert "u19 " not in shown
    assert "and 11 more: --json lists all 31" in shown
    assert execute([*line, "--json"]) == 0
    table = json.loads(capsys.readouterr().out)["tables"][0]
    assert len(table["rows"]) == 31
    assert sorted(table) == ["columns", "rows", "title"]


def test_the_command_reads_files_by_their_endings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("stimulus_id,u1,u2\nx,1,2\ny,3,4\n")
    assert execute(["inspect", str(tmp_path / "a.csv"), "--response-units", "Hz", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["title"] == f"table:{tmp_path / 'a.csv'}"
    assert ["presentations", "2"] in shown["facts"]


@pytest.mark.slow
def test_the_ready_line_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import shlex

    random = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", responses=random.poisson(5.0, (3, 8)), unit=["a", "b", "c"], area="V4")
    line = inspect(tmp_path / "a.npz", dims=("unit", "stimulus"), response_units="spikes").run
    monkeypatch.chdir(tmp_path)
    assert execute(shlex.split(line)[1:]) == 0
    assert (tmp_path / "results" / "result.zarr").exists()
    capsys.readouterr()
