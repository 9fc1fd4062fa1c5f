"""The two sides of a comparison: what a score of this package asks of a sample before it compares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import NotEnoughData

from .checking import CONSTANT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.types import Sample

__all__ = ["sides", "within"]


def sides(sample: Sample, metric: str, *, stimuli: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Responses and reference of a sample, both of which vary.

    Parameters
    ----------
    sample : Sample
    metric : str
        What messages call the metric.
    stimuli : int
        Stimuli that are needed.

    Returns
    -------
    responses, reference : numpy.ndarray of float64, (stimulus, unit)

    Raises
    ------
    NotEnoughData
        If there is no reference, there are too few stimuli, or one of the two is the same for all stimuli.

    Examples
    --------
    >>> from spikeproof.types import Sample
    >>> x = np.arange(6.0).reshape(3, 2)
    >>> sides(Sample(responses=x, reference=x), "toy", stimuli=3)[1].shape
    (3, 2)
    """
    if sample.reference is None:
        raise NotEnoughData(f"{metric}: there is nothing to compare with: it needs the responses of a reference")
    count = len(sample.responses)
    if count < stimuli:
        raise NotEnoughData(f"{metric}: {count} stimuli are compared, but it needs at least {stimuli}")
    for values, what in ((sample.responses, "compared responses"), (sample.reference, "reference's responses")):
        if np.linalg.norm(values - values.mean(axis=0)) <= CONSTANT * np.linalg.norm(values):
            raise NotEnoughData(
                f"{metric}: the {what} are the same for all {count} stimuli ({values.shape[1]} units): a comparison "
                "needs units that vary"
            )
    return sample.responses, sample.reference


def within(value: float, lowest: float, highest: float) -> float:
    """Take off what rounding adds beyond the bounds of a statistic that cannot leave them.

    Examples
    --------
    >>> within(1.0000000000000002, -1.0, 1.0)
    1.0
    """
    return float(min(max(value, lowest), highest))
