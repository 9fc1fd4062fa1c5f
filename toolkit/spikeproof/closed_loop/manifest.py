"""The manifest of images that were made for an experiment: what each of them is, sealed against changes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spikeproof.errors import DataError

__all__ = [
    "CSV",
    "FIELDS",
    "IMAGES",
    "ORDER",
    "SEAL",
    "TEMPLATES",
    "Field",
    "Manifest",
    "csv_text",
    "read_manifest",
    "seal_of",
]

CSV, SEAL, ORDER, IMAGES, TEMPLATES = "manifest.csv", "manifest.json", "order.csv", "images", "templates.nwb"
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column of the manifest."""

    name: str
    about: str


FIELDS = (
    Field(name="image", about="What the experiment calls the image: its file is images/IMAGE.png."),
    Field(name="kind", about="clean (a catch image), attack or control."),
    Field(name="system", about="The model whose units were attacked."),
    Field(name="clean_stimulus_id", about="The stimulus that it was made of, or that it is."),
    Field(name="category", about="Category of that stimulus; empty where there are none."),
    Field(
        name="epsilon", about="Radius that was allowed, on images in [0, 1] at the model's size; 0 for clean images."
    ),
    Field(name="norm", about="l1, l2 or linf."),
    Field(name="achieved", about="Norm of the image as it is shown, in 8 bits, about the clean one as it is shown."),
    Field(name="aim", about="unit, population or behavior."),
    Field(name="objective", about="What was maximised; preference-flip for images of flipped categories."),
    Field(name="target", about="The unit, population or behavior that was aimed at."),
    Field(name="target_unit", about="The unit that was aimed at, where one was."),
    Field(name="other_unit", about="The unit for which this image is the control other-unit."),
    Field(name="control", about="Empty for an attack; random, flipped ... for controls of equal norm."),
    Field(name="attack", about="The attack that made it, or that it is a control of."),
    Field(name="direction", about="up or down, where it is known."),
    Field(name="round", about="Which round of the experiment it was made for."),
    Field(name="predicted_response", about="Predicted response of the target unit to the image as it is shown."),
    Field(
        name="predicted_effect",
        about="Predicted effect of the image as it is shown: change of the target unit's response; population "
        "distance; 1 where the choice changes and 0 where it does not.",
    ),
    Field(name="unrounded_effect", about="The same before the image was rounded to 8 bits."),
    Field(name="other_unit_effect", about="Predicted change of the other unit's response."),
    Field(name="study", about="Fingerprint of the study that made it."),
    Field(name="sha256", about="Of the PNG file."),
)
"""Columns of the manifest, in their order."""

