"""The metric ``lipschitz``: what it says of networks whose constants are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from spikeproof.errors import BadParameter, DataError, ModelError, UsageError
from spikeproof.plugin import MetricEntry
from spikeproof.statistics import Resampling
from spikeproof.testing.toy_evidence import toy_evidence
from spikeproof.testing.toys import toy_code
from spikeproof.types import Evidence, NetworkEvidence, StimulusSet
from spikeproof_metrics_network import lipschitz_upper_bound, lipsdp
from spikeproof_metrics_network.filter_statistics import FilterStatistics
from spikeproof_metrics_network.inside import sdp_bound_of, upper_bound_of
from spikeproof_metrics_network.lipschitz import Lipschitz
from spikeproof_metrics_network.plugin import spikeproof_metrics
from spikeproof_metrics_network.slopes import slopes_at
from torch import nn

ENTRY = next(entry for entry in spikeproof_metrics() if entry.name == "lipschitz")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A transparent response model that reads a submodule flattened, with a gain."""

    module: nn.Module
    layer: str = "output"
    units: tuple[str, ...] = ("a",)
    gain: float = 1.0
    classes: tuple[str, ...] | None = None

    def select(self, units: Sequence[int]) -> Layer:
        raise NotImplementedError

    def read(self, output: torch.Tensor) -> torch.Tensor:
        return self.gain * output.flatten(1) + 3

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        part = dict(self.module.named_modules()).get(self.layer, self.module)
        handle = part.register_forward_hook(lambda _, __, output: seen.append(output))
        self.module(images.double())
        handle.remove()
        return self.read(seen[0])

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError


def network(model: Any, shape: tuple[int, int, int] = (1, 4, 4), count: int = 3) -> NetworkEvidence:
    pixels = np.random.default_rng(0).random((count, *shape), dtype=np.float32)
    ids = pd.Index([f"s{row}" for row in range(count)], name="stimulus_id")
    stimuli = StimulusSet(table=pd.DataFrame(index=ids), shape=shape, read=lambda rows: pixels[list(rows)])
    return NetworkEvidence(model=model, stimuli=stimuli, seed=0)


def dense(*sizes: int, last: nn.Module | None = None) -> nn.Sequential:
    generator = torch.Generator().manual_seed(5)
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        linear = nn.Linear(inputs, outputs).double()
        linear.weight = nn.Parameter(torch.randn(outputs, inputs, generator=generator, dtype=torch.float64))
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1], *([last] if last else [])).eval()


def measured(metric: Lipschitz, evidences: Sequence[Evidence]) -> xr.Dataset:
    found = []
    for evidence in evidences:
        coords = {
            name: ("target", [getattr(evidence, name) or ""]) for name in ("attack", "objective", "control", "target")
        }
        found.append(metric.measure(evidence).expand_dims("target").assign_coords(coords))
    return xr.concat(found, dim="target", join="outer", coords="minimal", compat="equals", combine_attrs="override")


def estimate(summary: xr.Dataset, name: str) -> float:
    return float(summary[name].sel(statistic="estimate"))


def test_a_linear_network_has_one_constant_and_both_bounds_are_it() -> None:
    net = dense(16, 5)
    norm = float(np.linalg.norm(net[1].weight.detach().numpy(), 2))
    units = tuple("abcde")
    metric = Lipschitz()
    evidence = Evidence(code=toy_code(range(5)), network=network(Layer(module=net, units=units, gain=2.0)))
    summary = metric.summarise(measured(metric, [evidence]), toy_code(), Resampling(draws=40))
    assert estimate(summary, "upper") == pytest.approx(2 * norm)
    assert estimate(summary, "lower") == pytest.approx(2 * norm, rel=1e-6)
    assert estimate(summary, "looseness") == pytest.approx(1.0, rel=1e-6)
    assert summary["upper"].values.tolist() == [estimate(summary, "upper")] * 3
    frobenius = float(np.linalg.norm(net[1].weight.detach().numpy()))
    assert estimate(summary, "random_mean") == pytest.approx(2 * frobenius / 4, rel=1e-6)
    said = list(metric.describe(summary, toy_code()))
    assert "by more than" in said[0]
    assert "the bound is 1 times as much" in said[0]


