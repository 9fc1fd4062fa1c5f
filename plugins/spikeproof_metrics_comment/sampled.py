"""Whose units are sampled, and what is compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import Code, generator
from spikeproof.wording import some

__all__ = ["Sampled", "sampled"]

LEAST_STIMULI = 10
"""Stimuli that a system must share with the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Responses of the reference and of the systems that are compared with it, over the stimuli that all were shown.

    Parameters
    ----------
    name : str
    units, stimuli : tuple of str
    recorded : numpy.ndarray, (stimulus, unit)
    systems : mapping of str to numpy.ndarray, (stimulus, unit_other)
    left_out : mapping of str to str
    """

    name: str
    units: tuple[str, ...]
    stimuli: tuple[str, ...]
    recorded: NDArray[np.float64]
    systems: Mapping[str, NDArray[np.float64]]
    left_out: Mapping[str, str]


def sampled(codes: Mapping[str, Code], reference: str, *, most: int, standardise: bool, seed: int) -> Sampled:
    """Take the responses of the reference, and of every system that enough stimuli are shared with.

    Parameters
    ----------
    codes : mapping of str to Code
    reference : str
        Its name; empty for the recording, or else the first.
    most : int
        Units of it that are used at most: a seeded sample of those that vary.
    standardise : bool
        Scale every unit of it to variance 1.
    seed : int

    Raises
    ------
    NotEnoughData
        If there is nothing to compare, or fewer than 4 units or 10 stimuli.
    DataError
        If there is no system of this name.
    """
    if len(codes) < 2:
        raise NotEnoughData(
            f"sample-size needs two systems, such as a recording and a layer of a model: there are {len(codes)}"
        )
    name = reference or ("recording" if "recording" in codes else next(iter(codes)))
    if name not in codes:
        raise DataError(f"sample-size: there is no system {name!r}: the systems are {some(codes, 10)}")
    code = codes[name]
    shown = {system: set(one.responses["stimulus"].values.astype(str).tolist()) for system, one in codes.items()}
    reasons = {
        system: f"it shares {len(names & shown[name])} stimuli with {name}, at least {LEAST_STIMULI} are needed"
        for system, names in shown.items()
        if system != name and len(names & shown[name]) < LEAST_STIMULI
    }
    kept = [system for system in codes if system != name and system not in reasons]
    common = set.intersection(shown[name], *(shown[system] for system in kept))
    if not kept or len(common) < LEAST_STIMULI:
        said = "; ".join(f"{system}: {reason}" for system, reason in reasons.items())
        raise NotEnoughData(
            f"sample-size: {len(common) if kept else 0} stimuli were shown to {name} and to what it is compared "
            f"with, at least {LEAST_STIMULI} are needed" + (f" ({said})" if said else "")
        )
    stimuli = sorted(common)
    values = np.asarray(code.responses.sel(stimulus=stimuli).values, dtype=np.float64)
    units = code.responses["unit"].values.astype(str)
    varies = np.flatnonzero(np.ptp(values, axis=0) > 1e-12 * np.abs(values).max(axis=0))
    if len(varies) < 4:
        raise NotEnoughData(
            f"sample-size: {len(varies)} units of {name} respond differently to any two stimuli, at least 4 are needed"
        )
    if len(varies) > most:
        by_name = varies[np.argsort(units[varies])]
        varies = np.sort(generator(seed, "sample size", "units").choice(by_name, most, replace=False))
    # Centred, as all scores are invariant to it and sums of squares of large baselines are not exact.
    recorded = values[:, varies] - values[:, varies].mean(axis=0)
    if standardise:
        recorded = recorded / recorded.std(axis=0, ddof=1)
    systems = {}
    for system in kept:
        other = np.asarray(codes[system].responses.sel(stimulus=stimuli).values, dtype=np.float64)
        systems[system] = other - other.mean(axis=0)
    return Sampled(
        name=name,
        units=tuple(units[varies].tolist()),
        stimuli=tuple(stimuli),
        recorded=recorded,
        systems=systems,
        left_out=reasons,
    )
