"""Studies with encoders: in-silico systems are the recorded units that are predicted well enough, and say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import torch
import xarray as xr
from encoder_doubles import encoder_study, write_recording
from spikeproof.errors import BadStudy, DataError, ModelError, ResultError
from spikeproof.result import Result, ResultFolder, slug
from spikeproof.types import Encoder

NAME = "plain on build"
RECTIFIED = {"use": "sparseness", "rectify": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in_silico")
    write_recording(path)
    return path


@pytest.fixture
def here(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the recording in it."""
    for file in folder.glob("*.*"):
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        readout = {"readout": {"use": "logistic"}}
        return spikeproof.run(encoder_study(**readout), out=folder / "out", device="cpu")


def run(study: dict[str, Any], **more: Any) -> Result:
    return spikeproof.run(study, **({"out": "out", "device": "cpu"} | more))


def test_the_units_are_the_recorded_ones_that_pass_the_gate(result: Result) -> None:
    assert result.systems == ("recording", NAME), "the network itself serves features only"
    code = result.tree[f"code/{slug(NAME)}"].to_dataset()
    assert code["unit"].values.tolist() == ["u0", "u1", "u2", "u3"]
    assert code.attrs["in_silico"] == "yes"
    fit = result.tree[f"encoder/{slug(NAME)}/fit"].to_dataset()
    assert fit["status"].values.tolist() == ["kept"] * 4 + ["no explainable variance", "below min_fit"]
    listed = " ".join(result.notes)
    assert "1 of 6 units have no explainable variance" in listed
    assert "left out: u4 (r undefined)" in listed
    assert "below min_fit = 0.2 and are left out: u5 (r " in listed


def test_everything_that_is_said_of_it_is_labelled(result: Result) -> None:
    fit = result.tree[f"encoder/{slug(NAME)}/fit"].to_dataset()
    mean = f"{float(fit['fit'].values[:4].mean()):.3g}"
    texts = [found["text"] for found in result.findings if found["system"] == NAME]
    assert len(texts) > 5
    assert all(text.startswith(f"In silico (held-out r {mean}): ") for text in texts)
    for variable in result.summary("sensitivity", NAME).data_vars.values():
        assert f"In silico: of plain on build with a mean held-out r of {mean}" in variable.attrs["definition"]
    table = result.table()
    assert set(table["in_silico"][table["system"] == NAME]) == {mean}
    assert set(table["in_silico"][table["system"] == "recording"]) <= {""}
    assert result.label(NAME) == f"in-silico plain on build (held-out r {mean})"
    assert result.label("recording") == "recording"
    page = result.report.read_text(encoding="utf-8")
    assert f"<h3>In-silico plain on build (held-out r {mean})</h3>" in page
    assert "Network plain" not in page


