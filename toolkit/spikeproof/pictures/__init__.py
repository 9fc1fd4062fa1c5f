"""Images in folders, zip files and npz files: listed, put in order, decoded to float32 (channel, y, x) in [0, 1].

Public: sources of plugins read images with it, so that one file means the same pixels wherever it stands.
"""

from __future__ import annotations

from .catalogue import Catalogue, Order, Raw, natural, near_paths
from .decode import SUFFIXES, Header, decode_image, read_header
from .files import catalogue_folder
from .npz import Layout, catalogue_npz
from .open import open_pictures
from .pixels import gray, prepare, resize_and_crop
from .stimulus_set import stimulus_set
from .zipped import catalogue_zip

__all__ = [
    "SUFFIXES",
    "Catalogue",
    "Header",
    "Layout",
    "Order",
    "Raw",
    "catalogue_folder",
    "catalogue_npz",
    "catalogue_zip",
    "decode_image",
    "gray",
    "natural",
    "near_paths",
    "open_pictures",
    "prepare",
    "read_header",
    "resize_and_crop",
    "stimulus_set",
]
