"""Preference flips of stimuli and of categories, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Metric
from spikeproof_metrics_unit.metrics.preference_flips import PreferenceFlips

RESAMPLING = Resampling(draws=200)
# Unit 0: cats 1 and 3 (mean 2), dogs 5 and 7 (mean 6), birds 3 and 4 (mean 3.5); its preferred stimulus is s003.
# Unit 1 has one response throughout the categories' means, so that it prefers none.
RESPONSES = np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 1.0], [7.0, 1.0], [3.0, 0.5], [4.0, 1.5]])
LABELS = ["cat", "cat", "dog", "dog", "bird", "bird"]


@pytest.fixture(scope="module")
def code(build: SimpleNamespace) -> Code:
    return build.code(RESPONSES, LABELS)


def summarise(build: SimpleNamespace, code: Code, evidences: list) -> xr.Dataset:
    metric = PreferenceFlips()
    summary = metric.summarise(build.stack(metric, evidences), code, RESAMPLING)
    build.check(summary)
    return summary


def test_preference_flips_is_a_metric() -> None:
    assert isinstance(PreferenceFlips(), Metric)


def test_a_stimulus_flips_once_it_reaches_the_best_clean_response(build: SimpleNamespace, code: Code) -> None:
    perturbed = [[7.0, 6.9, 6.0, 9.0, 3.0, 4.0], [8.0, 7.0, 7.5, 9.0, 3.0, 4.0]]
    measured = PreferenceFlips().measure(build.evidence(code, 0, perturbed))["preferred_flip"]
    nan = np.nan
    np.testing.assert_array_equal(measured, [[1, 0, 0, nan, 0, 0], [1, 1, 1, nan, 0, 0]])
    summary = summarise(build, code, [build.evidence(code, 0, perturbed)])
    estimate = summary["preferred_flips"].sel(statistic="estimate", perturbation="pgd")
    np.testing.assert_allclose(estimate, [1 / 5, 3 / 5])
    half = summary["half_flip_epsilon"].sel(statistic="estimate", perturbation="pgd")
    assert float(half) == pytest.approx(0.5 + 0.5 * 3 / 4)


def test_the_upward_perturbation_is_read_where_it_was_solved_apart(build: SimpleNamespace, code: Code) -> None:
    clean = RESPONSES[:, 0]
    kept = [clean - 9, clean - 9]  # the downward one moved the unit more
    one = build.evidence(code, 0, kept, up=[clean, clean + 6], down=kept)
    measured = PreferenceFlips().measure(one)
    np.testing.assert_array_equal(measured["preferred_flip"].isel(epsilon=1), [1, 1, 1, np.nan, 1, 1])
    down = measured["category_progress"].sel(direction="down").isel(epsilon=0)
    np.testing.assert_allclose(down, [np.nan, np.nan, (6 - -4) / 4, (6 - -2) / 4, np.nan, np.nan])
    without = PreferenceFlips().measure(build.evidence(code, 0, kept))
    assert np.nansum(without["preferred_flip"]) == 0


def test_category_flips_by_hand(build: SimpleNamespace, code: Code) -> None:
    clean = RESPONSES[:, 0]
    # Cats start at 1 and 3, and dogs' mean is 6: s001 flips at norm 0.5, both at norm 1; dogs fall by 1, then by 4.
    up = [clean + 3, clean + 5]
    down = [clean - 1, clean - 4]
    summary = summarise(build, code, [build.evidence(code, 0, up, up=up, down=down)])
    flips = summary["category_flips"].sel(statistic="estimate", perturbation="pgd")
    np.testing.assert_allclose(flips.sel(direction="up"), [0.5, 1.0])
    np.testing.assert_allclose(flips.sel(direction="down"), [0.0, 0.5])
    # Mean progress of cats: 0 at norm 0, 3/4 at 0.5, 5/4 at 1; of dogs: 0, 1/4, 1.
    epsilon = summary["category_flip_epsilon"].sel(statistic="estimate", perturbation="pgd")
    assert float(epsilon.sel(direction="up")) == pytest.approx(0.75)
    assert float(epsilon.sel(direction="down")) == pytest.approx(1.0)
    own = summary["category_flip_epsilon_of_unit"].sel(statistic="estimate", perturbation="pgd", unit="u000")
    np.testing.assert_allclose(own, [0.75, 1.0])


def test_the_norm_of_a_category_flip_starts_from_the_attacked_stimuli(build: SimpleNamespace, code: Code) -> None:
    # The one attacked cat starts at 3, a quarter of the way from 2 to 6, and is at 7 (five quarters) at norm 0.5.
    summary = summarise(build, code, [build.evidence(code, 0, [[7.0], [9.0]], stimuli=[1])])
    up = summary["category_flip_epsilon"].sel(statistic="estimate", direction="up", perturbation="pgd")
    assert float(up) == pytest.approx(0.5 * 0.75 / 1.0)


def test_a_unit_that_is_never_flipped_counts_as_infinite_in_the_median(build: SimpleNamespace) -> None:
    responses = np.repeat(RESPONSES[:, :1], 3, axis=1)
    three = build.code(responses, LABELS)
    clean = responses[:, 0]
    evidences = [build.evidence(three, unit, [clean + step, clean + step]) for unit, step in enumerate((4.0, 0.0, 0.1))]
    summary = summarise(build, three, evidences)
    up = summary["category_flip_epsilon"].sel(direction="up", perturbation="pgd")
    assert np.isinf(up.sel(statistic="estimate"))
    assert float(up.sel(statistic="low")) <= 0.5
    assert np.isinf(up.sel(statistic="high"))


def test_a_unit_without_a_preferred_category_still_has_a_preferred_stimulus(build: SimpleNamespace, code: Code) -> None:
    perturbed = [RESPONSES[:, 1] + 3, RESPONSES[:, 1] + 3]
    measured = PreferenceFlips().measure(build.evidence(code, 1, perturbed))
    assert np.isnan(measured["category_progress"]).all()
    assert np.nanmin(measured["preferred_flip"]) == 1
    summary = summarise(build, code, [build.evidence(code, 1, perturbed)])
    assert "category_flips" not in summary


@pytest.mark.parametrize("labels", [None, ["cat"] * 6])
def test_without_several_categories_only_stimuli_flip(build: SimpleNamespace, labels: list[str] | None) -> None:
    plain = build.code(RESPONSES, labels)
    measured = PreferenceFlips().measure(build.evidence(plain, 0, RESPONSES[:, 0] + np.ones((2, 6))))
    assert list(measured.data_vars) == ["preferred_flip"]


def test_the_control_stands_beside_the_attack_and_the_sentences_say_so(build: SimpleNamespace) -> None:
    rng = np.random.default_rng(0)
    code = build.code(rng.gamma(2, size=(40, 8)), ["a", "b"] * 20, facts={"in_silico": "yes"})
    found = []
    for unit in range(8):
        clean = code.responses.values[:, unit]
        found += [
            build.evidence(code, unit, [clean + 1, clean + clean.max()]),
            build.evidence(code, unit, [clean, clean * 0.9], control="random"),
        ]
    summary = summarise(build, code, found)
    control = summary["preferred_flips"].sel(perturbation="random").isel(epsilon=-1)
    assert control.values[:2].tolist() == [0.0, 0.0]
    assert control.values[2] == pytest.approx(1 - 0.025 ** (1 / 8))
    texts = list(PreferenceFlips().describe(summary, code))
    assert texts[0] == (
        "At L2 norm 1, pgd makes 100 [63.1, 100] % of non-preferred stimuli drive in-silico units at least as strongly"
        " as their preferred stimulus does (0 [0, 36.9] % under random)."
    )
    assert texts[1].startswith("Half of them do so at L2 norm 0.")
    assert "least preferred category" in texts[2]


def test_a_control_that_flips_as_often_is_said_to(build: SimpleNamespace, code: Code) -> None:
    clean = RESPONSES[:, 0]
    found = [build.evidence(code, 0, [clean, clean], control=control) for control in ("", "random")]
    texts = list(PreferenceFlips().describe(summarise(build, code, found), code))
    assert texts[0].endswith("The attack's interval overlaps with that of random.")
    assert not any("Half of them" in text for text in texts)
