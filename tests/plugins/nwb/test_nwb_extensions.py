"""Types of extensions are taken for what the file's cached specification says they extend."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pynwb
from pynwb.image import ImageSeries
from spikeproof_nwb.kinds import Kinds
from spikeproof_nwb.source import NWB

FRAMES = np.random.default_rng(5).integers(0, 256, (3, 2, 4)).astype(np.uint8)
TRIALS = {"start": (0.0, 1.0, 2.0), "stop": (1.0, 2.0, 3.0), "image_name": ("im1", "im0", "im1")}
TYPES = {"StimulusTemplate": "ImageSeries", "WarpedTemplate": "StimulusTemplate"}


def templates(content: pynwb.NWBFile) -> None:
    """A template as files of the Allen Institute have it: frames that are named by ``control``."""
    control = {"control": np.arange(3, dtype=np.uint8), "control_description": ["im0", "im1", "im2"]}
    content.add_stimulus_template(ImageSeries(name="natural", data=FRAMES, unit="NA", rate=1.0, **control))


def extended(kind: str, types: Mapping[str, str]) -> Callable[[h5py.File], None]:
    def spoil(file: h5py.File) -> None:
        series = file["stimulus/templates/natural"]
        series.attrs["neurodata_type"], series.attrs["namespace"] = kind, "ndx-templates"
        held = [{"neurodata_type_def": new, "neurodata_type_inc": old, "doc": "d"} for new, old in types.items()]
        schema = [{"namespace": "core"}, {"source": "templates"}]
        said = {
            "doc": "d",
            "name": "ndx-templates",
            "version": "0.1.0",
            "author": "a",
            "contact": "c",
            "schema": schema,
        }
        file["specifications/ndx-templates/0.1.0/namespace"] = json.dumps({"namespaces": [said]})
        file["specifications/ndx-templates/0.1.0/templates"] = json.dumps({"groups": held})

    return spoil


def test_images_in_an_extension_s_series_are_found(write_file: Callable[..., Path]) -> None:
    for kind in TYPES:
        path = write_file(f"{kind}.nwb", trials=TRIALS, also=templates, spoil=extended(kind, TYPES))
        stimuli = NWB(target=str(path)).load().stimuli
        assert stimuli.ids == ("im1", "im0")
        np.testing.assert_array_equal(stimuli.images()[:, 0], FRAMES[[1, 0]].astype(np.float32) / np.float32(255))


def test_types_that_go_in_circles_or_are_not_described_stay_what_they_are(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        series = file.create_group("stimulus/templates/natural")
        extended("A", {"A": "B", "B": "A"})(file)
        assert Kinds().of(series) == "B"
        series.attrs["namespace"] = "ndx-unknown"
        assert Kinds().of(series) == "A"
        assert Kinds().of(file["stimulus"]) == ""
