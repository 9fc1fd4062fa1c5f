"""What makes a behaviour of responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.code import Code
    from spikeproof.readout import LinearReadout

__all__ = ["Readout", "StimulusReadout"]


@runtime_checkable
class Readout(Protocol):
    """Fits a classifier on unit responses, held out over stimuli."""

    def fit(self, responses: xr.DataArray, labels: xr.DataArray, *, seed: int) -> LinearReadout:
        """Fit in folds over stimuli.

        Parameters
        ----------
        responses : xarray.DataArray, dims (stimulus, unit)
        labels : xarray.DataArray, dims (stimulus,)
            Category of each stimulus.
        seed : int
            Seed of the assignment to folds.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there is one category only, or too few stimuli of one.
        """


@runtime_checkable
class StimulusReadout(Protocol):
    """Says which clean stimulus a population response is nearest to: a behaviour that needs no categories."""

    def identify(self, code: Code) -> LinearReadout:
        """Make the readout of a code's clean responses.

        Returns
        -------
        LinearReadout
            Its classes are the code's stimuli, in their order.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If two stimuli cannot be told apart, whatever the response.
        """
