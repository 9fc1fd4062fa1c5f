"""A path to images, whatever kind of container it names."""

from __future__ import annotations

from pathlib import Path

from spikeproof.errors import DataError

from .catalogue import Catalogue, Order, near_paths
from .files import catalogue_folder
from .npz import Layout, catalogue_npz
from .zipped import catalogue_zip

__all__ = ["open_pictures"]


def open_pictures(path: Path, where: str, *, order: Order = "natural", layout: Layout = "auto") -> Catalogue:
    """List the images of a folder, a zip file (or a folder inside one: ``images.zip/train``) or an npz file.

    Parameters
    ----------
    path : pathlib.Path
    where : str
        The source as the user gave it, for messages.
    order : {"natural", "sorted"}
        Order of files by their names; an npz file keeps its own.
    layout : {"auto", "yx-channel", "channel-yx"}
        Where the channels of an npz file's ``x`` stand.

    Raises
    ------
    DataError
        If there is nothing of that name (near names are given), or what is there cannot be read.
    """
    if path.is_dir():
        return catalogue_folder(path, where, order=order)
    if path.suffix.lower() == ".zip" and path.exists():
        return catalogue_zip(path, where, order=order)
    archive = next((parent for parent in path.parents if parent.suffix.lower() == ".zip" and parent.is_file()), None)
    if archive is not None:
        return catalogue_zip(archive, where, inside=path.relative_to(archive).as_posix(), order=order)
    if not path.exists():
        raise DataError(f"{where}: no such file or folder{near_paths(path)}")
    if path.suffix.lower() != ".npz":
        raise DataError(
            f"{where}: this is neither a folder nor an npz file nor a zip file. Give the folder or the zip file that "
            "holds the images, or save arrays with numpy.savez(path, x=images, y=labels)"
        )
    return catalogue_npz(path, where, layout)
