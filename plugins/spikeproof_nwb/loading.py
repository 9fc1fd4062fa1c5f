"""Reading one file as a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from spikeproof.types import Recording

from .building import validate
from .coordinates import coordinates
from .layout import Layout, choose, survey
from .opening import nwb_version
from .pictures import find_images
from .query import choose_rows
from .shown import Presentations
from .spikes import count, read_trains
from .units import Units, choose_units, read_session, read_units

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray

    from .place import Place
    from .reading import Reading

__all__ = ["load"]


def load(place: Place, options: Reading) -> Recording:
    """Read one file; see :func:`spikeproof_nwb.reading.load_recording`."""
    with place.opened() as file:
        version = nwb_version(file, place.label)
        validate(file, place.label)
        layout = survey(file)
        session = read_session(file)
        units_path, units_notes = choose_units(layout, options.units_table, place.label)
        table, table_note = choose(layout, options.table, place.label)
        where = f"{place.label}, {units_path}"
        units, chosen, chosen_note = _units(options, file, units_path, where)
        trains = read_trains(file[units_path], len(units), units.names, where)
        trains = trains.ready(chosen, units.names, sort=options.sort_spikes)
        shown = Presentations.read(options, file, table, place.label)
        counts = count(trains, chosen, shown.windows.start, shown.windows.stop)
        stimuli, image_notes = find_images(file, place, layout, shown.names.tolist(), shown.category_list)
    response = counts / (shown.windows.stop - shown.windows.start)[:, None] if options.rate else counts
    coords, coords_notes = coordinates(shown, units, chosen, session)
    data = xr.DataArray(response, dims=("presentation", "unit"), attrs={"units": "Hz" if options.rate else "spikes"})
    notes = [table_note, *shown.notes, *units_notes, chosen_note, *units.notes, *coords_notes, *image_notes]
    notes += _link_notes(layout)
    return Recording(
        responses=xr.Dataset({"response": data}, coords=coords),
        stimuli=stimuli,
        identity={
            "source": place.source,
            "digest": place.digest(),
            "nwb_version": version,
            "identifier": session.identifier,
            "table": table.path,
            "units_table": units_path,
        },
        notes=tuple(note for note in notes if note),
    )


def _units(options: Reading, file: h5py.File, path: str, where: str) -> tuple[Units, NDArray[np.intp], str]:
    units = read_units(file, path, where)
    if options.units is None:
        return units, np.arange(len(units)), ""
    keep = choose_rows(
        options.units, units.columns.values, option="units", where=where, left_out=units.columns.left_out
    )
    return units, np.flatnonzero(keep), f"{int(keep.sum())} of {len(units)} units were kept ({options.units})"


def _link_notes(layout: Layout) -> list[str]:
    notes = [
        f"{path} is a link to {target}, which cannot be reached: nothing of it was needed here"
        for path, target in layout.broken
    ]
    return notes + [f"{path} is read from the linked file {name}" for path, name in layout.linked.items()]
