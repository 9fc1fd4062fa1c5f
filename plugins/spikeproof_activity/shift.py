"""Shift the population vector: the smallest displacement that changes the readout's choice, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import BadParameter
from spikeproof.types import Code, ResponsePerturbation, generator

from .readouts import fitted

__all__ = ["Boundaries", "Shift"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Boundaries:
    """Every stimulus's distances to the readout's boundaries, in the code's population metric.

    A linear readout f_k(r) = <w_k, r> + b_k leaves its choice y for class k where f_k exceeds f_y. In whitened
    coordinates z = r V (``Code.whitening``) the nearest point of that boundary is (f_y - f_k) / ||w'_k - w'_y|| away,
    with w' = V^-1 w: see Moosavi-Dezfooli et al. 2016, eq. 6.

    Parameters
    ----------
    gap : numpy.ndarray, (stimulus, class)
        f_y - f_k; zero for the chosen class.
    normal : numpy.ndarray, (stimulus, class, component)
        w'_k - w'_y.
    unwhiten : numpy.ndarray, (component, unit)
        Takes a displacement in whitened coordinates to responses.
    """

    gap: Floats
    normal: Floats
    unwhiten: Floats

    @classmethod
    def of(cls, code: Code) -> Boundaries:
        """Boundaries around the clean responses of a code, each read by the fold that held the stimulus out."""
        readout = fitted(code, "shift")
        stimuli = [str(name) for name in code.responses["stimulus"].values]
        decision = readout.decision(code.responses.values, stimuli)
        fold = readout.folds_of(stimuli)
        choice = decision.argmax(axis=1)
        rows = np.arange(len(stimuli))
        unwhiten = _inverse(code.whitening)
        weights = readout.weights @ unwhiten.T
        return cls(
            gap=decision[rows, choice][:, None] - decision,
            normal=weights[fold] - weights[fold, choice][:, None, :],
            unwhiten=unwhiten,
        )

    def nearest(self) -> tuple[Floats, Floats]:
        """Distance to the nearest boundary, (stimulus,), and the unit vector towards it, (stimulus, component).

        The distance is infinite, and the vector zero, where no displacement changes the choice.
        """
        steepness = np.linalg.norm(self.normal, axis=2)
        distance = np.full(self.gap.shape, np.inf)
        np.divide(self.gap, steepness, out=distance, where=steepness > 0)
        nearest = distance.argmin(axis=1)
        rows = np.arange(len(distance))
        length = steepness[rows, nearest][:, None]
        towards = np.zeros_like(self.normal[:, 0])
        np.divide(self.normal[rows, nearest], length, out=towards, where=length > 0)
        return distance[rows, nearest], towards

    def along(self, directions: Floats) -> Floats:
        """Distance to the first boundary in given unit directions (stimulus, component): (stimulus,), inf if none."""
        approach = np.einsum("skc,sc->sk", self.normal, directions)
        distance = np.full(self.gap.shape, np.inf)
        np.divide(self.gap, approach, out=distance, where=approach > 0)
        first: Floats = distance.min(axis=1)
        return first


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Displace the population vector towards the readout's nearest boundary, and, as the control, at random.

    Displacements are measured as ``Code.whitening`` measures distance: in standard deviations of the noise
    (Mahalanobis) where repeats allow, otherwise on units z-scored over stimuli. At a dose the optimal displacement of
    that size is applied, so the choice changes where the dose exceeds the stimulus's ``minimal``. Constant units of a
    z-scored code are never displaced.
    """

    doses: Annotated[
        tuple[float, ...],
        "Sizes of the displacement, ascending: in sd of the noise where repeats allow, otherwise in sd over stimuli.",
    ] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    draws: Annotated[int, "Random directions of the control, per stimulus."] = 20

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise BadParameter(f"shift: draws must be at least 1, got {self.draws}")
        doses = np.asarray(self.doses, dtype=np.float64)
        if not doses.size or not np.isfinite(doses).all() or doses[0] <= 0 or (np.diff(doses) <= 0).any():
            raise BadParameter(f"shift: doses must be positive and ascend, got {list(self.doses)}")

    def __call__(self, code: Code, *, seed: int) -> Iterator[ResponsePerturbation]:
        """Yield the optimal displacement and one target per random draw, each with its ``minimal``.

        Raises
        ------
        NotEnoughData
            If the code has no fitted readout.
        """
        boundaries = Boundaries.of(code)
        units = "noise sd" if code.noise_covariance is not None else "stimulus sd (length over all units)"
        distance, towards = boundaries.nearest()
        yield self._perturbation(code, boundaries, units, distance, towards, target="behavior", control="")
        live = boundaries.unwhiten.any(axis=1)
        for draw in range(self.draws):
            random = generator(seed, "shift", "random", draw).standard_normal(towards.shape) * live
            length = np.linalg.norm(random, axis=1, keepdims=True)
            random = np.divide(random, length, out=np.zeros_like(random), where=length > 0)
            first = boundaries.along(random)
            yield self._perturbation(code, boundaries, units, first, random, target=f"draw {draw}", control="random")

    def _perturbation(
        self,
        code: Code,
        boundaries: Boundaries,
        units: str,
        minimal: Floats,
        directions: Floats,
        *,
        target: str,
        control: str,
    ) -> ResponsePerturbation:
        stimulus = code.responses["stimulus"]
        doses = np.asarray(self.doses, dtype=np.float64)
        step = directions @ boundaries.unwhiten
        return ResponsePerturbation(
            aim="behavior",
            objective="shift",
            target=target,
            control=control,
            perturbed=xr.DataArray(
                code.responses.values + doses[:, None, None] * step,
                dims=("epsilon", "stimulus", "unit"),
                coords={
                    "epsilon": xr.DataArray(doses, dims=("epsilon",), attrs={"units": units}),
                    "stimulus": stimulus,
                    "unit": code.responses["unit"],
                },
                attrs=dict(code.responses.attrs),
            ),
            minimal=xr.DataArray(minimal, dims=("stimulus",), coords={"stimulus": stimulus}, attrs={"units": units}),
        )


def _inverse(whitening: Floats) -> Floats:
    """Inverse of a whitening matrix on the units it does not ignore; zero rows (constant units) stay zero."""
    live = whitening.any(axis=1)
    inverse = np.zeros_like(whitening.T)
    if live.any():
        inverse[np.ix_(live, live)] = np.linalg.inv(whitening[np.ix_(live, live)])
    return inverse
