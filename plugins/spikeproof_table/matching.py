"""Which image is which stimulus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from spikeproof.errors import DataError
from spikeproof.pictures import Catalogue

from .block import listed

__all__ = ["Matched", "match_by_name", "match_by_order"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Images of the stimuli.

    Parameters
    ----------
    rows : tuple of int
        Row of the catalogue for each stimulus.
    notes : tuple of str
    """

    rows: tuple[int, ...]
    notes: tuple[str, ...]


_RULES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", lambda name: name),
    ("without their endings", lambda name: PurePosixPath(name).with_suffix("").as_posix()),
    ("without their folders", lambda name: PurePosixPath(name).name),
    ("without folders and endings", lambda name: PurePosixPath(name).stem),
)
"""How an image's path becomes a stimulus's name; the first that names all of them is taken."""


def match_by_name(catalogue: Catalogue, names: Sequence[str], images: str, where: str, said: str = "") -> Matched:
    """Find the image that is called as each stimulus.

    Parameters
    ----------
    catalogue : Catalogue
    names : sequence of str
        Different stimuli, or the file names that a table gives for them.
    images : str
        The option's value, for messages.
    where : str
    said : str
        Which column gave the names, for the notes; empty for the stimuli's own names.

    Raises
    ------
    DataError
        If a stimulus has no image, or several; both numbers and some names are given.
    """
    best: list[str] = list(names)
    twice = ""
    for rule, shorten in _RULES:
        place: dict[str, int] = {}
        again: dict[str, str] = {}
        for row, image in enumerate(catalogue.ids):
            if place.setdefault(shorten(image), row) != row:
                again[shorten(image)] = image
        missing = [name for name in names if name not in place]
        doubtful = [name for name in names if name in again]
        if not missing and not doubtful:
            notes = []
            how = " ".join(filter(None, (rule and f"by the images' names {rule}", said and f"by column {said}")))
            if how:
                notes.append(f"images were matched {how}")
            extra = len(catalogue) - len({place[name] for name in names})
            if extra:
                notes.append(f"{extra} of {len(catalogue)} images in {images} were never shown and are left out")
            return Matched(rows=tuple(place[name] for name in names), notes=tuple(notes))
        if not missing:
            first = doubtful[0]
            twice = f"; {first!r} would be {catalogue.ids[place[first]]!r} or {again[first]!r}"
        best = min(best, missing, key=len)
    raise DataError(
        f"{where}: {len(best) or len(names)} of {len(names)} stimuli have no image of their name among the "
        f"{len(catalogue)} of {images}: {listed(list(map(repr, best or names)), 3)}; images there are called "
        f"{listed(list(map(repr, catalogue.ids)), 2)}{twice}. Rename the images, or name the stimuli's column with "
        "stimulus"
    )


def match_by_order(catalogue: Catalogue, count: int, images: str, where: str, *, chosen: bool) -> Matched:
    """Take image k for stimulus k.

    Parameters
    ----------
    catalogue : Catalogue
    count : int
        Number of stimuli of the responses.
    images : str
        The option's value, for messages.
    where : str
    chosen : bool
        Whether the user said which order holds.

    Raises
    ------
    DataError
        If there are not as many images as stimuli, or if natural and sorted order differ and none was chosen.
    """
    if len(catalogue) != count:
        raise DataError(
            f"{where}: the responses have {count} stimuli, but {images} holds {len(catalogue)} images: the responses "
            "do not name their stimuli, so image k must be stimulus k. Give the images that were shown, or name the "
            "stimuli (a table of stimuli: stimuli = FILE.csv)"
        )
    if catalogue.orders_differ and not chosen:
        raise DataError(
            f"{where}: the responses do not name their stimuli, and the images of {images} have two orders: "
            f"{catalogue.orders_differ}. Say which one the responses follow: order = 'natural' or 'sorted'"
        )
    both = "" if catalogue.orders_differ or catalogue.order == "stored" else " (natural and sorted order are the same)"
    how = "as stored" if catalogue.order == "stored" else f"in {catalogue.order} order of their names{both}"
    note = f"image k of {images} is stimulus k of the responses: images stand {how}"
    return Matched(rows=tuple(range(count)), notes=(note,))
