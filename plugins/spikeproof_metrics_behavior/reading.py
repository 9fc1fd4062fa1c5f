"""Human trials from CSV files laid out as in model-vs-human."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError

from .trials import NO_CHOICE, Trials, short_image_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COLUMNS", "read_trial_sets", "read_trials"]

COLUMNS = ("subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename")
"""Columns of a file, in any order and case."""

_NONE = "na"
_MAY_LACK = ("rt",)


def read_trial_sets(folder: str | Path) -> dict[str, Trials]:
    """Trials of every image set in a folder that holds one folder of CSV files for each.

    Parameters
    ----------
    folder : str or pathlib.Path

    Returns
    -------
    dict of str to Trials
        By name of the inner folder, sorted.

    Raises
    ------
    DataError
        If there is no inner folder with CSV files, or as for :func:`read_trials`.
    """
    root = Path(folder)
    sets = sorted(path for path in root.iterdir() if path.is_dir() and any(path.glob("*.csv"))) if root.is_dir() else []
    if not sets:
        raise DataError(f"{root}: no folder in it holds CSV files of trials (one folder an image set)")
    return {path.name: read_trials(path) for path in sets}


def read_trials(
    path: str | Path | Sequence[str | Path],
    *,
    name: str | None = None,
    categories: Sequence[str] | None = None,
    image_name: Callable[[str], str] = short_image_name,
) -> Trials:
    """Trials of one image set.

    Parameters
    ----------
    path : str, pathlib.Path or a sequence of them
        A CSV file, several, or a folder whose CSV files are read in the order of their names. Columns: ``subj,
        session, trial, rt, object_response, category, condition, imagename``. A response of ``na`` means that none
        was given in time, and its reaction time is ``NaN``.
    name : str, optional
        Of the image set; by default that of the folder.
    categories : sequence of str, optional
        What may be chosen; by default the categories that are true of some image.
    image_name : callable
        Makes the name that is the same for all observers out of ``imagename``.

    Returns
    -------
    Trials

    Raises
    ------
    DataError
        If there is no file, or a file lacks a column, holds a column twice, or a row that cannot be trusted: another
        number of fields, an empty one, a number that is none, a category that may not be chosen, or a trial that
        occurs twice. The message names file and row.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_text(
    ...     "subj,Session,trial,rt,object_response,category,condition,imagename\\n"
    ...     "s1,1,1,0.8,cat,cat,0,0001_x_cat_cat1.png\\n"
    ...     "s1,1,2,NaN,na,dog,0,0002_x_dog_dog1.png\\n"
    ... )
    >>> read_trials(folder, name="demo").correct.tolist()
    [True, False]
    """
    files = _files(path)
    columns: dict[str, list[str]] = {column: [] for column in COLUMNS}
    places: list[tuple[Path, int]] = []
    for file in files:
        _read(file, columns, places)
    if not places:
        raise DataError(f"{files[0]}: holds no trial")
    title = name if name is not None else (Path(files[0]).parent.name or Path(files[0]).stem)
    return _build(title, columns, places, categories, image_name)


def _files(path: str | Path | Sequence[str | Path]) -> list[Path]:
    if not isinstance(path, (str, Path)):
        files = [Path(part) for part in path]
        if not files:
            raise DataError("trials: no file was named")
        return files
    place = Path(path)
    if place.is_dir():
        files = sorted(place.glob("*.csv"))
        if not files:
            raise DataError(f"{place}: no CSV file in this folder")
        return files
    return [place]


def _read(file: Path, columns: dict[str, list[str]], places: list[tuple[Path, int]]) -> None:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = [cell.strip().lower() for cell in next(reader, [])]
            _check_header(file, header)
            order = [header.index(column) for column in COLUMNS]
            rows, width = [], len(header)
            for row in reader:
                if len(row) != width:
                    if not any(cell.strip() for cell in row):
                        continue
                    raise DataError(f"{file}, row {reader.line_num}: {len(row)} fields, but the header names {width}")
                rows.append(row)
                places.append((file, reader.line_num))
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV ({error})") from error
    cells = list(zip(*rows, strict=True)) if rows else [()] * width
    for column, position in zip(COLUMNS, order, strict=True):
        columns[column].extend(cells[position])


def _check_header(file: Path, header: list[str]) -> None:
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise DataError(f"{file}: no column {', '.join(missing)}; the first row holds {', '.join(header) or 'nothing'}")
    twice = sorted({column for column in header if column in COLUMNS and header.count(column) > 1})
    if twice:
        raise DataError(f"{file}: column {', '.join(twice)} stands there twice")


def _build(
    name: str,
    columns: dict[str, list[str]],
    places: list[tuple[Path, int]],
    categories: Sequence[str] | None,
    image_name: Callable[[str], str],
) -> Trials:
    text = {column: [cell.strip() for cell in cells] for column, cells in columns.items()}
    for column in COLUMNS:
        if column not in _MAY_LACK and "" in text[column]:
            raise DataError(f"{_place(places, text[column].index(''))}: {column} is empty")
    responses = [cell.lower() if cell.lower() == _NONE else cell for cell in text["object_response"]]
    shown = sorted(set(text["category"]))
    if _NONE in {cell.lower() for cell in shown}:
        at = next(k for k, cell in enumerate(text["category"]) if cell.lower() == _NONE)
        raise DataError(f"{_place(places, at)}: category is 'na', but every image must have a true category")
    allowed = sorted(set(categories)) if categories is not None else shown
    code = {category: k for k, category in enumerate(allowed)} | {_NONE: NO_CHOICE}
    for column, cells in (("category", text["category"]), ("object_response", responses)):
        unknown = {cell for cell in cells if cell not in code}
        if unknown:
            at = next(k for k, cell in enumerate(cells) if cell in unknown)
            raise DataError(
                f"{_place(places, at)}: {column} is {cells[at]!r}, which is none of {', '.join(allowed)}: pass the "
                "categories that may be chosen as categories"
            )
    short = {cell: image_name(cell) for cell in set(text["imagename"])}
    subjects, subject = _coded(text["subj"])
    conditions, condition = _coded(text["condition"])
    images, image = _coded([short[cell] for cell in text["imagename"]])
    response = np.array([code[cell] for cell in responses], dtype=np.intp)
    session, trial = _whole("session", text, places), _whole("trial", text, places)
    _refuse_repeated(subject, session, trial, places, subjects)
    return Trials(
        name=name,
        subjects=subjects,
        conditions=conditions,
        images=images,
        categories=tuple(allowed),
        subject=subject,
        condition=condition,
        image=image,
        category=np.array([code[cell] for cell in text["category"]], dtype=np.intp),
        response=response,
        session=session,
        trial=trial,
        rt=_reaction_times(text["rt"], response, places),
        image_name=tuple(text["imagename"]),
    )


def _coded(cells: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    names = sorted(set(cells))
    code = {name: k for k, name in enumerate(names)}
    return tuple(names), np.array([code[cell] for cell in cells], dtype=np.intp)


def _place(places: Sequence[tuple[Path, int]], at: int) -> str:
    file, row = places[at]
    return f"{file}, row {row}"


def _whole(column: str, text: dict[str, list[str]], places: Sequence[tuple[Path, int]]) -> NDArray[np.intp]:
    try:
        return np.array([int(cell) for cell in text[column]], dtype=np.intp)
    except ValueError:
        at = next(k for k, cell in enumerate(text[column]) if not _is_whole(cell))
        raise DataError(f"{_place(places, at)}: {column} is {text[column][at]!r}, but must be a whole number") from None


def _is_whole(cell: str) -> bool:
    try:
        int(cell)
    except ValueError:
        return False
    return True


def _reaction_times(
    cells: Sequence[str], response: NDArray[np.intp], places: Sequence[tuple[Path, int]]
) -> NDArray[np.float64]:
    lacking = {"", "nan", _NONE}
    times = np.full(len(cells), np.nan)
    for k, cell in enumerate(cells):
        if cell.lower() in lacking:
            continue
        try:
            times[k] = float(cell)
        except ValueError:
            raise DataError(f"{_place(places, k)}: rt is {cell!r}, but must be seconds") from None
    bad = np.flatnonzero(np.isinf(times) | (times < 0))
    if bad.size:
        at = int(bad[0])
        raise DataError(f"{_place(places, at)}: rt is {cells[at]!r}, but must be seconds, not negative")
    chosen = np.flatnonzero(np.isnan(times) & (response != NO_CHOICE))
    if chosen.size:
        raise DataError(f"{_place(places, int(chosen[0]))}: a choice without a reaction time (rt)")
    return times


def _refuse_repeated(
    subject: NDArray[np.intp],
    session: NDArray[np.intp],
    trial: NDArray[np.intp],
    places: Sequence[tuple[Path, int]],
    subjects: Sequence[str],
) -> None:
    order = np.lexsort((trial, session, subject))
    same = (np.diff(subject[order]) == 0) & (np.diff(session[order]) == 0) & (np.diff(trial[order]) == 0)
    if same.any():
        k = int(np.flatnonzero(same)[0])
        first, second = sorted((int(order[k]), int(order[k + 1])))
        raise DataError(
            f"{_place(places, second)}: trial {trial[second]} of session {session[second]} of subject "
            f"{subjects[subject[second]]!r} stands already in {_place(places, first)}"
        )
