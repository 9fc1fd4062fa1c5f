"""netCDF and Zarr: our own layout, Brain-Score's assemblies, and others once they are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
import zarr
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import Recording
from spikeproof_table.source import Table


def load(path: Path, **fields: Any) -> Recording:
    return Table(target=str(path), **fields).load()


def of(recording: Recording) -> xr.Dataset:
    assert recording.responses is not None
    return recording.responses


def ours() -> xr.Dataset:
    return xr.Dataset(
        {
            "response": (("stimulus", "unit", "repeat"), np.arange(12.0).reshape(3, 2, 2), {"units": "Hz"}),
            "reliability": ("unit", [0.5, 0.75]),
        },
        coords={
            "stimulus": ["x", "y", "z"],
            "category": ("stimulus", ["p", "q", "p"]),
            "unit": ["a", "b"],
            "area": ("unit", ["V4", "IT"]),
            "start_time": (("stimulus", "repeat"), np.arange(6.0).reshape(3, 2), {"units": "s"}),
            "stop_time": (("stimulus", "repeat"), np.arange(6.0).reshape(3, 2) + 0.5),
            "session": "2020-01-01",
        },
    )


def assembly() -> xr.Dataset:
    """Brain-Score's layout, its MultiIndex flattened as BrainIO writes it."""
    return xr.Dataset(
        {"data": (("presentation", "neuroid", "time_bin"), np.arange(24.0).reshape(4, 3, 2))},
        coords={
            "image_id": ("presentation", ["i1", "i2", "i1", "i2"]),
            "object_name": ("presentation", ["car", "face", "car", "face"]),
            "repetition": ("presentation", [0, 1, 1, 0]),
            "neuroid_id": ("neuroid", ["n1", "n2", "n3"]),
            "region": ("neuroid", ["V4", "IT", "IT"]),
            "animal": ("neuroid", ["Chabo", "Chabo", "Tito"]),
            "time_bin_start": ("time_bin", [70, 90]),
            "time_bin_end": ("time_bin", [90, 110]),
        },
    )


def write(data: xr.Dataset, path: Path, kind: str) -> Path:
    if kind == "zarr 2":
        data.to_zarr(path, zarr_format=2, consolidated=True)
    elif kind == "zarr 3":
        data.to_zarr(path, zarr_format=3, consolidated=False)
    elif kind == "netCDF 3":
        data.to_netcdf(path, engine="scipy")
    else:
        data.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.parametrize("kind", ["netCDF 4", "netCDF 3", "zarr 2", "zarr 3"])
@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_our_own_layout_is_read_with_every_coordinate(tmp_path: Path, kind: str) -> None:
    recording = load(write(ours(), tmp_path / "a", kind))
    found = of(recording)
    assert found["response"].dims == ("presentation", "unit")
    assert found["response"].attrs["units"] == "Hz"
    for row in range(6):
        stimulus, repeat = divmod(row, 2)
        assert found["stimulus_id"].values[row] == "xyz"[stimulus]
        assert found["category"].values[row] == "pqp"[stimulus]
        assert found["repeat"].values[row] == repeat
        assert found["start_time"].values[row] == row
        assert found["response"].values[row].tolist() == ours()["response"].values[stimulus, :, repeat].tolist()
    assert found["unit"].values.tolist() == ["a", "b"]
    assert found["area"].values.tolist() == ["V4", "IT"]
    assert found["session"].values.tolist() == ["2020-01-01"] * 2
    assert found["reliability"].values.tolist() == [0.5, 0.75]
    assert found["stimulus"].dims == ("presentation",)
    assert recording.notes == ()


def test_a_recording_survives_the_way_through_a_file(tmp_path: Path) -> None:
    first = of(load(write(ours(), tmp_path / "a.nc", "netCDF 4")))
    second = of(load(write(first, tmp_path / "b.nc", "netCDF 4")))
    xr.testing.assert_identical(first, second.drop_vars([]))


