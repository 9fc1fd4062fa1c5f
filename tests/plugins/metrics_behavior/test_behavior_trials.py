"""Human trials from CSV files: what is read, and what is refused by file and row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spikeproof_metrics_behavior as behavior
from spikeproof.errors import DataError

HEADER = "subj,Session,trial,rt,object_response,category,condition,imagename"
ROWS = [
    "s1,1,1,0.8,cat,cat,0,0001_x_cat_cat1.png",
    "s1,1,2,NaN,na,dog,0,0002_x_dog_dog1.png",
    "s1,1,3,0.7,dog,dog,0.90,0003_x_dog_dog2.png",
    "s2,1,1,0.5,dog,cat,0,0001_x_cat_cat1.png",
    "s2,1,2,0.5,dog,dog,0,0002_x_dog_dog1.png",
    "s2,1,3,0.5,dog,dog,0.90,0003_x_dog_dog2.png",
]


def write(folder: Path, rows: list[str], name: str = "a.csv", header: str = HEADER) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text("\n".join([header, *rows]) + "\n")
    return folder


def test_trials_are_read_in_order_of_files_and_rows(tmp_path: Path) -> None:
    folder = write(tmp_path / "noise", ROWS[3:], "b.csv")
    write(folder, ROWS[:3], "a.csv")
    trials = behavior.read_trials(folder)
    assert trials.name == "noise"
    assert trials.subjects == ("s1", "s2")
    assert trials.conditions == ("0", "0.90")
    assert trials.images == ("cat1.png", "dog1.png", "dog2.png")
    assert trials.categories == ("cat", "dog")
    assert trials.response.tolist() == [0, -1, 1, 1, 1, 1]
    assert trials.correct.tolist() == [True, False, True, False, True, True]
    assert np.isnan(trials.rt[1])
    table = trials.table()
    assert table["response"].tolist() == ["cat", "na", "dog", "dog", "dog", "dog"]
    assert table["condition"].tolist() == ["0", "0", "0.90", "0", "0", "0.90"]
    assert set(table["image_set"]) == {"noise"}


def test_columns_may_stand_in_any_order_with_a_byte_order_mark_and_blank_lines(tmp_path: Path) -> None:
    names = HEADER.split(",")
    order = [7, 0, 3, 2, 1, 6, 5, 4, 0]
    cells = ROWS[0].split(",")
    header = ",".join([*(names[k].upper() for k in order[:-1]), "remark"])
    row = ",".join([*(cells[k] for k in order[:-1]), "fine"])
    (tmp_path / "x.csv").write_text("\ufeff" + "\r\n".join([header, row, "", ""]), encoding="utf-8")
    trials = behavior.read_trials(tmp_path / "x.csv", name="x")
    assert trials.correct.tolist() == [True]
    assert trials.image_name == ("0001_x_cat_cat1.png",)


def test_the_table_of_right_and_wrong_is_aligned_by_image_within_conditions(tmp_path: Path) -> None:
    trials = behavior.read_trials(write(tmp_path / "x", [*ROWS[:3], *reversed(ROWS[3:])]))
    table = behavior.correct_table(trials)
    assert table.shape == (2, 2, 2)
    np.testing.assert_array_equal(table[0], [[1, 0], [0, 1]])
    np.testing.assert_array_equal(table[1], [[1, np.nan], [1, np.nan]])
    late = trials.select(["0.9"])
    assert late.correct.tolist() == [True, True]
    assert late.image_name == ("0003_x_dog_dog2.png",) * 2
    with pytest.raises(DataError, match=r"x: no condition '7'; there are '0', '0.90'"):
        trials.select(["7"])


def test_an_image_seen_twice_under_a_condition_has_no_one_answer(tmp_path: Path) -> None:
    rows = [*ROWS, "s2,2,1,0.5,cat,cat,0,0009_x_cat_cat1.png"]
    trials = behavior.read_trials(write(tmp_path / "x", rows))
    with pytest.raises(DataError, match=r"subject 's2' saw image 'cat1\.png' more than once under condition '0'"):
        behavior.correct_table(trials)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("s1,1,4,0.8,cat,cat,0", "row 3: 7 fields, but the header names 8"),
        ("s1,1,4,0.8,cat,cat,0,a.png,extra", "row 3: 9 fields, but the header names 8"),
        (",1,4,0.8,cat,cat,0,a.png", "row 3: subj is empty"),
        ("s1,1,4,0.8,,cat,0,a.png", "row 3: object_response is empty"),
        ("s1,1,4,0.8,cat,,0,a.png", "row 3: category is empty"),
        ("s1,1,4,0.8,cat,cat,,a.png", "row 3: condition is empty"),
        ("s1,1,4,0.8,cat,cat,0,", "row 3: imagename is empty"),
        ("s1,one,4,0.8,cat,cat,0,a.png", "row 3: session is 'one', but must be a whole number"),
        ("s1,1,4.5,0.8,cat,cat,0,a.png", "row 3: trial is '4.5', but must be a whole number"),
        ("s1,1,4,fast,cat,cat,0,a.png", "row 3: rt is 'fast', but must be seconds"),
        ("s1,1,4,-0.1,cat,cat,0,a.png", "row 3: rt is '-0.1', but must be seconds, not negative"),
        ("s1,1,4,inf,cat,cat,0,a.png", "row 3: rt is 'inf', but must be seconds"),
        ("s1,1,4,NaN,cat,cat,0,a.png", r"row 3: a choice without a reaction time \(rt\)"),
        (
            "s1,1,4,0.8,zebra,cat,0,a.png",
            "row 3: object_response is 'zebra', which is none of cat: pass the categories",
        ),
        ("s1,1,4,0.8,cat,na,0,a.png", "row 3: category is 'na', but every image must have a true category"),
        (
            "s1,1,1,0.8,cat,cat,0,a.png",
            r"row 3: trial 1 of session 1 of subject 's1' stands already in .*a\.csv, row 2",
        ),
    ],
)
def test_a_bad_row_is_refused_by_file_and_row(tmp_path: Path, row: str, message: str) -> None:
    folder = write(tmp_path / "x", [ROWS[0], row])
    with pytest.raises(DataError, match=rf"a\.csv, {message}"):
        behavior.read_trials(folder)


def test_a_choice_that_is_nowhere_true_is_allowed_by_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", [ROWS[0], "s1,1,2,0.8,zebra,cat,0,a.png"])
    trials = behavior.read_trials(folder, categories=["cat", "zebra"])
    assert trials.categories == ("cat", "zebra")
    with pytest.raises(DataError, match="category is 'cat', which is none of dog, zebra"):
        behavior.read_trials(folder, categories=["dog", "zebra"])


def test_files_that_are_no_trials_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: no such file"):
        behavior.read_trials(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="no CSV file in this folder"):
        behavior.read_trials(tmp_path)
    with pytest.raises(DataError, match="no file was named"):
        behavior.read_trials([])
    without = write(tmp_path / "a", [], header="subj,session,trial,object_response,category,condition")
    with pytest.raises(DataError, match=r"no column rt, imagename; the first row holds subj, session"):
        behavior.read_trials(without)
    with pytest.raises(DataError, match=r"a\.csv: column subj stands there twice"):
        behavior.read_trials(write(tmp_path / "b", [], header=f"{HEADER},subj"))
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match=r"no column .*; the first row holds nothing"):
        behavior.read_trials(tmp_path / "empty.csv")
    with pytest.raises(DataError, match=r"a\.csv: holds no trial"):
        behavior.read_trials(write(tmp_path / "c", []))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        behavior.read_trials(tmp_path / "binary.csv")
    with pytest.raises(DataError, match="no folder in it holds CSV files of trials"):
        behavior.read_trial_sets(tmp_path / "c")
    with pytest.raises(DataError, match="no folder in it holds CSV files of trials"):
        behavior.read_trial_sets(tmp_path / "nowhere")


def test_usable_conditions_leave_out_the_control_and_what_people_cannot_see(tmp_path: Path) -> None:
    rows = []
    for condition, right in (("0.00", 10), ("0.1", 8), ("0.5", 2), ("0.9", 1)):
        rows += [
            f"s1,1,{len(rows) + k},0.5,{'cat' if k < right else 'dog'},cat,{condition},cat{k}.png" for k in range(10)
        ]
    rows.append("s1,1,99,0.5,dog,dog,0.1,dog.png")
    trials = behavior.read_trials(write(tmp_path / "uniform-noise", rows))
    assert behavior.usable_conditions(trials) == ("0.1",)
    assert behavior.usable_conditions(trials, lowest=0.15) == ("0.1", "0.5")
    assert behavior.usable_conditions(trials, control="0.1") == ("0.00",)
    with pytest.raises(DataError, match=r"no control condition 'cr'; there are '0.00', '0.1', '0.5', '0.9'"):
        behavior.usable_conditions(trials, control="cr")
    with pytest.raises(DataError, match=r"no condition but the control exceeds a mean accuracy of 0\.95"):
        behavior.usable_conditions(trials, lowest=0.95)
    alone = trials.select(["0.9"])
    only = behavior.read_trials(write(tmp_path / "edge", rows[30:40] + rows[:0]), categories=["cat", "dog"])
    assert behavior.usable_conditions(only) == ("0.9",)
    assert len(alone.trial) == 10


def test_names_of_images_and_conditions() -> None:
    assert behavior.short_image_name("0000_cl_s01_bw_boat_40_n02951358_5952.JPEG") == "n02951358_5952.JPEG"
    assert behavior.short_image_name("airplane1-bicycle2.png") == "airplane1-bicycle2.png"
    assert behavior.same_condition("inf", "Inf")
    assert not behavior.same_condition("0", "pow")
