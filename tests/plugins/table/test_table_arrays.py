"""Plain arrays: axes are named, names and columns found, and nothing that is doubtful is taken."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import Recording
from spikeproof_table.source import Table

NAN = np.nan


def load(path: Path, **fields: Any) -> Recording:
    return Table(target=str(path), **{"response_units": "spikes", **fields}).load()


def responses(path: Path, **fields: Any) -> xr.Dataset:
    found = load(path, **fields).responses
    assert found is not None
    return found


def saved(path: Path, array: Any) -> Path:
    np.save(path, np.asarray(array))
    return path


@pytest.fixture
def numbers() -> np.ndarray:
    """2 units x 3 stimuli x 4 repeats: unit, stimulus and repeat are the digits."""
    unit, stimulus, repeat = np.indices((2, 3, 4))
    return (100 * unit + 10 * stimulus + repeat).astype(np.float64)


@pytest.mark.parametrize(
    "dims",
    [("unit", "stimulus", "repeat"), ("repeat", "unit", "stimulus"), ("stimulus", "repeat", "unit")],
    ids=" ".join,
)
def test_axes_in_any_order_give_the_same_presentations(
    tmp_path: Path, numbers: np.ndarray, dims: tuple[str, ...]
) -> None:
    stored = np.moveaxis(numbers, range(3), [dims.index(dim) for dim in ("unit", "stimulus", "repeat")])
    found = responses(saved(tmp_path / "a.npy", stored), dims=dims)
    assert found["response"].dims == ("presentation", "unit")
    for row in range(12):
        stimulus, repeat = divmod(row, 4)
        assert found["stimulus_id"].values[row] == f"{stimulus:05d}"
        assert found["repeat"].values[row] == repeat
        assert found["response"].values[row].tolist() == [10 * stimulus + repeat, 100 + 10 * stimulus + repeat]
    assert found["unit"].values.tolist() == ["unit000", "unit001"]
    assert found["response"].attrs["units"] == "spikes"


def test_repeats_without_any_value_are_no_presentations(tmp_path: Path, numbers: np.ndarray) -> None:
    numbers[:, 0, 2:] = NAN  # stimulus 0 was shown twice
    numbers[:, 1, 0] = NAN  # its first repeat is missing
    numbers[0, 2, 3] = NAN  # one unit was lost on one presentation
    recording = load(saved(tmp_path / "a.npy", numbers), dims=("unit", "stimulus", "repeat"))
    found = recording.responses
    assert found is not None
    assert found.sizes == {"presentation": 9, "unit": 2}
    assert found["repeat"].values.tolist() == [0, 1, 0, 1, 2, 0, 1, 2, 3]
    assert found["repeat (file)"].values.tolist() == [0, 1, 1, 2, 3, 0, 1, 2, 3]
    assert found["response"].values[2].tolist() == [11, 111]
    np.testing.assert_array_equal(found["response"].values[-1], [NAN, 123])
    assert "3 of 12 presentations have no value in any unit and are left out" in recording.notes
    assert "1 of 18 responses were not measured (NaN)" in recording.notes
    assert (
        "repeats of each stimulus are numbered 0, 1, 2 ... in the order of the axis of repeats; the file's numbers "
        "are kept" in recording.notes
    )


def test_a_stimulus_that_was_never_measured_is_noted(tmp_path: Path, numbers: np.ndarray) -> None:
    numbers[:, 1] = NAN
    recording = load(saved(tmp_path / "a.npy", numbers), dims=("unit", "stimulus", "repeat"))
    assert any(
        "4 of 12 presentations have no value" in note and "1 stimuli were never" in note for note in recording.notes
    )


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    found = responses(saved(tmp_path / "a.npy", np.array([[1, 2, 3]], np.uint16)), dims=("unit", "stimulus"))
    assert found["response"].dtype == np.uint16
    assert found["response"].values.tolist() == [[1], [2], [3]]


def test_time_bins_are_kept(tmp_path: Path) -> None:
    values = np.arange(24).reshape(2, 3, 4)
    found = responses(saved(tmp_path / "a.npy", values), dims=("unit", "stimulus", "time_bin"))
    assert found["response"].dims == ("presentation", "unit", "time_bin")
    np.testing.assert_array_equal(found["response"].values, np.moveaxis(values, 0, 1))
    assert found["time_bin"].values.tolist() == [0, 1, 2, 3]


def test_an_npz_file_names_units_stimuli_categories_and_areas(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(
        path,
        responses=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
        unit=["a", "b"],
        stimulus_id=["x", "y", "z"],
        category=["p", "q", "p"],
        area=np.array([b"V4", b"IT"]),
        luminance=[0.1, 0.2, 0.3],
        snr=[2.0, 3.0],
        subject="M",
    )
    recording = load(path)
    found = recording.responses
    assert found is not None
    assert found["response"].sel(unit="b").values.tolist() == [4.0, 5.0, 6.0]
    assert found["stimulus_id"].values.tolist() == ["x", "y", "z"]
    assert found["category"].values.tolist() == ["p", "q", "p"]
    assert found["luminance"].values.tolist() == [0.1, 0.2, 0.3]
    assert found["area"].values.tolist() == ["V4", "IT"]
    assert found["subject"].values.tolist() == ["M", "M"]
    assert found["snr"].dims == ("unit",)
    assert recording.notes == ("axes are unit x stimulus: so many names are in unit and stimulus_id",)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert recording.identity == {"source": f"table:{path}", "digest": digest}


def test_names_that_repeat_make_an_axis_of_presentations(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        data=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
        neurons=[7, 8],
        pictures=["x", "y", "x"],
        noise=[1],
    )
    recording = load(tmp_path / "a.npz", unit="neurons", stimulus="pictures")
    found = recording.responses
    assert found is not None
    assert found["stimulus_id"].values.tolist() == ["x", "y", "x"]
    assert found["repeat"].values.tolist() == [0, 0, 1]
    assert found["unit"].values.tolist() == ["7", "8"]
    assert recording.notes[:3] == (
        "responses are the array 'data', the only one of numbers along several axes",
        "axes are presentation x unit: so many names are in neurons and pictures",
        "arrays of the file that are not used: noise (1 values, as long as no axis)",
    )


def test_arrays_that_fit_several_axes_or_none_are_said_not_to_be_used(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", responses=np.eye(2), weights=[1, 2], table=np.eye(3))
    recording = load(tmp_path / "a.npz", dims=("unit", "stimulus"))
    assert "arrays of the file that are not used: weights (2 values, as long as several axes), table (3, 3)" in (
        recording.notes
    )


def test_unnamed_stimuli_are_numbered_and_the_danger_is_said(tmp_path: Path) -> None:
    recording = load(saved(tmp_path / "a.npy", np.eye(3)), dims=("unit", "stimulus"), prefix="s/")
    assert recording.responses is not None
    assert recording.responses["stimulus_id"].values.tolist() == ["s/00000", "s/00001", "s/00002"]
    assert any("they are called 00000 to 00002, by their place. Another source" in note for note in recording.notes)


def test_options_say_session_subject_and_area(tmp_path: Path) -> None:
    found = responses(
        saved(tmp_path / "a.npy", np.eye(2)), dims=("unit", "stimulus"), session="1", subject="M", area="V4"
    )
    for name, value in (("session", "1"), ("subject", "M"), ("area", "V4")):
        assert found[name].values.tolist() == [value, value]


def test_an_option_against_the_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", responses=np.eye(2), area=["V4", "IT"])
    with pytest.raises(DataError, match=r"area = 'V1', but the file says IT, V4 \(area\): leave the option out"):
        load(tmp_path / "a.npz", dims=("unit", "stimulus"), area="V1")


def test_tables_of_units_and_stimuli_are_matched_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", responses=[[1.0, 2.0, 3.0]], unit=["b"], stimulus_id=["x", "y", "z"])
    (tmp_path / "units.csv").write_text("unit,area,snr\na,IT,1.5\nb,V4,2\n")
    (tmp_path / "stimuli.csv").write_text("stimulus_id,kind,004\nz,q,1\ny,p,2\nx,p,3\n")
    recording = load(
        tmp_path / "a.npz",
        units_table=str(tmp_path / "units.csv"),
        stimuli=str(tmp_path / "stimuli.csv"),
        category="kind",
    )
    found = recording.responses
    assert found is not None
    assert found["category"].values.tolist() == ["p", "p", "q"]
    assert found["004"].values.tolist() == [3, 2, 1]
    assert (found["area"].values.tolist(), found["snr"].values.tolist()) == (["V4"], [2.0])
    assert "1 of 2 rows of units.csv are of units without responses" in recording.notes
    parts = {"responses": "a.npz", "units_table": "units.csv", "stimuli": "stimuli.csv"}
    listing = "".join(
        f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {role}\n" for role, name in parts.items()
    )
    assert recording.identity["digest"] == hashlib.sha256(listing.encode()).hexdigest()


def test_tables_of_unnamed_units_and_stimuli_are_matched_by_order(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", [[1.0, 2.0], [3.0, 4.0]])
    (tmp_path / "units.csv").write_text("unit,area\na,IT\nb,V4\n")
    np.savez(tmp_path / "stimuli.npz", name=["x", "y"], category=["p", "q"])
    recording = load(
        path,
        dims=("unit", "stimulus"),
        units_table=str(tmp_path / "units.csv"),
        stimuli=str(tmp_path / "stimuli.npz"),
        stimulus="name",
    )
    found = recording.responses
    assert found is not None
    assert found["unit"].values.tolist() == ["a", "b"]
    assert found["stimulus_id"].values.tolist() == ["x", "y"]
    assert found["category"].values.tolist() == ["p", "q"]
    assert "units were matched with units.csv by order: the responses do not name them" in recording.notes
    assert "stimuli were matched with stimuli.npz by order: the responses do not name them" in recording.notes


def test_tables_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", np.eye(2))
    (tmp_path / "three.csv").write_text("unit\na\nb\nc\n")
    plain: dict[str, Any] = {"dims": ("unit", "stimulus")}
    with pytest.raises(DataError, match="units_table has 3 rows, but the responses have 2 units and do not name them"):
        load(path, **plain, units_table=str(tmp_path / "three.csv"))
    (tmp_path / "twice.csv").write_text("unit\na\na\n")
    with pytest.raises(DataError, match=r"units_table = '.*twice.csv': unit 'a' stands in 2 rows of unit"):
        load(path, **plain, units_table=str(tmp_path / "twice.csv"))
    with pytest.raises(DataError, match=r"stimuli = '.*a.npy': a npy file is no table of columns"):
        load(path, **plain, stimuli=str(path))
    np.savez(tmp_path / "ragged.npz", a=[1], b=[1, 2])
    with pytest.raises(DataError, match=r"columns differ in length: \{'a': 1, 'b': 2\}"):
        load(path, **plain, stimuli=str(tmp_path / "ragged.npz"))
    np.savez(tmp_path / "named.npz", responses=np.eye(2), stimulus_id=["x", "yy"])
    (tmp_path / "other.csv").write_text("stimulus_id,kind\nx,p\nzz,q\n")
    with pytest.raises(DataError, match=r"1 of 2 stimuli have no row in other.csv \(stimulus_id\): 'yy'; rows there"):
        load(tmp_path / "named.npz", **plain, stimuli=str(tmp_path / "other.csv"))
    (tmp_path / "nameless.csv").write_text("kind,size\np,1\nq,2\n")
    with pytest.raises(DataError, match=r"no column of nameless.csv names the stimuli: name it with stimulus; columns"):
        load(tmp_path / "named.npz", **plain, stimuli=str(tmp_path / "nameless.csv"))
    np.savez(tmp_path / "both.npz", responses=np.ones((2, 3)), stimulus_id=["x", "y", "z"], kind=["p", "q", "q"])
    (tmp_path / "kinds.csv").write_text("stimulus_id,kind\nx,p\ny,q\nz,p\n")
    with pytest.raises(DataError, match=r"the responses have a column 'kind', and kinds.csv another one with other"):
        load(tmp_path / "both.npz", **plain, stimuli=str(tmp_path / "kinds.csv"))


def test_axes_that_nothing_names_are_asked_for(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", np.zeros((2, 3, 4)))
    with pytest.raises(
        BadParameter, match=r"responses have shape \(2, 3, 4\), .*such as dims = \[\"unit\", \"stimulus\", \"repeat\"\]"
    ):
        load(path)
    np.savez(tmp_path / "a.npz", responses=np.eye(2), unit=["a", "b"], stimulus_id=["x", "y"])
    with pytest.raises(BadParameter, match=r"responses have shape \(2, 2\), and nothing says which axis is which"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("dims", "error", "text"),
    [
        (("unit", "stimuli", "repeat"), BadParameter, r"an axis 'stimuli': did you mean 'stimulus'\? axes are "),
        (("unit", "unit", "stimulus"), BadParameter, "dims names an axis twice: unit, unit, stimulus"),
        (("unit", "stimulus"), DataError, r"names 2 axes \(unit, stimulus\), but the responses have 3, of shape"),
        (("unit", "repeat", "time_bin"), BadParameter, "must name unit, and either stimulus or presentation"),
        (("stimulus", "repeat", "time_bin"), BadParameter, "must name unit, and either stimulus or presentation"),
        (("unit", "presentation", "repeat"), BadParameter, "a presentation is one repeat of one stimulus"),
    ],
)
def test_names_of_axes_that_make_no_sense_are_refused(
    tmp_path: Path, dims: tuple[str, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        load(saved(tmp_path / "a.npy", np.zeros((2, 3, 4))), dims=dims)


def test_names_of_another_number_say_that_axes_may_be_swapped(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", responses=np.ones((2, 3)), unit=["a", "b"])
    with pytest.raises(DataError, match=r"unit has 2 values, but the responses have 3 along unit .*right order\?"):
        load(tmp_path / "a.npz", dims=("stimulus", "unit"))


def test_values_that_are_no_responses_are_refused(tmp_path: Path) -> None:
    dims = ("unit", "stimulus")
    bad = np.ones((2, 3))
    bad[1, 2] = np.inf
    with pytest.raises(DataError, match=r"response of unit 'unit001' to stimulus '00002' is inf \(1 such values\)"):
        load(saved(tmp_path / "a.npy", bad), dims=dims)
    bad[1] = NAN
    with pytest.raises(DataError, match=r"unit 'unit001' has no value on any presentation.*\(1 of 2 units\): take"):
        load(saved(tmp_path / "a.npy", bad), dims=dims)
    with pytest.raises(DataError, match="every response is NaN: nothing was measured"):
        load(saved(tmp_path / "a.npy", np.full((2, 3), NAN)), dims=dims)
    with pytest.raises(DataError, match="responses must be real numbers, but are complex128"):
        load(saved(tmp_path / "a.npy", np.ones((2, 3), complex)), dims=dims)
    with pytest.raises(DataError, match="responses must be real numbers, but are bool"):
        load(saved(tmp_path / "a.npy", np.ones((2, 3), bool)), dims=dims)
    with pytest.raises(DataError, match=r"the responses are empty: shape \(0, 3\) \(unit, stimulus\)"):
        load(saved(tmp_path / "a.npy", np.ones((0, 3))), dims=dims)


def test_names_that_stand_twice_or_are_missing_are_refused(tmp_path: Path) -> None:
    dims = ("unit", "stimulus")
    np.savez(tmp_path / "a.npz", responses=np.ones((2, 3)), unit=["a", "a"])
    with pytest.raises(DataError, match=r"unit 'a' stands at 0 and 1 \(1 names stand more than once\)"):
        load(tmp_path / "a.npz", dims=dims)
    np.savez(tmp_path / "a.npz", responses=np.ones((2, 3)), stimulus_id=["x", "y", "x"])
    with pytest.raises(DataError, match="stimulus 'x' stands at 0 and 2"):
        load(tmp_path / "a.npz", dims=dims)
    np.savez(tmp_path / "a.npz", responses=np.ones((2, 3)), stimulus_id=["x", "", "z"])
    with pytest.raises(DataError, match=r"stimulus \(stimulus_id\) has no name at 1: every one needs a name"):
        load(tmp_path / "a.npz", dims=dims)
    np.savez(tmp_path / "a.npz", responses=np.ones((2, 3)), unit=[1.0, NAN])
    with pytest.raises(DataError, match=r"unit \(unit\) has no name at 1"):
        load(tmp_path / "a.npz", dims=dims)


def test_presentations_of_unknown_stimuli_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", responses=np.ones((3, 2)), trial=[4, 5, 6])
    with pytest.raises(
        DataError, match=r"nothing says which stimulus each presentation showed.*presentations: trial\)"
    ):
        load(tmp_path / "a.npz", dims=("presentation", "unit"))
    with pytest.raises(DataError, match=r"stimulus = 'trail': there is no such column: did you mean 'trial'\?"):
        load(tmp_path / "a.npz", dims=("presentation", "unit"), stimulus="trail")
    np.savez(tmp_path / "a.npz", responses=np.ones((3, 2)), trial=[4, 5, 6], r=[0, 1])
    with pytest.raises(DataError, match="r has 2 values, but the responses have 3 along presentation"):
        load(tmp_path / "a.npz", dims=("presentation", "unit"), stimulus="trial", repeat="r")


def test_the_unit_of_the_responses_must_be_said(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="does not say the unit of the responses: say it with response_units"):
        load(saved(tmp_path / "a.npy", np.eye(2)), dims=("unit", "stimulus"), response_units=None)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (marker,)

    array = np.empty((1, 1), dtype=object)
    array[0, 0] = Evil()
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    np.savez(tmp_path / "a.npz", responses=array)
    with pytest.raises(DataError, match="the array holds Python objects, which would have to be unpickled"):
        load(tmp_path / "a.npy", dims=("unit", "stimulus"))
    with pytest.raises(DataError, match="array 'responses' holds Python objects"):
        load(tmp_path / "a.npz", dims=("unit", "stimulus"))
    assert not marker.exists()


def test_arrays_that_cannot_be_chosen_are_listed(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", early=np.eye(2), late=np.ones((2, 3)))
    with pytest.raises(DataError, match=r"which array holds the responses\? .*early \(2, 2\) float64, late \(2, 3\)"):
        load(tmp_path / "a.npz", dims=("unit", "stimulus"))
    with pytest.raises(DataError, match=r"responses = 'lat': there is no such array: did you mean 'late'\?"):
        load(tmp_path / "a.npz", dims=("unit", "stimulus"), responses="lat")
    assert responses(tmp_path / "a.npz", dims=("unit", "stimulus"), responses="late").sizes["presentation"] == 3
    with pytest.raises(BadParameter, match="an npy file holds one only"):
        load(saved(tmp_path / "a.npy", np.eye(2)), responses="x")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", np.ones((20, 30)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"the array cannot be read \(.*\): the file is damaged; get it again"):
        load(path, dims=("unit", "stimulus"))
    np.savez_compressed(tmp_path / "a.npz", responses=np.random.default_rng(0).random((20, 30)))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[200] ^= 255
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"array 'responses' cannot be read \(.*\): the file is damaged"):
        load(tmp_path / "a.npz", dims=("unit", "stimulus"))
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as file:
        file.writestr("readme.txt", "x")
    with pytest.raises(DataError, match=r"array 'readme.txt' is no array: a zip file of something else"):
        load(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz")
    with pytest.raises(DataError, match="this npz file holds no arrays"):
        load(tmp_path / "c.npz")
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3, dtype=[("a", float), ("b", int)]))
    (tmp_path / "d.npy").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=r"the array holds records \(a, b\): save each field"):
        load(tmp_path / "d.npy")


def test_files_that_are_nothing_that_is_read_here_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "counts.npy", np.eye(2))
    with pytest.raises(DataError, match=r"no such file\. Did you mean '.*counts.npy'\?"):
        load(tmp_path / "count.npy")
    (tmp_path / "a.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"this file is empty \(0 bytes\)"):
        load(tmp_path / "a.npy")
    (tmp_path / "a.csv").write_text("<!DOCTYPE html>")
    with pytest.raises(DataError, match=r"no csv file: it begins with b'<!DOCTYPE html>' \(a web page or an error"):
        load(tmp_path / "a.csv")
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0")
    with pytest.raises(DataError, match="not a netCDF file, a Zarr folder, an npz, npy or csv file: it begins"):
        load(tmp_path / "a.mat")
    (tmp_path / "a.nwb").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError, match=r"this is an NWB file: name it with nwb:.*a.nwb"):
        load(tmp_path / "a.nwb")
    with pytest.raises(DataError, match="this folder is no Zarr store"):
        load(tmp_path)
    with pytest.raises(BadParameter, match="say which file holds the responses"):
        Table().load()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"group": "g"}, "group is for netCDF and Zarr files; this is a npy file"),
        ({"columns": ("a",)}, "columns is for csv tables"),
        ({"delimiter": ";"}, "delimiter is for csv tables"),
    ],
)
def test_options_that_say_nothing_about_the_file_are_refused(tmp_path: Path, fields: Any, text: str) -> None:
    with pytest.raises(BadParameter, match=text):
        load(saved(tmp_path / "a.npy", np.eye(2)), dims=("unit", "stimulus"), **fields)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"size": 0, "images": "x"}, "table: size must be at least 1, got 0"),
        ({"size": 3}, "table: size is about images: say where they are with images"),
        ({"order": "sorted"}, "table: order is about images"),
        ({"grayscale": True}, "table: grayscale is about images"),
        ({"session": ""}, "table: session is empty: leave it out or say it"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(fields: Any, text: str) -> None:
    with pytest.raises(BadParameter, match=text):
        Table(target="x.npy", **fields)
