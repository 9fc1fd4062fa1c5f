"""``inspect`` says what is there, what can be done and how."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pynwb
import pytest
from spikeproof.errors import DataError
from spikeproof.types import Inspectable, Source
from spikeproof_nwb.source import NWB

TRIALS = {
    "start": range(8),
    "stop": range(1, 9),
    "image": list("abcdabcd"),
    "category": list("xxyyxxyy"),
    "object_type": list("pqpqpqpq"),
    "choice": list("xyxyxyyx"),
}


def test_it_is_a_source_that_can_be_inspected(write_file: Callable[..., Path]) -> None:
    source = NWB(target=str(write_file()))
    assert isinstance(source, Source)
    assert isinstance(source, Inspectable)


def test_facts_tables_and_a_line_to_run(write_file: Callable[..., Path]) -> None:
    path = write_file(trials=TRIALS, unit_columns={"quality": ("good", "noise", "good")})
    seen = NWB(target=str(path)).inspect()
    facts = dict(seen.facts)
    assert (facts["identifier"], facts["session"], facts["subject"], facts["species"]) == (
        "file-1",
        "s1",
        "m1",
        "Mus musculus",
    )
    assert (facts["units"], facts["spikes"]) == ("3 in /units", "9")
    assert facts["spikes per unit"] == "0 to 6, 1 without any"
    units, tables, columns = seen.tables
    assert ("quality", "2", "good (2), noise (1)") in units.rows
    assert tables.rows == (
        (
            "/intervals/trials",
            "8",
            "1",
            "0",
            "image (4 different)",
            "category (2), object_type (2)",
        ),
    )
    assert columns.rows == (("/intervals/trials", "category (2), choice (2), image (4), object_type (2)"),)
    assert seen.run == (
        f"spikeproof run --source nwb:{path} --source.table trials --source.stimulus image --source.category category "
        "--readout logistic --attack silence --attack shift --metric sparseness --metric selectivity "
        "--metric dropping-curve --metric silencing --metric margin --out results/small"
    )
    assert facts["presentations"] == "8 in /intervals/trials, used if no table is named"
    assert seen.can == (
        "spike counts of every unit in 8 presentations of 4 stimuli (/intervals/trials)",
        "sparseness; selectivity and decoding of category; silenced units, shifted activity",
        "time bins (`bins`) of the 1 s that each row lasts",
        "noise and reliability over repeats: 4 of 4 stimuli were shown more than once",
    )
    assert seen.cannot == ()


def test_the_line_survives_a_shell_and_odd_names(write_file: Callable[..., Path]) -> None:
    path = write_file("my file.nwb", trials=TRIALS | {"stop": [1, 2, 3, 4, 5, 6, 7, np.nan]})
    seen = NWB(target=str(path)).inspect()
    words = shlex.split(seen.run)
    assert words[3] == f"nwb:{path}"
    assert words[words.index("--source.rows") + 1] == "start_time < stop_time"
    assert any("1 of 8 rows have NaN, inverted or empty times" in text for text in seen.cannot)


def test_without_categories_only_what_needs_none_is_proposed(write_file: Callable[..., Path]) -> None:
    seen = NWB(target=str(write_file())).inspect()
    assert "--readout" not in seen.run
    assert "--metric sparseness" in seen.run
    assert "selectivity, decoding and attacks on activity need a category column" in seen.can[1]


@pytest.mark.parametrize("ends", [[20, 30, 30], [6, 3, 9]])
def test_defects_are_listed_and_nothing_is_proposed(
    write_file: Callable[..., Path], rewrite: Callable[..., None], ends: list[int]
) -> None:
    path = write_file(spoil=lambda file: rewrite(file, "units/spike_times_index", np.array(ends)))
    seen = NWB(target=str(path)).inspect()
    assert seen.run == ""
    assert any("spike_times_index" in text for text in seen.cannot)
    assert dict(seen.facts)["units"] == "3 in /units"


def test_a_file_without_units_or_presentations_says_so(write_file: Callable[..., Path]) -> None:
    seen = NWB(target=str(write_file(trains=None, trials=None))).inspect()
    assert seen.run == ""
    assert any("no units, so no spike times" in text for text in seen.cannot)
    assert any("no table of stimulus presentations" in text for text in seen.cannot)


RATE = {"rate": 5.0, "starting_time": 0.1, "unit": "dF/F"}


def test_series_of_rois_can_be_run(write_file: Callable[..., Path], imaged: Callable[..., Any]) -> None:
    path = write_file(trains=None, also=imaged({"DfOverF": {"dff": (np.ones((20, 2)), RATE)}}))
    seen = NWB(target=str(path)).inspect()
    facts = dict(seen.facts)
    assert facts["ROIs"] == "2 in /processing/ophys/DfOverF/dff"
    assert facts["areas"] == "VISp (2)"
    assert facts["samples"] == "20 at 5 Hz, 0.1 to 3.9 s, in dF/F"
    assert seen.can[0] == "mean of every unit's trace (dF/F) in 3 presentations of 2 stimuli (/intervals/trials)"
    (series,) = (table for table in seen.tables if table.title == "Series")
    assert series.rows == (("/processing/ophys/DfOverF/dff", "RoiResponseSeries in a DfOverF", "20 x 2", "ROIs"),)


def test_series_that_miss_the_stimuli_cannot_be_run(
    write_file: Callable[..., Path], imaged: Callable[..., Any]
) -> None:
    path = write_file(trains=None, also=imaged({"DfOverF": {"dff": (np.ones((8, 2)), RATE)}}))
    seen = NWB(target=str(path)).inspect()
    assert seen.run == ""
    assert any("no sample was taken in a window of presentations 2" in text for text in seen.cannot)


def test_other_series_are_counted(write_file: Callable[..., Path]) -> None:
    def more(content: pynwb.NWBFile) -> None:
        for name in ("x", "y"):
            content.add_acquisition(pynwb.TimeSeries(name=name, data=np.ones(4), unit="V", rate=1.0))
        content.add_acquisition(pynwb.TimeSeries(name="mua", data=np.ones((4, 3)), unit="V", rate=1.0))

    (series,) = (item for item in NWB(target=str(write_file(also=more))).inspect().tables if item.title == "Series")
    assert series.rows == (
        ("/acquisition/mua", "TimeSeries", "4 x 3", "only if named as `responses`"),
        ("2 others", "TimeSeries", "", ""),
    )


def test_options_decide_what_is_inspected(write_file: Callable[..., Path], imaged: Callable[..., Any]) -> None:
    flashes = {"flashes": {"start": (0.0, 1.0), "stop": (0.5, 2.0), "image": ("p", "q")}}
    path = write_file(tables=flashes, also=imaged({"DfOverF": {"dff": (np.ones((20, 2)), RATE)}}))
    seen = NWB(target=str(path)).inspect()
    assert dict(seen.facts)["presentations"] == "several tables: one must be named as `table`"
    assert "--source.table" in seen.run
    seen = NWB(target=str(path), table="flashes", responses="dff").inspect()
    assert dict(seen.facts)["presentations"] == "2 in /intervals/flashes"
    assert "--source.table flashes --source.stimulus image --source.responses dff" in seen.run
    assert "time bins (`bins`), with a `window`: these rows last 0.5 to 1 s" in seen.can
    assert not any("shown more than once" in text for text in seen.can)


def test_what_is_not_nwb_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.nwb").write_bytes(b"hello")
    with pytest.raises(DataError, match="is not HDF5"):
        NWB(target=str(tmp_path / "a.nwb")).inspect()