def test_brain_score_assemblies_are_recognised(tmp_path: Path) -> None:
    recording = load(write(assembly(), tmp_path / "a.nc", "netCDF 4"), response_units="Hz", time_unit="ms")
    found = of(recording)
    assert found["response"].dims == ("presentation", "unit", "time_bin")
    np.testing.assert_array_equal(found["response"].values, assembly()["data"].values)
    assert found["stimulus_id"].values.tolist() == found["image_id"].values.tolist() == ["i1", "i2", "i1", "i2"]
    assert found["category"].values.tolist() == found["object_name"].values.tolist() == ["car", "face", "car", "face"]
    assert found["repeat"].values.tolist() == found["repetition"].values.tolist() == [0, 1, 1, 0]
    assert found["unit"].values.tolist() == found["neuroid_id"].values.tolist() == ["n1", "n2", "n3"]
    assert found["area"].values.tolist() == ["V4", "IT", "IT"]
    assert found["subject"].values.tolist() == ["Chabo", "Chabo", "Tito"]
    assert found["time_bin"].values.tolist() == [0, 1]
    np.testing.assert_allclose(found["time_bin_start"].values, [0.07, 0.09])
    np.testing.assert_allclose(found["time_bin_stop"].values, [0.09, 0.11])
    assert recording.notes == (
        "responses are the variable 'data'",
        "axes of the file: neuroid is unit",
        "stimulus_id is the file's image_id",
        "category is the file's object_name",
        "repeat is the file's repetition",
        "unit is the file's neuroid_id",
        "area is the file's region",
        "subject is the file's animal",
        "edges of time bins were divided by 1000: the file has them in ms",
        "time_bin_stop is the file's time_bin_end",
    )


def test_time_bins_of_an_unknown_unit_are_refused(tmp_path: Path) -> None:
    path = write(assembly(), tmp_path / "a.nc", "netCDF 4")
    with pytest.raises(BadParameter, match=r"time bins run up to 110, and the file does not say in which unit: .*ms"):
        load(path, response_units="Hz")
    data = assembly()
    data["time_bin_start"].attrs["units"] = data["time_bin_end"].attrs["units"] = "ms"
    found = of(load(write(data, tmp_path / "b.nc", "netCDF 4"), response_units="Hz"))
    assert found["time_bin_stop"].values[-1] == 0.11
    data["time_bin_start"].attrs["units"] = data["time_bin_end"].attrs["units"] = "frames"
    with pytest.raises(BadParameter, match="edges of time bins are in 'frames': say time_unit"):
        load(write(data, tmp_path / "c.nc", "netCDF 4"), response_units="Hz")


def test_repeats_that_are_numbered_otherwise_are_numbered_anew_and_kept(tmp_path: Path) -> None:
    data = assembly().assign_coords(repetition=("presentation", [7, 12, 3, 2]))
    recording = load(write(data, tmp_path / "a.nc", "netCDF 4"), response_units="Hz", time_unit="ms")
    found = of(recording)
    assert found["repeat"].values.tolist() == [1, 1, 0, 0]
    assert found["repetition"].values.tolist() == [7, 12, 3, 2]
    assert any("numbered 0, 1, 2 ... in the order of repetition; the file's" in note for note in recording.notes)
    data = assembly().assign_coords(repetition=("presentation", [0, 0, 0, 0]))
    recording = load(write(data, tmp_path / "b.nc", "netCDF 4"), response_units="Hz", time_unit="ms")
    assert of(recording)["repeat"].values.tolist() == [0, 0, 1, 1]
    assert any("repetition does not tell the repeats of each stimulus apart" in note for note in recording.notes)
    data = assembly().assign_coords(repetition=("presentation", [0.0, 0.5, 1.0, 1.5]))
    with pytest.raises(DataError, match="repetition must number the repeats with whole numbers, but holds"):
        load(write(data, tmp_path / "c.nc", "netCDF 4"), response_units="Hz", time_unit="ms")


