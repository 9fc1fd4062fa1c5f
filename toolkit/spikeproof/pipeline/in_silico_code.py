"""The code of an in-silico system: what its encoder predicts for every clean image, on the recording's own scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from spikeproof.code import Code
from spikeproof.covariance import session_covariance
from spikeproof.engine import clean_pass, live_units
from spikeproof.errors import NotEnoughData
from spikeproof.insilico import EncoderFit, Features, in_silico_model
from spikeproof.noise import generator
from spikeproof.wording import number, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.insilico import InSilicoModel
    from spikeproof.stimuli import StimulusSet
    from spikeproof.types import Encoder

    from .ledger import Ledger

__all__ = ["InSilicoCode", "read_in_silico"]


@dataclass(frozen=True, kw_only=True)
class InSilicoCode:
    """An in-silico system before its readout is fitted.

    Parameters
    ----------
    code : Code
    model : InSilicoModel
    targets : tuple of int
        Columns of the units that are aimed at one by one.
    """

    code: Code
    model: InSilicoModel
    targets: tuple[int, ...]


def read_in_silico(
    fit: EncoderFit,
    encoder: Encoder,
    features: Mapping[str, Features],
    recorded: Code,
    stimuli: StimulusSet,
    ledger: Ledger,
    *,
    name: str,
    units: int | None,
    seed: int,
    batch: int,
    device: str,
) -> InSilicoCode:
    """Read the units that passed the gate on every clean image.

    Names, sessions and subjects of the units are those of the recording, and so is the covariance of the noise: the
    model has none, and distances between populations are then those that the recording's noise leaves visible.

    Parameters
    ----------
    fit : EncoderFit
    encoder : Encoder
    features : mapping of str to Features
    recorded : Code
        The clean code of the recording.
    stimuli : StimulusSet
        The clean images.
    ledger : Ledger
    name : str
        Name of the system.
    units : int or None
        How many units are aimed at: a seeded sample; None for all.
    seed, batch, device
        See :func:`spikeproof.pipeline.systems.systems`.

    Raises
    ------
    NotEnoughData
        If every unit is predicted to respond alike to all images.
    """
    whole = in_silico_model(fit, encoder, features, name=name, image_shape=stimuli.shape)
    responses, _ = clean_pass(whole, stimuli, batch=batch, device=device)
    live = np.flatnonzero(live_units(responses) == "live")
    if live.size < len(whole.units):
        flat = [unit for place, unit in enumerate(whole.units) if place not in set(live.tolist())]
        ledger.note(
            f"{name}: {len(flat)} of {len(whole.units)} units are predicted to respond alike to all images and are "
            f"left out: {some(flat)}"
        )
    if not live.size:
        raise NotEnoughData("every unit is predicted to respond alike to all images")
    model = whole.select(live.tolist())
    code = _code(fit, recorded, stimuli, responses[:, live], list(model.units), name)
    targets = _targets(len(model.units), units, ledger, name, seed)
    code = replace(code, facts={**code.facts, "aimed_at": str(len(targets))})
    return InSilicoCode(code=code, model=model, targets=targets)


def _code(
    fit: EncoderFit,
    recorded: Code,
    stimuli: StimulusSet,
    responses: NDArray[np.float64],
    units: list[str],
    name: str,
) -> Code:
    encoding = fit.encoding
    of_units = recorded.responses.sel(unit=units)
    on_unit = {key: coord for key, coord in of_units.coords.items() if coord.dims == ("unit",)}
    data = xr.DataArray(
        responses,
        dims=("stimulus", "unit"),
        coords={**on_unit, "stimulus": list(stimuli.ids)},
        attrs={"units": str(recorded.responses.attrs.get("units", ""))},
    )
    covariance = _covariance(recorded, units)
    of_kept = encoding.data.sel(unit=units)
    mean = float(of_kept["fit"].mean())
    layers = of_kept["layer"].values.tolist()
    return Code(
        system=name,
        responses=data,
        labels=_labels(recorded, stimuli),
        noise_covariance=covariance,
        encoding=encoding,
        facts={
            "in_silico": "yes",
            "held_out_fit": number(mean),
            "units_recorded": str(encoding.data.sizes["unit"]),
            "encoder": encoding.encoder,
            "model": encoding.model,
            "layer": ", ".join(f"{layer} ({layers.count(layer)})" for layer in dict.fromkeys(sorted(layers))),
        },
    )


def _covariance(recorded: Code, units: list[str]) -> xr.DataArray | None:
    """Noise covariance of these units: the recording's, or theirs alone where it has none for all of its units."""
    if recorded.noise_covariance is not None:
        return recorded.noise_covariance.sel(unit=units, unit_other=units)
    if recorded.repeats is None:
        return None
    single = recorded.repeats.sel(unit=units)
    _, row = np.unique(single["stimulus"].values, return_inverse=True)
    estimate, _ = session_covariance(np.asarray(single.values, dtype=np.float64), row.astype(np.intp), single)
    if estimate is None:
        return None
    return xr.DataArray(estimate, dims=("unit", "unit_other"), coords={"unit": units, "unit_other": units})


def _labels(recorded: Code, stimuli: StimulusSet) -> xr.DataArray | None:
    """Categories of the images, or those that the recording gives to all of them."""
    ids = list(stimuli.ids)
    if "category" in stimuli.table:
        labels = stimuli.table["category"].astype(str).to_numpy(dtype=str)
        return xr.DataArray(labels, dims="stimulus", coords={"stimulus": ids})
    if recorded.labels is None or not set(ids) <= set(recorded.labels["stimulus"].values.tolist()):
        return None
    return recorded.labels.sel(stimulus=ids)


def _targets(count: int, asked: int | None, ledger: Ledger, name: str, seed: int) -> tuple[int, ...]:
    if asked is not None and asked > count:
        ledger.note(f"{name}: units = {asked} were asked for, {count} are predicted well enough: all of them are used")
    if asked is None or asked >= count:
        return tuple(range(count))
    drawn = generator(seed, "units", name).choice(count, asked, replace=False)
    return tuple(sorted(drawn.tolist()))
