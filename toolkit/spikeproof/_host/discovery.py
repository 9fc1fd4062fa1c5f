"""Finds plugins and settles the state of each, so that one that is broken never stops the rest."""

from __future__ import annotations

import hashlib
import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path

import pluggy
from packaging.utils import canonicalize_name

from spikeproof import __version__
from spikeproof.errors import PluginFailed
from spikeproof.plugin import Entry
from spikeproof.wording import did_you_mean

from .components import Kind, PluginState, PluginStatus, Provided
from .loading import SLOW_MS, Timer, entries_of, load_file
from .origin import origin_of

__all__ = ["GROUP", "Discovery", "discover"]

GROUP = "spikeproof"
BUILT_IN = "spikeproof"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """All plugins with their states, and the components of the usable ones, in the order of discovery."""

    plugins: tuple[PluginStatus, ...]
    provided: tuple[Provided, ...]


class _Found:
    """A plugin before it is loaded."""

    def __init__(self, name: str, distribution: str, version: str, load: Callable[[], object]) -> None:
        self.name = name
        self.distribution = distribution
        self.version = version
        self.load = load
        self.requirements: tuple[str, ...] = ()
        self._origin: Callable[[], str] = lambda: "wheel"

    @classmethod
    def installed(cls, point: EntryPoint) -> _Found:
        distribution = point.dist
        if distribution is None:  # cannot happen for points found by entry_points(); its type allows it
            return cls(point.name, "", "", point.load)
        found = cls(point.name, distribution.name, distribution.version, point.load)
        found.requirements = tuple(distribution.requires or ())
        found._origin = lambda: origin_of(distribution)
        return found

    @classmethod
    def file(cls, path: Path) -> _Found:
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise PluginFailed(f"plugin file {path}: cannot be read: {error.strerror}: correct `plugins`") from error
        found = cls(path.stem, path.name, digest, lambda: load_file(path, digest))
        found._origin = lambda: f"file@{digest}"
        return found

    @cached_property
    def origin(self) -> str:
        return self._origin()

    @property
    def built_in(self) -> bool:
        return canonicalize_name(self.distribution) == BUILT_IN

    @property
    def names(self) -> frozenset[str]:
        """What an allow-list may call it."""
        return frozenset({self.name, canonicalize_name(self.name), canonicalize_name(self.distribution)})

    def status(self, state: PluginState, **details: object) -> PluginStatus:
        return PluginStatus(
            name=self.name,
            distribution=self.distribution,
            version=self.version,
            state=state,
            origin=self.origin,
            **details,  # type: ignore[arg-type]
        )


def discover(manager: pluggy.PluginManager, environ: Mapping[str, str], files: Sequence[Path]) -> Discovery:
    """Load every plugin that the environment allows into ``manager``.

    Raises
    ------
    PluginFailed
        If a file of ``files`` fails, or, where ``SPIKEPROOF_STRICT=1``, any plugin fails or is incompatible.
    """
    installed = sorted(
        (_Found.installed(point) for point in entry_points(group=GROUP)),
        key=lambda found: (canonicalize_name(found.distribution), found.name),
    )
    named = [_Found.file(path) for path in dict.fromkeys(Path(file).resolve() for file in files)]
    allowed = _allowed(environ, [*installed, *named])
    strict = environ.get("SPIKEPROOF_STRICT", "") not in {"", "0"}
    plugins: list[PluginStatus] = []
    provided: list[Provided] = []
    for found in [*installed, *named]:
        if not found.built_in and allowed is not None and not found.names & allowed:
            variable = "SPIKEPROOF_NO_PLUGINS" if _no_plugins(environ) else "SPIKEPROOF_PLUGINS"
            plugins.append(found.status("disabled", error=f"not allowed by {variable}"))
            continue
        status, entries = _load(found, manager, provided)
        if status.error and (strict or found in named):
            rule = "SPIKEPROOF_STRICT is set" if found not in named else "the study names this plugin file"
            verb = "has failed" if status.state == "failed" else f"is {status.state}"
            raise PluginFailed(f"plugin {status.label} {verb}: {status.error} ({rule})")
        plugins.append(status)
        provided.extend(
            Provided(entry=entry, kind=kind, plugin=status) for kind, group in entries.items() for entry in group
        )
    plugins.extend(_candidates({canonicalize_name(found.distribution) for found in installed}))
    return Discovery(plugins=tuple(plugins), provided=tuple(provided))


