"""Error consistency as a metric: whose kappa with whom, over which conditions, with which interval and chance."""

from __future__ import annotations

import numpy as np
import pytest
import spikeproof_metrics_behavior as behavior
import xarray as xr
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof_metrics_behavior.metrics.error_consistency import ErrorConsistencyOfObservers

from .observer_cases import chosen, study, system, table

RESAMPLING = Resampling(draws=200)
METRIC = ErrorConsistencyOfObservers()
PEOPLE, ALL = "subjects with each other", "mean of all"


def random_right(seed: int, images: int = 60, share: float = 0.7) -> list[int]:
    return (np.random.default_rng(seed).random(images) < share).astype(int).tolist()


A, B, C = random_right(1), random_right(2), random_right(3)


def value(summary: xr.Dataset, name: str = "kappa", image_set: str = "trials", group: str = PEOPLE) -> float:
    return float(summary[name].sel(statistic="estimate", image_set=image_set, observers=group))


def test_every_group_has_the_kappa_of_its_pairs() -> None:
    people = table({"anna": chosen(A), "ben": chosen(B)})
    like_anna, other = system("like anna", chosen(A)), system("other", chosen(C))
    summary = METRIC.across(study(people, like_anna, other), RESAMPLING)
    kappa = behavior.error_consistency([A, B, C]).kappa
    expected = {
        PEOPLE: kappa[0, 1],
        "like anna with subjects": (1 + kappa[0, 1]) / 2,
        "other with subjects": (kappa[0, 2] + kappa[1, 2]) / 2,
        "systems with each other": kappa[0, 2],
    }
    assert summary["kappa"]["observers"].values.tolist() == list(expected)
    for group, number in expected.items():
        assert value(summary, group=group) == pytest.approx(number)
    observed = behavior.error_consistency([A, B, C]).observed
    assert value(summary, "observed_consistency") == pytest.approx(observed[0, 1])
    apart = (np.mean(A) - np.mean(B)) ** 2
    assert value(summary, "accuracy_difference") == pytest.approx(apart)


def test_shuffled_errors_are_consistent_by_chance_only() -> None:
    summary = METRIC.across(study(table({"anna": chosen(A), "ben": chosen(A)})), RESAMPLING)
    assert value(summary) == 1
    null = summary["kappa_shuffled"].isel(image_set=0, observers=0)
    low, centre, high = (float(null.sel(statistic=name)) for name in ("low", "estimate", "high"))
    assert low < 0 < high < 0.5
    assert abs(centre) < 0.05
    said = next(iter(METRIC.describe(summary)))
    assert said.startswith("Subjects with each other: error consistency (kappa) is 1 [1, 1] on trials, above what")


def test_the_interval_grows_with_the_scatter_of_subjects() -> None:
    alike = [random_right(seed) for seed in range(3)]
    two = [alike[0], alike[0], *alike]
    narrow, wide = (
        METRIC.across(study(table({f"s{k}": chosen(right) for k, right in enumerate(rights)})), RESAMPLING)
        for rights in ([A] * 5, two)
    )
    width = [
        float(one["kappa"].sel(statistic="high")[0, 0] - one["kappa"].sel(statistic="low")[0, 0])
        for one in (narrow, wide)
    ]
    assert width[0] == 0
    assert width[1] > 0.2


def test_conditions_are_averaged_and_the_control_and_hopeless_ones_are_left_out() -> None:
    conditions = ["plain"] * 20 + ["hard"] * 20 + ["hopeless"] * 20
    a, b = A.copy(), B.copy()
    a[40:], b[40:] = [0] * 20, [0] * 20
    trials = table({"anna": chosen(a), "ben": chosen(b)}, condition=conditions)
    kappa = [behavior.error_consistency([a[k : k + 20], b[k : k + 20]]).kappa[0, 1] for k in (0, 20, 40)]
    usable = ErrorConsistencyOfObservers(control="plain").across(study(trials), RESAMPLING)
    assert value(usable) == pytest.approx(kappa[1])
    every = ErrorConsistencyOfObservers(conditions="all").across(study(trials), RESAMPLING)
    assert value(every) == pytest.approx(np.mean(kappa))
    by_condition = every["kappa_by_condition"].sel(statistic="estimate", observers=PEOPLE)
    assert by_condition["condition"].values.tolist() == ["trials hard", "trials hopeless", "trials plain"]
    np.testing.assert_allclose(by_condition.values, [kappa[1], kappa[2], kappa[0]])
    with pytest.raises(DataError, match="no control condition 'none'"):
        ErrorConsistencyOfObservers(control="none").across(study(trials), RESAMPLING)


def two_sets() -> xr.Dataset:
    one = table({"anna": chosen(A), "ben": chosen(B)}, image_set=["one"] * 60)
    two = table({"anna": chosen(B), "ben": chosen(C)}, image_set=["two"] * 60)
    both = xr.concat([one, two], dim="trial")
    names = both["image_set"].values + "/" + both["stimulus_id"].values
    return both.assign(stimulus_id=("trial", names))


