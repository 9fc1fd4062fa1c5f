"""Presentations are balanced, seeded, and keep versions of one stimulus apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeproof.closed_loop.order import presentation_order


@given(
    groups=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    repeats=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_every_block_shows_each_image_once_and_neighbours_differ(groups: list[int], repeats: int, seed: int) -> None:
    stimuli = [f"s{group}" for group in groups]
    order, apart = presentation_order(stimuli, repeats, seed=seed)
    assert all(sorted(block) == list(range(len(stimuli))) for block in order.tolist())
    shown = order.ravel()
    if len(stimuli) > 1:
        assert (np.diff(shown) != 0).all()
    assert apart == (2 * max(map(groups.count, groups)) <= len(groups))
    if apart:
        names = np.array(stimuli)[shown]
        assert (names[1:] != names[:-1]).all()


@pytest.mark.parametrize("key", ["", "round 2"])
def test_the_order_is_the_seeds_and_the_keys(key: str) -> None:
    stimuli = [f"s{k % 5}" for k in range(20)]
    one, again = (presentation_order(stimuli, 2, seed=1, key=key)[0] for _ in range(2))
    other = presentation_order(stimuli, 2, seed=2, key=key)[0]
    elsewhere = presentation_order(stimuli, 2, seed=1, key="else")[0]
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert (one != elsewhere).any()
    assert (one[0] != one[1]).any()


def test_every_image_comes_early_and_late_alike() -> None:
    # 400 blocks of 10 images: the mean position of each is 4.5, with a standard error of 2.87 / 20.
    order, _ = presentation_order([f"s{k // 2}" for k in range(10)], 400, seed=0)
    mean = np.array([np.flatnonzero(order == image).astype(float) % 10 for image in range(10)]).mean(axis=1)
    assert np.abs(mean - 4.5).max() < 4 * 2.87 / 20
