"""Layers are chosen inside the training folds: what a fit is judged on never had a say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr
from spikeproof.errors import PluginFailed
from spikeproof.insilico.choosing import Chosen, fit_layers
from spikeproof.statistics import fold_correlation


@dataclass(frozen=True)
class Line:
    """Regression on the only feature; notes which stimuli each fit was given."""

    seen: list[frozenset[str]]
    broken: str = ""

    def fit(
        self, features: np.ndarray, responses: xr.DataArray, *, repeats: object, folds: np.ndarray, seed: int
    ) -> Any:
        del repeats, seed
        self.seen.append(frozenset(responses["stimulus"].values.tolist()))
        held_out = np.empty(responses.shape)
        for fold in np.unique(folds):
            out = folds == fold
            held_out[out] = self.line(features[~out], responses.values[~out])(features[out])
        if self.broken == "nan":
            held_out[0] = np.nan
        found = responses.copy(data=held_out)
        if self.broken == "shape":
            found = found[:-1]
        return type(
            "Fit", (), {"held_out": found, "hyperparameters": xr.Dataset(), "state": {}, "predict": lambda x: x}
        )

    def line(self, x: np.ndarray, y: np.ndarray) -> Any:
        slope = ((x - x.mean()) * (y - y.mean(axis=0))).sum(axis=0) / ((x - x.mean()) ** 2).sum()
        return lambda new: y.mean(axis=0) + (new - x.mean()) * slope

    def restore(self, state: Mapping[str, Any]) -> Any:
        raise NotImplementedError


def recording(stimuli: int = 30) -> tuple[dict[str, np.ndarray], xr.DataArray, np.ndarray]:
    """Two layers of one feature: ``a`` drives the first unit, ``b`` the second, and nothing drives the third."""
    rng = np.random.default_rng(0)
    layers = {name: rng.normal(size=(stimuli, 1)).astype(np.float32) for name in ("a", "b")}
    values = np.concatenate([layers["a"], layers["b"], rng.normal(size=(stimuli, 1))], axis=1)
    values = values + 0.1 * rng.normal(size=values.shape)
    responses = xr.DataArray(
        values,
        dims=("stimulus", "unit"),
        coords={"stimulus": [f"s{k:02d}" for k in range(stimuli)], "unit": ["of a", "of b", "of nothing"]},
    )
    return layers, responses, np.arange(stimuli) % 3


def chosen(encoder: Line, responses: xr.DataArray, *, per_unit: bool = True, names: str = "ab") -> Chosen:
    layers, _, folds = recording(responses.sizes["stimulus"])
    return fit_layers(
        encoder,
        layers.__getitem__,
        list(names),
        responses,
        None,
        folds,
        per_unit=per_unit,
        seed=0,
        advance=lambda: None,
    )


def test_each_unit_gets_the_layer_that_predicts_it() -> None:
    _, responses, folds = recording()
    found = chosen(Line([]), responses)
    assert found.layer.tolist()[:2] == ["a", "b"]
    assert (fold_correlation(found.predicted, responses.values, folds)[:2] > 0.9).all()


def test_or_all_share_one() -> None:
    _, responses, _ = recording()
    found = chosen(Line([]), responses, per_unit=False)
    assert len(set(found.layer.tolist())) == 1
    assert set(found.fits) == set(found.layer.tolist()), "fits of layers that no unit has are let go"


def test_what_is_predicted_does_not_depend_on_the_responses_that_are_held_out() -> None:
    """Neither through the fit nor through the choice of a layer."""
    _, responses, folds = recording()
    before = chosen(Line([]), responses).predicted
    for held in range(3):
        changed = responses.copy(deep=True)
        changed.values[folds == held] = np.random.default_rng(9).normal(size=(10, 3)) * 5
        after = chosen(Line([]), changed).predicted
        assert np.allclose(after[folds == held], before[folds == held])
        assert not np.allclose(after[folds != held], before[folds != held])


def test_the_best_of_many_layers_of_noise_is_not_taken_for_a_prediction() -> None:
    """Choosing by the fit that is reported would make it 0.35 here."""
    rng = np.random.default_rng(3)
    layers = {f"n{k}": rng.normal(size=(30, 1)).astype(np.float32) for k in range(20)}
    responses = xr.DataArray(
        rng.normal(size=(30, 40)),
        dims=("stimulus", "unit"),
        coords={"stimulus": [f"s{k:02d}" for k in range(30)], "unit": [f"u{k}" for k in range(40)]},
    )
    folds = np.arange(30) % 3
    found = fit_layers(
        Line([]), layers.__getitem__, list(layers), responses, None, folds, per_unit=True, seed=0, advance=lambda: None
    )
    alone = [
        fit_layers(
            Line([]), layers.__getitem__, [name], responses, None, folds, per_unit=True, seed=0, advance=lambda: None
        ).predicted
        for name in layers
    ]
    best = np.max([fold_correlation(values, responses.values, folds) for values in alone], axis=0)
    assert best.mean() > 0.25
    assert fold_correlation(found.predicted, responses.values, folds).mean() < 0.1


def test_with_one_layer_nothing_is_fitted_twice() -> None:
    _, responses, _ = recording()
    encoder = Line([])
    chosen(encoder, responses, names="a")
    assert len(encoder.seen) == 1


def test_a_fit_inside_the_training_folds_is_not_given_the_others() -> None:
    _, responses, folds = recording()
    encoder = Line([])
    chosen(encoder, responses)
    names = responses["stimulus"].values
    inside = [frozenset(names[folds != held].tolist()) for held in range(3)]
    assert encoder.seen == [frozenset(names.tolist()), *inside] * 2


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("nan", "encoder Line: 3 held-out predictions are not finite"),
        ("shape", r"encoder Line: held_out is \{'stimulus': 29, 'unit': 3\}, expected \(stimulus, unit\) of 30 x 3"),
    ],
)
def test_predictions_that_cannot_be_used_are_the_encoder_s_failure(broken: str, message: str) -> None:
    _, responses, _ = recording()
    with pytest.raises(PluginFailed, match=message):
        chosen(Line([], broken), responses)