def test_explain_says_what_the_system_stands_for(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    from spikeproof.cli import execute

    assert execute(["explain", str(result.path)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "In silico: plain on build stands for the recorded units that it predicts at a held-out" in said
    assert "(1 below min_fit, 4 kept, 1 no explainable variance); 4 from 1." in said


def test_how_far_to_trust_it_is_measured_without_being_asked_for(result: Result) -> None:
    assert result.metrics == ("sensitivity", "encoder-fit")
    summary = result.summary("encoder-fit", NAME)
    assert float(summary["held_out_r"].sel(statistic="low")) > 0.85
    assert not [item for item in result.refused if item["what"].startswith("encoder-fit")]


def test_the_model_predicts_noiseless_responses_and_the_attack_moves_them(folder: Path, result: Result) -> None:
    truth = np.load(folder / "counts.npz")["response"].mean(axis=2).T[:, :4]
    code = result.tree[f"code/{slug(NAME)}"].to_dataset()["response"]
    names = [f"s{row:03d}" for row in range(60)]
    predicted = code.sel(stimulus=names).values
    assert [np.corrcoef(predicted[:, k], truth[:, k])[0, 1] for k in range(4)] == pytest.approx([1] * 4, abs=0.05)
    found = result.summary("sensitivity", NAME)["sensitivity"].sel(statistic="estimate")
    assert float(found.sel(perturbation="pgd").isel(epsilon=0)) > 3 * float(found[1].isel(epsilon=0))


def test_without_repeats_of_a_silent_unit_the_noise_covariance_is_that_of_the_kept_ones(result: Result) -> None:
    facts = {item["name"]: item for item in result.provenance["system_facts"]}
    assert not facts["recording"]["noise covariance"]
    assert facts[NAME]["noise covariance"]
    assert facts[NAME]["categories"] == 2


def test_a_fitted_readout_reads_the_in_silico_units(result: Result) -> None:
    assert "choice" in result.tree[f"code/{slug(NAME)}"]


def test_resuming_reads_the_fit_and_does_not_fit_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeproof.pipeline import summaries

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(summaries.Summaries, "add_together", stop)
        with pytest.raises(KeyboardInterrupt):
            run(encoder_study())
    digest = json.loads((here / "out/provenance.json").read_text())["encoders"][NAME]["digest"]
    from spikeproof.pipeline import in_silico

    monkeypatch.setattr("spikeproof.insilico.fit_encoder", stop)
    again = run(encoder_study(), resume=True)
    assert f"{NAME}: the encoder was fitted before and is kept" in again.notes
    assert again.provenance["encoders"][NAME]["digest"] == digest
    assert in_silico


def test_a_fit_that_was_changed_is_not_used(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeproof.pipeline import summaries

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(summaries.Summaries, "add_together", stop)
        with pytest.raises(KeyboardInterrupt):
            run(encoder_study())
    (block,) = here.glob("out/blocks/*__encoder.nc")
    folder = ResultFolder(here / "out")
    tree = folder.read_block(block.stem)
    weights = tree["state/1"].to_dataset()
    tree["state/1"] = xr.DataTree(weights.assign(weights=weights["weights"] * 1.01))
    folder.write_block(block.stem, tree)
    with pytest.raises(
        ResultError, match=r"__encoder\.nc: this is not the fit that the run made \(its digest differs\)"
    ):
        run(encoder_study(), resume=True)


@pytest.mark.usefixtures("here")
def test_a_recording_without_images_is_refused_by_name_and_the_rest_runs() -> None:
    source = encoder_study()["source"][0]
    done = run(encoder_study(source=[source], metric=[RECTIFIED]))
    assert {item["what"]: item["reason"] for item in done.refused}["encoder plain"] == (
        "the recording's source has no images: give `images` (a second [[source]], such as use = 'images:FOLDER', "
        "whose files are called as the recording calls its stimuli)"
    )
    assert done.metrics == ("sparseness",)


@pytest.mark.usefixtures("here")
def test_images_without_a_recording_are_no_training_set() -> None:
    source = encoder_study()["source"][1]
    model = [*encoder_study()["model"], {"use": "torch:nets.py:build(2)", "layers": ["3"], "name": "net", "units": 1}]
    encoder = [{"use": "plain", "model": "torch:nets.py:build"}]
    done = run(encoder_study(source=[source], model=model, encoder=encoder))
    assert {item["what"]: item["reason"] for item in done.refused}["encoder plain"] == (
        "an encoder is fitted to recorded responses, and the sources hold none: add the recording as a [[source]]"
    )
    assert done.systems == ("net 3",)


def test_images_of_other_names_are_refused(here: Path) -> None:
    with np.load(here / "shown.npz") as held:
        np.savez(here / "shown.npz", x=held["x"], ids=np.array([f"{name}.png" for name in held["ids"]]))
    with pytest.raises(DataError, match=r"60 of 60 stimuli presented in table:counts\.npz have no image"):
        run(encoder_study())


def test_fewer_images_than_stimuli_are_refused(here: Path) -> None:
    with np.load(here / "shown.npz") as held:
        np.savez(here / "shown.npz", x=held["x"][:59], ids=held["ids"][:59])
    with pytest.raises(DataError, match=r"1 of 60 stimuli presented in table:counts\.npz have no image"):
        run(encoder_study())


def test_a_network_that_cannot_take_the_images_is_refused_before_any_work(here: Path) -> None:
    with np.load(here / "shown.npz") as held:
        np.savez(here / "shown.npz", x=held["x"][:, :, :5, :5], ids=held["ids"])
    with pytest.raises(ModelError, match=r"the network failed on 3 images of shape \(1, 5, 5\)"):
        run(encoder_study(model=[{"use": "torch:nets.py:build", "layers": ["3"]}]))
    assert not (here / "out").exists()


def test_one_image_under_several_names_is_in_one_fold_and_is_said(here: Path) -> None:
    """Otherwise a stimulus would be predicted by a fit that saw it, under its other name."""
    with np.load(here / "shown.npz") as held:
        pixels, ids = held["x"].copy(), held["ids"]
    half = len(ids) // 2
    pixels[half : half + 12] = pixels[:12]
    np.savez(here / "shown.npz", x=pixels, ids=ids)
    done = run(encoder_study(metric=[RECTIFIED]))
    fit = done.tree[f"encoder/{slug(NAME)}/fit"].to_dataset()
    fold = dict(zip(fit["stimulus"].values.tolist(), fit["fold"].values.tolist(), strict=True))
    for one, other in zip(ids[:12].tolist(), ids[half : half + 12].tolist(), strict=True):
        assert fold[str(one)] == fold[str(other)]
    notes = " ".join(done.notes)
    assert "24 stimuli of the recording show 12 images under several names" in notes
    assert "encoders are never judged on one after being fitted to the other" in notes
    assert set(fit["clean_stimulus_id"].values.tolist()) == set(map(str, ids.tolist())), "none is a perturbed other"


@pytest.mark.usefixtures("here")
def test_fewer_stimuli_than_the_encoder_needs_are_refused_by_number() -> None:
    done = run(encoder_study(encoder=[{"use": "plain", "folds": 3, "least": 500}], metric=[RECTIFIED]))
    refused = {item["what"]: item["reason"] for item in done.refused}
    assert refused[f"encoder {NAME}"] == "plain: 60 stimuli, but 500 are needed"
    assert done.systems == ("recording",)


@pytest.mark.usefixtures("here")
def test_fewer_stimuli_than_the_folds_need_are_refused_by_number() -> None:
    done = run(encoder_study(encoder=[{"use": "plain", "folds": 21}], metric=[RECTIFIED]))
    refused = {item["what"]: item["reason"] for item in done.refused}
    assert refused[f"encoder {NAME}"].startswith("60 different stimuli cannot be split into 21 folds of three or more")


@pytest.mark.usefixtures("here")
def test_where_no_unit_passes_the_best_ones_are_listed() -> None:
    done = run(encoder_study(encoder=[{"use": "plain", "folds": 3, "min_fit": 0.99}], metric=[RECTIFIED]))
    refused = {item["what"]: item["reason"] for item in done.refused}
    text = refused[f"encoder {NAME}"]
    assert text.startswith("none of the 6 units is predicted at a held-out correlation of min_fit = 0.99 (u")
    assert text.endswith("): choose another network, layer or encoder")
    assert done.tree[f"encoder/{slug(NAME)}/fit"]["fit"].shape == (6,), "what was fitted is kept all the same"


def test_several_layers_need_folds_to_choose_in(here: Path) -> None:
    encoder = [{"use": "plain", "folds": 2, "layers": ["1", "4"]}]
    message = (
        r"study, \[\[encoder\]\] 1: folds = 2 leaves one fold to choose among 2 layers in: set folds to at least 3, or "
        "name one layer"
    )
    with pytest.raises(BadStudy, match=message):
        run(encoder_study(encoder=encoder))
    assert not (here / "out").exists()


@pytest.mark.usefixtures("here")
def test_units_are_read_from_the_layers_that_were_chosen_for_them() -> None:
    done = run(encoder_study(encoder=[{"use": "plain", "folds": 3, "layers": ["4", "1"], "units": 2}]))
    assert done.provenance["encoders"][NAME]["layers"] == {"4": 0, "1": 4}
    assert set(done.tree[f"encoder/{slug(NAME)}/state"].children) == {"1"}
    assert len(set(done.measured("sensitivity", NAME)["target_unit"].values)) == 2


@pytest.mark.usefixtures("here")
def test_two_encoders_are_compared_and_their_spread_is_part_of_the_interval() -> None:
    encoder = [{"use": "plain", "folds": 3}, {"use": "plain", "name": "stiff", "folds": 3, "penalty": 30.0}]
    done = run(encoder_study(encoder=encoder))
    assert done.systems == ("recording", NAME, "stiff on build")
    summary = done.summary("in-silico-spread", "all systems")
    each = summary["sensitivity"].sel(perturbation="pgd").isel(epsilon=-1)
    both = summary["sensitivity_of_all"].sel(perturbation="pgd").isel(epsilon=-1)
    assert float(both.sel(statistic="low")) == pytest.approx(float(each.sel(statistic="low").min()))
    assert float(both.sel(statistic="high")) == pytest.approx(float(each.sel(statistic="high").max()))
    assert float(each.sel(system=NAME, statistic="estimate")) == pytest.approx(
        float(done.summary("sensitivity", NAME)["sensitivity"].sel(statistic="estimate", perturbation="pgd")[-1])
    )
    said = [found["text"] for found in done.findings if found["metric"] == "in-silico-spread"]
    assert f"in-silico {NAME} (held-out r " in said[0]


@pytest.mark.usefixtures("here")
def test_two_systems_of_one_name_are_refused() -> None:
    model = [{"use": "torch:nets.py:build", "layers": ["1"], "name": "a"}]
    with pytest.raises(BadStudy, match=r"\[\[encoder\]\]: 'plain' stands 2 times: give each a name = '...' of its own"):
        run(encoder_study(model=model, encoder=[{"use": "plain"}, {"use": "plain"}]))


@pytest.mark.usefixtures("here")
def test_the_images_that_a_unit_sees_give_the_responses_of_the_code() -> None:
    """The model is an ordinary response model: the same on one image as on all, and restricted to some units."""
    from spikeproof.insilico import Features, Recipe, fit_encoder, in_silico_model, read_features, training_data

    network = spikeproof.load_model("torch:nets.py:build", layer="1", spatial="positions", image_shape=(1, 6, 6))
    recording = spikeproof.load_source("table:counts.npz", dims=["unit", "stimulus", "repeat"], response_units="Hz")
    images = spikeproof.load_source("images:shown.npz")
    from dataclasses import replace

    from spikeproof._host import Host

    host = Host.discover(files=[Path("encoders.py")])
    encoder = host.build(host.find("encoder", "plain"), {}, where="a test")
    assert isinstance(encoder, Encoder)
    training = training_data(replace(recording, stimuli=images.stimuli))
    features = Features.opened("1", (network,))
    recipe = Recipe(label="plain", model="build", layers=("1",), per_unit=True, folds=3, min_fit=0.2, seed=0)
    fit = fit_encoder(
        encoder, recipe, training, lambda _: read_features(features, training.images, batch=7, device="cpu")
    )
    model = in_silico_model(fit, encoder, {"1": features}, name="x", image_shape=(1, 6, 6))
    pixels = torch.as_tensor(training.images.images()).requires_grad_()
    together = model.responses(pixels)
    assert torch.allclose(model.responses(pixels[3:4]), together[3:4], atol=1e-5)
    assert torch.allclose(model.select([2, 0]).responses(pixels), together[:, [2, 0]], atol=1e-6)
    assert model.select([2, 0]).units == ("u2", "u0")
    (gradient,) = torch.autograd.grad(together.sum(), pixels)
    assert gradient.abs().sum() > 0
    with pytest.raises(ModelError, match="x has 4 units, there is no column 4"):
        model.select([4])
    with pytest.raises(ModelError, match="x predicts recorded units, which have no class scores of their own"):
        model.both(pixels)
