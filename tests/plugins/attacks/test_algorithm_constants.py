"""Step lengths, radii and starts are those of the papers, or as the attack says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from attack_cases import DUAL, NORMS, drawn, grey
from attack_doubles import Field, linear_field, search
from spikeproof.geometry import norm_of
from spikeproof.types import ItemNoise
from spikeproof_attacks import apgd
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.fmn import FMN
from spikeproof_attacks.rows import Rows, random_direction

each_norm = pytest.mark.parametrize("norm", NORMS)


def test_apgd_for_l1_follows_its_papers_shares_and_step_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Croce and Hein 2021, Algorithm 2: a fifth of the pixels first, and epsilon long; a checkpoint every 4 % of steps,
    at which the step is epsilon again where the best point has become sparser, or shorter by 1.5, to a tenth at least,
    and moves as many pixels as the best point has moved, over 1.5."""
    told: list[tuple[float, float]] = []
    plain = apgd._spread

    def told_of(place: Any, length: torch.Tensor, top: torch.Tensor) -> torch.Tensor:
        told.append((float(length[0]), float(top[0])))
        return plain(place, length, top)

    monkeypatch.setattr(apgd, "_spread", told_of)
    w = 4 * drawn(0, 36, 30)
    field = Field(lambda y, k: torch.sin(y.flatten(1) @ w).sum(dim=1))  # noqa: ARG005
    x, eps, steps = grey(1), 2.0, 100
    search(APGD(steps=steps), field, x, (eps,), "l1")
    seen = field.seen[2:]  # after the clean image and the exact step, which only competes
    score = [float(field(point)) for point in seen[:steps]]
    assert told[0] == (eps, 0.2)
    best, top = float(field(x)), x
    moved, length = 36.0, eps
    fresh = shortened = 0
    for step in range(1, steps + 1):
        if score[step - 1] > best:
            best, top = score[step - 1], seen[step - 1]
        if step % 4 == 0 and step < steps:
            now = float((top != x).sum())
            sparser = now < 0.95 * moved
            length = eps if sparser else max(length / 1.5, eps / 10)
            fresh, shortened, moved = fresh + sparser, shortened + (not sparser), now
            assert told[step] == (pytest.approx(length), pytest.approx(now / 36 / 1.5))
        elif step < steps:
            assert told[step] == told[step - 1]
    assert fresh > 0
    assert shortened > 3


def test_fmn_sets_its_radius_by_the_estimated_distance_and_shrinks_it_where_the_goal_is_reached() -> None:
    """Pintor et al. 2021: |f| over the dual norm of the gradient; then a share gamma less of the smallest so far."""
    gamma = 0.05
    for norm in NORMS:
        w = drawn(0, 1, 1, 6, 6)
        field = linear_field(w)
        x = grey(1)
        away = {"l1": 0.3, "l2": 0.2, "linf": 0.03}[norm]
        field.level = field(x) + away * norm_of(w, DUAL[norm])
        field.seen.clear()
        FMN(steps=40, size=50.0, gamma=gamma)(field, x, norm, ItemNoise(0, [("item", 0)]))
        size = [float(norm_of(point - x, norm)[0]) for point in field.seen]
        assert size[1] == pytest.approx(away * (1 + gamma), rel=1e-5)
        last = 0.001 + (gamma - 0.001) * 0.5 * (1 + np.cos(np.pi / 36))  # the second of 36 steps of its cosine
        assert size[2] == pytest.approx(away * (1 + gamma) * (1 - last), rel=1e-5)


@each_norm
def test_random_starts_lie_on_the_sphere_and_favour_no_direction(norm: Any) -> None:
    count, eps = 2000, 0.3
    x = torch.full((count, 1, 2, 2), 0.5, dtype=torch.float64)
    noise = ItemNoise(0, [("item", k) for k in range(count)])
    rows = Rows(Field(lambda y, k: y.flatten(1).sum(1)), x, torch.tensor([eps], dtype=x.dtype), norm)  # noqa: ARG005
    origin, _ = rows.begin()
    start = rows.leave(origin, random_direction(noise, x, norm), torch.ones(count, dtype=torch.bool)).points
    shift = (start - x).flatten(1)
    np.testing.assert_allclose(norm_of(shift, norm), eps, rtol=1e-6)
    # A quarter of the squared length is each pixel's; five standard errors of 2,000 draws.
    share = shift.square() / shift.square().sum(1, keepdim=True)
    assert float((share.mean(0) - 0.25).abs().max()) < 5 * 0.3 / count**0.5
    assert float((shift.sign().mean(0)).abs().max()) < 5 / count**0.5
    product = (shift.sign()[:, 0] * shift.sign()[:, 1]).mean()
    assert abs(float(product)) < 5 / count**0.5
