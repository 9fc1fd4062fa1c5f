"""What the summary says of a score: its value, ceiling, chance level and curves, with their intervals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from spikeproof.statistics import interval, jackknife_pairs, stack_statistic

from .left_out import with_bounds

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from spikeproof.plugin import MetricEntry
    from spikeproof.scores import Quantity
    from spikeproof.statistics import Resampling

__all__ = ["SHUFFLED", "summary_of"]

SHUFFLED = {
    "stimuli": "with the stimuli shuffled",
    "labels": "with the categories shuffled",
    "units": "with each unit's responses shuffled over stimuli",
    "presentations": "with presentations shuffled over stimuli",
}


def summary_of(
    quantity: Quantity, measured: xr.Dataset, entry: MetricEntry, resampling: Resampling
) -> dict[str, xr.DataArray]:
    """Variables of a summary that speak of one quantity."""
    name = quantity.name
    out: dict[str, xr.DataArray] = {}
    for suffix, what in (("", ""), ("_ceiling", " between two halves of the repeats")):
        if f"{name}{suffix}" in measured:
            out[f"{name}{suffix}"] = _single(quantity, measured, f"{name}{suffix}", resampling.level, what)
    if f"{name}_shuffled" in measured:
        draws = _clean_row(measured, f"{name}_shuffled")
        out[f"{name}_shuffled"] = _null(quantity, draws, entry, resampling.level)
    if name in out and f"{name}_shuffled" in out:
        out[name].attrs["chance"] = f"{name}_shuffled"
    attacks = [
        key.removesuffix("_without_stimuli") for key in map(str, measured.data_vars) if _is_curve(key, name, measured)
    ]
    for key in attacks:
        clean = out.get(f"{name}_ceiling")
        if f"{key}_clean" in measured:
            clean = _single(quantity, measured, f"{key}_clean", resampling.level, "")
        out[key] = _curve(quantity, key, measured, clean, resampling.level)
        if f"{name}_shuffled" in out:
            out[key].attrs["chance"] = f"{name}_shuffled"
    return out


def _is_curve(key: str, name: str, measured: xr.Dataset) -> bool:
    if not key.endswith("_without_stimuli") or not key.startswith(f"{name}_"):
        return False
    base = key.removesuffix("_without_stimuli")
    return base in measured and any(
        str(dim) == "epsilon" or str(dim).startswith("dose_") for dim in measured[base].dims
    )


def _clean_row(measured: xr.Dataset, key: str) -> NDArray[np.float64]:
    """The first target that has it: what is said of the clean code is the same for all of them."""
    import numpy as np

    present = np.isfinite(measured[key].values.reshape(measured.sizes["target"], -1)).any(axis=1)
    values: NDArray[np.float64] = measured[key].isel(target=int(np.flatnonzero(present)[0])).values
    return values[np.isfinite(values)] if values.ndim else values


def _about(
    quantity: Quantity, *, long_name: str, spread: str, **more: str | int | float
) -> dict[str, str | int | float]:
    lines = {"reference_lines": json.dumps(dict(quantity.levels))} if quantity.levels else {}
    definition = f"{quantity.definition} {spread}"
    return {"long_name": long_name, "units": quantity.units, "definition": definition, **lines, **more}


_SPREAD = (
    "Interval: delete-a-group jackknife over stimuli and over units, whose variances add up less their interaction, "
    "with Student's t (conditional on the fitted readout, where there is one)."
)


_SPREAD_OF_MEAN = (
    "Interval: jackknife over stimuli, whose contributions are left out without fitting again, and over units by fits "
    "without parts of them, whose variances add up, with Student's t."
)


def _spread(contributing: bool) -> str:
    return _SPREAD_OF_MEAN if contributing else _SPREAD


def _single(quantity: Quantity, measured: xr.Dataset, key: str, level: float, what: str) -> xr.DataArray:
    import xarray as xr

    factors = [f"{key}_without_{of}" for of in ("stimuli", "units") if f"{key}_without_{of}" in measured]
    pairs = {}
    if f"{key}_without_both" in measured:
        pairs[0, 1] = _clean_row(measured, f"{key}_without_both")
    count = int(_clean_row(measured, f"{key}_contributing")) if f"{key}_contributing" in measured else 0
    parts = with_bounds(
        quantity,
        _clean_row(measured, key),
        [_clean_row(measured, factor) for factor in factors],
        pairs,
        level,
        refitted=[_clean_row(measured, f"{key}_refitted")] if f"{key}_refitted" in measured else [],
        contributing=count,
    )
    about = _about(quantity, long_name=f"{quantity.long_name}{what}", spread=_spread(count > 0))
    if quantity.headline:
        about["headline"] = 1
    return stack_statistic(*(xr.DataArray(part) for part in parts)).assign_attrs(about)


def _null(quantity: Quantity, draws: NDArray[np.float64], entry: MetricEntry, level: float) -> xr.DataArray:
    import xarray as xr

    how = SHUFFLED[str(entry.null)]
    centre = draws.mean()
    parts = (centre, *interval(draws, centre, level))
    about = _about(
        quantity,
        long_name=f"{quantity.long_name} {how}",
        spread=f"Chance level: mean and {level:.0%} range of {len(draws)} shuffles.",
    )
    return stack_statistic(*(xr.DataArray(part) for part in parts)).assign_attrs(about)


def _curve(
    quantity: Quantity, key: str, measured: xr.Dataset, clean: xr.DataArray | None, level: float
) -> xr.DataArray:
    """Mean over targets of every aim and control along the dose, and the clean level beside them."""
    import numpy as np
    import xarray as xr

    attack = next(
        name
        for name in dict.fromkeys(measured["attack"].values.astype(str).tolist())
        if name and _named(key, quantity, name)
    )
    of_attack = measured.isel(target=np.flatnonzero(measured["attack"].values.astype(str) == attack))
    (dim,) = (str(dim) for dim in measured[key].dims if dim != "target")
    objective, control_of = (of_attack[name].values.astype(str) for name in ("objective", "control"))
    aims = list(dict.fromkeys(objective[control_of == ""].tolist() or objective.tolist()))
    controls = list(dict.fromkeys(control_of.tolist()))
    level_of = ["clean" if f"{key}_clean" in measured else "repeats"] if clean is not None else []
    names = [control or attack for control in controls] + level_of
    values = np.full((3, len(aims), len(names), measured.sizes[dim]), np.nan)
    for i, aim in enumerate(aims):
        for j, control in enumerate(controls):
            chosen = (objective == aim) & (control_of == control)
            if control and not np.isin(objective[control_of == control], aims).any():
                chosen = control_of == control  # of an attack on activity: beside each of its orders
            if chosen.any():
                values[:, i, j] = _over_targets(
                    quantity, of_attack.isel(target=np.flatnonzero(chosen)), key, dim, level
                )
        if clean is not None:
            values[:, i, -1] = clean.values[:, None]
    spread = _spread(f"{key}_contributing" in measured)
    about = _about(
        quantity,
        long_name=quantity.long_name,
        spread=f"{spread} Targets of one aim are averaged, and left out one by one as a further factor.",
        figure="curve",
        x=dim,
        panels="aim",
        caption=f"{quantity.long_name[0].upper()}{quantity.long_name[1:]} against the size of the perturbation.",
    )
    is_control = ["" if name == attack else name for name in names]
    return xr.DataArray(
        values,
        dims=("statistic", "aim", "perturbation", dim),
        coords={
            "statistic": ["estimate", "low", "high"],
            "aim": xr.DataArray(aims, dims="aim", attrs={"long_name": "aimed at"}),
            "perturbation": names,
            "control": ("perturbation", is_control),
            dim: measured[dim],
        },
        attrs=about,
    )


def _named(key: str, quantity: Quantity, attack: str) -> bool:
    from spikeproof.result import slug

    return key == f"{quantity.name}_{slug(attack)}"


def _over_targets(
    quantity: Quantity, targets: xr.Dataset, key: str, dim: str, level: float
) -> list[NDArray[np.float64]]:
    import numpy as np

    values = targets[key].transpose("target", dim).values
    factors: list[NDArray[np.float64]] = []
    pairs: dict[tuple[int, int], NDArray[np.float64]] = {}
    whole = True
    of_targets: list[NDArray[np.float64]] = []
    for of in ("stimuli", "units"):
        name = f"{key}_without_{of}"
        if name in targets:
            left_out, alike = _of_all_targets(targets, name, dim)
            whole &= alike
            factors.append(left_out.mean(axis=1))
            of_targets.append(left_out)
    if f"{key}_without_both" in targets and whole:
        both, alike = _of_all_targets(targets, f"{key}_without_both", dim)
        if alike:
            pairs[0, 1] = both.mean(axis=1)
    count = len(values)
    if count > 1:
        for place, left_out in enumerate(of_targets):
            rows = jackknife_pairs(len(left_out), count, most=len(left_out) * count)
            without = (left_out.sum(axis=1, keepdims=True) - left_out) / (count - 1)
            pairs[place, len(factors)] = without[rows[:, 0], rows[:, 1]]
        factors.append((values.sum(axis=0) - values) / (count - 1))
    refitted = []
    if f"{key}_refitted" in targets:
        refitted = [_of_all_targets(targets, f"{key}_refitted", dim)[0].mean(axis=1)]
    number = f"{key}_contributing"
    contributing = int(np.nanmin(targets[number].values)) if number in targets else 0
    return with_bounds(
        quantity, values.mean(axis=0), factors, pairs, level, refitted=refitted, contributing=contributing
    )


def _of_all_targets(targets: xr.Dataset, name: str, dim: str) -> tuple[NDArray[np.float64], bool]:
    """Groups that every target has, (group, target, dose), and whether no target has more than these."""
    import numpy as np

    found = targets[name].transpose(..., "target", dim).values
    there = np.isfinite(found)
    everywhere = there.all(axis=(1, 2))
    return found[everywhere], bool((everywhere == there.any(axis=(1, 2))).all())
