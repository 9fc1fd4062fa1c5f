"""The source ``nwb:PATH``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from .place import LocalPlace
from .reading import Reading, inspect_place, load_recording

if TYPE_CHECKING:
    from spikeproof.types import Inspection, Recording

    from .place import Place

__all__ = ["NWB"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NWB(Reading):
    """Responses of every unit in every presentation of an NWB file.

    Counts are exact: spikes in the half-open window [start, stop) of each row, so that a spike on an edge that two
    windows share counts once. Every row is kept, in file order, overlapping ones too.

    Coordinates on presentation: ``stimulus_id``, ``repeat`` (earlier showings of the stimulus, by start time),
    ``start_time`` and ``stop_time`` (s, of the counted window), ``category`` if there is one, and every column of the
    table with one value per row; its ``id`` is called ``presentation_id``, and a column whose name is taken ends in
    ``_in_table``. On unit: ``unit`` (the id, as text), ``session``, ``subject``, ``area`` (the locations of its
    electrodes) and every column with one value per unit (ending in ``_in_units`` where the name is taken).

    Examples
    --------
    >>> NWB(target="sub-4.nwb", table="trials", stimulus="image_id", window=(0.05, 0.2)).window
    (0.05, 0.2)
    """

    target: Annotated[str, "Path of the file."]

    def load(self) -> Recording:
        """Read the recording.

        Raises
        ------
        DataError
            If the file cannot be trusted or lacks what was asked for; the message says what, where and the way out.
        """
        return load_recording(self._place(), self)

    def inspect(self) -> Inspection:
        """Say what the file holds and suggest what to run, as far as its defects allow.

        Raises
        ------
        DataError
            If it cannot be opened at all or is not NWB 2.
        """
        return inspect_place(self._place(), self)

    def _place(self) -> Place:
        return LocalPlace(path=Path(self.target).expanduser(), label=self.target, source=f"nwb:{self.target}")
