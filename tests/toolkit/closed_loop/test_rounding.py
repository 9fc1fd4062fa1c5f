"""Perturbations in whole grey levels keep their budget, the box, and as much of themselves as fits."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from spikeproof.closed_loop.rounding import level_norm, rounded, to_levels
from spikeproof.plugin import Norm

SIZES = st.floats(1e-4, 3.0)


def example(seed: int, size: float, norm: Norm) -> tuple[NDArray[np.uint8], NDArray[np.float64], float]:
    random = np.random.default_rng(seed)
    clean = random.integers(0, 256, (3, 8, 8)).astype(np.uint8)
    step = random.standard_normal((3, 8, 8))
    step = size * step / {"l1": np.abs(step).sum(), "l2": np.linalg.norm(step), "linf": np.abs(step).max()}[norm]
    step = np.clip(clean / 255 + step, 0, 1) - clean / 255
    limit = {"l1": np.abs(step).sum(), "l2": np.linalg.norm(step), "linf": np.abs(step).max()}[norm]
    return clean, step, float(limit)


@pytest.mark.parametrize("norm", get_args(Norm))
@given(seed=st.integers(0, 10_000), size=SIZES)
def test_the_norm_never_exceeds_the_limit_and_no_pixel_leaves_the_box(norm: Norm, seed: int, size: float) -> None:
    clean, step, limit = example(seed, size, norm)
    shown = rounded(clean, step, limit, norm)
    moved = shown.astype(int) - clean
    assert level_norm(moved, norm) <= limit * (1 + 1e-6)
    assert (moved * np.sign(step) >= 0).all()  # never against the perturbation, so that no byte wraps around
    assert (np.abs(moved) <= np.ceil(np.abs(step * 255) + 1e-6)).all()


@pytest.mark.parametrize("norm", get_args(Norm))
@given(seed=st.integers(0, 10_000), levels=st.integers(1, 60))
def test_a_perturbation_in_whole_levels_stays_as_it_is(norm: Norm, seed: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    clean, wanted = (random.integers(0, 256, (1, 6, 6)).astype(np.uint8) for _ in range(2))
    wanted = np.clip(wanted, clean.astype(int) - levels, clean.astype(int) + levels).astype(np.uint8)
    step = (wanted / np.float32(255)).astype(np.float32) - (clean / np.float32(255)).astype(np.float32)
    limit = level_norm(wanted.astype(int) - clean, norm)
    np.testing.assert_array_equal(rounded(clean, step, limit, norm), wanted)


def test_plain_rounding_breaks_the_budget_or_erases_what_this_keeps() -> None:
    # L2, 64 x 64 x 3: half a level in the mean at norm 0.1, where plain rounding keeps a third of the length along
    # the perturbation and this more than half; at 0.5 plain rounding exceeds the budget by 3 %.
    random = np.random.default_rng(0)
    clean = random.integers(20, 236, (3, 64, 64)).astype(np.uint8)
    direction = random.standard_normal(clean.shape)
    direction /= np.linalg.norm(direction)

    def along(shown: NDArray[np.int64]) -> float:
        return float((shown / 255 * direction).sum())

    small, large = 0.1 * direction, 0.5 * direction
    plain = np.rint(small * 255).astype(np.int64)
    mine = rounded(clean, small, 0.1, "l2").astype(np.int64) - clean
    assert along(plain) / 0.1 == pytest.approx(0.33, abs=0.02)
    assert along(mine) / 0.1 == pytest.approx(0.54, abs=0.02)
    assert level_norm(np.rint(large * 255).astype(np.int64), "l2") > 0.51
    mine = rounded(clean, large, 0.5, "l2").astype(np.int64) - clean
    assert 0.4999 < level_norm(mine, "l2") <= 0.5
    assert along(mine) / 0.5 > 0.96


@pytest.mark.parametrize(("norm", "limit"), [("l2", 0.99 / 255), ("l1", 0.99 / 255), ("linf", 0.99 / 255)])
def test_below_one_level_of_one_pixel_nothing_is_left(norm: Norm, limit: float) -> None:
    clean, step, _ = example(0, limit, norm)
    np.testing.assert_array_equal(rounded(clean, step, limit, norm), clean)


def test_levels_are_the_nearest_ones() -> None:
    image = np.array([[[0.0, 0.0019, 0.0021, 1.0]]], dtype=np.float32)
    assert to_levels(image).tolist() == [[[0, 0, 1, 255]]]
