"""The images of a round: inside their budget as they are shown, controlled, catalogued, and made once."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import torch
from experiment import STUDY, answers, made, whitened
from numpy.typing import NDArray
from PIL import Image
from spikeproof.closed_loop import Manifest, make_stimuli, manifest_images, read_manifest
from spikeproof.closed_loop.folder import StimuliFolder
from spikeproof.closed_loop.rounding import rounded
from spikeproof.errors import BadParameter, BadStudy, ResultError, SpikeproofError

Row = dict[str, str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return made(folder, size=12, flips=2, round_name="1")


@pytest.fixture(scope="module")
def images(manifest: Manifest) -> dict[str, NDArray[np.float32]]:
    names = [row["image"] for row in manifest.rows]
    return dict(zip(names, manifest_images(manifest, names).images(), strict=True))


@pytest.fixture(scope="module")
def clean(manifest: Manifest, images: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Clean images as they are shown, by the stimulus that they are."""
    return {row["clean_stimulus_id"]: images[row["image"]] for row in manifest.rows if row["kind"] == "clean"}


@pytest.fixture
def here(folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert manifest.folder == folder / "round-1"
    monkeypatch.chdir(folder)
    return folder


def of(manifest: Manifest, **said: str) -> list[Any]:
    return [row for row in manifest.rows if all(row[name] == value for name, value in said.items())]


def test_every_image_keeps_its_budget_as_it_is_shown(
    manifest: Manifest, images: dict[str, NDArray[np.float32]], clean: dict[str, NDArray[np.float32]]
) -> None:
    assert len(manifest.rows) > 100
    for row in manifest.rows:
        size = np.linalg.norm(images[row["image"]].astype(float) - clean[row["clean_stimulus_id"]])
        if row["kind"] == "clean":
            assert size == 0
            assert row["epsilon"] == "0.0"
            continue
        assert 0 < size <= float(row["epsilon"]) * (1 + 1e-6)
        assert size == pytest.approx(float(row["achieved"]), rel=1e-6)


@pytest.mark.usefixtures("here")
def test_images_read_back_give_the_predicted_effects(
    manifest: Manifest, images: dict[str, NDArray[np.float32]], clean: dict[str, NDArray[np.float32]]
) -> None:
    source = spikeproof.load_source("images:images.npz").stimuli
    assert source is not None
    model = spikeproof.load_model("torch:nets.py:build", layer="3", image_shape=(1, 6, 6))
    head = spikeproof.load_model("torch:nets.py:build", layer="5", image_shape=(1, 6, 6))
    every = answers(source.images())
    live = whitened(every)
    after = dict(zip(images, answers(np.stack(list(images.values()))), strict=True))
    with torch.no_grad():
        chosen = head.responses(torch.as_tensor(np.stack(list(images.values())))).argmax(dim=1).tolist()
    choice = dict(zip(images, chosen, strict=True))
    before = {row["clean_stimulus_id"]: row["image"] for row in of(manifest, kind="clean")}
    assert set(before) == set(clean)
    for row in manifest.rows[len(clean) :]:
        image, original = row["image"], before[row["clean_stimulus_id"]]
        predicted = float(row["predicted_effect"])
        moved = after[image] - after[original]
        if row["aim"] == "unit":
            column = model.units.index(row["target_unit"])
            assert moved[column] == pytest.approx(predicted, abs=1e-3)
            assert after[image][column] == pytest.approx(float(row["predicted_response"]), abs=1e-3)
            assert row["control"] or (predicted > 0) == (row["direction"] == "up")
        elif row["aim"] == "population":
            assert np.linalg.norm(moved * live) == pytest.approx(predicted, abs=1e-3)
        else:
            assert float(choice[image] != choice[original]) == predicted


def test_every_attack_has_its_controls_of_the_same_norm(manifest: Manifest) -> None:
    keys = ("objective", "target", "clean_stimulus_id", "epsilon")
    attacks = {tuple(row[name] for name in keys): float(row["achieved"]) for row in of(manifest, kind="attack")}
    for control in ("random", "flipped"):
        rows = of(manifest, control=control)
        assert len(rows) == len(attacks)
        for row in rows:
            norm = attacks[tuple(row[name] for name in keys)]
            assert 0.9 * norm < float(row["achieved"]) <= norm * (1 + 1e-6)


def test_another_units_images_serve_as_its_control_and_say_so(manifest: Manifest) -> None:
    rows = of(manifest, objective="unit", kind="attack")
    units = sorted({row["target_unit"] for row in rows})
    assert len(units) == 2
    assert all(row["other_unit"] == units[1 - units.index(row["target_unit"])] for row in rows)
    assert all(row["other_unit_effect"] for row in rows)


def test_files_are_lossless_at_the_displays_size_and_have_their_digest(manifest: Manifest) -> None:
    for row in manifest.rows[::7]:
        content = manifest.file(row["image"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        with Image.open(manifest.file(row["image"])) as picture:
            assert (picture.size, picture.mode, picture.format) == ((12, 12), "L", "PNG")
    assert len(list((manifest.folder / "images").iterdir())) == len(manifest.rows)


def test_catch_images_are_all_the_stimuli_that_were_perturbed(manifest: Manifest) -> None:
    catch = [row["clean_stimulus_id"] for row in of(manifest, kind="clean")]
    assert sorted(catch) == sorted({row["clean_stimulus_id"] for row in manifest.rows})
    assert {row["category"] for row in manifest.rows} == {"0", "1", "2"}
    assert {row["round"] for row in manifest.rows} == {"1"}


@pytest.mark.usefixtures("here")
def test_preferences_are_flipped_up_on_the_least_and_down_on_the_most_preferred_category(manifest: Manifest) -> None:
    source = spikeproof.load_source("images:images.npz").stimuli
    assert source is not None
    model = spikeproof.load_model("torch:nets.py:build", layer="3", image_shape=(1, 6, 6))
    labels = source.table["category"].to_numpy()
    every = answers(source.images())
    rows = of(manifest, objective="preference-flip", kind="attack")
    assert len(rows) == 2 * 2 * 2 * 2  # units, directions, stimuli, norms
    for row in rows:
        values = every[:, model.units.index(row["target_unit"])]
        means = {name: values[labels == name].mean() for name in set(labels)}
        wanted = min(means, key=means.__getitem__) if row["direction"] == "up" else max(means, key=means.__getitem__)
        assert row["category"] == wanted
    assert of(manifest, objective="preference-flip", control="random")


def test_the_order_shows_every_image_once_in_each_block(manifest: Manifest) -> None:
    with (manifest.folder / "order.csv").open() as lines:
        shown = list(csv.DictReader(lines))
    names = sorted(row["image"] for row in manifest.rows)
    for block in ("0", "1"):
        assert sorted(row["image"] for row in shown if row["block"] == block) == names
    source = {row["image"]: row["clean_stimulus_id"] for row in manifest.rows}
    assert all(source[one["image"]] != source[two["image"]] for one, two in itertools.pairwise(shown))


def test_the_templates_hold_the_same_images_manifest_and_order(manifest: Manifest) -> None:
    import pynwb

    with pynwb.NWBHDF5IO(str(manifest.folder / "templates.nwb"), "r") as io:
        file = io.read()
        pictures = file.stimulus_template["images"].images
        assert len(pictures) == len(manifest.rows)
        for row in manifest.rows[::11]:
            with Image.open(manifest.file(row["image"])) as picture:
                np.testing.assert_array_equal(pictures[row["image"]].data[:], np.asarray(picture))
        table = file.scratch["manifest"].to_dataframe()
        assert table["image"].tolist() == [row["image"] for row in manifest.rows]
        assert table["predicted_effect"].tolist()[-1] == float(manifest.rows[-1]["predicted_effect"])
        order = file.scratch["presentation_order"].to_dataframe()
        assert len(order) == 2 * len(manifest.rows)


def test_a_stopped_command_goes_on_to_the_same_images(
    here: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, write = [], StimuliFolder.write_block

    def stopping(self: StimuliFolder, name: str, tree: Any) -> None:
        write(self, name, tree)
        written.append(name)
        if len(written) == 3:
            raise KeyboardInterrupt

    def noting(self: StimuliFolder, name: str, tree: Any) -> None:
        write(self, name, tree)
        written.append(name)

    asked: dict[str, Any] = {"size": 12, "flips": 2, "round_name": "1"}
    with monkeypatch.context() as patch:
        patch.setattr(StimuliFolder, "write_block", stopping)
        with pytest.raises(KeyboardInterrupt):
            made(here, "stopped", **asked)
    assert not (here / "stopped" / "manifest.json").exists()
    with pytest.raises(ResultError, match="unfinished result: add --resume to use it"):
        made(here, "stopped", **asked)
    with monkeypatch.context() as patch:
        patch.setattr(StimuliFolder, "write_block", noting)
        again = made(here, "stopped", resume=True, **asked)
    assert len(set(written)) == len(written)  # none was made twice
    assert again.rows == manifest.rows
    assert (here / "stopped" / "order.csv").read_bytes() == (manifest.folder / "order.csv").read_bytes()
    assert not list((here / "stopped").glob("**/*partial*"))
    assert not (here / "stopped" / "blocks").exists()
    assert made(here, "stopped", resume=True, **asked).rows == manifest.rows


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": 18}, "another study's result .*--size"),
        ({"repeats": 3}, "another study's result .*--repeats"),
        ({"flips": 0}, "another study's result .*--flips"),
        ({"round_name": "2"}, "another study's result .*--round"),
        ({}, "already holds this study's finished result: add --resume"),
    ],
)
def test_a_folder_of_other_images_is_not_written_over(here: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ResultError, match=message):
        made(here, "round-1", **({"size": 12, "flips": 2, "round_name": "1"} | changed))


def test_a_folder_with_other_files_is_left_alone(here: Path) -> None:
    (here / "mine").mkdir(exist_ok=True)
    (here / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ResultError, match=r"the folder is not empty \(thesis.txt\) and holds no result"):
        made(here, "mine")
    assert (here / "mine" / "thesis.txt").read_text() == "years of work"


def refused(study: dict[str, Any], here: Path, **asked: Any) -> str:
    out = here / "refused"
    shutil.rmtree(out, ignore_errors=True)
    with pytest.raises(SpikeproofError) as error:
        make_stimuli(study, where="study.toml", out=out, device="cpu", **asked)
    assert not out.exists()
    return str(error.value)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        (("attack", "threat"), "there is nothing to make: a study of images needs a [threat] with norm and epsilons"),
        (("model", "readout"), "there is no [[model]], whose gradients the images would be made with"),
    ],
)
def test_a_study_that_makes_no_images_is_refused(here: Path, left_out: tuple[str, ...], message: str) -> None:
    assert message in refused({key: value for key, value in STUDY.items() if key not in left_out}, here)


