"""Image files by their names: which there are, in which order, of which category; and a folder of them."""

from __future__ import annotations

import hashlib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from spikeproof.errors import DataError

from .catalogue import Catalogue, Order, Raw, natural
from .decode import SUFFIXES, read_header, stored_pixels

__all__ = ["Found", "catalogue_files", "catalogue_folder", "find_images", "hidden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Names of image files in their order, and what is to be said of them.

    Parameters
    ----------
    names : tuple of str
        Relative paths with forward slashes.
    notes : tuple of str
    order : {"natural", "sorted"}
    orders_differ : str
        See :class:`Catalogue`.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]
    order: Order
    orders_differ: str


def catalogue_folder(folder: Path, where: str, *, order: Order = "natural") -> Catalogue:
    """List the images of a folder and read every file's header.

    Parameters
    ----------
    folder : pathlib.Path
        Flat, or with a folder per category.
    where : str
        The source as the user gave it, for messages.
    order : {"natural", "sorted"}

    Raises
    ------
    DataError
        If there is no image, images stand at several depths, or a header cannot be read (the file is named).
    """
    entries = list(folder.rglob("*"))
    found = find_images(
        [path.relative_to(folder).as_posix() for path in entries if not path.is_dir()],
        [path.relative_to(folder).as_posix() for path in entries if path.is_dir()],
        where,
        order=order,
        container="folder",
        inside=lambda name: (folder / name).as_posix(),
    )

    def digest(rows: Sequence[int]) -> str:
        # The manifest that `sha256sum` would print for these files: easy to check by hand.
        manifest = hashlib.sha256()
        for row in rows:
            with (folder / found.names[row]).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            manifest.update(f"{digest}  {found.names[row]}\n".encode())
        return manifest.hexdigest()

    return catalogue_files(
        found,
        lambda row: (folder / found.names[row]).open("rb"),
        where,
        digest=digest,
        kind="folder of image files",
    )


def catalogue_files(
    found: Found,
    opened: Callable[[int], AbstractContextManager[IO[bytes]]],
    where: str,
    *,
    digest: Callable[[Sequence[int]], str],
    kind: str,
) -> Catalogue:
    """Read the header of every image file that was found.

    Parameters
    ----------
    found : Found
    opened : callable
        Row number to the file, opened for reading.
    where : str
    digest : callable
        See :class:`Catalogue`.
    kind : str
        What the container is, for ``inspect``.
    """
    ids, notes = found.names, list(found.notes)
    headers = []
    for row, name in enumerate(ids):
        with _open(opened, row, name, where) as file:
            headers.append(read_header(file, name, where))
    turned = [name for name, header in zip(ids, headers, strict=True) if header.turned]
    if turned:
        notes.append(
            f"{len(turned)} images carry a camera's orientation tag (first {turned[0]}): pixels are used as stored, "
            "not turned"
        )
    modes = {header.mode for header in headers}
    odd = sorted(modes & {"CMYK", "YCbCr", "P", "PA"})
    if odd:
        notes.append(f"images stored as {', '.join(odd)} were converted to RGB by Pillow, without colour management")

    def read(row: int) -> Raw:
        with _open(opened, row, ids[row], where) as file:
            return stored_pixels(file, ids[row], where)

    return Catalogue(
        ids=ids,
        categories=tuple(PurePosixPath(name).parent.name for name in ids) if "/" in ids[0] else None,
        sizes=tuple(header.size for header in headers),
        channels=tuple(header.channels for header in headers),
        read=read,
        digest=digest,
        notes=tuple(notes),
        facts=(("kind", kind), ("stored as", ", ".join(sorted(modes)))),
        order=found.order,
        orders_differ=found.orders_differ,
    )


def _open(
    opened: Callable[[int], AbstractContextManager[IO[bytes]]], row: int, name: str, where: str
) -> AbstractContextManager[IO[bytes]]:
    try:
        return opened(row)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{where}: {name!r} cannot be opened ({error}): it was listed; is the file damaged, or was it removed?"
        ) from error


