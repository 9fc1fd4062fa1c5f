"""How many directions a population can be attacked in, for Jacobians that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof.statistics import Resampling
from spikeproof.types import Code, Evidence, NetworkEvidence, StimulusSet
from spikeproof_metrics_network import directions
from spikeproof_metrics_network.directions import AttackDirections, participation_ratio, squared_singular_values

IMAGES = np.random.default_rng(0).random((12, 1, 6, 6), dtype=np.float32)
NAMES = [f"s{row}" for row in range(12)]


@dataclass
class Units:
    function: Callable[[torch.Tensor], torch.Tensor]
    units: tuple[str, ...]
    classes: None = None
    passes: list[int] = field(default_factory=list)

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        self.passes.append(len(images))
        return self.function(images)


def _linear(weights: NDArray[np.floating]) -> Units:
    matrix = torch.as_tensor(np.asarray(weights), dtype=torch.float32)
    return Units(lambda x: x.flatten(1) @ matrix.T, tuple(f"u{k}" for k in range(len(weights))))


def _evidence(model: Units, covariance: NDArray[np.float64] | None = None) -> Evidence:
    stimuli = StimulusSet(
        table=pd.DataFrame(index=pd.Index(NAMES, name="stimulus_id")),
        shape=(1, 6, 6),
        read=lambda rows: IMAGES[list(rows)],
    )
    with torch.no_grad():
        values = model.function(torch.from_numpy(IMAGES)).double().numpy()
    units = list(model.units)
    responses = xr.DataArray(
        values + 1e-9 * np.random.default_rng(1).standard_normal(values.shape),
        dims=("stimulus", "unit"),
        coords={
            "stimulus": NAMES,
            "unit": units,
            "session": ("unit", [""] * len(units)),
            "subject": ("unit", [""] * len(units)),
        },
        attrs={"units": "activation"},
    )
    noise = np.eye(len(units)) if covariance is None else covariance
    code = Code(
        system="toy",
        responses=responses,
        noise_covariance=xr.DataArray(noise, dims=("unit", "unit_other"), coords={"unit": units, "unit_other": units}),
    )
    return Evidence(code=code, network=NetworkEvidence(model=model, stimuli=stimuli, seed=0))  # type: ignore[arg-type]


def _measured(model: Units, **options: Any) -> xr.Dataset:
    covariance = options.pop("covariance", None)
    return AttackDirections(**options).measure(_evidence(model, covariance))


def test_units_that_all_follow_one_direction_have_one() -> None:
    """The comment's pair "neither necessary nor sufficient": r_i = +-l u.x has PR = 1 however many units there are."""
    u = np.random.default_rng(2).standard_normal(36)
    signs = np.where(np.arange(100) % 2, 1.0, -1.0)
    found = _measured(_linear(0.05 * signs[:, None] * u))
    np.testing.assert_allclose(found["participation"], 1, rtol=1e-6)
    np.testing.assert_allclose(found["cumulative"].isel(directions=0), 1, rtol=1e-6)
    assert (found["random"] > 20).all()


def test_orthogonal_units_of_one_slope_have_as_many_as_they_are() -> None:
    basis = np.linalg.qr(np.random.default_rng(2).standard_normal((36, 36)))[0]
    found = _measured(_linear(3 * basis[:7]))
    np.testing.assert_allclose(found["participation"], 7, rtol=1e-5)
    np.testing.assert_allclose(found["cumulative"], np.broadcast_to(np.arange(1, 8) / 7, (12, 7)), rtol=1e-5)
    assert float(found["possible"]) == 7


def test_it_is_that_of_the_singular_values() -> None:
    weights = np.random.default_rng(2).standard_normal((9, 36)) * np.linspace(0.1, 2, 9)[:, None]
    values = np.linalg.svd(weights, compute_uv=False) ** 2
    found = _measured(_linear(weights))
    np.testing.assert_allclose(found["participation"], values.sum() ** 2 / (values**2).sum(), rtol=1e-4)
    np.testing.assert_allclose(squared_singular_values(weights), values, rtol=1e-9)
    np.testing.assert_allclose(squared_singular_values(weights.T), values, rtol=1e-9)


def test_distances_are_whitened() -> None:
    """One unit that is a hundred times as steep, and a hundred times as noisy, counts like any other."""
    basis = np.linalg.qr(np.random.default_rng(2).standard_normal((36, 36)))[0]
    scale = np.array([100.0, 1, 1, 1])
    assert float(_measured(_linear(scale[:, None] * basis[:4]))["participation"].mean()) < 1.01
    found = _measured(_linear(scale[:, None] * basis[:4]), covariance=np.diag(scale**2))
    np.testing.assert_allclose(found["participation"], 4, rtol=1e-3)