_NAMES = tuple(field.name for field in FIELDS)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest that was read and found whole.

    Parameters
    ----------
    folder : Path
        The folder that ``spikeproof stimuli`` wrote.
    rows : tuple of mapping
        One an image, of the columns of ``FIELDS``, as text.
    about : mapping
        What the seal holds beside digests: ``tag``, ``round``, ``shape`` ((channel, y, x) at the model's size),
        ``factor`` (display pixels a side of each of its pixels), ``repeats``, ``in_silico`` (systems that are) ...
    """

    folder: Path
    rows: tuple[Mapping[str, str], ...]
    about: Mapping[str, Any]

    @property
    def tag(self) -> str:
        """How the names of all its images begin."""
        return str(self.about["tag"])

    @cached_property
    def by_image(self) -> dict[str, Mapping[str, str]]:
        """Row of each image, by its name."""
        return {row["image"]: row for row in self.rows}

    def file(self, image: str) -> Path:
        """Return the path of an image's PNG file."""
        return self.folder / IMAGES / f"{image}.png"

    def check_files(self) -> None:
        """Compare every PNG file with its digest.

        Raises
        ------
        DataError
            If a file is missing or is not the one that was made; it is named.
        """
        missing = [row["image"] for row in self.rows if not self.file(row["image"]).is_file()]
        if missing:
            raise DataError(
                f"{self.file(missing[0])}: there is no such file ({len(missing)} of {len(self.rows)} images of "
                f"{self.folder / CSV} are missing): copy the whole folder that `spikeproof stimuli` wrote"
            )
        changed = [row for row in self.rows if _digest(self.file(row["image"]).read_bytes()) != row["sha256"]]
        if changed:
            row = changed[0]
            raise DataError(
                f"{self.file(row['image'])}: this is not the image that was made: its sha256 is "
                f"{_digest(self.file(row['image']).read_bytes())[:16]}..., {self.folder / CSV} says "
                f"{row['sha256'][:16]}... "
                f"({len(changed)} such files): copy it again from where it was made"
            )


def csv_text(rows: Sequence[Mapping[str, str]], names: Sequence[str] = _NAMES) -> str:
    """Write rows as csv, lines ending in a line feed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def seal_of(rows: Sequence[Mapping[str, str]], order: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``manifest.json`` holds: digests of every cell and of the order, and what is said of all."""
    return {
        "schema": _SCHEMA,
        **about,
        "cells": {row["image"]: "".join(_cells(row)) for row in rows},
        "order_sha256": _digest(order.encode()),
    }


def read_manifest(path: str | Path) -> Manifest:
    """Read a manifest and check that it is the one that was written.

    Parameters
    ----------
    path : str or Path
        The folder that ``spikeproof stimuli`` wrote, or the ``manifest.csv`` in it.

    Raises
    ------
    DataError
        If the manifest or its seal is missing or damaged, or a row, a column or the order was changed; which one is
        said.
    """
    given = Path(path).expanduser()
    folder = given if given.is_dir() else given.parent
    file, sealed = folder / CSV, folder / SEAL
    if given.is_file() and given.name not in (CSV, SEAL):
        raise DataError(f"{given}: this is no manifest: give the folder that `spikeproof stimuli` wrote, or its {CSV}")
    for part in (file, sealed):
        if not part.is_file():
            other = (
                " (is `spikeproof stimuli` finished? go on with --resume)"
                if (folder / "provenance.json").exists()
                else ""
            )
            raise DataError(f"{part}: there is no such file{other}: give the folder that `spikeproof stimuli` wrote")
    seal = _seal(sealed)
    rows = _rows(file)
    _check_columns(file, rows, seal)
    _check_rows(file, rows, seal)
    order = folder / ORDER
    if not order.is_file() or _digest(order.read_bytes()) != seal["order_sha256"]:
        raise DataError(
            f"{order}: this is not the order of presentation that was written with the manifest: copy it again from "
            "where it was made"
        )
    digests = ("cells", "order_sha256", "schema")
    return Manifest(
        folder=folder, rows=tuple(rows), about={key: value for key, value in seal.items() if key not in digests}
    )


def _seal(file: Path) -> dict[str, Any]:
    try:
        seal: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if seal["schema"] != _SCHEMA:
            raise DataError(f"{file}: its schema is {seal['schema']!r}; this spikeproof reads {_SCHEMA}")
        for key in ("cells", "order_sha256", "tag", "shape", "factor"):
            seal[key]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise DataError(
            f"{file}: damaged ({type(error).__name__}: {error}): copy it again from where it was made"
        ) from None
    return seal


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            rows = list(reader)
            names = list(reader.fieldnames or ())
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{file}: this is not the csv table that was written ({error}): copy it again") from None
    missing = [name for name in _NAMES if name not in names]
    strange = [name for name in names if name not in _NAMES]
    if missing or strange:
        what = f"lacks the column {missing[0]!r}" if missing else f"has a column {strange[0]!r} that was not written"
        raise DataError(f"{file} {what}: copy it again from where it was made")
    for number, row in enumerate(rows, 1):
        if None in row or any(value is None for value in row.values()):
            raise DataError(
                f"{file}, row {number}: it has not {len(_NAMES)} cells: copy it again from where it was made"
            )
    return rows


def _check_columns(file: Path, rows: Sequence[Mapping[str, str]], seal: Mapping[str, Any]) -> None:
    """Name the cell that was edited: of rows that are there, in whatever order."""
    for number, row in enumerate(rows, 1):
        known = seal["cells"].get(row["image"])
        if known is None:
            raise DataError(
                f"{file}, row {number}: image {row['image']!r} was never written (edited, or of another manifest): "
                "copy the manifest again from where it was made"
            )
        cells = _cells(row)
        edited = [name for place, name in enumerate(_NAMES) if cells[place] != known[8 * place : 8 * place + 8]]
        if edited:
            raise DataError(
                f"{file}, row {number} (image {row['image']!r}), column {' and '.join(edited)}: {row[edited[0]]!r} is "
                "not what was written: the manifest was edited; copy it again from where it was made"
            )


def _check_rows(file: Path, rows: Sequence[Mapping[str, str]], seal: Mapping[str, Any]) -> None:
    names, written = [row["image"] for row in rows], list(seal["cells"])
    again = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if again:
        raise DataError(f"{file}: image {again[0]!r} stands in {names.count(again[0])} rows: copy the manifest again")
    there = set(names)
    lost = [name for name in written if name not in there]
    if lost:
        raise DataError(
            f"{file}: the row of image {lost[0]!r} (row {written.index(lost[0]) + 1} as written) is missing, and "
            f"{len(lost)} of {len(written)} rows in all: copy the manifest again from where it was made"
        )
    moved = [number for number, (a, b) in enumerate(zip(names, written, strict=True)) if a != b]
    if moved:
        first = moved[0]
        raise DataError(
            f"{file}, row {first + 1}: image {names[first]!r} stands where {written[first]!r} was written: the rows "
            f"were reordered ({len(moved)} of them); copy the manifest again from where it was made"
        )


def _cells(row: Mapping[str, str]) -> list[str]:
    return [_digest(row[name].encode())[:8] for name in _NAMES]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
