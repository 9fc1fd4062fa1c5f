"""The loop is closed: in-silico neurons fitted to a recording, images made on them, responses, a second round."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import torch
import xarray as xr
from numpy.typing import NDArray
from spikeproof.closed_loop import Manifest, make_stimuli, manifest_images
from tiny_study import NETWORKS

NEURONS = ["n0", "n1", "n2"]
CHOSEN = [1, 5, 7]
STUDY: dict[str, Any] = {
    "join": "rounds",
    "source": [{"use": "table:before.nc"}, {"use": "images:stimuli.npz"}],
    "model": [{"use": "torch:nets.py:build", "layers": ["2"]}],
    "encoder": [{"use": "ridge", "min_fit": 0.2, "units": 2}],
    "threat": {"epsilons": [0.4], "aims": ["unit"], "stimuli": 5, "controls": ["random", "other-unit"]},
    "attack": [{"use": "pgd", "steps": 4}],
    "metric": [{"use": "sensitivity"}],
    "statistics": {"draws": 100},
}


def responses_of(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Neurons that are linear in what the encoder sees, so that it can find them."""
    animal = spikeproof.load_model("torch:nets.py:build", layer="3", image_shape=(1, 6, 6))
    with torch.no_grad():
        found: NDArray[np.float64] = animal.responses(torch.as_tensor(images)).numpy().astype(np.float64)[:, CHOSEN]
    return found


def record(names: list[str], images: NDArray[np.float32], out: Path, seed: int) -> None:
    noise = 0.01 * np.random.default_rng(seed).standard_normal((len(names), len(NEURONS)))
    repeat = [names[:place].count(name) for place, name in enumerate(names)]
    xr.Dataset(
        {"response": (("presentation", "unit"), responses_of(images) + noise, {"units": "Hz"})},
        coords={
            "stimulus_id": ("presentation", names),
            "repeat": ("presentation", repeat),
            "unit": NEURONS,
        },
    ).to_netcdf(out, engine="h5netcdf")


def show(manifest: Manifest, out: Path, seed: int) -> None:
    with (manifest.folder / "order.csv").open() as lines:
        shown = [row["image"] for row in csv.DictReader(lines)]
    images = [row["image"] for row in manifest.rows]
    pixels = dict(zip(images, manifest_images(manifest, images).images(), strict=True))
    record(shown, np.stack([pixels[name] for name in shown]), out, seed)


@pytest.mark.slow
def test_two_rounds_on_in_silico_neurons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETWORKS)
    random = np.random.default_rng(0)
    category = np.repeat(np.arange(4), 50)
    pixels = 0.4 * random.random((200, 1, 6, 6)) + 0.1 * category[:, None, None, None] + 0.1
    np.savez("stimuli.npz", x=pixels.astype(np.float32), y=category)
    names = [f"{k:05d}" for k in range(200)]
    record(names * 2, np.concatenate([pixels, pixels]).astype(np.float32), Path("before.nc"), 0)

    study, made = STUDY, []
    for number in (1, 2):
        manifest = make_stimuli(
            study, where="study", out=Path(f"round-{number}"), repeats=3, flips=2, round_name=str(number), device="cpu"
        )
        made.append(manifest)
        assert manifest.about["in_silico"] == ["ridge on build"]
        aimed = {row["target_unit"] for row in manifest.rows if row["kind"] == "attack"}
        assert aimed <= set(NEURONS)
        assert len(aimed) == 2
        show(manifest, Path(f"round-{number}.nc"), number)
        rounds = [{"use": f"table:round-{k}.nc"} for k in range(1, number + 1)]
        study = STUDY | {
            "source": [STUDY["source"][0], *rounds, STUDY["source"][1]],
            "manifest": [f"round-{k}" for k in range(1, number + 1)],
        }

    result = spikeproof.run(study, out="result", device="cpu")
    assert result.systems == ("recording", "ridge on build")
    measured = result.measured("sensitivity", "recording").load()
    assert set(measured["attack"].values.tolist()) == {"pgd (round 1)", "pgd (round 2)"}
    assert set(measured["control"].values.tolist()) == {"", "random", "other-unit"}
    facts = {one["name"]: one for one in result.provenance["system_facts"]}
    assert facts["recording"]["stimuli"] == 200  # perturbed images are none of the code's, in either round
    assert facts["ridge on build"]["stimuli"] == 200
    assert set(made[0].by_image).isdisjoint(made[1].by_image)

    # The neurons move as far as the model said, and farther than under the random control of the same norm.
    sd = result.tree["code/recording"]["response"].std("stimulus", ddof=1)
    for row in made[1].rows:
        if row["objective"] != "unit" or row["control"]:
            continue
        here = (measured["attack"] == "pgd (round 2)") & (measured["objective"] == "unit") & (measured["control"] == "")
        one = measured["sensitivity"].isel(
            target=np.flatnonzero(here & (measured["target_unit"] == row["target_unit"]))
        )
        value = float(one.sel(epsilon=0.4, stimulus=row["clean_stimulus_id"]).squeeze())
        shift = value * float(sd.sel(unit=row["target_unit"]))
        assert shift == pytest.approx(abs(float(row["predicted_effect"])), rel=0.5, abs=0.05)
    summary = result.summary("sensitivity", "recording")["sensitivity"].sel(statistic="estimate", epsilon=0.4)
    for number in (1, 2):
        attack = float(summary.sel(perturbation=f"pgd (round {number}) (unit)"))
        control = float(summary.sel(perturbation=f"random of pgd (round {number}) (unit)"))
        assert attack > 2 * control
