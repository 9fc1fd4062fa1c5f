"""A simulated animal for experiments in rounds: ``python -m spikeproof.demo.animal DAY.nwb [ROUND]``.

Its neurons are units of the demo's robust network, which no model of a study needs to share, with Poisson noise and a
gain that drifts. Without a round it sees the demo's digits; with the folder that ``spikeproof stimuli`` wrote it sees
those images in their order. What is true of it is known: :meth:`Animal.rates`.
"""

from __future__ import annotations

import csv
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from spikeproof.errors import SpikeproofError, UsageError
from spikeproof.noise import generator
from spikeproof.recording import Recording

from .digits import TRAINED, digits
from .networks import rectified, robust
from .nwb_file import write_nwb

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Animal", "main"]

STIMULI, REPEATS = 150, 4
"""Digits of the first day, and how often each is shown."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Animal:
    """Poisson neurons that follow rectified units of the demo's robust network.

    Parameters
    ----------
    units : int
        Neurons: the first units that at least a tenth of the demo's digits drive.
    rate, baseline : float
        Mean rate over the demo's digits above the baseline, and the baseline, in spikes/s.
    window : float
        Counting window, s.
    drift : float
        Standard deviation of the logarithm of a neuron's gain at the end of a session: a random walk from 1.
    seed : int
        Of the noise and the drift.

    Examples
    --------
    >>> Animal(units=3).rates(digits()[0][:2]).shape
    (2, 3)
    """

    units: int = 12
    rate: float = 20.0
    baseline: float = 2.0
    window: float = 0.25
    drift: float = 0.1
    seed: int = 0

    def rates(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Noiseless rates (image, unit) in spikes/s, without drift, to images (image, 1, 8, 8)."""
        shown = digits()[0][TRAINED : TRAINED + STIMULI]
        usual = rectified(robust(), shown)
        driven = np.flatnonzero((usual > 0).mean(axis=0) >= 0.1)[: self.units]
        rates: NDArray[np.float64] = self.baseline + self.rate * rectified(robust(), images)[:, driven] / usual[
            :, driven
        ].mean(axis=0)
        return rates

    def shown(self, images: NDArray[np.float32], names: Sequence[str], order: NDArray[np.intp], day: str) -> Recording:
        """Spike counts of one session.

        Parameters
        ----------
        images : numpy.ndarray, (image, 1, 8, 8)
        names : sequence of str
            What each image is called.
        order : numpy.ndarray of int, (presentation,)
            Which image is shown when.
        day : str
            Name of the session; it decides noise and drift.

        Returns
        -------
        Recording
        """
        rates = self.rates(images)
        random = generator(self.seed, "animal", day)
        steps = random.normal(0, self.drift / np.sqrt(len(order)), (len(order), rates.shape[1]))
        gain = np.exp(np.cumsum(steps, axis=0))
        called, repeat = np.array(names)[order], np.zeros(len(order), dtype=np.int64)
        seen: dict[int, int] = {}
        for place, image in enumerate(order.tolist()):
            repeat[place] = seen[image] = seen.get(image, -1) + 1
        start = 2 * self.window * np.arange(len(order))
        response = xr.DataArray(
            random.poisson(gain * rates[order] * self.window).astype(np.float64),
            dims=("presentation", "unit"),
            coords={
                "stimulus_id": ("presentation", called),
                "repeat": ("presentation", repeat),
                "start_time": ("presentation", start),
                "stop_time": ("presentation", start + self.window),
                "unit": [str(number) for number in range(rates.shape[1])],
                "session": ("unit", np.full(rates.shape[1], day)),
                "subject": ("unit", np.full(rates.shape[1], "simulated animal")),
            },
            attrs={"units": "spikes"},
        )
        return Recording(
            responses=xr.Dataset({"response": response}),
            identity={"source": "simulated animal", "digest": f"{self!r} {day}"},
        )


def main(line: Sequence[str]) -> None:
    """Record one day: the demo's digits, or the images of a round."""
    if len(line) not in (1, 2):
        raise UsageError("python -m spikeproof.demo.animal DAY.nwb [FOLDER that `spikeproof stimuli` wrote]")
    file = Path(line[0])
    if len(line) == 1:
        images = digits()[0][TRAINED : TRAINED + STIMULI]
        names = [f"digit-{number:03d}" for number in range(STIMULI)]
        order = generator(0, "animal", "order").permutation(np.repeat(np.arange(STIMULI), REPEATS))
    else:
        images, names, order = _round(Path(line[1]))
    write_nwb(
        file,
        Animal().shown(images, names, order, file.stem),
        session_description="A simulated animal: Poisson neurons that follow units of a network, with drifting gains.",
    )
    log.info("%d presentations of %d images: %s", len(order), len(names), file)


def _round(folder: Path) -> tuple[NDArray[np.float32], list[str], NDArray[np.intp]]:
    """Images of a round as the model saw them, their names, and the order in which they are shown."""
    from spikeproof.closed_loop import manifest_images, read_manifest

    manifest = read_manifest(folder)
    names = [row["image"] for row in manifest.rows]
    place = {name: number for number, name in enumerate(names)}
    with (folder / "order.csv").open(encoding="utf-8", newline="") as order:
        shown = np.array([place[row["image"]] for row in csv.DictReader(order)], dtype=np.intp)
    return manifest_images(manifest, names).images(), names, shown


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        main(sys.argv[1:])
    except SpikeproofError as error:
        sys.exit(f"error: {error}")
