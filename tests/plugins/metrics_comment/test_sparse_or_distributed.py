"""Sparse or distributed: simulated codes of either kind get their verdict, and noise gets none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import spikeproof
import xarray as xr
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.testing.toys import toy_code
from spikeproof.types import Evidence
from spikeproof_metrics_comment.sparse_or_distributed import SparseOrDistributed

RESAMPLING = Resampling(draws=100)
METRIC = SparseOrDistributed()


def study(tmp_path: Path, kind: str, seed: int = 0, **more: object) -> spikeproof.Result:
    return spikeproof.run(
        {
            "source": {"use": f"simulate:{kind}", "seed": seed, **more},
            "readout": {"use": "logistic"},
            "attack": {"use": "flip", "draws": 10},
            "metric": {"use": "sparse-or-distributed"},
            "statistics": {"draws": 200},
        },
        out=tmp_path / f"{kind}-{seed}",
    )


@pytest.mark.parametrize(
    ("kind", "verdict"), [("sparse", "carried sparsely, by few units"), ("distributed", "distributed over many units")]
)
def test_simulated_codes_get_their_verdict(tmp_path: Path, kind: str, verdict: str) -> None:
    result = study(tmp_path, kind, repeats=5)
    assert result.refused == []
    assert verdict in result.findings[-1]["text"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_the_verdict_does_not_hang_on_the_seed(tmp_path: Path, seed: int) -> None:
    ratio = {
        kind: study(tmp_path, kind, seed).summary("sparse-or-distributed", "recording")["ratio"].values
        for kind in ("sparse", "distributed")
    }
    assert ratio["sparse"][2] < METRIC.sparse
    assert ratio["distributed"][1] > METRIC.distributed


def measured(changed: dict[str, list[np.ndarray]], stimuli: int = 40) -> xr.Dataset:
    """Targets of every order, (dose, stimulus)."""
    parts = []
    for order, draws in changed.items():
        for number, values in enumerate(draws):
            doses = xr.DataArray(np.arange(1.0, len(values) + 1), dims="epsilon", attrs={"units": "units flipped"})
            coords = {"epsilon": doses, "stimulus": [f"s{k}" for k in range(stimuli)]}
            one = xr.Dataset({"changed": (("epsilon", "stimulus"), values)}, coords=coords)
            about = {
                "objective": order, "control": "random" if order == "random" else "", "target": f"{order} {number}",
            }  # fmt: skip
            parts.append(one.expand_dims("target").assign_coords({k: ("target", [v]) for k, v in about.items()}))
    return xr.concat(parts, dim="target")


def steps(at: float, doses: int = 6, stimuli: int = 40) -> np.ndarray:
    """All choices change between two numbers of flipped units, half of them at ``at``."""
    share = np.clip(np.arange(1, doses + 1) - at + 0.5, 0, 1)
    return (np.arange(stimuli) < share[:, None] * stimuli).astype(float)


def test_the_ratio_is_that_of_units_for_half_of_what_all_of_them_change() -> None:
    code = toy_code()
    cells = measured({"weight": [steps(2.0)], "greedy": [steps(2.5)], "random": [steps(5.0), steps(5.0)]})
    summary = METRIC.summarise(cells, code, RESAMPLING)
    half = summary["half_changed"].sel(statistic="estimate")
    assert dict(zip(half["order"].values.tolist(), half.values.tolist(), strict=True)) == pytest.approx(
        {"weight": 2.0, "greedy": 2.5, "random": 5.0}
    )
    assert float(summary["ratio"].sel(statistic="estimate")) == pytest.approx(0.4)
    np.testing.assert_allclose(summary["changed_by_one"].sel(statistic="estimate").values, 0.0)
    told = list(METRIC.describe(summary, code))
    assert "neither clearly sparse (below 0.2) nor clearly distributed" in told[-1] or "distributed over" in told[-1]


def test_a_readout_at_chance_gets_no_verdict() -> None:
    code = toy_code()
    assert code.labels is not None
    wrong = code.labels.copy(data=np.roll(code.labels.values, 12))  # each category called by another's name
    cells = measured({"weight": [steps(1.0)], "random": [steps(5.0)]})
    summary = METRIC.summarise(cells, replace(code, labels=wrong), RESAMPLING)
    assert "not above chance" in list(METRIC.describe(summary, code))[-1]
    blind = METRIC.summarise(cells, replace(code, labels=None), RESAMPLING)
    assert "has no categories to be right about" in list(METRIC.describe(blind, code))[-1]


def test_flips_of_some_units_only_get_no_verdict() -> None:
    cells = measured({"weight": [steps(2.0)[:3]], "random": [0 * steps(2.0)[:3]]})
    summary = METRIC.summarise(cells, toy_code(), RESAMPLING)
    assert set(summary) == {"changed", "changed_by_one"}
    told = list(METRIC.describe(summary, toy_code()))
    assert told[-1] == (
        "Flips go up to 3 of 6 units: whether few or many carry the choice shows once all are flipped (leave `counts` "
        "of the attack empty)."
    )


def test_evidence_that_says_nothing_is_refused() -> None:
    code = toy_code()
    with pytest.raises(NotEnoughData, match="has no readout under attack: name attack 'flip'"):
        METRIC.measure(Evidence(code=code))
    with pytest.raises(NotEnoughData, match="needs flips of random units beside those of the best ones"):
        METRIC.summarise(measured({"weight": [steps(2.0)]}), code, RESAMPLING)
    nothing = measured({"weight": [0 * steps(2.0)], "random": [0 * steps(2.0)]})
    with pytest.raises(NotEnoughData, match="flipping all 6 units of toy changes no choice"):
        METRIC.summarise(nothing, code, RESAMPLING)
    with pytest.raises(BadParameter, match="bounds must ascend between 0 and 1"):
        SparseOrDistributed(sparse=0.5, distributed=0.3)
