"""Norms of operators against matrices written out, bounds against what inputs show; and what is refused."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import spikeproof_metrics_network.convolution as convolution_module
import spikeproof_metrics_network.operators as operators_module
import torch
from spikeproof.errors import DataError, ModelError, NotEnoughData, UsageError
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
    secant_lower_bound,
)
from torch import nn
from torch.nn import functional


def written_out(module: nn.Module, shape: tuple[int, ...]) -> Any:
    """The matrix of a linear module, column by column."""
    size = math.prod(shape)
    with torch.no_grad():
        offset = module(torch.zeros(1, *shape, dtype=torch.float64))
        images = module(torch.eye(size, dtype=torch.float64).reshape(size, *shape)) - offset
    return images.reshape(size, -1).numpy().T


CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "padded": {"padding": 1},
    "unpadded": {},
    "strided": {"padding": 1, "stride": 2},
    "uneven": {"padding": (2, 0), "stride": (1, 3)},
    "dilated": {"padding": 2, "dilation": 2, "stride": 2},
    "same": {"padding": "same"},
    "valid": {"padding": "valid"},
    "grouped": {"padding": 1, "groups": 2},
    "reflected": {"padding": 1, "padding_mode": "reflect"},
    "replicated": {"padding": 1, "padding_mode": "replicate"},
    "circular": {"padding": 1, "padding_mode": "circular"},
    "circular strided": {"padding": 1, "padding_mode": "circular", "stride": 2},
    "circular that does not close": {"padding": 2, "padding_mode": "circular"},
}


@pytest.mark.parametrize("large", [False, True], ids=["written out", "too large to be written out"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_a_convolutions_norm_is_that_of_its_matrix(case: str, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    options = CONVOLUTIONS[case]
    groups = options.get("groups", 1)
    torch.manual_seed(0)
    module = nn.Conv2d(4, 6, 3, bias=False, dtype=torch.float64, **options)
    norm = np.linalg.norm(written_out(module, (4, 8, 6)), 2)
    if large:
        monkeypatch.setattr(operators_module, "DENSE", 0)
    kernel = module.weight.detach().numpy()
    bound = convolution_norm(kernel, (8, 6), steps=60, **{**options, "groups": groups})
    assert bound.lower <= norm * (1 + 1e-9)
    assert bound.upper >= norm * (1 - 1e-9)
    assert bound.upper / norm < (1.12 if large else 1 + 1e-9)
    assert bound.lower / norm > 1 - 1e-6


def test_lanczos_bounds_a_convolution_that_no_torus_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators_module, "DENSE", 0)
    monkeypatch.setattr(convolution_module, "WORK", 0)
    torch.manual_seed(0)
    module = nn.Conv2d(3, 5, 3, padding=1, bias=False, dtype=torch.float64)
    norm = np.linalg.norm(written_out(module, (3, 9, 9)), 2)
    few, many = (convolution_norm(module.weight.detach(), (9, 9), padding=1, steps=steps) for steps in (40, 120))
    assert few.lower <= norm * (1 + 1e-12)
    assert norm <= many.upper < few.upper
    assert many.upper / norm < 1.02
    assert many.how == "120 Lanczos steps from a random start; fails with probability 1e-12"
    none = convolution_norm(module.weight.detach(), (9, 9), padding=1, steps=5)
    assert (none.upper, none.how) == (math.inf, "none: 5 Lanczos steps are too few")


def test_one_and_three_dimensions() -> None:
    kernel = np.random.default_rng(0).normal(size=(2, 3, 5))
    module = nn.Conv1d(3, 2, 5, padding=2, bias=False, dtype=torch.float64)
    module.weight = nn.Parameter(torch.from_numpy(kernel))
    norm = np.linalg.norm(written_out(module, (3, 12)), 2)
    assert convolution_norm(kernel, (12,), padding=2).upper == pytest.approx(norm)
    cube = np.random.default_rng(0).normal(size=(2, 1, 2, 2, 2))
    circular = convolution_norm(cube, (4, 4, 4), padding="same", padding_mode="circular")
    assert circular.upper >= convolution_norm(cube, (4, 4, 4)).upper


LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "linear": (nn.Linear(6, 4), (6,)),
    "transposed convolution": (nn.ConvTranspose2d(2, 3, 3, stride=2), (2, 4, 4)),
    "average pool": (nn.AvgPool2d(3, 2, 1), (2, 8, 7)),
    "average pool without its padding": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 8, 7)),
    "average pool, ceiling": (nn.AvgPool2d(2, 2, ceil_mode=True), (2, 7, 5)),
    "adaptive average pool": (nn.AdaptiveAvgPool2d((3, 1)), (2, 7, 5)),
    "batch norm": (nn.BatchNorm2d(3), (3, 4, 4)),
    "upsampling": (nn.Upsample(scale_factor=2), (2, 3, 3)),
    "reflection": (nn.ReflectionPad2d(1), (2, 3, 3)),
    "zero padding": (nn.ZeroPad2d(1), (2, 3, 3)),
}


@pytest.mark.parametrize("case", LAYERS)
def test_a_linear_layers_bound_is_the_norm_of_its_matrix(case: str) -> None:
    layer, shape = LAYERS[case]
    if isinstance(layer, nn.BatchNorm2d):
        layer.running_var = torch.tensor([1.0, 0.25, 4.0])
        layer.weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))
    layer = layer.double().eval()
    assert lipschitz_upper_bound(nn.Sequential(layer).eval(), shape).value == pytest.approx(
        np.linalg.norm(written_out(layer, shape), 2), rel=1e-9
    )


CURVES = [
    nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(1.5), nn.LeakyReLU(0.2), nn.PReLU(init=-2.0), nn.ELU(1.3), nn.CELU(0.4),
    nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Tanh(), nn.Sigmoid(), nn.Softplus(3.0),
    nn.Softsign(), nn.Hardtanh(), nn.Hardsigmoid(), nn.Hardswish(), nn.LogSigmoid(), nn.Tanhshrink(), nn.Softshrink(),
]  # fmt: skip


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_an_activations_bound_is_its_largest_slope(curve: nn.Module) -> None:
    x = torch.linspace(-8, 8, 400_001, dtype=torch.float64)
    with torch.no_grad():
        steepest = float((curve.double()(x).diff() / x.diff()).abs().max())
    bound = lipschitz_upper_bound(nn.Sequential(curve).eval(), (1,)).value
    assert steepest <= bound * (1 + 1e-9)
    assert steepest > bound * (0.15 if isinstance(curve, nn.Hardsigmoid) else 1 - 1e-3)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LayerNorm(8, eps=0.1), (8,)),
        (nn.GroupNorm(2, 4, eps=0.1), (4, 3)),
        (nn.RMSNorm(8, eps=0.1), (8,)),
        (nn.Softmax(dim=1), (2,)),
        (nn.MaxPool2d(3, 2, 1), (1, 5, 5)),
        (nn.MaxPool1d(2, dilation=2, stride=1), (1, 8)),
        (nn.AdaptiveMaxPool1d(3), (1, 7)),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, nn.Module) else "",
)
def test_no_input_shows_more_than_the_bound_and_some_comes_near(layer: nn.Module, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(layer).double().eval()
    bound = lipschitz_upper_bound(net, shape).value
    points = torch.randn(200, *shape, dtype=torch.float64) * torch.logspace(-4, 0, 200).double().reshape(
        -1, *[1] * len(shape)
    )
    if isinstance(layer, (nn.MaxPool2d, nn.MaxPool1d, nn.AdaptiveMaxPool1d)):
        points[0] = 0.0
        points[0].reshape(-1)[points[0].numel() // 2 if len(shape) == 2 else 6] = 1.0  # in as many windows as possible
    found = lipschitz_lower_bound(net, points).value
    assert found <= bound * (1 + 1e-9)
    assert found > 0.9 * bound


class Residual(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


def doubled(*sizes: int) -> nn.Linear:
    layer = nn.Linear(*sizes, bias=False)
    nn.init.eye_(layer.weight)
    layer.weight.data *= 2
    return layer


def test_a_residual_block_has_one_plus_its_branch() -> None:
    bound = lipschitz_upper_bound(nn.Sequential(Residual(doubled(3, 3)), Residual(doubled(3, 3))).eval(), (3,))
    assert bound.value == pytest.approx(9.0)
    assert [(layer.name, layer.kind) for layer in bound.layers] == [
        ("0.inner", "Linear"), ("add", "add"), ("1.inner", "Linear"), ("add_1", "add")
    ]  # fmt: skip
    assert [layer.so_far for layer in bound.layers] == pytest.approx([2, 3, 6, 9])


GRAPHS: dict[str, tuple[Callable[[Any, torch.Tensor], Any], tuple[int, ...], float]] = {
    "sum with itself": (lambda _, x: x + x, (4,), 2.0),
    "constant added": (lambda m, x: m.layer(x) + 1.0, (4,), 2.0),
    "parameter added": (lambda m, x: m.layer(x) - m.scale, (4,), 2.0),
    "scaled": (lambda m, x: 3.0 * m.layer(x) / 2.0, (4,), 3.0),
    "joined": (lambda m, x: torch.cat([x, m.layer(x)], dim=1), (4,), math.sqrt(5)),
    "functions": (lambda m, x: functional.relu(m.layer(x)).tanh(), (4,), 2.0),
    "steep function": (lambda _, x: functional.leaky_relu(x, 3.0), (4,), 3.0),
    "pooled": (lambda _, x: functional.max_pool2d(x, 3, stride=2, padding=1), (1, 8, 8), 2.0),
    "averaged": (lambda _, x: functional.adaptive_avg_pool2d(x, 1).flatten(1), (1, 4, 4), 0.25),
    "mean": (lambda _, x: x.mean(dim=(2, 3)), (1, 4, 4), 0.25),
    "reshaped": (lambda m, x: m.layer(x.view(x.size(0), -1)), (2, 2), 2.0),
    "no dropout": (lambda _, x: functional.dropout(x, 0.5, training=False), (4,), 1.0),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_a_bound_follows_the_graph(case: str) -> None:
    forward, shape, expected = GRAPHS[case]
    assert lipschitz_upper_bound(traceable(forward), shape).value == pytest.approx(expected)


def traceable(forward: Callable[[Any, torch.Tensor], Any]) -> nn.Module:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = doubled(4, 4)
            self.scale = nn.Parameter(torch.ones(4))

        def forward(self, x: torch.Tensor) -> Any:
            return forward(self, x)

    return Net().eval()


def test_upper_and_lower_bounds_enclose_what_pairs_show() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        Residual(nn.Conv2d(4, 4, 3, padding=1)), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5),
    ).double().eval()  # fmt: skip
    points = torch.randn(20, 2, 8, 8, dtype=torch.float64)
    upper = lipschitz_upper_bound(net, (2, 8, 8)).value
    norms = jacobian_norms(net, points)
    assert norms.max() <= upper
    for k in (0, 7):
        jacobian = torch.autograd.functional.jacobian(lambda x: net(x[None])[0], points[k]).reshape(5, -1)
        assert norms[k] == pytest.approx(float(torch.linalg.matrix_norm(jacobian, 2)), rel=1e-9)
    moved = points + 1e-6 * torch.randn_like(points)
    with torch.no_grad():
        secant = secant_lower_bound(points, net(points), moved, net(moved))
    assert secant.value <= norms[secant.where] * (1 + 1e-4)


def test_jacobians_are_made_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    import spikeproof_metrics_network.lower as lower_module

    net, points = nn.Sequential(nn.Linear(3, 2), nn.Tanh()).double().eval(), torch.randn(7, 3, dtype=torch.float64)
    whole = jacobian_norms(net, points)
    monkeypatch.setattr(lower_module, "BLOCK", 12)
    np.testing.assert_allclose(jacobian_norms(net, points), whole, rtol=1e-12)
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("shape", [(80, 200), (200, 80), (100, 100)])
def test_the_norm_of_a_large_matrix_is_its_largest_singular_value(shape: tuple[int, int]) -> None:
    for scale in (1e-200, 1.0, 1e200):
        matrix = scale * np.random.default_rng(0).normal(size=shape)
        assert dense_norm(matrix) == pytest.approx(np.linalg.norm(matrix / scale, 2) * scale, rel=1e-9)
    assert dense_norm(np.zeros((80, 80))) == 0.0


def test_lipsdp_is_tighter_than_the_product_and_holds() -> None:
    pytest.importorskip("cvxpy")
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(8, 4)), rng.normal(size=(6, 8)), rng.normal(size=(2, 6))]
    neuron, layer = lipsdp(weights), lipsdp(weights, "layer")
    assert neuron.value <= layer.value * (1 + 1e-6) < lipschitz_product(weights)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2)).double().eval()
    for part, weight in zip((0, 2, 4), weights, strict=True):
        net[part].weight = nn.Parameter(torch.from_numpy(weight))
    assert lipschitz_lower_bound(net, torch.randn(500, 4, dtype=torch.float64)).value <= neuron.value
    # It grows in proportion to each weight, however large or small.
    scaled = [1e3 * weights[0], 1e-6 * weights[1], weights[2]]
    assert lipsdp(scaled).value == pytest.approx(1e-3 * neuron.value, rel=1e-5)
    assert lipsdp([weights[0], 0 * weights[1], weights[2]]).value == 0.0


def test_lipsdp_of_linear_activations_is_the_norm_of_the_product() -> None:
    pytest.importorskip("cvxpy")
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(5, 3)), rng.normal(size=(2, 5))]
    assert lipsdp(weights, slopes=(1.0, 1.0)).value == pytest.approx(dense_norm(weights[1] @ weights[0]), rel=1e-3)


def test_slopes_of_activations_are_read() -> None:
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(4, 3), nn.LeakyReLU(0.1), nn.Linear(3, 3), nn.Sigmoid(), nn.Linear(3, 2)
    )
    weights, slopes = dense_weights(net.eval())
    assert [weight.shape for weight in weights] == [(3, 4), (3, 3), (2, 3)]
    assert slopes == (0.0, 1.0)


def test_lipsdp_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "cvxpy":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r'needs cvxpy, which is not installed; pip install "spikeproof\[lipschitz\]"'):
        lipsdp([[[1.0]], [[1.0]]])


def test_filters_that_are_zero() -> None:
    zeros = np.zeros((3, 2, 3, 3))
    assert filter_sparsity(zeros) == 1.0
    assert filter_sparsity(np.array([1.0, 0.5]).reshape(2, 1, 1, 1), threshold=0.5) == 0.0
    some = np.random.default_rng(0).normal(size=(3, 2, 3, 3))
    some[0, 0] = 0
    assert filter_sparsity(some) == pytest.approx(1 / 6)
    kept = filter_variance_entropy(some, without_sparse=True)
    assert kept == pytest.approx(filter_variance_entropy(some.reshape(1, 6, 3, 3)[:, 1:]))


def evaluated(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers).eval()


def hooked() -> nn.Module:
    net = evaluated(nn.Linear(2, 2))
    net[0].register_forward_hook(lambda *_: None)  # type: ignore[index]
    return net


ONE = torch.zeros(1, 2)
REFUSALS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "training": (
        lambda: lipschitz_upper_bound(nn.Sequential(nn.ReLU()), (2,)),
        ModelError,
        "Sequential is in training mode",
    ),
    "hooked": (lambda: lipschitz_upper_bound(hooked(), (2,)), ModelError, "a hook on 0 may change what it computes"),
    "unknown layer": (
        lambda: lipschitz_upper_bound(evaluated(nn.Linear(2, 2), nn.InstanceNorm1d(2)), (2, 2)),
        ModelError,
        r"there is no rule for 1 \(InstanceNorm1d\); bound the part of the network before or after it",
    ),
    "unknown operation": (
        lambda: lipschitz_upper_bound(traceable(lambda _, x: torch.exp(x)), (4,)),
        ModelError,
        r"there is no rule for the operation exp \(exp\)",
    ),
    "product of two": (
        lambda: lipschitz_upper_bound(traceable(lambda m, x: x * m.layer(x)), (4,)),
        ModelError,
        "there is no rule for the operation mul",
    ),
    "divided into": (
        lambda: lipschitz_upper_bound(traceable(lambda _, x: 1.0 / x), (4,)),
        ModelError,
        "there is no rule for the operation truediv",
    ),
    "broadcast": (
        lambda: lipschitz_upper_bound(traceable(lambda _, x: x + x[:, :1]), (4,)),
        ModelError,
        "there is no rule for the operation getitem",
    ),
    "random dropout": (
        lambda: lipschitz_upper_bound(traceable(lambda _, x: functional.dropout(x, 0.5)), (4,)),
        ModelError,
        "there is no rule for the operation dropout",
    ),
    "mean over the batch": (
        lambda: lipschitz_upper_bound(traceable(lambda _, x: x.mean()), (4,)),
        ModelError,
        "mean mixes the inputs of a batch",
    ),
    "branching on values": (
        lambda: lipschitz_upper_bound(traceable(lambda _, x: x if x.sum() > 0 else -x), (4,)),
        ModelError,
        "the network cannot be traced",
    ),
    "other inputs": (
        lambda: lipschitz_upper_bound(evaluated(nn.Linear(2, 2)), (3,)),
        ModelError,
        r"inputs of shape \(3,\)",
    ),
    "several outputs": (
        lambda: lipschitz_upper_bound(traceable(lambda _, x: (x, x)), (4,)),
        ModelError,
        "must return one tensor",
    ),
    "batch norm without statistics": (
        lambda: lipschitz_upper_bound(evaluated(nn.BatchNorm1d(2, track_running_stats=False)), (2,)),
        ModelError,
        "keeps no running statistics",
    ),
    "layer norm without eps": (
        lambda: lipschitz_upper_bound(evaluated(nn.LayerNorm(2, eps=0.0)), (2,)),
        ModelError,
        "nothing keeps from 0",
    ),
    "average with a divisor": (
        lambda: lipschitz_upper_bound(evaluated(nn.AvgPool2d(2, divisor_override=3)), (1, 4, 4)),
        ModelError,
        "there is no rule for 0",
    ),
    "cubic upsampling": (
        lambda: lipschitz_upper_bound(evaluated(nn.Upsample(scale_factor=2, mode="bicubic")), (1, 4, 4)),
        ModelError,
        "Upsample with the mode bicubic",
    ),
    "jacobian in training": (lambda: jacobian_norms(nn.Linear(2, 2), ONE), ModelError, "in training mode"),
    "no point": (lambda: jacobian_norms(nn.Linear(2, 2).eval(), ONE[:0]), NotEnoughData, "at least one point"),
    "no gradient": (
        lambda: jacobian_norms(traceable(lambda _, x: x.detach()), ONE),
        ModelError,
        "no gradient with respect to its input",
    ),
    "infinite jacobian": (
        lambda: jacobian_norms(traceable(lambda _, x: torch.sqrt(x)), ONE),
        ModelError,
        "the Jacobian at point 0 is not finite",
    ),
    "secant shapes": (lambda: secant_lower_bound([[1.0]], [[1.0]], [[1.0, 2.0]], [[1.0]]), DataError, "do not fit"),
    "secant without motion": (
        lambda: secant_lower_bound([[1.0]], [[1.0]], [[1.0]], [[1.0]]),
        NotEnoughData,
        "no input differs from its partner",
    ),
    "secant of noise": (
        lambda: secant_lower_bound([[1.0], [1.0]], [[1.0], [1.0]], [[1.0], [2.0]], [[2.0], [1.0]]),
        DataError,
        "outputs differ where inputs are the same",
    ),
    "secant not finite": (lambda: secant_lower_bound([[1.0]], [[1.0]], [[2.0]], [[np.inf]]), DataError, "not finite"),
    "no matrix": (lambda: dense_norm([1.0]), DataError, r"needs a matrix \(output, input\)"),
    "matrix not finite": (lambda: dense_norm([[np.nan]]), DataError, "not finite"),
    "unknown norm": (lambda: dense_norm([[1.0]], "nuclear"), DataError, "choose l2, l1, linf or frobenius"),  # type: ignore[arg-type]
    "no weights": (lambda: lipschitz_product([]), DataError, "at least one layer"),
    "weights that do not fit": (
        lambda: lipschitz_product([np.ones((2, 3)), np.ones((2, 3))]),
        DataError,
        "layer 0 gives 2 values, but layer 1 takes 3",
    ),
    "kernel dimensions": (lambda: convolution_norm(np.ones((2, 2)), (4,)), DataError, "1 to 3 dimensions"),
    "kernel not finite": (lambda: convolution_norm(np.full((1, 1, 1), np.inf), (4,)), DataError, "not finite"),
    "kernel larger than the image": (
        lambda: convolution_norm(np.ones((1, 1, 9, 9)), (4, 4)),
        DataError,
        "torch refuses it",
    ),
    "one weight": (lambda: lipsdp([[[1.0]]]), DataError, "at least two weights"),
    "slopes": (lambda: lipsdp([[[1.0]], [[1.0]]], slopes=(1.0, 0.0)), DataError, "slopes must be finite"),
    "mode": (lambda: lipsdp([[[1.0]], [[1.0]]], "network"), DataError, "must be 'neuron' or 'layer'"),  # type: ignore[arg-type]
    "chain in training": (lambda: dense_weights(nn.Sequential(nn.Linear(2, 2))), ModelError, "in training mode"),
    "no chain": (lambda: dense_weights(nn.Linear(2, 2).eval()), ModelError, "needs a torch.nn.Sequential"),
    "two linear layers": (
        lambda: dense_weights(evaluated(nn.Linear(2, 2), nn.Linear(2, 2))),
        ModelError,
        "layer 1 is a Linear, where an activation must stand",
    ),
    "convolution in a chain": (lambda: dense_weights(evaluated(nn.Conv2d(1, 1, 1))), ModelError, "layer 0 is a Conv2d"),
    "chain ends in an activation": (
        lambda: dense_weights(evaluated(nn.Linear(2, 2), nn.ReLU())),
        ModelError,
        "the last layer must be linear",
    ),
    "filters without dimensions": (lambda: filter_sparsity(np.ones((2, 9))), DataError, "need weights"),
    "filters not finite": (
        lambda: filter_sparsity(np.full((1, 1, 3, 3), np.nan)),
        DataError,
        "9 weights are not finite",
    ),
    "one filter": (lambda: filter_variance_entropy(np.ones((1, 1, 3, 3))), NotEnoughData, "at least 2 filters, got 1"),
    "equal filters": (
        lambda: filter_variance_entropy(np.ones((4, 1, 3, 3))),
        DataError,
        "all filters of the layer are the same",
    ),
    "layer of zeros": (lambda: filter_variance_entropy(np.zeros((4, 1, 3, 3))), DataError, "all filters of the layer"),
    "nothing but sparse filters": (
        lambda: filter_variance_entropy(np.zeros((4, 1, 3, 3)), without_sparse=True),
        NotEnoughData,
        "at least 2 filters, got 0",
    ),
    "normalised 5 x 5": (
        lambda: filter_variance_entropy(np.random.default_rng(0).random((4, 1, 5, 5)), normalised=True),
        DataError,
        "known for 3 x 3 taps only",
    ),
    "two filters normalised": (
        lambda: filter_variance_entropy(np.random.default_rng(0).random((2, 1, 3, 3)), normalised=True),
        NotEnoughData,
        "known for 3 filters or more, got 2",
    ),
    "one output": (
        lambda: filter_orthogonality(np.ones((1, 4, 3, 3))),
        NotEnoughData,
        "at least 2 output channels, got 1",
    ),
    "zero filter": (
        lambda: filter_orthogonality(np.stack([np.ones((1, 3, 3)), np.zeros((1, 3, 3))])),
        DataError,
        r"the filter of output channel 1 is zero \(1 such filters\)",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_has_no_bound_or_no_value_is_refused_by_name(case: str) -> None:
    call, error, text = REFUSALS[case]
    with pytest.raises(error, match=text):
        call()
