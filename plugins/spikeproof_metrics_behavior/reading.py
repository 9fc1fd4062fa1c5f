"""Human trials from CSV files laid out as in model-vs-human."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import DataError

from .trials import NO_CHOICE, Trials, short_image_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COLUMNS", "folders_of_sets", "read_trial_sets", "read_trials"]

COLUMNS: Mapping[str, str] = {
    "subject": "subj",
    "session": "session",
    "trial": "trial",
    "rt": "rt",
    "choice": "object_response",
    "category": "category",
    "condition": "condition",
    "image": "imagename",
}
"""What is read, and the column of model-vs-human that holds it; columns stand in any order and case."""

_NONE = "na"
_OPTIONAL = ("session", "trial", "rt", "condition")
"""What a file may do without: a name of "" says that there is no such column."""


def folders_of_sets(folder: Path) -> list[Path]:
    """Inner folders that hold CSV files, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and any(path.glob("*.csv")))


def read_trial_sets(
    folder: str | Path,
    *,
    categories: Sequence[str] | None = None,
    image_name: Callable[[str], str] = short_image_name,
    columns: Mapping[str, str] | None = None,
    no_choice: str = _NONE,
) -> dict[str, Trials]:
    """Trials of every image set in a folder that holds one folder of CSV files for each.

    Parameters
    ----------
    folder : str or pathlib.Path
    categories, image_name, columns, no_choice
        As for :func:`read_trials`, alike for all sets.

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
    sets = folders_of_sets(root) if root.is_dir() else []
    if not sets:
        raise DataError(f"{root}: no folder in it holds CSV files of trials (one folder an image set)")
    return {
        path.name: read_trials(path, categories=categories, image_name=image_name, columns=columns, no_choice=no_choice)
        for path in sets
    }


def read_trials(
    path: str | Path | Sequence[str | Path],
    *,
    name: str | None = None,
    categories: Sequence[str] | None = None,
    image_name: Callable[[str], str] = short_image_name,
    columns: Mapping[str, str] | None = None,
    no_choice: str = _NONE,
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
    columns : mapping of str to str, optional
        Other names of columns, for any key of :data:`COLUMNS`; ``""`` for a session, trial, rt or condition that the
        files do not have. Further keys (``distractor``, ``texture`` ...) name further columns, which are kept as
        ``Trials.extra``.
    no_choice : str
        What stands in the column of choices where none was made, in any case.

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
    wanted = _wanted(columns or {})
    cells: dict[str, list[str]] = {key: [] for key in wanted}
    places: list[tuple[Path, int]] = []
    for file in files:
        _read(file, wanted, cells, places)
    if not places:
        raise DataError(f"{files[0]}: holds no trial")
    title = name if name is not None else (Path(files[0]).parent.name or Path(files[0]).stem)
    return _build(title, _Cells(wanted, cells, places), categories, image_name, no_choice)


def _wanted(changed: Mapping[str, str]) -> dict[str, str]:
    """Column in lower case of everything that is to be read."""
    named = {key: column.strip().lower() for key, column in {**COLUMNS, **changed}.items()}
    lacking = [key for key, column in named.items() if not column and key in COLUMNS and key not in _OPTIONAL]
    if lacking:
        raise DataError(f"trials: say which column holds the {lacking[0]}: trials cannot do without")
    return {key: column for key, column in named.items() if column}


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


@dataclass(frozen=True, slots=True)
class _Cells:
    """Text of every trial, and the columns and rows that it stood in, for messages."""

    columns: dict[str, str]
    text: dict[str, list[str]]
    places: list[tuple[Path, int]]

    def place(self, at: int) -> str:
        file, row = self.places[at]
        return f"{file}, row {row}"

    def stripped(self, key: str, otherwise: str) -> list[str]:
        if key not in self.text:
            return [otherwise] * len(self.places)
        return [cell.strip() for cell in self.text[key]]


def _read(file: Path, wanted: Mapping[str, str], cells: dict[str, list[str]], places: list[tuple[Path, int]]) -> None:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = [cell.strip().lower() for cell in next(reader, [])]
            _check_header(file, header, list(wanted.values()))
            order = [header.index(column) for column in wanted.values()]
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
    by_column = list(zip(*rows, strict=True)) if rows else [()] * width
    for key, position in zip(wanted, order, strict=True):
        cells[key].extend(by_column[position])


def _check_header(file: Path, header: list[str], wanted: Sequence[str]) -> None:
    missing = [column for column in wanted if column not in header]
    if missing:
        raise DataError(f"{file}: no column {', '.join(missing)}; the first row holds {', '.join(header) or 'nothing'}")
    twice = sorted({column for column in header if column in wanted and header.count(column) > 1})
    if twice:
        raise DataError(f"{file}: column {', '.join(twice)} stands there twice")


def _build(
    name: str,
    cells: _Cells,
    categories: Sequence[str] | None,
    image_name: Callable[[str], str],
    no_choice: str,
) -> Trials:
    text = {key: cells.stripped(key, "") for key in cells.columns}
    none = no_choice.strip().lower()
    for key, column in cells.columns.items():
        if "" in text[key] and key in COLUMNS and key != "rt" and (key != "choice" or none):
            raise DataError(f"{cells.place(text[key].index(''))}: {column} is empty")
    responses = [none if cell.lower() == none else cell for cell in text["choice"]]
    shown = sorted(set(text["category"]))
    if none in {cell.lower() for cell in shown}:
        at = next(k for k, cell in enumerate(text["category"]) if cell.lower() == none)
        raise DataError(f"{cells.place(at)}: category is '{no_choice}', but every image must have a true category")
    allowed = sorted(set(categories)) if categories is not None else shown
    code = {category: k for k, category in enumerate(allowed)} | {none: NO_CHOICE}
    for key, values in (("category", text["category"]), ("choice", responses)):
        unknown = {cell for cell in values if cell not in code}
        if unknown:
            at = next(k for k, cell in enumerate(values) if cell in unknown)
            raise DataError(
                f"{cells.place(at)}: {cells.columns[key]} is {values[at]!r}, which is none of {', '.join(allowed)}: "
                "pass the categories that may be chosen as categories"
            )
    short = {cell: image_name(cell) for cell in set(text["image"])}
    subjects, subject = _coded(text["subject"])
    conditions, condition = _coded(cells.stripped("condition", ""))
    images, image = _coded([short[cell] for cell in text["image"]])
    response = np.array([code[cell] for cell in responses], dtype=np.intp)
    session, trial = _whole("session", cells), _whole("trial", cells)
    if "trial" in text:
        _refuse_repeated(subject, session, trial, cells, subjects)
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
        rt=_reaction_times(cells, response),
        image_name=tuple(text["image"]),
        extra={key: tuple(text[key]) for key in text if key not in COLUMNS},
    )


def _coded(cells: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    names = sorted(set(cells))
    code = {name: k for k, name in enumerate(names)}
    return tuple(names), np.array([code[cell] for cell in cells], dtype=np.intp)


def _whole(key: str, cells: _Cells) -> NDArray[np.intp]:
    text = cells.stripped(key, "0")
    try:
        return np.array([int(cell) for cell in text], dtype=np.intp)
    except ValueError:
        at = next(k for k, cell in enumerate(text) if not _is_whole(cell))
        raise DataError(
            f"{cells.place(at)}: {cells.columns[key]} is {text[at]!r}, but must be a whole number"
        ) from None


def _is_whole(cell: str) -> bool:
    try:
        int(cell)
    except ValueError:
        return False
    return True


def _reaction_times(cells: _Cells, response: NDArray[np.intp]) -> NDArray[np.float64]:
    times = np.full(len(response), np.nan)
    if "rt" not in cells.columns:
        return times
    column, lacking = cells.columns["rt"], {"", "nan", _NONE}
    text = cells.stripped("rt", "")
    for k, cell in enumerate(text):
        if cell.lower() in lacking:
            continue
        try:
            times[k] = float(cell)
        except ValueError:
            raise DataError(f"{cells.place(k)}: {column} is {cell!r}, but must be seconds") from None
    bad = np.flatnonzero(np.isinf(times) | (times < 0))
    if bad.size:
        at = int(bad[0])
        raise DataError(f"{cells.place(at)}: {column} is {text[at]!r}, but must be seconds, not negative")
    chosen = np.flatnonzero(np.isnan(times) & (response != NO_CHOICE))
    if chosen.size:
        raise DataError(f"{cells.place(int(chosen[0]))}: a choice without a reaction time ({column})")
    return times


def _refuse_repeated(
    subject: NDArray[np.intp],
    session: NDArray[np.intp],
    trial: NDArray[np.intp],
    cells: _Cells,
    subjects: Sequence[str],
) -> None:
    order = np.lexsort((trial, session, subject))
    same = (np.diff(subject[order]) == 0) & (np.diff(session[order]) == 0) & (np.diff(trial[order]) == 0)
    if same.any():
        k = int(np.flatnonzero(same)[0])
        first, second = sorted((int(order[k]), int(order[k + 1])))
        raise DataError(
            f"{cells.place(second)}: trial {trial[second]} of session {session[second]} of subject "
            f"{subjects[subject[second]]!r} stands already in {cells.place(first)}"
        )