def test_other_names_are_told_by_options(tmp_path: Path) -> None:
    data = xr.Dataset(
        {"psth": (("cells", "trials"), np.arange(6).reshape(2, 3)), "other": (("cells", "trials"), np.eye(2, 3))},
        coords={"pic": ("trials", ["x", "y", "x"]), "number": ("cells", [11, 12]), "kind": ("trials", ["p", "q", "p"])},
    )
    path = write(data, tmp_path / "a.nc", "netCDF 4")
    recording = load(
        path,
        responses="psth",
        dims=("unit", "presentation"),
        stimulus="pic",
        unit="number",
        category="kind",
        response_units="Hz",
    )
    found = of(recording)
    assert found["response"].values.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found["stimulus_id"].values.tolist() == ["x", "y", "x"]
    assert found["category"].values.tolist() == ["p", "q", "p"]
    assert found["unit"].values.tolist() == ["11", "12"]
    assert recording.notes == ("variables that were left out: other (another array of numbers, cells 2 x trials 3)",)
    with pytest.raises(DataError, match=r"which variable holds the responses\? .*psth \(cells 2 x trials 3\), other"):
        load(path)
    with pytest.raises(DataError, match=r"responses = 'pst': there is no such variable: did you mean 'psth'\?"):
        load(path, responses="pst")
    with pytest.raises(BadParameter, match=r"axes of psth are cells \(2\), trials \(3\), and responses need presentat"):
        load(path, responses="psth")
    with pytest.raises(DataError, match=r"dims names 1 axes .unit., but psth has 2: cells, trials"):
        load(path, responses="psth", dims=("unit",))


def test_columns_that_mean_something_else_are_kept_under_another_name(tmp_path: Path) -> None:
    data = assembly().isel(time_bin=0, drop=True)
    data = data.assign_coords(
        session=("presentation", ["a", "a", "b", "b"]),
        unit=("neuroid", ["u1", "u2", "u3"]),
        category=("presentation", ["c1", "c2", "c1", "c2"]),
        stimulus_id=("presentation", ["s1", "s2", "s1", "s2"]),
    )
    recording = load(
        write(data, tmp_path / "a.nc", "netCDF 4"),
        response_units="Hz",
        unit="neuroid_id",
        category="object_name",
        stimulus="image_id",
    )
    found = of(recording)
    assert found["session (presentation)"].values.tolist() == ["a", "a", "b", "b"]
    assert "the file's session is kept as 'session (presentation)'" in recording.notes
    assert found["unit"].values.tolist() == ["n1", "n2", "n3"]
    assert found["unit (file)"].values.tolist() == ["u1", "u2", "u3"]
    assert found["category"].values.tolist() == ["car", "face", "car", "face"]
    assert found["category (file)"].values.tolist() == ["c1", "c2", "c1", "c2"]
    assert found["stimulus_id"].values.tolist() == ["i1", "i2", "i1", "i2"]
    assert found["stimulus_id (file)"].values.tolist() == ["s1", "s2", "s1", "s2"]


def test_missing_values_of_the_file_are_not_measured(tmp_path: Path) -> None:
    data = ours()
    data["response"] = data["response"].astype("float64")
    data["response"].values[0, 0, 0] = np.nan
    data["response"].encoding = {"dtype": "int16", "_FillValue": -1}
    found = of(load(write(data, tmp_path / "a.nc", "netCDF 4")))
    assert np.isnan(found["response"].values[0, 0])
    assert found["response"].values[0, 1] == 2


def test_the_unit_of_response_is_the_files(tmp_path: Path) -> None:
    path = write(ours(), tmp_path / "a.nc", "netCDF 4")
    assert of(load(path, response_units="Hz"))["response"].attrs["units"] == "Hz"
    with pytest.raises(DataError, match="response_units = 'spikes', but the file says 'Hz'"):
        load(path, response_units="spikes")


