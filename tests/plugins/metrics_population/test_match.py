"""How near images come to a vector that was to be matched, on codes where that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence
from spikeproof_metrics_population.match import Match

NAMES = [f"s{row}" for row in range(6)]
CLEAN = np.random.default_rng(0).standard_normal((6, 4))
NEXT = np.roll(np.arange(6), -1)


def _code(clean: NDArray[np.float64] = CLEAN, *, choices: bool = False) -> Code:
    units = [f"u{k}" for k in range(clean.shape[1])]
    on_unit = {"unit": units, "session": ("unit", [""] * len(units)), "subject": ("unit", [""] * len(units))}
    responses = xr.DataArray(
        clean, dims=("stimulus", "unit"), coords={"stimulus": NAMES, **on_unit}, attrs={"units": "activation"}
    )
    chosen = xr.DataArray(list("aabbcc"), dims=("stimulus",), coords={"stimulus": NAMES}) if choices else None
    return Code(system="toy", responses=responses, choices=chosen)


def _evidence(
    perturbed: NDArray[np.float64],
    goal: NDArray[np.intp],
    *,
    epsilons: tuple[float, ...] = (0.5, 1.0),
    code: Code | None = None,
    control: str = "",
    achieved: float | None = None,
    choices: NDArray[np.str_] | None = None,
) -> Evidence:
    code = code or _code()
    dose = xr.DataArray(list(epsilons), dims=("epsilon",), attrs={"units": "L2 norm"})
    places = {"epsilon": dose, "stimulus": NAMES}
    norm = None
    if achieved is not None:
        norm = xr.DataArray(np.full((len(epsilons), 6), achieved), dims=("epsilon", "stimulus"), coords=places)
        norm.attrs["between_stimuli"] = 4.0
    return Evidence(
        code=code,
        domain="stimulus",
        attack="toward" if np.isfinite(epsilons).all() else "metamer",
        aim="population",
        objective="population",
        control=control,
        target="population",
        perturbed=xr.DataArray(
            perturbed, dims=("epsilon", "stimulus", "unit"), coords={**places, "unit": code.responses["unit"].values}
        ),
        choices=None if choices is None else xr.DataArray(choices, dims=("epsilon", "stimulus"), coords=places),
        achieved=norm,
        goal=xr.DataArray(np.array(NAMES)[goal], dims=("stimulus",), coords={"stimulus": NAMES}),
    )


def _stacked(*evidences: Evidence) -> xr.Dataset:
    found = []
    for one in evidences:
        here = {"attack": one.attack, "aim": "population", "objective": "population", "control": one.control}
        here |= {"target": one.target, "target_unit": "", "session": "", "subject": ""}
        coords = {name: ("target", [text]) for name, text in here.items()}
        found.append(Match().measure(one).expand_dims("target").assign_coords(coords))
    return xr.concat(found, dim="target", join="outer", coords="minimal", compat="equals", combine_attrs="override")


def _halfway(share: float) -> NDArray[np.float64]:
    return (1 - share) * CLEAN + share * CLEAN[NEXT]


def test_what_is_left_is_relative_to_the_distance_between_stimuli() -> None:
    found = Match().measure(_evidence(np.stack([_halfway(0.25), _halfway(1.0)]), NEXT))
    code = _code()
    far = code.population_distance(CLEAN, CLEAN[NEXT]) / code.population_pair_distance
    np.testing.assert_allclose(found["start"], far)
    np.testing.assert_allclose(found["residual"], [0.75 * far, 0 * far], atol=1e-12)
    np.testing.assert_allclose(found["recognised"].values[1], 1)
    assert "difference" not in found  # in a ball it is epsilon


def test_an_image_is_recognised_as_the_stimulus_whose_vector_is_nearest() -> None:
    found = Match().measure(_evidence(np.stack([_halfway(0.1), _halfway(0.9)]), NEXT))
    distance = np.linalg.norm((_halfway(0.9)[:, None] - CLEAN) @ _code().whitening, axis=-1)
    np.testing.assert_array_equal(found["recognised"].values[1], distance.argmin(axis=1) == NEXT)
    assert not found["recognised"].values[0].any()


def test_the_way_covered_and_its_control_are_told() -> None:
    attack = _evidence(np.stack([_halfway(0.3), _halfway(0.8)]), NEXT)
    control = _evidence(np.stack([_halfway(-0.1), _halfway(-0.2)]), NEXT, control="random")
    summary = Match().summarise(_stacked(attack, control), _code(), Resampling(seed=0, draws=100))
    covered = summary["covered"].sel(statistic="estimate")
    np.testing.assert_allclose(covered.sel(row="population"), [0.3, 0.8])
    np.testing.assert_allclose(covered.sel(row="random (population)"), [-0.1, -0.2])
    said = list(Match().describe(summary, _code()))
    assert said[0].startswith("At L2 norm 1, population covers 80 [80, 80] % of the way to another stimulus's")
    assert "random (population) covers -20 [-20, -20] %" in said[1]
    assert summary["epsilon"].attrs["units"] == "L2 norm"


def test_metamers_stand_apart_from_what_a_ball_binds() -> None:
    own = np.arange(6)
    metamer = _evidence(CLEAN[None] + 1e-9, own, epsilons=(np.inf,), achieved=3.0)
    random = _evidence(np.roll(CLEAN, 2, axis=0)[None], own, epsilons=(np.inf,), achieved=3.0, control="random")
    toward = _evidence(np.stack([_halfway(0.3), _halfway(0.8)]), NEXT, achieved=1.0)
    summary = Match().summarise(_stacked(toward, metamer, random), _code(), Resampling(seed=0, draws=100))
    assert summary["epsilon"].values.tolist() == [0.5, 1.0]
    assert summary["row"].values.tolist() == ["population, toward"]
    assert summary["images"].values.tolist() == ["metamer", "random"]
    estimate = summary.sel(statistic="estimate")
    np.testing.assert_allclose(estimate["metamer_residual"].values[0], 0, atol=1e-6)
    code = _code()
    far = code.population_distance(CLEAN, np.roll(CLEAN, 2, axis=0)).mean() / code.population_pair_distance
    np.testing.assert_allclose(estimate["metamer_residual"].values[1], far)
    np.testing.assert_allclose(estimate["metamer_recognised"], [1, 0])
    np.testing.assert_allclose(estimate["metamer_difference"], 0.75)
    assert np.isfinite(summary["residual"].values).all()
    said = list(Match().describe(summary, code))
    assert said[-2].startswith("Images of metamer are")
    assert "The images differ by 0.75 [0.75, 0.75] of the norm between two stimuli." in said[-1]


def test_choices_are_those_of_the_stimulus_that_was_to_be_matched() -> None:
    code = _code(choices=True)
    chosen = np.array([list("abbccx"), list("abbcca")])
    found = Match().measure(_evidence(np.stack([_halfway(0.5)] * 2), NEXT, code=code, choices=chosen))
    assert found["same_choice"].values.tolist() == [[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]]
    summary = Match().summarise(
        _stacked(_evidence(np.stack([_halfway(0.5)] * 2), NEXT, code=code, choices=chosen)), code, Resampling(draws=100)
    )
    np.testing.assert_allclose(summary["same_choice"].sel(statistic="estimate").values, [[5 / 6, 1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"goal": None}, "nothing was to be matched: use attack 'toward' or 'metamer'"),
        ({"code": _code(np.ones((6, 4)))}, "all clean population vectors of toy are the same"),
    ],
)
def test_what_cannot_be_matched_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(NotEnoughData, match=message):
        Match().measure(replace(_evidence(np.stack([CLEAN, CLEAN]), NEXT), **change))
