"""The clean neural code of one system, and the distances that damage is measured in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ._checks import check_finite, check_names, check_same
from .errors import DataError, NotEnoughData

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from .encoding import Encoding
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
        Single presentations with coordinate ``stimulus``, where at least one stimulus was repeated; ``row`` (int),
        where it is there, is their number in the recording.
    noise_covariance : xarray.DataArray, dims (unit, unit_other), optional
        Covariance of single presentations about their stimulus's mean, positive definite.
    chooses : {"category", "stimulus"}
        What the choices name.
    encoding : Encoding, optional
        Of an in-silico system: how well its encoder predicts the recorded units.
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
    chooses: Literal["category", "stimulus"] = "category"
    encoding: Encoding | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        where = f"code {self.system}"
        if self.responses.dims != ("stimulus", "unit"):
            raise DataError(f"{where}: responses have dims {self.responses.dims}, expected (stimulus, unit)")
        for name in ("stimulus", "unit"):
            if name not in self.responses.coords:
                raise DataError(f"{where}: coordinate {name!r} of the responses is missing")
            check_names(where, name, self.responses[name].values.tolist(), unique=True)
        if self.responses.sizes["stimulus"] < 2 or self.responses.sizes["unit"] < 1:
            raise NotEnoughData(
                f"{where}: responses are {dict(self.responses.sizes)}: a code needs two stimuli and one unit"
            )
        check_finite(where, "the response", self.responses)
        for name in ("labels", "choices"):
            values: xr.DataArray | None = getattr(self, name)
            if values is not None:
                self._check_per_stimulus(name, values)
        if self.repeats is not None:
            self._check_repeats(self.repeats)
        if self.noise_covariance is not None:
            self._check_covariance(self.noise_covariance)

    def _check_per_stimulus(self, name: str, values: xr.DataArray) -> None:
        where = f"code {self.system}"
        if values.dims != ("stimulus",) or "stimulus" not in values.coords:
            raise DataError(f"{where}: {name} have dims {values.dims}, expected (stimulus,) with its coordinate")
        stimuli = self.responses["stimulus"].values.tolist()
        check_same(where, name, "stimulus", values["stimulus"].values.tolist(), stimuli)
        check_names(where, name, values.values.tolist(), unique=False)

    def _check_repeats(self, repeats: xr.DataArray) -> None:
        where = f"code {self.system}"
        if repeats.dims != ("presentation", "unit") or "stimulus" not in repeats.coords or "unit" not in repeats.coords:
            raise DataError(
                f"{where}: repeats have dims {repeats.dims}, expected (presentation, unit) with coordinates 'stimulus' "
                "and 'unit'"
            )
        check_same(where, "repeats", "unit", repeats["unit"].values.tolist(), self.responses["unit"].values.tolist())
        known = set(self.responses["stimulus"].values.tolist())
        for number, name in enumerate(repeats["stimulus"].values.tolist()):
            if name not in known:
                raise DataError(f"{where}: stimulus {name!r} of presentation {number} has no mean response")
        check_finite(where, "the single response", repeats)

    def _check_covariance(self, covariance: xr.DataArray) -> None:
        import numpy as np

        where = f"code {self.system}"
        units = self.responses["unit"].values.tolist()
        if covariance.dims != ("unit", "unit_other") or covariance.shape != (len(units), len(units)):
            raise DataError(
                f"{where}: noise_covariance is {dict(covariance.sizes)}, expected (unit, unit_other) of {len(units)} x "
                f"{len(units)}"
            )
        for dim in ("unit", "unit_other"):
            if dim in covariance.coords:
                check_same(where, "noise_covariance", dim, covariance[dim].values.tolist(), units)
        check_finite(where, "noise_covariance", covariance)
        values = np.asarray(covariance.values, dtype=np.float64)
        if not np.allclose(values, values.T, rtol=1e-9, atol=1e-12 * np.abs(values).max()):
            raise DataError(f"{where}: noise_covariance is not symmetric")
        smallest = float(np.linalg.eigvalsh(values)[0])
        if smallest <= 0:
            raise DataError(
                f"{where}: noise_covariance is not positive definite (smallest eigenvalue {smallest:.3g}): leave it "
                "out, and distances use z-scored units"
            )

    @property
    def truth(self) -> xr.DataArray | None:
        """What choices are right about, (stimulus,): each stimulus's category, or the stimulus itself."""
        if self.chooses == "category":
            return self.labels
        stimuli = self.responses["stimulus"]
        return stimuli.copy(data=stimuli.values.astype(str)).drop_attrs().reset_coords(drop=True)

    @cached_property
    def unit_sd(self) -> NDArray[np.float64]:
        """Standard deviation of each unit over clean stimuli (ddof 1), (unit,); exactly 0 where it is constant."""
        import numpy as np

        values = np.asarray(self.responses.values, dtype=np.float64)
        # Rounding of the mean gives a constant unit an sd near 1e-17, whose inverse would swamp every distance.
        return np.where(np.ptp(values, axis=0) == 0, 0.0, values.std(axis=0, ddof=1))

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
