"""What every component holds."""

from __future__ import annotations

import dataclasses
import functools
import json
import pickle
import random
import subprocess
import sys
import tomllib
import typing

from spikeproof._host import PluginStatus, parameter_values
from spikeproof._host.factory import import_factory

from .registry import CheckFailed, check, require
from .subject import Subject

HEAVY = ("numpy", "torch", "pandas", "xarray", "scipy", "sklearn", "h5py", "pynwb", "matplotlib", "pydantic", "PIL")
"""What a listing of plugins must not import."""

_PROBE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from importlib.metadata import entry_points
import spikeproof.plugin
for point in entry_points(group="spikeproof", name=sys.argv[3]):
    if point.dist.name == sys.argv[2]:
        point.load()
print(json.dumps(sorted(sys.modules)))
"""


@check()
def check_listing_it_imports_nothing_heavy(subject: Subject) -> None:
    """The plugin's module imports no large library, so that every listing stays fast."""
    plugin = subject.chosen.plugin
    heavy = [name for name in HEAVY if name in _modules(plugin, tuple(sys.path))]
    names = ", ".join(heavy)
    require(not heavy, f"plugin {plugin.label} imports {names} when it is listed: import them in its components")


@functools.cache
def _modules(plugin: PluginStatus, path: tuple[str, ...]) -> frozenset[str]:
    """Modules that a fresh interpreter holds after loading the plugin."""
    command = [sys.executable, "-c", _PROBE, json.dumps(path), plugin.distribution, plugin.name]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    if run.returncode:
        raise CheckFailed(f"plugin {plugin.label} cannot be loaded in a fresh interpreter: {run.stderr.strip()}")
    return frozenset(json.loads(run.stdout))


@check()
def check_every_parameter_is_described(subject: Subject) -> None:
    """Its factory has a docstring, and each parameter a help text and a default."""
    factory = import_factory(subject.chosen)
    text = (factory.__doc__ or "").strip()
    require(text and not text.startswith(f"{factory.__name__}("), f"{factory.__name__} has no docstring")
    for parameter in subject.host.parameters(subject.chosen):
        require(parameter.help, f"{parameter.name} has no help text: write Annotated[type, 'What it does, its unit.']")
        require(parameter.default is not dataclasses.MISSING, f"{parameter.name} has no default")


@check()
def check_parameters_survive_a_study_file(subject: Subject) -> None:
    """Written to TOML and read back, its parameters make an equal component."""
    import tomli_w

    component = subject.build()
    defaults = {item.name: item.default for item in subject.host.parameters(subject.chosen)}
    values: dict[str, object] = {}
    for name, value in parameter_values(component).items():
        if value is not None:
            values[name] = value
        elif defaults[name] is not None:
            values[name] = "none"  # TOML has no null
    try:
        text = tomli_w.dumps(values)
    except TypeError as error:
        raise CheckFailed(f"its parameters {values} cannot be written to a study file: {error}") from error
    again = subject.build(tomllib.loads(text))
    require(again == component, f"its parameters change on the way through a study file: {component} became {again}")


@check()
def check_it_can_be_sent_to_a_worker(subject: Subject) -> None:
    """Pickled and unpickled, it is equal to itself."""
    component = subject.build()
    try:
        again = pickle.loads(pickle.dumps(component))  # noqa: S301 - our own pickle
    except Exception as error:
        raise CheckFailed(f"it cannot be pickled: {error}") from error
    require(again == component, f"pickled, {component} became {again}")


@check()
def check_global_state_is_left_as_found(subject: Subject) -> None:
    """Using it changes neither global random numbers nor torch's gradient mode, default type or threads."""
    from .exercises import exercise

    before = _state()
    exercise(subject)
    for name, value in _state().items():
        require(value == before[name], f"using it changed {name}")


def _state() -> dict[str, object]:
    import numpy as np
    import torch

    legacy = typing.cast("tuple[object, ...]", np.random.get_state())
    return {
        "the random state of the standard library": random.getstate(),
        "numpy's global random state": str(legacy),
        "torch's global random state": torch.get_rng_state().tolist(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's number of threads": torch.get_num_threads(),
        "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
    }
