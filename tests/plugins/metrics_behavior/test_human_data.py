"""The human choices of model-vs-human, from their files to the tabulated numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import spikeproof

from .test_behavior_golden import KAPPAS

ACCURACIES = {
    "colour": 0.8867, "contrast": 0.6609, "cue-conflict": 0.7755, "edge": 0.8712, "eidolonI": 0.6075,
    "eidolonII": 0.5828, "eidolonIII": 0.6391, "false-colour": 0.8737, "high-pass": 0.6289, "low-pass": 0.6613,
    "phase-scrambling": 0.6879, "power-equalisation": 0.7589, "rotation": 0.8299, "silhouette": 0.7531,
    "sketch": 0.9163, "stylized": 0.4713, "uniform-noise": 0.6828,
}  # fmt: skip
"""Mean human accuracy on the conditions that count."""


def run(shared: Path, sets: str, out: Path, *metrics: str) -> spikeproof.Result:
    folder = shared / "data" / "human" / "geirhos_model_vs_human" / "raw-data" / sets
    chosen = [{"use": name, **({"conditions": "usable"} if "accuracy" in name else {})} for name in metrics]
    study = {"source": {"use": f"trials:{folder}"}, "metric": chosen, "statistics": {"draws": 100}}
    return spikeproof.run(study, out=out)


def test_one_image_set_gives_its_tabulated_numbers(shared: Path, tmp_path: Path) -> None:
    result = run(shared, "cue-conflict", tmp_path / "out", "error-consistency", "behavioral-accuracy", "shape-bias")
    assert result.refused == []
    everything = "all systems"
    kappa = result.summary("error-consistency", everything)["kappa"]
    assert kappa.sel(statistic="estimate").values == pytest.approx(KAPPAS["cue-conflict"], abs=5e-5)
    accuracy = result.summary("behavioral-accuracy", everything)["accuracy"]
    assert accuracy.sel(statistic="estimate").values == pytest.approx(ACCURACIES["cue-conflict"], abs=5e-5)
    bias = result.summary("shape-bias", everything)["shape_bias"]
    assert bias.sel(statistic="estimate").values == pytest.approx(0.9576, abs=5e-5)
    assert (bias.sel(statistic="low").values > 0.93).all()


@pytest.mark.slow
def test_all_image_sets_give_their_tabulated_numbers(shared: Path, tmp_path: Path) -> None:
    result = run(shared, ".", tmp_path / "out", "error-consistency", "behavioral-accuracy", "shape-bias")
    kappa, accuracy = (
        result.summary(metric, "all systems")[name].sel(statistic="estimate").squeeze(drop=True)
        for metric, name in (("error-consistency", "kappa"), ("behavioral-accuracy", "accuracy"))
    )
    for name in KAPPAS:
        assert float(kappa.sel(image_set=name)) == pytest.approx(KAPPAS[name], abs=5e-5), name
        assert float(accuracy.sel(image_set=name)) == pytest.approx(ACCURACIES[name], abs=5.1e-5), name
    assert float(kappa.sel(image_set="mean of all")) == pytest.approx(0.4312, abs=5e-5)
    assert float(accuracy.sel(image_set="mean of all")) == pytest.approx(0.7228, abs=5e-5)
    bias = result.summary("shape-bias", "all systems")["shape_bias"].sel(statistic="estimate")
    assert bias["image_set"].values.tolist() == ["cue-conflict"]
    assert bias.values == pytest.approx(0.9576, abs=5e-5)
