"""Reading one file as a recording."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from spikeproof.errors import BadParameter
from spikeproof.types import Recording

from .bins import Bins, bins_of
from .building import validate
from .choosing import choose_table
from .coordinates import coordinates
from .layout import Layout, survey
from .observed import unobserved
from .opening import nwb_version
from .pictures import Showing, find_images, image_choice
from .query import choose_rows
from .responses import Responses, choose_responses, read_responses
from .shown import Presentations
from .spikes import SpikeTrains
from .units import read_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .place import Place
    from .reading import Reading

__all__ = ["load"]


def load(place: Place, options: Reading) -> Recording:
    """Read one file; see :func:`spikeproof_nwb.reading.load_recording`."""
    with place.opened() as file:
        version = nwb_version(file, place.label)
        digest = _digest_meanwhile(place)
        validate(file, place.label)
        layout = survey(file)
        session = read_session(file)
        source, source_notes = choose_responses(layout, options.responses, options.units_table, place.label)
        table, table_note = choose_table(layout, options.table, place.label)
        responses = read_responses(place, file, source, place.label)
        chosen, chosen_note = _choose_units(responses, options, place.label)
        shown = Presentations.read(options, file, table, place.label)
        bins = bins_of(shown.windows, options.bins, f"{place.label}, {table.path}")
        values, unit, measured_notes = _measure(responses, chosen, bins, options, place.label)
        if isinstance(responses.measured, SpikeTrains):
            where = f"{place.label}, {responses.path}"
            measured_notes += (unobserved(file[responses.path], chosen, bins.edges, where),)
        stimuli, image_notes = find_images(file, place, layout, _showing(shown), image_choice(options))
        units = responses.units
        coords, coords_notes = coordinates(shown, units, chosen, session)
    notes = [table_note, *shown.notes, *source_notes, *responses.notes, chosen_note, *units.notes, *measured_notes]
    notes += [*coords_notes, *image_notes, *_link_notes(layout), *getattr(place, "notes", ())]
    return Recording(
        responses=_dataset(values, unit, bins, coords),
        stimuli=stimuli,
        identity={
            "source": place.source,
            "digest": digest.result(),
            "nwb_version": version,
            "identifier": session.identifier,
            "table": table.path,
            "units_table" if isinstance(source, str) else "responses": responses.path,
        },
        notes=tuple(note for note in notes if note),
    )


def _digest_meanwhile(place: Place) -> Future[str]:
    """Make the digest, for which all of the file is read once more, in another thread.

    The thread is a daemon: a file that is refused does not keep the program waiting for its digest.
    """
    made: Future[str] = Future()

    def make() -> None:
        try:
            made.set_result(place.digest())
        except Exception as error:  # noqa: BLE001 - raised where the digest is wanted
            made.set_exception(error)

    Thread(target=make, daemon=True).start()
    return made


def _choose_units(responses: Responses, options: Reading, label: str) -> tuple[NDArray[np.intp], str]:
    amount = len(responses.units)
    if options.units is None:
        return np.arange(amount), ""
    held, where = responses.units.columns, f"{label}, {responses.units.path}"
    keep = choose_rows(options.units, held.values, option="units", where=where, left_out=held.left_out)
    return np.flatnonzero(keep), f"{int(keep.sum())} of {amount} units were kept ({options.units})"


def _measure(
    responses: Responses, chosen: NDArray[np.intp], bins: Bins, options: Reading, label: str
) -> tuple[NDArray[np.float64] | NDArray[np.int32], str, tuple[str, ...]]:
    """Responses (presentation, unit, time_bin), their unit, and what to tell the user about them."""
    measured = responses.measured
    if isinstance(measured, SpikeTrains):
        counts = measured.count(chosen, bins.edges, sort=options.sort_spikes)
        if not options.rate:
            return counts, responses.unit, ()
        return counts / np.diff(bins.edges, axis=1)[:, np.newaxis, :], "Hz", ()
    for name, asked in (("rate", options.rate), ("sort_spikes", options.sort_spikes)):
        if asked:
            raise BadParameter(
                f"{name} = true is about spikes, but the responses of {label} are those of {responses.path}: "
                "leave it out"
            )
    means = measured.mean(chosen, bins.edges)
    return means, responses.unit, measured.notes(means, bins.edges)


def _dataset(
    values: NDArray[np.float64] | NDArray[np.int32], unit: str, bins: Bins, coords: dict[str, Any]
) -> xr.Dataset:
    attrs = {"units": unit}
    if bins.offsets is None:
        data = xr.DataArray(values[:, :, 0], dims=("presentation", "unit"), attrs=attrs)
        return xr.Dataset({"response": data}, coords=coords)
    edges = {
        "time_bin": ("time_bin", np.arange(len(bins.offsets) - 1)),
        "time_bin_start": ("time_bin", bins.offsets[:-1], {"units": "s"}),
        "time_bin_stop": ("time_bin", bins.offsets[1:], {"units": "s"}),
    }
    data = xr.DataArray(values, dims=("presentation", "unit", "time_bin"), attrs=attrs)
    return xr.Dataset({"response": data}, coords=coords | edges)


def _showing(shown: Presentations) -> Showing:
    return Showing(
        names=shown.names.tolist(),
        column=shown.stimulus,
        start=shown.columns.values["start_time"],
        stop=shown.columns.values["stop_time"],
        rows=shown.rows,
        categories=shown.category_list,
    )


def _link_notes(layout: Layout) -> list[str]:
    notes = [
        f"{path} is a link to {target}, which cannot be reached: nothing of it was needed here"
        for path, target in layout.broken
    ]
    return notes + [f"{path} is read from the linked file {name}" for path, name in layout.linked.items()]
