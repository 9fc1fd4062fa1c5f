"""APGD follows the paper's rules step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from attack_doubles import Field, search, values
from spikeproof.types import ItemNoise
from spikeproof_attacks.apgd import APGD, checkpoints
from spikeproof_attacks.rows import random_direction
from spikeproof_attacks.square import share


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (100, (22, 41, 57, 70, 80, 87, 93, 99)),
        (50, (11, 21, 29, 35, 40, 44, 47, 50)),
        (20, (5, 9, 12, 14, 16, 18, 19, 20)),
        (10, (3, 5, 6, 7, 8, 9, 10)),
        (1, (1,)),
    ],
)
def test_checkpoints_are_those_of_the_paper_whatever_the_number_of_steps(steps: int, expected: Any) -> None:
    assert checkpoints(steps) == expected


def _rough() -> Field:
    w = torch.as_tensor(2 * np.random.default_rng(0).standard_normal((36, 30)), dtype=torch.float64)
    return Field(lambda y, k: torch.sin(y.flatten(1) @ w).sum(dim=1))  # noqa: ARG005


def _clip(z: np.ndarray, x: np.ndarray, eps: float, norm: str) -> np.ndarray:
    """No wall is near, so that the ball alone counts."""
    d = z - x
    if norm == "linf":
        return np.asarray(x + d.clip(-eps, eps))
    return np.asarray(x + d * min(1.0, eps / float(np.linalg.norm(d))))


def _by_the_paper(field: Field, clean: np.ndarray, eps: float, norm: str, steps: int) -> tuple[list[float], int]:
    """Algorithm 1 of Croce and Hein 2020 for one item: values of all iterates, and how often the step was halved."""

    def ask(y: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = field.value_and_gradient(torch.as_tensor(y)[None])
        return float(value), slope[0].numpy()

    def move(y: np.ndarray, slope: np.ndarray, size: float) -> np.ndarray:
        way = np.sign(slope) if norm == "linf" else slope / np.linalg.norm(slope)
        return _clip(y + size * way, clean, eps, norm)

    p = [0.0, 0.22]
    while p[-1] < 1:
        p.append(p[-1] + max(p[-1] - p[-2] - 0.03, 0.06))
    marks = [math.ceil(round(q * steps, 6)) for q in p]
    size, halvings = 2 * eps, 0
    f, slope = ask(clean)
    trace, sizes, tops = [f], {0: size}, {0: f}
    starts = [f]  # values where steps start: after a return to the best point, its value
    best = (f, clean, slope)
    y, before = clean, clean
    for k in range(steps):
        z = move(y, slope, size)
        new = z if k == 0 else _clip(y + 0.75 * (z - y) + 0.25 * (y - before), clean, eps, norm)
        before, y = y, new
        f, slope = ask(y)
        trace.append(f)
        if f > best[0]:
            best = (f, y, slope)
        done = k + 1
        if done in marks[1:] and done < steps:
            last = marks[marks.index(done) - 1]
            rising = sum(trace[i + 1] > starts[i] for i in range(last, done))
            stuck = sizes[last] == size and tops[last] == best[0]
            tops[done] = best[0]
            if rising < 0.75 * (done - last) or stuck:
                size, halvings = size / 2, halvings + 1
                f, y, slope = best
            sizes[done] = size
        starts.append(f)
    return trace, halvings


@pytest.mark.parametrize(("norm", "steps"), [("l2", 30), ("l2", 100), ("linf", 30)])
def test_every_iterate_is_that_of_the_algorithm_as_published(norm: Any, steps: int) -> None:
    x = 0.45 + 0.1 * np.random.default_rng(1).random((5, 1, 6, 6))
    eps, halved = (0.4 if norm == "l2" else 0.1), 0
    for image in x:
        field = _rough()
        search(APGD(steps=steps), field, torch.as_tensor(image)[None], (eps,), norm)
        ours = [float(_rough()(point)) for point in field.seen]
        theirs, halvings = _by_the_paper(_rough(), image, eps, norm, steps)
        # Points within 5e-7 of their radius are not projected again: `spikeproof.geometry` takes that for rounding.
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        halved += halvings
    assert halved >= 5


def test_a_random_l1_direction_is_uniform_on_the_sphere() -> None:
    like = torch.zeros(400, 1, 2, 3, dtype=torch.float64)
    noise = ItemNoise(0, [(k,) for k in range(400)])
    part = random_direction(noise, like, "l1").flatten(1).abs()
    part = part / part.sum(dim=1, keepdim=True)  # each part of six is Beta(1, 5)
    assert float(part.mean()) == pytest.approx(1 / 6, rel=1e-9)
    assert float(part.var()) == pytest.approx(5 / (36 * 7), rel=0.1)
    assert float((part[:, 0] > 0.5).double().mean()) == pytest.approx(0.5**5, abs=0.03)


def test_windows_shrink_on_the_schedule_of_the_paper_whatever_the_number_of_queries() -> None:
    at = (0, 10, 11, 50, 51, 200, 201, 500, 501, 1000, 1001, 2001, 4001, 6001, 8001, 9999)
    halvings = (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 9)
    assert [share(query, 10_000, 0.8) for query in at] == [0.8 / 2**n for n in halvings]
    assert [share(query, 100, 0.8) for query in (0, 1, 6, 99)] == [0.8, 0.2, 0.05, 0.8 / 512]


def test_more_queries_find_more_and_values_only_rise() -> None:
    x = torch.as_tensor(np.random.default_rng(1).random((3, 1, 6, 6)))
    from spikeproof_attacks.square import Square

    norms: list[Any] = ["l2", "linf"]
    for norm in norms:
        few, many = (values(_rough(), search(Square(queries=n), _rough(), x, (0.3,), norm)).mean() for n in (20, 500))
        assert many > few + 1
