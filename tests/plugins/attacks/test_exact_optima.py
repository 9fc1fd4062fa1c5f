"""Optima, distances and first steps that are known exactly, to the tolerance that the algebra allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attack_cases import DUAL, NORMS, choosing, drawn, grey, natural, optimum
from attack_doubles import Field, linear_field, search, values
from engine_doubles import Drive, Layer, linear, make_grid
from spikeproof.engine import attack_target
from spikeproof.geometry import norm_of
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.deepfool import DeepFool
from spikeproof_attacks.eigen import Eigen
from spikeproof_attacks.fgm import FGM
from spikeproof_attacks.fmn import FMN
from spikeproof_attacks.guo import Guo
from spikeproof_attacks.mifgsm import MIFGSM
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.rows import Rows
from spikeproof_attacks.threshold import Threshold
from spikeproof_objectives.behavior import Behavior
from spikeproof_objectives.population import Population
from spikeproof_objectives.unit import Unit

each_norm = pytest.mark.parametrize("norm", NORMS)


@pytest.mark.parametrize("attack", [FGM(), PGD(), APGD(steps=20)], ids=["fgm", "pgd", "apgd"])
@each_norm
def test_a_linear_unit_in_the_box_reaches_its_optimum_to_a_millionth_up_to_the_corner_of_the_box(
    attack: Any, norm: Any
) -> None:
    w, x = drawn(0, 3, 1, 6, 6), natural()
    radii = {"l1": (0.3, 6.0, 50.0), "l2": (0.1, 1.5, 7.0), "linf": (0.03, 0.4, 2.0)}[norm]
    if norm == "l2" and not isinstance(attack, FGM):  # steps of a search end before the flattest pixel is at its wall
        radii = radii[:2]
    field = linear_field(w)
    gain = values(field, search(attack, field, x, radii, norm)) - values(field, x[None])
    best = [
        [optimum(a, b, eps, norm) for a, b in zip(w.flatten(1).numpy(), x.flatten(1).numpy(), strict=True)]
        for eps in radii
    ]
    np.testing.assert_allclose(gain, best, rtol=1e-6)
    corner = (w.abs() * torch.where(w > 0, 1 - x, x)).flatten(1).sum(1)
    if len(radii) == 3:
        np.testing.assert_allclose(gain[-1], corner, rtol=1e-12)


@each_norm
def test_deepfool_is_at_the_nearest_linear_border_after_one_step_along_the_perturbation_of_its_norm(norm: Any) -> None:
    weights, x = drawn(0, 4, 16), grey(4, 4)
    model = choosing(weights, -weights.sum(1) / 2 + 0.02 * drawn(1, 4))
    grid = make_grid(model, x, use_head=True, norm=norm, epsilons=(5.0,))
    found = attack_target(
        grid,
        DeepFool(steps=1, overshoot=0.0),
        "deepfool",
        Behavior(),
        "behavior",
        decision=True,
        unit=-1,
        target="behavior",
        keep_images=True,
        minimal=True,
    )
    assert grid.clean_choice is not None
    assert found.choices is not None
    assert found.nearest is not None
    assert found.minimal is not None
    scores = (x.flatten(1) @ weights.T - weights.sum(1) / 2 + 0.02 * drawn(1, 4)).numpy()
    for row, own in enumerate(grid.clean_choice):
        others = [k for k in range(4) if k != own]
        apart = {
            k: (scores[row, own] - scores[row, k]) / float(norm_of((weights[own] - weights[k])[None], DUAL[norm]))
            for k in others
        }
        nearest = min(apart, key=lambda k: apart[k])
        assert found.minimal[row] == pytest.approx(apart[nearest], rel=2e-5)
        assert found.choices[-1, row] == nearest
        w = (weights[nearest] - weights[own]).numpy()
        unit = {
            "l1": np.where(np.abs(w) == np.abs(w).max(), np.sign(w), 0.0),
            "l2": w / np.linalg.norm(w),
            "linf": np.sign(w),
        }[norm]
        shift = (found.nearest[row] - x[row]).flatten().numpy()
        np.testing.assert_allclose(shift, apart[nearest] * unit, atol=1e-4 * apart[nearest])


@pytest.mark.parametrize("length", [0.15, 0.4, 1.5])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_steps_of_one_length_add_up_until_the_ball_is_reached(norm: Any, length: float) -> None:
    w, x, eps = drawn(0, 2, 1, 6, 6), grey(2), {"l2": 0.3, "linf": 0.05}[norm]
    field = linear_field(w)
    rows = Rows(field, x, torch.tensor([eps], dtype=x.dtype), norm)
    place, _ = rows.begin()
    for step in range(1, 9):
        place = rows.look(rows.step(place.points, place.slope, length))
        gain = values(field, place.points[None])[0] - values(field, x[None])[0]
        expected = min(step * length, 1.0) * eps * norm_of(w, DUAL[norm]).numpy()
        np.testing.assert_allclose(gain, expected, rtol=1e-6)


def _rectified() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights and offsets of one hidden layer of rectifiers, and weights of the unit that reads it."""
    return drawn(3, 20, 36), drawn(4, 20), drawn(5, 20)


