"""The archive that a page of the documentation is read beside.

It holds dandiset 000001: a published version with two sessions of the demo's recording, and a draft with a third file.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
from archive import LocalArchive

MARK = "<!-- archive -->"
VERSION = "0.250314.1530"


@contextmanager
def served(page: Path, folder: Path) -> Iterator[Mapping[str, str]]:
    """Serve the archive while the block runs, if the page asks for it; give the variables that name it and a cache."""
    if MARK not in page.read_text(encoding="utf-8"):
        yield {}
        return
    first = folder / "spikeproof-demo" / "inputs" / "recording.nwb"
    second = folder / "second.nwb"
    shutil.copy(first, second)
    with h5py.File(second, "a") as file:
        other = {"identifier": "demo-2", "general/session_id": "2", "general/subject/subject_id": "second"}
        for name, value in other.items():
            if name in file:
                del file[name]
                file[name] = value
    with LocalArchive() as archive:
        files = {"sub-1/sub-1_ses-1.nwb": first, "sub-2/sub-2_ses-1.nwb": second}
        archive.add("000001", VERSION, files)
        archive.add("000001", "draft", {**files, "sub-2/sub-2_ses-2.nwb": second})
        archive.add("000002", "draft", {"sub-1/sub-1_ses-1.nwb": first}, embargoed=True)
        yield {"DANDI_INSTANCE": archive.url, "SPIKEPROOF_CACHE": str(folder / "cache")}
