"""Fits one encoder of a study, and keeps the fit as plain arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeproof.encoding import BELOW, KEPT, UNEXPLAINABLE, Encoding
from spikeproof.errors import DataError, PluginFailed
from spikeproof.result import slug
from spikeproof.statistics import fold_correlation
from spikeproof.types import Encoder

from .choosing import LayerFit, fit_layers
from .folds import stimulus_folds
from .reliability import reliability, varies
from .training import CLEAN, Training

__all__ = ["EncoderFit", "Recipe", "fit_encoder"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How an encoder of a study is fitted.

    Parameters
    ----------
    label, model : str
        What the encoder and the model that it reads are called.
    layers : tuple of str
        Layers to choose from.
    per_unit : bool
        Whether each unit has a layer of its own.
    folds : int
    min_fit : float
    seed : int
    """

    label: str
    model: str
    layers: tuple[str, ...]
    per_unit: bool
    folds: int
    min_fit: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class EncoderFit:
    """What fitting gave: how well it predicts, and all that predicting needs.

    Parameters
    ----------
    encoding : Encoding
    layers : mapping of str to LayerFit
        Of the layers that some unit has; columns of their predictors are :attr:`fitted`.
    """

    encoding: Encoding
    layers: Mapping[str, LayerFit]

    @property
    def fitted(self) -> tuple[str, ...]:
        """Units that the encoder was fitted to, in its order."""
        data = self.encoding.data
        return tuple(data["unit"].values[data["layer"].values != ""].tolist())

    def to_tree(self) -> xr.DataTree:
        """Return it as arrays, for the result folder."""
        encoding = self.encoding
        data = encoding.data.assign_attrs(encoder=encoding.encoder, model=encoding.model, min_fit=encoding.min_fit)
        groups = {"/fit": data}
        for layer, fit in self.layers.items():
            place = slug(layer)
            groups[f"/hyperparameters/{place}"] = fit.hyperparameters.assign_attrs(layer=layer)
            groups[f"/state/{place}"] = xr.Dataset(
                {
                    name: (tuple(f"{name}_{axis}" for axis in range(value.ndim)), value)
                    for name, value in fit.state.items()
                }
            ).assign_attrs(layer=layer)
        return xr.DataTree.from_dict(groups)

    @classmethod
    def from_tree(cls, tree: xr.DataTree) -> EncoderFit:
        """Read what :meth:`to_tree` gave."""
        data = tree["fit"].to_dataset().load()
        attrs = data.attrs
        layers = (
            {
                str(node.attrs["layer"]): LayerFit(
                    hyperparameters=tree[f"hyperparameters/{place}"].to_dataset().load(),
                    state={str(name): values.values for name, values in node.to_dataset().load().data_vars.items()},
                )
                for place, node in tree["state"].children.items()
            }
            if "state" in tree.children
            else {}
        )
        encoding = Encoding(
            encoder=str(attrs["encoder"]), model=str(attrs["model"]), min_fit=float(attrs["min_fit"]), data=data
        )
        return cls(encoding=encoding, layers=layers)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that predictions and gates are made of."""
        found = hashlib.sha256()
        data = self.encoding.data
        arrays: dict[str, NDArray[Any]] = {str(name): data[name].values for name in sorted(map(str, data.variables))}
        for layer in sorted(self.layers):
            arrays |= {f"{layer}\x1f{name}": value for name, value in sorted(self.layers[layer].state.items())}
        for name, value in arrays.items():
            plain = np.asarray(value)
            text = plain.dtype.kind in "UOS"
            content = (
                "\x1f".join(map(str, plain.ravel().tolist())).encode()
                if text
                else np.ascontiguousarray(plain).tobytes()
            )
            found.update(f"{name}:{'text' if text else plain.dtype.str}:{plain.shape}:".encode() + content)
        return found.hexdigest()


def fit_encoder(
    encoder: Encoder,
    recipe: Recipe,
    training: Training,
    features: Callable[[str], NDArray[np.float32]],
    *,
    advance: Callable[[], None] = lambda: None,
) -> EncoderFit:
    """Fit an encoder to every recorded unit that has anything to explain, and gate the units by their held-out fit.

    Parameters
    ----------
    encoder : Encoder
    recipe : Recipe
        With three folds or more where there are several layers.
    training : Training
    features : callable
        Gives the features of a layer for the images of ``training``, in their order.
    advance : callable
        Called after each of ``len(layers) * (1 + folds)`` fits, or one if there is one layer.

    Raises
    ------
    DataError
        If there are too few stimuli, no unit varies, or the encoder refuses.
    """
    folds = stimulus_folds(training.together.tolist(), recipe.folds, seed=recipe.seed)
    measured = np.asarray(training.responses.values, dtype=np.float64)
    share = reliability(measured, training.presentations, training.squares)
    fittable = varies(measured, folds, left_out=2 if len(recipe.layers) > 1 else 1)
    if not fittable.any():
        raise DataError(
            f"none of the {len(fittable)} units varies over the stimuli that are left when a fold is held out: there "
            "is nothing to predict"
        )
    columns = np.flatnonzero(fittable)
    chosen = fit_layers(
        encoder,
        features,
        recipe.layers,
        training.responses.isel(unit=columns),
        None if training.repeats is None else training.repeats.isel(unit=columns),
        folds,
        per_unit=recipe.per_unit,
        seed=recipe.seed,
        advance=advance,
    )
    for layer, fit in chosen.fits.items():
        _check_state(recipe.label, layer, fit)
    predicted = np.full(measured.shape, np.nan)
    predicted[:, columns] = chosen.predicted
    layer_of = np.full(len(fittable), "", dtype=f"<U{max(map(len, recipe.layers))}")
    layer_of[columns] = chosen.layer
    fit_of = np.full(len(fittable), np.nan)
    fit_of[columns] = fold_correlation(chosen.predicted, measured[:, columns], folds)
    nothing = ~fittable | (share <= 0)
    poor = np.isnan(fit_of) | (fit_of < recipe.min_fit)
    status = np.where(nothing, UNEXPLAINABLE, np.where(poor, BELOW, KEPT))
    on_unit = {str(name): coord for name, coord in training.responses.coords.items() if coord.dims == ("unit",)}
    grid = ("stimulus", "unit")
    data = xr.Dataset(
        {
            "measured": (grid, measured),
            "predicted": (grid, predicted),
            "presentations": (grid, training.presentations.astype(np.int64)),
            "squares": (grid, training.squares),
            "fold": ("stimulus", folds.astype(np.int64)),
            CLEAN: ("stimulus", training.groups),
            "fit": ("unit", fit_of),
            "reliability": ("unit", share),
            "status": ("unit", status),
            "layer": ("unit", layer_of),
        },
        coords={"stimulus": training.responses["stimulus"].values, **on_unit},
        attrs={"units": str(training.responses.attrs.get("units", ""))},
    )
    encoding = Encoding(encoder=recipe.label, model=recipe.model, min_fit=recipe.min_fit, data=data)
    return EncoderFit(encoding=encoding, layers=chosen.fits)


def _check_state(label: str, layer: str, fit: LayerFit) -> None:
    for name, value in fit.state.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            raise PluginFailed(
                f"encoder {label!r}: state[{name!r}] of layer {layer!r} is no numeric array: it cannot be kept"
            )
