"""MFTMA, model-vs-human and netrep from their own files, on the arrays of ``sizes.py``: one side of ``run.py``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from functools import cache
from itertools import combinations
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import rounds as turns
import sizes


@cache
def _opened(source: str, name: str) -> types.ModuleType:
    """Run one file as a module of that name."""
    package = name.rpartition(".")[0]
    if package:  # model-vs-human: what its file imports for plots and lists of classes only
        for around in (package.partition(".")[0], package):
            sys.modules[around] = types.ModuleType(around)
            sys.modules[around].__path__ = []
        for unused in ("modelvshuman.constants", "modelvshuman.helper", "modelvshuman.plotting.decision_makers"):
            sys.modules[unused] = MagicMock()
    spec = importlib.util.spec_from_file_location(name, source)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _choices() -> pd.DataFrame:
    """The choices as model-vs-human holds them after it read its files."""
    chosen, truth = sizes.choices()
    level, observer, image = (grid.ravel() for grid in np.indices(chosen.shape))
    names = np.array([f"c{k:02d}" for k in range(sizes.CATEGORIES)], dtype=object)
    return pd.DataFrame(
        {
            "condition": level,
            "subj": [f"o{k:03d}" for k in observer],
            "image_id": [f"i{k:03d}" for k in image],
            "object_response": names[chosen.ravel()],
            "category": names[np.broadcast_to(truth[:, None], chosen.shape).ravel()],
        }
    )


@cache
def _netrep(source: str) -> types.ModuleType:
    """The linear metrics of netrep, without what its package imports for others (torch)."""
    folder = Path(source).parents[1]
    for name, path in (("netrep", folder), ("netrep.metrics", folder / "metrics")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
    return importlib.import_module("netrep.metrics.linear")


READY = sizes.Prepared(choices=_choices, manifold=sizes.manifold, aligned=sizes.aligned)


def kappa(source: str) -> list[float]:
    """Mean error consistency of all pairs of observers, and that of each pair; each pair once, not twice as there."""
    measure = _opened(source, "modelvshuman.plotting.analyses").ErrorConsistency()
    table = READY["choices"]
    observers, levels = sorted(set(table["subj"])), sorted(set(table["condition"]))
    each = []
    for first, second in combinations(observers, 2):
        found = []
        for level in levels:
            one = table.loc[(table["condition"] == level) & (table["subj"] == first)]
            other = table.loc[(table["condition"] == level) & (table["subj"] == second)]
            found.append(measure.analysis(one, other)["error-consistency"])
        each.append(np.mean(found))
    return [float(np.mean(each)), *sizes.shown(each)]


def capacity(source: str) -> list[float]:
    """Capacity, radius and dimension of one manifold from given probes."""
    points, probes = READY["manifold"]
    analyse = _opened(source, "manifold_analysis_correlation").each_manifold_analysis_D1
    return [float(one) for one in analyse(points, 0, probes.shape[1], t_vec=probes)]


def shape(source: str, alpha: float) -> list[float]:
    """Shape distance."""
    return [float(_netrep(source).LinearMetric(alpha=alpha).fit_score(*READY["aligned"]))]


if __name__ == "__main__":
    turns.serve({"forget": READY.forget, "kappa": kappa, "capacity": capacity, "shape": shape})
