"""The source ``nwb:PATH``, or ``nwb:PATTERN``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from .files import files_of, is_pattern
from .place import LocalPlace
from .reading import Reading, inspect_place, load_recording
from .zarr_store import ZarrPlace, is_store

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

    target: Annotated[str, "Path of the file or Zarr folder, or a pattern such as 'sub-*/*.nwb'."]

    def load(self) -> Recording | tuple[Recording, ...]:
        """Read the recording, or one recording of each file that a pattern matches, in natural order.

        Raises
        ------
        DataError
            If no file matches, or one cannot be trusted or lacks what was asked for; the message says what, where and
            the way out.
        """
        if is_pattern(self.target):
            return tuple(load_recording(_place(path), self) for path in files_of(self.target))
        return load_recording(_place(self.target), self)

    def inspect(self) -> Inspection:
        """Say what the file holds and suggest what to run, as far as its defects allow.

        Raises
        ------
        DataError
            If no file matches, or a single one cannot be opened at all or is not NWB 2.
        """
        if not is_pattern(self.target):
            return inspect_place(_place(self.target), self)
        from .inspected_files import inspect_places

        return inspect_places([_place(path) for path in files_of(self.target)], self, f"nwb:{self.target}")


def _place(path: str) -> Place:
    where = Path(path).expanduser()
    made = ZarrPlace if is_store(where) else LocalPlace
    return made(path=where, label=path, source=f"nwb:{path}")
