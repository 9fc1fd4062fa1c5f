"""Every golden value of Lipschitz bounds and convolution filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from spikeproof_metrics_network import (
    convolution_norm,
    dense_norm,
    dense_weights,
    filter_orthogonality,
    filter_sparsity,
    filter_variance_entropy,
    jacobian_norms,
    lipschitz_lower_bound,
    lipschitz_product,
    lipschitz_upper_bound,
    lipsdp,
)
from torch import nn


def weights(golden: Any) -> list[Any]:
    return [golden[f"W{k}"] for k in range(3)]


def network(golden: Any) -> nn.Sequential:
    layers: list[nn.Module] = []
    for k, weight in enumerate(weights(golden)):
        layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        layer.weight = nn.Parameter(torch.from_numpy(weight))
        layer.bias = nn.Parameter(torch.from_numpy(golden[f"b{k}"]))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).eval()


LIPSCHITZ = {
    "product_spectral": lambda g: lipschitz_upper_bound(network(g), (6,)).value,
    "spectral_norms": lambda g: [dense_norm(weight) for weight in weights(g)],
    "product_l1": lambda g: lipschitz_product(weights(g), "l1"),
    "product_linf": lambda g: lipschitz_product(weights(g), "linf"),
    "product_frobenius": lambda g: lipschitz_product(weights(g), "frobenius"),
    "local_jacobian_norms": lambda g: jacobian_norms(network(g), torch.from_numpy(g["x"])),
    "lower_bound": lambda g: lipschitz_lower_bound(network(g), torch.from_numpy(g["x"])).value,
    "conv_circular_sedghi": lambda g: circular(g).upper,
    "conv_circular_exact": lambda g: circular(g).lower,
    "conv_zero_pad_exact": lambda g: convolution_norm(g["conv_kernel"], (8, 8), padding=1).upper,
    "conv_stride2_zero_pad_exact": lambda g: convolution_norm(g["conv_kernel"], (8, 8), padding=1, stride=2).upper,
    "conv_reshaped_kernel_2norm": lambda g: dense_norm(g["conv_kernel"].reshape(4, -1)),
}
SDP = {
    "lipsdp_neuron": ("neuron", "CLARABEL"),
    "lipsdp_layer": ("layer", "CLARABEL"),
    "lipsdp_neuron_scs": ("neuron", "SCS"),
}


def circular(golden: Any) -> Any:
    return convolution_norm(golden["conv_kernel"], (8, 8), padding=1, padding_mode="circular")


@pytest.mark.parametrize("name", LIPSCHITZ)
def test_lipschitz_bounds_and_norms_of_operators(golden: Any, name: str) -> None:
    values = golden("lipschitz")
    values.assert_close(LIPSCHITZ[name](values), name)


@pytest.mark.parametrize("name", SDP)
def test_lipsdp_is_that_of_the_matrix_inequality(golden: Any, name: str) -> None:
    pytest.importorskip("cvxpy")
    values = golden("lipschitz")
    mode, solver = SDP[name]
    chain, slopes = dense_weights(network(values))
    result = lipsdp(chain, mode, slopes=slopes, solver=solver)  # type: ignore[arg-type]
    values.assert_close(result.value, name, rtol=1e-3, atol=0)
    assert values.out("lower_bound") <= result.value <= values.out("product_spectral")


FILTERS = ("random", "sparse", "lowrank", "orthogonal", "zeros", "depthwise")
STATISTICS = {
    "sparsity": lambda w: filter_sparsity(w),
    "variance_entropy": lambda w: [
        filter_variance_entropy(w, normalised=normalised, convention="torchconvquality") for normalised in (False, True)
    ],
    "orthogonality": lambda w: filter_orthogonality(w, convention="torchconvquality"),
    "cnnfilterdb_entropy_sparsity": lambda w: [
        filter_variance_entropy(w, convention="cnn-filter-db"),
        filter_sparsity(w, convention="cnn-filter-db"),
    ],
    "pypi030": lambda w: [filter_sparsity(w), filter_variance_entropy(w, convention="torchconvquality")],
}
COVERED = [
    *(f"{kind}_{statistic}" for kind in FILTERS for statistic in STATISTICS),
    "sparse_variance_entropy_clean",
]


@pytest.mark.parametrize("name", COVERED)
def test_filter_statistics_are_those_of_torchconvquality_and_cnn_filter_db(golden: Any, name: str) -> None:
    values = golden("filters")
    if name == "sparse_variance_entropy_clean":
        without = [
            filter_variance_entropy(values["sparse"], normalised=normalised, without_sparse=True)
            for normalised in (False, True)
        ]
        values.assert_close(without, name)
        return
    kind, _, statistic = name.partition("_")
    values.assert_close(STATISTICS[statistic](values[kind]), name)


@pytest.mark.parametrize(("file", "covered"), [("lipschitz", [*LIPSCHITZ, *SDP]), ("filters", COVERED)])
def test_every_golden_value_is_covered(golden: Any, file: str, covered: list[str]) -> None:
    assert golden(file).outputs == sorted(covered)


def test_the_norm_of_the_reshaped_kernel_is_no_bound(golden: Any) -> None:
    values = golden("lipschitz")
    assert values.out("conv_reshaped_kernel_2norm") < values.out("conv_zero_pad_exact") < np.inf
