"""Decoding as a function of a matrix of responses: what they hold, and what a decoder of clean ones reads of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from .decoding import Decoder, check_categories, held_out_choices, one_thread

__all__ = ["DecoderTransfer", "Decoding"]

_HOW = (
    "a {decoder} classifier (C = {c:g}, units standardised on the training folds) in {folds} folds over stimuli, drawn "
    "by their names"
)


def _checked(name: str, folds: int, c: float) -> None:
    if folds < 2:
        raise BadParameter(f"{name}: folds must be at least 2, got {folds}")
    if not 0 < c < float("inf"):
        raise BadParameter(f"{name}: c must be positive and finite, got {c}")


def _labels(sample: Sample, name: str) -> NDArray[np.str_]:
    if sample.labels is None:
        raise NotEnoughData(f"{name}: there are no categories: name the column that holds them (option `category`)")
    check_categories(sample.labels, 2, name)
    return sample.labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How well a decoder that is trained and tested on the same responses tells categories apart."""

    decoder: Annotated[Decoder, "Linear classifier; it is fitted some 160 times for each set of responses."] = "ridge"
    folds: Annotated[int, "Folds over stimuli."] = 5
    c: Annotated[float, "Inverse strength of the decoder's L2 penalty."] = 1.0

    def __post_init__(self) -> None:
        _checked("decoding", self.folds, self.c)

    def quantities(self) -> tuple[Quantity, ...]:
        """Held-out accuracy."""
        how = _HOW.format(decoder=self.decoder, c=self.c, folds=self.folds)
        return (
            Quantity(
                name="decoded_accuracy",
                long_name="accuracy of a decoder of these responses",
                units="share correct",
                definition=(
                    f"Share of held-out stimuli whose category is chosen by {how}. Perturbed responses are decoded by "
                    "decoders that were trained on perturbed ones: what they still hold, to a reader who knows."
                ),
                lowest=0.0,
                highest=1.0,
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Decode held-out stimuli.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no categories, one only, or fewer than two stimuli of one or a fold.
        """
        return {name: float(values.mean()) for name, values in self.contributions(sample).items()}

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        """Whether each held-out stimulus is decoded rightly, 1 or 0; refuses what :meth:`score` refuses."""
        labels = _labels(sample, "decoding")
        fold = sample.folds(self.folds, by_label=True)
        with one_thread():
            chosen = held_out_choices(sample.responses, labels, fold, decoder=self.decoder, c=self.c)
        return {"decoded_accuracy": (chosen == labels).astype(np.float64)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderTransfer:
    """How well a decoder that was trained on clean responses reads others of the same units."""

    decoder: Annotated[Decoder, "Linear classifier; it is fitted some 160 times for each set of responses."] = "ridge"
    folds: Annotated[int, "Folds over stimuli."] = 5
    c: Annotated[float, "Inverse strength of the decoder's L2 penalty."] = 1.0

    def __post_init__(self) -> None:
        _checked("decoder-transfer", self.folds, self.c)

    def quantities(self) -> tuple[Quantity, ...]:
        """Accuracy on these responses to stimuli that the decoder was not trained on."""
        how = _HOW.format(decoder=self.decoder, c=self.c, folds=self.folds)
        return (
            Quantity(
                name="transferred_accuracy",
                long_name="accuracy of a decoder of clean responses",
                units="share correct",
                definition=(
                    f"Share of stimuli whose category is chosen by {how}: trained on the reference's (clean) responses "
                    "to other stimuli, tested on these responses."
                ),
                lowest=0.0,
                highest=1.0,
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Train on the reference, test on the responses.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no categories, one only, or fewer than two stimuli of one or a fold.
        """
        return {name: float(values.mean()) for name, values in self.contributions(sample).items()}

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        """Whether each stimulus is read rightly, 1 or 0; refuses what :meth:`score` refuses."""
        labels = _labels(sample, "decoder-transfer")
        if sample.reference is None:
            raise NotEnoughData("decoder-transfer: needs the clean responses as a reference")
        fold = sample.folds(self.folds, by_label=True)
        with one_thread():
            chosen = held_out_choices(
                sample.reference, labels, fold, decoder=self.decoder, c=self.c, tested=sample.responses
            )
        return {"transferred_accuracy": (chosen == labels).astype(np.float64)}
