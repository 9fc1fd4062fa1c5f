"""Spearman's correlation of units with choices, over systems."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from spikeproof_metrics_comment.rank_correlation import spearman


def test_spearman_is_that_of_scipy_with_ties() -> None:
    one, two = np.array([1.0, 2.0, 2.0, 5.0]), np.array([3.0, 1.0, 1.0, 0.0])
    assert spearman(one, two) == pytest.approx(spearmanr(one, two).statistic)
    assert np.isnan(spearman(one, np.ones(4)))
