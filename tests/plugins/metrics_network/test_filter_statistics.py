"""The metric ``filters``: every convolution on the way to a layer, beside random filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from spikeproof.errors import BadParameter, DataError
from spikeproof.statistics import Resampling
from spikeproof.testing.toy_network import toy_network
from spikeproof.testing.toys import toy_code
from spikeproof.types import Evidence
from spikeproof_metrics_network import filter_orthogonality, filter_sparsity, filter_variance_entropy
from spikeproof_metrics_network.filter_statistics import FilterStatistics
from torch import nn


@dataclass(frozen=True, kw_only=True, eq=False)
class Whole:
    """A transparent response model of a whole network."""

    module: nn.Module
    layer: str = "output"
    units: tuple[str, ...] = ("a",)
    classes: tuple[str, ...] | None = None

    def select(self, units: Sequence[int]) -> Whole:
        raise NotImplementedError

    def read(self, output: torch.Tensor) -> torch.Tensor:
        return output.flatten(1)

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        return self.read(self.module(images.double()))

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError


def summary_of(module: nn.Module, metric: FilterStatistics | None = None) -> tuple[xr.Dataset, list[str]]:
    metric = metric or FilterStatistics(draws=20)
    evidence = Evidence(code=toy_code(), network=replace(toy_network(), model=Whole(module=module.double())))
    measured = metric.measure(evidence).expand_dims("target")
    summary = metric.summarise(measured, toy_code(), Resampling())
    return summary, list(metric.describe(summary, toy_code()))


class Crossed(nn.Module):
    """Runs its second convolution first, and has one that it never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.late = nn.Conv2d(4, 8, 3)
        self.early = nn.Conv2d(1, 4, 3)
        self.unused = nn.Conv2d(1, 1, 1)

    def forward(self, x: torch.Tensor) -> Any:
        return self.late(self.early(x))


def weights(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(3).normal(size=shape))


def test_statistics_are_those_of_each_convolution_in_the_order_in_which_they_run() -> None:
    net = Crossed()
    for part in (net.late, net.early):
        part.weight = nn.Parameter(weights(*part.weight.shape))
    with torch.no_grad():
        net.late.weight[0] *= 1e-4
    summary, said = summary_of(net)
    assert summary["convolution"].values.tolist() == ["early", "late"]
    estimates = summary.sel(statistic="estimate")
    for name, function in (
        ("sparsity", filter_sparsity),
        ("variance_entropy", filter_variance_entropy),
        ("orthogonality", filter_orthogonality),
    ):
        expected = [function(part.weight.detach().numpy()) for part in (net.early, net.late)]
        np.testing.assert_allclose(estimates[name], expected)
        assert float(estimates[f"mean_{name}"]) == pytest.approx(np.mean(expected))
        assert (summary[name].sel(statistic="low") == estimates[name]).all()
        assert (summary[f"{name}_random"].sel(statistic="low") <= summary[f"{name}_random"].sel(statistic="high")).all()
    assert float(estimates["sparsity"].sel(depth=2)) == 1 / 8
    assert said[0] == (
        "The sparsity of filters is 0.0625 on average over convolutions, more than that of random filters (0 to 0)."
    )


def test_normal_filters_are_like_random_ones_and_equal_ones_are_not() -> None:
    torch.manual_seed(0)
    net = nn.Conv2d(1, 64, 3)
    net.weight = nn.Parameter(weights(*net.weight.shape))
    _, said = summary_of(net)
    assert all("as much as that of random filters" in text for text in said)
    pattern = torch.ones(64, 1, 3, 3, dtype=torch.float64) * torch.linspace(1, 2, 64).double()[:, None, None, None]
    net.weight = nn.Parameter(pattern)
    summary, said = summary_of(net)
    assert float(summary["mean_orthogonality"].sel(statistic="estimate")) == pytest.approx(0.0, abs=1e-9)
    assert "less than that of random filters" in said[1]


def test_what_a_layer_has_no_value_for_is_said() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 1, 3))
    net[0].weight = nn.Parameter(weights(2, 1, 3, 3))
    net[1].weight = nn.Parameter(weights(1, 2, 3, 3))
    summary, said = summary_of(net)
    values = summary["orthogonality"].sel(statistic="estimate").values
    assert np.isfinite(values).tolist() == [True, False]
    assert "It is not defined for '1' (too few filters, filters of zeros, or all of them alike)." in said
    _, said = summary_of(nn.Conv2d(1, 1, 3))
    assert "The orthogonality of filters is not defined for any convolution here." in said


def test_the_network_is_left_as_it_was() -> None:
    net = Crossed().double()
    summary_of(net)
    assert not any(part._forward_hooks for part in net.modules())


class Opaque:
    units = ("a",)


def test_it_refuses_by_name() -> None:
    metric = FilterStatistics()
    with pytest.raises(DataError, match="no two-dimensional convolution"):
        summary_of(nn.Flatten())
    with pytest.raises(DataError, match="needs a network"):
        metric.measure(Evidence(code=toy_code()))
    with pytest.raises(DataError, match="the network cannot be looked into"):
        metric.measure(Evidence(code=toy_code(), network=replace(toy_network(), model=Opaque())))  # type: ignore[arg-type]
    broken = nn.Conv2d(1, 1, 3).double()
    broken.weight = nn.Parameter(torch.full_like(broken.weight, torch.nan))
    with pytest.raises(DataError, match="weights of 'the network' are not finite"):
        summary_of(broken)
    for bad in ({"threshold": 1.0}, {"draws": 1}):
        with pytest.raises(BadParameter, match=f"{next(iter(bad))} must"):
            FilterStatistics(**bad)  # type: ignore[arg-type]
