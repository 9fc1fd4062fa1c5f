"""Waiting for other threads while h5py's lock may be held."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["no_collection"]

_LOCK = Lock()
_waiting = 0
_was_on = False


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep garbage from being collected while this thread waits for others to do something.

    One lock stands around all that h5py does, also around letting go of an object. A collection that starts in another
    thread frees the h5py objects in it there, and waits for the lock; a thread that holds the lock (h5py calls back, or
    walks through a group) and waits for that other thread never wakes up. Threads may enter this at once; collection
    goes on when the last has left.

    Examples
    --------
    >>> with no_collection():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    global _waiting, _was_on
    with _LOCK:
        if _waiting == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _waiting += 1
    try:
        yield
    finally:
        with _LOCK:
            _waiting -= 1
            if _waiting == 0 and _was_on:
                gc.enable()
