"""Study files, and the distributions that a study requires."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from spikeproof.errors import BadStudy
from spikeproof.wording import did_you_mean

from .model import Study

__all__ = ["check_requirements", "read_study"]


def read_study(path: str | Path) -> dict[str, Any]:
    """Read a study file into a mapping.

    Raises
    ------
    BadStudy
        If there is no such file or it is not TOML (the line is named).
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        near = did_you_mean(path.name, [item.name for item in _siblings(path)])
        raise BadStudy(f"{path}: there is no such study file{near}") from None
    except IsADirectoryError:
        raise BadStudy(f"{path}: this is a folder; give the study's TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadStudy(f"{path}: this is not valid TOML: {error}") from None


def check_requirements(study: Study, where: str = "study") -> None:
    """Check that every distribution that ``requires`` names is installed in a version that it admits.

    Raises
    ------
    BadStudy
        Naming what is missing or has the wrong version, and the command that installs it.
    """
    from importlib import metadata

    from packaging.requirements import InvalidRequirement, Requirement

    for text in study.requires:
        try:
            wanted = Requirement(text)
        except InvalidRequirement as error:
            raise BadStudy(f"{where}: requires: {text!r} is not a requirement: {error}") from None
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            raise BadStudy(f"{where}: requires {text!r}, which is not installed: pip install '{text}'") from None
        if not wanted.specifier.contains(found, prereleases=True):
            raise BadStudy(f"{where}: requires {text!r}, but version {found} is installed: pip install '{text}'")


def _siblings(path: Path) -> list[Path]:
    return list(path.parent.iterdir()) if path.parent.is_dir() else []
