"""One stimulus around which, or at which, numbers are not finite: it is flagged by every attack, and the rest go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Layer, make_grid, network
from spikeproof.engine import attack_target
from spikeproof.errors import ModelError
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.deepfool import DeepFool
from spikeproof_attacks.eigen import Eigen
from spikeproof_attacks.fgm import FGM
from spikeproof_attacks.fmn import FMN
from spikeproof_attacks.guo import Guo
from spikeproof_attacks.metamer import Metamer
from spikeproof_attacks.mifgsm import MIFGSM
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.square import Square
from spikeproof_attacks.threshold import Threshold
from spikeproof_attacks.toward import Toward
from spikeproof_objectives.behavior import Behavior
from spikeproof_objectives.population import Population
from spikeproof_objectives.unit import Unit

Function = Callable[[torch.Tensor], torch.Tensor]
X = np.random.default_rng(1).random((4, 1, 6, 6)).astype(np.float32)
FRAGILE = 1


def _away(y: torch.Tensor, row: int) -> torch.Tensor:
    return (y - torch.as_tensor(X[row])).flatten(1).square().sum(1)


def around(right: Function) -> Function:
    """Not a number wherever the image is nearer to the fragile one than to any other, but is not that itself."""

    def function(y: torch.Tensor) -> torch.Tensor:
        away = torch.stack([_away(y, row) for row in range(len(X))])
        nearest = (away.argmin(dim=0) == FRAGILE) & (away[FRAGILE] > 1e-12)
        return torch.where(nearest[:, None], torch.nan, right(y))

    return function


def slope_at(right: Function) -> Function:
    """Of infinite slope at the fragile image itself."""
    return lambda y: right(y) + 1e-30 * _away(y, FRAGILE).sqrt()[:, None]


@dataclass
class Case:
    attack: Any
    objective: Any
    more: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, Any] = field(default_factory=dict)


SMALLEST = {"minimal": True}
CASES = {
    "pgd": Case(PGD(steps=5), Unit(direction="up")),
    "pgd on the population": Case(PGD(steps=5), Population()),
    "apgd on choices": Case(APGD(steps=5), Behavior()),
    "guo": Case(Guo(restarts=2), Unit()),
    "mi-fgsm on the population": Case(MIFGSM(), Population()),
    "fgm": Case(FGM(), Unit(direction="up")),
    "square": Case(Square(queries=10), Unit(direction="up"), {"gradients": False}),
    "eigen": Case(Eigen(), Eigen().pursues()),
    "eigen:least": Case(Eigen(target="least"), Eigen(target="least").pursues()),
    "toward": Case(Toward(steps=10), Toward().pursues()),
    "fmn": Case(FMN(steps=10), Unit(level=0.01), SMALLEST),
    "fmn on choices": Case(FMN(steps=10), Behavior(), SMALLEST),
    "threshold": Case(Threshold(steps=5), Unit(level=0.01), SMALLEST),
    "deepfool": Case(DeepFool(), Behavior(), SMALLEST),
}


def _attacked(case: Case, change: Callable[[Function], Function] | None) -> Any:
    plain = network(0)
    assert plain.head is not None
    body, head = (plain.function, plain.head) if change is None else (change(plain.function), change(plain.head))
    model = Layer(body, plain.units, head=head, classes=plain.classes)
    aimed = isinstance(case.objective, Unit)
    return attack_target(
        make_grid(model, X, use_head=True, unit_sd=np.full(4, 0.1), **case.grid),
        case.attack,
        "attack",
        case.objective,
        "aim",
        decision=isinstance(case.objective, Behavior),
        unit=1 if aimed else -1,
        target="target",
        keep_images=True,
        **case.more,
    )


@pytest.mark.parametrize("change", [around, slope_at], ids=["around it", "slope at it"])
@pytest.mark.parametrize("name", CASES)
def test_the_item_alone_is_flagged_and_the_others_are_searched_as_ever(name: str, change: Any) -> None:
    case = CASES[name]
    if change is slope_at and name == "square":
        pytest.skip("square asks for no slope")
    good, found = _attacked(case, None), _attacked(case, change)
    rest = [row for row in range(len(X)) if row != FRAGILE]
    assert (found.status == "not-finite").tolist() == [row == FRAGILE for row in range(len(X))]
    assert found.status[rest].tolist() == good.status[rest].tolist()
    assert np.isfinite(found.responses).all()
    np.testing.assert_allclose(found.responses[:, rest], good.responses[:, rest], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.achieved[:, rest], good.achieved[:, rest], rtol=1e-3, atol=1e-5)
    if case.more == SMALLEST:
        np.testing.assert_allclose(found.minimal[rest], good.minimal[rest], rtol=1e-2)
    if change is around:  # nothing but the clean image has finite responses there
        moved = found.images[:, FRAGILE] != torch.as_tensor(X[FRAGILE])
        inside = torch.stack([_away(one[None], FRAGILE) for one in found.images[:, FRAGILE]]).sqrt() < 0.3
        assert not (moved.flatten(1).any(dim=1) & inside[:, 0]).any()
        assert (found.achieved[~moved.flatten(1).any(dim=1).numpy(), FRAGILE] == 0).all()


def test_a_metamer_that_is_not_finite_is_an_error_since_the_clean_image_would_be_a_perfect_one() -> None:
    case = Case(Metamer(steps=3), Metamer().pursues(), {}, {"epsilons": (float("inf"),)})
    with pytest.raises(ModelError, match=r"the response of unit 'u0' to stimulus 's\d \(epsilon inf\)' is nan"):
        _attacked(case, around)
