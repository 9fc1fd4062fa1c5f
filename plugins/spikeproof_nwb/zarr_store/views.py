"""The mirror of a store with its values: HDF5 objects whose numbers are read from Zarr when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from spikeproof.errors import DataError

from .mirror import LINKED, Mirror, address
from .values import check_whole, numbers, opened_array

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray

__all__ = ["StoreFile"]


class _Store:
    """What the views of one opened store share."""

    def __init__(self, made: Mirror) -> None:
        self.made = made
        self.opened: dict[int, zarr.Array[Any]] = {}

    def read(self, place: int, part: Any) -> NDArray[Any]:  # noqa: ANN401 - whatever a dataset may be indexed with
        """Values of the dataset at an address, from the store."""
        node = self.made.arrays[place]
        if place not in self.opened:
            note = check_whole(node)
            if note and note not in self.made.notes:
                self.made.notes.append(note)
            self.opened[place] = opened_array(node)
        return numbers(node, self.opened[place], part)

    def view(self, item: Any) -> Any:  # noqa: ANN401 - whatever a group holds
        """The same object, with the values of the store."""
        if isinstance(item, (StoreDataset, StoreGroup)):
            return item
        if isinstance(item, h5py.Dataset):
            return StoreDataset(item.id, self)
        return StoreGroup(item.id, self) if isinstance(item, h5py.Group) else item


class _Grouped:
    """What a group and the file have in common."""

    _store: _Store
    name: str

    def __getitem__(self, name: Any) -> Any:  # noqa: ANN401
        """Group or dataset of a name, or behind a reference."""
        return self._store.view(super().__getitem__(name))  # type: ignore[misc]

    def get(self, name: Any, default: Any = None, getclass: bool = False, getlink: bool = False) -> Any:  # noqa: ANN401
        """As h5py's; what was read from another store is a link into it."""
        if getlink and not getclass:
            goal = self._store.made.linked.get(f"{self.name.rstrip('/')}/{name}")
            if goal is not None:
                return h5py.ExternalLink(*goal)
        return self._store.view(super().get(name, default, getclass, getlink))  # type: ignore[misc]

    @property
    def file(self) -> StoreFile:
        """The file that it is in."""
        return StoreFile(h5py.h5i.get_file_id(self.id), self._store)  # type: ignore[attr-defined]


class StoreGroup(_Grouped, h5py.Group):  # type: ignore[misc] # h5py has no types
    """A group of a store."""

    def __init__(self, bind: h5py.h5g.GroupID, store: _Store) -> None:
        super().__init__(bind)
        self._store = store


class StoreFile(_Grouped, h5py.File):  # type: ignore[misc]
    """A store, opened: an ``h5py.File`` in all that reading NWB takes."""

    def __init__(self, bind: h5py.h5f.FileID, store: _Store, *, owner: bool = False) -> None:
        super().__init__(bind)
        self._store = store
        self._owner = owner

    @classmethod
    def over(cls, made: Mirror) -> StoreFile:
        """Open a mirror."""
        return cls(h5py.h5f.open_file_image(made.image), _Store(made), owner=True)

    def __iter__(self) -> Iterator[str]:
        """Names in the root group, without where the content of other stores is."""
        return (name for name in super().__iter__() if name != LINKED)

    def close(self) -> None:
        """Close it, if it is the one that was opened: pynwb closes the file of each link into another one."""
        if self._owner:
            super().close()


class StoreDataset(h5py.Dataset):  # type: ignore[misc]
    """A dataset of a store."""

    def __init__(self, bind: h5py.h5d.DatasetID, store: _Store) -> None:
        super().__init__(bind)
        self._store = store
        self._place = address(self)

    @property
    def file(self) -> StoreFile:
        """The file that it is in."""
        return StoreFile(h5py.h5i.get_file_id(self.id), self._store)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Chunks of the array in the store."""
        node = self._store.made.arrays.get(self._place)
        return super().chunks if node is None else node.chunks

    def __getitem__(self, args: Any, new_dtype: Any = None) -> Any:  # noqa: ANN401
        """Values, as h5py gives them."""
        if self._place in self._store.made.unread:
            raise DataError(self._store.made.unread[self._place])
        if self._place not in self._store.made.arrays:
            return super().__getitem__(args, new_dtype)
        values = self._store.read(self._place, Ellipsis if args == () else args)
        return values if values.ndim or args == () else values[()]

    def __array__(self, dtype: Any = None, copy: bool | None = True) -> NDArray[Any]:  # noqa: ANN401
        """All values."""
        return np.asarray(self[()], dtype=dtype)

    def read_direct(self, dest: NDArray[Any], source_sel: Any = None, dest_sel: Any = None) -> None:  # noqa: ANN401
        """Read into an array."""
        dest[() if dest_sel is None else dest_sel] = self[() if source_sel is None else source_sel]