def find_images(
    files: Sequence[str],
    folders: Iterable[str],
    where: str,
    *,
    order: Order,
    container: str,
    inside: Callable[[str], str],
) -> Found:
    """Choose the image files among all files of a container, and put them in order.

    Parameters
    ----------
    files, folders : sequence of str
        Relative paths with forward slashes.
    where : str
        The source as the user gave it, for messages.
    order : {"natural", "sorted"}
        Natural order compares folder by folder, sorted order the whole path as text.
    container : str
        What the container is called in messages: ``"folder"`` or ``"zip file"``.
    inside : callable
        A relative path to what a user would write to name it.

    Raises
    ------
    DataError
        If there is no image, or images stand at several depths or deeper than one folder.
    """
    images = [name for name in files if PurePosixPath(name).suffix.lower() in SUFFIXES and not hidden(name)]
    chosen = set(images)
    others = [name for name in files if name not in chosen]
    if not images:
        held = ", which holds no files"
        if others:
            held = f"; it holds {others[0]!r}" + (f" and {len(others) - 1} more files" if len(others) > 1 else "")
        raise DataError(
            f"{where}: no images in this {container}{held}. "
            f"Give a {container} with a folder per category, or with image files ({', '.join(sorted(SUFFIXES))})"
        )
    naturally = sorted(images, key=_natural_path)
    plainly = sorted(images)
    differ = _first_difference(naturally, plainly)
    names = naturally if order == "natural" else plainly
    categorised = _check_depths(names, where, inside)
    notes = []
    if others:
        notes.append(_left_out(others, len(files)))
    if categorised:
        filled = {str(PurePosixPath(name).parent) for name in names}
        empty = sorted(
            (name for name in folders if name not in filled and "/" not in name and not name.startswith((".", "__"))),
            key=natural,
        )
        if empty:
            notes.append(f"{len(empty)} folders hold no images and make no category ({', '.join(empty[:5])})")
    if differ:
        notes.append(f"images stand in {order} order; {differ}")
    return Found(names=tuple(names), notes=tuple(notes), order=order, orders_differ=differ)


def hidden(name: str) -> bool:
    """Whether a name is of a hidden file, or of what macOS adds to zip files."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _natural_path(name: str) -> tuple[object, ...]:
    return tuple(natural(part) for part in name.split("/"))


def _first_difference(naturally: Sequence[str], plainly: Sequence[str]) -> str:
    for number, (one, other) in enumerate(zip(naturally, plainly, strict=True)):
        if one != other:
            return f"in natural order number {number} is {one!r}, in sorted order {other!r}"
    return ""


def _left_out(others: Sequence[str], total: int) -> str:
    first = min(others, key=_natural_path)
    unseen = sum(map(hidden, others))
    endings = Counter(PurePosixPath(name).suffix or PurePosixPath(name).name for name in others if not hidden(name))
    kinds = [f"{count} {ending}" for ending, count in endings.most_common(3)]
    if len(endings) > len(kinds):
        kinds.append(f"{endings.total() - sum(count for _, count in endings.most_common(3))} of other kinds")
    if unseen:
        kinds.insert(0, f"{unseen} hidden or of macOS")
    return f"left out, not images: {len(others)} of {total} files, first {first} ({', '.join(kinds)})"


def _check_depths(names: Sequence[str], where: str, inside: Callable[[str], str]) -> bool:
    """Whether images stand in folders of categories; refuses mixtures and deeper trees."""
    depths = {name.count("/"): name for name in reversed(names)}
    if max(depths) > 1:
        deep = depths[max(depths)]
        above = inside(PurePosixPath(deep).parent.parent.as_posix())
        raise DataError(
            f"{where}: {deep!r} stands {max(depths)} folders deep; images must stand in a "
            f"folder per category, one level down. Give the folder above the categories, such as {above!r}"
        )
    if len(depths) == 2:
        raise DataError(
            f"{where}: {depths[0]!r} stands beside category folders ({depths[1]!r}): which category is it? "
            "Move it into a folder of its category"
        )
    return max(depths) == 1
