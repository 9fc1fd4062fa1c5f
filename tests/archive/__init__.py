"""A local stand-in for a DANDI archive: its REST surface, its object store's range requests, and faults on demand.

``LocalArchive`` answers as a real archive was recorded to answer; ``tests/plugins/nwb/test_archive_contract.py``
holds it to that recording.
"""

from .faults import Faults
from .holdings import Asset, Blob, Holdings, Version
from .server import LocalArchive, Seen

__all__ = ["Asset", "Blob", "Faults", "Holdings", "LocalArchive", "Seen", "Version"]