def test_a_study_without_images_is_refused(here: Path) -> None:
    assert "the sources have no images to perturb" in refused(STUDY | {"source": [{"use": "simulate:sparse"}]}, here)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"size": 13}, "--size: 13 is no multiple of 6, the shorter side of the images that the model sees"),
        ({"size": 4}, "such as 6 or 12"),
        ({"repeats": 0}, "--repeats must be at least 1, got 0"),
        ({"flips": -1}, "--flips must be at least 0, got -1"),
        ({"systems": ["retina"]}, "--system: 'retina' is none of the study's systems that can be attacked ('build 3')"),
    ],
)
def test_a_wrong_option_is_refused(here: Path, asked: dict[str, Any], message: str) -> None:
    assert message in refused(STUDY, here, **asked)


def test_norms_below_one_grey_level_are_refused_by_name(here: Path) -> None:
    study = STUDY | {"threat": STUDY["threat"] | {"epsilons": [0.003], "aims": ["unit"]}}
    assert "no image could be made: in 8 bits nothing is left of it: its norm is below one grey level" in refused(
        study, here
    )


def test_single_images_that_are_not_made_are_listed(here: Path) -> None:
    study = STUDY | {"threat": STUDY["threat"] | {"epsilons": [0.003, 0.2], "aims": ["unit"], "stimuli": 2}}
    found = make_stimuli(study, where="study.toml", out=here / "partly", device="cpu", repeats=1)
    listed = json.loads((here / "partly" / "manifest.json").read_text())["refused"]
    assert {row["epsilon"] for row in found.rows} == {"0.0", "0.2"}
    assert any("l2 0.003" in one["what"] and "one grey level" in one["reason"] for one in listed)
    assert any("images are not made; all of them are listed in manifest.json" in note for note in found.about["notes"])


