"""APGD beside its authors' code: the same steps from the same start, and why they part where they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attack_doubles import Field
from reference_apgd import reference_apgd
from spikeproof_attacks.apgd import _halving
from spikeproof_attacks.rows import Place, Rows

RULES = ("rounded", "at_most", "raw", "spared")
BALLS: list[tuple[Any, float]] = [("l2", 0.3), ("linf", 0.08)]


def _smooth() -> tuple[Callable[[torch.Tensor], torch.Tensor], torch.Tensor, torch.Tensor]:
    """Ten classes that are smooth in the image; images far from the walls; the choices on them."""
    draw = torch.Generator().manual_seed(0)
    out = torch.randn(36, 10, generator=draw, dtype=torch.float64) * 1.2
    inner = torch.randn(36, 36, generator=draw, dtype=torch.float64) * 3
    x = 0.45 + 0.1 * torch.rand(6, 1, 6, 6, generator=draw, dtype=torch.float64)

    def scores(y: torch.Tensor) -> torch.Tensor:
        return torch.sin(y.flatten(1) @ inner) @ out

    return scores, x, scores(x).argmax(dim=1)


def _field(scores: Callable[[torch.Tensor], torch.Tensor], choice: torch.Tensor) -> Field:
    return Field(lambda y, k: torch.nn.functional.cross_entropy(scores(y), choice[k], reduction="none"))


def _start(x: torch.Tensor, eps: float, norm: str) -> torch.Tensor:
    way = torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    length = way.flatten(1).norm(dim=1) if norm == "l2" else way.flatten(1).abs().amax(dim=1)
    return x + eps * way / length.view(-1, 1, 1, 1)


def _ours(norm: Any, eps: float, steps: int) -> torch.Tensor:
    """Values of all iterates, (step + 1, item)."""
    scores, x, choice = _smooth()
    field = _field(scores, choice)
    start = _start(x, eps, norm)
    value, slope = field.value_and_gradient(start)
    field.seen.clear()
    rows = Rows(field, x, torch.tensor([eps], dtype=x.dtype), norm)  # type: ignore[arg-type]
    _halving(rows, Place(start, value, slope), steps)
    return torch.stack([value, *(field(points) for points in list(field.seen))])


def _theirs(norm: Any, eps: float, steps: int, **rules: bool) -> torch.Tensor:
    scores, x, choice = _smooth()
    asked = _field(scores, choice).value_and_gradient
    return reference_apgd(asked, x, _start(x, eps, norm), eps, norm, steps, **rules)[1]


@pytest.mark.parametrize(("norm", "eps"), BALLS)
def test_of_100_steps_from_one_start_each_is_the_authors_own(norm: Any, eps: float) -> None:
    """Points within 5e-7 of their radius are not projected again: `spikeproof.geometry` takes that for rounding."""
    torch.testing.assert_close(_ours(norm, eps, 100), _theirs(norm, eps, 100), rtol=3e-6, atol=0)


@pytest.mark.parametrize("steps", [20, 50])
@pytest.mark.parametrize(("norm", "eps"), BALLS)
def test_of_fewer_steps_each_is_the_authors_own_once_their_code_follows_their_paper(
    norm: Any, eps: float, steps: int
) -> None:
    ours = _ours(norm, eps, steps)
    paper = _theirs(norm, eps, steps, **dict.fromkeys(RULES, False))
    torch.testing.assert_close(ours, paper, rtol=3e-6, atol=0)
    coded = _theirs(norm, eps, steps)
    assert ((coded - paper).abs() > 1e-3).any()  # that is where it departs from it


@pytest.mark.parametrize(
    ("rule", "steps", "norm", "eps"),
    [("rounded", 20, "l2", 0.3), ("at_most", 20, "linf", 0.08), ("raw", 20, "l2", 0.3)],
)
def test_each_departure_of_the_code_from_the_paper_makes_a_difference(
    rule: str, steps: int, norm: Any, eps: float
) -> None:
    none = dict.fromkeys(RULES, False)
    paper, one = _theirs(norm, eps, steps, **none), _theirs(norm, eps, steps, **(none | {rule: True}))
    assert ((one - paper).abs() > 1e-3).any()


@pytest.mark.filterwarnings("ignore")  # it warns of what it imports
@pytest.mark.parametrize("steps", [20, 50, 100])
@pytest.mark.parametrize(("norm", "eps"), BALLS)
def test_the_authors_code_as_written_down_here_is_what_torchattacks_runs(norm: Any, eps: float, steps: int) -> None:
    peers = pytest.importorskip("torchattacks", reason="torchattacks is not installed")
    scores, x, choice = _smooth()

    class Net(torch.nn.Module):
        def forward(self, y: torch.Tensor) -> torch.Tensor:
            return scores(y)

    attack = peers.APGD(Net(), norm={"l2": "L2", "linf": "Linf"}[norm], eps=eps, steps=steps)
    attack.device = torch.device("cpu")
    seen: list[torch.Tensor] = []
    plain = attack.get_logits
    attack.get_logits = lambda y: (seen.append(y.detach().clone()), plain(y))[1]
    state = torch.random.get_rng_state()
    attack.attack_single_run(x, choice)
    torch.random.set_rng_state(state)
    field = _field(scores, choice)
    theirs = torch.stack([field(y) for y in seen])
    here = reference_apgd(field.value_and_gradient, x, seen[0], eps, norm, steps)[1]
    torch.testing.assert_close(here, theirs, rtol=1e-4, atol=1e-4)  # its step is rounded to float32
