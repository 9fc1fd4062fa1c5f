"""NWB in Zarr folders, as hdmf-zarr writes them, read with zarr 3 and without hdmf-zarr.

hdmf-zarr up to 0.13 writes Zarr format 2 and needs zarr < 3; from 0.14 on it writes format 3 and needs Python 3.12.
Neither fits beside what this project supports, so both layouts are read here: structure, attributes, text and
references go into an HDF5 file in memory, which pynwb checks as it checks any file; numbers stay in the folder until
they are asked for.
"""

from __future__ import annotations

from .place import ZarrPlace, is_store

__all__ = ["ZarrPlace", "is_store"]
