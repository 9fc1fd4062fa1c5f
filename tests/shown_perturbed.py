"""A recording whose stimuli were perturbed: linear neurons with Gaussian noise, whose every answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["SIZES", "recorded", "rows_of"]

SIZES = {"units": 4, "stimuli": 12, "repeats": 6}


def rows_of(
    epsilons: tuple[float, ...] = (0.5, 1.0), controls: tuple[str, ...] = ("", "random"), units: int = 2
) -> list[dict[str, Any]]:
    """One row an image: clean ones, then the perturbed ones of two target units and of the population."""
    stimuli = [f"s{k:02d}" for k in range(SIZES["stimuli"])]
    rows: list[dict[str, Any]] = [{"stimulus_id": name, "clean_stimulus_id": "", "epsilon": 0.0} for name in stimuli]
    targets = [*(f"u{k}" for k in range(units)), "population"]
    rows += [
        {
            "stimulus_id": f"{target}-{control}-{epsilon:g}-{name}",
            "clean_stimulus_id": name,
            "epsilon": epsilon,
            "norm": "l2",
            "aim": "unit" if target.startswith("u") else target,
            "target_unit": target if target.startswith("u") else "",
            "control": control,
            "attack": "pgd",
            "direction": "up",
        }
        for target in targets
        for control in controls
        for epsilon in epsilons
        for name in stimuli[:6]
    ]
    return rows


def effect(row: dict[str, Any]) -> NDArray[np.float64]:
    """True effect on each unit: an attack moves its target by 2 per unit of norm, a control nothing."""
    moved = np.zeros(SIZES["units"])
    if row["epsilon"] and not row["control"]:
        if row["aim"] == "unit":
            moved[int(row["target_unit"][1:])] = 2 * row["epsilon"]
        else:
            moved[:] = row["epsilon"]
    return moved


def recorded(
    rows: list[dict[str, Any]], *, sd: float = 0.0, repeats: int = 6, seed: int = 0, categories: bool = False
) -> xr.Dataset:
    """Responses of every image, shown ``repeats`` times in an order of its own each time."""
    random = np.random.default_rng(seed)
    base = {f"s{k:02d}": np.array([k, 12.0 - k, (k * 5) % 12, k % 3], float) for k in range(SIZES["stimuli"])}
    columns = list(dict.fromkeys(name for row in rows for name in row))
    order = [int(k) for _ in range(repeats) for k in random.permutation(len(rows))]
    shown = [rows[k] for k in order]
    mean = np.array([base[row["clean_stimulus_id"] or row["stimulus_id"]] + effect(row) for row in shown])
    seen: dict[int, int] = {}
    repeat = []
    for k in order:
        repeat.append(seen.get(k, 0))
        seen[k] = repeat[-1] + 1
    coords: dict[str, Any] = {"unit": [f"u{k}" for k in range(SIZES["units"])], "repeat": ("presentation", repeat)}
    for name in columns:
        empty = 0.0 if name == "epsilon" else ""
        coords[name] = ("presentation", [row.get(name, empty) for row in shown])
    if categories:
        of = [int((row["clean_stimulus_id"] or row["stimulus_id"])[1:]) for row in shown]
        coords["category"] = ("presentation", ["low" if k < 6 else "high" for k in of])
    values = mean + sd * random.standard_normal(mean.shape)
    return xr.Dataset({"response": (("presentation", "unit"), values, {"units": "Hz"})}, coords=coords)
