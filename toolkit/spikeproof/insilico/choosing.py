"""Fits an encoder to every layer and chooses among them inside the training folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeproof.errors import PluginFailed
from spikeproof.statistics import fold_correlation
from spikeproof.types import Encoder, FittedEncoder

__all__ = ["Chosen", "LayerFit", "fit_layers"]


@dataclass(frozen=True, kw_only=True)
class LayerFit:
    """What is kept of the fit to one layer: see ``spikeproof.types.FittedEncoder``."""

    hyperparameters: xr.Dataset
    state: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Fits to every layer, and what was chosen among them.

    Parameters
    ----------
    predicted : numpy.ndarray of float64, (stimulus, unit)
        Held-out predictions, each from the layer that was chosen without the stimulus's fold.
    layer : numpy.ndarray of str, (unit,)
        The layer chosen on all stimuli: that of the final fit.
    fits : mapping of str to LayerFit
        Of the layers that some unit has.
    """

    predicted: NDArray[np.float64]
    layer: NDArray[np.str_]
    fits: Mapping[str, LayerFit]


def fit_layers(
    encoder: Encoder,
    features: Callable[[str], NDArray[np.float32]],
    layers: Sequence[str],
    responses: xr.DataArray,
    repeats: xr.DataArray | None,
    folds: NDArray[np.intp],
    *,
    per_unit: bool,
    seed: int,
    advance: Callable[[], None],
) -> Chosen:
    """Fit to every layer; where there are several, choose by held-out fit inside the training folds.

    For each fold the encoder is fitted again without it; that fit's own held-out predictions, on the folds that are
    left, choose the layer, and the fold is predicted from it. So neither a layer nor a hyperparameter ever saw the
    stimuli that its fit is judged on.

    Parameters
    ----------
    encoder : Encoder
    features : callable
        Gives the features of a layer, in the order of the responses; asked once a layer, and let go before the next.
    layers : sequence of str
    responses : xarray.DataArray, dims (stimulus, unit)
    repeats : xarray.DataArray, dims (presentation, unit), optional
    folds : numpy.ndarray of int, (stimulus,)
    per_unit : bool
        Whether each unit has a layer of its own.
    seed : int
    advance : callable
        Called after each fit.

    Raises
    ------
    DataError
        As the encoder raises it.
    PluginFailed
        If the encoder gives predictions of another shape, or such that are not finite.
    """
    numbers = np.unique(folds)
    measured = np.asarray(responses.values, dtype=np.float64)
    predicted = np.empty((len(layers), *measured.shape))
    inner = np.zeros((len(numbers), len(layers), measured.shape[1]))
    fits: dict[str, LayerFit] = {}
    for place, layer in enumerate(layers):
        rows = features(layer)
        whole = encoder.fit(rows, responses, repeats=repeats, folds=folds, seed=seed)
        predicted[place] = _held_out(whole, responses, encoder)
        fits[layer] = LayerFit(hyperparameters=whole.hyperparameters, state=dict(whole.state))
        advance()
        for number, held in enumerate(numbers if len(layers) > 1 else ()):
            left = np.flatnonzero(folds != held)
            part = responses.isel(stimulus=left)
            fit = encoder.fit(rows[left], part, repeats=_of(repeats, part), folds=folds[left], seed=seed)
            inner[number, place] = fold_correlation(_held_out(fit, part, encoder), measured[left], folds[left])
            advance()
    final = _best(np.stack([fold_correlation(values, measured, folds) for values in predicted]), per_unit=per_unit)
    out = np.empty_like(measured)
    for number, held in enumerate(numbers):
        here = np.flatnonzero(folds == held)
        best = _best(inner[number], per_unit=per_unit) if len(layers) > 1 else final
        out[here] = np.take_along_axis(predicted[:, here], best[None, None, :], axis=0)[0]
    chosen = np.array(list(layers), dtype=np.str_)[final]
    return Chosen(predicted=out, layer=chosen, fits={name: fits[name] for name in layers if name in set(chosen)})


def _best(fit: NDArray[np.float64], *, per_unit: bool) -> NDArray[np.intp]:
    """Place of the best layer of each unit, of fits (layer, unit): the first of equals; NaN is the worst."""
    known = np.where(np.isnan(fit), -1.0, fit)
    place = known.argmax(axis=0) if per_unit else np.full(fit.shape[1], known.mean(axis=1).argmax())
    return np.asarray(place, dtype=np.intp)


def _of(repeats: xr.DataArray | None, part: xr.DataArray) -> xr.DataArray | None:
    """Presentations of the stimuli that are left."""
    if repeats is None:
        return None
    return repeats.isel(presentation=np.flatnonzero(np.isin(repeats["stimulus"].values, part["stimulus"].values)))


def _held_out(fit: FittedEncoder, responses: xr.DataArray, encoder: Encoder) -> NDArray[np.float64]:
    found = fit.held_out
    who = f"encoder {type(encoder).__name__}"
    if found.dims != ("stimulus", "unit") or found.shape != responses.shape:
        raise PluginFailed(
            f"{who}: held_out is {dict(found.sizes)}, expected (stimulus, unit) of {responses.shape[0]} x "
            f"{responses.shape[1]}"
        )
    values = np.asarray(found.values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise PluginFailed(f"{who}: {int((~np.isfinite(values)).sum())} held-out predictions are not finite")
    return values
