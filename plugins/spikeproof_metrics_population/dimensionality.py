"""Dimensionality of a code as a function of a matrix of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from .spectrum import ENOUGH, eigenspectrum, participation_ratio, power_law

__all__ = ["Dimensionality", "ranks_of"]

_LAST = 500


def ranks_of(components: int, given: tuple[int, ...], metric: str) -> tuple[int, int]:
    """First and last rank to fit a power law to.

    Parameters
    ----------
    components : int
        Ranks that there are.
    given : tuple of int
        First and last, or empty for 11 to 500 as far as there are twice as many, otherwise a twentieth to a half.
    metric : str
        What messages call the caller.

    Raises
    ------
    NotEnoughData
        If there are fewer than three ranks.
    """
    if given:
        first, last = given
        if last > components:
            raise NotEnoughData(
                f"{metric}: ranks up to {last} are to be fitted, but responses vary along {components} dimensions: "
                "name a smaller range (ranks)"
            )
        return first, last
    if components < 3:
        raise NotEnoughData(
            f"{metric}: responses vary along {components} dimensions, but an exponent needs three: record more units "
            "and stimuli"
        )
    last = min(_LAST, max(components // 2, 3))
    return min(11, max(1, round(last / 10))), last


def check_ranks(ranks: tuple[int, ...], metric: str) -> None:
    """Refuse ranks that are no range.

    Raises
    ------
    BadParameter
        If there are not two, or fewer than three ranks between them.
    """
    if ranks and (len(ranks) != 2 or ranks[0] < 1 or ranks[1] - ranks[0] < 2):
        raise BadParameter(f"{metric}: ranks must be a first and a last one, three or more from 1, got {list(ranks)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensionality:
    """Along how many dimensions responses vary, and how fast the variances fall."""

    exponent: Annotated[bool, "Whether to fit the exponent of the eigenspectrum; it needs three dimensions."] = True
    ranks: Annotated[
        tuple[int, ...],
        "First and last rank of the exponent; empty takes 11 to 500, or a twentieth to a half where there are fewer.",
    ] = ()

    def __post_init__(self) -> None:
        check_ranks(self.ranks, "dimensionality")

    def quantities(self) -> tuple[Quantity, ...]:
        """Participation ratio and exponent."""
        ratio = Quantity(
            name="participation_ratio",
            long_name="participation ratio",
            units="dimensions",
            definition=(
                "(tr C)^2 / tr C^2 of the covariance C of units over stimuli: 1 on a line, at most the smaller of the "
                "number of units and of stimuli less one. It grows with both where they are few, and noise adds to it."
            ),
            lowest=1.0,
            headline=True,
        )
        if not self.exponent:
            return (ratio,)
        spread = f"{self.ranks[0]} to {self.ranks[1]}" if self.ranks else "11 to 500, a twentieth to a half of fewer"
        return (
            ratio,
            Quantity(
                name="spectrum_exponent",
                long_name="exponent of the eigenspectrum",
                units="1",
                definition=(
                    "alpha of variances in proportion to rank^-alpha: least squares of log variance on log rank with "
                    f"weights 1 / rank (Stringer et al. 2019, doi:10.1038/s41586-019-1346-5), ranks {spread}. Noise "
                    "flattens it (see the metric spectrum, which takes it out); inaccurate below about "
                    f"{ENOUGH:,} stimuli and units."
                ),
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute both.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If no unit varies, or too few dimensions do for the exponent.
        """
        found = {"participation_ratio": participation_ratio(sample.responses)}
        if self.exponent:
            variances = _real(eigenspectrum(sample.responses))
            if len(variances) < 3 and not self.ranks:
                raise NotEnoughData(
                    f"dimensionality: responses vary along {len(variances)} dimensions, but an exponent needs three: "
                    "record more units and stimuli, or set exponent = false (--metric.no-exponent)"
                )
            found["spectrum_exponent"] = power_law(
                variances, ranks_of(len(variances), self.ranks, "dimensionality")
            ).alpha
        return found


def _real(variances: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(variances[variances > 1e-12 * variances[0]])
