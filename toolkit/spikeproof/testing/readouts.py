"""What a readout holds."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spikeproof.plugin import ReadoutEntry
from spikeproof.types import Code, LinearReadout

from .registry import check, require
from .subject import Subject

STIMULI = 60


def problem(separation: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Two categories of 30 stimuli, 40 units; the means lie ``separation`` noise sd apart in every unit."""
    rng = np.random.default_rng(11)
    label = rng.permutation(np.repeat([0, 1], STIMULI // 2))
    responses = rng.normal(5, 1, (STIMULI, 40)) + separation * label[:, None]
    stimuli = [f"s{row:02d}" for row in range(STIMULI)]
    return (
        xr.DataArray(
            responses,
            dims=("stimulus", "unit"),
            coords={"stimulus": stimuli, "unit": [f"u{column}" for column in range(40)]},
            attrs={"units": "Hz"},
        ),
        xr.DataArray(np.array(["bear", "car"])[label], dims=("stimulus",), coords={"stimulus": stimuli}),
    )


def fitted(subject: Subject, *, separation: float = 1.0, seed: int = 0) -> tuple[LinearReadout, float]:
    """Fit it; return the readout and the fraction of stimuli that it reads right, each held out."""
    responses, labels = problem(separation)
    readout: LinearReadout = subject.build().fit(responses, labels, seed=seed)
    choices = readout.choices(responses.values, [str(name) for name in labels["stimulus"].values])
    return readout, float((choices == labels.values).mean())


def _is_fitted(entry: ReadoutEntry) -> bool:
    return not entry.head and entry.chooses == "category"


def _names_stimuli(entry: ReadoutEntry) -> bool:
    return entry.chooses == "stimulus"


def identify(subject: Subject) -> LinearReadout:
    """Make it of a code without categories."""
    responses, _ = problem(0.0)
    readout: LinearReadout = subject.build().identify(Code(system="kit", responses=responses))
    return readout


@check("readout", when=_is_fitted)
def check_it_reads_separable_categories(subject: Subject) -> None:
    """Categories one sd apart in each of 40 units are read without a mistake, almost."""
    _, accuracy = fitted(subject)
    require(accuracy >= 0.95, f"only {accuracy:.0%} of separable stimuli are read right")


@check("readout", when=_is_fitted)
def check_it_is_held_out(subject: Subject) -> None:
    """Categories that are not in the responses are read at chance: no stimulus is read by what it was fitted on."""
    _, accuracy = fitted(subject, separation=0.0)
    require(accuracy <= 0.75, f"{accuracy:.0%} of pure noise is read right (chance 50 %): stimuli are not held out")


@check("readout", when=_is_fitted)
def check_the_same_seed_gives_the_same_readout(subject: Subject) -> None:
    """Two fits with one seed are equal."""
    one, two = fitted(subject)[0], fitted(subject)[0]
    same = np.array_equal(one.weights, two.weights) and np.array_equal(one.fold, two.fold)
    require(same, "two fits with one seed differ")


@check("readout", when=_names_stimuli)
def check_every_clean_stimulus_is_named_itself(subject: Subject) -> None:
    """Its classes are the stimuli in their order, and each clean response is read as its own stimulus."""
    readout, (responses, _) = identify(subject), problem(0.0)
    stimuli = [str(name) for name in responses["stimulus"].values]
    require(list(readout.classes) == stimuli, f"its classes are {readout.classes[:3]} ..., not the code's stimuli")
    named = readout.choices(responses.values, stimuli).tolist()
    wrong = [name for name, other in zip(stimuli, named, strict=True) if name != other]
    require(not wrong, f"clean responses to {len(wrong)} stimuli are read as others ({', '.join(wrong[:3])})")


@check("readout", when=_names_stimuli)
def check_it_is_the_same_twice(subject: Subject) -> None:
    """Two readouts of one code are equal."""
    one, two = identify(subject), identify(subject)
    same = np.array_equal(one.weights, two.weights) and np.array_equal(one.intercepts, two.intercepts)
    require(same, "two readouts of one code differ")
