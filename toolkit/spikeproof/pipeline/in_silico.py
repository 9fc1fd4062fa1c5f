"""The in-silico systems of a study: every encoder fitted to the recording, or read back from the result folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from spikeproof.encoding import BELOW, KEPT, UNEXPLAINABLE
from spikeproof.errors import BadStudy, DataError
from spikeproof.wording import number, some

from .fits import Fits
from .in_silico_code import InSilicoCode, read_in_silico
from .inputs import name_of

if TYPE_CHECKING:
    from spikeproof.code import Code
    from spikeproof.insilico import EncoderFit, Features, Training
    from spikeproof.plugin import EncoderEntry, Entry
    from spikeproof.recording import Recording
    from spikeproof.stimuli import StimulusSet
    from spikeproof.study import EncoderSpec, ModelSpec
    from spikeproof.types import Network

    from .ledger import Ledger
    from .parts import Part, Parts

__all__ = ["OpenEncoder", "in_silico_codes", "open_encoders", "serving"]

Opened = Sequence[tuple["Part[Entry]", "ModelSpec", "Network"]]
JOIN = "+"
"""Between the names of layers whose features stand side by side: ``"layer2 + layer3"``."""
MOST_LISTED = 12
"""Rejected units that are listed in a note; all of them are in the result."""


@dataclass(frozen=True, kw_only=True)
class OpenEncoder:
    """An encoder whose layers were found and tried.

    Parameters
    ----------
    part : Part
    spec : EncoderSpec
        Its table in the study.
    model : str
        What the networks that it reads are called.
    features : mapping of str to Features
        By layer.
    """

    part: Part[EncoderEntry]
    spec: EncoderSpec
    model: str
    features: Mapping[str, Features]

    @property
    def name(self) -> str:
        """Name of the system."""
        return f"{self.part.label} on {self.model}"


def serving(parts: Parts) -> frozenset[str]:
    """Labels of the models that serve features to an encoder, and are no systems of their own."""
    every = [spec.label for _, spec in parts.models]
    return frozenset(label for _, spec in parts.encoders for label in (spec.models or every))


def open_encoders(networks: Opened, recording: Recording, parts: Parts, ledger: Ledger) -> list[OpenEncoder]:
    """Open the layers of every encoder, so that one that cannot be read is refused before any work is done.

    Raises
    ------
    BadStudy
        If two encoders would be called alike in the result, or there are too few folds to choose a layer in.
    ModelError
        If a layer does not exist or cannot take the images.
    """
    from spikeproof.insilico import Features

    opened: list[OpenEncoder] = []
    by_label = {spec.label: (spec, network) for _, spec, network in networks}
    for part, spec in parts.encoders:
        reason = _no_data(recording)
        if reason:
            ledger.refuse(f"encoder {part.label}", reason)
            continue
        stimuli = cast("StimulusSet", recording.stimuli)
        read = [by_label[label] for label in spec.models or by_label]
        called = [name_of(model, network) for model, network in read]
        layers = spec.layers or tuple(dict.fromkeys(layer for model, _ in read for layer in model.layers))
        if len(layers) > 1 and spec.folds < 3:
            raise BadStudy(
                f"{spec.where}: folds = {spec.folds} leaves one fold to choose among {len(layers)} layers in: set "
                "folds to at least 3, or name one layer"
            )
        features = {
            layer: Features.opened(
                layer,
                tuple(
                    network.read(one.strip(), image_shape=stimuli.shape)
                    for _, network in read
                    for one in layer.split(JOIN)
                ),
            )
            for layer in layers
        }
        more = f"{called[0]} and {len(called) - 1} more" if len(called) > 2 else " and ".join(called)
        found = OpenEncoder(part=part, spec=spec, model=more, features=features)
        if found.name in [one.name for one in opened]:
            raise BadStudy(f"{spec.where}: two in-silico systems are called {found.name!r}: give it a name of its own")
        opened.append(found)
    return opened


def _no_data(recording: Recording) -> str:
    if recording.responses is None:
        return (
            "an encoder is fitted to recorded responses, and the sources hold none: add the recording as a [[source]]"
        )
    if recording.stimuli is None:
        return (
            "the recording's source has no images: give `images` (a second [[source]], such as use = 'images:FOLDER', "
            "whose files are called as the recording calls its stimuli)"
        )
    return ""


def in_silico_codes(
    encoders: Sequence[OpenEncoder],
    recorded: Code,
    recording: Recording,
    whole: Recording,
    fits: Fits,
    ledger: Ledger,
    *,
    seed: int,
    batch: int,
    device: str,
) -> Iterator[InSilicoCode]:
    """Yield the in-silico systems one by one; one that cannot be fitted is written into the ledger.

    Parameters
    ----------
    encoders : sequence of OpenEncoder
    recorded : Code
        The clean code of the recording.
    recording : Recording
        Its clean part: the images that the systems are read on.
    whole : Recording
        All of it: encoders are fitted to perturbed stimuli too.
    fits : Fits
    ledger : Ledger
    seed, batch, device
        See :func:`spikeproof.pipeline.systems.systems`.

    Raises
    ------
    DataError
        If a stimulus that was shown has no image.
    """
    from spikeproof.insilico import training_data

    if not encoders:
        return
    training = training_data(whole)
    if training.alike:
        pairs = [" = ".join(names) for names in training.alike]
        ledger.note(
            f"{sum(map(len, training.alike))} stimuli of the recording show {len(pairs)} images under several names "
            f"({some(pairs)}): encoders are never judged on one after being fitted to the other"
        )
    for encoder in encoders:
        try:
            fit = _fitted(encoder, training, fits, ledger, seed=seed, batch=batch, device=device)
        except DataError as error:
            ledger.refuse(f"encoder {encoder.name}", str(error))
            continue
        fits.put_down(encoder.name, fit, list(encoder.features))
        kept = _gated(encoder, fit, ledger)
        if kept:
            with ledger.timed(f"clean pass {encoder.name}"):
                made = read_in_silico(
                    fit,
                    encoder.part.component,
                    encoder.features,
                    recorded,
                    cast("StimulusSet", recording.stimuli),
                    ledger,
                    name=encoder.name,
                    units=encoder.spec.units,
                    seed=seed,
                    batch=batch,
                    device=device,
                )
            yield made
    if len(encoders) == 1:
        ledger.note(
            f"{encoders[0].name}: with one encoder only, how much of what an in-silico unit does is its network's is "
            "not known: add a second [[encoder]] on another network or layer"
        )


def _fitted(
    encoder: OpenEncoder, training: Training, fits: Fits, ledger: Ledger, *, seed: int, batch: int, device: str
) -> EncoderFit:
    from functools import partial

    from spikeproof.insilico import Recipe, fit_encoder, read_features

    fit = fits.read(encoder.name)
    if fit is not None:
        ledger.note(f"{encoder.name}: the encoder was fitted before and is kept")
        return fit
    spec, layers = encoder.spec, tuple(encoder.features)
    recipe = Recipe(
        label=encoder.part.label,
        model=encoder.model,
        layers=layers,
        per_unit=spec.choose == "unit",
        folds=spec.folds,
        min_fit=spec.min_fit,
        seed=seed,
    )
    read = partial(read_features, stimuli=training.images, batch=batch, device=device)
    ledger.progress.start(f"fitting {encoder.name}", 1 if len(layers) == 1 else len(layers) * (1 + spec.folds))
    with ledger.timed(f"fit {encoder.name}"):
        fit = fit_encoder(
            encoder.part.component,
            recipe,
            training,
            lambda layer: read(encoder.features[layer]),
            advance=ledger.progress.advance,
        )
    ledger.progress.finish()
    fits.write(encoder.name, fit)
    return fit


def _gated(encoder: OpenEncoder, fit: EncoderFit, ledger: Ledger) -> bool:
    """List the units that were left out, each with its fit; say whether any is left."""
    data, name = fit.encoding.data, encoder.name
    units, status = data["unit"].values, data["status"].values
    fits = dict(zip(units.tolist(), data["fit"].values.tolist(), strict=True))
    kept = int((status == KEPT).sum())
    nothing = units[status == UNEXPLAINABLE].tolist()
    below = sorted(units[status == BELOW].tolist(), key=lambda unit: -fits[unit])
    if nothing:
        ledger.note(
            f"{name}: {len(nothing)} of {len(status)} units have no explainable variance (they do not vary over "
            f"stimuli, or no more than their noise does) and are left out: {_listed(nothing, fits)}"
        )
    if kept:
        if below:
            ledger.note(
                f"{name}: {len(below)} of {len(status)} units are predicted at a held-out correlation below min_fit = "
                f"{number(fit.encoding.min_fit)} and are left out: {_listed(below, fits)}"
            )
        return True
    listing = f" ({_listed(below, fits)})" if below else ""
    ledger.refuse(
        f"encoder {name}",
        f"none of the {len(status)} units is predicted at a held-out correlation of min_fit = "
        f"{number(fit.encoding.min_fit)}{listing}: choose another network, layer or encoder",
    )
    return False


def _listed(units: Sequence[str], fits: Mapping[str, float]) -> str:
    return some([f"{unit} (r {number(fits[unit])})" for unit in units], most=MOST_LISTED).replace("'", "")
