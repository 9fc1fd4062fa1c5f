"""Statistics of the convolution filters on the way to a layer, beside random filters of the same shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
import xarray as xr
from spikeproof.errors import BadParameter, DataError
from spikeproof.statistics import interval
from spikeproof.summaries import against, annotated, with_bounds
from spikeproof.types import Evidence, generator
from spikeproof.wording import joined, number
from torch import nn

from .filters import filter_orthogonality, filter_sparsity, filter_variance_entropy
from .inside import transparent

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.statistics import Resampling
    from spikeproof.types import Code, NetworkEvidence

__all__ = ["FilterStatistics"]

_SOURCE = "Gavrikov & Keuper 2022, arXiv:2203.15331"
_EXACT = "Of all filters of the layer: no sample, so that both bounds are the number itself."
_WHAT = {
    "sparsity": (
        "sparsity of filters",
        "share",
        "Share of kernels (output x input channel) all of whose weights are below a share of the layer's largest.",
    ),
    "variance_entropy": (
        "variance entropy of filters",
        "log10",
        "Entropy of how the kernels' variance spreads over principal components: 0 if all are multiples of one "
        "pattern, log10 of the number of taps (0.954 for 3 x 3) if they vary alike in all directions.",
    ),
    "orthogonality": (
        "orthogonality of filters",
        "1",
        "1 less the mean absolute cosine between the filters of different output channels; 1 if all are orthogonal.",
    ),
}
"""Long name, unit and definition of each statistic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterStatistics:
    """Sparsity, variance entropy and orthogonality of every convolution's filters."""

    threshold: Annotated[
        float, "A kernel is sparse if all its weights are below this share of the layer's largest."
    ] = 0.01
    draws: Annotated[int, "Random filters of the same shape (normal, independent) that a layer is compared with."] = 40

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise BadParameter(f"filters: threshold must lie between 0 and 1, got {self.threshold}")
        if self.draws < 2:
            raise BadParameter(f"filters: draws must be at least 2, got {self.draws}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Compute them for the convolutions that run on the way to the layer, in their order.

        Returns
        -------
        xarray.Dataset
            ``sparsity``, ``variance_entropy``, ``orthogonality`` (convolution,), NaN where one is not defined, and
            the same of random filters, ``sparsity_random`` ... (draw, convolution).

        Raises
        ------
        spikeproof.errors.DataError
            If there is no network, it cannot be looked into, or no two-dimensional convolution runs before the layer.
        """
        if evidence.network is None:
            raise DataError("filters: needs a network, and this evidence comes without one")
        layers = _convolutions(evidence.network, evidence.code)
        if not layers:
            raise DataError(
                "filters: no two-dimensional convolution (torch.nn.Conv2d) runs on the way to this layer: read a layer "
                "of a convolutional network"
            )
        found: dict[str, list[float]] = {name: [] for name in _WHAT}
        random: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _WHAT}
        for name, weights in layers.items():
            rng = generator(evidence.network.seed, "filters", name)
            drawn = [rng.standard_normal(weights.shape) for _ in range(self.draws)]
            for what, statistic in self._statistics().items():
                found[what].append(_or_nan(statistic, weights))
                random[what].append(np.array([_or_nan(statistic, one) for one in drawn]))
        out = xr.Dataset(coords={"convolution": list(layers), "draw": np.arange(self.draws)})
        for what in _WHAT:
            out[what] = ("convolution", found[what])
            out[f"{what}_random"] = (("draw", "convolution"), np.stack(random[what], axis=1))
        return out

    def _statistics(self) -> dict[str, Callable[[NDArray[np.float64]], float]]:
        return {
            "sparsity": lambda weights: filter_sparsity(weights, threshold=self.threshold),
            "variance_entropy": filter_variance_entropy,
            "orthogonality": filter_orthogonality,
        }

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Every statistic by convolution and on average, beside random filters.

        Returns
        -------
        xarray.Dataset
            ``NAME`` and ``NAME_random`` (statistic, depth), ``mean_NAME`` and ``mean_NAME_random`` (statistic,), for
            ``sparsity``, ``variance_entropy`` and ``orthogonality``; what is defined for no convolution is absent.
        """
        found = measured.isel(target=0).reset_coords(drop=True)
        names = found["convolution"].values.astype(str).tolist()
        out = xr.Dataset()
        for what, (long_name, units, definition) in _WHAT.items():
            values, random = found[what].values, found[f"{what}_random"].transpose("draw", "convolution").values
            defined = np.isfinite(values) & np.isfinite(random).all(axis=0)
            if not defined.any():
                continue
            says = f"{definition} {_SOURCE}."
            mean, means = values[defined].mean(), random[:, defined].mean(axis=1)
            out[f"mean_{what}"] = annotated(
                with_bounds(mean, mean, mean),
                long_name=f"{long_name}, mean over convolutions",
                units=units,
                definition=f"{says} Mean over {int(defined.sum())} convolutions. {_EXACT}",
                chance=f"mean_{what}_random",
                headline=1,
            )
            beside = f"Of {len(random)} draws of random normal filters of the same shapes: mean and range."
            out[f"mean_{what}_random"] = annotated(
                with_bounds(means.mean(), *interval(means, means.mean(), resampling.level)),
                long_name=f"{long_name}, random, mean over convolutions",
                units=units,
                definition=f"{says} {beside}",
            )
            out[what] = annotated(
                _along(names, np.where(defined, values, np.nan)),
                long_name=long_name,
                units=units,
                definition=f"{says} {_EXACT}",
                figure="curve",
                x="depth",
                chance=f"{what}_random",
                caption="Convolutions in the order in which they run: "
                + ", ".join(f"{place} {name}" for place, name in enumerate(names, 1))
                + ".",
            )
            drawn = np.where(defined, random, 0.0)
            low, high = interval(drawn, drawn.mean(axis=0), resampling.level)
            parts = (np.where(defined, part, np.nan) for part in (drawn.mean(axis=0), low, high))
            out[f"{what}_random"] = annotated(
                _along(names, *parts), long_name=f"{long_name}, random", units=units, definition=f"{says} {beside}"
            )
        return out

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say where the means stand to random filters, and what is not defined."""
        for what, (long_name, _, _) in _WHAT.items():
            if f"mean_{what}" not in summary:
                yield f"The {long_name} is not defined for any convolution here."
                continue
            value, random = summary[f"mean_{what}"], summary[f"mean_{what}_random"]
            low, high = (number(float(random.sel(statistic=bound))) for bound in ("low", "high"))
            where = against(value, random)
            place = {"above": "more than", "below": "less than", "within": "as much as"}[where]
            yield (
                f"The {long_name} is {number(float(value.sel(statistic='estimate')))} on average over convolutions, "
                f"{place} that of random filters ({low} to {high})."
            )
            absent = summary[what].isel(depth=np.flatnonzero(summary[what].sel(statistic="estimate").isnull().values))
            if absent.sizes["depth"]:
                names = joined([repr(name) for name in absent["convolution"].values.tolist()])
                yield f"It is not defined for {names} (too few filters, filters of zeros, or all of them alike)."


def _along(names: list[str], *parts: NDArray[np.float64]) -> xr.DataArray:
    """Estimate and bounds along the depth of the network; one part is its own bounds."""
    estimate, low, high = parts if len(parts) > 1 else parts * 3
    values = with_bounds(estimate, low, high).rename(dim_0="depth")
    depth = xr.DataArray(np.arange(1, len(names) + 1), dims="depth", attrs={"long_name": "convolution"})
    return values.assign_coords(depth=depth, convolution=("depth", names))


def _or_nan(statistic: Callable[[NDArray[np.float64]], float], weights: NDArray[np.float64]) -> float:
    """A statistic, or NaN where these weights have none: the summary says so."""
    try:
        return statistic(weights)
    except DataError:
        return float("nan")


def _convolutions(network: NetworkEvidence, code: Code) -> dict[str, NDArray[np.float64]]:
    """Weights of the convolutions that run before the layer is read, by name, in the order in which they run."""
    module = transparent(network.model, "filters", code).module
    ran: dict[str, NDArray[np.float64]] = {}
    handles = []
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            handles.append(part.register_forward_hook(_noting(ran, name)))
    try:
        with torch.no_grad():
            network.model.responses(torch.from_numpy(network.stimuli.images(network.stimuli.ids[:1])))
    finally:
        for handle in handles:
            handle.remove()
    for name, weights in ran.items():
        if not np.isfinite(weights).all():
            raise DataError(f"filters: weights of {name or 'the network'!r} are not finite")
    return ran


def _noting(ran: dict[str, NDArray[np.float64]], name: str) -> Callable[[nn.Module, object, object], None]:
    def hook(part: nn.Module, inputs: object, output: object) -> None:  # noqa: ARG001 - torch passes them
        weight = part.weight
        if isinstance(weight, torch.Tensor):
            ran.setdefault(name, weight.detach().double().cpu().numpy())

    return hook
