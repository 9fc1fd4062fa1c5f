"""An experiment in small: images made by a tiny study, and the responses of an animal that is the same network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import spikeproof
import torch
import xarray as xr
from numpy.typing import NDArray
from spikeproof.closed_loop import Manifest, make_stimuli, manifest_images
from tiny_study import write_tiny_study

__all__ = ["STUDY", "answers", "made", "recording_of", "whitened"]

STUDY: dict[str, Any] = {
    "source": [{"use": "images:images.npz"}],
    "model": [{"use": "torch:nets.py:build", "layers": ["3"], "units": 2}],
    "readout": {"use": "head"},
    "threat": {
        "epsilons": [0.05, 0.3],
        "aims": ["unit", "population", "behavior"],
        "stimuli": 4,
        "controls": ["random", "flipped", "other-unit"],
    },
    "attack": [{"use": "pgd", "steps": 3}],
    "metric": [{"use": "sensitivity"}, {"use": "cross-scale"}],
    "statistics": {"draws": 100},
}


def made(folder: Path, out: str = "round-1", **asked: Any) -> Manifest:
    """Make images in a folder that becomes the working folder's ``out``."""
    write_tiny_study(folder)
    settings: dict[str, Any] = {"repeats": 2, "device": "cpu"} | asked
    return make_stimuli(STUDY, where="study.toml", out=folder / out, **settings)


def answers(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """What all units of the network answer, (image, unit)."""
    model = spikeproof.load_model("torch:nets.py:build", layer="3", image_shape=(1, 6, 6))
    with torch.no_grad():
        found: NDArray[np.float64] = model.responses(torch.as_tensor(images)).numpy().astype(np.float64)
    return found


def whitened(clean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse standard deviations of units over clean stimuli, 0 where a unit is constant."""
    sd = clean.std(axis=0, ddof=1)
    return np.asarray(np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 1e-9))


def recording_of(manifest: Manifest, *, sd: float = 0.0, suffix: str = ".png", extra: bool = True) -> xr.Dataset:
    """Responses of the network's units to every image, shown as often as planned, in the planned order.

    With ``extra``, the other stimuli of the study are shown too, once, under their own names.
    """
    import csv

    images = [row["image"] for row in manifest.rows]
    means = dict(zip(images, answers(manifest_images(manifest, images).images()), strict=True))
    with (manifest.folder / "order.csv").open() as lines:
        shown = [row["image"] for row in csv.DictReader(lines)]
    names = [f"images/{name}{suffix}" for name in shown]
    values = [means[name] for name in shown]
    if extra:
        source = spikeproof.load_source("images:images.npz").stimuli
        assert source is not None
        used = {row["clean_stimulus_id"] for row in manifest.rows}
        others = [name for name in source.ids if name not in used]
        names += others
        values += list(answers(source.images(others)))
    seen: dict[str, int] = {}
    repeat = [seen[name] for name in names if seen.update({name: seen.get(name, -1) + 1}) is None]
    noise = sd * np.random.default_rng(0).standard_normal((len(values), len(values[0])))
    start = np.arange(len(names)) * 0.2
    keep = np.ptp(np.array(values), axis=0) > 1e-6  # a dead unit of the network is none that an electrode finds
    units = np.array(spikeproof.load_model("torch:nets.py:build", layer="3", image_shape=(1, 6, 6)).units)
    return xr.Dataset(
        {"response": (("presentation", "unit"), (np.array(values) + noise)[:, keep], {"units": "Hz"})},
        coords={
            "stimulus_id": ("presentation", names),
            "repeat": ("presentation", repeat),
            "unit": units[keep],
            "start_time": ("presentation", start),
            "stop_time": ("presentation", start + 0.1),
        },
    )
