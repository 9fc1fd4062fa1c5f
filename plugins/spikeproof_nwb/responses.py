"""What in a file is taken for responses: the spikes of a units table, or the traces of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikeproof.errors import BadParameter, DataError
from spikeproof.wording import did_you_mean

from .layout import Layout, Series
from .rois import read_rois
from .spikes import SpikeTrains, find_trains
from .traces import Traces, find_traces
from .units import Units, choose_units, read_units

if TYPE_CHECKING:
    import h5py

    from .place import Place

__all__ = ["Responses", "choose_responses", "read_responses"]

_RANKS = ("DfOverF", "Fluorescence")
_NO_UNIT = frozenset({"", "n.a.", "na", "n/a", "none", "unknown", "arbitrary", "a.u.", "au"})


@dataclass(frozen=True, slots=True)
class Responses:
    """Who responded, and with what.

    Parameters
    ----------
    path : str
        The units table or the series.
    units : Units
        In the order of the table, or of the columns of the series.
    measured : SpikeTrains or Traces
    unit : str
        Unit of response.
    notes : tuple of str
    """

    path: str
    units: Units
    measured: SpikeTrains | Traces
    unit: str
    notes: tuple[str, ...]


def choose_responses(
    layout: Layout, responses: str | None, units_table: str | None, label: str
) -> tuple[str | Series, tuple[str, ...]]:
    """Path of the units table or the series that was named, or of the one to use, with what to tell the user.

    Unnamed, spikes come first, then the only series of ROIs: of those in a ``DfOverF`` if there are any, then of those
    in a ``Fluorescence``. A plain series is never taken unnamed, since nothing says that it holds responses.

    Raises
    ------
    BadParameter
        If both were named.
    DataError
        If there is none of that name, several, or none was named and it is not clear which to take.
    """
    if responses is not None and units_table is not None:
        raise BadParameter(
            f"units_table = {units_table!r} and responses = {responses!r} both say what responded: give one of them"
        )
    if responses is not None:
        return _named(layout, responses, label)
    rois = [series for series in layout.series if series.rois and series.traces]
    if layout.units or units_table is not None:
        path, notes = choose_units(layout, units_table, label)
        others = f"; there is also {', '.join(map(str, rois))}, to be named as `responses`"
        if not rois or units_table is not None:
            return path, notes
        return path, (*notes, f"no responses were named: the spikes of {path} were used{others}")
    if not rois:
        raise DataError(_nothing(layout, label))
    return _guessed(rois, label)


def read_responses(place: Place, file: h5py.File, chosen: str | Series, label: str) -> Responses:
    """Read who responded, and find what they responded with.

    Raises
    ------
    DataError
        If either is damaged or does not fit the other.
    """
    if isinstance(chosen, str):
        where = f"{label}, {chosen}"
        units = read_units(file, chosen, where)
        return Responses(chosen, units, find_trains(place, file[chosen], units.names, where), "spikes", ())
    where = f"{label}, {chosen.path}"
    series = file[chosen.path]
    region = series.get("rois")
    traces = find_traces(series, where, columns=None if region is None else int(region.shape[0]))
    units = read_rois(file, chosen.path, traces.width, where)
    unit, notes = traces.unit.strip(), tuple[str, ...]()
    if chosen.container == "DfOverF" and unit.lower() in _NO_UNIT:
        unit, notes = "dF/F", (f"{chosen.path} stands in a DfOverF: its unit of response is dF/F, not {unit!r}",)
    elif unit.lower() in _NO_UNIT:
        notes = () if unit == "a.u." else (f"{chosen.path} says no unit of response ({unit!r}): a.u. is written",)
        unit = "a.u."
    return Responses(chosen.path, units, traces, unit, notes)


def _named(layout: Layout, name: str, label: str) -> tuple[str | Series, tuple[str, ...]]:
    wanted = name.strip("/")
    held: list[str | Series] = [*layout.units, *(series for series in layout.series if series.numbers)]
    found = [item for item in held if _path(item).strip("/") == wanted]
    found = found or [item for item in held if _path(item).rsplit("/", 1)[-1] == wanted]
    inside = [item for item in held if not isinstance(item, str) and _path(item).split("/")[-2] == wanted]
    found = found or [item for item in inside if not isinstance(item, str) and item.container]
    if len(found) == 1:
        return found[0], ()
    if found:
        raise DataError(f"{label}: {name!r} could be {_listed(found)}: give the whole path as `responses`")
    for path, target in layout.broken:
        if wanted in {path.strip("/"), path.rsplit("/", 1)[-1]}:
            raise DataError(
                f"{label}: {path} is a link to {target}, which cannot be reached: put that file back beside this one"
            )
    names = [part for item in held for part in (_path(item), *_path(item).split("/")[-2:])]
    hint = did_you_mean(wanted, names, otherwise=";")
    raise DataError(f"{label}: no responses {name!r}{hint} there are {_listed(held) or 'none'}")


def _guessed(rois: Sequence[Series], label: str) -> tuple[Series, tuple[str, ...]]:
    ranked = {rank: [series for series in rois if series.container == rank] for rank in _RANKS}
    best = next((found for found in ranked.values() if found), list(rois))
    if len(best) > 1:
        raise DataError(f"{label}: several series could hold the responses; name one as `responses`: {_listed(best)}")
    series = best[0]
    others = [other for other in rois if other is not series]
    which = f"comes before {_listed(others)}, as a {series.container}," if others else "is the only series of ROIs"
    return series, (f"no responses were named: {series} {which} and was used",)


def _nothing(layout: Layout, label: str) -> str:
    for path, target in layout.broken:
        if path.rsplit("/", 1)[-1] == "units":
            return (
                f"{label}: no units, so no spike times: {path} is a link to {target}, which cannot be reached; put "
                "that file back beside this one"
            )
    plain = [series for series in layout.series if series.traces and len(series.shape) == 2]
    if plain:
        return (
            f"{label}: no units, so no spike times, and no series of ROIs. If one of its series of (time x unit) holds "
            f"responses, name it as `responses`: {_listed(plain)}"
        )
    kinds: dict[str, int] = {}
    for series in layout.series:
        kinds[series.kind] = kinds.get(series.kind, 0) + 1
    most = sorted(kinds.items(), key=lambda item: -item[1])[:3]
    held = ", ".join(f"{amount} {kind}" for kind, amount in most)
    return (
        f"{label}: no units, so no spike times: {f'it holds {held}' if held else 'it holds no responses'}; "
        "name a file with a units table (sorted spikes) or with traces of ROIs"
    )


def _path(item: str | Series) -> str:
    return item if isinstance(item, str) else item.path


def _listed(items: Sequence[str | Series]) -> str:
    listed = ", ".join(map(str, items[:8]))
    return listed + (f" and {len(items) - 8} more" if len(items) > 8 else "")
