"""Every file of the shared data loads with the right counts, or is refused with the right message."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from spikeproof.errors import DataError
from spikeproof_nwb.source import NWB

HUMAN = "dandi000207_human_sub-4_ses-4_ecephys+image.nwb"
RECOGNITION = {"table": "recognition_table", "stimulus": "frameName", "category": "stimuli_type"}


def loop_over(path: Path, table: str, units: str) -> NDArray[np.int64]:
    """Counts by an obvious loop over the raw file."""
    with h5py.File(path) as file:
        start, stop = file[table]["start_time"][()], file[table]["stop_time"][()]
        ends = [0, *map(int, file[units]["spike_times_index"][()])]
        trains = [file[units]["spike_times"][a:b] for a, b in pairwise(ends)]
    return np.array(
        [[((train >= a) & (train < b)).sum() for train in trains] for a, b in zip(start, stop, strict=True)]
    )


def test_the_human_recording_is_whole(shared: Path) -> None:
    path = shared / "data" / "nwb" / HUMAN
    recording = NWB(target=str(path), **RECOGNITION).load()
    responses = recording.responses
    assert dict(responses.sizes) == {"presentation": 180, "unit": 35}
    slow = loop_over(path, "intervals/recognition_table", "units")
    np.testing.assert_array_equal(responses["response"].values, slow)
    assert responses["response"].sum() == 21410
    with h5py.File(path) as file:
        shown = [name.decode() for name in file["intervals/recognition_table/frameName"][()]]
    assert responses["stimulus_id"].values.tolist() == shown
    assert len(set(shown)) == 134
    assert set(responses["category"].values.tolist()) == {"0", "1"}
    assert responses["repeat"].max() > 0
    assert {"accuracy", "confidence", "RT", "old_new", "response_time", "boundary_type"} <= set(responses.coords)
    areas, amounts = np.unique(responses["area"].values, return_counts=True)
    assert dict(zip(areas.tolist(), amounts.tolist(), strict=True)) == {"amygdala_right": 10, "hippocampus_right": 25}
    assert set(responses["subject"].values.tolist()) == {"4"}
    assert any(note.startswith("3 of 180 windows start before an earlier one has ended") for note in recording.notes)


@pytest.mark.parametrize(
    ("name", "options", "table", "units"),
    [
        (HUMAN, {"table": "encoding_table", "stimulus": "Clip_name"}, "intervals/encoding_table", "units"),
        (HUMAN, {"table": "timediscrimination_table"}, "intervals/timediscrimination_table", "units"),
        (
            "images_indexseries_units.nwb",
            {"table": "natural_scenes_presentations"},
            "intervals/natural_scenes_presentations",
            "units",
        ),
        ("linked_main_target_missing.nwb", {}, "intervals/trials", "units"),
        (
            "units_in_processing_intervals_in_acquisition.nwb",
            {},
            "acquisition/image_presentations",
            "processing/ecephys/units",
        ),
        ("pynapple_phy_A8604-211122.nwb", {"table": "epochs", "stimulus": "row"}, "intervals/epochs", "units"),
    ],
)
def test_files_load_with_the_counts_of_an_obvious_loop(
    shared: Path, name: str, options: dict[str, Any], table: str, units: str
) -> None:
    path = shared / "data" / "nwb" / name
    recording = NWB(target=str(path), **options).load()
    np.testing.assert_array_equal(recording.responses["response"].values, loop_over(path, table, units))
    assert recording.identity["table"] == "/" + table


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("allen_nwb1.0.5_496908818.nwb", {}, "NWB 1.x files are laid out differently"),
        (
            "allen_visual_coding_760693773_truncated.nwb",
            {"table": "natural_scenes_presentations"},
            "9 of 10 units would have read as silent and 1 as cut short",
        ),
        ("extension_no_cached_spec.nwb", {}, "uses the extension ndx-testextension, whose definition is neither"),
        ("human_index_beyond_data.nwb", RECOGNITION, "ends at 215,278 but spike_times holds 214,278 numbers"),
        ("human_nan_and_inverted_intervals.nwb", RECOGNITION, "row 3 (counted from 0) without a time to start or stop"),
        ("human_nan_and_inverted_intervals.nwb", RECOGNITION, "row 10 (counted from 0) ending before the start"),
        ("human_nan_and_inverted_intervals.nwb", RECOGNITION, "row 20 (counted from 0) lasting 0 s"),
        ("human_nan_spike_times.nwb", RECOGNITION, "in unit '2' (30 of them), unit '5' (1 of them)"),
        ("human_truncated_file.nwb", RECOGNITION, "is truncated: it holds 1,035,086 of 2,070,173 bytes"),
        ("ndx-events_0.4.0_events_no_extension.nwb", {}, "uses the extension ndx-events 0.4.0, which pynwb"),
        ("not_hdf5.nwb", {}, "is not HDF5, so not an NWB file: it begins with b'<?xml"),
        ("osb_2.0b_RoiResponseSeries.nwb", {}, "is NWB 2.0b, a pre-release of NWB 2.0.0"),
        ("osb_2.0b_Units_in_acquisition.nwb", {}, "is NWB 2.0b, a pre-release of NWB 2.0.0"),
        ("osb_lantyer2018_ME_9_CC_icephys.nwb", {}, "no units, so no spike times: it holds 10 CurrentClampSeries"),
        ("pynapple_phy_A8604-211122.nwb", {}, "no table of stimulus presentations. The file has /intervals/epochs"),
        (HUMAN, {}, "3 tables could hold the presentations; name one as `table`. The file has /intervals/encoding"),
    ],
)
def test_defective_files_are_refused_by_name(shared: Path, name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as caught:
        NWB(target=str(shared / "data" / "nwb" / name), **options).load()
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_no_shared_file_is_left_out(shared: Path) -> None:
    said = Path(__file__).read_text(encoding="utf-8")
    held = {path.name for path in (shared / "data" / "nwb").glob("*.nwb")} - {HUMAN}
    assert [name for name in sorted(held) if f'"{name}"' not in said] == []


def test_fluorescence_loads_with_the_means_of_an_obvious_loop(shared: Path) -> None:
    path = shared / "data" / "nwb" / "ophys_roiresponse_stim.nwb"
    recording = NWB(target=str(path)).load()
    with h5py.File(path) as file:
        series = file["processing/ophys/Fluorescence/RoiResponseSeries"]
        data, rate = series["data"][()], series["starting_time"].attrs["rate"]
        times = series["starting_time"][()] + np.arange(len(data)) / rate
        table = file["intervals/natural_images_presentations"]
        start, stop = table["start_time"][()], table["stop_time"][()]
    slow = [data[(times >= a) & (times < b)].astype(float).mean(axis=0) for a, b in zip(start, stop, strict=True)]
    np.testing.assert_allclose(recording.responses["response"].values, slow, rtol=1e-12, atol=0)
    assert recording.responses["response"].attrs["units"] == "a.u."
    assert set(recording.responses["area"].values.tolist()) == {"V1"}
    assert recording.responses.sizes == {"presentation": 65, "unit": 219}
    assert np.ptp(recording.responses["response"].values, axis=0).max() > 0


def test_an_index_series_loads_with_the_counts_of_an_obvious_loop(shared: Path) -> None:
    path = shared / "data" / "nwb" / "images_indexseries_units.nwb"
    responses = NWB(target=str(path), table="presented").load().responses
    with h5py.File(path) as file:
        series = file["stimulus/presentation/presented"]
        shown, start = series["data"][()], series["timestamps"][()]
        ends = [0, *map(int, file["units/spike_times_index"][()])]
        trains = [file["units/spike_times"][a:b] for a, b in pairwise(ends)]
    stop = [*start[1:], start[-1] + np.median(np.diff(start))]
    slow = [[((train >= a) & (train < b)).sum() for train in trains] for a, b in zip(start, stop, strict=True)]
    np.testing.assert_array_equal(responses["response"].values, slow)
    assert responses["stimulus_id"].values.tolist() == [str(number) for number in shown]


def test_time_bins_of_the_human_recording_are_those_of_an_obvious_loop(shared: Path) -> None:
    path = shared / "data" / "nwb" / HUMAN
    responses = NWB(target=str(path), window=(0.2, 1.2), bins=5, **RECOGNITION).load().responses
    with h5py.File(path) as file:
        start = file["intervals/recognition_table/start_time"][()]
        ends = [0, *map(int, file["units/spike_times_index"][()])]
        trains = [file["units/spike_times"][a:b] for a, b in pairwise(ends)]
    first = start + 0.2
    edges = [[*(first[row] + 1.0 * k / 5 for k in range(5)), start[row] + 1.2] for row in range(len(start))]
    slow = [[[((train >= a) & (train < b)).sum() for a, b in pairwise(row)] for train in trains] for row in edges]
    np.testing.assert_array_equal(responses["response"].values, slow)


def test_what_is_left_of_a_damaged_recording_counts_right(shared: Path) -> None:
    folder = shared / "data" / "nwb"
    whole = NWB(target=str(folder / HUMAN), **RECOGNITION).load().responses
    units = (
        NWB(target=str(folder / "human_nan_spike_times.nwb"), units="id not in [2, 5]", **RECOGNITION).load().responses
    )
    np.testing.assert_array_equal(units["response"].values, whole["response"].sel(unit=units["unit"]).values)
    assert units.sizes["unit"] == 33
    damaged = str(folder / "human_nan_and_inverted_intervals.nwb")
    rows = NWB(target=damaged, rows="start_time < stop_time", **RECOGNITION).load().responses
    kept = [row for row in range(180) if row not in (3, 10, 20)]
    np.testing.assert_array_equal(rows["response"].values, whole["response"].values[kept])


def test_inspect_proposes_the_recognition_task(shared: Path) -> None:
    path = shared / "data" / "nwb" / HUMAN
    seen = NWB(target=str(path)).inspect()
    assert "--source.table recognition_table --source.stimulus frameName --source.category stimuli_type" in seen.run
    assert dict(seen.facts)["spikes"] == "214,278"
