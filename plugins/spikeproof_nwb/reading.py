"""How a file is read: the options that ``nwb:`` and ``dandi:`` share, and the two ways in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from spikeproof.errors import BadParameter

if TYPE_CHECKING:
    from spikeproof.types import Inspection, Recording

    from .place import Place

__all__ = ["Reading", "inspect_place", "load_recording"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which presentations, which units, and what is measured of them."""

    table: Annotated[str | None, "Presentation table, by name or path; needed if the file has several."] = None
    stimulus: Annotated[
        str | None, "Column that says which stimulus was shown; 'row' makes each row a stimulus of its own."
    ] = None
    category: Annotated[str | None, "Column that says which category the stimulus is of."] = None
    window: Annotated[
        tuple[float, float] | None, "Window to measure in, in s after start_time; the whole row by default."
    ] = None
    rows: Annotated[str | None, 'Rows to keep, as an expression on the table\'s columns: "frame >= 0".'] = None
    units: Annotated[str | None, "Units to keep, as an expression on their columns: \"quality == 'good'\"."] = None
    units_table: Annotated[str | None, "Units table, by name or path; needed if the file has several."] = None
    responses: Annotated[
        str | None, "Series of responses (time x unit), by name or path, such as a DfOverF; spikes by default."
    ] = None
    bins: Annotated[int | None, "Equal time bins to cut each window into; none by default: one response each."] = None
    images: Annotated[
        str | None, "Stimulus images: an Images container, an image series or an IndexSeries, by name or path; 'none'."
    ] = None
    image_axes: Annotated[Literal["yx", "xy"], "Order in which the file keeps the axes of an image."] = "yx"
    image_white: Annotated[
        float | None, "Pixel value that is white (black is 0); unset: 255 for bytes, 1 for floating-point numbers."
    ] = None
    first_image: Annotated[int, "Number of the first image, where presentations number their images: 0 or 1."] = 0
    rate: Annotated[bool, "Divide counts by the length of the window: responses in Hz."] = False
    sort_spikes: Annotated[bool, "Sort the spike times of units that are out of order, instead of refusing."] = False

    def __post_init__(self) -> None:
        if self.image_white is not None and not (math.isfinite(self.image_white) and self.image_white > 0):
            raise BadParameter(f"image_white = {self.image_white}: white must be a pixel value above 0, such as 255")
        if self.bins is not None and self.bins < 1:
            raise BadParameter(f"bins = {self.bins}: a window is cut into 1 bin or more, such as bins = 20")
        if self.window is None:
            return
        begin, end = self.window
        if not (math.isfinite(begin) and math.isfinite(end) and begin < end):
            raise BadParameter(
                f"window = ({begin}, {end}) s after start_time: it must end after it starts, such as (0.05, 0.25)"
            )


def load_recording(place: Place, options: Reading) -> Recording:
    """Read one file as the options say.

    Parameters
    ----------
    place : Place
        Where the file is.
    options : Reading

    Raises
    ------
    DataError
        If the file cannot be trusted or lacks what was asked for; the message says what, where and the way out.
    """
    from .loading import load

    return load(place, options)


def inspect_place(place: Place, options: Reading) -> Inspection:
    """Say what one file holds and suggest what to run, as far as its defects allow.

    Raises
    ------
    DataError
        If it cannot be opened at all or is not NWB 2.
    """
    from .inspecting import inspect_file

    return inspect_file(place, options)
