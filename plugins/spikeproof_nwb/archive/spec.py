"""What stands behind ``dandi:``, taken apart."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from spikeproof.errors import BadParameter
from spikeproof.pictures import natural

__all__ = ["DRAFT", "Spec", "parse_spec"]

DRAFT = "draft"
_SPELLING = "ID[@VERSION]/PATH, such as dandi:000207/sub-4/sub-4_ses-4_ecephys.nwb"
_VERSION = re.compile(r"draft|\d+\.\d+\.\d+")
_SPECIAL = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A dandiset, a version of it, and files in it.

    Parameters
    ----------
    dandiset : str
        Six digits.
    version : str or None
        ``"draft"``, a published version, or None for the latest published one (the draft, where none is).
    path : str
        Of a file in the dandiset, a pattern, a folder (ending in a slash), or empty for the whole dandiset.

    Examples
    --------
    >>> spec = parse_spec("000207@0.220126.1903/sub-*/*.nwb")
    >>> spec.dandiset, spec.version, spec.is_pattern
    ('000207', '0.220126.1903', True)
    >>> spec.matching(["sub-2/b.nwb", "sub-10/a.nwb", "sub-2/extra/c.nwb", "SUB-2/B.NWB"])
    ['sub-2/b.nwb', 'sub-10/a.nwb']
    """

    dandiset: str
    version: str | None
    path: str

    @property
    def is_pattern(self) -> bool:
        """Whether the path may stand for several files."""
        return _SPECIAL.search(self.path) is not None

    @property
    def is_folder(self) -> bool:
        """Whether it names no file: a folder, or the whole dandiset."""
        return self.path == "" or self.path.endswith("/")

    def at(self, version: str, path: str | None = None) -> str:
        """Spell it out with a version, and with one file instead of its own path."""
        rest = self.path if path is None else path
        return f"dandi:{self.dandiset}@{version}" + (f"/{rest}" if rest else "")

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        return f"dandi:{self.dandiset}{version}" + (f"/{self.path}" if self.path else "")

    def matching(self, paths: Iterable[str]) -> list[str]:
        """The paths that it names, in natural order.

        ``*``, ``?`` and ``[...]`` stay within a folder, ``**`` crosses folders, and case matters.
        """
        if not self.is_pattern:
            named = [path for path in paths if path == self.path or (self.is_folder and path.startswith(self.path))]
        else:
            pattern = _translated(self.path)
            named = [path for path in paths if path == self.path or pattern.fullmatch(path)]
        return sorted(named, key=natural)

    @property
    def widened(self) -> str:
        """A pattern that the archive understands and that matches at least what this one does.

        The archive knows ``*`` only, lets it cross folders, and does not mind case.
        """
        return re.sub(r"\*+", "*", re.sub(r"\*\*/|\[!?\]?[^\]]*\]|\?", "*", self.path))


def parse_spec(target: str) -> Spec:
    """Take a target apart.

    Raises
    ------
    BadParameter
        If it is not spelled ``ID[@VERSION]/PATH``; what is wrong with it is said.
    """
    if re.match(r"https?://", target):
        found = re.search(r"/dandiset/(\d{6})(?:/(draft|\d+\.\d+\.\d+))?", target)
        said = "dandi:" + found[1] + (f"@{found[2]}" if found[2] else "") if found else "dandi:ID/PATH"
        raise BadParameter(
            f"dandi:{target} is the address of a page: write {said} (and name another archive with --source.instance)"
        )
    identifier, _, path = target.removeprefix("DANDI:").partition("/")
    digits, at, version = identifier.partition("@")
    if not re.fullmatch(r"[0-9]{6}", digits):
        short = re.fullmatch(r"0*([0-9]{1,6})", digits)
        hint = f": did you mean {int(short[1]):06d}?" if short else f": write {_SPELLING}"
        raise BadParameter(f"dandi:{target}: a dandiset is named by six digits, not {digits!r}{hint}")
    if at and not _VERSION.fullmatch(version):
        raise BadParameter(
            f"dandi:{target}: {version!r} is no version: write draft, a published version such as 0.220126.1903, or "
            f"leave {'@' + version!r} out for the latest published one"
        )
    folder = path.endswith("/")
    plain = posixpath.normpath(path) if path else ""
    if plain.startswith(("/", "../")) or plain == "..":
        raise BadParameter(f"dandi:{target}: the path must stay in the dandiset: write {_SPELLING}")
    plain = "" if plain == "." else plain + ("/" if folder else "")
    return Spec(dandiset=digits, version=version or None, path=plain)


def _translated(pattern: str) -> re.Pattern[str]:
    """A regular expression that matches what a shell's pattern matches."""
    out, at = "", 0
    while at < len(pattern):
        rest = pattern[at:]
        members = re.match(r"\[(!?)(\]?[^\]/]*)\]", rest)
        if rest.startswith("**/"):
            out, at = out + "(?:.*/)?", at + 3
        elif rest.startswith("**"):
            out, at = out + ".*", at + 2
        elif rest[0] == "*":
            out, at = out + "[^/]*", at + 1
        elif rest[0] == "?":
            out, at = out + "[^/]", at + 1
        elif members is not None and members[2]:
            inside = members[2].replace("\\", r"\\").replace("^", r"\^").replace("[", r"\[").replace("]", r"\]")
            out, at = out + f"[{'^/' if members[1] else ''}{inside}]", at + members.end()
        else:
            out, at = out + re.escape(rest[0]), at + 1
    try:
        return re.compile(out, re.DOTALL)
    except re.error as error:
        raise BadParameter(f"{pattern!r} is no pattern: {error}; ranges are written [a-z]") from error
