"""Evidence of a toy code under toy attacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeproof.plugin import MetricEntry
from spikeproof.types import Code, Evidence

from .toy_network import toy_network
from .toys import toy_code

__all__ = ["toy_evidence"]


def toy_evidence(entry: MetricEntry, *, size: float = 1.0, units: Sequence[int] | None = None) -> Iterator[Evidence]:
    """Evidence of the kind that a metric measures: targets of every aim, each with a control of half its effect.

    Parameters
    ----------
    entry : MetricEntry
    size : float
        Shift of each unit at the largest epsilon, Hz; 0 leaves the clean responses.
    units : sequence of int, optional
        Order of the code's units.
    """
    code = toy_code(units)
    if entry.domain is None or entry.kind == "network":
        yield Evidence(code=code, network=toy_network(units) if entry.kind == "network" else None)
        if entry.domain is None and entry.kind != "score":
            return
    for aim in entry.aims or ("unit", "population", "behavior"):
        for number in (0, 1):
            for control, share in (("", 1.0), ("random", 0.5)):
                yield _perturbed(entry, code, aim, number, control, size * share)


def _perturbed(entry: MetricEntry, code: Code, aim: str, number: int, control: str, size: float) -> Evidence:
    domain = entry.domain or "stimulus"
    # All targets attack the same stimuli: some by pixels, all of them in activity.
    attacked = code.responses.isel(stimulus=slice(None, None, 3 if domain == "stimulus" else 1))
    stimuli = [str(name) for name in attacked["stimulus"].values]
    doses = xr.DataArray([0.2, 0.5, 1.0], dims=("epsilon",))
    doses.attrs["units"] = "L2 norm" if domain == "stimulus" else "noise sd"
    coords = {"epsilon": doses}
    per_unit = {f"u{unit}": np.random.default_rng([number, unit]).uniform(-1, 1, len(stimuli)) for unit in range(6)}
    direction = np.stack([per_unit[str(name)] for name in attacked["unit"].values], axis=1)
    shift = size * doses.values[:, None, None] * direction
    perturbed = xr.DataArray(
        attacked.values + shift,
        dims=("epsilon", "stimulus", "unit"),
        coords={**{name: attacked.coords[name] for name in attacked.coords}, **coords},
        attrs=attacked.attrs,
    )
    choices = code.readout.choices(perturbed.values, stimuli) if code.readout is not None else np.empty(0)
    on_items = {"epsilon": doses, "stimulus": stimuli}
    unit = sorted(attacked["unit"].values.tolist())[number] if aim == "unit" else None
    directed = None
    if unit is not None:
        move = size * doses.values[:, None] * np.abs(per_unit[unit])
        here = attacked.sel(unit=unit).values
        directed = xr.DataArray(
            np.stack([here + move, here - move]),
            dims=("direction", "epsilon", "stimulus"),
            coords={"direction": ["up", "down"], **on_items},
        )
    minimal = None
    if domain == "response" or "minimal" in entry.needs:
        minimal = xr.DataArray(np.linspace(0.5, 2, len(stimuli)), dims=("stimulus",), coords={"stimulus": stimuli})
    goal = None
    if "goal" in entry.needs:
        goal = xr.DataArray(np.roll(stimuli, 1), dims=("stimulus",), coords={"stimulus": stimuli})
    single = None
    if "measured" in entry.needs:
        single = _shown_again(perturbed, per_unit[unit or "u0"], (0.2, -0.2))
    elif "repeats" in entry.needs:
        noise = {name: np.random.default_rng([number, int(name[1:]), 1]) for name in sorted(per_unit)}
        parts = [noise[str(name)].standard_normal((3, *perturbed.shape[:2])) for name in attacked["unit"].values]
        drawn = np.stack(parts, axis=-1)
        single = _shown_again(perturbed, per_unit["u0"], (*drawn, -drawn.sum(axis=0)))
    return Evidence(
        code=code,
        domain=domain,
        attack=(entry.attacks or ("toy",))[0],
        aim=aim,  # type: ignore[arg-type]
        objective=aim,
        control=control,
        target=unit or f"{aim} {number}",
        target_unit=unit,
        perturbed=perturbed,
        choices=xr.DataArray(choices, dims=("epsilon", "stimulus"), coords=on_items),
        directed=directed,
        achieved=xr.DataArray(
            np.repeat(doses.values[:, None], len(stimuli), axis=1), dims=("epsilon", "stimulus"), coords=on_items
        ),
        minimal=minimal,
        repeats_perturbed=single,
        goal=goal,
        status=xr.DataArray(["ok"] * len(stimuli), dims=("stimulus",), coords={"stimulus": stimuli}),
    )


def _shown_again(
    perturbed: xr.DataArray, direction: NDArray[np.float64], noise: Sequence[float | NDArray[np.float64]]
) -> xr.DataArray:
    """Showings of every perturbed stimulus around their mean: one for each noise, which sums to 0."""
    doses, stimuli = perturbed["epsilon"].values, perturbed["stimulus"].values.astype(str)
    times = len(noise)
    showings = np.concatenate([perturbed.values + one for one in noise], axis=1)
    on_presentation = {
        "stimulus": np.tile(stimuli, times * len(doses)),
        "epsilon": np.repeat(doses, times * len(stimuli)),
        "direction": np.tile(np.where(direction > 0, "up", "down"), times * len(doses)),
        "image": np.array([f"{name} at {dose:g}" for dose in doses for name in [*stimuli] * times]),
        "row": np.arange(times * perturbed.shape[0] * perturbed.shape[1]),
    }
    return xr.DataArray(
        showings.reshape(-1, perturbed.sizes["unit"]),
        dims=("presentation", "unit"),
        coords={
            "unit": perturbed["unit"].values,
            **{name: ("presentation", values) for name, values in on_presentation.items()},
        },
        attrs=perturbed.attrs,
    )
