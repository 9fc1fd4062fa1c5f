"""Codes and evidence from arrays, and targets stacked as the host stacks them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import ArrayLike
from spikeproof.pipeline.blocks import as_target, stack_targets
from spikeproof.types import Code, Evidence


def make_code(
    responses: ArrayLike,
    labels: Sequence[str] | None = None,
    *,
    units: str = "spikes",
    sessions: Sequence[str] | None = None,
    system: str = "recording",
    **more: Any,
) -> Code:
    values = np.asarray(responses, dtype=np.float64)
    stimuli = [f"s{i:03d}" for i in range(values.shape[0])]
    names = [f"u{i:03d}" for i in range(values.shape[1])]
    return Code(
        system=system,
        responses=xr.DataArray(
            values,
            dims=("stimulus", "unit"),
            coords={
                "stimulus": stimuli,
                "unit": names,
                "session": ("unit", list(sessions or ["day 1"] * len(names))),
                "subject": ("unit", ["monkey"] * len(names)),
            },
            attrs={"units": units},
        ),
        labels=None if labels is None else xr.DataArray(list(labels), dims="stimulus", coords={"stimulus": stimuli}),
        **more,
    )


def make_evidence(
    code: Code,
    unit: int,
    perturbed: ArrayLike,
    *,
    epsilons: Sequence[float] = (0.5, 1.0),
    stimuli: Sequence[int] | None = None,
    up: ArrayLike | None = None,
    down: ArrayLike | None = None,
    control: str = "",
    attack: str = "pgd",
    objective: str = "unit",
    target: str | None = None,
) -> Evidence:
    """Evidence in which only ``unit`` moved: to ``perturbed`` (epsilon, stimulus)."""
    names = code.responses["stimulus"].values
    attacked = names if stimuli is None else names[list(stimuli)]
    values = np.asarray(perturbed, dtype=np.float64)
    clean = code.responses.sel(stimulus=attacked)
    everything = np.repeat(clean.values[None], len(epsilons), axis=0)
    everything[:, :, unit] = values
    epsilon = xr.DataArray(list(epsilons), dims="epsilon", attrs={"units": "L2 norm"})
    directed = None
    if up is not None and down is not None:
        directed = xr.DataArray(
            np.stack([np.asarray(up, dtype=np.float64), np.asarray(down, dtype=np.float64)]),
            dims=("direction", "epsilon", "stimulus"),
            coords={"direction": ["up", "down"], "epsilon": epsilon, "stimulus": attacked},
        )
    name = str(code.responses["unit"].values[unit])
    return Evidence(
        code=code,
        domain="stimulus",
        attack=attack,
        aim="unit",
        objective=objective,
        control=control,
        target=target or name,
        target_unit=name,
        perturbed=xr.DataArray(
            everything,
            dims=("epsilon", "stimulus", "unit"),
            coords={"epsilon": epsilon, "stimulus": attacked, "unit": code.responses["unit"].values},
        ),
        directed=directed,
    )


def stack(metric: Any, evidences: Sequence[Evidence]) -> xr.Dataset:
    """Measure each and stack along ``target``, as the host does."""
    return stack_targets([as_target(metric.measure(evidence), evidence) for evidence in evidences])


def check_summary(summary: xr.Dataset) -> None:
    """What the host and the report ask of every summary."""
    for name, variable in summary.data_vars.items():
        assert variable["statistic"].values.tolist() == ["estimate", "low", "high"], name
        for key in ("long_name", "units", "definition"):
            assert variable.attrs[key], (name, key)
        assert all(isinstance(value, str | int | float) for value in variable.attrs.values()), name
        assert not np.isnan(variable.sel(statistic="estimate").values).all(), name
        estimate, low, high = (variable.sel(statistic=part).values for part in ("estimate", "low", "high"))
        known = ~np.isnan(low) & ~np.isnan(estimate)
        assert (low[known] <= estimate[known]).all(), name
        assert (estimate[known] <= high[known]).all(), name
        figure = variable.attrs.get("figure", "number")
        assert figure in {"matrix", "curve", "distribution", "number"}
        if figure in {"curve", "distribution"}:
            assert variable.attrs["x"] in variable.dims, name
        if "chance" in variable.attrs:
            assert variable.attrs["chance"] in summary, name
    assert any(variable.attrs.get("headline") == 1 for variable in summary.data_vars.values())


@pytest.fixture(scope="session")
def build() -> SimpleNamespace:
    """The builders: ``build.code``, ``build.evidence``, ``build.stack``, ``build.check``."""
    builders: dict[str, Callable[..., Any]] = {
        "code": make_code,
        "evidence": make_evidence,
        "stack": stack,
        "check": check_summary,
    }
    return SimpleNamespace(**builders)
