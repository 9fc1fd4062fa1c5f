"""Neither necessary nor sufficient: the constructive pair stands in the table, and ranks are those of the numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spikeproof
import xarray as xr
from scipy.stats import spearmanr
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.testing.toy_evidence import toy_evidence
from spikeproof.testing.toys import toy_code
from spikeproof.types import Code, StudyEvidence
from spikeproof_metrics_comment.existence import NeitherNecessaryNorSufficient
from spikeproof_metrics_comment.plugin import spikeproof_metrics

RESAMPLING = Resampling(draws=200)
SIDE, UNITS, SPACING = 11, 100, 2.0

NETWORKS = f"""
import torch
from torch import nn


def linear(weights, bias=None):
    layer = nn.Linear(weights.shape[1], weights.shape[0], bias=bias is not None)
    layer.weight.data = weights.float()
    if bias is not None:
        layer.bias.data = bias.float()
    return layer


def directions():
    normal = torch.randn({SIDE**2}, {SIDE**2}, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return torch.linalg.qr(normal).Q.T


def network(units, readout):
    # the class whose centre, {SPACING} apart, is nearest to what is read out of the units on the image less grey
    centres = {SPACING} * torch.arange(-3.0, 4.0, dtype=torch.float64)
    grey = float(readout @ units @ torch.full(({SIDE**2},), 0.5, dtype=torch.float64))
    head = centres[:, None] * readout
    return nn.Sequential(nn.Flatten(), linear(units), linear(head, -centres * grey - centres**2 / 2)).eval()


def redundant(a=5.0, n={UNITS}):
    rows = directions()
    return network(rows[0] + a * rows[1 : n + 1], torch.full((1, n), 1 / n, dtype=torch.float64))


def aligned(slope=0.05, n={UNITS}):
    signs = torch.where(torch.arange(n) % 3 == 0, 1.0, -1.0).double()
    return network(slope * signs[:, None] * directions()[0], signs[None])
"""


def images(folder: Path) -> np.ndarray:
    """Images about grey that differ along the one direction that both networks read out, and hardly elsewhere."""
    scope: dict[str, object] = {}
    exec(NETWORKS, scope)  # noqa: S102 - the text stands above
    rows = scope["directions"]().numpy()  # type: ignore[operator]
    rng = np.random.default_rng(0)
    along = np.linspace(-0.6, 0.6, 8)
    pixels = 0.5 + along[:, None] * rows[0] + 0.001 * rng.normal(size=(8, SIDE**2))
    assert 0 < pixels.min() < pixels.max() < 1
    (folder / "nets.py").write_text(NETWORKS)
    np.savez(folder / "images.npz", x=pixels.reshape(8, 1, SIDE, SIDE).astype(np.float32), y=np.arange(8) % 2)
    return along


@pytest.mark.slow
def test_the_constructive_pair_exists_in_the_table(tmp_path: Path) -> None:
    along = images(tmp_path)
    radius = 0.25
    nets = tmp_path / "nets.py"
    result = spikeproof.run(
        {
            "source": {"use": f"images:{tmp_path / 'images.npz'}"},
            "model": [
                {"use": f"torch:{nets}:{name}", "name": name, "layers": ["1"], "units": 2}
                for name in ("redundant", "aligned")
            ],
            "readout": {"use": "head"},
            "threat": {"norm": "l2", "epsilons": [radius], "aims": ["unit", "behavior"], "controls": []},
            "attack": {"use": "pgd", "steps": 3},
            "metric": {"use": "neither-necessary-nor-sufficient"},
            "statistics": {"draws": 200},
        },
        out=tmp_path / "out",
        device="cpu",
    )
    summary = result.summary("neither-necessary-nor-sufficient", "all systems")
    # A unit of slope s moves by s eps; the readout's slopes are sqrt(1 + 25 / 100) and 5 on values u.x and 5 u.x.
    spread = along.std(ddof=1)
    expected = {"redundant 1": np.sqrt(26) * radius / spread, "aligned 1": radius / spread}
    sensitivity = summary["sensitivity"].sel(statistic="estimate").isel(epsilon=0)
    for name, value in expected.items():
        assert float(sensitivity.sel(system=name)) == pytest.approx(value, rel=0.01)
    kept = summary["kept"].sel(statistic="estimate").isel(epsilon=0)
    for name, gain, slope in (("redundant 1", 1.0, np.sqrt(1.25)), ("aligned 1", 5.0, 5.0)):
        margin = SPACING / 2 - np.abs(gain * along - SPACING * np.round(gain * along / SPACING))
        assert float(kept.sel(system=name)) == pytest.approx((margin > slope * radius).mean(), abs=0.05), name
    table = summary["systems_in_cell"].sel(statistic="estimate")
    cells = {
        (units.split()[0], choices.split()[0]): int(table.sel(units=units, choices=choices))
        for units in table["units"].values
        for choices in table["choices"].values
    }
    assert cells == {
        ("fragile", "fragile"): 0, ("fragile", "robust"): 1, ("robust", "fragile"): 1, ("robust", "robust"): 0,
    }  # fmt: skip
    said = " ".join(finding["text"] for finding in result.findings)
    assert "('redundant 1'): robust units are not necessary for robust choices." in said
    assert "('aligned 1'): robust units are not sufficient for robust choices." in said


def system(sensitivity: float, kept: float, seed: int = 0, *, epsilons: tuple[float, ...] = (0.5, 1.0)) -> xr.Dataset:
    """What was measured of a system: three units and the choices, on 20 stimuli, growing with epsilon."""
    rng = np.random.default_rng(seed)
    stimuli = [f"s{k}" for k in range(20)]
    doses = xr.DataArray(list(epsilons), dims="epsilon", attrs={"units": "L2 norm"})
    grow = np.array(epsilons) / epsilons[-1]
    parts = []
    for unit in ("u", "v", "w"):
        values = sensitivity * grow[:, None] * rng.uniform(0.9, 1.1, 20)
        parts.append(_target({"sensitivity": values}, doses, stimuli, aim="unit", unit=unit))
    stays = (np.arange(20) < np.array([kept, kept])[: len(epsilons), None] * 20).astype(float)
    parts.append(_target({"kept": stays}, doses, stimuli, aim="behavior"))
    return xr.concat(parts, dim="target", join="outer", coords="minimal", compat="equals", combine_attrs="override")


def _target(
    values: dict[str, np.ndarray], doses: xr.DataArray, stimuli: list[str], *, aim: str, unit: str = ""
) -> xr.Dataset:
    data = xr.Dataset(
        {name: (("epsilon", "stimulus"), part) for name, part in values.items()},
        coords={"epsilon": doses, "stimulus": stimuli},
    )
    about = {"attack": "pgd", "aim": aim, "objective": aim, "control": "", "target": unit or aim, "target_unit": unit}
    return data.expand_dims("target").assign_coords({name: ("target", [text]) for name, text in about.items()})


def study(measured: dict[str, xr.Dataset], families: dict[str, str] | None = None) -> StudyEvidence:
    codes = {}
    for name in measured:
        code = toy_code([0, 1])
        codes[name] = Code(system=name, responses=code.responses, facts={"model": (families or {}).get(name, name)})
    return StudyEvidence(codes=codes, measured=measured)


NUMBERS = {"a": (0.2, 0.9), "b": (0.5, 0.7), "c": (0.9, 0.8), "d": (1.6, 0.3), "e": (3.0, 0.1)}


def test_ranks_go_together_where_robust_units_go_with_robust_choices() -> None:
    metric = NeitherNecessaryNorSufficient()
    measured = {name: system(*pair, seed) for seed, (name, pair) in enumerate(NUMBERS.items())}
    summary = metric.across(study(measured), RESAMPLING)
    rho = summary["rank_correlation"].isel(epsilon=-1)
    expected = spearmanr([x for x, _ in NUMBERS.values()], [y for _, y in NUMBERS.values()]).statistic
    assert float(rho.sel(statistic="estimate")) == pytest.approx(expected)
    assert float(rho.sel(statistic="low")) <= expected <= float(rho.sel(statistic="high"))
    null = summary["rank_correlation_shuffled"].isel(epsilon=-1)
    assert float(null.sel(statistic="low")) < -0.5 < 0.5 < float(null.sel(statistic="high"))
    table = summary["systems_in_cell"].sel(statistic="estimate")
    assert table.values.tolist() == [[2.0, 0.0], [0.0, 3.0]]
    told = list(metric.describe(summary))
    assert told[0] == (
        "At L2 norm 1, fragile units and robust choices are found in 0 [0, 1] of 5 systems: nothing here says that "
        "robust units are not necessary for robust choices."
    )
    assert told[2].startswith(
        "At L2 norm 1, over 5 systems, unit sensitivity and the share of choices kept have a rank"
    )


def test_another_norm_and_other_thresholds_make_another_table() -> None:
    measured = {name: system(*pair) for name, pair in NUMBERS.items()}
    half = NeitherNecessaryNorSufficient(epsilon=0.5, fragile=0.4, robust=0.85).across(study(measured), RESAMPLING)
    table = half["systems_in_cell"].sel(statistic="estimate")
    assert table.values.tolist() == [[3.0, 0.0], [1.0, 1.0]]
    with pytest.raises(DataError, match=r"epsilon 0\.7 was not tested: the study's are 0\.5 and 1"):
        NeitherNecessaryNorSufficient(epsilon=0.7).across(study(measured), RESAMPLING)


def test_a_cell_near_the_thresholds_is_not_beyond_doubt() -> None:
    metric = NeitherNecessaryNorSufficient()
    summary = metric.across(study({"near": system(1.5, 0.5), "far": system(0.1, 0.95)}), RESAMPLING)
    count = summary["systems_in_cell"].sel(units="fragile units", choices="robust choices")
    assert count.values.tolist() == [1.0, 0.0, 1.0]
    told = list(metric.describe(summary))
    assert "('near'), but not beyond doubt: they lie too near the thresholds." in told[0]
    assert told[-1] == "There are 2 systems; a rank correlation needs 4."


def test_layers_of_one_network_are_drawn_together() -> None:
    measured = {f"{name}{k}": system(*pair, k) for name, pair in NUMBERS.items() for k in range(3)}
    alone = NeitherNecessaryNorSufficient().across(study(measured), RESAMPLING)
    together = NeitherNecessaryNorSufficient().across(study(measured, {name: name[0] for name in measured}), RESAMPLING)
    width = [
        float(one["rank_correlation"].isel(epsilon=-1).sel(statistic="high"))
        - float(one["rank_correlation"].isel(epsilon=-1).sel(statistic="low"))
        for one in (alone, together)
    ]
    assert width[1] > width[0]


def test_of_several_attacks_the_worst_counts() -> None:
    weak, strong = system(0.5, 0.9), system(2.0, 0.2)
    both = xr.concat([weak, strong.assign_coords(attack=("target", ["other"] * 4))], dim="target")
    summary = NeitherNecessaryNorSufficient().across(study({"net": both}), RESAMPLING)
    alone = NeitherNecessaryNorSufficient().across(study({"net": strong}), RESAMPLING)
    for name in ("sensitivity", "kept"):
        np.testing.assert_allclose(summary[name].values, alone[name].values)


def test_evidence_is_read_at_the_attacked_unit_and_at_the_choices() -> None:
    entry = next(one for one in spikeproof_metrics() if one.name == "neither-necessary-nor-sufficient")
    metric = NeitherNecessaryNorSufficient()
    for item in toy_evidence(entry):
        found = metric.measure(item)
        assert item.perturbed is not None
        if item.aim == "unit" and not item.control:
            assert item.target_unit is not None
            shift = np.abs(item.perturbed.sel(unit=item.target_unit) - item.clean.sel(unit=item.target_unit))
            sd = item.code.responses.sel(unit=item.target_unit).std(ddof=1)
            np.testing.assert_allclose(found["sensitivity"].values, (shift / sd).values)
            assert found["epsilon"].attrs["units"] == "L2 norm"
        elif item.aim == "unit":
            assert not found.data_vars
        else:
            assert item.choices is not None
            assert item.clean_choices is not None
            np.testing.assert_array_equal(found["kept"].values, item.choices.values == item.clean_choices.values)


def test_systems_without_both_aims_are_left_out_or_refused() -> None:
    whole = system(0.5, 0.9)
    metric = NeitherNecessaryNorSufficient()
    summary = metric.across(study({"net": whole, "mute": whole.drop_vars("kept")}), RESAMPLING)
    assert list(metric.describe(summary))[-1] == "mute is left out: no attack was aimed at its choices."
    with pytest.raises(NotEnoughData, match=r"there is none \(mute: no attack was aimed at its choices\)"):
        metric.across(study({"mute": whole.drop_vars("kept")}), RESAMPLING)
    with pytest.raises(BadParameter, match="fragile must be above 0"):
        NeitherNecessaryNorSufficient(fragile=0)
    with pytest.raises(BadParameter, match="robust must be above 0 and at most 1"):
        NeitherNecessaryNorSufficient(robust=1.5)


def test_systems_that_all_keep_their_choices_have_no_rank() -> None:
    metric = NeitherNecessaryNorSufficient()
    summary = metric.across(study({name: system(x, 1.0) for name, (x, _) in NUMBERS.items()}), RESAMPLING)
    assert "rank_correlation" not in summary
    assert "All systems keep equally many choices at every norm, so that nothing can be ranked." in list(
        metric.describe(summary)
    )


def test_ranks_are_said_at_the_largest_norm_at_which_choices_differ() -> None:
    metric = NeitherNecessaryNorSufficient()
    measured = {}
    for name, pair in NUMBERS.items():
        measured[name] = system(*pair)
        measured[name]["kept"].loc[{"epsilon": 1.0}] = measured[name]["kept"].sel(epsilon=1.0) * 0
    told = list(metric.describe(metric.across(study(measured), RESAMPLING)))
    assert "At L2 norm 1 all systems keep equally many choices, and nothing can be ranked." in told
    assert any(said.startswith("At L2 norm 0.5, over 5 systems") for said in told)
