"""Encoders on real recordings: macaque V4 with its images, and human neurons whose file holds none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
from numpy.typing import NDArray
from PIL import Image
from spikeproof._host import Host
from spikeproof.insilico import Features, read_features, training_data
from spikeproof.result import Result, slug

pytestmark = pytest.mark.slow

HUMAN = "data/nwb/dandi000207_human_sub-4_ses-4_ecephys+image.nwb"
NET = "data/models/zoo.py"


def v4(shared: Path, session: str, responses: str, dims: list[str]) -> dict[str, Any]:
    return {
        "use": f"table:{shared / 'data/v4' / responses}",
        "dims": dims,
        "response_units": "spikes",
        "images": str(shared / f"data/v4/images_{session}.zip"),
        "session": session,
        "size": 64,
    }


def correlations(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([np.corrcoef(predicted[:, k], measured[:, k])[0, 1] for k in range(measured.shape[1])])


def test_v4_neurons_are_predicted_from_resnet20_on_images_that_no_fit_saw(shared: Path) -> None:
    """Train on images 1-600 and 901-1200, test on 601-900: mean r over the 33 neurons at least 0.50."""
    source = v4(shared, "190923", "responses_avg_190923.npy", ["unit", "stimulus"])
    recording = spikeproof.load_source(source.pop("use"), **source)
    training = training_data(recording)
    model = spikeproof.load_model(
        f"torch:{shared / NET}:resnet20", layer="1.layer2", spatial="positions", image_shape=(3, 64, 64)
    )
    rows = read_features(Features.opened("1.layer2", (model,)), training.images, batch=64, device="cpu")
    host = Host.discover()
    encoder: Any = host.build(host.find("encoder", "ridge"), {}, where="a test")
    test = np.arange(1200) // 300 == 2
    fit = encoder.fit(rows, training.responses, repeats=None, folds=test.astype(np.intp), seed=0)
    r = correlations(fit.held_out.values[test], training.responses.values[test])
    assert len(r) == 33
    assert r.mean() >= 0.50
    assert r.min() > 0.2


def test_small_perturbations_move_the_whole_v4_population_to_another_image_and_random_ones_do_not(
    shared: Path, tmp_path: Path
) -> None:
    """The cross-scale matrix with the readout ``identity``: which image do the 33 in-silico neurons say it is?"""
    done = spikeproof.run(
        {
            "source": v4(shared, "190923", "responses_avg_190923.npy", ["unit", "stimulus"]),
            "model": {"use": f"torch:{shared / NET}:resnet20", "layers": ["1.layer2"], "spatial": "positions"},
            "encoder": {"use": "ridge", "grids": [4], "penalties": [0.3], "units": 3},
            "readout": {"use": "identity"},
            "threat": {
                "epsilons": [1.5],
                "aims": ["unit", "population", "behavior"],
                "stimuli": 5,
                "controls": ["random"],
            },
            "engine": {"longer_items": 0},
            "attack": {"use": "pgd", "steps": 4, "schedule": "geometric", "classes": 0},
            "metric": "cross-scale",
            "statistics": {"draws": 200},
        },
        out=tmp_path / "out",
        device="cpu",
    )
    name = "ridge on resnet20"
    code = done.tree[f"code/{slug(name)}"].to_dataset()
    assert code.sizes["unit"] == 33, "the population is all of it, however few are aimed at"
    found = done.summary("cross-scale", name)["matrix"].isel(epsilon=0)
    estimate = found.sel(statistic="estimate")
    assert estimate["scale"].values.tolist() == ["unit", "population", "behavior"]
    for aim in ("unit", "population", "behavior"):
        moved, control = estimate.sel(row=aim), estimate.sel(row=f"random ({aim})")
        assert (moved.sel(scale=["unit", "population"]) > 4 * control.sel(scale=["unit", "population"])).all()
        assert float(moved.sel(scale="behavior")) > float(control.sel(scale="behavior"))
        assert float(control.sel(scale="population")) < 0.3
    assert float(estimate.sel(row="unit", scale="unit")) > 1, "further than another image would"
    assert estimate.sel(scale="unit").idxmax("row") == "unit"
    assert estimate.sel(scale="population").idxmax("row") == "population"


@pytest.fixture(scope="module")
def repeated(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Session 210325 with its repeats; nothing is attacked."""
    return spikeproof.run(
        {
            "source": v4(shared, "210325", "responses_raw_210325.npy", ["unit", "stimulus", "repeat"]),
            "model": {"use": f"torch:{shared / NET}:resnet20", "layers": ["1.layer2"], "spatial": "positions"},
            "encoder": {"use": "ridge"},
            "metric": "encoder-fit",
            "statistics": {"draws": 200},
        },
        out=tmp_path_factory.mktemp("repeated") / "out",
        device="cpu",
    )


