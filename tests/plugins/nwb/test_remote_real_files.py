"""Every real file says the same through a URL as it does on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from archive import LocalArchive
from spikeproof.errors import SpikeproofError
from spikeproof_nwb.place import LocalPlace, Place
from spikeproof_nwb.reading import Reading, load_recording
from spikeproof_nwb.remote.place import RemotePlace

LOADS: dict[str, Reading] = {
    "dandi000207_human_sub-4_ses-4_ecephys+image.nwb": Reading(table="recognition_table", stimulus="frameName"),
    "images_indexseries_units.nwb": Reading(),
    "units_in_processing_intervals_in_acquisition.nwb": Reading(stimulus="row"),
    "ophys_roiresponse_stim.nwb": Reading(stimulus="row"),
    "linked_main_target_missing.nwb": Reading(stimulus="row"),
}
REFUSED = ("human_index_beyond_data.nwb", "not_hdf5.nwb", "human_truncated_file.nwb")


@pytest.fixture(scope="module")
def archive() -> Iterator[LocalArchive]:
    with LocalArchive() as archive:
        yield archive


def both(archive: LocalArchive, shared: Path, name: str) -> tuple[Place, Place]:
    path = shared / "data" / "nwb" / name
    (asset,) = archive.add("000001", "draft", {name: path})
    assert asset.blob is not None
    there = RemotePlace(
        label="x.nwb",
        source="x.nwb",
        size=asset.size,
        keys=(f"sha256-{asset.blob.sha256}",),
        etag=asset.blob.etag,
        resolve=lambda: (archive.signed(asset), {}),
        folder=None,
    )
    return LocalPlace(path=path, label="x.nwb", source="x.nwb"), there


@pytest.mark.parametrize("name", LOADS)
def test_real_file_loads_the_same_through_a_url(archive: LocalArchive, shared: Path, name: str) -> None:
    here, there = (load_recording(place, LOADS[name]) for place in both(archive, shared, name))
    assert there.responses.identical(here.responses)
    assert there.identity == here.identity
    assert (here.stimuli is None) == (there.stimuli is None)
    if here.stimuli is not None and there.stimuli is not None:
        assert here.stimuli.ids == there.stimuli.ids
        assert np.array_equal(here.stimuli.images(here.stimuli.ids[:3]), there.stimuli.images(here.stimuli.ids[:3]))


@pytest.mark.parametrize("name", REFUSED)
def test_real_file_that_is_refused_is_refused_through_a_url(archive: LocalArchive, shared: Path, name: str) -> None:
    for place in both(archive, shared, name):
        with pytest.raises(SpikeproofError, match=r"x\.nwb|\.nwb"):
            load_recording(place, Reading())