def test_the_bound_is_of_what_leads_to_the_layer_and_not_further() -> None:
    net = nn.Sequential(dense(16, 6, last=nn.ReLU()), nn.Softmin(dim=1)).eval()
    first = net[0][1]
    for name in ("0", "0.2"):
        bound = upper_bound_of(Layer(module=net, layer=name), (1, 4, 4), steps=50, seed=0)
        assert bound.value == pytest.approx(np.linalg.norm(first.weight.detach().numpy(), 2))
        assert bound.layers[-1].name == "units"
    with pytest.raises(DataError, match=r"there is no rule for 1 \(Softmin\).*set bounds to lower"):
        upper_bound_of(Layer(module=net), (1, 4, 4), steps=50, seed=0)


def test_a_mean_over_positions_shortens_by_the_root_of_their_number() -> None:
    class Mean(Layer):
        def read(self, output: torch.Tensor) -> torch.Tensor:
            return output.mean(dim=(2, 3))

    bound = upper_bound_of(Mean(module=nn.Identity()), (2, 4, 4), steps=50, seed=0)
    assert bound.value == pytest.approx(1 / 4)


class Scaled(nn.Module):
    """Pixels less a mean, over a deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((1, 1, 1), 0.5))
        self.register_buffer("deviation", torch.tensor([0.5, 0.25]).reshape(2, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.deviation  # type: ignore[operator]


def test_scaling_of_pixels_by_constants_is_known() -> None:
    assert lipschitz_upper_bound(Scaled().eval(), (2, 3, 3)).value == 4.0


def test_multiplying_by_a_constant_from_the_left_is_known() -> None:
    class Left(Scaled):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.deviation * x  # type: ignore[operator]

    assert lipschitz_upper_bound(Left().eval(), (2, 3, 3)).value == 0.5


class InPlace(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 1.0
        y.mul_(3.0)
        return y


class Overwritten(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 1.0
        z = y
        z += 2 * y
        return y + z


def test_what_is_overwritten_and_read_again_is_refused() -> None:
    with pytest.raises(ModelError, match="mul_ overwrites a value that is read again"):
        lipschitz_upper_bound(InPlace().eval(), (2, 3, 3))
    with pytest.raises(ModelError, match="gives other values than the network itself"):
        lipschitz_upper_bound(Overwritten().eval(), (2, 3, 3))


def test_layers_in_training_mode_are_refused_only_where_that_changes_them() -> None:
    harmless = nn.Sequential(nn.Flatten(), nn.ReLU())
    assert upper_bound_of(Layer(module=harmless), (1, 2, 2), steps=5, seed=0).value == 1.0
    with pytest.raises(DataError, match="1 is in training mode"):
        upper_bound_of(Layer(module=nn.Sequential(nn.Flatten(), nn.Dropout(0.0))), (1, 2, 2), steps=5, seed=0)


def test_a_map_from_many_inputs_to_few_outputs_is_not_written_out_as_a_square() -> None:
    linear = nn.Conv2d(1, 1, 200, bias=False).double()
    linear.weight = nn.Parameter(torch.ones_like(linear.weight) / 200)
    net = nn.Sequential(linear).eval()
    assert lipschitz_upper_bound(net, (1, 200, 200)).value == pytest.approx(1.0)


@pytest.mark.parametrize("units", [6, 60])
def test_slopes_are_the_singular_values_of_the_jacobian(units: int) -> None:
    net = dense(16, 20, units)
    model = Layer(module=net, units=tuple(f"u{k}" for k in range(units)))
    images = np.random.default_rng(1).random((3, 1, 4, 4), dtype=np.float32)
    found = slopes_at(model, images, ["a", "b", "c"], steps=300, seed=0)
    for row, image in enumerate(images):
        jacobian = torch.autograd.functional.jacobian(
            lambda x: net(x[None])[0], torch.from_numpy(image).double()
        ).reshape(units, 16)
        assert found.steepest[row] == pytest.approx(float(torch.linalg.matrix_norm(jacobian, 2)), rel=1e-4)
        rms = float(torch.linalg.norm(jacobian)) / 4
        assert found.random[row] == pytest.approx(rms, rel=1e-5 if found.exact else 0.5)
    assert found.exact == (units == 6)
    alone = slopes_at(model, images[1:2], ["b"], steps=300, seed=0)
    assert alone.steepest[0] == pytest.approx(found.steepest[1], rel=1e-6)


def test_the_lower_bound_never_exceeds_the_upper_one_on_random_networks() -> None:
    for seed in range(5):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 60))
        model = Layer(module=net.double(), units=tuple(f"u{k}" for k in range(60)))
        found = Lipschitz(steps=20)._of_network(network(model))
        assert float(found["steepest"].max()) <= float(found["upper"])
        assert (found["step_lower"] <= found["step_upper"] * (1 + 1e-9)).all()


def test_lipsdp_of_a_chain_is_that_of_its_weights_and_what_reads_them() -> None:
    pytest.importorskip("cvxpy")
    net = nn.Sequential(*dense(16, 5, 4), nn.ReLU(), nn.Linear(4, 3).double()).eval()
    weights = [net[1].weight, net[3].weight]
    first, second = (weight.detach().numpy() for weight in weights)
    whole = sdp_bound_of(Layer(module=net, layer="3", gain=2.0), "neuron")
    assert whole == pytest.approx(lipsdp([first, 2 * second]).value, rel=1e-6)
    ending = sdp_bound_of(Layer(module=net, layer="4"), "neuron")
    assert ending == pytest.approx(lipsdp([first, second, np.eye(4)]).value, rel=1e-6)
    alone = sdp_bound_of(Layer(module=net, layer="1", gain=2.0), "layer")
    assert alone == pytest.approx(2 * np.linalg.norm(first, 2))
    nested = nn.Sequential(nn.Flatten(), nn.Sequential(net[1], net[2]), net[3]).eval()
    within = sdp_bound_of(Layer(module=nested, gain=2.0), "neuron")
    assert within == pytest.approx(whole, rel=1e-6)


def test_lipsdp_leaves_out_directions_that_no_neuron_sees() -> None:
    pytest.importorskip("cvxpy")
    rng = np.random.default_rng(0)
    small, last = rng.normal(size=(4, 4)), rng.normal(size=(2, 4))
    turned = np.linalg.qr(rng.normal(size=(30, 30)))[0][:4]
    assert lipsdp([small @ turned, last]).value == pytest.approx(lipsdp([small, last]).value, rel=1e-5)


def attacked(norm: str, moved: float) -> list[Evidence]:
    """A clean code with a network of slope at most 1 / 2, and an attack that moved it by so much."""
    model = Layer(module=nn.Sequential(nn.Flatten(), nn.Identity()).eval(), units=tuple("abcdef"), gain=0.5)
    shape = (1, 2, 3)
    clean = Evidence(code=toy_code(), network=network(model, shape))
    of = MetricEntry(name="toy", factory="a:B", summary="x", scale="unit", domain="stimulus", aims=("population",))
    items = list(toy_evidence(of, size=0.0))
    out = []
    for item in items:
        assert item.perturbed is not None
        perturbed = item.perturbed.copy(data=item.perturbed.values.copy())
        perturbed.values[..., 0] += moved * perturbed["epsilon"].values[:, None]
        perturbed["epsilon"].attrs["units"] = norm
        out.append(dataclasses.replace(item, perturbed=perturbed))
    return [clean, *out]


@pytest.mark.parametrize(("norm", "share"), [("L2 norm", 1.0), ("L1 norm", 1.0), ("Linf norm", 1 / np.sqrt(6))])
def test_what_an_attack_reached_is_a_lower_bound_in_l2(norm: str, share: float) -> None:
    metric = Lipschitz()
    summary = metric.summarise(measured(metric, attacked(norm, 3.0)), toy_code(), Resampling(draws=40))
    assert estimate(summary, "lower") == pytest.approx(3.0 * share)
    curve = summary["attack_stretch"].sel(statistic="estimate")
    np.testing.assert_allclose(curve.values, 3.0 * share)
    assert summary["lower"].attrs["shown_by"].startswith("toy aimed at population, stimulus s")
    assert curve["perturbation"].values.tolist() == ["toy", "toy, random"]
    assert curve["control"].values.tolist() == ["", "random"]
    assert any(
        "aimed at population, the units moved per L2 norm by: toy" in text
        for text in metric.describe(summary, toy_code())
    )


def test_perturbations_of_norm_zero_have_no_slope() -> None:
    metric = Lipschitz()
    still = [
        dataclasses.replace(item, achieved=item.achieved * 0) if item.achieved is not None else item
        for item in attacked("L2 norm", 0.0)
    ]
    found = measured(metric, still)
    assert np.isnan(found["stretch"]).all()
    summary = metric.summarise(found, toy_code(), Resampling(draws=40))
    assert "attack_stretch" not in summary
    assert estimate(summary, "lower") == pytest.approx(0.5)


class Opaque:
    """A response model that shows no module."""

    units = ("a",)

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :1]


def test_lower_bounds_need_no_look_inside() -> None:
    metric = Lipschitz(bounds="lower")
    found = metric._of_network(network(Opaque()))
    np.testing.assert_allclose(found["steepest"], 1.0)
    evidence = Evidence(code=toy_code(), network=network(Opaque()))
    summary = metric.summarise(measured(metric, [evidence]), toy_code(), Resampling(draws=40))
    assert "upper" not in summary
    assert "can move the 6 units by 1: the Jacobian at s0 shows it" in next(iter(metric.describe(summary, toy_code())))


@pytest.mark.parametrize(("metric", "instead"), [(Lipschitz(), "; set bounds to lower"), (FilterStatistics(), "")])
def test_the_units_of_an_encoder_are_refused_with_the_way_to_its_network(metric: Any, instead: str) -> None:
    code = dataclasses.replace(toy_code(), system="ridge on cnn", facts={"layer": "conv1", "in_silico": "yes"})
    with pytest.raises(DataError) as refused:
        metric.measure(Evidence(code=code, network=network(Opaque())))
    assert str(refused.value).endswith(
        "the units of ridge on cnn are an encoder's, whose fit is no layer of a network: ask it of the layer that the "
        f"encoder reads, as a system of its own (a second [[model]]){instead}"
    )


class Constant(Opaque):
    def responses(self, images: torch.Tensor) -> torch.Tensor:
        return images.detach().flatten(1)[:, :1]


class Steep(Opaque):
    def responses(self, images: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(0 * images.flatten(1)[:, :1])


REFUSALS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "images": (lambda: Lipschitz(images=0), BadParameter, "images must be at least 1, got 0"),
    "two settings": (
        lambda: Lipschitz(bounds="lower", lipsdp="neuron"),
        BadParameter,
        "lipsdp is an upper bound: set bounds to both",
    ),
    "no network": (lambda: Lipschitz().measure(Evidence(code=toy_code())), DataError, "needs a network"),
    "opaque": (
        lambda: Lipschitz()._of_network(network(Opaque())),
        DataError,
        r"the network cannot be looked into: its response model \(Opaque\) shows no module; set bounds to lower",
    ),
    "no gradient": (
        lambda: Lipschitz(bounds="lower")._of_network(network(Constant())),
        DataError,
        "the responses have no gradient",
    ),
    "not finite": (
        lambda: Lipschitz(bounds="lower")._of_network(network(Steep())),
        DataError,
        "the Jacobian at stimulus 's0' is not finite",
    ),
    "no chain": (
        lambda: sdp_bound_of(Layer(module=nn.Linear(2, 2)), "neuron"),
        DataError,
        "needs a torch.nn.Sequential of linear layers, got Linear; set lipsdp to no",
    ),
    "nothing linear": (
        lambda: sdp_bound_of(Layer(module=nn.Sequential(nn.Flatten())), "neuron"),
        DataError,
        "no linear layer on the way to the units; set lipsdp to no",
    ),
    "too large": (
        lambda: sdp_bound_of(Layer(module=dense(16, 501, 3)), "neuron"),
        DataError,
        "501 hidden neurons: it is tried on 500 at most",
    ),
    "norms of an attack": (
        lambda: Lipschitz().measure(dataclasses.replace(attacked("L2 norm", 1.0)[1], achieved=None)),
        DataError,
        "attack 'toy' does not say the norms of its perturbations",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_it_refuses_by_name(name: str) -> None:
    call, kind, text = REFUSALS[name]
    with pytest.raises(kind, match=text):
        call()


def test_lipsdp_without_its_extra_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeproof_metrics_network.lipschitz.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r'pip install "spikeproof\[lipschitz\]"'):
        Lipschitz(lipsdp="layer")


def test_nothing_is_said_of_attacks_alone() -> None:
    metric = Lipschitz()
    summary = metric.summarise(measured(metric, attacked("L2 norm", 1.0)[1:]), toy_code(), Resampling())
    assert not summary.data_vars
    assert not list(metric.describe(summary, toy_code()))