def test_noise_corrected_figures_of_each_neuron_have_intervals(repeated: Result) -> None:
    summary = repeated.summary("encoder-fit", "ridge on resnet20")
    raw, corrected = (summary[name] for name in ("unit_held_out_r", "unit_noise_corrected"))
    kept = repeated.tree[f"encoder/{slug('ridge on resnet20')}/fit"].to_dataset()["status"].values == "kept"
    assert kept.sum() > 40
    estimate = corrected.sel(statistic="estimate").values[kept]
    assert (np.abs(estimate) >= np.abs(raw.sel(statistic="estimate").values[kept])).all(), "noise lowers what is raw"
    assert np.isfinite(corrected.values[:, kept]).all()
    assert (corrected.sel(statistic="low") <= corrected.sel(statistic="high")).values[kept].all()
    mean = summary["held_out_r"]
    assert 0.3 < float(mean.sel(statistic="low")) < float(mean.sel(statistic="high")) < 0.8
    explained = float(summary["r2_over_ceiling"].sel(statistic="estimate"))
    older = float(summary["squared_r_over_ceiling"].sel(statistic="estimate"))
    assert explained < older, "the older rule divides by the reliability twice"
    said = " ".join(found["text"] for found in repeated.findings)
    assert "by r^2 / reliability" in said


def test_the_reliability_is_that_of_the_reliability_metric(repeated: Result, shared: Path) -> None:
    """Two ways to the noise ceiling of Allen et al. 2022: pooled variance here, the metric's function there."""
    from spikeproof_metrics_unit import noise_ceiling

    single = np.load(shared / "data/v4/responses_raw_210325.npy").transpose(1, 2, 0)
    peer = noise_ceiling(single)
    total = np.nanmean(single, axis=1).var(axis=0, ddof=1)
    share = (1 / (~np.isnan(single)).sum(axis=1)).mean(axis=0)
    ours = repeated.tree[f"encoder/{slug('ridge on resnet20')}/fit"].to_dataset()["reliability"].values
    assert ours == pytest.approx(1 - peer.noise_variance * share / total, abs=1e-9)
    assert np.abs(ours - peer.ceiling).max() < 0.05, "the signal's variance is estimated from single trials there"


def human(shared: Path, folder: Path, **changes: Any) -> Result:
    source = {
        "use": f"nwb:{shared / HUMAN}",
        "table": "recognition_table",
        "stimulus": "frameName",
        "category": "stimuli_type",
    }
    study = {
        "source": [source],
        "model": [{"use": "gabor", "layers": ["complex"], "frequencies": [2.0, 4.0]}],
        "encoder": [{"use": "ridge", "folds": 4, "min_fit": -0.99}],
        "threat": {"epsilons": [1.0], "aims": ["unit"], "stimuli": 2, "controls": []},
        "engine": {"longer_items": 0},
        "attack": [{"use": "fgm"}],
        "metric": ["sensitivity", {"use": "selectivity", "permutations": 50}],
        "statistics": {"draws": 100},
    } | changes
    return spikeproof.run(study, out=folder / "out", device="cpu")


def test_human_neurons_without_images_are_refused_by_name_and_the_rest_runs(shared: Path, tmp_path: Path) -> None:
    done = human(shared, tmp_path)
    refused = {item["what"]: item["reason"] for item in done.refused}
    assert refused["encoder ridge"].startswith(
        "the recording's source has no images: give `images` (a second [[source]]"
    )
    assert done.systems == ("recording",)
    assert done.has("selectivity", "recording")


def test_with_a_folder_of_images_whose_names_match_it_proceeds(shared: Path, tmp_path: Path) -> None:
    recording = spikeproof.load_source(
        f"nwb:{shared / HUMAN}", table="recognition_table", stimulus="frameName", category="stimuli_type"
    )
    assert recording.responses is not None
    names = sorted(set(recording.responses["stimulus_id"].values.tolist()))
    rng = np.random.default_rng(0)
    (tmp_path / "shown").mkdir()
    for name in names:
        Image.fromarray(rng.integers(0, 256, (16, 16), dtype=np.uint8)).save(tmp_path / "shown" / name)
    sources = [
        {
            "use": f"nwb:{shared / HUMAN}",
            "table": "recognition_table",
            "stimulus": "frameName",
            "category": "stimuli_type",
        },
        {"use": f"images:{tmp_path / 'shown'}"},
    ]
    done = human(shared, tmp_path, source=sources)
    assert done.systems == ("recording", "ridge on gabor")
    facts = {item["name"]: item for item in done.provenance["system_facts"]}["ridge on gabor"]
    assert facts["stimuli"] == len(names) == 134
    fit = float(done.summary("encoder-fit", "ridge on gabor")["held_out_r_of_all"].sel(statistic="estimate"))
    assert abs(fit) < 0.1, "pictures of noise predict nothing"
    assert done.has("sensitivity", "ridge on gabor")
