"""A real recording, from its file to the result: human neurons in a recognition task (DANDI 000207, subject 4)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import spikeproof
import xarray as xr
from spikeproof.result import Result

FILE = "data/nwb/dandi000207_human_sub-4_ses-4_ecephys+image.nwb"
METRICS = ["sparseness", "selectivity", "decoder-accuracy", "silencing", "margin", "sensitivity"]
SYSTEM = "recording"


def run(shared: Path, folder: Path, *, full: bool) -> Result:
    """Run everything that can be asked of it; ``full`` is with the defaults, otherwise with few draws."""
    few = {} if full else {"draws": 3, "sizes": [1, 35], "folds": 3}
    return spikeproof.run(
        {
            "source": {
                "use": f"nwb:{shared / FILE}",
                "table": "recognition_table",
                "stimulus": "frameName",
                "category": "stimuli_type",
            },
            "readout": {"use": "logistic"},
            "threat": {"epsilons": [1.0], "aims": ["unit"]},
            "attack": [
                {"use": "silence"} if full else {"use": "silence", "draws": 5},
                {"use": "shift"},
                {"use": "pgd"},
            ],
            "metric": [*({"use": name} for name in METRICS), {"use": "dropping-curve", **few}],
            "statistics": {"draws": 1000 if full else 100},
        },
        out=folder / "out",
        device="cpu",
    )


@pytest.fixture(scope="module")
def quick(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(shared, tmp_path_factory.mktemp("quick"), full=False)


@pytest.fixture(scope="module")
def full(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(shared, tmp_path_factory.mktemp("full"), full=True)


def test_none_of_180_presentations_and_35_units_is_lost_or_merged(quick: Result, shared: Path) -> None:
    (facts,) = quick.provenance["system_facts"]
    assert {key: facts[key] for key in ("units", "presentations", "stimuli", "categories")} == {
        "units": 35,
        "presentations": 180,
        "stimuli": 134,
        "categories": 2,
    }
    with h5py.File(shared / FILE) as file:
        table = file["intervals/recognition_table"]
        start, stop = table["start_time"][()], table["stop_time"][()]
        frames = np.array([name.decode() for name in table["frameName"][()]])
        kinds = dict(zip(frames, table["stimuli_type"][()].tolist(), strict=True))
        ends = [0, *map(int, file["units/spike_times_index"][()])]
        trains = [file["units/spike_times"][a:b] for a, b in pairwise(ends)]
    assert len(frames) == 180
    counts = np.array(
        [[((train >= a) & (train < b)).sum() for train in trains] for a, b in zip(start, stop, strict=True)]
    )
    code = quick.tree[f"code/{SYSTEM}"].to_dataset().load()
    assert dict(code["response"].sizes) == {"stimulus": 134, "unit": 35}
    for stimulus in code["stimulus"].values.tolist():
        shown = frames == stimulus
        np.testing.assert_allclose(code["response"].sel(stimulus=stimulus), counts[shown].mean(axis=0), rtol=1e-12)
        assert float(code["label"].sel(stimulus=stimulus).item()) == kinds[stimulus]
    assert any(note.startswith("nwb: 3 of 180 windows start before an earlier one has ended") for note in quick.notes)


def test_what_needs_pixels_is_refused_by_name_with_the_reason(quick: Result) -> None:
    assert quick.refused == [
        {"what": "pgd of recording", "reason": "pgd needs a model: this source has no images"},
        {"what": "sensitivity of recording", "reason": "sensitivity needs a model: this source has no images"},
    ]
    assert quick.metrics == (*METRICS[:-1], "dropping-curve")
    page = quick.report.read_text()
    assert "pgd needs a model: this source has no images" in page


def check_intervals(result: Result) -> int:
    """Check that every number lies in a finite interval, or that its definition says when it is infinite."""
    checked = 0
    for metric in result.metrics:
        for name, variable in result.summary(metric, SYSTEM).data_vars.items():
            low, estimate, high = (variable.sel(statistic=part).values for part in ("low", "estimate", "high"))
            assert np.all(low <= estimate), (metric, name)  # NaN fails too
            assert np.all(estimate <= high), (metric, name)
            if not np.isfinite([low, estimate, high]).all():
                assert "infinite" in variable.attrs["definition"], (metric, name)
                assert np.isfinite(low).all(), (metric, name)
            checked += estimate.size
    return checked


def test_every_number_has_its_interval(quick: Result) -> None:
    assert check_intervals(quick) > 400


CHANCE = {
    "sparseness": "lifetime_sparseness",
    "selectivity": "best_auc",
    "decoder-accuracy": "accuracy",
    "dropping-curve": "accuracy",
    "silencing": "accuracy",
}


@pytest.mark.parametrize("metric", CHANCE)
def test_chance_stands_beside_each_number_with_its_own_interval(quick: Result, metric: str) -> None:
    summary = quick.summary(metric, SYSTEM)
    variable = summary[CHANCE[metric]]
    chance = summary[variable.attrs["chance"]]
    low, high = chance.sel(statistic="low"), chance.sel(statistic="high")
    assert bool((low < high).all())
    assert set(chance.dims) <= set(variable.dims)
    if metric in {"decoder-accuracy", "dropping-curve", "silencing"}:  # two categories of 90 and 44 or so
        assert 0.3 < float(chance.sel(statistic="estimate").mean()) < 0.7


def test_random_directions_stand_beside_the_shortest_shift(quick: Result) -> None:
    within = quick.summary("margin", SYSTEM)["changed_within"].sel(statistic="estimate")
    optimal, random = within.sel(direction="optimal"), within.sel(direction="random")
    assert bool((optimal >= random).all())
    assert float(optimal[-1]) > float(random[-1]) + 0.2


def test_random_orders_stand_beside_chosen_silenced_units(quick: Result) -> None:
    k50 = quick.summary("silencing", SYSTEM)["k50"].sel(statistic="estimate")
    assert float(k50.sel(order="weight")) < float(k50.sel(order="random"))


def test_auc_is_that_of_an_obvious_count(quick: Result) -> None:
    code = quick.tree[f"code/{SYSTEM}"].to_dataset().load()
    summary = quick.summary("selectivity", SYSTEM)["auc"].sel(statistic="estimate").load()
    for category in summary["category"].values.tolist():
        inside = code["label"].values == category
        for column, unit in enumerate(code["unit"].values.tolist()):
            a, b = code["response"].values[inside, column], code["response"].values[~inside, column]
            wins = (a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean()
            assert float(summary.sel(category=category, unit=unit)) == pytest.approx(wins, abs=1e-12)


@pytest.mark.slow
def test_with_the_defaults_the_dropping_curve_has_50_draws_and_all_numbers_intervals(full: Result) -> None:
    assert check_intervals(full) > 600
    measured = full.measured("dropping-curve", SYSTEM)
    assert measured.sizes["subset"] >= 50
    curve = full.summary("dropping-curve", SYSTEM)["accuracy"]
    assert (int(curve["size"][0]), int(curve["size"][-1])) == (1, 35)
    assert full.refused == [
        {"what": "pgd of recording", "reason": "pgd needs a model: this source has no images"},
        {"what": "sensitivity of recording", "reason": "sensitivity needs a model: this source has no images"},
    ]


@pytest.mark.slow
def test_few_draws_change_no_estimate_that_does_not_depend_on_them(quick: Result, full: Result) -> None:
    for metric in ("sparseness", "selectivity", "decoder-accuracy"):
        one, many = (result.summary(metric, SYSTEM).sel(statistic="estimate") for result in (quick, full))
        names = [name for name in one.data_vars if "chance" not in str(name)]
        xr.testing.assert_allclose(one[names].load(), many[names].load(), rtol=1e-12)
