"""The borders between the rooms, read from the source: see ``docs/architecture.md``."""

from __future__ import annotations

import ast
import statistics
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLKIT = ROOT / "toolkit" / "spikeproof"
PLUGINS = sorted(path for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())
PUBLIC = {
    "spikeproof.plugin",
    "spikeproof.types",
    "spikeproof.errors",
    "spikeproof.progress",
    "spikeproof.testing",
    "spikeproof.geometry",
    "spikeproof.lazy",
    "spikeproof.statistics",
    "spikeproof.pictures",
    "spikeproof.summaries",
    "spikeproof.wording",
}
"""All that a plugin may import of the toolkit."""
LIGHT = {"spikeproof.plugin", "spikeproof.types", "spikeproof.errors", "spikeproof.lazy", "spikeproof.progress"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def imports(tree: ast.AST, package: str) -> Iterator[tuple[str, int]]:
    """Yield every module that is imported, absolute, with its line; ``from a import b`` gives ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parts = package.split(".")
                module = ".".join([*parts[: len(parts) - node.level + 1], *([module] if module else [])])
            yield module, node.lineno
            yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


def executed_imports(tree: ast.Module, package: str) -> Iterator[tuple[str, int]]:
    """Yield what importing the module imports: not what stands under TYPE_CHECKING or in a function."""
    for node in tree.body:
        checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not checking and not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield from imports(node, package)


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def all_imports(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sources(folder):
        package = ".".join(path.relative_to(folder.parent).parent.parts)
        for module, line in imports(ast.parse(path.read_text()), package):
            yield module, f"{path.relative_to(ROOT)}:{line}"


def within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def foreign_host_imports(folder: Path) -> list[str]:
    return [
        f"{place} imports {module}"
        for module, place in all_imports(folder)
        if within(module, {"spikeproof"})
        and not within(module, PUBLIC)
        and not any(public.startswith(f"{module}.") or public == module for public in PUBLIC)
    ]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_the_public_api_only(plugin: Path) -> None:
    assert foreign_host_imports(plugin) == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_nothing_private_of_the_public_api(plugin: Path) -> None:
    private = [
        f"{place} imports {module}"
        for module, place in all_imports(plugin)
        if within(module, {"spikeproof"})
        and any(part.startswith("_") and part != "__version__" for part in module.split("."))
    ]
    assert private == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_imports_no_other_plugin(plugin: Path) -> None:
    others = {path.name for path in PLUGINS} - {plugin.name}
    assert [f"{place} imports {module}" for module, place in all_imports(plugin) if within(module, others)] == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_discovery_of_a_plugin_imports_nothing_heavy(plugin: Path) -> None:
    """Its package and its ``plugin.py`` import the light public API and the standard library only."""
    heavy = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in (plugin / "__init__.py", plugin / "plugin.py")
        if path.exists()
        for module, line in executed_imports(ast.parse(path.read_text()), plugin.name)
        if not within(module, LIGHT | {f"{plugin.name}.plugin"})
        and module not in {"spikeproof", plugin.name}
        and module.split(".")[0] not in sys.stdlib_module_names
    ]
    assert heavy == []


def test_the_toolkit_imports_no_plugin() -> None:
    names = {path.name for path in PLUGINS}
    assert [f"{place} imports {module}" for module, place in all_imports(TOOLKIT) if within(module, names)] == []


def test_the_toolkit_names_no_plugin_package() -> None:
    """A string such as ``"spikeproof_attacks.pgd"`` would be an import in disguise."""
    names = {path.name for path in PLUGINS}
    hooks = {f"spikeproof_{kind}" for kind in ("attacks", "encoders", "objectives", "readouts")}  # these are hooks, too
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(TOOLKIT)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and any(node.value.startswith(f"{name}.") or (node.value == name and name not in hooks) for name in names)
    ]
    assert found == []


def test_every_plugin_is_registered_through_an_entry_point_and_shipped() -> None:
    points = PROJECT["project"]["entry-points"]["spikeproof"]
    # A package without plugin.py holds functions only: nothing of it to register.
    assert sorted(points.values()) == [f"{path.name}.plugin" for path in PLUGINS if (path / "plugin.py").exists()]
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(shipped) == sorted(["toolkit/spikeproof", *(f"plugins/{path.name}" for path in PLUGINS)])
    assert [path.name for path in PLUGINS if not (path / "py.typed").exists()] == []


def test_modules_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in [*sources(TOOLKIT), *sources(ROOT / "plugins")]}
    longest = sorted(lengths, key=lambda path: -lengths[path])[:5]
    p90 = statistics.quantiles(lengths.values(), n=10, method="inclusive")[-1]
    assert p90 <= 300, [f"{path.relative_to(ROOT)}: {lengths[path]}" for path in longest]


def test_the_checks_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    plugin = tmp_path / "spikeproof_x"
    plugin.mkdir()
    (plugin / "one.py").write_text(
        "from spikeproof import run\nfrom spikeproof._host import Host\nimport spikeproof.engine.bind\n"
        "from spikeproof import types\nfrom spikeproof.types import Code\nfrom . import two\n"
    )
    assert [line.rpartition(" ")[2] for line in foreign_host_imports(plugin)] == [
        "spikeproof.run",
        "spikeproof._host",
        "spikeproof._host.Host",
        "spikeproof.engine.bind",
    ]
