"""The clean neural code of one system, and the distances that damage is measured in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from .errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from .readout import LinearReadout

__all__ = ["Code"]


@dataclass(frozen=True, kw_only=True)
class Code:
    """Clean responses of one system (a recording, or one layer of a model) to every stimulus.

    It sets the scale on which shifts are read: the *relative shift* at a scale is a distance over the mean distance
    between two different clean stimuli at that scale (``docs/architecture.md``, "The cross-scale matrix").

    Parameters
    ----------
    system : str
        ``"recording"`` or ``"MODEL LAYER"``.
    responses : xarray.DataArray, dims (stimulus, unit)
        Means over repeats, float64; coordinates ``stimulus`` and ``unit`` (str), on unit also ``session``,
        ``subject``; ``attrs["units"]``.
    labels : xarray.DataArray, dims (stimulus,), optional
        Category of each stimulus (str).
    choices : xarray.DataArray, dims (stimulus,), optional
        The code's behaviour on clean stimuli: held-out choices of the readout, or the network's own (str).
    readout : LinearReadout, optional
        The fitted linear readout on the units, if there is one.
    repeats : xarray.DataArray, dims (presentation, unit), optional
        Single presentations with coordinate ``stimulus``, where at least one stimulus was repeated.
    noise_covariance : xarray.DataArray, dims (unit, unit_other), optional
        Covariance of single presentations about their stimulus's mean, positive definite.
    facts : mapping of str to str
        ``model``, ``layer`` and what else identifies the system; ``in_silico`` is ``"yes"`` for fitted encoders.
    """

    system: str
    responses: xr.DataArray
    labels: xr.DataArray | None = None
    choices: xr.DataArray | None = None
    readout: LinearReadout | None = None
    repeats: xr.DataArray | None = None
    noise_covariance: xr.DataArray | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import numpy as np

        if self.responses.dims != ("stimulus", "unit"):
            raise DataError(f"code {self.system}: responses have dims {self.responses.dims}, expected (stimulus, unit)")
        if not np.isfinite(self.responses.values).all():
            bad = np.flatnonzero(~np.isfinite(self.responses.values).all(axis=0))
            names = ", ".join(map(str, self.responses["unit"].values[bad[:3]]))
            raise DataError(f"code {self.system}: responses of {bad.size} units are not finite, first {names}")
        for name in ("labels", "choices"):
            values: xr.DataArray | None = getattr(self, name)
            if values is not None and (
                values.dims != ("stimulus",) or not (values["stimulus"] == self.responses["stimulus"]).all()
            ):
                raise DataError(f"code {self.system}: {name} must have the stimuli of the responses, in their order")

    @cached_property
    def unit_sd(self) -> NDArray[np.float64]:
        """Standard deviation of each unit over clean stimuli (ddof 1), (unit,)."""
        sd: NDArray[np.float64] = self.responses.values.std(axis=0, ddof=1)
        return sd

    @cached_property
    def unit_pair_distance(self) -> NDArray[np.float64]:
        """Mean |r_i(x) - r_i(x')| over pairs of different stimuli, (unit,)."""
        import numpy as np

        ordered = np.sort(self.responses.values, axis=0)
        n = len(ordered)
        weights = 2 * np.arange(n) - n + 1  # how often each order statistic is added less how often subtracted
        mean: NDArray[np.float64] = 2 * (weights @ ordered) / (n * (n - 1))
        return mean

    @cached_property
    def whitening(self) -> NDArray[np.float64]:
        """Matrix (unit, component) that makes population distances Euclidean.

        The inverse Cholesky factor of the noise covariance where repeats allow (Mahalanobis), otherwise the
        inverse standard deviations on the diagonal (z-scored units). Constant units get zero: they cannot shift.
        """
        import numpy as np

        if self.noise_covariance is not None:
            factor = np.linalg.cholesky(np.linalg.inv(self.noise_covariance.values))
            return np.asarray(factor, dtype=np.float64)
        sd = self.unit_sd
        return np.diag(np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0))

    def population_distance(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
        """Distance between population vectors (..., unit), along the last axis."""
        import numpy as np

        difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
        return np.asarray(np.linalg.norm(difference @ self.whitening, axis=-1))

    @cached_property
    def population_pair_distance(self) -> float:
        """Mean population distance between two different clean stimuli."""
        from scipy.spatial.distance import pdist

        return float(pdist(self.responses.values @ self.whitening).mean())

    @cached_property
    def behavior_pair_distance(self) -> float:
        """Probability that the choices on two different clean stimuli differ."""
        import numpy as np

        if self.choices is None:
            raise DataError(f"code {self.system}: no behaviour: give the study a readout")
        counts = np.unique(self.choices.values, return_counts=True)[1]
        n = int(counts.sum())
        return float(1 - (counts * (counts - 1)).sum() / (n * (n - 1)))