def test_image_sets_are_kept_apart_and_averaged() -> None:
    summary = METRIC.across(study(two_sets()), RESAMPLING)
    kappa = behavior.error_consistency([A, B, C]).kappa
    assert value(summary, image_set="one") == pytest.approx(kappa[0, 1])
    assert value(summary, image_set="two") == pytest.approx(kappa[1, 2])
    assert value(summary, image_set=ALL) == pytest.approx((kappa[0, 1] + kappa[1, 2]) / 2)
    low, high = (summary["kappa"].sel(statistic=name) for name in ("low", "high"))
    widths = (high - low).isel(observers=0)
    assert float(widths.sel(image_set=ALL)) < float(widths.sel(image_set="one"))
    assert any("over 2 image sets" in said for said in METRIC.describe(summary))


def test_short_names_find_the_stimuli_of_a_set_in_its_folder() -> None:
    trials = two_sets()
    stimuli = [f"{folder}/dnn/{k:04d}_x_dnn_0_cat_00_i{k:03d}" for folder in ("one", "two") for k in range(60)]
    model = system("net", [*chosen(A), *chosen(C)], stimuli)
    short = ErrorConsistencyOfObservers(names="short").across(study(trials, model), RESAMPLING)
    kappa = behavior.error_consistency([A, B, C]).kappa
    group = "net with subjects"
    assert value(short, image_set="one", group=group) == pytest.approx((1 + kappa[0, 1]) / 2)
    assert value(short, image_set="two", group=group) == pytest.approx((kappa[1, 2] + 1) / 2)
    as_they_are = METRIC.across(study(trials, model), RESAMPLING)
    assert group not in as_they_are["observers"].values
    assert any(
        said.startswith("net is left out: it was shown 0 of the 60 images") for said in METRIC.describe(as_they_are)
    )


def test_two_stimuli_of_one_short_name_are_refused() -> None:
    people = table({"anna": chosen(A), "ben": chosen(B)})
    model = system("net", chosen(A[:2]), ["x/i000", "y/i000"])
    with pytest.raises(DataError, match="stimuli 'x/i000' and 'y/i000' of net are both called 'i000' for short"):
        ErrorConsistencyOfObservers(names="short").across(study(people, model), RESAMPLING)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (system("net", None), "it makes no choices: there is no readout"),
        (system("net", ["0", "1"] * 30), "it chooses among '0', '1', and subjects of 'trials' among 'cat', 'dog'"),
    ],
)
def test_a_system_that_cannot_be_compared_is_named(code: object, reason: str) -> None:
    summary = METRIC.across(study(table({"anna": chosen(A), "ben": chosen(B)}), code), RESAMPLING)  # type: ignore[arg-type]
    assert any(said.startswith(f"net is left out: {reason}") for said in METRIC.describe(summary))


def test_a_system_is_compared_on_the_images_that_it_was_shown() -> None:
    people = table({"anna": chosen(A), "ben": chosen(A)})
    model = system("net", chosen(C)[:30], [f"i{k:03d}" for k in range(30)])
    summary = METRIC.across(study(people, model), RESAMPLING)
    expected = behavior.error_consistency([A[:30], C[:30]]).kappa[0, 1]
    assert value(summary, group="net with subjects") == pytest.approx(expected)
    with pytest.raises(DataError, match="observers 0 and 2 saw different stimuli under condition 0"):
        ErrorConsistencyOfObservers(different="refuse").across(study(people, model), RESAMPLING)
    without = ErrorConsistencyOfObservers(different="undefined").across(study(people, model), RESAMPLING)
    assert "net with subjects" not in without["observers"].values


def test_an_image_that_a_subject_saw_twice_is_refused_or_taken_once() -> None:
    once = table({"anna": chosen(A), "ben": chosen(B)})
    twice = xr.concat([once, once.isel(trial=[0]).assign(choice=("trial", ["dog"]))], dim="trial")
    with pytest.raises(DataError, match=r"subject 'anna' saw image 'i000' more than once under condition ''.*'first'"):
        METRIC.across(study(twice), RESAMPLING)
    first = ErrorConsistencyOfObservers(repeated="first").across(study(twice), RESAMPLING)
    assert value(first) == pytest.approx(value(METRIC.across(study(once), RESAMPLING)))


def test_brain_scores_absolute_value_is_an_option() -> None:
    opposite = [1 - hit for hit in A]
    trials = study(table({"anna": chosen(A), "ben": chosen(opposite)}))
    assert value(METRIC.across(trials, RESAMPLING)) < -0.5
    summary = ErrorConsistencyOfObservers(absolute=True).across(trials, RESAMPLING)
    assert value(summary) == pytest.approx(-value(METRIC.across(trials, RESAMPLING)))
    assert "Brain-Score's rule" in summary["kappa"].attrs["definition"]


def test_one_observer_is_not_enough() -> None:
    with pytest.raises(NotEnoughData, match="needs two observers: there is one subject, and no system with choices"):
        METRIC.across(study(table({"anna": chosen(A)})), RESAMPLING)
    with pytest.raises(NotEnoughData, match="needs a subject's choices"):
        METRIC.across(study(None), RESAMPLING)
    with pytest.raises(BadParameter, match="lowest must be at least 0 and below 1"):
        ErrorConsistencyOfObservers(lowest=1.0)


def test_an_image_has_one_right_choice() -> None:
    trials = table({"anna": chosen(A), "ben": chosen(B)})
    categories = trials["category"].values.copy()
    categories[0] = "dog"
    with pytest.raises(DataError, match="image 'i000' is 'dog' in one trial and 'cat' in another"):
        METRIC.across(study(trials.assign(category=("trial", categories))), RESAMPLING)
