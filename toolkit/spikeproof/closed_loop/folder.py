"""The folder that ``spikeproof stimuli`` writes: claimed and resumed like a result's, sealed by its manifest."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spikeproof.errors import ResultError
from spikeproof.result import ResultFolder

from .manifest import CSV, IMAGES, ORDER, SEAL, TEMPLATES, Manifest, csv_text, read_manifest, seal_of
from .templates import write_templates

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["StimuliFolder"]

_PARTIAL = ".partial"


class StimuliFolder(ResultFolder):
    """The folder of one round of images."""

    @property
    def complete(self) -> bool:
        """Whether the manifest was sealed."""
        return self.read_provenance().get("status") == "complete" and (self.path / SEAL).is_file()

    def drop_blocks(self) -> None:
        """Remove the finished parts of the work."""
        shutil.rmtree(self.path / "blocks", ignore_errors=True)

    def write_image(self, name: str, content: bytes) -> None:
        """Write one PNG file."""
        folder = self.path / IMAGES
        folder.mkdir(exist_ok=True)
        partial = folder / f"{name}.{uuid.uuid4().hex}{_PARTIAL}"
        try:
            partial.write_bytes(content)
            partial.replace(folder / f"{name}.png")
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ResultError(f"{folder / name}.png: cannot be written: {error.strerror or error}") from None

    def seal(
        self,
        rows: Sequence[Mapping[str, str]],
        order: NDArray[np.intp],
        about: Mapping[str, Any],
        provenance: Mapping[str, Any],
    ) -> Manifest:
        """Write order, manifest and templates, then the seal that makes the folder whole; drop the blocks."""
        names = [row["image"] for row in rows]
        shown = [
            {"presentation": str(number), "block": str(block), "position": str(position), "image": names[image]}
            for number, (block, position, image) in enumerate(
                (block, position, image)
                for block, one in enumerate(order.tolist())
                for position, image in enumerate(one)
            )
        ]
        text = csv_text(shown, ("presentation", "block", "position", "image"))
        self._write(ORDER, text.encode())
        self._write(CSV, csv_text(rows).encode())
        partial = self.path / f"{uuid.uuid4().hex}{_PARTIAL}.nwb"  # pynwb wants the ending
        bare = Manifest(folder=self.path, rows=tuple(rows), about=about)
        write_templates(partial, bare, order=_named(order, names))
        partial.replace(self.path / TEMPLATES)
        self.write_provenance(provenance)
        self._write(SEAL, (json.dumps(seal_of(rows, text, about), indent=1, ensure_ascii=False) + "\n").encode())
        self.drop_blocks()
        for pattern in (f"*{_PARTIAL}", f"{IMAGES}/*{_PARTIAL}", f"*{_PARTIAL}.nwb"):
            for leftover in self.path.glob(pattern):
                leftover.unlink()
        return read_manifest(self.path)


def _named(order: NDArray[np.intp], names: Sequence[str]) -> NDArray[np.str_]:
    import numpy as np

    return np.asarray(names, dtype=str)[order]
