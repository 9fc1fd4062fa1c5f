"""Sensitivity from recorded responses: closed forms on simulated neurons of known effect and noise."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import Resampling, noise_floor, pooled_variance
from spikeproof.types import Code, Evidence
from spikeproof_metrics_unit.measured import folded_mean, signal_sd
from spikeproof_metrics_unit.metrics.measured_sensitivity import MeasuredSensitivity

RESAMPLING = Resampling(draws=300)
NOISE, TIMES = 1.5, 4
UNITS, STIMULI = 5, 200


def recorded(
    effect: float,
    right: float,
    *,
    seed: int = 0,
    directions: bool = True,
    predicted: float | None = None,
    times: int = TIMES,
    control: str = "",
) -> tuple[Code, list[Evidence]]:
    """Neurons whose mean moves by ``effect``, up or down, as predicted with probability ``right``."""
    rng = np.random.default_rng(seed)
    names = [f"s{k:03d}" for k in range(STIMULI)]
    units = [f"u{k}" for k in range(UNITS)]
    truth = rng.normal(10, 3, (STIMULI, UNITS))
    stimulus = np.repeat(np.arange(STIMULI), times)
    single = truth[stimulus] + rng.normal(0, NOISE, (len(stimulus), UNITS))
    on_unit = {"unit": units, "session": ("unit", ["day"] * UNITS), "subject": ("unit", ["one"] * UNITS)}
    code = Code(
        system="recording",
        responses=xr.DataArray(
            single.reshape(STIMULI, times, UNITS).mean(axis=1),
            dims=("stimulus", "unit"),
            coords={"stimulus": names, **on_unit},
            attrs={"units": "spikes"},
        ),
        repeats=xr.DataArray(
            single,
            dims=("presentation", "unit"),
            coords={"stimulus": ("presentation", np.array(names)[stimulus]), **on_unit},
        )
        if times > 1
        else None,
    )
    evidences = []
    for column, unit in enumerate(units):
        sign = rng.choice([-1.0, 1.0], STIMULI)
        moved = truth.copy()
        moved[:, column] += np.where(rng.random(STIMULI) < right, sign, -sign) * effect
        shown = moved[stimulus] + rng.normal(0, NOISE, (len(stimulus), UNITS))
        epsilon = xr.DataArray([2.5], dims="epsilon", attrs={"units": "L2 norm"})
        words = np.where(sign > 0, "up", "down") if directions else np.full(STIMULI, "")
        evidences.append(
            Evidence(
                code=code,
                domain="stimulus",
                attack="measured",
                aim="unit",
                objective="unit",
                control=control,
                target=unit,
                target_unit=unit,
                perturbed=xr.DataArray(
                    shown.reshape(1, STIMULI, times, UNITS).mean(axis=2),
                    dims=("epsilon", "stimulus", "unit"),
                    coords={"epsilon": epsilon, "stimulus": names, "unit": units},
                ),
                predicted=None
                if predicted is None
                else xr.DataArray(
                    predicted * sign[None],
                    dims=("epsilon", "stimulus"),
                    coords={"epsilon": epsilon, "stimulus": names},
                ),
                repeats_perturbed=xr.DataArray(
                    shown,
                    dims=("presentation", "unit"),
                    coords={
                        "unit": units,
                        "stimulus": ("presentation", np.array(names)[stimulus]),
                        "epsilon": ("presentation", np.full(len(stimulus), 2.5)),
                        "direction": ("presentation", words[stimulus]),
                        "image": ("presentation", np.array([f"{name}+" for name in names])[stimulus]),
                        "row": ("presentation", np.arange(len(stimulus))),
                    },
                ),
            )
        )
    return code, evidences


def summarised(build: SimpleNamespace, code: Code, evidences: list[Evidence]) -> xr.Dataset:
    metric = MeasuredSensitivity()
    summary = metric.summarise(build.stack(metric, evidences), code, RESAMPLING)
    build.check(summary)
    return summary.isel(epsilon=0)


def covers(value: xr.DataArray, truth: float) -> bool:
    return float(value.sel(statistic="low")) <= truth <= float(value.sel(statistic="high"))


@pytest.mark.parametrize(("effect", "right"), [(2.0, 1.0), (2.0, 0.8), (1.0, 0.6)])
def test_the_signed_estimate_is_the_effect_times_two_p_less_one(
    build: SimpleNamespace, effect: float, right: float
) -> None:
    code, evidences = recorded(effect, right)
    summary = summarised(build, code, evidences).sel(perturbation="measured")
    sd = float(np.mean(1 / code.responses.std("stimulus", ddof=1)))
    tau2 = 2 * NOISE**2 / TIMES
    assert covers(summary["signed"], (2 * right - 1) * effect * sd)
    assert covers(summary["naive"], float(folded_mean(effect, tau2)) * sd)
    assert covers(summary["attenuation"], 2 * right - 1)
    np.testing.assert_allclose(
        float(summary["power"].sel(statistic="estimate")), effect * sd, rtol=0.06, err_msg="sizes are all the same"
    )
    corrected, raw = (float(summary[key].sel(statistic="estimate")) for key in ("signed_corrected", "signed"))
    assert corrected > raw, "noise widens the sd over clean means"
    np.testing.assert_allclose(corrected / raw, np.sqrt(9 + NOISE**2 / TIMES) / 3, rtol=0.02)


def test_without_any_effect_the_signed_estimate_is_zero_and_the_naive_one_at_its_floor(build: SimpleNamespace) -> None:
    code, evidences = recorded(0.0, 1.0, seed=3)
    summary = summarised(build, code, evidences).sel(perturbation="measured")
    assert covers(summary["signed"], 0.0)
    floor = float(summary["floor"].sel(statistic="estimate"))
    sd = float(np.mean(1 / code.responses.std("stimulus", ddof=1)))
    assert floor == pytest.approx(2 * NOISE / np.sqrt(np.pi * TIMES) * sd, rel=0.05)
    assert covers(summary["naive"], floor)
    assert covers(summary["agreement"], 0.5)
    assert float(summary["signed"].sel(statistic="high")) < 0.5 * floor


def test_sentences_hold_the_three_estimates_side_by_side(build: SimpleNamespace) -> None:
    code, evidences = recorded(2.0, 0.9, predicted=2.4)
    _, controls = recorded(0.0, 1.0, predicted=0.1, control="random")
    controls = [replace(one, code=code) for one in controls]
    metric = MeasuredSensitivity()
    summary = metric.summarise(build.stack(metric, evidences + controls), code, RESAMPLING)
    first, second, third = metric.describe(summary, code)
    assert first.startswith("At L2 norm 2.5, measured moved recorded units by, in sd of their clean responses: naive ")
    assert "(noise alone " in first
    assert "signed by predictions" in first
    assert "in-silico, for the same images," in first
    assert second.startswith("The signed change is above 0;")
    assert "(2p - 1)" in second
    assert third.startswith("Signed, its controls moved them by: random ")


def test_predicted_effects_sign_where_no_direction_was_written_down(build: SimpleNamespace) -> None:
    code, evidences = recorded(2.0, 1.0, directions=False, predicted=1.0)
    with_words = summarised(build, *recorded(2.0, 1.0))
    summary = summarised(build, code, evidences)
    np.testing.assert_allclose(summary["signed"].values, with_words["signed"].values)


def test_without_predictions_nothing_is_signed_and_it_is_said(build: SimpleNamespace) -> None:
    code, evidences = recorded(2.0, 1.0, directions=False)
    metric = MeasuredSensitivity()
    summary = metric.summarise(build.stack(metric, evidences), code, RESAMPLING)
    assert set(summary) == {"naive", "floor", "power"}
    assert (
        "measured is not signed: neither directions nor predicted effects came with"
        in list(metric.describe(summary, code))[-1]
    )


def test_where_nothing_was_shown_twice_the_floor_is_left_out(build: SimpleNamespace) -> None:
    code, evidences = recorded(2.0, 1.0, times=1)
    metric = MeasuredSensitivity()
    summary = metric.summarise(build.stack(metric, evidences), code, RESAMPLING)
    assert set(summary) == {"naive", "signed", "agreement"}
    assert "noise alone" not in next(iter(metric.describe(summary, code)))


def test_a_unit_whose_variance_noise_explains_has_no_corrected_sensitivity() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(0, 1, (50, 4))
    assert np.isnan(signal_sd(flat.mean(axis=1), 8.0, np.full(50, 4)))
    assert signal_sd(flat.mean(axis=1), 0.0, np.full(50, 4)) == pytest.approx(flat.mean(axis=1).std(ddof=1))
    with pytest.raises(DataError, match=r"it takes two stimuli or more"):
        signal_sd([1.0], 1.0, [2])


def test_noise_is_pooled_over_images_of_any_number_of_presentations() -> None:
    rng = np.random.default_rng(1)
    image = rng.integers(0, 4000, 10000)
    values = rng.normal(0, 2, 10000) + 10 * rng.normal(size=4000)[image]
    assert pooled_variance(values, image) == pytest.approx(4.0, rel=0.05)
    assert np.isnan(pooled_variance([1.0, 2.0], ["a", "b"]))
    draws = np.abs(rng.normal(0, 2, (20000, 3)).mean(axis=1) - rng.normal(0, 2, (20000, 6)).mean(axis=1))
    assert float(noise_floor(4.0, 3, 6)) == pytest.approx(draws.mean(), rel=0.02)


def test_evidence_without_single_responses_is_refused() -> None:
    _, (first, *_) = recorded(1.0, 1.0)
    with pytest.raises(NotEnoughData, match="needs single responses to perturbed stimuli"):
        MeasuredSensitivity().measure(replace(first, repeats_perturbed=None))
    with pytest.raises(DataError, match="has no target unit"):
        MeasuredSensitivity().measure(replace(first, target_unit=None))