def test_unrelated_gradients_have_what_random_matrices_have() -> None:
    """For independent normal entries the ratio of expectations is N P / (N + P + 1)."""
    weights = np.random.default_rng(2).standard_normal((20, 36))
    weights *= 5 / np.linalg.norm(weights, axis=1, keepdims=True)
    found = _measured(_linear(weights))
    assert float(found["random"].mean()) == pytest.approx(20 * 36 / (20 + 36 + 1), rel=0.05)
    assert float(found["random"].std()) > 0  # drawn for each image
    summary = AttackDirections().summarise(found.expand_dims("target"), _evidence(_linear(weights)).code, Resampling())
    assert summary.attrs == {}
    sentence = next(iter(AttackDirections().describe(summary, _evidence(_linear(weights)).code)))
    assert "in 1" in sentence


def test_its_interval_is_over_images_and_its_verdict_follows_it() -> None:
    rng = np.random.default_rng(2)
    shared = rng.standard_normal((15, 36)) + 4 * rng.standard_normal(36)
    evidence = _evidence(_linear(shared))
    metric = AttackDirections(images=6)
    measured = metric.measure(evidence)
    assert measured.sizes["image"] == 6
    summary = metric.summarise(measured.expand_dims("target"), evidence.code, Resampling(seed=1, draws=200))
    estimate, low, high = summary["participation_random"].values
    assert low < estimate < high
    assert summary["share_of_possible"].values[0] == pytest.approx(summary["participation"].values[0] / 15)
    assert "units share their directions" in next(iter(metric.describe(summary, evidence.code)))
    assert summary["participation"].attrs["chance"] == "participation_random"


def test_images_on_which_nothing_depends_are_left_out_and_counted() -> None:
    matrix = torch.as_tensor(np.random.default_rng(2).standard_normal((3, 36)), dtype=torch.float32)
    bright = float(np.sort(IMAGES.mean((1, 2, 3)))[5])

    def respond(x: torch.Tensor) -> torch.Tensor:
        return (x.flatten(1) @ matrix.T) * (x.flatten(1).mean(1, keepdim=True) > bright)

    model = Units(respond, ("a", "b", "c"))
    evidence = _evidence(model)
    measured = AttackDirections().measure(evidence)
    assert int(measured["participation"].isnull().sum()) == 6
    summary = AttackDirections().summarise(measured.expand_dims("target"), evidence.code, Resampling())
    assert "Mean over 6 images; at 6 more no unit depends on the image." in summary["participation"].attrs["definition"]
    assert np.isfinite(summary["participation"].values).all()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: 0 * x.flatten(1)[:, :2], "at none of 12 images does any unit depend on the image"),
        (lambda x: x.detach().flatten(1)[:, :2], "responses have no gradient"),
        (lambda x: (x - x.detach()).flatten(1)[:, :2].sqrt() + x.flatten(1)[:, :2], "at stimulus 's0' is not finite"),
    ],
)
def test_what_has_no_directions_is_refused(function: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _measured(Units(function, ("a", "b")))


def test_a_jacobian_too_large_is_refused_before_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "_MOST", 3 * 36)
    model = _linear(np.ones((4, 36)))
    with pytest.raises(DataError, match=r"Jacobian of 4 units by 36 pixels .* population of 3 or fewer"):
        _measured(model)
    assert model.passes == []


def test_few_jacobians_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.random.default_rng(2).standard_normal((4, 36))
    whole = _measured(_linear(weights))
    monkeypatch.setattr(directions, "_HELD", 5 * 4 * 36)
    model = _linear(weights)
    xr.testing.assert_allclose(_measured(model), whole)
    assert max(model.passes) == 5


def test_a_recording_has_no_network_and_a_study_needs_an_image() -> None:
    with pytest.raises(DataError, match="attack-directions: needs a network"):
        AttackDirections().measure(replace(_evidence(_linear(np.eye(36)[:2])), network=None))
    with pytest.raises(BadParameter, match="attack-directions: images must be at least 1, got 0"):
        AttackDirections(images=0)


def test_the_scale_of_values_makes_no_difference_to_their_participation() -> None:
    values = np.array([3.0, 2.0, 1.0])
    for scale in (1e-200, 1.0, 1e200):
        assert participation_ratio(values * scale) == pytest.approx(36 / 14)
    assert np.isnan(participation_ratio(np.zeros(3)))
