"""Bounds on how much a network's units can move with its image, as a component."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import xarray as xr
from spikeproof.errors import BadParameter, DataError, UsageError
from spikeproof.types import Evidence, generator

from .inside import sdp_bound_of, transparent, upper_bound_of
from .lipschitz_summary import sentences, summary_of
from .slopes import slopes_at

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.statistics import Resampling
    from spikeproof.types import Code, NetworkEvidence

__all__ = ["Lipschitz"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lipschitz:
    """How far a layer's units can move for an image that moves by 1 (L2): at most, and at least."""

    bounds: Annotated[
        Literal["both", "lower"], "both needs a rule for every step of the network; lower only needs gradients."
    ] = "both"
    lipsdp: Annotated[
        Literal["no", "layer", "neuron"],
        "Also solve LipSDP, for small chains of dense layers: one multiplier a layer (fast) or a neuron (tight).",
    ] = "no"
    images: Annotated[int, "Images at which slopes are measured, drawn by the seed; all where there are not more."] = 32
    steps: Annotated[int, "Lanczos steps for the norm of a large operator; they bound it from both sides."] = 100
    iterations: Annotated[int, "Power iterations for the steepest slope of a layer of more than 48 units."] = 20

    def __post_init__(self) -> None:
        for name in ("images", "steps", "iterations"):
            if getattr(self, name) < 1:
                raise BadParameter(f"lipschitz: {name} must be at least 1, got {getattr(self, name)}")
        if self.lipsdp != "no" and self.bounds == "lower":
            raise BadParameter("lipschitz: lipsdp is an upper bound: set bounds to both")
        if self.lipsdp != "no" and find_spec("cvxpy") is None:
            raise UsageError('LipSDP: needs cvxpy, which is not installed; pip install "spikeproof[lipschitz]"')

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Bound the network, with the clean code; or see how far an attack took the units.

        Returns
        -------
        xarray.Dataset
            Of the clean code: ``steepest`` and ``random`` (image,), ``exact`` (0 or 1), ``pixels``; with
            ``bounds = "both"`` ``upper``, and ``step_lower``, ``step_upper``, ``so_far`` (step,); ``sdp`` where it is
            asked for. Of an attack: ``stretch`` (epsilon, stimulus), NaN where nothing was moved.

        Raises
        ------
        spikeproof.errors.DataError
            If there is no network, no gradient or no rule for a step, or its trace is not the network.
        """
        if evidence.perturbed is not None:
            return xr.Dataset({"stretch": _stretch(evidence)})
        if evidence.network is None:
            raise DataError("lipschitz: needs a network, and this evidence comes without one")
        return self._of_network(evidence.network, evidence.code)

    def _of_network(self, network: NetworkEvidence, code: Code | None = None) -> xr.Dataset:
        names = _sample(network, self.images)
        slopes = slopes_at(
            network.model, network.stimuli.images(names), names, steps=self.iterations, seed=network.seed
        )
        found = xr.Dataset(
            {
                "steepest": ("image", slopes.steepest),
                "random": ("image", slopes.random),
                "exact": float(slopes.exact),
                "pixels": float(np.prod(network.image_shape)),
            },
            coords={"image": names},
        )
        if self.bounds == "lower":
            return found
        inside = transparent(network.model, "lipschitz", code, "; set bounds to lower")
        bound = upper_bound_of(inside, network.image_shape, steps=self.steps, seed=network.seed)
        numbered = [f"{number} {step.name} ({step.kind})" for number, step in enumerate(bound.layers, 1)]
        found = found.assign_coords(step=numbered)
        found["upper"] = bound.value
        found["step_lower"] = ("step", [step.bound.lower for step in bound.layers])
        found["step_upper"] = ("step", [step.bound.upper for step in bound.layers])
        found["so_far"] = ("step", [step.so_far for step in bound.layers])
        if self.lipsdp != "no":
            found["sdp"] = sdp_bound_of(inside, self.lipsdp)
        return found

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Put bounds, slopes and what attacks reached together: see :func:`summary_of`."""
        return summary_of(measured, resampling)

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        """Say between which bounds the network's Lipschitz constant lies, and what shows them."""
        yield from sentences(summary, code)


def _sample(network: NetworkEvidence, count: int) -> list[str]:
    ids = network.stimuli.ids
    if len(ids) <= count:
        return list(ids)
    chosen = generator(network.seed, "lipschitz", "images").choice(len(ids), count, replace=False)
    return [ids[row] for row in np.sort(chosen)]


def _stretch(evidence: Evidence) -> xr.DataArray:
    """Distance that the responses moved over the norm of the perturbation, (epsilon, stimulus)."""
    if evidence.perturbed is None or evidence.achieved is None:
        raise DataError(f"lipschitz: attack {evidence.attack!r} does not say the norms of its perturbations")
    moved: NDArray[np.float64] = np.linalg.norm(evidence.perturbed.values - evidence.clean.values, axis=-1)
    norm = np.asarray(evidence.achieved.transpose("epsilon", "stimulus").values, dtype=np.float64)
    stretch = np.divide(moved, norm, out=np.full_like(moved, np.nan), where=norm > 0)
    coords = {"epsilon": evidence.perturbed["epsilon"], "stimulus": evidence.perturbed["stimulus"].values}
    return xr.DataArray(stretch, dims=("epsilon", "stimulus"), coords=coords)
