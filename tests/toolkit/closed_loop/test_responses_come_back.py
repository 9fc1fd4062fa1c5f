"""Recordings whose presentations name a manifest's images: columns, images, measured evidence, and what is refused."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import xarray as xr
from experiment import made, recording_of
from spikeproof.closed_loop import Manifest
from spikeproof.closed_loop.attach import with_manifests
from spikeproof.errors import DataError, SpikeproofError
from spikeproof.measured import clean_part
from spikeproof.recording import Recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loop")


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return made(folder, size=12)


@pytest.fixture(scope="module")
def responses(manifest: Manifest, folder: Path) -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = recording_of(manifest)
        found.to_netcdf(folder / "r.nc", engine="h5netcdf")
        return found


@pytest.fixture(autouse=True)
def here(folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert manifest.folder == folder / "round-1"
    monkeypatch.chdir(folder)
    return folder


def attached(responses: xr.Dataset, *, stimuli: Any = None) -> tuple[list[Recording], list[str]]:
    recording = Recording(responses=responses, stimuli=stimuli, identity={"source": "table:r.nc", "digest": "0"})
    found, notes = with_manifests([recording], ["round-1"])
    return list(found), list(notes)


def images_source() -> Any:
    return spikeproof.load_source("images:images.npz").stimuli


def test_presentations_get_what_the_manifest_says(manifest: Manifest, responses: xr.Dataset) -> None:
    found, notes = attached(responses, stimuli=images_source())
    table = found[0].responses
    assert table is not None
    rows = manifest.by_image
    shown = [Path(name).stem for name in responses["stimulus_id"].values.tolist()]
    for place, image in enumerate(shown):
        row = rows.get(image)
        if row is None or row["kind"] == "clean":
            assert float(table["epsilon"][place]) == 0
            continue
        assert str(table["stimulus_id"][place].item()) == image
        for name in ("clean_stimulus_id", "control", "attack", "target_unit", "aim", "objective", "direction", "norm"):
            assert str(table[name][place].item()) == row[name]
        assert float(table["predicted_effect"][place]) == float(row["predicted_effect"])
    clean = sum(row["kind"] == "clean" for row in manifest.rows)
    total = 2 * len(manifest.rows)
    assert notes == [
        f"table:r.nc: {total} of {len(shown)} presentations show images of the manifest in round-1: {2 * clean} are "
        f"catch repeats of clean stimuli, {total - 2 * clean} are perturbed"
    ]


def test_catch_images_become_repeats_of_their_stimulus(manifest: Manifest, responses: xr.Dataset) -> None:
    found, _ = attached(responses, stimuli=images_source())
    assert found[0].responses is not None
    clean, shown = clean_part(found[0])
    assert shown is not None
    assert clean.responses is not None
    names = clean.responses["stimulus_id"].values.tolist()
    assert set(names) == {f"{k:05d}" for k in range(24)}
    catch = [row["clean_stimulus_id"] for row in manifest.rows if row["kind"] == "clean"]
    assert all(names.count(name) == 2 for name in catch)


@pytest.mark.parametrize("suffix", [".png", ""])
def test_names_may_come_without_folder_and_ending(responses: xr.Dataset, suffix: str) -> None:
    names = [name.removeprefix("images/").removesuffix(".png") for name in responses["stimulus_id"].values.tolist()]
    ids = [name + suffix if "-" in name else name for name in names]
    bare = responses.assign_coords(stimulus_id=("presentation", ids))
    one, _ = attached(bare)
    two, _ = attached(responses)
    assert one[0].responses is not None
    assert two[0].responses is not None
    xr.testing.assert_identical(one[0].responses, two[0].responses)


def test_the_manifest_gives_the_images_that_no_source_holds(manifest: Manifest, responses: xr.Dataset) -> None:
    found, _ = attached(responses, stimuli=images_source())
    assert len(found) == 2
    assert found[1].stimuli is not None
    assert set(found[1].stimuli.ids) == {row["image"] for row in manifest.rows if row["kind"] != "clean"}
    assert found[1].stimuli.shape == (1, 6, 6)
    only = responses.isel(
        presentation=[name.startswith("images/") for name in responses["stimulus_id"].values.tolist()]
    )
    alone, _ = attached(only)
    assert alone[1].stimuli is not None
    assert len(alone[1].stimuli) == len(manifest.rows)
    nothing, notes = attached(responses)
    assert len(nothing) == 1
    assert any("models can be shown none of them; add the images" in note for note in notes)


def run(out: str, **extra: Any) -> Any:
    study = {
        "source": [{"use": "table:r.nc"}],
        "manifest": ["round-1"],
        "metric": [{"use": "sensitivity"}, {"use": "cross-scale"}],
        "statistics": {"draws": 100},
        **extra,
    }
    return spikeproof.run(study, out=out, device="cpu")


@pytest.mark.usefixtures("responses")
def test_a_study_measures_the_predicted_effects_when_the_animal_is_the_model(manifest: Manifest) -> None:
    result = run("measured")
    measured = result.measured("sensitivity", "recording").load()
    code = result.tree["code/recording"]["response"]
    sd = code.std("stimulus", ddof=1)
    keys = ("control", "target_unit")
    seen = 0
    for row in manifest.rows:
        if row["objective"] != "unit":
            continue
        place = np.logical_and.reduce([measured[name].values == row[name] for name in keys])
        one = measured["sensitivity"].isel(target=int(np.flatnonzero(place)[0]))
        value = one.sel(epsilon=float(row["epsilon"]), stimulus=row["clean_stimulus_id"])
        unit = float(sd.sel(unit=row["target_unit"]))
        assert float(value) * unit == pytest.approx(abs(float(row["predicted_effect"])), abs=1e-3)
        seen += 1
    assert seen == 48
    assert "other-unit" in measured["control"].values
    matrix = result.summary("cross-scale", "recording")["matrix"]
    assert {"unit", "population", "behavior", "random (unit)"} <= set(matrix["row"].values.tolist())
    assert any("noise inflates every magnitude" in note for note in result.notes)
    digests = [key for key in result.provenance["data"] if key.startswith(f"manifest {manifest.tag}")]
    assert digests == [f"manifest {manifest.tag} digest"]


@pytest.mark.usefixtures("responses")
def test_models_are_shown_clean_images_only() -> None:
    result = run(
        "models",
        source=[{"use": "table:r.nc"}, {"use": "images:images.npz"}],
        model=[{"use": "torch:nets.py:build", "layers": ["3"]}],
        metric=[{"use": "sparseness", "rectify": True}],
    )
    facts = {one["name"]: one["stimuli"] for one in result.provenance["system_facts"]}
    assert facts == {"recording": 24, "build 3": 24}


def test_a_folder_of_the_images_is_read_as_the_manifest_says(manifest: Manifest) -> None:
    folder = spikeproof.load_source("images:round-1/images")
    found, notes = with_manifests([folder], ["round-1"])
    stimuli = found[0].stimuli
    assert stimuli is not None
    assert stimuli.shape == (1, 6, 6)
    assert any("images are read at the model's size, 6 x 6; each of its pixels was shown 2 x 2" in n for n in notes)
    clean, _ = clean_part(found[0])
    assert clean.stimuli is not None
    used = [row["clean_stimulus_id"] for row in manifest.rows if row["kind"] == "clean"]
    assert list(clean.stimuli.ids) == used
    source = images_source().images(used)
    np.testing.assert_array_equal(clean.stimuli.images(), (np.rint(source * 255) / 255).astype(np.float32))


def test_responses_come_back_through_csv_and_nwb(manifest: Manifest, responses: xr.Dataset, tmp_path: Path) -> None:
    from spikeproof.demo.nwb_file import write_nwb

    counts = np.rint(np.abs(responses["response"].values) * 50).astype(int)
    with (tmp_path / "r.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        units = [f"unit {name}" for name in responses["unit"].values.tolist()]
        writer.writerow(["stimulus_id", *units])
        writer.writerows(
            [name, *row] for name, row in zip(responses["stimulus_id"].values, counts.tolist(), strict=True)
        )
    spikes = responses.copy()
    spikes["response"] = (("presentation", "unit"), counts, {"units": "spikes"})
    spikes = spikes.assign_coords(session=("unit", ["s"] * spikes.sizes["unit"]))
    write_nwb(tmp_path / "r.nwb", Recording(responses=spikes), session_description="simulated")
    loaded = [
        spikeproof.load_source(f"table:{tmp_path}/r.csv", response_units="spikes"),
        spikeproof.load_source(f"nwb:{tmp_path}/r.nwb"),
    ]
    for one in loaded:
        found, _ = with_manifests([one], ["round-1"])
        clean, shown = clean_part(found[0])
        assert shown is not None
        assert clean.responses is not None
        assert int(shown.perturbations.perturbed.sum()) == 2 * sum(row["kind"] != "clean" for row in manifest.rows)


@pytest.mark.usefixtures("responses")
def test_a_notebook_loads_a_recording_with_its_manifest(manifest: Manifest) -> None:
    recording = spikeproof.load_source(["table:r.nc", "images:images.npz"], manifest="round-1")
    assert recording.responses is not None
    assert recording.stimuli is not None
    assert len(recording.stimuli) == 24 + sum(row["kind"] != "clean" for row in manifest.rows)
    assert any("presentations show images of the manifest in round-1" in note for note in recording.notes)


def changed(responses: xr.Dataset, row: int, name: str) -> xr.Dataset:
    names = responses["stimulus_id"].values.astype("<U60")
    names[row] = name
    repeat = responses["repeat"].values.copy()
    repeat[row] = 77
    return responses.assign_coords(stimulus_id=("presentation", names), repeat=("presentation", repeat))


def refused(message: str, responses: xr.Dataset, **more: Any) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        attached(responses, **more)


def test_an_image_that_the_manifest_does_not_have_is_named(manifest: Manifest, responses: xr.Dataset) -> None:
    name = f"{manifest.tag}-99999.png"
    refused(
        f"stimulus '{name}' is called as an image of the manifest in round-1, which has no such image",
        changed(responses, 3, name),
    )


def test_a_column_that_says_something_else_is_named(manifest: Manifest, responses: xr.Dataset) -> None:
    rows = [manifest.by_image.get(Path(name).stem) for name in responses["stimulus_id"].values.tolist()]
    first = next(place for place, row in enumerate(rows) if row is not None and row["kind"] != "clean")
    epsilon = [float(row["epsilon"]) if row is not None else 0.0 for row in rows]
    same = responses.assign_coords(epsilon=("presentation", epsilon))
    attached(same)
    epsilon[first] = 7.0
    other = responses.assign_coords(epsilon=("presentation", epsilon))
    refused(f"presentation {first} (stimulus 'images/", other)
    refused("has epsilon 7.0, but the manifest in round-1 says", other)
    control = ["sham" if row is not None and row["kind"] != "clean" else "" for row in rows]
    refused("has control 'sham', but the manifest", responses.assign_coords(control=("presentation", control)))


def test_a_category_that_says_something_else_is_named(manifest: Manifest, responses: xr.Dataset) -> None:
    rows = [manifest.by_image.get(Path(name).stem) for name in responses["stimulus_id"].values.tolist()]
    said = ["" if row is None else row["category"] for row in rows]
    attached(responses.assign_coords(category=("presentation", said)))
    first = next(place for place, row in enumerate(rows) if row is not None)
    said[first] = "giraffe"
    refused(
        f"presentation {first} has category 'giraffe', but the manifest says that its image is of",
        responses.assign_coords(category=("presentation", said)),
    )


def test_a_unit_that_was_lost_is_said(manifest: Manifest, responses: xr.Dataset) -> None:
    unit = next(row["target_unit"] for row in manifest.rows if row["target_unit"])
    found, notes = attached(responses.sel(unit=responses["unit"].values != unit))
    assert any(f"'{unit}', at which" in note and "is no unit of this recording" in note for note in notes)
    assert found[0].responses is not None
    assert unit not in found[0].responses["target_unit"].values
    assert unit in found[0].responses["target"].values


def test_images_that_were_shown_less_often_than_planned_are_said(manifest: Manifest, responses: xr.Dataset) -> None:
    _, notes = attached(responses.isel(presentation=slice(0, len(manifest.rows) + 5)))
    assert any("images of round-1 were shown fewer than the planned 2 times" in note for note in notes)


def test_a_manifest_of_other_images_is_refused(responses: xr.Dataset) -> None:
    other = responses.isel(presentation=[not n.startswith("images/") for n in responses["stimulus_id"].values.tolist()])
    refused("no presentation and no image of the sources is called as one of its images (such as '", other)
    refused("presented stimuli are called '0", other)


def test_a_manifest_given_twice_is_refused(responses: xr.Dataset) -> None:
    recording = Recording(responses=responses, identity={"source": "x", "digest": ""})
    with pytest.raises(DataError, match=r"the same manifest \(.*\) was given twice"):
        with_manifests([recording], ["round-1", "round-1/manifest.csv"])


def test_a_set_of_images_of_several_origins_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    mixed = Path(shutil.copytree(manifest.folder / "images", tmp_path / "mixed"))
    shutil.copy(mixed / f"{manifest.rows[0]['image']}.png", mixed / "cat.png")
    source = spikeproof.load_source(f"images:{mixed}")
    total = len(manifest.rows)
    with pytest.raises(DataError, match=f"{total} of {total + 1} images are called as images of a manifest, and the"):
        with_manifests([source], ["round-1"])
    resized = spikeproof.load_source("images:round-1/images", size=6)
    with pytest.raises(DataError, match=r"images were read as \(1, 6, 6\) .* leave size and grayscale out"):
        with_manifests([resized], ["round-1"])


def test_a_changed_manifest_stops_a_study(here: Path, manifest: Manifest, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(manifest.folder, tmp_path / "copy"))
    text = (copy / "manifest.csv").read_text()
    (copy / "manifest.csv").write_text(text.replace(",random,", ",flipped,", 1))
    with pytest.raises(SpikeproofError, match=r"column control: 'flipped' is not what was written"):
        run("never", manifest=[str(copy)])
    assert not (here / "never").exists()


def test_a_file_that_is_not_shown_in_whole_blocks_is_refused() -> None:
    from spikeproof.closed_loop.pngs import smaller

    image = np.zeros((1, 4, 4), dtype=np.float32)
    image[0, 1, 1] = 1
    with pytest.raises(DataError, match=r"x\.png: pixels are not shown as 2 x 2 each"):
        smaller(image, 2, "x.png")
