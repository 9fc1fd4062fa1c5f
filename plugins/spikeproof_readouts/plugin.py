"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import ReadoutEntry, hookimpl


@hookimpl
def spikeproof_readouts() -> Iterator[ReadoutEntry]:
    """Yield the readouts."""
    yield ReadoutEntry(
        name="logistic",
        factory="spikeproof_readouts.classifiers:Logistic",
        summary="Multinomial logistic regression on z-scored units, in stratified folds over stimuli.",
    )
    yield ReadoutEntry(
        name="linear-svm",
        factory="spikeproof_readouts.classifiers:LinearSVM",
        summary="Linear support vector machine (one against the rest) on z-scored units, in folds over stimuli.",
    )
    yield ReadoutEntry(
        name="head",
        factory="spikeproof_readouts.head:Head",
        summary="The network's own output: its choices are the behaviour, nothing is fitted.",
        head=True,
    )
    yield ReadoutEntry(
        name="identity",
        factory="spikeproof_readouts.identity:Identity",
        summary="The clean stimulus whose population response is nearest: a behaviour without categories.",
        chooses="stimulus",
    )
