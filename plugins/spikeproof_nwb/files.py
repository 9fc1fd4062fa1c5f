"""Which files a target names: one path, or all that a pattern matches."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from spikeproof.errors import DataError

__all__ = ["files_of", "is_pattern"]


def is_pattern(target: str) -> bool:
    """Whether a target is a pattern (``*``, ``?``, ``[...]``) and no path that exists as it stands.

    Examples
    --------
    >>> is_pattern("data/sub-*/*.nwb"), is_pattern("data/sub-4.nwb")
    (True, False)
    """
    return glob.has_magic(target) and not Path(target).expanduser().exists()


def files_of(target: str) -> tuple[str, ...]:
    """All paths that a pattern matches, in natural order: ``sub-2`` before ``sub-10``; ``**`` stands for any folders.

    Files and folders whose name begins with a dot are not matched.

    Raises
    ------
    DataError
        If there is none; what stands in the deepest folder that the pattern names is said.
    """
    parts = Path(target).expanduser().parts
    plain = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    folder = Path(*parts[:plain])
    if not folder.is_dir():
        raise DataError(f"no file matches {target}: there is no folder {folder}")
    paths = [path for path in folder.glob("/".join(parts[plain:])) if not _hidden(path.relative_to(folder))]
    if not paths:
        raise DataError(_nothing(target, folder))
    return tuple(sorted(map(str, paths), key=_natural))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _natural(path: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def _nothing(target: str, folder: Path) -> str:
    near = [*folder.glob("*.nwb"), *folder.glob("*/*.nwb")]
    shown = [path.relative_to(folder) for path in near if not _hidden(path.relative_to(folder))]
    held = sorted((path.as_posix() for path in shown), key=_natural)
    if not held:
        return f"no file matches {target}: {folder} and the folders in it hold no .nwb file"
    more = f" and {len(held) - 5} more" if len(held) > 5 else ""
    return f"no file matches {target}; {folder} holds {', '.join(held[:5])}{more}"
