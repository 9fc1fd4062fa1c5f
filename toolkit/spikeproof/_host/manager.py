"""The host: what the rest of the toolkit asks for components."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .components import Chosen, Kind, PluginStatus, Provided
from .discovery import discover
from .factory import Parameter, import_factory, parameters_of
from .loading import new_manager
from .names import resolve

if TYPE_CHECKING:
    import pluggy

__all__ = ["Host"]

_log = logging.getLogger(__name__)


class Host:
    """All plugins of this environment and their components.

    Parameters
    ----------
    manager : pluggy.PluginManager
        With the usable plugins registered.
    plugins : sequence of PluginStatus
    provided : sequence of Provided
        Entries of the usable plugins.

    Examples
    --------
    >>> host = Host.discover(environ={"SPIKEPROOF_NO_PLUGINS": "1"})
    >>> {plugin.distribution for plugin in host.plugins if plugin.usable}
    {'spikeproof'}
    """

    def __init__(
        self, *, manager: pluggy.PluginManager, plugins: Sequence[PluginStatus], provided: Sequence[Provided]
    ) -> None:
        self._manager = manager
        self._provided = tuple(provided)
        self.plugins = tuple(plugins)

    @classmethod
    def discover(cls, *, environ: Mapping[str, str] | None = None, files: Sequence[Path] = ()) -> Host:
        """Find and load every plugin; one that is broken is kept with its error and leaves the rest working.

        Parameters
        ----------
        environ : mapping, optional
            ``SPIKEPROOF_PLUGINS`` is an allow-list of plugins or distributions, separated by commas (empty: built-ins
            only), ``SPIKEPROOF_NO_PLUGINS=1`` leaves the built-ins only, ``SPIKEPROOF_STRICT=1`` raises on any plugin
            that cannot be used. The process's environment by default.
        files : sequence of Path
            One-off plugin modules, named in a study's ``plugins``. Their version is their sha256.

        Raises
        ------
        PluginFailed
            If one of ``files`` fails, or any plugin in strict mode.
        """
        manager = new_manager()
        found = discover(manager, os.environ if environ is None else environ, files)
        return cls(manager=manager, plugins=found.plugins, provided=found.provided)

    def entries(self, kind: Kind) -> tuple[Provided, ...]:
        """Return the components of one kind, sorted by name, then by distribution."""
        return tuple(
            sorted(
                (item for item in self._provided if item.kind == kind),
                key=lambda item: (item.entry.name, item.plugin.distribution),
            )
        )

    def find(self, kind: Kind, spec: str, *, where: str = "") -> Chosen:
        """Find the component that ``[DIST/]NAME[:TARGET]`` names; nothing of it is imported.

        Raises
        ------
        ComponentNotFound, AmbiguousName, BadParameter
            With what was meant; see :func:`spikeproof._host.names.resolve`.
        """
        return resolve(kind, spec, provided=self._provided, plugins=self.plugins, where=where)

    def parameters(self, chosen: Chosen) -> tuple[Parameter, ...]:
        """Return the parameters of a component: the fields of its factory, without the target.

        Raises
        ------
        PluginFailed
            If the factory cannot be imported or is no frozen keyword-only dataclass.
        """
        return parameters_of(import_factory(chosen), who=f"{chosen.label} of {chosen.plugin.label}")

    def build(
        self, chosen: Chosen, parameters: Mapping[str, object], *, where: str, beside: Sequence[str] = ()
    ) -> object:
        """Make a component out of validated parameters.

        Parameters
        ----------
        chosen : Chosen
        parameters : mapping
            Values by name, as a study file or a command line gives them.
        where : str
            What a message begins with (``"study.toml, [[attack]] 1 (pgd)"``).
        beside : sequence of str
            Other keys that may stand there, for the message on an unknown one.

        Raises
        ------
        BadParameter
            If a parameter is unknown, missing, or has the wrong type or value.
        PluginFailed
            If the factory cannot be imported or used.
        """
        from .validation import build

        return build(chosen, parameters, where=where, beside=beside)

    def notify(self, result: object) -> None:
        """Show a finished result to every observer; an exception in one is logged and stops nothing."""
        offered = {"result": result}
        for observer in self._manager.hook.spikeproof_result.get_hookimpls():
            try:
                observer.function(*(offered[name] for name in observer.argnames))
            except Exception:  # noqa: BLE001 - an observer never stops the host
                _log.warning("plugin %s failed on the result, which is unharmed", observer.plugin_name, exc_info=True)
