"""The source ``images:PATH``: a folder or an npz file as a stimulus set."""

from __future__ import annotations

import difflib
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import Inspection, InspectionTable, Recording, StimulusSet

from .catalogue import Catalogue, Raw, natural
from .folder import catalogue_folder
from .npz import Layout, catalogue_npz
from .pixels import prepare

__all__ = ["Images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Images without responses: stimuli for attacks on networks.

    ``stimulus_id`` is the path relative to the folder (``"cat/img9.png"``), or for npz the row number (``"00012"``)
    unless the file has ``ids``; ``category`` is the folder's name, or the label as text (``names[label]`` where the
    npz file has ``names``). Files are decoded when they are read, one at a time; an npz file's array stays in memory
    as stored.
    """

    target: Annotated[str, "Folder with a folder per category, flat folder of images, or npz file with x (and y)."] = ""
    size: Annotated[
        int | None, "Pixels: scale each image's short side to this and cut the central square out; unset: as stored."
    ] = None
    grayscale: Annotated[bool, "Turn colours into luma (ITU-R BT.601), one channel."] = False
    limit: Annotated[int | None, "At most this many images, taken in turn from each category, kept in order."] = None
    layout: Annotated[Layout, "Where the channels of an npz file's x stand, where its shape leaves it open."] = "auto"

    def __post_init__(self) -> None:
        for name in ("size", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BadParameter(f"images: {name} must be at least 1, got {value}")

    def load(self) -> Recording:
        """Read the table of stimuli; images stay lazy.

        Raises
        ------
        DataError
            If there are no images, or they cannot be trusted or put in one set (the image or array is named).
        """
        catalogue = self._catalogue()
        rows = _in_turn(catalogue, self.limit)
        notes = list(catalogue.notes)
        if len(rows) < len(catalogue.ids):
            turn = ", taken in turn from each category" if catalogue.categories is not None else ""
            notes.append(f"limit: the first {len(rows)} of {len(catalogue.ids)} images{turn}")
        shape = self._shape(catalogue, rows, notes)
        columns = {} if catalogue.categories is None else {"category": [catalogue.categories[row] for row in rows]}
        table = pd.DataFrame(
            columns, index=pd.Index([catalogue.ids[row] for row in rows], name="stimulus_id", dtype=str)
        )

        def read(wanted: Sequence[int]) -> NDArray[np.float32]:
            out = np.empty((len(wanted), *shape), dtype=np.float32)
            for position, row in enumerate(wanted):
                raw = catalogue.read(rows[row])
                out[position] = self._prepared(raw, shape, catalogue.ids[rows[row]])
            return out

        return Recording(
            stimuli=StimulusSet(table=table, shape=shape, read=read),
            identity={"source": self._where, "digest": catalogue.digest(rows)},
            notes=tuple(notes),
        )

    def inspect(self) -> Inspection:
        """Describe what is there and suggest what to run."""
        catalogue = self._catalogue()
        rows = _in_turn(catalogue, self.limit)
        sizes = Counter(catalogue.sizes[row] for row in rows)
        tables = [
            InspectionTable(
                title="Sizes",
                columns=("y (pixels)", "x (pixels)", "images"),
                rows=tuple((str(y), str(x), str(count)) for (y, x), count in sorted(sizes.items())),
            )
        ]
        if catalogue.categories is not None:
            counts = Counter(catalogue.categories[row] for row in rows)
            tables.append(
                InspectionTable(
                    title="Categories",
                    columns=("category", "images"),
                    rows=tuple((name, str(counts[name])) for name in sorted(counts, key=natural)),
                )
            )
        cannot = ["recorded responses: these are images only; another source or a model must give the responses"]
        if catalogue.categories is None:
            cannot.append("a fitted readout: there are no categories (a network's own head still gives choices)")
        option = ""
        if len(sizes) > 1 and self.size is None:
            smallest = min(min(size) for size in sizes)
            cannot.append(
                f"anything, before one size is chosen: images have {len(sizes)} sizes; give size = {smallest}"
            )
            option = f" --source.size {smallest}"
        colours = sorted({catalogue.channels[row] for row in rows})
        return Inspection(
            title=self._where,
            facts=(
                *catalogue.facts,
                ("images", str(len(rows))),
                ("channels", " and ".join(map(str, colours))),
                *(("note", note) for note in catalogue.notes),
            ),
            tables=tuple(tables),
            can=("attacks on a network's units, population and choices, at every scale",),
            cannot=tuple(cannot),
            run=(
                f"spikeproof run --source {shlex.quote(self._where)}{option} --model torch:FILE.py:NAME --layer LAYER "
                "--units 20 --readout head --norm l2 --epsilons 0.5,1 --aims unit,population,behavior --stimuli 100 "
                "--attack pgd --metric sensitivity --metric cross-scale --out results"
            ),
        )

    @property
    def _where(self) -> str:
        return f"images:{self.target}"

    def _catalogue(self) -> Catalogue:
        if not self.target:
            raise BadParameter("images: say where the images are, as in images:FOLDER or images:FILE.npz")
        path = Path(self.target).expanduser()
        if path.is_dir():
            return catalogue_folder(path, self._where)
        if not path.exists():
            raise DataError(f"{self._where}: no such file or folder{_near(path)}")
        if path.suffix.lower() != ".npz":
            raise DataError(
                f"{self._where}: this is neither a folder nor an npz file. Give the folder that holds the images, or "
                "save arrays with numpy.savez(path, x=images, y=labels)"
            )
        return catalogue_npz(path, self._where, self.layout)

    def _shape(self, catalogue: Catalogue, rows: Sequence[int], notes: list[str]) -> tuple[int, int, int]:
        """(channel, y, x) of the set; what has to be changed to reach it is noted, or refused."""
        channels = {catalogue.channels[row] for row in rows}
        if self.grayscale and 3 in channels:
            notes.append("colours were turned into luma (0.299 R + 0.587 G + 0.114 B)")
        elif len(channels) > 1:
            count = sum(catalogue.channels[row] == 1 for row in rows)
            notes.append(f"{count} of {len(rows)} images have one channel: it was repeated for red, green and blue")
        count_out = 1 if self.grayscale else max(channels)
        sizes: dict[tuple[int, int], list[str]] = {}
        for row in rows:
            sizes.setdefault(catalogue.sizes[row], []).append(catalogue.ids[row])
        if self.size is not None:
            changed = sum(len(names) for size, names in sizes.items() if size != (self.size, self.size))
            if changed:
                larger = sum(len(names) for size, names in sizes.items() if min(size) < self.size)
                enlarged = f"; {larger} of them were enlarged, their short side being smaller" if larger else ""
                notes.append(
                    f"{changed} of {len(rows)} images were scaled to a short side of {self.size} pixels (Pillow, "
                    f"antialiased bilinear) and cut to the central {self.size} x {self.size}{enlarged}"
                )
            return count_out, self.size, self.size
        if len(sizes) > 1:
            listed = sorted(sizes.items(), key=lambda item: -len(item[1]))
            shown = "; ".join(f"{y} x {x}: {len(names)} images, first {names[0]!r}" for (y, x), names in listed[:4])
            more = f"; and {len(listed) - 4} more sizes" if len(listed) > 4 else ""
            raise DataError(
                f"{self._where}: images have unequal sizes (y x x pixels): {shown}{more}. Give size = "
                f"{min(min(size) for size in sizes)} (or another) to scale and centre-crop them, or make them equal"
            )
        ((y, x),) = sizes
        return count_out, y, x

    def _prepared(self, raw: Raw, shape: tuple[int, int, int], name: str) -> NDArray[np.float32]:
        image = prepare(raw, size=self.size, channels=shape[0], grayscale=self.grayscale)
        if image.shape != shape:
            raise DataError(
                f"{self._where}: {name!r} is now {image.shape} (channel, y, x), not {shape}: "
                "the file changed since it was listed; start again"
            )
        return image


def _in_turn(catalogue: Catalogue, limit: int | None) -> tuple[int, ...]:
    """Rows that are kept: all, or the first ``limit`` when one is taken from each category in turn."""
    n = len(catalogue.ids)
    if limit is None or limit >= n:
        return tuple(range(n))
    if catalogue.categories is None:
        return tuple(range(limit))
    seen: Counter[str] = Counter()
    turns = []
    for row, category in enumerate(catalogue.categories):
        turns.append((seen[category], row))
        seen[category] += 1
    return tuple(sorted(row for _, row in sorted(turns)[:limit]))


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f": the folder {path.parent.as_posix()!r} does not exist either"
    beside = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    near = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.5)
    if near:
        return f". Did you mean {' or '.join(repr((path.parent / name).as_posix()) for name in near)}?"
    shown = sorted(beside, key=natural)[:5]
    return f". Beside it {'stand ' + ', '.join(shown) if shown else 'stands nothing'}"
