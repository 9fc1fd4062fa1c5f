"""Names of a package whose modules are imported when a name is first asked for, so that listing plugins stays cheap."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["lazily"]


def lazily(package: str, home: Mapping[str, str]) -> Callable[[str], object]:
    """Make the ``__getattr__`` of a package.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    home : mapping of str to str
        The module of the package that each name stands in.

    Returns
    -------
    callable
        Raises ``AttributeError`` for any other name, as Python does.

    Examples
    --------
    >>> lazily("spikeproof", {"generator": "noise"})("generator").__module__
    'spikeproof.noise'
    """

    def of(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    return of
