"""The plugin host: finds plugins, resolves names, builds and validates components. Private to the toolkit."""

from __future__ import annotations

from .components import Chosen, Kind, PluginStatus, Provided
from .factory import Parameter, parameter_values
from .manager import Host

__all__ = ["Chosen", "Host", "Kind", "Parameter", "PluginStatus", "Provided", "parameter_values"]
