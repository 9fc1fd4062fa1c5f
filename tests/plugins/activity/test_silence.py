"""Silenced units: the right ones, chosen on training stimuli, in the right order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from simulated_codes import build_code, category_code
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Code, ResponseAttack, ResponsePerturbation
from spikeproof_activity.orders import greedy_order, weight_order
from spikeproof_activity.silence import Silence, silence


def sparse() -> Code:
    return category_code(np.r_[np.full(3, 4.0), np.zeros(9)], stimuli=60, baseline=5.0)


def targets(code: Code, **options: object) -> dict[tuple[str, str], ResponsePerturbation]:
    attack = Silence(**options)  # type: ignore[arg-type]
    return {(item.objective, item.target): item for item in attack(code, seed=0)}


def changed(code: Code, item: ResponsePerturbation) -> np.ndarray:
    assert code.readout is not None
    assert code.choices is not None
    stimuli = code.responses["stimulus"].values.tolist()
    return (code.readout.choices(item.perturbed.values, stimuli) != code.choices.values).mean(axis=1)


def test_it_satisfies_the_protocol_and_yields_every_target_with_the_random_draws_as_controls() -> None:
    assert isinstance(Silence(), ResponseAttack)
    made = list(Silence(draws=3)(sparse(), seed=0))
    assert [(item.objective, item.control, item.target) for item in made] == [
        ("weight", "", "behavior"),
        ("greedy", "", "behavior"),
        ("random", "random", "draw 0"),
        ("random", "random", "draw 1"),
        ("random", "random", "draw 2"),
    ]
    for item in made:
        assert item.aim == "behavior"
        assert item.perturbed.dims == ("epsilon", "stimulus", "unit")
        assert item.perturbed["epsilon"].attrs["units"] == "units silenced"


def test_default_counts_ascend_from_one_to_all_units_but_one() -> None:
    counts = targets(category_code(np.ones(35), stimuli=20), draws=1)["weight", "behavior"].perturbed["epsilon"].values
    assert counts[0] == 1
    assert counts[-1] == 34
    assert (np.diff(counts) > 0).all()
    assert len(counts) == 34
    many = targets(category_code(np.ones(200), stimuli=20), draws=1)["weight", "behavior"].perturbed["epsilon"].values
    assert (many[0], many[-1], len(many)) == (1, 199, 64)


@pytest.mark.parametrize("to", ["zero", "mean"])
def test_exactly_k_units_of_each_stimulus_are_silenced_and_the_others_untouched(to: str) -> None:
    code = sparse()
    assert code.readout is not None
    for item in targets(code, to=to, draws=2, counts=(1, 4, 11)).values():
        moved = item.perturbed.values != code.responses.values
        assert (moved.sum(axis=2) == item.perturbed["epsilon"].values[:, None]).all()
        for earlier, later in pairwise(moved):
            assert (later | ~earlier).all()  # what is silenced stays silenced
    first = targets(code, to=to, draws=1, counts=(1,))["random", "draw 0"].perturbed.values[0]
    column = int((first != code.responses.values)[0].argmax())
    fold = code.readout.folds_of(code.responses["stimulus"].values.tolist())
    for number in np.unique(fold):
        expected = 0.0 if to == "zero" else code.responses.values[fold != number, column].mean()
        np.testing.assert_allclose(first[fold == number, column], expected)


def test_the_informative_units_go_first_and_random_orders_need_more_units() -> None:
    code = sparse()
    made = targets(code, to="mean", draws=20, counts=(3, 6))
    for objective in ("weight", "greedy"):
        item = made[objective, "behavior"]
        gone = item.perturbed.values[0] != code.responses.values
        assert gone[:, :3].mean() > 0.9
        assert changed(code, item)[0] > 0.3
    at_random = np.mean([changed(code, item)[0] for (name, _), item in made.items() if name == "random"])
    assert at_random < 0.2


def test_the_order_ignores_the_stimulus_that_is_read() -> None:
    code = sparse()
    assert code.readout is not None
    fold = code.readout.folds_of(code.responses["stimulus"].values.tolist())
    values = code.responses.values.copy()
    values[fold == 2] = np.random.default_rng(5).normal(50.0, 20.0, values[fold == 2].shape)
    other = Code(system="recording", responses=code.responses.copy(data=values), readout=code.readout)
    for name in ("weight", "greedy"):
        before = targets(code, to="zero", draws=1)[name, "behavior"].perturbed.values == 0
        after = targets(other, to="zero", draws=1)[name, "behavior"].perturbed.values == 0
        np.testing.assert_array_equal(before[:, fold == 2], after[:, fold == 2])
        assert (before[:, fold != 2] != after[:, fold != 2]).any()


def greedy_by_brute_force(weights: np.ndarray, intercepts: np.ndarray, r: np.ndarray, level: np.ndarray) -> list[int]:
    clean = (r @ weights.T + intercepts).argmax(axis=1)
    order: list[int] = []
    while len(order) < r.shape[1]:
        best: tuple[float, float] | None = None
        for unit in set(range(r.shape[1])) - set(order):
            silenced = r.copy()
            silenced[:, [*order, unit]] = level[[*order, unit]]
            decision = silenced @ weights.T + intercepts
            chosen = np.take_along_axis(decision, clean[:, None], axis=1)[:, 0]
            np.put_along_axis(decision, clean[:, None], -np.inf, axis=1)
            margin = chosen - decision.max(axis=1)
            score = (float((margin < 0).sum()), float(-margin.mean()))
            if best is None or score > best:
                best, pick = score, unit
        order.append(pick)
    return order


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [2, 4])
def test_rank_one_updates_find_the_same_greedy_order_as_brute_force(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, intercepts = rng.normal(size=(classes, 8)), rng.normal(size=classes)
    responses, level = rng.normal(1.0, 1.0, size=(25, 8)), rng.normal(size=8)
    expected = greedy_by_brute_force(weights, intercepts, responses, level)
    assert greedy_order(weights, intercepts, responses, level).tolist() == expected


def test_the_weight_order_ignores_the_scale_of_units_and_offsets_common_to_all_classes() -> None:
    rng = np.random.default_rng(0)
    weights, responses = rng.normal(size=(3, 6)), rng.normal(size=(40, 6))
    scale, offset = rng.uniform(0.01, 100.0, 6), rng.normal(size=6) * 10
    expected = weight_order(weights, responses).tolist()
    assert weight_order(weights / scale, responses * scale).tolist() == expected
    assert weight_order(weights + offset, responses).tolist() == expected


def test_random_draws_depend_on_the_seed_only() -> None:
    code = sparse()
    one, two = (list(Silence(draws=2)(code, seed=seed)) for seed in (0, 0))
    other = list(Silence(draws=2)(code, seed=1))
    xr.testing.assert_identical(one[-1].perturbed, two[-1].perturbed)
    assert not one[-1].perturbed.equals(other[-1].perturbed)
    assert not one[-1].perturbed.equals(one[-2].perturbed)


def test_silence_as_a_function_sets_the_first_units_of_an_order() -> None:
    code = sparse()
    out = silence(code.responses, np.arange(12)[::-1], np.array([2]), level=7.0)
    assert (out.values[0, :, 10:] == 7.0).all()
    np.testing.assert_array_equal(out.values[0, :, :10], code.responses.values[:, :10])


def test_a_code_without_a_readout_is_refused_with_what_to_do() -> None:
    code = build_code(np.random.default_rng(0).normal(size=(6, 3)))
    with pytest.raises(NotEnoughData, match=r"silence: code recording has no linear readout .* give the study"):
        list(Silence()(code, seed=0))


def test_one_unit_or_too_many_silenced_units_are_refused() -> None:
    with pytest.raises(NotEnoughData, match="has 1 unit: at least 2 are needed"):
        list(Silence()(category_code(np.array([3.0]), stimuli=20), seed=0))
    with pytest.raises(NotEnoughData, match="counts go up to 12, but code recording has 12 units: at most 11"):
        list(Silence(counts=(1, 12))(sparse(), seed=0))


def test_a_readout_of_other_units_is_refused() -> None:
    code = sparse()
    fewer = Code(system="recording", responses=code.responses[:, :5], readout=code.readout)
    with pytest.raises(NotEnoughData, match="reads 12 units, the code has 5"):
        list(Silence()(fewer, seed=0))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"draws": 0}, "draws must be at least 1, got 0"),
        ({"counts": (3, 2)}, r"counts must ascend from 1 or more, got \[3, 2\]"),
        ({"counts": (0, 2)}, "counts must ascend from 1"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(BadParameter, match=text):
        Silence(**options)  # type: ignore[arg-type]
