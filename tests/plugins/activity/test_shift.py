"""The smallest displacement that changes the choice: against SLSQP, and what must hold on both sides of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from simulated_codes import build_code, category_code, fit_readout
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Code, LinearReadout, ResponseAttack, ResponsePerturbation
from spikeproof_activity.shift import Boundaries, Shift


def covariance(units: int, seed: int) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(units, units + 3))
    return factor @ factor.T / units + 0.2 * np.eye(units)


def code_of(classes: int, *, noise: bool) -> Code:
    units = 6
    return category_code(
        np.full(units, 2.0),
        stimuli=30,
        classes=classes,
        seed=classes,
        folds=3,
        covariance=covariance(units, classes) if noise else None,
    )


def attack_of(code: Code, **options: object) -> ResponsePerturbation:
    return next(iter(Shift(**options)(code, seed=0)))  # type: ignore[arg-type]


def by_slsqp(code: Code, row: int) -> float:
    """Smallest squared displacement under which some other class beats the choice, one convex problem a class."""
    assert code.readout is not None
    stimulus = [str(code.responses["stimulus"].values[row])]
    fold = int(code.readout.folds_of(stimulus)[0])
    weights, clean = code.readout.weights[fold], code.responses.values[row]
    decision = weights @ clean + code.readout.intercepts[fold]
    choice = int(decision.argmax())
    metric = code.whitening @ code.whitening.T
    best = np.inf
    for rival in set(range(len(decision))) - {choice}:
        found = minimize(
            lambda d: d @ metric @ d,
            np.zeros_like(clean),
            jac=lambda d: 2 * metric @ d,
            method="SLSQP",
            constraints={
                "type": "ineq",
                "fun": lambda d, k=rival: (weights[k] - weights[choice]) @ d + decision[k] - decision[choice],
                "jac": lambda _, k=rival: weights[k] - weights[choice],
            },
            options={"ftol": 1e-11, "maxiter": 500},
        )
        assert found.success
        best = min(best, float(np.sqrt(found.fun)))
    return best


@pytest.mark.parametrize("noise", [True, False])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_closed_form_is_what_a_numerical_optimiser_finds(classes: int, noise: bool) -> None:
    code = code_of(classes, noise=noise)
    minimal = attack_of(code).minimal
    assert minimal is not None
    for row in range(0, 30, 5):
        assert minimal.values[row] == pytest.approx(by_slsqp(code, row), rel=1e-5)


@pytest.mark.parametrize("noise", [True, False])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_choice_changes_just_beyond_the_minimal_displacement_and_not_just_before(classes: int, noise: bool) -> None:
    code = code_of(classes, noise=noise)
    assert code.readout is not None
    stimuli = code.responses["stimulus"].values.tolist()
    clean = code.readout.choices(code.responses.values, stimuli)
    boundaries = Boundaries.of(code)
    distance, towards = boundaries.nearest()
    for factor, changes in ((1 - 1e-7, False), (1 + 1e-7, True)):
        shifted = code.responses.values + (factor * distance)[:, None] * (towards @ boundaries.unwhiten)
        assert ((code.readout.choices(shifted, stimuli) != clean) == changes).all()
        np.testing.assert_allclose(code.population_distance(shifted, code.responses.values), factor * distance)


def test_at_every_dose_the_population_moves_by_the_dose_and_the_choice_changes_beyond_minimal() -> None:
    code = code_of(4, noise=True)
    assert code.readout is not None
    stimuli = code.responses["stimulus"].values.tolist()
    clean = code.readout.choices(code.responses.values, stimuli)
    doses = (0.1, 0.7, 2.0, 9.0)
    for item in Shift(doses=doses, draws=3)(code, seed=0):
        moved = code.population_distance(item.perturbed.values, code.responses.values)
        np.testing.assert_allclose(moved, np.broadcast_to(np.array(doses)[:, None], moved.shape))
        assert item.minimal is not None
        if not item.control:
            changed = code.readout.choices(item.perturbed.values, stimuli) != clean
            np.testing.assert_array_equal(changed, np.array(doses)[:, None] > item.minimal.values)


def test_random_directions_never_change_the_choice_before_the_optimal_one() -> None:
    code = code_of(4, noise=True)
    assert code.readout is not None
    attack, *controls = Shift(draws=10)(code, seed=0)
    assert isinstance(Shift(), ResponseAttack)
    assert [item.target for item in controls] == [f"draw {k}" for k in range(10)]
    assert {item.control for item in controls} == {"random"}
    assert attack.minimal is not None
    stimuli = code.responses["stimulus"].values.tolist()
    clean = code.readout.choices(code.responses.values, stimuli)
    for item in controls:
        assert item.minimal is not None
        assert (item.minimal.values >= attack.minimal.values).all()
        near = item.perturbed["epsilon"].values[:, None] < item.minimal.values
        assert (code.readout.choices(item.perturbed.values, stimuli) == clean)[near].all()
        reached = np.isfinite(item.minimal.values)
        direction = (item.perturbed.values[0] - code.responses.values) / item.perturbed["epsilon"].values[0]
        beyond = code.responses.values + direction * (np.where(reached, item.minimal.values, 0.0) * (1 + 1e-7))[:, None]
        assert (code.readout.choices(beyond, stimuli) != clean)[reached].all()


def test_doses_say_what_they_are_measured_in() -> None:
    for noise, units in ((True, "noise sd"), (False, "stimulus sd (length over all units)")):
        item = attack_of(code_of(2, noise=noise))
        assert item.perturbed["epsilon"].attrs["units"] == units
        assert item.minimal is not None
        assert item.minimal.attrs["units"] == units


def test_constant_units_are_never_displaced() -> None:
    values = np.random.default_rng(0).normal(size=(40, 4))
    values[:, 1] += np.arange(40) % 2 * 3
    values[:, 2] = 7.0
    code = build_code(values, (np.arange(40) % 2).astype(str))
    for item in Shift(draws=2)(code, seed=0):
        assert (item.perturbed.values[:, :, 2] == 7.0).all()
        moved = code.population_distance(item.perturbed.values, values)
        np.testing.assert_allclose(moved, np.broadcast_to(item.perturbed["epsilon"].values[:, None], moved.shape))


def test_units_of_very_different_scales_are_all_displaced() -> None:
    code = code_of(2, noise=False)
    scale = np.array([1e-9, 1.0, 1e9, 1.0, 1.0, 1.0])
    assert code.readout is not None
    readout = LinearReadout(
        classes=code.readout.classes,
        weights=code.readout.weights / scale,
        intercepts=code.readout.intercepts,
        stimuli=code.readout.stimuli,
        fold=code.readout.fold,
    )
    scaled = Code(system="recording", responses=code.responses * scale, readout=readout)
    minimal, expected = attack_of(scaled).minimal, attack_of(code).minimal
    assert minimal is not None
    assert expected is not None
    np.testing.assert_allclose(minimal.values, expected.values)


def test_a_readout_that_ignores_the_units_is_never_changed() -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    labels = (np.arange(20) % 2).astype(str)
    ids = np.array([f"s{row}" for row in range(20)])
    fitted = fit_readout(values, labels, ids)
    flat = LinearReadout(
        classes=fitted.classes,
        weights=np.zeros_like(fitted.weights),
        intercepts=fitted.intercepts,
        stimuli=fitted.stimuli,
        fold=fitted.fold,
    )
    code = Code(system="recording", responses=build_code(values).responses, readout=flat)
    item = attack_of(code)
    assert item.minimal is not None
    assert np.isinf(item.minimal.values).all()
    assert (item.perturbed.values == values).all()


def test_a_code_without_a_readout_is_refused() -> None:
    with pytest.raises(NotEnoughData, match="shift: code recording has no linear readout"):
        list(Shift()(build_code(np.random.default_rng(0).normal(size=(6, 3))), seed=0))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"draws": 0}, "draws must be at least 1, got 0"),
        ({"doses": ()}, r"doses must be positive and ascend, got \[\]"),
        ({"doses": (0.0, 1.0)}, "doses must be positive"),
        ({"doses": (2.0, 1.0)}, r"ascend, got \[2.0, 1.0\]"),
        ({"doses": (1.0, float("nan"))}, "doses must be positive"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(BadParameter, match=text):
        Shift(**options)  # type: ignore[arg-type]
