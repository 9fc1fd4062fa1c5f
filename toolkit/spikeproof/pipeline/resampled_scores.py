"""A score of everything, with groups left out, shuffled, and between halves of the repeats; and its summary."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from spikeproof.errors import NotEnoughData, PluginFailed
from spikeproof.noise import generator
from spikeproof.scores import Quantity, Sample, Score
from spikeproof.statistics import interval, jackknife_groups, jackknife_interval, stack_statistic

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from spikeproof.code import Code
    from spikeproof.plugin import MetricEntry
    from spikeproof.statistics import Resampling

__all__ = ["GROUPS", "SHUFFLED", "halves", "scored", "shuffled", "summary_of", "with_bounds", "without"]

GROUPS = 32
"""Most groups of stimuli, and of units, that are left out in turn."""

_SHUFFLES, _SPLITS = 100, 4

SHUFFLED = {
    "stimuli": "with the stimuli shuffled",
    "labels": "with the categories shuffled",
    "units": "with each unit's responses shuffled over stimuli",
}


def scored(score: Score, sample: Sample) -> NDArray[np.float64]:
    """Score a sample, in the order of the quantities.

    Raises
    ------
    PluginFailed
        If a quantity is missing, or not a number.
    """
    import numpy as np

    found = score.score(sample)
    names = [quantity.name for quantity in score.quantities()]
    missing = [name for name in names if name not in found]
    if missing:
        raise PluginFailed(f"{type(score).__name__}.score() gives no {missing[0]!r}, which is one of its quantities")
    values = np.array([float(found[name]) for name in names])
    if np.isnan(values).any():
        name = names[int(np.isnan(values).argmax())]
        raise PluginFailed(
            f"{type(score).__name__}.score() gives NaN for {name!r}: it must refuse what it cannot compute"
        )
    return values


def without(
    score: Score,
    sample: Sample,
    names: NDArray[np.str_],
    *,
    most: int,
    of: Literal["stimuli", "units", "reference_units", "both_units"] = "stimuli",
) -> NDArray[np.float64]:
    """Score a sample without each group of stimuli or units in turn, (group, quantity).

    Units leave the responses, the reference, or (where both are the same units) both sides.
    """
    import numpy as np

    groups = jackknife_groups(
        names.tolist(), most=most, seed=sample.seed, purpose="stimuli" if of == "stimuli" else "units"
    )
    if groups.max() == 0:
        return np.empty((0, len(score.quantities())))
    return np.stack([scored(score, _kept(sample, groups != group, of)) for group in range(groups.max() + 1)])


def _kept(sample: Sample, keep: NDArray[np.bool_], of: str) -> Sample:
    if of == "stimuli":
        parts = {
            name: getattr(sample, name)[keep]
            for name in ("responses", "labels", "choices", "reference", "reference_choices", "decision", "stimuli")
            if getattr(sample, name) is not None
        }
        return replace(sample, **parts)
    sides = {"units": ("responses",), "reference_units": ("reference",), "both_units": ("responses", "reference")}[of]
    units = sample.units if of == "reference_units" or sample.units is None else sample.units[keep]
    return replace(sample, units=units, **{side: getattr(sample, side)[:, keep] for side in sides})


def shuffled(score: Score, sample: Sample, null: Literal["stimuli", "labels", "units"]) -> NDArray[np.float64]:
    """Score a sample whose link between stimuli and something is broken, (shuffle, quantity)."""
    import numpy as np

    rng = generator(sample.seed, "shuffled score", null)
    rows = []
    for _ in range(_SHUFFLES):
        order = rng.permutation(len(sample.responses))
        if null == "labels":
            changed = replace(sample, labels=None if sample.labels is None else sample.labels[order])
        elif null == "units":
            changed = replace(sample, responses=rng.permuted(sample.responses, axis=0))
        else:
            choices = sample.reference_choices
            changed = replace(
                sample,
                reference=None if sample.reference is None else sample.reference[order],
                reference_choices=None if choices is None else choices[order],
            )
        rows.append(scored(score, changed))
    return np.stack(rows)


def halves(score: Score, code: Code, seed: int) -> dict[str, NDArray[np.float64]]:
    """Score one half of the repeats against the other: what noise alone leaves of a comparison.

    Every stimulus with two presentations or more gives half of them (drawn by the seed) to either side; the mean of
    several such splits is taken. Empty where nothing was repeated.
    """
    import numpy as np

    if code.repeats is None:
        return {}
    single = np.asarray(code.repeats.values, dtype=np.float64)
    shown = code.repeats["stimulus"].values.astype(str)
    names, row, count = np.unique(shown, return_inverse=True, return_counts=True)
    usable = np.flatnonzero(count >= 2)
    if len(usable) < 2:
        return {}
    labels = None if code.labels is None else code.labels.sel(stimulus=names[usable]).values.astype(str)
    whole, left_out = [], []
    for split in range(_SPLITS):
        rng = generator(seed, "halves", split)
        sides: list[list[NDArray[np.float64]]] = [[], []]
        for stimulus in usable:
            mine = rng.permutation(np.flatnonzero(row == stimulus))
            for side, part in zip(sides, (mine[: len(mine) // 2], mine[len(mine) // 2 :]), strict=True):
                side.append(single[part].mean(axis=0))
        sample = Sample(
            responses=np.stack(sides[0]),
            labels=labels,
            reference=np.stack(sides[1]),
            stimuli=names[usable],
            units=code.responses["unit"].values.astype(str),
            seed=seed,
        )
        sample = _with_choices(sample, code, names[usable].tolist())
        whole.append(scored(score, sample))
        left_out.append(without(score, sample, names[usable], most=GROUPS))
    return {"_ceiling": np.mean(whole, axis=0), "_ceiling_without_stimuli": np.mean(left_out, axis=0)}


def _with_choices(sample: Sample, code: Code, stimuli: list[str]) -> Sample:
    """Give the two halves of the repeats the fitted readout's choices on each."""
    if code.readout is None or sample.reference is None:
        return sample
    return replace(
        sample,
        choices=code.readout.choices(sample.responses, stimuli),
        reference_choices=code.readout.choices(sample.reference, stimuli),
        decision=code.readout.decision(sample.responses, stimuli),
        classes=code.readout.classes,
    )


