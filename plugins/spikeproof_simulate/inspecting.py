"""What ``inspect`` says of a simulation: what would be drawn, and the truth behind it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from spikeproof.types import Inspection, InspectionTable, source_options

if TYPE_CHECKING:
    from .source import Simulation

__all__ = ["inspect_simulation"]

_MOST = 20
"""Rows of a table that a person is shown."""


def inspect_simulation(
    source: Simulation,
    preferred: NDArray[np.str_],
    dprime: NDArray[np.float64],
    means: NDArray[np.float64],
    truth: Sequence[str],
) -> Inspection:
    """Describe a simulation before it is drawn.

    Parameters
    ----------
    source : Simulation
    preferred : numpy.ndarray of str, (unit,)
        Category that each unit responds to most.
    dprime : numpy.ndarray, (unit,)
        d' of the preferred category against all others, single presentations; 0 where a unit carries nothing.
    means : numpy.ndarray, (stimulus, unit)
        Mean spike counts.
    truth : sequence of str
        The truth in words.
    """
    stimuli = source.stimuli * source.categories
    rows = []
    for name in dict.fromkeys(sorted(preferred[dprime > 0].tolist())):
        of_those = dprime[(preferred == name) & (dprime > 0)]
        rows.append((name, str(len(of_those)), f"{of_those.min():.2f} to {of_those.max():.2f}"))
    silent = int((dprime == 0).sum())
    if silent:
        rows.append(("none", str(silent), "0"))
    repeated = source.repeats > 1
    can = [
        "sparseness and selectivity of every unit; decoding of category, silenced units, shifted activity",
        *(["noise between presentations, and what needs repeats"] if repeated else []),
        "numbers to hold against the truth: true_informative, true_dprime and true_preferred are coordinates of units",
    ]
    cannot = ["attacks on images: a simulation has none"]
    if not repeated:
        cannot.append("noise between presentations: no stimulus is repeated; give repeats = 2 or more")
    words = ["spikeproof", "run", "--source", f"simulate:{source.target}", *source_options(source)]
    words += ["--readout", "logistic", "--attack", "silence", "--attack", "shift"]
    for metric in ("sparseness", "selectivity", "dropping-curve", "silencing", "margin"):
        words += ["--metric", metric]
    return Inspection(
        title=f"simulate:{source.target}",
        facts=(
            ("units", str(source.units)),
            ("stimuli", f"{stimuli} ({source.categories} categories x {source.stimuli})"),
            ("presentations", f"{stimuli * source.repeats} ({source.repeats} of each stimulus)"),
            ("window", f"{source.window:g} s"),
            ("unit of response", "spikes"),
            ("mean counts", f"{means.min():.4g} to {means.max():.4g} spikes, baseline {source.rate * source.window:g}"),
            ("seed", str(source.seed)),
            *(("the truth", text) for text in truth),
        ),
        tables=(
            InspectionTable(
                title="Units by the category that they prefer",
                columns=("category", "units", "d' of single presentations"),
                rows=tuple(rows),
                most=_MOST,
            ),
        ),
        can=tuple(can),
        cannot=tuple(cannot),
        run=shlex.join([*words, "--out", "results"]),
    )
