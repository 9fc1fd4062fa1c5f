"""Numbers of bytes, as people write them."""

from __future__ import annotations

import re

__all__ = ["bytes_of", "spelled"]

_UNITS = ("B", "kB", "MB", "GB", "TB")


def bytes_of(text: str) -> int:
    """Read a number of bytes.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> bytes_of("20 GB"), bytes_of("1.5kB"), bytes_of("1000")
    (20000000000, 1500, 1000)
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kKMGT]?)B?\s*", text)
    if match is None:
        raise ValueError(f"{text!r} is no number of bytes: write 20 GB, 500 MB, or 20000000000")
    return int(float(match[1]) * 1000 ** " KMGT".index(match[2].upper() or " "))


def spelled(count: int) -> str:
    """Spell a number of bytes out.

    Examples
    --------
    >>> spelled(2_070_173), spelled(999), spelled(20 * 10**9)
    ('2.1 MB', '999 B', '20 GB')
    """
    power = 0
    while count >= 1000 ** (power + 1) and power < len(_UNITS) - 1:
        power += 1
    return f"{count / 1000**power:.1f}".removesuffix(".0") + f" {_UNITS[power]}"