def test_flips_without_categories_are_refused_by_name(here: Path) -> None:
    with np.load("images.npz") as arrays:
        np.savez("plain.npz", x=arrays["x"])
    study = STUDY | {
        "source": [{"use": "images:plain.npz"}],
        "threat": STUDY["threat"] | {"aims": ["unit"], "epsilons": [0.2], "stimuli": 2},
    }
    found = make_stimuli(study, where="study.toml", out=here / "plain", device="cpu", repeats=1, flips=2)
    reasons = {one["what"]: one["reason"] for one in found.about["refused"]}
    assert "a preference for a category needs categories" in reasons["preferred-category flips of build 3"]
    assert {row["objective"] for row in found.rows} == {"", "unit"}


def test_attacks_that_make_no_images_are_refused_by_name(here: Path) -> None:
    study = STUDY | {
        "attack": [*STUDY["attack"], {"use": "silence"}],
        "threat": STUDY["threat"] | {"aims": ["unit"], "epsilons": [0.2], "stimuli": 2},
    }
    found = make_stimuli(study, where="study.toml", out=here / "silence", device="cpu", repeats=1)
    reasons = {one["what"]: one["reason"] for one in found.about["refused"]}
    assert reasons["silence of build 3"] == "it perturbs activity, not images: there is none to show"


