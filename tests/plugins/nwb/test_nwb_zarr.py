"""Zarr folders read as their HDF5 originals do, in both layouts of hdmf-zarr; damaged ones are refused by name."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pynwb
import pytest
import xarray as xr
from nwb_zarr import write_store
from pynwb.base import ImageReferences, Images
from pynwb.image import GrayscaleImage, ImageSeries, IndexSeries
from spikeproof.errors import DataError
from spikeproof_nwb.source import NWB
from spikeproof_nwb.zarr_store import ZarrPlace
from spikeproof_nwb.zarr_store.references import read_pickled

FRAMES = np.random.default_rng(4).integers(1, 256, (4, 3, 5)).astype(np.uint8)
TRIALS = {
    "start": (0.0, 1.0, 2.0),
    "stop": (1.0, 2.0, 3.0),
    "frame": (2, 0, -1),
    "kind": ("é", "b", "é"),
    "correct": (True, False, True),
}
UNITS = {"quality": ("good", "bad", "good"), "depth": (1.5, float("nan"), 3.0)}


def content(file: pynwb.NWBFile) -> None:
    """Electrodes with references to their group, images with an order, a chunked series, compound values."""
    device = file.create_device(name="probe")
    group = file.create_electrode_group(name="shank", description="d", location="V4", device=device)
    for _ in range(3):
        file.add_electrode(location="V4", group=group)
    images = [GrayscaleImage(name=f"i{number}", data=frame) for number, frame in enumerate(FRAMES)]
    order = ImageReferences(name="order_of_images", data=[images[number] for number in (3, 1, 0, 2)])
    pool = Images(name="pool", images=images, description="d", order_of_images=order)
    file.add_stimulus_template(pool)
    index = np.array([2, 0], np.uint32)
    times = [0.0, 1.0]
    file.add_stimulus(IndexSeries(name="shown", data=index, timestamps=times, unit="N/A", indexed_images=pool))
    data = pynwb.H5DataIO(np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7), chunks=(2, 3, 7))
    file.add_acquisition(ImageSeries(name="camera", data=data, unit="n.a.", rate=30.0))


def more(file: h5py.File) -> None:
    """References to an electrode group in each unit; compound values of numbers, and with references in them."""
    shank = file["general/extracellular_ephys/shank"].ref
    pixels = np.array([(1, 2, 0.5), (3, 4, 0.25), (5, 6, 1)], dtype=[("x", "<u4"), ("y", "<u4"), ("weight", "<f4")])
    refers = np.empty(3, dtype=[("idx_start", "<i4"), ("count", "<i4"), ("timeseries", h5py.ref_dtype)])
    refers["idx_start"], refers["count"], refers["timeseries"] = 1, 2, file["acquisition/camera"].ref
    columns = {
        "units/electrode_group": np.array([shank] * 3, dtype=h5py.ref_dtype),
        "intervals/trials/pixels": pixels,
        "intervals/trials/timeseries": refers,
    }
    said = {"namespace": "hdmf-common", "neurodata_type": "VectorData", "description": "d"}
    for path, data in columns.items():
        file.create_dataset(path, data=data)
        for name, value in (said | {"object_id": str(uuid.uuid4())}).items():
            file[path].attrs[name] = value


@pytest.fixture
def original(write_file: Callable[..., Path]) -> Path:
    return write_file("small.nwb", trials=TRIALS, unit_columns=UNITS, also=content, spoil=more)


@pytest.fixture(params=[2, 3])
def store(original: Path, request: pytest.FixtureRequest) -> Path:
    return write_store(original, original.with_name("small.nwb.zarr"), request.param)


@pytest.fixture
def store2(original: Path) -> Path:
    return write_store(original, original.with_name("small.nwb.zarr"), 2)


@pytest.fixture
def store3(original: Path) -> Path:
    return write_store(original, original.with_name("small.nwb.zarr"), 3)


def refusal(store: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        NWB(target=str(store), **options).load()
    return str(caught.value)


def opened(store: Path) -> Any:
    return ZarrPlace(path=store, label=str(store), source="nwb:x").opened()


def test_a_store_is_the_same_recording_as_its_original(original: Path, store: Path) -> None:
    there, here = NWB(target=str(original)).load(), NWB(target=str(store)).load()
    xr.testing.assert_identical(here.responses, there.responses)
    assert here.responses["kind"].values.tolist() == ["é", "b", "é"]
    assert here.responses["correct"].dtype == np.bool_
    assert here.responses["area"].values.tolist() == ["V4"] * 3
    np.testing.assert_array_equal(here.stimuli.images(), there.stimuli.images())
    np.testing.assert_array_equal(here.stimuli.images(["2"])[0, 0], FRAMES[0].astype(np.float32) / 255)
    by_link = NWB(target=str(store), images="shown").load()
    np.testing.assert_array_equal(by_link.stimuli.images(), there.stimuli.images())
    assert here.notes == there.notes
    different = {"source", "digest"}
    assert {key: value for key, value in here.identity.items() if key not in different} == {
        key: value for key, value in there.identity.items() if key not in different
    }
    assert here.identity["source"] == f"nwb:{store}"


def test_inspect_says_the_same_of_both(original: Path, store: Path) -> None:
    there, here = NWB(target=str(original)).inspect(), NWB(target=str(store)).inspect()
    assert here.facts == there.facts
    assert here.tables == there.tables
    assert here.cannot == there.cannot


def test_every_value_reads_as_from_hdf5(original: Path, store: Path) -> None:
    compared = []

    def compare(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not h5py.check_ref_dtype(item.dtype) and "timeseries" not in name:
            other = mirrored[name]
            assert other.shape == item.shape
            assert other.dtype.kind == item.dtype.kind
            np.testing.assert_array_equal(other[()], item[()], err_msg=name)
            if item.ndim == 3:
                np.testing.assert_array_equal(other[1:3, 0], item[1:3, 0])
                np.testing.assert_array_equal(other[-1], item[-1])
                np.testing.assert_array_equal(np.asarray(other), np.asarray(item))
                assert other.chunks == item.chunks
            compared.append(name)

    with h5py.File(original) as file, opened(store) as mirrored:
        file.visititems(compare)
        group = mirrored["general/extracellular_ephys/electrodes/group"]
        assert [mirrored[reference].name for reference in group[()]] == ["/general/extracellular_ephys/shank"] * 3
        target = mirrored[mirrored["units/spike_times_index"].attrs["target"]]
        assert target == mirrored["units/spike_times"]
        assert target[0] == 0.0
        assert mirrored["units/spike_times"].file["units/id"][1] == 1
        assert mirrored["units/spike_times"].parent["spike_times"][0] == 0.0
        with pytest.raises(DataError, match=r"/intervals/trials/timeseries: values of type .* are not read from Zarr"):
            mirrored["intervals/trials/timeseries"][()]
    assert len(compared) > 40


def test_numbers_are_read_when_they_are_asked_for(store: Path) -> None:
    camera = store / "acquisition" / "camera" / "data"
    next(path for path in sorted(camera.rglob("*")) if path.is_file() and path.name[0].isdigit()).write_bytes(
        b"damaged"
    )
    assert NWB(target=str(store)).load().responses.sizes["presentation"] == 3
    with opened(store) as file, pytest.raises(DataError, match=r"/acquisition/camera/data cannot be read \(.*damaged"):
        file["acquisition/camera/data"][()]


def test_values_can_never_be_taken_from_the_mirror_itself(store: Path) -> None:
    with opened(store) as file:
        raw = h5py.File(file.id)
        with pytest.raises(OSError, match="unable to open external raw data file"):
            raw["units/spike_times"][()]


def test_the_digest_is_that_of_a_manifest(store2: Path) -> None:
    place = ZarrPlace(path=store2, label="x", source="nwb:x")
    before = place.digest()
    if shutil.which("sha256sum"):
        line = r"find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum"
        said = subprocess.run(["bash", "-c", line], cwd=store2, capture_output=True, text=True, check=True).stdout
        assert said.split()[0] == before
    chunk = store2 / "units" / "id" / "0"
    chunk.rename(store2 / "units" / "id" / "1")
    assert place.digest() != before


def test_patterns_match_stores(store: Path) -> None:
    loaded = NWB(target=str(store.with_name("*.zarr"))).load()
    assert [recording.identity["source"] for recording in loaded] == [f"nwb:{store}"]


def test_images_read_again_in_another_process(store: Path) -> None:
    stimuli = NWB(target=str(store)).load().stimuli
    again = pickle.loads(pickle.dumps(stimuli.read))  # noqa: S301 - our own
    np.testing.assert_array_equal(again([0, 1]), stimuli.read([0, 1]))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            "units/spike_times/0",
            "/units/spike_times: 1 of its chunks are not there (the first is 0): the store is damaged",
        ),
        ("intervals/trials/kind/0", "/intervals/trials/kind: 1 of its chunks are not there (the first is 0)"),
        ("units/.zgroup", "lists units/.zgroup in its consolidated metadata, but the file is not there"),
        ("units/id/.zarray", "lists units/id/.zarray in its consolidated metadata, but the file is not there"),
        (".zgroup", "lists .zgroup in its consolidated metadata, but the file is not there"),
        ("stimulus/templates/pool/i0/.zattrs", "lists stimulus/templates/pool/i0/.zattrs in its consolidated metadata"),
    ],
)
def test_a_store_that_was_copied_in_part_is_refused(store2: Path, damage: str, said: str) -> None:
    (store2 / damage).unlink()
    message = refusal(store2)
    assert said in message
    assert message.startswith(str(store2))


def test_without_consolidated_metadata_missing_descriptions_show_too(store2: Path) -> None:
    (store2 / ".zmetadata").unlink()
    assert NWB(target=str(store2)).load().responses.sizes["unit"] == 3
    (store2 / "units" / ".zgroup").unlink()
    assert "units has no .zgroup, .zarray or zarr.json, so its content cannot be told" in refusal(store2)
    (store2 / "units").joinpath(".zgroup").write_text("{}")
    (store2 / "units" / "id" / ".zarray").write_text("{")
    assert "units/id/.zarray cannot be read (Expecting property name" in refusal(store2)
    (store2 / "units" / "id" / ".zarray").write_text('{"shape": [3]}')
    assert "/units/id: its metadata is damaged (KeyError: 'chunks')" in refusal(store2)


def test_what_is_no_nwb_store_is_refused(store2: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.nwb.zarr"
    other.mkdir()
    (other / "x.txt").touch()
    assert refusal(other) == (
        f"{other} is a folder without .zgroup or zarr.json, so no Zarr store (it holds: x.txt): it was copied without "
        "its hidden files, or is something else"
    )
    (other / ".zgroup").write_text('{"zarr_format": 2}')
    assert "says no nwb_version, so it is not an NWB file" in refusal(other)
    assert "is a Zarr array, not an NWB file: name the folder that holds it all" in refusal(store2 / "units" / "id")
    assert "zarr.json describes neither a group nor an array of Zarr format 3" in _third(tmp_path)


def _third(tmp_path: Path) -> str:
    folder = tmp_path / "third.zarr"
    folder.mkdir()
    (folder / "zarr.json").write_text('{"zarr_format": 4}')
    return refusal(folder)


def test_a_damaged_chunk_is_refused(store: Path) -> None:
    folder = store / "intervals" / "trials" / "kind"
    chunk = next(path for path in folder.rglob("0") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:9])
    assert "/intervals/trials/kind" in refusal(store)
    assert "the store is damaged; get it again" in refusal(store)


def test_format_3_may_leave_out_chunks_of_one_value_only(store3: Path) -> None:
    shutil.rmtree(store3 / "intervals" / "trials" / "correct" / "c")
    recording = NWB(target=str(store3)).load()
    assert recording.responses["correct"].values.tolist() == [False] * 3
    assert (
        "/intervals/trials/correct: 1 of its chunks are not in the store, which means that they hold False only"
        in recording.notes
    )
    shutil.rmtree(store3 / "units" / "spike_times" / "c")
    assert "/units/spike_times: 1 of its chunks are not there (the first is c/0)" in refusal(store3)


def test_a_reference_that_leads_nowhere_is_refused(store: Path) -> None:
    shutil.rmtree(store / "stimulus" / "templates" / "pool" / "i2")
    (store / ".zmetadata").unlink(missing_ok=True)
    assert "refers to /stimulus/templates/pool/i2 of this store, which is not there" in refusal(store)


def test_a_link_that_leads_nowhere_is_told(store: Path) -> None:
    shutil.rmtree(store / "stimulus" / "templates" / "pool")
    (store / ".zmetadata").unlink(missing_ok=True)
    seen = NWB(target=str(store)).inspect()
    assert (
        "/stimulus/presentation/shown/indexed_images is a link to /stimulus/templates/pool, which cannot be reached"
        in (seen.cannot)
    )


@pytest.mark.parametrize("version", [2, 3])
def test_links_into_another_store(original: Path, tmp_path: Path, version: int) -> None:
    shutil.copy(original, tmp_path / "bank.nwb")
    with h5py.File(original, "a") as file:
        shown = file["stimulus/presentation/shown"]
        del shown["indexed_images"], file["stimulus/templates/pool"]
        shown["indexed_images"] = h5py.ExternalLink("bank.nwb", "/stimulus/templates/pool")
    store = write_store(original, tmp_path / "linked.nwb.zarr", version)
    write_store(tmp_path / "bank.nwb", tmp_path / "bank.nwb.zarr", version)
    recording = NWB(target=str(store)).load()
    np.testing.assert_array_equal(recording.stimuli.images(["2"])[0, 0], FRAMES[0].astype(np.float32) / 255)
    place = "/stimulus/presentation/shown/indexed_images"
    assert f"{place} is read from the linked file ../bank.nwb.zarr" in recording.notes
    shutil.rmtree(tmp_path / "bank.nwb.zarr")
    assert f"{place} is a link to ../bank.nwb.zarr:/stimulus/templates/pool, which cannot be reached" in (
        NWB(target=str(store)).inspect().cannot
    )


def test_a_store_that_moved_still_finds_itself(store2: Path) -> None:
    # hdmf-zarr 0.10 wrote where the file was when it was made.
    shown = store2 / "stimulus" / "presentation" / "shown" / ".zattrs"
    said = json.loads(shown.read_text())
    owner = json.loads((store2 / ".zattrs").read_text())["object_id"]
    said["zarr_link"][0] |= {"source": "/made/elsewhere.nwb.zarr", "source_object_id": owner}
    shown.write_text(json.dumps(said))
    assert NWB(target=str(store2)).load().stimuli is not None


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("hacked",)


def test_nothing_in_a_store_is_ever_run(store2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = np.array([Hostile()] * 4, dtype=object)
    content = pickle.dumps(hostile)
    chunk = store2 / "stimulus" / "templates" / "pool" / "order_of_images" / "0"
    chunk.write_bytes(numcodecs.Blosc().encode(content))
    assert "is no reference to an object of the file" in refusal(store2)
    times = store2 / "units" / "spike_times" / ".zarray"
    meta = json.loads(times.read_text())
    times.write_text(json.dumps(meta | {"filters": [{"id": "pickle", "protocol": 5}]}))
    shutil.rmtree(store2 / "stimulus")
    (store2 / ".zmetadata").unlink()
    (store2 / "units" / "spike_times" / "0").write_bytes(numcodecs.Blosc().encode(content))
    assert "/units/spike_times is stored with pickle, which is not read (decoding it might run code" in refusal(store2)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_pickled_references_are_read_without_unpickling(protocol: int) -> None:
    held = np.empty(3, dtype=object)
    held[:] = [{"path": "/a", "source": "."}, ("text", 1, 2.5, None, True), "ü"]
    assert read_pickled(pickle.dumps(held, protocol=protocol), "x") == list(held)


@pytest.mark.parametrize(
    "content", [b"", b"no pickle", pickle.dumps([1, 2]), pickle.dumps({1: 2}), pickle.dumps({1, 2})]
)
def test_pickles_that_are_no_array_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"x: its (objects are pickled in a way|pickled content is no array)"):
        read_pickled(content, "x")


def test_unknown_codecs_are_refused(store3: Path) -> None:
    path = store3 / "units" / "spike_times" / "zarr.json"
    meta = json.loads(path.read_text())
    meta["codecs"].append({"name": "mystery", "configuration": {}})
    path.write_text(json.dumps(meta))
    assert "/units/spike_times is stored with mystery, which is not read" in refusal(store3)
