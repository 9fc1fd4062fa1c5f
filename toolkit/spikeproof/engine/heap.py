"""Memory that one pass frees is kept for the next: given back and asked for anew, it costs a quarter of the time."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

__all__ = ["keep_freed_memory"]

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt`` (``malloc.h``)."""
KEPT = 1 << 30
"""Bytes of free memory above which it is given back to the system."""
LARGEST = (1 << 29, 1 << 25)
"""Bytes from which an array gets pages of its own, which go back as soon as it is freed; old versions take no more than
the second."""


@cache
def keep_freed_memory() -> bool:
    """Have glibc keep freed memory, once a process; return whether it does.

    torch asks the C library for every intermediate array of a pass and frees it. With glibc's defaults those of some
    megabytes go back to the system at once, and each pass pays for fresh pages: measured, a quarter of the CPU time of
    a search. Up to 1 GiB that is free is kept; elsewhere than on Linux with glibc nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    raised = any(library.mallopt(MMAP_THRESHOLD, largest) for largest in LARGEST)
    return raised and bool(library.mallopt(TRIM_THRESHOLD, KEPT))
