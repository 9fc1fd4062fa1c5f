"""The source ``table:PATH``: responses that are not NWB, with their images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from spikeproof.errors import BadParameter
from spikeproof.pictures import Layout, Order
from spikeproof.types import Inspection, Recording

from .presentations import TimeUnit

__all__ = ["Table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Responses from a netCDF, Zarr, npz, npy or csv file.

    netCDF and Zarr through xarray: our own layout (``response`` along presentation or stimulus, unit[, time_bin]) and
    Brain-Score's assemblies (presentation x neuroid[ x time_bin]) are recognised, every coordinate is kept. Axes of
    plain arrays are named with ``dims``. A csv table has one row a presentation and one column a unit, or one row a
    response. Repeats become presentations; NaN means not measured, and a repeat without any value is none.
    """

    target: Annotated[str, "netCDF file, Zarr folder, npz, npy or csv file."] = ""
    responses: Annotated[
        str | None, "What holds the responses, if several could: variable, npz array, or column of a csv table."
    ] = None
    dims: Annotated[
        tuple[str, ...], "Names of the array's axes, in order: unit, stimulus or presentation, repeat, time_bin."
    ] = ()
    group: Annotated[str | None, "Group of a netCDF or Zarr file that holds the variables."] = None
    response_units: Annotated[str | None, "Unit of the responses ('spikes', 'Hz' ...) where the file does not say."] = (
        None
    )
    stimulus: Annotated[str | None, "Column (coordinate, npz array) that names the stimuli."] = None
    category: Annotated[str | None, "Column that says which category the stimulus is of."] = None
    repeat: Annotated[str | None, "Column that numbers the repeats of a stimulus."] = None
    unit: Annotated[str | None, "Column that names the units."] = None
    columns: Annotated[tuple[str, ...], "Columns of a csv table that are about presentations and are no units."] = ()
    delimiter: Annotated[str | None, "Character between the cells of a csv table; a comma, or a tab in .tsv."] = None
    time_unit: Annotated[TimeUnit | None, "Unit of the edges of time bins where the file does not say: s or ms."] = None
    units_table: Annotated[str | None, "csv or npz file with a row a unit: names, area, quality ..."] = None
    stimuli: Annotated[str | None, "csv or npz file with a row a stimulus: names, category, filename ..."] = None
    session: Annotated[str | None, "Session of all units."] = None
    subject: Annotated[str | None, "Subject of all units."] = None
    area: Annotated[str | None, "Area of all units."] = None
    prefix: Annotated[str, "Put before every stimulus id: keeps sources apart that call different images alike."] = ""
    images: Annotated[
        str | None, "Images of the stimuli: folder, zip file or npz; matched by name, or else by order."
    ] = None
    order: Annotated[
        Order | None, "Order of images that are matched by order, where natural and sorted order of names differ."
    ] = None
    size: Annotated[
        int | None, "Pixels: scale each image's short side to this and cut the central square out; unset: as stored."
    ] = None
    grayscale: Annotated[bool, "Turn colours into luma (ITU-R BT.601), one channel."] = False
    layout: Annotated[Layout, "Where the channels of an npz file of images stand, where its shape leaves it open."] = (
        "auto"
    )

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise BadParameter(f"table: size must be at least 1, got {self.size}")
        if self.images is None:
            given = [
                name
                for name, value in (
                    ("order", self.order),
                    ("size", self.size),
                    ("grayscale", self.grayscale),
                    ("layout", self.layout != "auto"),
                )
                if value
            ]
            if given:
                raise BadParameter(f"table: {given[0]} is about images: say where they are with images")
        for name in ("response_units", "session", "subject", "area"):
            if getattr(self, name) == "":
                raise BadParameter(f"table: {name} is empty: leave it out or say it")

    @property
    def where(self) -> str:
        """The source as the user gives it."""
        return f"table:{self.target}"

    @property
    def path(self) -> Path:
        """The file of the responses."""
        if not self.target:
            raise BadParameter("table: say which file holds the responses, as in table:FILE.nc")
        return Path(self.target).expanduser()

    def load(self) -> Recording:
        """Read the responses; images stay lazy.

        Raises
        ------
        DataError
            If a file is missing or damaged, or what is in it cannot be trusted (named, with where it stands).
        BadParameter
            If the file leaves something open that an option must say.
        """
        from .assemble import assemble

        return assemble(self)

    def inspect(self) -> Inspection:
        """Describe what is there and suggest what to run."""
        from .inspecting import inspect_table

        return inspect_table(self)
