"""One of the recordings that are joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["UNKNOWN", "Part", "labels_of"]

UNKNOWN = "unknown"
"""The subject of a recording that does not say whom it recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A recording that is to be joined with others.

    Parameters
    ----------
    name : str
        The source as the user gave it.
    label : str
        Short and unique among the parts: what a column of this recording alone is marked with.
    responses : xarray.Dataset
        As in a ``Recording``.
    digest : str
        Digest of the content; empty if unknown.
    """

    name: str
    label: str
    responses: xr.Dataset
    digest: str = ""

    @property
    def response(self) -> xr.DataArray:
        """The responses themselves."""
        return self.responses["response"]

    @property
    def units(self) -> NDArray[np.str_]:
        """Names of the units, as this recording has them."""
        return self.responses["unit"].values.astype(np.str_)

    def on_unit(self, name: str, otherwise: str) -> NDArray[np.object_]:
        """Return a text of each unit; ``otherwise`` where it is missing or empty."""
        if name not in self.responses.coords:
            return np.full(self.responses.sizes["unit"], otherwise, dtype=object)
        return np.array([str(value) or otherwise for value in self.responses[name].values.tolist()], dtype=object)


def labels_of(names: list[str]) -> list[str]:
    """Short, different texts for sources: the last part of each path, or the whole where that is not enough.

    Examples
    --------
    >>> labels_of(["nwb:data/a.nwb", "nwb:data/b.nwb", "simulate:sparse"])
    ['a.nwb', 'b.nwb', 'sparse']
    >>> labels_of(["nwb:one/a.nwb", "nwb:two/a.nwb"])
    ['one, a.nwb', 'two, a.nwb']
    >>> labels_of(["simulate:sparse", "simulate:sparse"])
    ['sparse, source 0', 'sparse, source 1']
    """
    paths = [[step for step in name.partition(":")[2].split("/") if step] or [name] for name in names]
    for depth in range(1, 1 + max(map(len, paths))):
        labels = [", ".join(path[-depth:]) for path in paths]  # a slash in a name would make a group in a Zarr store
        if len(set(labels)) == len(labels):
            return labels
    return [f"{path[-1]}, source {number}" for number, path in enumerate(paths)]
