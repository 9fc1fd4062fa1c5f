"""Distributions that exist only as a module and a ``.dist-info`` folder on the path: no pip, no network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

__all__ = ["BROKEN", "Install", "good", "install"]

Install = Callable[..., Path]

HEAD = "from spikeproof.plugin import *\nfrom spikeproof.plugin import hookimpl\n"
ENTRY = 'AttackEntry(name="bad", factory="bad:Bad", summary="Bad.", norms=("l2",))'

BROKEN = {
    "import error": (
        "import no_such_module_anywhere\n",
        "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    ),
    "syntax error": ("def broken(:\n", "SyntaxError: invalid syntax"),
    "exits": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "wrong hook argument": (
        f"{HEAD}@hookimpl\ndef spikeproof_attacks(budget):\n    yield {ENTRY}\n",
        "PluginValidationError: Plugin 'plugin' for hook 'spikeproof_attacks'",
    ),
    "unknown hook": (
        f"{HEAD}@hookimpl\ndef spikeproof_atacks():\n    yield {ENTRY}\n",
        "ValueError: unknown hook spikeproof_atacks: did you mean 'spikeproof_attacks'?",
    ),
    "generator that raises": (
        f"{HEAD}@hookimpl\ndef spikeproof_attacks():\n    yield {ENTRY}\n    raise RuntimeError('half way')\n",
        "RuntimeError: half way",
    ),
    "bad name": (
        f"{HEAD}@hookimpl\ndef spikeproof_attacks():\n    yield {ENTRY.replace('bad', 'Bad Name', 1)}\n",
        "ValueError: bad name 'Bad Name': use lower-case words joined by hyphens, such as 'my-attack'",
    ),
    "no factory": (
        f"{HEAD}@hookimpl\ndef spikeproof_attacks():\n    yield AttackEntry(name='bad', summary='Bad.')\n",
        "TypeError: AttackEntry.__init__() missing 1 required keyword-only argument: 'factory'",
    ),
    "duplicate names": (
        f"{HEAD}@hookimpl\ndef spikeproof_attacks():\n    yield {ENTRY}\n    yield {ENTRY}\n",
        "ValueError: spikeproof_attacks yields two entries named 'bad'",
    ),
    "yields None": (
        f"{HEAD}@hookimpl\ndef spikeproof_attacks():\n    yield None\n",
        "TypeError: spikeproof_attacks yielded None: yield an AttackEntry",
    ),
    "forgot to yield": (
        f"{HEAD}@hookimpl\ndef spikeproof_attacks():\n    {ENTRY}\n",
        "ValueError: spikeproof_attacks must yield entries, but it returned None: yield an AttackEntry",
    ),
    "returns one entry": (
        f"{HEAD}@hookimpl\ndef spikeproof_attacks():\n    return {ENTRY}\n",
        "it returned an AttackEntry named 'bad': yield an AttackEntry",
    ),
    "wrong kind of entry": (
        f"{HEAD}@hookimpl\ndef spikeproof_metrics():\n    yield {ENTRY}\n",
        "TypeError: spikeproof_metrics yielded an AttackEntry named 'bad': yield a MetricEntry",
    ),
    "no hook": (f"{HEAD}def spikeproof_attacks():\n    yield {ENTRY}\n", "ValueError: it implements no hook"),
    "wrapper": (
        f"{HEAD}@hookimpl(wrapper=True)\ndef spikeproof_attacks():\n    return (yield)\n",
        "ValueError: spikeproof_attacks is a hook wrapper: yield entries of your own instead",
    ),
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a fake distribution: ``install(name, source, version=..., requires=..., points=...)``."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def make(
        name: str,
        source: str | None,
        *,
        version: str = "0.1",
        requires: tuple[str, ...] = (),
        points: dict[str, str] | None = None,
        direct_url: str = "",
    ) -> Path:
        module = name.replace("-", "_")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {text}" for text in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        if direct_url:
            (info / "direct_url.json").write_text(direct_url)
        named = {name.removeprefix("spikeproof-"): module} if points is None else points
        if named:
            rows = "\n".join(f"{key} = {value}" for key, value in named.items())
            (info / "entry_points.txt").write_text(f"[spikeproof]\n{rows}\n")
        if source is not None:
            (site / f"{module}.py").write_text(dedent(source))
        monkeypatch.syspath_prepend(str(site))  # forgets what was cached of the folder
        return site

    yield make
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


GOOD = """
from dataclasses import dataclass
from typing import Annotated, Literal
from spikeproof.plugin import AttackEntry, hookimpl

@hookimpl
def spikeproof_attacks():
    yield AttackEntry(name="{attack}", factory=f"{{__name__}}:Blur", summary="Blurs.", norms=("l2",))

@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    width: Annotated[int, "Width of the box, pixels."] = 3
    mode: Annotated[Literal["box", "gauss"], "Kernel."] = "box"
"""


@pytest.fixture
def good() -> Callable[[str], str]:
    """Source of a plugin that provides one attack of this name."""
    return lambda attack: GOOD.format(attack=attack)
