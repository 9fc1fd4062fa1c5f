"""Rankings: Kendall's tau, its chance level, and from where on one is stable."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import kendalltau
from spikeproof.errors import NotEnoughData
from spikeproof_metrics_comment import kendall_tau, stable_from
from spikeproof_metrics_comment.ranking import chance_of_agreement


def test_tau_is_that_of_scipy_where_there_are_no_ties() -> None:
    rng = np.random.default_rng(0)
    one, many = rng.random(7), rng.random((20, 7))
    expected = [kendalltau(one, row).statistic for row in many]
    np.testing.assert_allclose(kendall_tau(one, many), expected)
    with pytest.raises(NotEnoughData, match="at least two systems"):
        kendall_tau([1.0], [1.0])


def test_a_tie_agrees_with_neither_order() -> None:
    assert kendall_tau([1.0, 1.0, 2.0], [1.0, 2.0, 3.0]).item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("systems", [2, 3, 5])
@pytest.mark.parametrize("above", [0.9, 0.3])
def test_the_chance_of_agreement_is_the_share_of_all_orders(systems: int, above: float) -> None:
    first = np.arange(systems)
    taus = kendall_tau(first, np.array(list(permutations(first))))
    assert chance_of_agreement(systems, above) == pytest.approx((taus > above).mean())


def test_a_ranking_is_stable_from_where_it_stays() -> None:
    share = [[0.96, 0.5, 0.95, 1.0], [1.0] * 4, [0.9] * 4, [0.5, 0.97, np.nan, np.nan], [1.0, 0.9, np.nan, np.nan]]
    assert stable_from([2, 4, 8, 16], share).tolist() == [8.0, 2.0, np.inf, 4.0, np.inf]