def _regions(x: torch.Tensor, norm: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient of the unit on its linear region (item, pixel), and the distance to the nearest kink or wall (item,)."""
    hidden, offset, reads = _rectified()
    before = x.flatten(1) @ hidden.T + offset
    slope = ((before > 0) * reads) @ hidden
    kink = (before.abs() / norm_of(hidden, DUAL[norm])).amin(dim=1)
    wall = torch.minimum(x, 1 - x).flatten(1).amin(dim=1)
    return slope, torch.minimum(kink, wall)


def _of_rectifiers(x: torch.Tensor) -> torch.Tensor:
    hidden, offset, reads = _rectified()
    return torch.relu(x.flatten(1) @ hidden.T + offset) @ reads


@pytest.mark.parametrize(
    "attack",
    [FGM(), PGD(), APGD(steps=20), Guo(restarts=1), MIFGSM()],
    ids=["fgm", "pgd", "apgd", "guo", "mi-fgsm"],
)
@each_norm
def test_up_to_the_nearest_kink_a_rectified_unit_gains_exactly_what_its_gradient_says(attack: Any, norm: Any) -> None:
    if isinstance(attack, MIFGSM) and norm == "l1":
        pytest.skip("mi-fgsm has no L1")
    field = Field(lambda y, k: _of_rectifiers(y))  # noqa: ARG005
    for row in range(3):
        x = grey()[row : row + 1]
        slope, free = _regions(x, norm)
        eps = 0.99 * float(free)
        gain = values(field, search(attack, field, x, (eps,), norm))[0, 0] - float(_of_rectifiers(x))
        assert gain == pytest.approx(eps * float(norm_of(slope, DUAL[norm])), rel=1e-4)


@pytest.mark.parametrize("attack", [FMN(steps=20), Threshold(steps=10)], ids=["fmn", "threshold"])
@each_norm
def test_up_to_the_nearest_kink_a_rectified_unit_meets_a_level_at_its_exact_distance(attack: Any, norm: Any) -> None:
    model = Layer(lambda y: _of_rectifiers(y)[:, None], ("u0",))
    for row in range(3):
        x = grey()[row : row + 1]
        slope, free = _regions(x, norm)
        away = 0.9 * float(free)
        level = float(_of_rectifiers(x)) + away * float(norm_of(slope, DUAL[norm]))
        found = attack_target(
            make_grid(model, x, norm=norm, epsilons=(1.0,)),
            attack,
            "attack",
            Unit(direction="up", goal="response", level=level),
            "unit",
            decision=False,
            unit=0,
            target="u0",
            local=True,
            minimal=True,
        )
        assert found.minimal is not None
        assert found.minimal[0] == pytest.approx(away, rel=1e-5)


def test_a_units_gain_bounds_the_population_from_below_and_all_units_together_from_above() -> None:
    w, x = drawn(6, 5, 36).numpy(), grey(2)
    grid = make_grid(linear(w, torch.float64), x, epsilons=(0.1, 0.3))
    how: dict[str, Any] = {"decision": False}
    optima = []
    for unit in range(5):
        found = attack_target(grid, PGD(), "pgd", Drive(), "unit", unit=unit, target=f"u{unit}", **how)
        change = found.responses - grid.clean_responses
        gain = np.abs(change[:, :, unit])
        assert (np.linalg.norm(change, axis=-1) >= gain * (1 - 1e-12)).all()
        np.testing.assert_allclose(gain, np.outer([0.1, 0.3], np.linalg.norm(w[unit]) * np.ones(2)), rtol=1e-6)
        optima.append(gain)
    found = attack_target(grid, Eigen(), "eigen", Eigen().pursues(), "population", unit=-1, target="population", **how)
    whole = np.linalg.norm(found.responses - grid.clean_responses, axis=-1)
    np.testing.assert_allclose(whole, np.outer([0.1, 0.3], np.linalg.svd(w)[1][0] * np.ones(2)), rtol=1e-6)
    assert (np.max(optima, axis=0) <= whole).all()
    assert (whole <= np.sqrt(np.square(optima).sum(axis=0))).all()


def test_a_partner_far_along_one_direction_pulls_by_epsilon_times_its_norm_back_in_the_image() -> None:
    """The objective is then linear: its optimum moves u'r by epsilon ||W'u||."""
    w, x = drawn(6, 5, 36), grey(1)
    far = 1e5
    model = linear(w.numpy(), torch.float64)
    away = torch.nn.functional.normalize(drawn(7, 1, 5)).numpy()
    partner = np.concatenate([model.function(x).numpy(), model.function(x).numpy() + far * away])
    grid = make_grid(
        model, x.repeat(2, 1, 1, 1), epsilons=(0.3,), clean_responses=partner, partner=np.array([1, 0], dtype=np.intp)
    )
    found = attack_target(
        grid, PGD(), "pgd", Population(goal="toward"), "population", decision=False, unit=-1, target="population"
    )
    moved = (found.responses[0, 0] - partner[0]) @ away[0]
    assert moved == pytest.approx(0.3 * float((torch.as_tensor(away) @ w).norm()), rel=1e-4)
