"""The source ``images:PATH``: a folder, a zip file or an npz file as a stimulus set."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from spikeproof.errors import BadParameter
from spikeproof.pictures import Catalogue, Layout, Order, open_pictures, stimulus_set
from spikeproof.types import Inspection, Recording

__all__ = ["Images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Images without responses: stimuli for attacks on networks.

    ``stimulus_id`` is the path relative to the folder or inside the zip file (``"cat/img9.png"``), or for npz the row
    number (``"00012"``) unless the file has ``ids``; ``category`` is the folder's name, or the label as text
    (``names[label]`` where the npz file has ``names``). Files are decoded when they are read, one at a time; an npz
    file's array stays in memory as stored.
    """

    target: Annotated[str, "Folder or zip file with a folder per category, or flat; or npz file with x (and y)."] = ""
    size: Annotated[
        int | None, "Pixels: scale each image's short side to this and cut the central square out; unset: as stored."
    ] = None
    grayscale: Annotated[bool, "Turn colours into luma (ITU-R BT.601), one channel."] = False
    limit: Annotated[int | None, "At most this many images, taken in turn from each category, kept in order."] = None
    order: Annotated[
        Order, "Order of files by name: numbers in names count as numbers (img9 before img10), or as plain text."
    ] = "natural"
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
        columns = {} if catalogue.categories is None else {"category": [catalogue.categories[row] for row in rows]}
        table = pd.DataFrame(
            columns, index=pd.Index([catalogue.ids[row] for row in rows], name="stimulus_id", dtype=str)
        )
        stimuli, changed = stimulus_set(catalogue, rows, table, self._where, size=self.size, grayscale=self.grayscale)
        return Recording(
            stimuli=stimuli,
            identity={"source": self._where, "digest": catalogue.digest(rows)},
            notes=(*notes, *changed),
        )

    def inspect(self) -> Inspection:
        """Describe what is there and suggest what to run."""
        from .inspecting import inspect_images

        catalogue = self._catalogue()
        return inspect_images(self, catalogue, _in_turn(catalogue, self.limit), self._where)

    @property
    def _where(self) -> str:
        return f"images:{self.target}"

    def _catalogue(self) -> Catalogue:
        if not self.target:
            raise BadParameter(
                "images: say where the images are, as in images:FOLDER, images:FILE.zip or images:FILE.npz"
            )
        return open_pictures(Path(self.target).expanduser(), self._where, order=self.order, layout=self.layout)


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