def with_bounds(
    quantity: Quantity, estimate: NDArray[np.float64], left_out: list[NDArray[np.float64]], level: float
) -> list[NDArray[np.float64]]:
    """Estimate, low and high."""
    try:
        low, high = jackknife_interval(
            estimate, left_out, level=level, lowest=quantity.lowest, highest=quantity.highest
        )
    except NotEnoughData:
        import numpy as np

        low = high = np.full_like(estimate, np.nan)
    return [estimate, low, high]


def summary_of(
    quantity: Quantity, measured: xr.Dataset, entry: MetricEntry, resampling: Resampling
) -> dict[str, xr.DataArray]:
    """Variables of a summary that speak of one quantity."""
    name = quantity.name
    out: dict[str, xr.DataArray] = {}
    for suffix, what in (("", ""), ("_ceiling", " between two halves of the repeats")):
        if f"{name}{suffix}" in measured:
            values, groups = _row(measured, f"{name}{suffix}")
            out[f"{name}{suffix}"] = _single(quantity, values, groups, resampling.level, what)
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
            clean = _single(quantity, *_row(measured, f"{key}_clean"), resampling.level, "")
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


def _row(measured: xr.Dataset, key: str) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    groups = [f"{key}_without_{of}" for of in ("stimuli", "units") if f"{key}_without_{of}" in measured]
    return _clean_row(measured, key), [_clean_row(measured, group) for group in groups]


def _about(
    quantity: Quantity, *, long_name: str, spread: str, **more: str | int | float
) -> dict[str, str | int | float]:
    lines = {"reference_lines": json.dumps(dict(quantity.levels))} if quantity.levels else {}
    definition = f"{quantity.definition} {spread}"
    return {"long_name": long_name, "units": quantity.units, "definition": definition, **lines, **more}


_SPREAD = (
    "Interval: delete-a-group jackknife over stimuli and over units, whose variances add up, with Student's t "
    "(conditional on the fitted readout, where there is one)."
)


def _single(
    quantity: Quantity, values: NDArray[np.float64], groups: list[NDArray[np.float64]], level: float, what: str
) -> xr.DataArray:
    import xarray as xr

    parts = with_bounds(quantity, values, groups, level)
    about = _about(quantity, long_name=f"{quantity.long_name}{what}", spread=_SPREAD)
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
    about = _about(
        quantity,
        long_name=quantity.long_name,
        spread=f"{_SPREAD} Targets of one aim are averaged, and left out one by one as a further factor.",
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
    factors = []
    for of in ("stimuli", "units"):
        name = f"{key}_without_{of}"
        if name in targets:
            left_out = targets[name].transpose(..., "target", dim).values.mean(axis=-2)
            factors.append(left_out[np.isfinite(left_out).all(axis=-1)])  # other targets may have had more groups
    if len(values) > 1:
        factors.append((values.sum(axis=0) - values) / (len(values) - 1))
    return with_bounds(quantity, values.mean(axis=0), factors, level)
