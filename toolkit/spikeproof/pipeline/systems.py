"""The systems of a study: the recording, and every layer of every model, each with its clean code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from spikeproof.code import Code
from spikeproof.errors import BadStudy, DataError, ModelError
from spikeproof.noise import generator

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from spikeproof.measured import Shown
    from spikeproof.plugin import ReadoutEntry
    from spikeproof.recording import Recording
    from spikeproof.stimuli import StimulusSet
    from spikeproof.types import ResponseModel

    from .fits import Fits
    from .in_silico import OpenEncoder
    from .inputs import OpenLayer
    from .ledger import Ledger
    from .parts import Part

__all__ = ["RECORDING", "System", "facts_of", "systems"]

RECORDING = "recording"
MOST_UNITS = 8192
"""Population distances need a matrix of units x units: half a gigabyte at this size."""


@dataclass(frozen=True, kw_only=True)
class System:
    """Whatever has a neural code.

    Parameters
    ----------
    name : str
        ``"recording"`` or ``"MODEL LAYER"``.
    code : Code
        Its clean responses, readout and choices.
    model : ResponseModel, optional
        The units of the code; None for a recording.
    targets : tuple of int
        Columns of the units that are aimed at one by one; empty for a recording.
    logits : numpy.ndarray, (stimulus, class), optional
        The network's own class scores on every stimulus, where the readout is its head.
    categories : xarray.DataArray, dims (layer_unit,), optional
        ``"live"``, ``"dead"`` or ``"near-constant"`` for every unit of the layer.
    shown : Shown, optional
        Recorded presentations of perturbed stimuli, beside the clean ones.
    """

    name: str
    code: Code
    model: ResponseModel | None = None
    targets: tuple[int, ...] = ()
    logits: NDArray[np.float64] | None = None
    categories: xr.DataArray | None = None
    shown: Shown | None = None


def systems(
    recording: Recording,
    layers: Sequence[OpenLayer],
    readout: Part[ReadoutEntry] | None,
    ledger: Ledger,
    *,
    seed: int,
    batch: int,
    device: str,
    shown: Shown | None = None,
    encoders: Sequence[OpenEncoder] = (),
    whole: Recording | None = None,
    fits: Fits | None = None,
) -> Iterator[System]:
    """Yield the systems of a study one by one, so that one code is held at a time.

    Encoders are fitted to ``whole``, the recording with its perturbed stimuli, and kept in ``fits``.

    What cannot be had (a readout without categories, a head without a network) is written into the ledger.
    """
    if recording.responses is not None:
        recorded = _recorded(recording, shown, readout, ledger, seed=seed)
        yield recorded
        if encoders and fits is not None:
            from .in_silico import in_silico_codes

            for found in in_silico_codes(
                encoders,
                recorded.code,
                recording,
                whole or recording,
                fits,
                ledger,
                seed=seed,
                batch=batch,
                device=device,
            ):
                code = _with_readout(found.code, readout, None, ledger, seed=seed)
                yield System(name=code.system, code=code, model=found.model, targets=found.targets)
    for layer in layers:
        if recording.stimuli is None:
            raise ValueError("layers are opened for the shape of images")
        with ledger.timed(f"clean pass {layer.name}"):
            system = _layer(layer, recording.stimuli, readout, ledger, seed, batch, device)
        yield system


def _recorded(
    recording: Recording, shown: Shown | None, readout: Part[ReadoutEntry] | None, ledger: Ledger, *, seed: int
) -> System:
    from spikeproof.code_of_recording import code_of_recording

    code, notes = code_of_recording(recording, system=RECORDING)
    ledger.note(*notes)
    if shown is not None and code.repeats is not None:
        code = replace(code, repeats=shown.in_whole(code.repeats))
    return System(name=RECORDING, code=_with_readout(code, readout, None, ledger, seed=seed), shown=shown)


def _layer(
    opened: OpenLayer,
    stimuli: StimulusSet,
    readout: Part[ReadoutEntry] | None,
    ledger: Ledger,
    seed: int,
    batch: int,
    device: str,
) -> System:
    import numpy as np
    import xarray as xr

    from spikeproof.engine import clean_pass, live_units

    network, layer, spec, model, name = opened.called, opened.layer, opened.spec, opened.model, opened.name
    head = readout is not None and readout.entry.head
    responses, logits = clean_pass(model, stimuli, batch=batch, device=device, note=ledger.note)
    if head and logits is not None and _are_probabilities(logits):
        ledger.note(
            f"{name}: the class scores of {network} are probabilities (none is negative, and they sum to 1). They "
            "flatten where a choice is certain, and so do gradients: the choices would look robust. Let the network "
            "return what goes into its softmax"
        )
    categories = live_units(responses)
    live = np.flatnonzero(categories == "live")
    counts = {kind: int((categories == kind).sum()) for kind in ("live", "dead", "near-constant")}
    if counts["live"] < len(model.units):
        ledger.note(
            f"{name}: {counts['dead']} dead and {counts['near-constant']} near-constant of {len(model.units)} units"
        )
    if not live.size:
        raise ModelError(
            f"{name}: none of the {len(model.units)} units responds differently to any two stimuli: read "
            "another layer, or check the network's weights and how it scales images in [0, 1]"
        )
    population = _sample(live, spec.population, "population", network, layer, ledger, seed)
    if population.size > MOST_UNITS:
        raise BadStudy(
            f"{spec.where}: layer {layer!r} has {population.size} live units, and distances over more than "
            f"{MOST_UNITS} are not computed: set population = {MOST_UNITS} or less (a seeded sample)"
        )
    targets = _sample(np.arange(population.size), spec.units, "units", network, layer, ledger, seed)
    unit_names = np.array(model.units)[population]
    blank = np.full(population.size, "")
    data = xr.DataArray(
        responses[:, population],
        dims=("stimulus", "unit"),
        coords={
            "stimulus": list(stimuli.ids),
            "unit": unit_names,
            "session": ("unit", blank),
            "subject": ("unit", blank),
        },
        attrs={"units": "activation"},
    )
    labels = _labels(stimuli)
    choices = None
    if head and logits is not None and model.classes is not None:
        choices = xr.DataArray(
            np.array(model.classes)[logits.argmax(axis=1)],
            dims="stimulus",
            coords={"stimulus": data["stimulus"].values},
        )
    code = Code(
        system=name,
        responses=data,
        labels=labels,
        choices=choices,
        facts={
            "model": network,
            "layer": layer,
            "aimed_at": str(targets.size),
            **{f"units_{kind}": str(n) for kind, n in counts.items()},
        },
    )
    return System(
        name=name,
        code=_with_readout(code, readout, logits, ledger, seed=seed),
        model=model.select([int(column) for column in population]),
        targets=tuple(targets.tolist()),
        logits=logits,
        categories=xr.DataArray(categories, dims="layer_unit", coords={"layer_unit": list(model.units)}),
    )


def _are_probabilities(scores: NDArray[np.float64]) -> bool:
    """Whether class scores (stimulus, class) are what a softmax gives."""
    import numpy as np

    return bool((scores >= 0).all() and np.allclose(scores.sum(axis=1), 1.0, rtol=0, atol=1e-4))


def _sample(
    of: NDArray[np.intp], count: int | None, what: str, network: str, layer: str, ledger: Ledger, seed: int
) -> NDArray[np.intp]:
    """Draw a seeded sample, in ascending order; all where there are not more."""
    import numpy as np

    if count is not None and count > of.size:
        ledger.note(f"{network} {layer}: {what} = {count} were asked for, {of.size} are live: all of them are used")
    if count is None or count >= of.size:
        return of
    return np.sort(generator(seed, what, network, layer).choice(of, count, replace=False))


def _labels(stimuli: StimulusSet) -> xr.DataArray | None:
    import xarray as xr

    if "category" not in stimuli.table:
        return None
    labels = stimuli.table["category"].astype(str).to_numpy(dtype=str)
    return xr.DataArray(labels, dims="stimulus", coords={"stimulus": list(stimuli.ids)})


def _with_readout(code: Code, readout: Part[ReadoutEntry] | None, logits: object, ledger: Ledger, *, seed: int) -> Code:
    import xarray as xr

    if readout is None:
        return code
    what = f"readout {readout.label} of {code.system}"
    if readout.entry.head:
        if logits is None:
            ledger.refuse(
                what, "the head is a network's own: a recording has none; use a fitted readout such as 'logistic'"
            )
        return code
    chooses = readout.entry.chooses
    if chooses == "category" and code.labels is None:
        ledger.refuse(
            what,
            "a fitted readout needs categories: this source names none (option `category`); the readout 'identity' "
            "needs none",
        )
        return code
    try:
        with ledger.timed(what):
            if chooses == "stimulus":
                fitted = readout.component.identify(code)
            else:
                fitted = readout.component.fit(code.responses, code.labels, seed=seed)
    except DataError as error:
        ledger.refuse(what, str(error))
        return code
    ledger.note(*(f"{what}: {note}" for note in fitted.notes))
    names = code.responses["stimulus"].values
    choices = xr.DataArray(
        fitted.choices(code.responses.values, names.tolist()), dims="stimulus", coords={"stimulus": names}
    )
    return replace(code, readout=fitted, choices=choices, chooses=chooses)


def facts_of(system: System) -> dict[str, Any]:
    """What a reader should know of a system at a glance."""
    code = system.code
    shown = code.responses.sizes["stimulus"] if code.repeats is None else code.repeats.sizes["presentation"]
    return {
        "name": system.name,
        "units": int(code.responses.sizes["unit"]),
        "stimuli": int(code.responses.sizes["stimulus"]),
        "units of response": str(code.responses.attrs.get("units", "")),
        "categories": 0 if code.labels is None else len(set(code.labels.values.tolist())),
        "repeats": code.repeats is not None,
        **({"presentations": int(shown)} if system.model is None else {}),
        "noise covariance": code.noise_covariance is not None,
        **dict(code.facts),
    }
