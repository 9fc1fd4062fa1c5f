"""Perturbations of activity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.code import Code

__all__ = ["ResponseAttack", "ResponsePerturbation"]


@dataclass(frozen=True, kw_only=True)
class ResponsePerturbation:
    """One target of a response-domain attack.

    Parameters
    ----------
    aim : {"unit", "population", "behavior"}
        The scale that it aims at.
    objective : str
        What this kind of target is called (``"greedy"``).
    target : str
        Unique within ``objective`` and ``control``.
    perturbed : xarray.DataArray, dims (epsilon, stimulus, unit)
        Coordinate ``epsilon`` is the dose, ascending, its unit in ``attrs["units"]``.
    control : str
        Name of the control that it is (``"random"``), empty for the attack itself.
    minimal : xarray.DataArray, dims (stimulus,), optional
        Smallest dose that changes the choice.
    """

    aim: str
    objective: str
    target: str
    perturbed: xr.DataArray
    control: str = ""
    minimal: xr.DataArray | None = None


@runtime_checkable
class ResponseAttack(Protocol):
    """Perturbs activity: needs no images and no model, only a code with a fitted readout."""

    def __call__(self, code: Code, *, seed: int) -> Iterator[ResponsePerturbation]:
        """Yield its targets one by one, the controls among them."""
