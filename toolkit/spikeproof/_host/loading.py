"""Loads one plugin, all or nothing: its hooks and entries are checked before the host keeps any of it."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import pluggy

from spikeproof import hookspecs
from spikeproof.plugin import Entry
from spikeproof.wording import did_you_mean

from .components import HOOKS, Kind, article

__all__ = ["SLOW_MS", "Timer", "entries_of", "file_module_name", "load_file", "new_manager"]

SLOW_MS = 50.0
"""Loading a plugin should take less CPU time than this: it is light, and imports its components on first use."""

_OBSERVERS = frozenset({"spikeproof_result"})


class Timer:
    """CPU time of this thread since it was made, ms."""

    def __init__(self) -> None:
        self._start = time.thread_time()

    @property
    def ms(self) -> float:
        """CPU time so far, ms."""
        return (time.thread_time() - self._start) * 1000


def new_manager() -> pluggy.PluginManager:
    """Return a manager that knows the hooks and has no plugins."""
    manager = pluggy.PluginManager("spikeproof")
    manager.add_hookspecs(hookspecs)
    return manager


def entries_of(module: object) -> Mapping[Kind, tuple[Entry, ...]]:
    """Check a plugin's hooks and collect its entries.

    It is registered with a manager of its own, so that a plugin that fails leaves nothing behind in the host's and
    no hook of another plugin is called.

    Raises
    ------
    ValueError, TypeError
        If a hook is unknown, is a wrapper, or yields anything but entries of its kind with names of their own.
    pluggy.PluginValidationError
        If a hook takes an argument that its specification does not have.
    """
    trial = new_manager()
    known = {hook for hook, _ in HOOKS.values()} | _OBSERVERS
    trial.register(module, "plugin")
    callers = trial.get_hookcallers(module) or []
    if not callers:
        raise ValueError("it implements no hook: decorate a function such as spikeproof_attacks with @hookimpl")
    for caller in callers:
        for implementation in caller.get_hookimpls():
            if caller.name not in known and not implementation.optionalhook:
                hooks = f": the hooks are {', '.join(sorted(known))}"
                raise ValueError(f"unknown hook {caller.name}{did_you_mean(caller.name, known, 1, otherwise=hooks)}")
            if implementation.wrapper or implementation.hookwrapper:
                raise ValueError(f"{caller.name} is a hook wrapper: yield entries of your own instead")
    collected: dict[Kind, tuple[Entry, ...]] = {}
    for kind, (hook, expected) in HOOKS.items():
        found: list[Entry] = []
        for implementation in getattr(trial.hook, hook).get_hookimpls():
            # Called here, not through pluggy, which would drop a None that says that a `yield` was forgotten.
            found.extend(_entries(hook, expected, implementation.function()))
        names = [entry.name for entry in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{hook} yields two entries named {twice[0]!r}")
        if found:
            collected[kind] = tuple(found)
    return collected


def _entries(hook: str, expected: type[Entry], yielded: object) -> Iterable[Entry]:
    wanted = article(expected.__name__)
    if yielded is None or isinstance(yielded, (str, Entry)) or not isinstance(yielded, Iterable):
        raise ValueError(f"{hook} must yield entries, but it returned {_shown(yielded)}: yield {wanted}")
    for entry in yielded:
        if not isinstance(entry, expected):
            raise TypeError(f"{hook} yielded {_shown(entry)}: yield {wanted}")
        Entry.__post_init__(entry)  # a subclass may have forgotten to
        yield entry


def _shown(value: object) -> str:
    if isinstance(value, Entry):
        return f"{article(type(value).__name__)} named {value.name!r}"
    return "None" if value is None else f"{article(type(value).__name__)}"


def file_module_name(stem: str, digest: str) -> str:
    """Return the module name of a one-off file: one for each content, so that it hides no other module."""
    letters = "".join(letter if letter.isalnum() else "_" for letter in stem)
    return f"spikeproof_file_{letters}_{digest[:16]}"


def load_file(path: Path, digest: str) -> ModuleType:
    """Run a one-off plugin file as a module, once for each content."""
    name = file_module_name(path.stem, digest)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
