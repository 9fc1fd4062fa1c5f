"""Rows of the cross-scale matrix: which targets make up each, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["Row", "rows_of"]

_AIMS = ("unit", "population", "behavior")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row.

    Parameters
    ----------
    name : str
        ``"unit"`` for an attack, ``"random (unit)"`` for a control of it.
    attack, aim, objective, control : str
        What its targets have in common; ``control`` is empty for the attack itself.
    targets : numpy.ndarray of int, (target,)
        Positions along the dimension ``target``.
    """

    name: str
    attack: str
    aim: str
    objective: str
    control: str
    targets: NDArray[np.intp]


def rows_of(measured: xr.Dataset) -> tuple[Row, ...]:
    """Group stacked targets into rows: the attacks by aim, then their controls.

    A row is named for its aim; for its objective as well where several objectives share an aim, and for its attack
    where there are several attacks.
    """
    columns = [measured[name].values.astype(str).tolist() for name in ("attack", "aim", "objective", "control")]
    groups: dict[tuple[str, str, str, str], list[int]] = {}
    for position, key in enumerate(zip(*columns, strict=True)):
        groups.setdefault(key, []).append(position)
    attacks = {attack for attack, _, _, _ in groups}
    objectives = {aim: {key[2] for key in groups if key[1] == aim} for aim in {key[1] for key in groups}}

    def name(attack: str, aim: str, objective: str, control: str) -> str:
        text = aim if len(objectives[aim]) == 1 else f"{aim}: {objective}"
        if len(attacks) > 1:
            text = f"{text}, {attack}"
        return f"{control} ({text})" if control else text

    first = {control: rank for rank, control in enumerate(dict.fromkeys(columns[3]))}
    ordered = sorted(
        groups,
        key=lambda key: (bool(key[3]), first[key[3]], _AIMS.index(key[1]) if key[1] in _AIMS else len(_AIMS)),
    )
    return tuple(
        Row(
            name=name(*key),
            attack=key[0],
            aim=key[1],
            objective=key[2],
            control=key[3],
            targets=np.asarray(groups[key], dtype=np.intp),
        )
        for key in ordered
    )
