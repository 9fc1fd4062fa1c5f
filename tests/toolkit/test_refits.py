"""How much of a mean's variance comes from refits: told apart from flips, against simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import refitted_variance


def test_without_flips_it_is_the_delete_a_group_jackknife() -> None:
    effects = np.random.default_rng(0).normal(size=4)
    without = (effects.sum() - effects) / 3
    blocks = np.array([0.3, -0.2, 0.1])  # stimuli differ, but alike in every fit
    found = refitted_variance(without[:, None] + blocks, 4)
    assert float(found) == pytest.approx(effects.var(ddof=1) / 4)


def test_flips_that_differ_from_stimulus_to_stimulus_are_taken_off() -> None:
    """Means over 1,000 simulations, of which half are set to 0 where nothing but flips is there."""
    rng = np.random.default_rng(1)
    flips = rng.normal(size=(1000, 32, 8))
    units = 2.0 * rng.normal(size=(1000, 32, 1))
    flips_alone = np.array([refitted_variance(values, 4) for values in flips])
    both = np.array([refitted_variance(values, 4) for values in flips + units])
    naive = 3 * flips.mean(axis=2).var(axis=1)
    assert flips_alone.mean() < 0.35 * naive.mean()
    assert both.mean() == pytest.approx(3 * 31 / 32 * 4.0, rel=0.03)


def test_it_is_never_negative() -> None:
    opposed = np.array([[1.0, -1.0], [-1.0, 1.0], [0.5, -0.5]])
    assert float(refitted_variance(opposed, 3)) == 0.0


@pytest.mark.parametrize("shape", [(1, 8), (8, 1), (8,)])
def test_too_few_refits_or_blocks_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(NotEnoughData, match="needs at least two refits and two blocks of stimuli"):
        refitted_variance(np.ones(shape), 4)
