"""What ``inspect`` says of images: how many, of which sizes and categories, in which order."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from spikeproof.pictures import Catalogue, natural
from spikeproof.types import Inspection, InspectionTable, source_options

if TYPE_CHECKING:
    from .source import Images

__all__ = ["inspect_images"]

_MOST = 20
"""Rows of a table that a person is shown."""


def inspect_images(source: Images, catalogue: Catalogue, rows: Sequence[int], where: str) -> Inspection:
    """Describe the images that a study would take.

    Parameters
    ----------
    source : Images
    catalogue : Catalogue
        All images.
    rows : sequence of int
        Those that are taken.
    where : str
        The source as the user gave it.
    """
    sizes = Counter(catalogue.sizes[row] for row in rows)
    tables = [
        InspectionTable(
            title="Sizes",
            columns=("y (pixels)", "x (pixels)", "images"),
            rows=tuple((str(y), str(x), str(count)) for (y, x), count in sorted(sizes.items())),
            most=_MOST,
        )
    ]
    if catalogue.categories is not None:
        counts = Counter(catalogue.categories[row] for row in rows)
        tables.append(
            InspectionTable(
                title="Categories",
                columns=("category", "images"),
                rows=tuple((name, str(counts[name])) for name in sorted(counts, key=natural)),
                most=_MOST,
            )
        )
    cannot = ["recorded responses: these are images only; another source or a model must give the responses"]
    if catalogue.categories is None:
        cannot.append("a fitted readout: there are no categories (a network's own head still gives choices)")
    ready = source
    if len(sizes) > 1 and source.size is None:
        smallest = min(min(size) for size in sizes)
        cannot.append(f"anything, before one size is chosen: images have {len(sizes)} sizes; give size = {smallest}")
        ready = replace(source, size=smallest)
    taken = f"{len(rows)} of {len(catalogue)}" if len(rows) < len(catalogue) else str(len(rows))
    return Inspection(
        title=where,
        facts=(
            *catalogue.facts,
            ("images", taken),
            ("names", f"{catalogue.ids[rows[0]]} to {catalogue.ids[rows[-1]]}"),
            ("order", _order(catalogue)),
            ("categories", "none" if catalogue.categories is None else str(len(counts))),
            ("channels", " and ".join(map(str, sorted({catalogue.channels[row] for row in rows})))),
            *(("note", note) for note in catalogue.notes),
        ),
        tables=tuple(tables),
        can=("attacks on a network's units, population and choices, at every scale",),
        cannot=tuple(cannot),
        run=(
            f"spikeproof run --source {shlex.quote(where)} {shlex.join(source_options(ready))}".rstrip()
            + " --model torch:FILE.py:NAME --layer LAYER --units 20 --readout head --norm l2 --epsilons 0.5,1 "
            "--aims unit,population,behavior --stimuli 100 --attack pgd --metric sensitivity --metric cross-scale "
            "--out results"
        ),
    )


def _order(catalogue: Catalogue) -> str:
    if catalogue.order == "stored":
        return "as stored"
    other = "sorted" if catalogue.order == "natural" else "natural"
    return f"{catalogue.order}; {other} order {'differs' if catalogue.orders_differ else 'is the same'}"
