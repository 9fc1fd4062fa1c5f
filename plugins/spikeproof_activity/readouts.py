"""What both attacks ask of a code: a linear readout of its units."""

from __future__ import annotations

from spikeproof.errors import NotEnoughData
from spikeproof.types import Code, LinearReadout

__all__ = ["fitted"]


def fitted(code: Code, attack: str) -> LinearReadout:
    """Return the code's linear readout.

    Raises
    ------
    NotEnoughData
        If there is none, or it reads another number of units than the code has.
    """
    readout = code.readout
    if readout is None:
        raise NotEnoughData(
            f"{attack}: code {code.system} has no linear readout of its units, whose choice is the target: "
            'give the study a fitted readout (use = "logistic") and categories'
        )
    units = code.responses.sizes["unit"]
    if readout.weights.shape[2] != units:
        raise NotEnoughData(
            f"{attack}: the readout of code {code.system} reads {readout.weights.shape[2]} units, the code has {units}"
        )
    return readout
