"""The metrics of in-silico systems, on an encoding whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import Resampling, fold_correlation
from spikeproof.types import Code, Encoding, Evidence, StudyEvidence
from spikeproof_insilico.encoder_fit import EncoderFit
from spikeproof_insilico.in_silico_spread import InSilicoSpread

RESAMPLING = Resampling(seed=0, draws=200)
R = 0.7


def encoding(*, units: int = 12, stimuli: int = 200, perturbed: bool = False, repeats: int = 1) -> Encoding:
    """Predictions that correlate with what was measured at 0.7; with perturbed versions, half of the stimuli."""
    rng = np.random.default_rng(0)
    measured = rng.normal(size=(stimuli, units))
    predicted = R * measured + np.sqrt(1 - R**2) * rng.normal(size=measured.shape)
    names = [f"s{k:03d}" for k in range(stimuli)]
    clean = [names[k - k % 2] if perturbed else names[k] for k in range(stimuli)]
    fold = (np.arange(stimuli) // 2) % 4
    grid = ("stimulus", "unit")
    status = np.array(["kept"] * (units - 2) + ["below min_fit", "no explainable variance"])
    data = xr.Dataset(
        {
            "measured": (grid, measured),
            "predicted": (grid, np.where(status == "no explainable variance", np.nan, predicted)),
            "presentations": (grid, np.full(measured.shape, repeats)),
            "squares": (grid, np.full(measured.shape, 0.1 * (repeats - 1))),
            "fold": ("stimulus", fold),
            "clean_stimulus_id": ("stimulus", clean),
            "fit": (
                "unit",
                np.where(status == "no explainable variance", np.nan, fold_correlation(predicted, measured, fold)),
            ),
            "reliability": ("unit", np.full(units, 0.9)),
            "status": ("unit", status),
            "layer": ("unit", np.where(status == "no explainable variance", "", "mid")),
        },
        coords={"stimulus": names, "unit": [f"n{k:02d}" for k in range(units)]},
    )
    return Encoding(encoder="ridge", model="net", min_fit=0.2, data=data)


def code(of: Encoding | None, units: int = 10) -> Code:
    rng = np.random.default_rng(1)
    responses = xr.DataArray(
        rng.normal(size=(20, units)),
        dims=("stimulus", "unit"),
        coords={"stimulus": [f"s{k:03d}" for k in range(20)], "unit": [f"n{k:02d}" for k in range(units)]},
    )
    return Code(system="ridge on net", responses=responses, encoding=of, facts={"in_silico": "yes"})


def summary(of: Encoding) -> xr.Dataset:
    whole = code(of)
    return EncoderFit().summarise(EncoderFit().measure(Evidence(code=whole)), whole, RESAMPLING)


def bounds(variable: xr.DataArray) -> list[float]:
    return [float(variable.sel(statistic=name)) for name in ("low", "estimate", "high")]


def test_the_interval_holds_the_true_correlation_and_not_chance() -> None:
    found = summary(encoding())
    low, estimate, high = bounds(found["held_out_r"])
    assert low < R < high
    assert estimate == pytest.approx(R, abs=0.04)
    assert bounds(found["chance"])[2] < 0.1 < low
    assert float(found["held_out_r_of_all"].sel(statistic="estimate")) == pytest.approx(R, abs=0.04)


def test_units_that_could_not_be_fitted_are_left_empty_and_named() -> None:
    of = encoding()
    found = summary(of)
    each = found["unit_held_out_r"].sel(statistic="estimate")
    assert np.isnan(each.sel(recorded_unit="n11"))
    assert not np.isnan(each.sel(recorded_unit="n10"))
    said = list(EncoderFit().describe(found, code(of)))
    assert any(
        text.startswith("Left out, as they have no explainable variance") and "n11 (undefined)" in text for text in said
    )
    assert any(
        text.startswith("Left out, as they are predicted worse than that") and "n10 (0." in text for text in said
    )
    assert "ridge on net predicts 10 of 12 recorded units at a held-out correlation of 0.2 or more: 0." in said[0]
    assert ", above what shuffled stimuli give (" in said[0]


def test_the_sign_accuracy_is_that_of_gaussian_pairs() -> None:
    low, _, high = bounds(summary(encoding())["sign_accuracy"])
    assert low < 0.5 + np.arcsin(R) / np.pi < high


def test_effects_of_perturbations_are_judged_where_some_were_shown() -> None:
    assert "sign_accuracy_perturbed" not in summary(encoding())
    found = summary(encoding(perturbed=True))
    low, _, high = bounds(found["sign_accuracy_perturbed"])
    assert low < 0.5 + np.arcsin(R) / np.pi < high
    said = list(EncoderFit().describe(found, code(encoding(perturbed=True))))
    assert any(text.startswith("It gives the sign of a perturbation's measured effect in ") for text in said)


def test_noise_ceilings_need_repeats_and_both_rules_are_named() -> None:
    assert "noise_corrected" not in summary(encoding())
    of = encoding(repeats=4)
    found = summary(of)
    reliability = float(found["unit_reliability"].sel(statistic="estimate").mean())
    assert reliability == pytest.approx(1 - 0.1 / 4, abs=0.01)
    r = float(found["held_out_r"].sel(statistic="estimate"))
    assert float(found["noise_corrected"].sel(statistic="estimate")) == pytest.approx(
        r / np.sqrt(reliability), abs=0.01
    )
    said = " ".join(EncoderFit().describe(found, code(of)))
    assert "by r^2 / reliability" in said
    assert "by (r / reliability)^2" in said


def test_other_systems_have_no_encoder_to_judge() -> None:
    with pytest.raises(
        DataError, match="encoder-fit: ridge on net is no in-silico system: there is no encoder to judge"
    ):
        EncoderFit().measure(Evidence(code=code(None)))


def attacked(name: str, sizes: np.ndarray, *, control: float = 0.1) -> tuple[Code, xr.Dataset]:
    """A system whose unit k moves by ``sizes[k]`` sd at norm 1, and by a tenth of it under the control."""
    whole = replace(code(encoding()), system=name)
    clean = whole.responses
    parts: list[Any] = []
    for kind, share in (("", 1.0), ("random", control)):
        for column, unit in enumerate(clean["unit"].values.tolist()[: len(sizes)]):
            shift = np.zeros((2, *clean.shape))
            shift[:, :, column] = share * sizes[column] * whole.unit_sd[column] * np.array([[0.5], [1.0]])
            epsilon = xr.DataArray([0.5, 1.0], dims="epsilon", attrs={"units": "L2 norm"})
            perturbed = xr.DataArray(
                clean.values + shift,
                dims=("epsilon", "stimulus", "unit"),
                coords={"epsilon": epsilon, "stimulus": clean["stimulus"].values, "unit": clean["unit"].values},
            )
            evidence = Evidence(
                code=whole, domain="stimulus", attack="pgd", aim="unit", objective="unit", control=kind, target=unit,
                target_unit=unit, perturbed=perturbed,
            )  # fmt: skip
            measured = InSilicoSpread().measure(evidence)
            place = {
                "attack": "pgd",
                "control": kind,
                "target": unit,
                "target_unit": unit,
                "session": "",
                "subject": "",
            }
            parts.append(
                measured.expand_dims("target").assign_coords({key: ("target", [value]) for key, value in place.items()})
            )
    return whole, xr.concat(parts, dim="target")


def spread(**systems: np.ndarray) -> xr.Dataset:
    made = {name: attacked(name, sizes) for name, sizes in systems.items()}
    study = StudyEvidence(
        codes={name: one for name, (one, _) in made.items()}, measured={name: one for name, (_, one) in made.items()}
    )
    return InSilicoSpread().across(study, RESAMPLING)


def test_the_interval_of_all_encoders_holds_that_of_each() -> None:
    sizes = np.linspace(1.0, 2.0, 10)
    found = spread(a=sizes, b=3 * sizes)
    at = {"perturbation": "pgd", "epsilon": 1.0}
    each, both = found["sensitivity"].sel(at), found["sensitivity_of_all"].sel(at)
    assert float(each.sel(system="a", statistic="estimate")) == pytest.approx(1.5)
    assert float(both.sel(statistic="estimate")) == pytest.approx(3.0)
    assert bounds(both)[0] == pytest.approx(bounds(each.sel(system="a"))[0])
    assert bounds(both)[2] == pytest.approx(bounds(each.sel(system="b"))[2])
    assert float(found["spread"].sel(at).sel(statistic="estimate")) == pytest.approx(3.0 / np.sqrt(2))
    control = found["sensitivity_of_all"].sel(perturbation="pgd (random)", epsilon=1.0)
    assert float(control.sel(statistic="estimate")) == pytest.approx(0.3)


def test_encoders_agree_on_the_order_of_units_or_they_do_not() -> None:
    sizes = np.linspace(1.0, 2.0, 10)
    found = spread(a=sizes, b=5 * sizes**2, c=sizes[::-1].copy())["rank_correlation"]
    estimate = found.sel(statistic="estimate", perturbation="pgd")
    assert float(estimate.sel(system="a", system_other="b")) == pytest.approx(1.0)
    assert float(estimate.sel(system="a", system_other="c")) == pytest.approx(-1.0)
    assert np.isnan(estimate.sel(system="a", system_other="a"))


def test_every_unit_has_a_row_of_its_own_for_each_encoder_and_for_the_control() -> None:
    sizes = np.linspace(1.0, 2.0, 10)
    found = spread(a=sizes, b=3 * sizes)["unit_sensitivity_by_encoder"]
    assert set(found.dims) == {"statistic", "system", "perturbation", "unit"}
    estimate = found.sel(statistic="estimate").transpose("system", "perturbation", "unit")
    np.testing.assert_allclose(estimate.sel(perturbation="pgd").values, [sizes, 3 * sizes])
    np.testing.assert_allclose(estimate.sel(perturbation="pgd (random)").values, [0.1 * sizes, 0.3 * sizes])


def test_the_order_of_units_under_the_control_is_its_own() -> None:
    """Two encoders that agree under the attack need not agree on what a random direction does, and the reverse."""
    sizes = np.linspace(1.0, 2.0, 10)
    made = {"a": attacked("a", sizes), "b": attacked("b", sizes)}
    of_b = made["b"][1]
    turned = of_b["shift"].where(of_b["control"] == "", 1.0 - of_b["shift"])
    study = StudyEvidence(
        codes={name: one for name, (one, _) in made.items()},
        measured={"a": made["a"][1], "b": of_b.assign(shift=turned)},
    )
    found = InSilicoSpread().across(study, RESAMPLING)["rank_correlation"].sel(statistic="estimate")
    between = found.sel(system="a", system_other="b")
    assert float(between.sel(perturbation="pgd")) == pytest.approx(1.0)
    assert float(between.sel(perturbation="pgd (random)")) == pytest.approx(-1.0)


def test_only_units_that_every_encoder_was_attacked_on_are_compared() -> None:
    found = spread(a=np.ones(10), b=np.array([3.0, 3.0]))
    assert found["unit"].values.tolist() == ["n00", "n01"]
    assert "rank_correlation" not in found, "two units have no order to speak of"


def test_one_encoder_has_no_spread() -> None:
    with pytest.raises(
        NotEnoughData, match="in-silico-spread: 1 in-silico system was attacked, and a spread needs two"
    ):
        spread(a=np.ones(4))


def test_other_systems_are_passed_over() -> None:
    one, _ = attacked("a", np.ones(2))
    plain = replace(one, encoding=None)
    assert not InSilicoSpread().measure(Evidence(code=plain)).data_vars
