"""Letting pynwb build every object of a file: the proof that it is NWB, and what it warns of."""

from __future__ import annotations

import re
import warnings

import h5py
import pynwb
from spikeproof.errors import DataError

__all__ = ["validate"]

_CORE = frozenset({"core", "hdmf-common", "hdmf-experimental"})


class _Builder(pynwb.NWBHDF5IO):  # type: ignore[misc]  # pynwb has no types
    """Reads a file that somebody else opened, and leaves it open."""

    def close(self, close_links: bool = True) -> None:
        """Close linked files only."""
        if close_links:
            self.close_linked_files()

    def is_open(self) -> bool:
        """Nothing of its own is open."""
        return False


def validate(file: h5py.File, label: str) -> tuple[str, ...]:
    """Let pynwb build every object of an open file, and return the warnings that it gave.

    Parameters
    ----------
    file : h5py.File
    label : str
        What messages call the file.

    Raises
    ------
    DataError
        If it cannot: which extension is missing or does not fit, or what pynwb said.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # Core namespaces come with pynwb: cached ones of another version would be put aside anyway.
            extended = bool(set(file.get("specifications", ())) - _CORE)
            with _Builder(file=file, mode="r", load_namespaces=extended) as io:
                io.read()
        except Exception as error:
            raise _unbuilt(label, file, error) from error
    return tuple(dict.fromkeys(str(warning.message) for warning in caught))


def _unbuilt(label: str, file: h5py.File, error: Exception) -> DataError:
    version = pynwb.__version__
    said = re.sub(r"^.*(?=Could not construct)", "", re.sub(r"\s+", " ", str(error)))
    said = f"{type(error).__name__}: {said if len(said) < 160 else said[:160] + ' ...'}"
    used = sorted(_namespaces(file) - _CORE)
    if not used:
        return DataError(f"{label}: pynwb {version} cannot read it ({said}); validate it with `pynwb-validate`")
    cached = file.get("specifications", {})
    missing = [name for name in used if name not in cached]
    if missing:
        names = " ".join(missing)
        return DataError(
            f"{label} uses the extension {', '.join(missing)}, whose definition is neither in the file nor installed "
            f"({said}): install it (`pip install {names}`), or get a file that caches its specifications"
        )
    versions = ", ".join(f"{name} {'/'.join(cached[name])}" for name in used)
    return DataError(
        f"{label} uses the extension {versions}, which pynwb {version} cannot build from the file alone ({said}): "
        f"install the extension's own package (`pip install {' '.join(used)}`) in that version"
    )


def _namespaces(file: h5py.File) -> set[str]:
    found: set[str] = set()

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if not name.startswith("specifications"):
            namespace = item.attrs.get("namespace")
            if namespace is not None:
                found.add(namespace.decode() if isinstance(namespace, bytes) else str(namespace))

    visit("", file)
    file.visititems(visit)
    return found
