"""What holds of any unit: bounds from above and below, masks, and which point is returned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attack_cases import NORMS, drawn, grey, natural
from attack_doubles import Field, search, values
from engine_doubles import Layer, make_grid, network
from spikeproof.engine import attack_target
from spikeproof.geometry import norm_of
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.fgm import FGM
from spikeproof_attacks.guo import Guo
from spikeproof_attacks.mifgsm import MIFGSM
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.square import Square
from spikeproof_objectives.unit import Unit


@pytest.mark.parametrize(
    ("attack", "norms"),
    [
        (PGD(steps=4, schedule="geometric"), NORMS),
        (APGD(steps=9), NORMS),
        (MIFGSM(steps=6), ("l2", "linf")),
        (Guo(restarts=2, steps=6), ("l2", "linf")),
        (Square(queries=30), ("l2", "linf")),
    ],
    ids=["pgd", "apgd", "mi-fgsm", "guo", "square"],
)
def test_what_is_returned_is_the_best_of_all_points_in_the_ball_that_were_asked_about(attack: Any, norms: Any) -> None:
    """So that a longer run of the same steps, and more starts, never find less, nor less than the clean value."""
    w = 4 * drawn(0, 36, 30)
    field = Field(lambda y, k: torch.sin(y.flatten(1) @ w).sum(dim=1))  # noqa: ARG005
    late = 0
    for norm in norms:
        eps = {"l1": 6.0, "l2": 1.5, "linf": 0.4}[norm]
        for row in range(4):
            x = natural(4)[row : row + 1]
            field.seen.clear()
            found = search(attack, field, x, (eps,), norm, names=[row])
            asked = torch.cat(field.seen)
            inside = norm_of(asked - x, norm) <= eps * (1 + 1e-6)
            score = field(asked)[inside]
            assert float(field(found[0])) == pytest.approx(float(score.max()), rel=1e-12)
            late += int(score.argmax()) < len(score) - 1
    assert late > 0  # the last point is not always the best


def _interval_bound(model: Any, x: torch.Tensor, eps: float) -> torch.Tensor:
    """Largest response of unit 0 that interval arithmetic cannot exclude, (item,)."""
    low, high = (x - eps).clamp(min=0), (x + eps).clamp(max=1)
    middle, reach = (low + high) / 2, (high - low) / 2
    for layer in model.function.children():
        if isinstance(layer, torch.nn.Conv2d):
            reach = torch.nn.functional.conv2d(reach, layer.weight.abs(), None, layer.stride, layer.padding)
            middle = layer(middle)
        elif isinstance(layer, torch.nn.Linear):
            middle, reach = layer(middle), reach @ layer.weight.abs().T
        elif isinstance(layer, torch.nn.Flatten):
            middle, reach = layer(middle), layer(reach)
        else:  # it rises everywhere
            up, down = layer(middle + reach), layer(middle - reach)
            middle, reach = (up + down) / 2, (up - down) / 2
    return (middle + reach)[:, 0]


@pytest.mark.parametrize("attack", [PGD(), APGD(steps=40), FGM(), Square(queries=100)], ids=str)
def test_under_linf_no_response_is_beyond_what_interval_arithmetic_allows(attack: Any) -> None:
    model, x = network(5), natural(4).float()
    field = Field(lambda y, k: model.function(y)[:, 0])  # noqa: ARG005
    for eps in (1e-4, 0.01, 0.1):
        found = values(field, search(attack, field, x, (eps,), "linf"))[0]
        bound = _interval_bound(model, x, eps).numpy()
        assert (found <= bound + 1e-6).all()
        clean = values(field, x[None])[0]
        assert (found >= clean).all()
        if eps == 1e-4 and not isinstance(attack, Square):  # the bound is no empty one
            assert ((found - clean) > 0.05 * (bound - clean)).all()


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return torch.round(20 * y) / 20

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return torch.zeros_like(grad)


@pytest.mark.parametrize("mask", ["round", "detach"])
def test_where_the_gradient_is_masked_random_search_beats_every_gradient_attack(mask: str) -> None:
    w, x = drawn(0, 1, 1, 6, 6), grey(4)

    def hidden(y: torch.Tensor, k: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
        value: torch.Tensor = (y * w).flatten(1).sum(1)
        if mask == "round":
            return _Rounded.apply(value)  # type: ignore[no-any-return, no-untyped-call]
        return value.detach() + 0 * y.flatten(1).sum(1)

    field = Field(hidden)
    gain = {
        name: (values(field, search(attack, field, x, (1.0,), "l2")) - values(field, x[None]))[0]
        for name, attack in {"square": Square(queries=300), "pgd": PGD(), "apgd": APGD(), "fgm": FGM()}.items()
    }
    for name in ("pgd", "apgd", "fgm"):
        assert (gain["square"] > gain[name]).all(), name
    assert (gain["square"] > 0.5 * float(w.norm())).all()


def test_unit_down_is_the_negated_unit_up() -> None:
    model, x = network(3), natural(4).float()
    negative = Layer(lambda y: -model.function(y), model.units)
    found = []
    for one, way in ((model, "down"), (negative, "up")):
        objective = Unit(direction=way)  # type: ignore[arg-type]
        grid = make_grid(one, x)
        how: dict[str, Any] = {"decision": False, "unit": 1, "target": "u1", "local": True}
        found.append(attack_target(grid, PGD(steps=10), "pgd", objective, "unit", **how).responses[:, :, 1])
        assert (np.abs(found[-1] - grid.clean_responses[:, 1]) > 1e-3).all()
    np.testing.assert_allclose(found[0], -found[1], rtol=1e-6)
    assert (found[0] < model.function(x)[:, 1].double().numpy()).all()