def _load(
    found: _Found, manager: pluggy.PluginManager, provided: Sequence[Provided]
) -> tuple[PluginStatus, Mapping[Kind, tuple[Entry, ...]]]:
    """Load one plugin; whatever goes wrong in it becomes its state."""
    timer = Timer()
    try:
        wanted = _unmet(found.requirements) if not found.built_in else ""
        if wanted:
            error = f"requires {wanted}, but this is spikeproof {__version__}: install a version that fits"
            return found.status("incompatible", error=error), {}
        module = found.load()
        entries = entries_of(module)
        taken = {
            (item.kind, item.entry.name): item.plugin.name
            for item in provided
            if canonicalize_name(item.plugin.distribution) == canonicalize_name(found.distribution)
        }
        for kind, group in entries.items():
            for entry in group:
                if (kind, entry.name) in taken:
                    owner = taken[kind, entry.name]
                    raise ValueError(  # noqa: TRY301 - it becomes the state of this plugin, as any other mistake
                        f"{kind} {entry.name!r} is already provided by plugin {owner!r} of the same distribution"
                    )
        manager.register(module, f"{found.distribution}/{found.name}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any mistake of a plugin is its own, and is shown
        text = " ".join(f"{type(error).__name__}: {error}".split())
        status = found.status("failed", error=text, traceback=traceback.format_exc(), import_ms=timer.ms)
        return status, {}
    elapsed = timer.ms
    names = tuple((kind, entry.name) for kind, group in entries.items() for entry in group)
    state: PluginState = "slow" if elapsed > SLOW_MS else "active"
    return found.status(state, import_ms=elapsed, provides=names), entries


def _unmet(requirements: Sequence[str]) -> str:
    """Return the first requirement on spikeproof that this version does not meet, or nothing."""
    mine = [text for text in requirements if canonicalize_name(text[: len(BUILT_IN)]) == BUILT_IN]
    if not mine:
        return ""
    from packaging.requirements import Requirement

    for text in mine:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) != BUILT_IN:
            continue  # spikeproof-other
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(__version__, prereleases=True):
            return f"spikeproof{requirement.specifier}"
    return ""


def _no_plugins(environ: Mapping[str, str]) -> bool:
    return environ.get("SPIKEPROOF_NO_PLUGINS", "") not in {"", "0"}


def _allowed(environ: Mapping[str, str], found: Sequence[_Found]) -> frozenset[str] | None:
    """Return the names that may be loaded beside the built-ins; None if all may."""
    if _no_plugins(environ):
        return frozenset()
    if "SPIKEPROOF_PLUGINS" not in environ:
        return None
    names = [name.strip() for name in environ["SPIKEPROOF_PLUGINS"].split(",") if name.strip()]
    known = sorted(frozenset[str]().union(*(plugin.names for plugin in found)))
    for name in names:
        if canonicalize_name(name) not in known:
            hint = did_you_mean(canonicalize_name(name), known, 1, otherwise=": see `spikeproof plugins`")
            _log.warning("SPIKEPROOF_PLUGINS allows %r, but no plugin or distribution has that name%s", name, hint)
    return frozenset(canonicalize_name(name) for name in names)


def _candidates(known: set[str]) -> Iterator[PluginStatus]:
    """Yield distributions that are named like plugins but declare no entry point."""
    seen = set(known)
    for place in map(Path, dict.fromkeys(sys.path)):
        for folder in sorted(place.glob("spikeproof[-_.]*.dist-info")):
            name = canonicalize_name(folder.stem.rpartition("-")[0])
            if name in seen:
                continue
            seen.add(name)
            distribution = Distribution.at(folder)
            error = f"installed, but it declares no entry point of the group {GROUP!r}, so it is no plugin"
            yield PluginStatus(
                name="",
                distribution=distribution.name or name,
                version=distribution.version or "",
                state="candidate",
                error=error,
                origin=origin_of(distribution),
            )
