"""Names and writes every image of a round, and the rows of its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .manifest import FIELDS
from .pngs import png_bytes
from .rounding import to_levels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikeproof.pipeline.ledger import Ledger
    from spikeproof.stimuli import StimulusSet

    from .folder import StimuliFolder

__all__ = ["tag_of", "write_images"]


def tag_of(fingerprint: Mapping[str, str]) -> str:
    """How the names of these images begin: other studies and rounds have other names."""
    return hashlib.sha256(json.dumps(dict(fingerprint), sort_keys=True).encode()).hexdigest()[:8]


def write_images(
    folder: StimuliFolder,
    blocks: Sequence[str],
    stimuli: StimulusSet,
    categories: Mapping[str, str],
    tag: str,
    round_name: str,
    factor: int,
    ledger: Ledger,
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Name and write every image, clean ones first.

    Parameters
    ----------
    folder : StimuliFolder
    blocks : sequence of str
        Names of the finished targets, in the order of their images.
    stimuli : StimulusSet
    categories : mapping of str to str
        Category of each stimulus, where there are any.
    tag : str
        How the names of the images begin.
    round_name : str
        Which round of the experiment this is.
    factor : int
        Pixels of the display, along one side, for each pixel of an image.
    ledger : Ledger

    Returns
    -------
    rows : list of dict
        Of the manifest, in the order of the images.
    refused : list of dict
        What is not made, and why.
    """
    fields = [field.name for field in FIELDS]
    refused: list[dict[str, str]] = []
    used: set[str] = set()
    items: dict[str, int] = {}
    for name in blocks:  # one block is held at a time, here and below
        block = folder.read_block(name).to_dataset()
        if "what" in block:
            pairs = zip(block["what"].values.tolist(), block["reason"].values.tolist(), strict=True)
            refused += [{"what": str(what), "reason": str(reason)} for what, reason in pairs]
        if "levels" in block:
            used |= set(block["clean_stimulus_id"].values.tolist())
            items[name] = block.sizes["item"]
    clean = [name for name in stimuli.ids if name in used]
    rows: list[dict[str, str]] = []

    def write(levels: NDArray[np.uint8], row: Mapping[str, str]) -> None:
        name = f"{tag}-{len(rows):05d}"
        content = png_bytes(levels, factor)
        folder.write_image(name, content)
        known = {"image": name, "study": tag, "sha256": hashlib.sha256(content).hexdigest()}
        whole = {**dict.fromkeys(fields, ""), **row, **known}
        rows.append({field: whole[field] for field in fields})
        ledger.progress.advance()

    ledger.progress.start("writing images", len(clean) + sum(items.values()))
    for start in range(0, len(clean), 64):
        names = clean[start : start + 64]
        for name, levels in zip(names, to_levels(stimuli.images(names)), strict=True):
            category = categories.get(name, "")
            write(
                levels,
                {
                    "kind": "clean",
                    "clean_stimulus_id": name,
                    "category": category,
                    "epsilon": "0.0",
                    "round": round_name,
                },
            )
    for name in items:
        block = folder.read_block(name).to_dataset()
        columns = {name: block[name].values.tolist() for name in fields if name in block}
        for item, levels in enumerate(block["levels"].values):
            write(levels, {name: str(values[item]) for name, values in columns.items()})
    ledger.progress.finish()
    return rows, refused
