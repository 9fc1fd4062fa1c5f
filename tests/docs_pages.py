"""Reads the pages of the documentation: blocks, commands with what they say, headings."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "changelog.d")]


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    slow: bool

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the block is, if its first line names one."""
        found = re.match(r"# ([\w./-]+\.(py|toml))\n", self.text)
        return found[1] if found and self.language in ("python", "toml") else None


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    opened: tuple[int, str, bool] | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if opened is None:
            said = next((text for text in reversed(lines[:number]) if text.strip()), "")
            opened = number, line[3:].strip(), said == "<!-- slow -->"
            continue
        start, language, slow = opened
        text = "\n".join(lines[start + 1 : number]) + "\n"
        yield Block(page=page, line=start + 1, language=language, text=text, slow=slow)
        opened = None
    if opened is not None:
        raise ValueError(f"{page}: the block that line {opened[0] + 1} opens is never closed")


def commands_of(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of a block, each with the fragments of output that are shown below it."""
    command, shown = "", list[str]()
    text = re.sub(r"\\\n\s*", "", block.text)
    for line in text.splitlines():
        if block.language == "bash":
            if line.strip() and not line.startswith("#"):
                yield line, []
        elif line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], []
        else:
            shown.append(line)
    if command:
        yield command, shown


_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?(?![\w])")


def same(shown: str, said: str) -> bool:
    """Whether a line says what was shown: the same words, and numbers that differ by 5 % or 0.06 at most.

    Float arithmetic differs between processors, and one choice of twenty that flips moves a share by 0.05.
    """
    shown, said = " ".join(shown.split()), " ".join(said.split())
    pattern, numbers, at = "", list[float](), 0
    for found in _NUMBER.finditer(shown):
        pattern += re.escape(shown[at : found.start()]) + f"({_NUMBER.pattern})"
        numbers.append(float(found[0].replace(",", "")))
        at = found.end()
    pattern = (pattern + re.escape(shown[at:])).replace(r"\.\.\.", ".*?")
    match = re.fullmatch(pattern, said)
    return match is not None and all(
        math.isclose(float(text.replace(",", "")), number, rel_tol=0.05, abs_tol=0.06)
        for text, number in zip(match.groups(), numbers, strict=True)
    )


def compare(shown: list[str], said: str, where: str) -> None:
    """Check that every line that is shown was said, in that order."""
    rest = said.splitlines()
    for line in shown:
        if not line.strip() or line.strip() == "...":
            continue
        place = next((number for number, text in enumerate(rest) if same(line, text)), None)
        assert place is not None, f"{where}: this line is not said:\n{line}\nbut:\n" + "\n".join(rest)
        rest = rest[place + 1 :]


@functools.cache
def headings(page: Path) -> tuple[str, ...]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return tuple(re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE))


def anchors(page: Path) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}
