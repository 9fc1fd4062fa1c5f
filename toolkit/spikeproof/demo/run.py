"""The embedded demo: two digit networks, and a recording simulated from one of them, attacked side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from spikeproof.noise import generator
from spikeproof.recording import Recording

from .digits import TRAINED, digits
from .networks import rectified, standard
from .nwb_file import write_nwb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeproof.progress import Progress
    from spikeproof.result import Result

__all__ = ["demo_study", "run_demo", "simulated_recording"]

STIMULI, REPEATS, UNITS = 150, 3, 40
WINDOW, MEAN_RATE = 0.25, 20.0
"""Counting window (s) and mean rate of every simulated neuron (spikes/s)."""

TRUTH = """\
A demonstration on scikit-learn's handwritten digits. Two small networks read them: 'standard' was trained on \
clean digits, 'robust' on adversarial ones. The recording is simulated, so what is true of it is known: {units} \
Poisson neurons without noise correlations fire at {rate:g} spikes/s on average, each in proportion to one \
rectified unit of the standard network's layer 'hidden', in windows of {window:g} s, {repeats} repeats of \
{stimuli} digits. So the digit is carried by many of these neurons together, and no single one tells all ten \
digits apart: the code is distributed. It was written as an NWB file and read back like any other.

Read without noise, from the true rates, a held-out logistic readout names {accuracy:.0%} of the digits: the \
recording's own readout, from {repeats} noisy repeats, cannot be expected to do better."""


def run_demo(
    out: str | Path, *, resume: bool = False, progress: Progress | None = None, device: str = "auto"
) -> Result:
    """Make the demo's inputs, run its study and write its report.

    Parameters
    ----------
    out : str or Path
        Folder of the demo: ``inputs`` (the NWB file and the images) and ``result``.
    resume : bool
        Go on where an earlier run stopped.
    progress : Progress, optional
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    Result
    """
    from spikeproof.api import run

    inputs = Path(out) / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    study = demo_study(inputs)
    return run(
        study, out=Path(out) / "result", resume=resume, progress=progress, device=device, where="the demo's study"
    )


def demo_study(inputs: Path) -> Mapping[str, Any]:
    """Write the inputs into a folder and return the study of them."""
    images, labels = digits()
    images, labels = images[TRAINED : TRAINED + STIMULI], labels[TRAINED : TRAINED + STIMULI]
    ids = [f"digit-{number:03d}" for number in range(STIMULI)]
    rates = firing_rates(images)
    recording = simulated_recording(rates, ids, [str(label) for label in labels])
    truth = TRUTH.format(
        units=UNITS,
        rate=MEAN_RATE,
        window=WINDOW,
        repeats=REPEATS,
        stimuli=STIMULI,
        accuracy=_accuracy_of(rates, labels),
    )
    said = "Simulated Poisson neurons: the demo's report says what is true of them."
    with _made_once(inputs / "digits.npz") as file:
        np.savez(file, x=images, y=labels, ids=np.array(ids))
    with _made_once(inputs / "recording.nwb") as file:
        write_nwb(file, recording, session_description=said)
    return {
        "schema": 1,
        "description": truth,
        "seed": 0,
        "source": [
            {
                "use": f"nwb:{inputs / 'recording.nwb'}",
                "table": "trials",
                "stimulus": "stimulus_id",
                "category": "category",
            },
            {"use": f"images:{inputs / 'digits.npz'}"},
        ],
        "model": [
            {"use": f"torch:spikeproof.demo.networks:{name}", "layers": ["hidden"], "units": 16}
            for name in ("standard", "robust")
        ],
        "readout": {"use": "logistic"},
        "engine": {"longer_items": 0},  # a tenfold search would take longer than all the rest
        "threat": {
            "norm": "l2",
            "epsilons": [0.5, 1.0, 2.0],
            "aims": ["unit", "population", "behavior"],
            "stimuli": 30,
            "controls": ["random", "flipped", "other-unit"],
        },
        "attack": [{"use": "pgd"}, {"use": "silence"}, {"use": "shift"}],
        "metric": [
            {"use": name}
            | ({"draws": 20} if name == "dropping-curve" else {})  # most of the demo's time is its decoders
            for name in (
                "cross-scale",
                "sensitivity",
                "preference-flips",
                "silencing",
                "margin",
                "dropping-curve",
                "decoder-accuracy",
                "sparseness",
                "selectivity",
            )
        ],
    }


@contextmanager
def _made_once(file: Path) -> Iterator[Path]:
    """Offer a place to write to; it becomes the file unless there is one already.

    An NWB file holds its date and identifiers of its own, so that a second one would be other data, and a result that
    was made from the first could be neither resumed nor shown again.
    """
    partial = file.with_name(f"partial-{file.name}")
    yield partial
    if file.exists():
        partial.unlink()
    else:
        partial.replace(file)


def firing_rates(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Rates (stimulus, unit) in spikes/s: rectified units of the standard network, each scaled to the mean rate.

    The first ``UNITS`` units that respond to at least a tenth of the digits are taken.
    """
    units = rectified(standard(), images)
    units = units[:, (units > 0).mean(axis=0) >= 0.1][:, :UNITS]
    rates: NDArray[np.float64] = MEAN_RATE * units / units.mean(axis=0)
    return rates


def simulated_recording(rates: NDArray[np.float64], ids: list[str], labels: list[str]) -> Recording:
    """Poisson spike counts to every stimulus, in a seeded order, with its repeats."""
    random = generator(0, "demo recording")
    order = random.permutation(np.repeat(np.arange(len(ids)), REPEATS))
    start = 0.5 * np.arange(len(order))
    response = xr.DataArray(
        random.poisson(rates[order] * WINDOW).astype(np.float64),
        dims=("presentation", "unit"),
        coords={
            "stimulus_id": ("presentation", np.array(ids)[order]),
            "repeat": ("presentation", pd.Series(order).groupby(order).cumcount().to_numpy()),
            "start_time": ("presentation", start),
            "stop_time": ("presentation", start + WINDOW),
            "category": ("presentation", np.array(labels)[order]),
            "unit": [str(number) for number in range(rates.shape[1])],
            "session": ("unit", np.full(rates.shape[1], "demo")),
            "subject": ("unit", np.full(rates.shape[1], "simulated")),
        },
        attrs={"units": "spikes"},
    )
    return Recording(responses=xr.Dataset({"response": response}), identity={"source": "demo", "digest": "demo"})


def _accuracy_of(rates: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    readout = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    return float(cross_val_score(readout, rates, labels, cv=folds).mean())
