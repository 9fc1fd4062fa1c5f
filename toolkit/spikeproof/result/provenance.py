"""Where a number comes from: versions, revisions, digests, seed, machine."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from spikeproof import __version__

__all__ = ["environment", "now"]

_LIBRARIES = ("numpy", "scipy", "torch", "xarray", "scikit-learn", "pynwb", "h5py", "zarr")


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def environment(device: str, distributions: Iterable[str] = ()) -> dict[str, Any]:
    """Describe the machine and the versions that a run used.

    Parameters
    ----------
    device : str
        Where models ran.
    distributions : iterable of str
        Distributions of the plugins that took part.
    """
    versions = {"spikeproof": __version__}
    for name in (*_LIBRARIES, *sorted(distributions)):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device,
        "versions": versions,
        "argv": sys.argv,
    }
