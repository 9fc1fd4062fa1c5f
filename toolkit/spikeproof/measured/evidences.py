"""Evidence from recorded responses to perturbed stimuli: what an attack's evidence is, measured instead of computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeproof.averaging import means_over_repeats, one_number
from spikeproof.evidence import Evidence
from spikeproof.wording import some

from .columns import CLEAN_ID, EPSILON

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from spikeproof.code import Code
    from spikeproof.plugin import Scale

    from .columns import Perturbations

__all__ = ["MEASURED", "MeasuredTarget", "measured_targets"]

MEASURED = "measured"
"""Name of the attack where the recording does not say which one made its images."""
OTHER_UNIT = "other-unit"

_KEY = ("attack", "aim", "objective", "target", "target_unit", "control")
_NORM_NAMES = {"l1": "L1 norm", "l2": "L2 norm", "linf": "Linf norm", "": "norm"}


@dataclass(frozen=True, kw_only=True)
class MeasuredTarget:
    """What was shown of one target, with its controls.

    Parameters
    ----------
    attack, aim, objective, target : str
    evidences : callable
        Makes the evidence: of the attack, then of the controls.
    """

    attack: str
    aim: str
    objective: str
    target: str
    evidences: Callable[[], Iterator[Evidence]]


def measured_targets(
    response: xr.DataArray, perturbations: Perturbations, code: Code, note: Callable[[str], None]
) -> tuple[MeasuredTarget, ...]:
    """List the targets that a recording's perturbed stimuli aimed at.

    Responses to an image are averaged over its presentations; the perturbed response is compared with the code, which
    is the mean over presentations of the clean stimulus. Stimuli that were shown at the same norms make one evidence,
    so that no evidence has holes: a target whose stimuli were shown at different norms has several.

    Parameters
    ----------
    response : xarray.DataArray, dims (presentation, unit) or (presentation, unit, time_bin)
        Of the whole recording.
    perturbations : Perturbations
        Of the same presentations.
    code : Code
        The clean code of the same units.
    note : callable
        Is told what cannot be used, and why.
    """
    table = _labelled(perturbations.table)
    rows = np.flatnonzero(perturbations.perturbed)
    values = one_number(response)[0][rows]
    table = table.iloc[rows].assign(row=rows, place=np.arange(len(rows))).reset_index(drop=True)
    table = table[_usable(table, values, code, note)]
    table = _told_apart(table)
    targets = []
    for key, part in table.groupby(list(_KEY[:4]), sort=False):
        attack, aim, objective, target = map(str, key)
        made = partial(_evidences, part, values, code)
        targets.append(MeasuredTarget(attack=attack, aim=aim, objective=objective, target=target, evidences=made))
    return tuple(targets)


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    """Name the attack; rounds of an experiment are attacks of their own."""
    attack = table["attack"].where(table["attack"] != "", MEASURED)
    shown = table.loc[table["perturbed"].to_numpy(dtype=bool), "round"]
    if shown.nunique() > 1:
        attack = attack.where(table["round"] == "", attack + " (round " + table["round"] + ")")
    return table.assign(attack=attack)


def _usable(
    table: pd.DataFrame, values: NDArray[np.float64], code: Code, note: Callable[[str], None]
) -> NDArray[np.bool_]:
    """Which presentations can be compared with a clean response, and enter a mean that all units have."""
    known = table[CLEAN_ID].isin(code.responses["stimulus"].values.tolist()).to_numpy()
    if not known.all():
        lost = table[~known]
        note(
            f"{len(lost)} of {len(table)} presentations of perturbed stimuli are left out: the code has no response to "
            f"their clean versions ({some(dict.fromkeys(lost[CLEAN_ID]))})"
        )
    images = table["stimulus_id"].to_numpy(dtype=str)
    names, of_row = np.unique(images, return_inverse=True)
    whole = np.asarray(np.isfinite(means_over_repeats(values, of_row, len(names))).all(axis=1), dtype=bool)
    if not whole[of_row].all():
        note(
            f"{int((~whole).sum())} of {len(names)} perturbed stimuli were not measured in every unit and are left out "
            f"({some(names[~whole].tolist())})"
        )
    return np.asarray(known & whole[of_row], dtype=bool)


def _told_apart(table: pd.DataFrame) -> pd.DataFrame:
    """Give targets of their own to images that would stand in one cell: other directions, or further versions."""
    images = table.drop_duplicates("stimulus_id").set_index("stimulus_id")
    directions: dict[tuple[object, ...], set[str]] = {}
    for key, direction in zip(_rows(images, (*_KEY, CLEAN_ID, EPSILON)), images["direction"], strict=True):
        directions.setdefault(key, set()).add(direction)
    both = {key[:4] for key, found in directions.items() if len(found) > 1}
    objective = [
        f"{key[2]} {direction}".strip() if key in both else str(key[2])
        for key, direction in zip(_rows(images, _KEY[:4]), images["direction"], strict=True)
    ]
    images = images.assign(objective=objective)
    seen: dict[tuple[object, ...], int] = {}
    target = []
    for key in _rows(images, (*_KEY, CLEAN_ID, EPSILON)):
        seen[key] = seen.get(key, 0) + 1
        target.append(f"{key[3]} version {seen[key]}" if seen[key] > 1 else str(key[3]))
    images = images.assign(target=target).loc[table["stimulus_id"]]
    return table.assign(objective=images["objective"].to_numpy(), target=images["target"].to_numpy())


def _rows(table: pd.DataFrame, names: tuple[str, ...]) -> list[tuple[object, ...]]:
    return list(zip(*(table[name].tolist() for name in names), strict=True))


def _evidences(part: pd.DataFrame, values: NDArray[np.float64], code: Code) -> Iterator[Evidence]:
    for control in sorted(set(part["control"])):  # the attack itself is called ""
        mine = part[part["control"] == control]
        yield from _whole(mine, values, code, control, str(mine["target_unit"].iloc[0]), "predicted_effect")
        others = set(mine["other_unit"]) - {""}
        if control == "" and len(others) == 1:
            yield from _whole(mine, values, code, OTHER_UNIT, others.pop(), "other_unit_effect")


def _whole(
    mine: pd.DataFrame, values: NDArray[np.float64], code: Code, control: str, unit: str, effect: str
) -> Iterator[Evidence]:
    """Evidence without holes: stimuli that were shown at the same norms together."""
    shown_at: dict[str, set[float]] = {}
    for stimulus, norm in zip(mine[CLEAN_ID], mine[EPSILON], strict=True):
        shown_at.setdefault(stimulus, set()).add(norm)
    groups: dict[tuple[float, ...], list[str]] = {}
    for stimulus in code.responses["stimulus"].values.tolist():
        if stimulus in shown_at:
            groups.setdefault(tuple(sorted(shown_at[stimulus])), []).append(stimulus)
    for norms, stimuli in groups.items():
        rows = mine[mine[CLEAN_ID].isin(stimuli)]
        alone = "" if len(groups) == 1 else f" at {', '.join(f'{norm:g}' for norm in norms)}"
        yield _evidence(rows, values, code, control, unit, effect, norms, stimuli, alone)


def _evidence(
    rows: pd.DataFrame,
    values: NDArray[np.float64],
    code: Code,
    control: str,
    unit: str,
    effect: str,
    norms: tuple[float, ...],
    stimuli: list[str],
    alone: str,
) -> Evidence:
    first = rows.iloc[0]
    epsilon = xr.DataArray(
        list(norms), dims="epsilon", attrs={"units": _NORM_NAMES[str(first["norm"])], "long_name": "norm"}
    )
    places = {"epsilon": epsilon, "stimulus": stimuli}
    norm_at = {norm: place for place, norm in enumerate(norms)}
    stimulus_at = {name: place for place, name in enumerate(stimuli)}
    cell = np.array(
        [
            norm_at[norm] * len(stimuli) + stimulus_at[name]
            for norm, name in zip(rows[EPSILON], rows[CLEAN_ID], strict=True)
        ]
    )
    single = values[rows["place"].to_numpy()]
    means = means_over_repeats(single, cell, len(norms) * len(stimuli))
    perturbed = xr.DataArray(
        means.reshape(len(norms), len(stimuli), -1),
        dims=("epsilon", "stimulus", "unit"),
        coords={**places, "unit": code.responses["unit"].values},
    )
    readout, choices = code.readout, None
    if readout is not None:
        choices = xr.DataArray(readout.choices(perturbed.values, stimuli), dims=("epsilon", "stimulus"), coords=places)
    return Evidence(
        code=code,
        domain="stimulus",
        attack=str(first["attack"]),
        aim=_scale(str(first["aim"])),
        objective=str(first["objective"]),
        control=control,
        target=f"{first['target']}{alone}",
        target_unit=unit or None,
        perturbed=perturbed,
        choices=choices,
        achieved=_per_cell(rows["achieved"], cell, places),
        predicted=_per_cell(rows[effect], cell, places),
        repeats_perturbed=_singles(rows, single, code),
    )


def _singles(rows: pd.DataFrame, single: NDArray[np.float64], code: Code) -> xr.DataArray | None:
    """Presentations that all units were measured on; None if there is none."""
    whole = ~np.isnan(single).any(axis=1)
    if not whole.any():
        return None
    kept = rows[whole]
    on_presentation = {
        "stimulus": kept[CLEAN_ID].to_numpy(dtype=str),
        "epsilon": kept[EPSILON].to_numpy(dtype=float),
        "direction": kept["direction"].to_numpy(dtype=str),
        "image": kept["stimulus_id"].to_numpy(dtype=str),
        "row": kept["row"].to_numpy(dtype=np.intp),
    }
    return xr.DataArray(
        single[whole],
        dims=("presentation", "unit"),
        coords={
            "unit": code.responses["unit"].values,
            **{name: ("presentation", values) for name, values in on_presentation.items()},
        },
        attrs={"units": str(code.responses.attrs.get("units", ""))},
    )


def _per_cell(numbers: pd.Series, cell: NDArray[np.intp], places: Mapping[str, Any]) -> xr.DataArray | None:
    """A number that every image has, (epsilon, stimulus); None where one is not said."""
    given = numbers.to_numpy(dtype=float)
    if np.isnan(given).any():
        return None
    shape = tuple(len(places[name]) for name in ("epsilon", "stimulus"))
    out = np.empty(shape)
    out.reshape(-1)[cell] = given
    return xr.DataArray(out, dims=("epsilon", "stimulus"), coords=places)


def _scale(aim: str) -> Scale:
    return "unit" if aim == "unit" else "population" if aim == "population" else "behavior"
