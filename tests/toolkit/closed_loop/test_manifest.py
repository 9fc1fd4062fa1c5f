"""A manifest that was changed in any way is caught, and what was changed is named."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from experiment import STUDY
from spikeproof.closed_loop import Manifest, make_stimuli, read_manifest
from spikeproof.errors import DataError
from tiny_study import write_tiny_study

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("sealed")
    write_tiny_study(folder)
    threat = STUDY["threat"] | {"aims": ["unit"], "epsilons": [0.2], "controls": [], "stimuli": 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study = STUDY | {"threat": threat}
        return make_stimuli(study, where="study.toml", out=folder / "out", repeats=2, device="cpu")


@pytest.fixture
def folder(original: Manifest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original.folder, tmp_path / "out"))


def edited(folder: Path, change: Callable[[Rows], Rows], *, names: Callable[[list[str]], list[str]] = list) -> None:
    file = folder / "manifest.csv"
    with file.open(newline="") as lines:
        reader = csv.DictReader(lines)
        rows, columns = list(reader), list(reader.fieldnames or ())
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, fieldnames=names(columns), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(change(rows))


def cell(row: int, column: str, value: str) -> Callable[[Rows], Rows]:
    def change(rows: Rows) -> Rows:
        rows[row][column] = value
        return rows

    return change


def refused(folder: Path, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        read_manifest(folder).check_files()


def test_what_was_not_changed_is_read(original: Manifest, folder: Path) -> None:
    for given in (folder, folder / "manifest.csv", str(folder)):
        assert read_manifest(given).rows == original.rows


@pytest.mark.parametrize(
    ("column", "value"),
    [("epsilon", "0.3"), ("clean_stimulus_id", "00001"), ("predicted_effect", "9"), ("control", "x")],
)
def test_an_edited_cell_is_named(folder: Path, column: str, value: str) -> None:
    edited(folder, cell(4, column, value))
    image = read_rows(folder)[4]["image"]
    refused(folder, f"manifest.csv, row 5 (image '{image}'), column {column}: '{value}' is not what was written")


def read_rows(folder: Path) -> Rows:
    with (folder / "manifest.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_reordered_rows_are_named(folder: Path) -> None:
    rows = read_rows(folder)
    edited(folder, lambda rows: [rows[0], rows[2], rows[1], *rows[3:]])
    refused(folder, f"row 2: image '{rows[2]['image']}' stands where '{rows[1]['image']}' was written")
    refused(folder, "the rows were reordered (2 of them)")


def test_a_missing_row_is_named(folder: Path) -> None:
    rows = read_rows(folder)
    edited(folder, lambda rows: rows[:3] + rows[4:])
    refused(folder, f"the row of image '{rows[3]['image']}' (row 4 as written) is missing, and 1 of {len(rows)} rows")


def test_a_row_that_was_never_written_is_named(folder: Path) -> None:
    edited(folder, lambda rows: [*rows, rows[-1] | {"image": "zzz-00099"}])
    refused(folder, f"row {len(read_rows(folder))}: image 'zzz-00099' was never written")


def test_a_row_that_stands_twice_is_named(folder: Path) -> None:
    rows = read_rows(folder)
    edited(folder, lambda rows: [*rows, rows[2]])
    refused(folder, f"image '{rows[2]['image']}' stands in 2 rows")


def test_a_column_that_is_missing_or_new_is_named(folder: Path) -> None:
    edited(folder, list, names=lambda names: [name for name in names if name != "norm"])
    refused(folder, "manifest.csv lacks the column 'norm'")
    edited(
        folder,
        lambda rows: [row | {"norm": "l2", "remark": "nice"} for row in rows],
        names=lambda n: [*n, "norm", "remark"],
    )
    refused(folder, "has a column 'remark' that was not written")


def test_a_row_of_another_length_is_named(folder: Path) -> None:
    file = folder / "manifest.csv"
    lines = file.read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0]
    file.write_text("\n".join(lines) + "\n")
    refused(folder, "manifest.csv, row 3: it has not 23 cells")


def test_an_image_that_was_changed_or_lost_is_named(original: Manifest, folder: Path) -> None:
    image = original.rows[4]["image"]
    file = folder / "images" / f"{image}.png"
    content = file.read_bytes()
    file.write_bytes(content[:-5] + b"xxxxx")
    refused(folder, f"{image}.png: this is not the image that was made: its sha256 is")
    file.write_bytes((folder / "images" / f"{original.rows[5]['image']}.png").read_bytes())
    refused(folder, f"{image}.png: this is not the image that was made")
    file.unlink()
    refused(folder, f"{image}.png: there is no such file (1 of {len(original.rows)} images of")


def test_a_changed_order_is_named(folder: Path) -> None:
    file = folder / "order.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:]]) + "\n")
    refused(folder, "order.csv: this is not the order of presentation that was written with the manifest")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "manifest.json: damaged (JSONDecodeError"),
        ("{}", "manifest.json: damaged (KeyError: 'schema')"),
        (json.dumps({"schema": 2}), "manifest.json: its schema is 2; this spikeproof reads 1"),
        (json.dumps({"schema": 1, "cells": {}}), "manifest.json: damaged (KeyError: 'order_sha256')"),
    ],
)
def test_a_damaged_seal_is_named(folder: Path, content: str, message: str) -> None:
    (folder / "manifest.json").write_text(content)
    refused(folder, message)


def test_a_table_that_is_no_csv_is_named(folder: Path) -> None:
    (folder / "manifest.csv").write_bytes(b"image,kind\n\xff\xfe\n")
    refused(folder, "manifest.csv: this is not the csv table that was written")


def test_what_is_no_manifest_is_refused(folder: Path, tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "there is no such file: give the folder that `spikeproof stimuli` wrote")
    refused(folder / "order.csv", "this is no manifest: give the folder")
    (folder / "manifest.json").unlink()
    refused(folder, "is `spikeproof stimuli` finished? go on with --resume")
