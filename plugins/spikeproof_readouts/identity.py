"""The readout ``identity``: which clean stimulus a population response is nearest to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from spikeproof.errors import NotEnoughData
from spikeproof.types import Code, LinearReadout

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Names the clean stimulus whose response is nearest in the code's own population distance.

    With W the code's whitening (noise covariance where repeats allow, otherwise z-scored units) and m_s the clean
    response to stimulus s, the nearest stimulus is the one with the largest m_s' W W' r - |W' m_s|^2 / 2, so that the
    readout is linear in the response r: linear discriminant analysis with a class for each stimulus. Nothing of it is
    held out: a clean mean response is nearest to itself. How often the stimulus is named from repeats that were held
    out is the metric ``identification``.

    Examples
    --------
    >>> import xarray as xr
    >>> places = {"stimulus": ["a", "b"], "unit": ["u"]}
    >>> code = Code(system="toy", responses=xr.DataArray([[0.0], [4.0]], dims=("stimulus", "unit"), coords=places))
    >>> Identity().identify(code).choices([[1.9], [2.1]], ["a", "b"]).tolist()
    ['a', 'b']
    """

    def identify(self, code: Code) -> LinearReadout:
        """Make the readout: see ``spikeproof.types.StimulusReadout``."""
        stimuli = tuple(code.responses["stimulus"].values.astype(str).tolist())
        whitened = code.responses.values.astype(np.float64) @ code.whitening
        places, counts = np.unique(whitened, axis=0, return_counts=True)
        if len(places) < len(stimuli):
            alike = (whitened == places[counts.argmax()]).all(axis=1)
            first, second = np.asarray(stimuli)[alike][:2]
            raise NotEnoughData(
                f"identity: the responses of {code.system} to stimuli {str(first)!r} and {str(second)!r} are the same "
                f"in all {code.responses.sizes['unit']} units ({len(stimuli) - len(places)} of {len(stimuli)} stimuli "
                "repeat another's): leave such stimuli out, or add units"
            )
        return LinearReadout(
            classes=stimuli,
            weights=(whitened @ code.whitening.T)[None],
            intercepts=-0.5 * (whitened**2).sum(axis=1)[None],
            stimuli=stimuli,
            fold=np.zeros(len(stimuli), dtype=np.intp),
            notes=("a clean mean response is nearest to itself by construction",),
        )
