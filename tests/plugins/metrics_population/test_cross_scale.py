"""The cross-scale matrix: its cells against the formula spelled out, its rows, eps50 and sentences."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_codes import build_code, category_code, check_summary, perturb, stack
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence
from spikeproof_metrics_population.cross_scale import CrossScale, live_units, relative_shifts

FEW = Resampling(draws=200)


def small(seed: int = 0, covariance: np.ndarray | None = None) -> Code:
    return category_code(np.full(4, 2.0), stimuli=20, seed=seed, covariance=covariance)


def noisy(code: Code, doses: tuple[float, ...], seed: int = 0) -> np.ndarray:
    step = np.random.default_rng(seed).normal(size=code.responses.shape)
    return np.stack([code.responses.values + dose * step for dose in doses])


def summary_of(evidence: list[Evidence], resampling: Resampling = FEW) -> xr.Dataset:
    metric = CrossScale()
    summary = metric.summarise(stack((e, metric.measure(e)) for e in evidence), evidence[0].code, resampling)
    check_summary(summary)
    return summary


def pairs(values: np.ndarray, distance: str) -> float:
    measure = {
        "euclidean": lambda a, b: np.sqrt(((a - b) ** 2).sum()),
        "absolute": lambda a, b: np.abs(a - b),
        "differs": lambda a, b: float(a != b),
    }[distance]
    return float(np.mean([measure(a, b) for a, b in combinations(values, 2)]))


def test_every_cell_is_the_formula_spelled_out() -> None:
    code = small()
    assert code.choices is not None
    stimuli = ("s3", "s0", "s7")
    rows = [3, 0, 7]
    doses = (0.5, 2.0)
    perturbed = noisy(code, doses)[:, rows]
    about = {"aim": "unit", "objective": "unit", "target": "u1", "target_unit": "u1"}
    one = perturb(code, perturbed, doses, stimuli=stimuli, **about)
    whole = perturb(code, perturbed, doses, stimuli=stimuli)
    values, z = code.responses.values, code.responses.values / code.responses.values.std(axis=0, ddof=1)
    for k in range(len(doses)):
        moved = np.abs(perturbed[k] - values[rows])
        unit = moved[:, 1].mean() / pairs(values[:, 1], "absolute")
        units = np.mean([moved[:, i].mean() / pairs(values[:, i], "absolute") for i in range(4)])
        population = np.linalg.norm(moved / values.std(axis=0, ddof=1), axis=1).mean() / pairs(z, "euclidean")
        assert one.choices is not None
        differs = (one.choices.values[k] != code.choices.values[rows]).mean()
        behavior = differs / pairs(code.choices.values, "differs")
        for evidence, first in ((one, unit), (whole, units)):
            cells = relative_shifts(evidence).isel(epsilon=k).mean("stimulus").values
            np.testing.assert_allclose(cells, [first, population, behavior])
    assert summary_of([one])["matrix"].sel(statistic="estimate").shape == (1, 3, 2)


def test_with_a_noise_covariance_the_population_distance_is_mahalanobis() -> None:
    factor = np.random.default_rng(1).normal(size=(4, 8))
    covariance = factor @ factor.T / 8
    code = small(covariance=covariance)
    evidence = perturb(code, noisy(code, (1.0,)), (1.0,))
    precision = np.linalg.inv(covariance)
    values = code.responses.values
    moved = (noisy(code, (1.0,)) - values)[0]
    top = np.sqrt(np.einsum("si,ij,sj->s", moved, precision, moved)).mean()
    bottom = np.mean([np.sqrt((a - b) @ precision @ (a - b)) for a, b in combinations(values, 2)])
    got = relative_shifts(evidence).sel(scale="population").mean("stimulus").values
    np.testing.assert_allclose(got, [top / bottom])


def test_no_perturbation_is_no_shift_and_another_clean_image_is_one() -> None:
    code = small()
    clean = perturb(code, code.responses.values[None], (1.0,))
    assert (relative_shifts(clean).values == 0).all()
    assert code.choices is not None
    n = code.responses.sizes["stimulus"]
    others = np.stack([np.roll(code.responses.values, k, axis=0) for k in range(1, n)])
    everywhere = perturb(code, others, tuple(np.arange(1.0, n)))
    np.testing.assert_allclose(relative_shifts(everywhere).mean(["epsilon", "stimulus"]).values, 1.0)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(5)), st.floats(0.01, 100.0), st.integers(0, 10))
def test_reordering_or_rescaling_units_changes_no_cell(order: list[int], scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, step = rng.normal(size=(8, 5)), rng.normal(size=(8, 5))
    one, other = build_code(values), build_code(values[:, order] * scale)
    cells = relative_shifts(perturb(one, (values + step)[None], (1.0,)))
    moved = relative_shifts(perturb(other, ((values + step)[:, order] * scale)[None], (1.0,)))
    np.testing.assert_allclose(cells.values, moved.values, rtol=1e-9)


def test_constant_units_are_left_out_counted_and_told() -> None:
    values = np.random.default_rng(0).normal(size=(12, 4))
    values[:, 2] = 3.0 + 1e-7 * np.random.default_rng(1).normal(size=12)  # as float32 jitters
    values[:, 3] = 0.0
    code = build_code(values)
    assert live_units(code).tolist() == [True, True, False, False]
    moved = values + 1.0
    whole = perturb(code, moved[None], (1.0,))
    expected = np.mean([1 / pairs(values[:, i], "absolute") for i in (0, 1)])
    np.testing.assert_allclose(relative_shifts(whole).sel(scale="unit").values, expected)
    about = {"aim": "unit", "objective": "unit"}
    aimed = [perturb(code, moved[None], (1.0,), target=f"u{i}", target_unit=f"u{i}", **about) for i in range(3)]
    summary = summary_of(aimed)
    cell = summary["matrix"].sel(row="unit", scale="unit", epsilon=1.0, statistic="estimate")
    assert cell == pytest.approx(expected)
    assert summary["matrix"].attrs["excluded_units"] == 2
    assert summary["matrix"].attrs["excluded_targets"] == 1
    text = " ".join(CrossScale().describe(summary, code))
    assert "2 units are constant over the clean stimuli and left out at the unit scale; 1 targets aimed at one." in text
    assert "Left out: behavior, because the code has no choices" in text


def test_a_code_of_constant_units_and_an_unperturbed_code_are_refused() -> None:
    code = build_code(np.ones((5, 3)))
    with pytest.raises(NotEnoughData, match="every unit of code recording gives all 5 clean stimuli the same response"):
        CrossScale().measure(perturb(code, np.ones((1, 5, 3)), (1.0,)))
    with pytest.raises(NotEnoughData, match="has no perturbed responses: give the study an attack"):
        CrossScale().measure(Evidence(code=code))


def everything(code: Code, doses: tuple[float, ...] = (0.5, 1.0)) -> list[Evidence]:
    made = []
    for control, size in (("", 1.0), ("random", 0.02)):
        step = [code.responses.values + size * d * (1 + 0.1 * code.responses.values) for d in doses]
        moved = np.stack(step)
        for unit in ("u0", "u1"):
            about = {"aim": "unit", "objective": "unit", "target": unit, "target_unit": unit}
            made.append(perturb(code, moved, doses, control=control, **about))
        made += [
            perturb(code, moved, doses, control=control, aim=aim, objective=aim, target=aim)
            for aim in ("population", "behavior")
        ]
    return made


def test_rows_are_the_aims_and_then_their_controls() -> None:
    summary = summary_of(everything(small())[::-1])
    assert summary["row"].values.tolist() == [
        "unit",
        "population",
        "behavior",
        "random (unit)",
        "random (population)",
        "random (behavior)",
    ]
    assert summary["contrast"].values.tolist() == [
        "unit - random (unit)",
        "population - random (population)",
        "behavior - random (behavior)",
    ]


def test_the_largest_norm_of_each_attack_is_the_headline() -> None:
    summary = summary_of(everything(small()))
    assert summary["largest_norm"].attrs["headline"] == 1
    assert summary["largest_norm"].attrs["long_name"] == "relative shift at L2 norm 1"
    assert summary["attack"].values.tolist() == ["unit", "population", "behavior"]
    cells = summary["matrix"].sel(row=["unit", "population", "behavior"], epsilon=1.0)
    np.testing.assert_array_equal(summary["largest_norm"].values, cells.values)


def test_several_attacks_or_objectives_get_names_that_tell_them_apart() -> None:
    code = small()
    moved = noisy(code, (1.0,))
    objectives = [
        perturb(code, moved, (1.0,), objective=objective, control=control)
        for objective in ("away", "toward")
        for control in ("", "flipped")
    ]
    assert summary_of(objectives)["row"].values.tolist() == [
        "population: away",
        "population: toward",
        "flipped (population: away)",
        "flipped (population: toward)",
    ]
    attacks = [perturb(code, moved, (1.0,), attack=attack) for attack in ("pgd", "fgsm")]
    assert summary_of(attacks)["row"].values.tolist() == ["population, pgd", "population, fgsm"]


def test_eps50_of_a_linear_dose_response_is_the_closed_form_and_infinite_where_half_is_not_reached() -> None:
    code = build_code(np.random.default_rng(0).normal(size=(15, 3)))
    doses = (0.2, 0.4, 0.8)
    slope = np.array([1.0, 0.5, 0.1])  # relative shift per unit of norm
    distance = code.unit_pair_distance
    moved = code.responses.values + np.array(doses)[:, None, None] * slope * distance
    about = {"aim": "unit", "objective": "unit"}
    for column, expected in ((0, 0.5), (1, np.inf), (2, np.inf)):
        one = perturb(code, moved, doses, target=f"u{column}", target_unit=f"u{column}", **about)
        half = summary_of([one])["eps50"].sel(row="unit", scale="unit")
        np.testing.assert_allclose(half.values, expected)
    assert "Half the distance to another image (L2 norm) is not reached by the attacked unit up to 0.8" in " ".join(
        CrossScale().describe(summary_of([one]), code)
    )


def test_intervals_widen_with_the_spread_over_targets_and_hold_the_truth() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for repeat in range(8):
        code = build_code(rng.normal(size=(12, 30)))
        gain = rng.exponential(1.0, size=30) * code.unit_pair_distance  # truth: a mean relative shift of 1
        moved = (code.responses.values + gain)[None]
        about = {"aim": "unit", "objective": "unit"}
        made = [perturb(code, moved, (1.0,), target=f"u{i}", target_unit=f"u{i}", **about) for i in range(30)]
        cell = summary_of(made, Resampling(draws=200, seed=repeat))["matrix"].sel(row="unit", scale="unit", epsilon=1.0)
        covered += bool(cell.sel(statistic="low") <= 1 <= cell.sel(statistic="high"))
    assert covered >= 6  # fewer than 6 of 8 has probability 0.006 at 95 % coverage


def test_nested_targets_give_wider_intervals_than_independent_ones() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(10, 24))
    gain = np.repeat(rng.uniform(0.2, 2.0, 4), 6)
    width = {}
    for name, sessions in (("nested", tuple(np.repeat(list("abcd"), 6))), ("flat", ("day",) * 24)):
        code = build_code(values, sessions=sessions)
        moved = (values + gain * code.unit_pair_distance)[None]
        about = {"aim": "unit", "objective": "unit"}
        made = [perturb(code, moved, (1.0,), target=f"u{i}", target_unit=f"u{i}", **about) for i in range(24)]
        cell = summary_of(made)["matrix"].sel(row="unit", scale="unit", epsilon=1.0)
        width[name] = float(cell.sel(statistic="high") - cell.sel(statistic="low"))
    assert width["nested"] > 1.5 * width["flat"]


def test_the_same_targets_and_stimuli_are_drawn_for_an_attack_and_its_control() -> None:
    code = small()
    made = []
    for unit in ("u0", "u1", "u2"):
        about = {"aim": "unit", "objective": "unit", "target": unit, "target_unit": unit}
        moved = noisy(code, (1.0,), seed=1)
        made.append(perturb(code, moved, (1.0,), **about))
        made.append(perturb(code, moved, (1.0,), control="same", **about))
    excess = summary_of(made)["excess"]
    np.testing.assert_allclose(excess.values, 0.0, atol=1e-12)


def test_the_sentences_say_what_moved_beside_the_control_and_whether_the_interval_tells_them_apart() -> None:
    code = small()
    text = list(CrossScale().describe(summary_of(everything(code)), code))
    assert text[0].startswith(
        "Aimed at: unit. A perturbation of L2 norm 1 (the largest tested) moves the attacked unit by 0."
    )
    assert ", the population by " in text[0]
    assert " and behaviour by " in text[0]
    assert text[0].endswith("of the distance to another image.")
    assert text[1].startswith("Controls of the same norm move the attacked unit by 0.0")
    assert text[1].endswith("(random): by the interval of the difference the attack moves it further.")
    assert text[2].startswith("Half the distance to another image (L2 norm) is ")
    assert any("There is a single session, subject and target in some rows" in line for line in text)