def test_a_group_is_named(tmp_path: Path) -> None:
    data = ours()
    data.to_netcdf(tmp_path / "a.nc", group="day1/late", engine="h5netcdf")
    data.to_zarr(tmp_path / "a.zarr", group="day1/late", zarr_format=2, consolidated=False)
    for name in ("a.nc", "a.zarr"):
        assert of(load(tmp_path / name, group="day1/late")).sizes["unit"] == 2
        with pytest.raises(DataError, match=r"nothing stands at the root of this file; it has groups day1.*group"):
            load(tmp_path / name)
        with pytest.raises(DataError, match=r"group = 'day1/lat': there is no such group: did you mean 'day1/late'"):
            load(tmp_path / name, group="day1/lat")


def test_a_list_of_events_is_no_table_of_responses(tmp_path: Path) -> None:
    data = xr.Dataset({"data": ("event", [1.0, 2.0])}, coords={"neuroid_id": ("event", ["a", "b"])})
    with pytest.raises(BadParameter, match=r"axes of data are event \(2\).*such as a list of spikes"):
        load(write(data, tmp_path / "a.nc", "netCDF 4"), response_units="Hz")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = write(ours(), tmp_path / "a.nc", "netCDF 4")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(
        DataError, match=r"this netCDF file is damaged or cannot be read \(.*truncated.*\): get it again"
    ):
        load(path)
    folder = write(ours(), tmp_path / "a.zarr", "zarr 2")
    (folder / "response" / ".zarray").write_text("{")
    with pytest.raises(DataError, match=r"response/.zarray is not JSON \(.*\): the store is damaged"):
        load(folder)
    folder = write(ours(), tmp_path / "b.zarr", "zarr 2")
    (folder / "response" / "0.0.0").write_bytes(b"nothing")
    with pytest.raises(DataError, match="this Zarr file is damaged or cannot be read"):
        load(folder)


def test_a_store_of_pickles_is_refused(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("response", shape=(2, 2), dtype="f8", filters=None)
    metadata = tmp_path / "a.zarr" / "response" / ".zarray"
    said = json.loads(metadata.read_text())
    said |= {"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}]}
    metadata.write_text(json.dumps(said))
    with pytest.raises(DataError, match="array 'response' holds Python objects, which would have to be unpickled"):
        load(tmp_path / "a.zarr")


def test_arrays_of_a_plain_hdf5_file_are_named_by_dims(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["rates"] = np.arange(6.0).reshape(2, 3)
        file["names"] = [b"u", b"v"]
    recording = load(tmp_path / "a.h5", dims=("unit", "stimulus"), response_units="Hz", unit="names")
    assert of(recording)["unit"].values.tolist() == ["u", "v"]
    assert of(recording)["response"].values.tolist() == [[0, 3], [1, 4], [2, 5]]


EXAMPLES = Path("data") / "brainio_examples"


def test_the_assemblies_of_brainio_are_read_or_refused_by_name(shared: Path) -> None:
    recording = load(shared / EXAMPLES / "assy_test_TestMe.nc", response_units="spikes")
    with h5py.File(shared / EXAMPLES / "assy_test_TestMe.nc") as file:
        np.testing.assert_array_equal(of(recording)["response"].values, file["data"][()])
        assert of(recording)["foo"].values.tolist() == file["foo"][()].tolist()
    assert of(recording)["stimulus_id"].values.tolist() == ["n0", "n1", "n1", "n0", "n4", "n9"]
    assert of(recording)["repeat"].values.tolist() == [0, 0, 1, 1, 0, 0]
    assert any("repetition does not tell the repeats" in note for note in recording.notes)
    recording = load(
        shared / EXAMPLES / "assy_test_package_assembly.nc",
        response_units="spikes",
        time_unit="ms",
        category="image_type",
    )
    assert of(recording).sizes == {"presentation": 6, "unit": 3, "time_bin": 1}
    assert of(recording)["neuroid_type"].values.tolist() == ["bar"] * 3
    with pytest.raises(BadParameter, match=r"axes of data are event \(1000\)"):
        load(shared / EXAMPLES / "assy_test_package_assembly_extras.nc", response_units="spikes")