def wrongly(how: Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.integer]]) -> Callable[..., Any]:
    """Rounding that went wrong: ``how`` makes something else of the clean and the rounded image."""

    def rounding(clean: NDArray[np.uint8], *rest: Any) -> NDArray[np.uint8]:
        wrong: NDArray[np.uint8] = np.clip(how(clean, rounded(clean, *rest)), 0, 255).astype(np.uint8)
        return wrong

    return rounding


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (lambda clean, shown: shown + 40 + 0 * clean.astype(int), "in 8 bits its norm is 0.9"),
        (lambda clean, shown: 2 * clean.astype(int) - shown, "8 bits turn its predicted effect around, from "),
    ],
)
def test_an_image_is_looked_at_again_after_it_was_rounded(
    here: Path, monkeypatch: pytest.MonkeyPatch, how: Any, reason: str
) -> None:
    monkeypatch.setattr("spikeproof.closed_loop.cells.rounded", wrongly(how))
    study = STUDY | {"threat": STUDY["threat"] | {"aims": ["unit"], "epsilons": [0.2], "stimuli": 2}}
    assert reason in refused(study, here)


def test_what_nothing_moves_is_not_made(here: Path) -> None:
    study = STUDY | {
        "model": [{"use": "torch:nets.py:build", "layers": ["4"], "units": 6}],
        "threat": STUDY["threat"] | {"aims": ["unit"], "epsilons": [0.05], "stimuli": "all", "controls": []},
    }
    found = make_stimuli(study, where="study.toml", out=here / "dead", device="cpu", repeats=1)
    listed = [one for one in found.about["refused"] if "nothing moves it" in one["reason"]]
    assert listed
    assert "pgd on unit '" in listed[0]["what"]
    made_of = {(row["target_unit"], row["clean_stimulus_id"]) for row in found.rows if row["kind"] == "attack"}
    for one in listed:
        unit, stimulus = one["what"].split("'")[1], one["what"].split("'")[3]
        assert (unit, stimulus) not in made_of


def test_the_manifest_is_whole_after_it_was_copied(manifest: Manifest, tmp_path: Path) -> None:
    copied = shutil.copytree(manifest.folder, tmp_path / "copy")
    again = read_manifest(copied / "manifest.csv")
    again.check_files()
    assert again.rows == manifest.rows


def test_more_channels_than_a_png_file_has_are_refused() -> None:
    from spikeproof.closed_loop.pngs import display_factor

    with pytest.raises(BadParameter, match=r"images have 4 channels, and a PNG file has 1 \(gray\) or 3"):
        display_factor((4, 8, 8), None)


def test_a_study_must_be_one(here: Path) -> None:
    with pytest.raises(BadStudy, match="unknown key"):
        make_stimuli(STUDY | {"sources": []}, where="study.toml", out=here / "x", device="cpu")
