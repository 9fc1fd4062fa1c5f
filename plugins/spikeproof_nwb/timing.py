"""When the samples of a time series were taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import h5py
import numpy as np
from spikeproof.errors import DataError

from .columns import read_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Timing", "read_timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Sample times, rising: as stored, or ``start + sample / rate``.

    Parameters
    ----------
    samples : int
    stored : numpy.ndarray of float64, (sample,), optional
        Seconds.
    start, rate : float
        Seconds and Hz, where no times are stored.
    """

    samples: int
    stored: NDArray[np.float64] | None = None
    start: float = 0.0
    rate: float = 1.0

    def at(self, sample: NDArray[np.intp]) -> NDArray[np.float64]:
        """Times of samples, in s."""
        return self.start + sample / self.rate if self.stored is None else self.stored[sample]

    def all(self) -> NDArray[np.float64]:
        """Times of all samples, in s."""
        return self.at(np.arange(self.samples))

    def first(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """First sample at or after each time; the number of samples where there is none.

        Examples
        --------
        >>> Timing(4, start=0.5, rate=10.0).first(np.array([0.0, 0.6, 0.61, 9.0])).tolist()
        [0, 1, 2, 4]
        """
        if self.stored is not None:
            return np.searchsorted(self.stored, times, side="left")
        guess = np.clip(np.ceil((times - self.start) * self.rate), 0, self.samples).astype(np.intp)
        # The product rounds: settle each guess by the very times that its neighbours have.
        guess -= (guess > 0) & (self.at(guess - 1) >= times)
        guess += (guess < self.samples) & (self.at(guess) < times)
        return guess


def read_timing(series: h5py.Group, samples: int | None, where: str) -> Timing:
    """Read when the samples of a series were taken.

    Parameters
    ----------
    series : h5py.Group
    samples : int, optional
        How many its data holds; None to take as many as there are times.
    where : str
        File and series, for messages.

    Raises
    ------
    DataError
        If there are no times, another number of them than samples, or they are not finite or do not rise.
    """
    if isinstance(series.get("timestamps"), h5py.Dataset):
        stored = read_numbers(series["timestamps"], f"{where}, timestamps")
        if samples is not None and len(stored) != samples:
            raise DataError(
                f"{where}: data holds {samples:,} samples but timestamps {len(stored):,}, so no sample's time is sure: "
                "write the file again with pynwb"
            )
        _check_rising(stored, where)
        return Timing(len(stored), stored)
    begin = series.get("starting_time")
    if not isinstance(begin, h5py.Dataset) or "rate" not in begin.attrs:
        raise DataError(
            f"{where} has neither timestamps nor a starting_time with a rate, so no sample's time is known: "
            "name another series, or write the file again with pynwb"
        )
    start, rate = float(begin[()]), float(begin.attrs["rate"])
    if not (np.isfinite(start) and np.isfinite(rate) and rate > 0):
        raise DataError(
            f"{where}: starting_time is {start} s at a rate of {rate} Hz: both must be finite, the rate above 0; "
            "write the file again with pynwb"
        )
    if samples is None:
        raise DataError(f"{where} has a rate but no data, so how many samples it has is not known: name another table")
    return Timing(samples, start=start, rate=rate)


def _check_rising(stored: NDArray[np.float64], where: str) -> None:
    bad = np.flatnonzero(~np.isfinite(stored))
    if bad.size:
        raise DataError(
            f"{where}: {bad.size:,} of {len(stored):,} timestamps are not finite (the first is sample {bad[0]:,}, "
            "counted from 0): mend the file"
        )
    falls = np.flatnonzero(np.diff(stored) < 0)
    if falls.size:
        sample = int(falls[0])
        raise DataError(
            f"{where}: timestamps step back {falls.size:,} times, first from {stored[sample]:.6f} to "
            f"{stored[sample + 1]:.6f} s at sample {sample + 1:,} (counted from 0): samples must stand in order of "
            "time; mend the file"
        )
