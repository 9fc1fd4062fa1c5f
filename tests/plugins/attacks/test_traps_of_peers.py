"""What makes other libraries' attacks fail without a word does not make these fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attack_cases import choosing, drawn, grey, natural, optimum
from attack_doubles import Field, search, values
from engine_doubles import make_grid
from spikeproof.engine import attack_target
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.pgd import PGD
from spikeproof_objectives.behavior import Behavior


def test_a_start_where_the_loss_is_saturated_does_not_hold_the_search_there() -> None:
    """A wrapper of two classes has no gradient left where its unit is far down; a random start may lie there."""
    w = 20 * drawn(0, 1, 3, 32, 32).float()
    x = torch.as_tensor(np.random.default_rng(3).random((3, 3, 32, 32)), dtype=torch.float32)
    middle = (x * w).flatten(1).sum(1)
    field = Field(lambda y, k: torch.nn.functional.softplus((y * w).flatten(1).sum(1) - middle[k] - 5.0))
    start = x + 20 * torch.nn.functional.normalize(-w.flatten(1)).reshape(w.shape)
    assert float(field.value_and_gradient(start.clamp(0, 1))[1].abs().max()) == 0  # it is saturated there
    for attack in (PGD(), APGD(), PGD(restarts=3), APGD(restarts=3)):
        gain = (search(attack, field, x, (20.0,), "l2")[0] - x).mul(w).flatten(1).sum(1).double().numpy()
        best = [optimum(w.flatten().double().numpy(), one.flatten().double().numpy(), 20, "l2") for one in x]
        np.testing.assert_allclose(gain, best, rtol=1e-4)


@pytest.mark.parametrize("offset", [0.0, 1e-7, -1e-7])
def test_where_the_objective_is_nearly_zero_apgd_gains_no_less_than_pgd(offset: float) -> None:
    w, x = 1e-8 * drawn(0, 3, 1, 6, 6), natural()
    level = (x * w).flatten(1).sum(1)
    field = Field(lambda y, k: (y * w[k]).flatten(1).sum(1) - level[k] + offset)
    gain = [values(field, search(attack, field, x, (1.0,), "l2")) - offset for attack in (APGD(), PGD())]
    np.testing.assert_allclose(gain[0], gain[1], rtol=1e-4)
    assert (gain[0] > 0).all()


@pytest.mark.parametrize("attack", [PGD(), APGD()], ids=["pgd", "apgd"])
@pytest.mark.parametrize("loss", ["margin", "cross-entropy"])
def test_toward_a_class_both_searches_climb_and_end_at_the_optimum(attack: Any, loss: Any) -> None:
    """Two linear classes: the wanted one's lead rises by epsilon times the norm of the difference of weights."""
    weights, x = drawn(0, 2, 16), grey(6, 4)
    model = choosing(weights, -weights.sum(1) / 2)
    grid = make_grid(model, x, use_head=True, epsilons=(0.2,))
    found = attack_target(
        grid,
        attack,
        "attack",
        Behavior(goal="toward", loss=loss),
        "behavior",
        decision=True,
        unit=-1,
        target="behavior",
        keep_images=True,
    )
    assert found.images is not None
    assert grid.clean_choice is not None
    wanted = np.asarray(grid.clean_choice)[grid.partners]
    sign = np.where(wanted == 1, 1.0, -1.0)
    shift = (found.images[0] - x).flatten(1) @ (weights[1] - weights[0])
    np.testing.assert_allclose(sign * shift.numpy(), 0.2 * float((weights[1] - weights[0]).norm()), rtol=1e-5)
