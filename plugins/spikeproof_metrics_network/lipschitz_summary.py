"""What the metric ``lipschitz`` says of one network: bounds, slopes at images, what attacks reached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from spikeproof.statistics import bootstrap_mean
from spikeproof.summaries import annotated, with_bounds
from spikeproof.wording import number, with_interval

if TYPE_CHECKING:
    from spikeproof.statistics import Resampling
    from spikeproof.types import Code

__all__ = ["sentences", "summary_of"]

_UNITS = "response / L2 norm"
_EXACT = "No sample: there is no interval, and both bounds are the number itself."
_MOST_STEPS = 24
"""Steps that are drawn; a longer network is in the table and in the result."""


def summary_of(measured: xr.Dataset, resampling: Resampling) -> xr.Dataset:
    """Summarise.

    Returns
    -------
    xarray.Dataset
        ``upper``, ``lower``, ``looseness``, ``sdp``, ``steepest_mean`` and ``random_mean`` (statistic,); ``steepest``
        and ``random`` (statistic, image); ``steps`` (statistic, step, reach); ``attack_stretch`` (statistic, aim,
        perturbation, epsilon). What does not exist is absent.
    """
    if "steepest" not in measured:
        return xr.Dataset()  # the network was refused, for a reason that is said
    clean = measured.isel(target=int(np.flatnonzero(measured["attack"].values.astype(str) == "")[0]))
    out = xr.Dataset()
    attacked = _attacked(measured, float(clean["pixels"])) if "stretch" in measured else None
    steepest = clean["steepest"].reset_coords(drop=True)
    reached = [(float(steepest.max()), f"the Jacobian at {steepest['image'].values[steepest.values.argmax()]!s}")]
    if attacked is not None and bool(np.isfinite(attacked).any()):
        reached.append((float(np.nanmax(attacked.values)), _strongest(attacked, measured)))
    lower, shown_by = max(reached)
    if "upper" in clean:
        _bounds(out, clean, lower)
    out["lower"] = annotated(
        with_bounds(lower, lower, lower),
        long_name="Lipschitz constant, at least",
        units=_UNITS,
        definition=f"The steepest stretch of an image by the units that was found, in L2: {shown_by}. True of the "
        f"network as a function of any image, up to the rounding of its arithmetic. {_EXACT}",
        headline=1,
        shown_by=shown_by,
    )
    _slopes(out, clean, resampling)
    if attacked is not None and bool(np.isfinite(attacked).any()):
        out["attack_stretch"] = _curve(attacked, measured, float(steepest.max()), resampling)
    return out


def _bounds(out: xr.Dataset, clean: xr.Dataset, lower: float) -> None:
    upper = float(clean["upper"])
    norms = clean["step_lower"].values, clean["step_upper"].values
    exact = int((norms[0] == norms[1]).sum())
    out["upper"] = annotated(
        with_bounds(upper, upper, upper),
        long_name="Lipschitz constant, at most",
        units=_UNITS,
        definition="No two images differ in the units' responses by more than this times their L2 distance. Norms of "
        f"the steps multiplied along the network's graph (sums add up); {exact} of {len(norms[0])} steps are known "
        "exactly, the others bounded: convolutions by the operator on images of this size (Lanczos from a random "
        "start, wrong with a probability of 1e-12 each, or a circular convolution that contains it), slopes of "
        f"activations by their largest. {_EXACT}",
        headline=1,
    )
    if "sdp" in clean:
        value = float(clean["sdp"])
        out["sdp"] = annotated(
            with_bounds(value, value, value),
            long_name="Lipschitz constant, at most (LipSDP)",
            units=_UNITS,
            definition="Semidefinite programming over the slopes that activations may have (Fazlyab et al. 2019, "
            f"arXiv:1906.04893), proved from the solver's multipliers. {_EXACT}",
            headline=1,
        )
    best = min(upper, float(out["sdp"].sel(statistic="estimate"))) if "sdp" in out else upper
    ratio = best / lower if lower > 0 else np.inf
    out["looseness"] = annotated(
        with_bounds(ratio, ratio, ratio),
        long_name="smallest upper over largest lower bound",
        units="1",
        definition=f"1: the Lipschitz constant is known. What lies between the two is not. {_EXACT}",
    )
    alone = with_bounds(norms[1], norms[0], norms[1]).rename(dim_0="step")
    so_far = with_bounds(*[clean["so_far"].values] * 3).rename(dim_0="step")
    steps = xr.concat([alone, so_far], dim=xr.Variable("reach", ["this step", "from the image on"]))
    steps = steps.assign_coords(step=clean["step"].values)
    drawn = {"figure": "matrix", "rows": "step", "columns": "reach"} if steps.sizes["step"] <= _MOST_STEPS else {}
    out["steps"] = annotated(
        steps,
        long_name="norm of the steps",
        units="1",
        definition="Operator norm of each step in L2, with the bounds that are certified as its interval (alike where "
        "it is exact), and the bound from the image to its output.",
        **drawn,
    )


def _slopes(out: xr.Dataset, clean: xr.Dataset, resampling: Resampling) -> None:
    exact = bool(float(clean["exact"]))
    how = (
        "Largest singular value of the Jacobian."
        if exact
        else "Stretch of the direction that power iteration on the Jacobian found: no more than its largest singular "
        "value."
    )
    beside = (
        "Root mean square over all directions (Frobenius norm of the Jacobian over the root of the number of pixels)."
        if exact
        else "Root mean square over 16 random directions."
    )
    what = {
        "steepest": ("steepest stretch at an image", how),
        "random": ("stretch in a random direction", beside),
    }
    for name, (title, definition) in what.items():
        values = clean[name].reset_coords(drop=True)
        mean = bootstrap_mean(values, ["image"], resampling, name=name)
        chance: dict[str, str | int] = {"chance": "random_mean", "headline": 1} if name == "steepest" else {}
        out[f"{name}_mean"] = annotated(
            mean,
            long_name=f"{title}, mean",
            units=_UNITS,
            definition=f"{definition} Mean over images; interval: bootstrap over images.",
            **chance,
        )
    for name, (title, definition) in what.items():
        values = clean[name].reset_coords(drop=True)
        drawn: dict[str, str] = (
            {"figure": "distribution", "x": "image", "chance": "random"} if name == "steepest" else {}
        )
        out[name] = annotated(
            with_bounds(values.values, values.values, values.values)
            .rename(dim_0="image")
            .assign_coords(image=values["image"].values),
            long_name=title,
            units=_UNITS,
            definition=f"{definition} {_EXACT}",
            **drawn,
        )


def _attacked(measured: xr.Dataset, pixels: float) -> xr.DataArray:
    """Stretches with respect to the L2 norm, or less where another norm was measured, (target, epsilon, stimulus)."""
    norm = str(measured["epsilon"].attrs.get("units", "L2 norm")).lower()
    # |d|_2 <= |d|_1, and |d|_2 <= sqrt(pixels) |d|_inf: a stretch over the larger is a lower bound, too.
    longest = np.sqrt(pixels) if norm.startswith("linf") else 1.0
    return measured["stretch"].transpose("target", "epsilon", "stimulus") / longest


def _strongest(attacked: xr.DataArray, measured: xr.Dataset) -> str:
    target, level, stimulus = np.unravel_index(int(np.nanargmax(attacked.values)), attacked.shape)
    one = {name: str(measured[name].values[target]) for name in ("attack", "objective", "control")}
    by = f"{one['control']} control of {one['attack']}" if one["control"] else one["attack"]
    return (
        f"{by} aimed at {one['objective']}, stimulus {attacked['stimulus'].values[stimulus]!s}, at "
        f"{float(attacked['epsilon'].values[level]):g} {measured['epsilon'].attrs.get('units', '')}".rstrip()
    )


def _curve(attacked: xr.DataArray, measured: xr.Dataset, slope: float, resampling: Resampling) -> xr.DataArray:
    """Mean stretch over targets and stimuli, of every attack and control, along the perturbation."""
    aim, attack, control = (measured[name].values.astype(str) for name in ("objective", "attack", "control"))
    label = np.array([f"{a}, {c}" if c else a for a, c in zip(attack, control, strict=True)])
    used = attack != ""
    aims, names = list(dict.fromkeys(aim[used].tolist())), list(dict.fromkeys(label[used].tolist()))
    rows = []
    for one in aims:
        cells = []
        for name in names:
            mine = np.flatnonzero(used & (aim == one) & (label == name))
            values = attacked.isel(target=mine).reset_coords(drop=True)
            empty = not mine.size or not np.isfinite(values.values).any()
            blank = xr.full_like(attacked.isel(target=0, stimulus=0).reset_coords(drop=True), np.nan)
            cells.append(
                with_bounds(blank.values, blank.values, blank.values)
                .rename(dim_0="epsilon")
                .assign_coords(epsilon=blank["epsilon"])
                if empty
                else bootstrap_mean(values, ["target", "stimulus"], resampling, name="stretch").drop_attrs()
            )
        rows.append(xr.concat(cells, dim=xr.Variable("perturbation", names), coords="minimal", compat="override"))
    curve = xr.concat(rows, dim=xr.Variable("aim", aims), coords="minimal", compat="override")
    curve = curve.transpose("statistic", "aim", "perturbation", "epsilon")
    of = dict(zip(label.tolist(), control.tolist(), strict=True))
    curve = curve.assign_coords(control=("perturbation", [of[name] for name in names]))
    curve["epsilon"].attrs.update(measured["epsilon"].attrs)
    curve["aim"].attrs["long_name"] = "aimed at"
    return annotated(
        curve,
        long_name="stretch by attacks",
        units=_UNITS,
        definition="Distance that the units' responses moved (L2) over the L2 norm of the perturbation (where L1 or "
        "Linf was bounded: over the longest L2 norm that this allows, so that no stretch is overstated). Mean over "
        "targets and stimuli that were moved; interval: crossed bootstrap over both. Beside it the controls of equal "
        "norm.",
        figure="curve",
        x="epsilon",
        panels="aim",
        reference_lines=json.dumps({"steepest slope at an image": slope}),
        caption="How far the units move for a perturbation of norm 1, against the size of the perturbation.",
    )


def sentences(summary: xr.Dataset, code: Code) -> Iterator[str]:
    """Say it in plain words; nothing where the network was refused."""
    if not summary.data_vars:
        return
    units = code.responses.sizes["unit"]
    lower = float(summary["lower"].sel(statistic="estimate"))
    shown_by = str(summary["lower"].attrs["shown_by"])
    if "upper" in summary:
        best = "sdp" if "sdp" in summary else "upper"
        upper = float(summary[best].sel(statistic="estimate"))
        loose = float(summary["looseness"].sel(statistic="estimate"))
        far = f"{number(loose)} times as much" if np.isfinite(loose) else "and nothing moved them at all"
        yield (
            f"No image that moves by 1 (L2) moves the {units} units by more than {number(upper)} (certified); "
            f"{shown_by} shows {number(lower)}: the bound is {far}."
        )
    else:
        yield f"An image that moves by 1 (L2) can move the {units} units by {number(lower)}: {shown_by} shows it."
    steep, random = summary["steepest_mean"], summary["random_mean"]
    yield (
        f"At the images themselves the steepest direction stretches by {with_interval(steep)} on average, a random one "
        f"by {with_interval(random)}."
    )
    if "attack_stretch" in summary:
        curve = summary["attack_stretch"].isel(epsilon=-1)
        dose = f"{float(curve['epsilon']):g} {summary['epsilon'].attrs.get('units', '')}".strip()
        for aim in curve["aim"].values.tolist():
            said = [
                f"{name} {with_interval(curve.sel(aim=aim, perturbation=name))}"
                for name in curve["perturbation"].values.tolist()
                if not bool(curve.sel(aim=aim, perturbation=name, statistic="estimate").isnull())
            ]
            if said:
                yield f"At {dose}, aimed at {aim}, the units moved per L2 norm by: {'; '.join(said)}."
