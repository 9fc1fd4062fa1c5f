"""Codes of known truth for tests: Gaussian units whose category signal is placed by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from spikeproof.pipeline.blocks import as_target, stack_targets
from spikeproof.types import Code, Evidence, LinearReadout


def category_code(
    signal: NDArray[np.float64],
    *,
    stimuli: int = 120,
    classes: int = 2,
    seed: int = 0,
    baseline: float = 0.0,
    folds: int = 5,
    covariance: NDArray[np.float64] | None = None,
    sessions: tuple[str, ...] | None = None,
) -> Code:
    """Code of unit-variance Gaussian units.

    Category k of two lies at +-signal / 2; of more, its mean is ``signal`` on the units of its own block of columns.
    """
    rng = np.random.default_rng(seed)
    units = len(signal)
    label = np.arange(stimuli) % classes
    if classes == 2:
        means = np.stack([-signal / 2, signal / 2])
    else:
        means = np.stack([np.where(np.arange(units) % classes == k, signal, 0.0) for k in range(classes)])
    values = baseline + means[label] + rng.standard_normal((stimuli, units))
    return build_code(values, label.astype(str), folds=folds, covariance=covariance, sessions=sessions)


def build_code(
    values: NDArray[np.float64],
    labels: NDArray[np.str_] | None = None,
    *,
    folds: int = 5,
    covariance: NDArray[np.float64] | None = None,
    sessions: tuple[str, ...] | None = None,
) -> Code:
    """Code with these responses (stimulus, unit), and a held-out logistic readout if there are labels."""
    stimuli, units = values.shape
    ids = np.array([f"s{row}" for row in range(stimuli)])
    names = np.array([f"u{column}" for column in range(units)])
    where = np.array(sessions if sessions is not None else ["day"] * units)
    responses = xr.DataArray(
        values,
        dims=("stimulus", "unit"),
        coords={
            "stimulus": ids,
            "unit": names,
            "session": ("unit", where),
            "subject": ("unit", np.array(["animal"] * units)),
        },
        attrs={"units": "Hz"},
    )
    noise = None
    if covariance is not None:
        noise = xr.DataArray(covariance, dims=("unit", "unit_other"))
    if labels is None:
        return Code(system="recording", responses=responses, noise_covariance=noise)
    readout = fit_readout(values, labels, ids, folds)
    return Code(
        system="recording",
        responses=responses,
        labels=xr.DataArray(labels, dims=("stimulus",), coords={"stimulus": ids}),
        choices=xr.DataArray(readout.choices(values, ids.tolist()), dims=("stimulus",), coords={"stimulus": ids}),
        readout=readout,
        noise_covariance=noise,
    )


def fit_readout(
    values: NDArray[np.float64], labels: NDArray[np.str_], ids: NDArray[np.str_], folds: int = 5
) -> LinearReadout:
    """Logistic readout in stratified folds; with two classes the weights are those of the second against zero."""
    classes = np.unique(labels)
    fold = np.empty(len(ids), dtype=np.intp)
    weights = np.zeros((folds, len(classes), values.shape[1]))
    intercepts = np.zeros((folds, len(classes)))
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    for number, (train, test) in enumerate(split.split(values, labels)):
        fold[test] = number
        model = LogisticRegression(C=1.0, max_iter=2000).fit(values[train], labels[train])
        if len(classes) == 2:
            weights[number, 1], intercepts[number, 1] = model.coef_[0], model.intercept_[0]
        else:
            weights[number], intercepts[number] = model.coef_, model.intercept_
    return LinearReadout(
        classes=tuple(map(str, classes)),
        weights=weights,
        intercepts=intercepts,
        stimuli=tuple(map(str, ids)),
        fold=fold,
    )


def perturb(
    code: Code,
    perturbed: NDArray[np.float64],
    doses: tuple[float, ...],
    *,
    stimuli: tuple[str, ...] | None = None,
    units: str = "L2 norm",
    **identity: str | None,
) -> Evidence:
    """Evidence of responses (epsilon, stimulus, unit), with the readout's choices where the code has a readout."""
    names = stimuli if stimuli is not None else tuple(code.responses["stimulus"].values.tolist())
    coords = {
        "epsilon": xr.DataArray(np.array(doses), dims=("epsilon",), attrs={"units": units}),
        "stimulus": list(names),
    }
    choices = None
    if code.readout is not None:
        choices = xr.DataArray(code.readout.choices(perturbed, names), dims=("epsilon", "stimulus"), coords=coords)
    about = {"attack": "pgd", "domain": "stimulus", "aim": "population", "objective": "population", "target": "all"}
    return Evidence(
        code=code,
        perturbed=xr.DataArray(
            perturbed, dims=("epsilon", "stimulus", "unit"), coords={**coords, "unit": code.responses["unit"].values}
        ),
        choices=choices,
        **(about | identity),  # type: ignore[arg-type]
    )


def stack(measured: Iterable[tuple[Evidence, xr.Dataset]]) -> xr.Dataset:
    """Stack targets as the host does."""
    return stack_targets([as_target(values, evidence) for evidence, values in measured])


def check_summary(summary: xr.Dataset) -> None:
    """What the host asks of every summary."""
    for name, variable in summary.data_vars.items():
        assert "statistic" in variable.dims, name
        assert variable["statistic"].values.tolist() == ["estimate", "low", "high"]
        for key in ("long_name", "units", "definition"):
            assert isinstance(variable.attrs.get(key), str), (name, key)
            assert variable.attrs[key], (name, key)
        assert variable.sel(statistic="estimate").notnull().any(), name
        chance = variable.attrs.get("chance")
        assert chance is None or chance in summary, name
        for key in ("rows", "columns", "x"):
            assert key not in variable.attrs or variable.attrs[key] in variable.dims, (name, key)
        estimate, low, high = (variable.sel(statistic=s).values for s in ("estimate", "low", "high"))
        defined = ~np.isnan(low) & ~np.isnan(estimate)
        assert (low[defined] <= high[defined]).all(), name
