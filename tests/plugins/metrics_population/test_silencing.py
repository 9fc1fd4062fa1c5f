"""Silenced units: a sparse and a distributed code of equal accuracy are told apart, and noise gets no verdict."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from simulated_codes import build_code, category_code, check_summary, perturb, stack
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, Metric
from spikeproof_activity.silence import Silence
from spikeproof_metrics_population.silencing import Silencing

UNITS = 60
SPARSE = np.r_[np.full(5, 2.5), np.zeros(UNITS - 5)]
DISTRIBUTED = np.full(UNITS, np.linalg.norm(SPARSE) / np.sqrt(UNITS))  # the same d' of the whole population


def evidence_of(code: Code, attack: Silence) -> list[Evidence]:
    made = []
    for item in attack(code, seed=0):
        about = {"aim": item.aim, "objective": item.objective, "control": item.control, "target": item.target}
        doses = tuple(item.perturbed["epsilon"].values)
        made.append(
            perturb(
                code, item.perturbed.values, doses, units="units silenced", attack="silence", domain="response", **about
            )
        )
    return made


def summary_of(code: Code, attack: Silence | None = None) -> xr.Dataset:
    metric = Silencing()
    assert isinstance(metric, Metric)
    made = evidence_of(code, attack if attack is not None else Silence(draws=10))
    summary = metric.summarise(stack((e, metric.measure(e)) for e in made), code, Resampling(draws=200))
    check_summary(summary)
    return summary


@pytest.mark.parametrize("baseline", [0.0, 5.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_sparse_and_a_distributed_code_are_told_apart(classes: int, baseline: float) -> None:
    verdicts = {}
    for name, signal in (("sparsely", SPARSE), ("distributed", DISTRIBUTED)):
        code = category_code(signal, stimuli=120, classes=classes, baseline=baseline)
        summary = summary_of(code)
        verdicts[name] = list(Silencing().describe(summary, code))[-1]
        assert f" {name} " in verdicts[name] or f" {name}," in verdicts[name]


def test_the_sentences_give_the_numbers_with_their_intervals_and_chance() -> None:
    code = category_code(SPARSE, stimuli=160)
    text = list(Silencing().describe(summary_of(code), code))
    assert text[0].startswith("Choices move half way to another image's when these many of 60 units fall silent: 4.")
    assert "units chosen by readout weight, 4." in text[0]
    assert text[0].endswith("] units chosen at random.")
    assert text[1].startswith("Accuracy is 1 with all units and 0.5")
    assert text[1].endswith("with shuffled categories.")
    assert text[2].startswith("With 59 random units silent it is 0.")
    assert text[3].startswith("The best-chosen units need 0.1")
    assert text[3].endswith("times as many as random ones: the choice is carried sparsely, by few units (below 0.2).")


def test_a_readout_of_noise_gets_no_verdict() -> None:
    code = category_code(np.zeros(20), stimuli=60, seed=1)
    text = list(Silencing().describe(summary_of(code), code))
    assert "The readout is not told apart from chance (p = " in text[-1]
    assert "cannot be said" in text[-1]


def test_signals_of_unequal_size_are_neither() -> None:
    signal = np.random.default_rng(0).exponential(0.4, UNITS)
    code = category_code(signal, stimuli=160)
    assert (
        "neither clearly sparse (below 0.2) nor clearly distributed"
        in list(Silencing().describe(summary_of(code), code))[-1]
    )


def test_curves_are_the_share_of_changed_and_of_right_choices() -> None:
    code = category_code(np.full(6, 1.5), stimuli=30)
    assert code.choices is not None
    assert code.labels is not None
    made = evidence_of(code, Silence(draws=3, counts=(2, 5)))
    summary = summary_of(code, Silence(draws=3, counts=(2, 5)))
    weight = made[0]
    assert weight.choices is not None
    changed = (weight.choices.values != code.choices.values).mean(axis=1)
    right = (weight.choices.values == code.labels.values).mean(axis=1)
    cells = summary.sel(order="weight", statistic="estimate")
    np.testing.assert_allclose(cells["changed"].values, changed)
    np.testing.assert_allclose(cells["accuracy"].values, right)
    controls = [e.choices.values != code.choices.values for e in made[2:] if e.choices is not None]
    at_random = summary["changed"].sel(order="random", statistic="estimate").values
    np.testing.assert_allclose(at_random, np.mean(controls, axis=(0, 2)))
    assert summary["epsilon"].attrs == {"long_name": "silenced", "units": "units"}


def test_half_is_reached_where_the_curve_crosses_half_of_the_pair_distance() -> None:
    code = category_code(SPARSE, stimuli=80)
    summary = summary_of(code)
    curve = summary["changed"].sel(order="weight", statistic="estimate").values / code.behavior_pair_distance
    half = float(summary["k50"].sel(order="weight", statistic="estimate"))
    assert np.interp(half, np.r_[0.0, summary["epsilon"].values], np.r_[0.0, curve]) == pytest.approx(0.5)


def test_concentration_is_the_smaller_half_of_the_chosen_orders_over_that_of_random_ones() -> None:
    code = category_code(np.random.default_rng(0).exponential(0.4, UNITS), stimuli=80)
    summary = summary_of(code).sel(statistic="estimate")
    weight, greedy, random = (float(summary["k50"].sel(order=name)) for name in ("weight", "greedy", "random"))
    assert weight != greedy
    assert float(summary["concentration"]) == pytest.approx(min(weight, greedy) / random)


def test_where_choices_never_change_nothing_is_reached_and_it_is_said() -> None:
    code = category_code(np.full(40, 5.0), stimuli=20)
    summary = summary_of(code, Silence(draws=2, counts=(1, 2)))
    assert np.isinf(summary["k50"].sel(statistic="estimate").values).all()
    assert "concentration" not in summary
    assert "more than 2 units chosen greedily" in " ".join(Silencing().describe(summary, code))
    none = summary["changed"].sel(order="weight").isel(epsilon=0)
    assert none.sel(statistic="estimate") == 0
    assert none.sel(statistic="high") > 0.1  # none of 20 is not none of all


def test_without_categories_choices_are_still_counted() -> None:
    code = category_code(SPARSE, stimuli=40)
    bare = Code(system=code.system, responses=code.responses, choices=code.choices, readout=code.readout)
    summary = summary_of(bare)
    assert set(summary.data_vars) == {"changed", "k50", "concentration"}
    assert "times as many as random ones" in list(Silencing().describe(summary, bare))[-1]


def test_choices_are_read_again_where_the_evidence_holds_none() -> None:
    code = category_code(SPARSE, stimuli=40)
    given = evidence_of(code, Silence(draws=1))[0]
    bare = Evidence(code=code, domain="response", attack="silence", perturbed=given.perturbed)
    xr.testing.assert_equal(Silencing().measure(bare), Silencing().measure(given))


def test_no_readout_and_a_single_choice_are_refused() -> None:
    silent = build_code(np.random.default_rng(0).normal(size=(6, 3)))
    with pytest.raises(NotEnoughData, match="silencing: code recording has no readout under attack"):
        Silencing().measure(Evidence(code=silent))
    code = category_code(SPARSE, stimuli=40)
    assert code.choices is not None
    same = Code(
        system="recording",
        responses=code.responses,
        labels=code.labels,
        readout=code.readout,
        choices=code.choices.copy(data=np.full(40, "0")),
    )
    with pytest.raises(NotEnoughData, match="makes the same choice on every stimulus"):
        summary_of(same)
