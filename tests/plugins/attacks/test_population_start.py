"""Searches whose gradient is zero at the clean image, as the population's, begin where most is noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_doubles import Away, make_grid, network
from spikeproof.engine import attack_target
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.eigen import Eigen
from spikeproof_attacks.pgd import PGD


def _moved(attack: Any, seed: int) -> np.ndarray:
    images = (0.3 + 0.4 * np.random.default_rng(seed).random((8, 1, 6, 6))).astype(np.float32)
    grid = make_grid(network(seed), images, epsilons=(0.25, 0.5, 1.0), norm="l2")
    found = attack_target(grid, attack, "attack", Away(), "population", decision=False, unit=-1, target="population")
    change = found.responses - grid.clean_responses
    return np.asarray(np.linalg.norm(change if grid.whitening is None else change @ grid.whitening, axis=-1))


@pytest.mark.parametrize("attack", [PGD(), APGD()], ids=["pgd", "apgd"])
def test_on_kinked_responses_no_item_ends_below_the_direction_that_is_noticed_most(attack: Any) -> None:
    """From a random start alone the worst items of these networks ended 4 to 23 % below it."""
    for seed in (0, 3):
        share = _moved(attack, seed) / _moved(Eigen(), seed)
        assert share.min() >= 0.99
        assert share.mean() > 1
