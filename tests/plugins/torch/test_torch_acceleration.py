"""A faster equivalent gives what the layer gives, whatever the network is made of, and leaves it as it was."""

from __future__ import annotations

import copy
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from spikeproof.errors import ModelError
from spikeproof.types import Accelerable, Coned
from spikeproof_torch import accelerated
from spikeproof_torch.accelerated import AcceleratedModel
from spikeproof_torch.layer import LayerModel
from spikeproof_torch.model import TorchModel

FILE = Path(__file__).with_name("fast_nets.py")
SHAPE = (2, 20, 20)


def layer(name: str, layer: str = "output", *, spatial: str = "mean") -> LayerModel:
    network = TorchModel(target=f"{FILE}:{name}", spatial=spatial).load(seed=0, device="cpu")
    return network.read(layer, image_shape=SHAPE)


def fast(model: LayerModel) -> AcceleratedModel:
    return model.accelerate(precision="float32", compile=False)


def images(count: int = 5, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(7), dtype=dtype)


def slope(model: LayerModel | AcceleratedModel, x: torch.Tensor, how: str = "responses") -> torch.Tensor:
    leaf = x.clone().requires_grad_()
    value = getattr(model, how)(leaf)
    weights = torch.randn(value.shape[1], generator=torch.Generator().manual_seed(1), dtype=value.dtype)
    return torch.autograd.grad((value * weights).sum(), leaf)[0]


RECORDED = [
    ("residual", "layer2"),
    ("residual", "stem.0"),
    ("residual", "head"),
    ("dense", "2"),
    ("Functional", "output"),
    ("between", "output"),
    ("shared_parts", "last"),
    ("tokens", "norm"),
    ("tokens", "output"),
    ("Recurrent", "output"),
    ("Rereads", "output"),
    ("DrawsOnly", "output"),
    ("patched", "layer2"),
]
AS_IT_IS = [("Looks", "conv"), ("Leaves", "output"), ("StraightThrough", "output"), ("Frozen", "output")]
AS_IT_IS += [("Writes", "output")]


@pytest.mark.parametrize(("name", "part"), RECORDED + AS_IT_IS)
def test_it_gives_the_same_responses_scores_and_gradients(name: str, part: str) -> None:
    model = layer(name, part)
    other = fast(model)
    x = images()
    assert other.units == model.units
    assert other.classes == model.classes
    scale = float(model.responses(x).detach().abs().max())
    torch.testing.assert_close(other.responses(x), model.responses(x), rtol=0, atol=1e-5 * scale)
    torch.testing.assert_close(other.logits(x), model.logits(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(other.both(x)[0], model.responses(x), rtol=0, atol=1e-5 * scale)
    for how in ("responses", "logits"):
        mine = slope(model, x, how)
        assert (slope(other, x, how) - mine).norm() <= 1e-4 * mine.norm()


@pytest.mark.parametrize(("name", "part"), RECORDED)
def test_what_can_be_recorded_is(name: str, part: str) -> None:
    assert fast(layer(name, part)).fast.graph is not None


@pytest.mark.parametrize(("name", "part"), [*AS_IT_IS[1:], ("Looks", "output")])
def test_what_a_recording_would_falsify_runs_as_it_is(name: str, part: str) -> None:
    assert fast(layer(name, part)).fast.graph is None


def test_a_layer_before_control_flow_is_recorded_though_the_head_is_not() -> None:
    other = fast(layer("Looks", "conv"))
    assert other.fast.graph is not None
    assert other.logits(images()).shape == (5, 3)


@pytest.mark.parametrize(
    ("name", "part", "left"),
    [("residual", "output", 0), ("dense", "output", 0), ("Functional", "output", 0), ("shared_parts", "last", 0)],
)
def test_batch_norm_is_folded_where_only_it_reads_a_linear_layer(name: str, part: str, left: int) -> None:
    assert batch_norms(fast(layer(name, part))) == left


def test_batch_norm_stays_where_another_reads_the_layer_before_it() -> None:
    assert batch_norms(fast(layer("between"))) == 1


def test_shared_modules_are_folded_for_each_use() -> None:
    other = fast(layer("shared_parts", "last"))
    x = images(dtype=torch.float32)
    torch.testing.assert_close(other.responses(x), layer("shared_parts", "last").responses(x), rtol=1e-5, atol=1e-6)


def batch_norms(model: AcceleratedModel) -> int:
    assert model.fast.graph is not None
    return sum(node.target is torch.ops.aten.batch_norm.default for node in model.fast.graph.graph.nodes)


@pytest.mark.parametrize("spatial", ["mean", "center", "positions", "3,4"])
def test_every_way_to_read_positions_and_selections_are_kept(spatial: str) -> None:
    model = layer("residual", "layer2", spatial=spatial)
    other = fast(model)
    assert isinstance(model, Accelerable)
    assert isinstance(other, Coned)
    torch.testing.assert_close(other.responses(images()), model.responses(images()), rtol=1e-5, atol=1e-5)
    chosen = [3, 0]
    mine, its = model.select(chosen), other.select(chosen)
    assert its.units == mine.units
    torch.testing.assert_close(its.responses(images()), mine.responses(images()), rtol=1e-5, atol=1e-5)
    of_selected = fast(mine)
    torch.testing.assert_close(of_selected.select([1]).responses(images()), mine.responses(images())[:, [1]])


def test_float64_networks_and_other_image_types_are_kept() -> None:
    model = layer("residual", "layer2")
    model.module.double()
    other = fast(model)
    assert other.responses(images()).dtype == torch.float64 == model.responses(images()).dtype
    torch.testing.assert_close(other.responses(images()), model.responses(images()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "part"), [("residual", "layer2"), ("Looks", "output"), ("patched", "layer2")])
def test_the_network_flags_and_random_state_are_as_they_were(name: str, part: str) -> None:
    model = layer(name, part)
    module = model.module
    module.requires_grad_(True)
    before = copy.deepcopy(module.state_dict())
    flags = [(part.training, len(part._forward_hooks)) for part in module.modules()]
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    other = fast(model)
    slope(other, images())
    slope(other, images(), "logits")
    other.cone(0)
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])
    assert all(p.requires_grad and p.grad is None and p.is_contiguous() for p in module.parameters())
    assert [(part.training, len(part._forward_hooks)) for part in module.modules()] == flags
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert random.getstate() == states[2]


def test_changing_it_later_does_not_change_the_equivalent() -> None:
    model = layer("residual", "layer2")
    other = fast(model)
    before = other.responses(images())
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.mul_(3)
    assert torch.equal(other.responses(images()), before)


def test_bfloat16_is_near_and_finite() -> None:
    model = layer("residual", "layer2")
    try:
        other = model.accelerate(precision="bf16", compile=False)
    except ModelError as error:
        pytest.skip(str(error))
    mine, its = model.responses(images()), other.responses(images())
    assert its.dtype == torch.float32
    off = (its - mine).abs().max() / mine.abs().max()
    assert 1e-5 < off < 0.05
    assert other.logits(images()).dtype == torch.float32
    assert (slope(other, images()) - slope(model, images())).norm() < 0.3 * slope(model, images()).norm()


def test_bfloat16_without_the_arithmetic_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerated, "_has_bfloat16", lambda _: False)
    with pytest.raises(ModelError, match=r'layer2.*cpu has no bfloat16 arithmetic: use precision = "float32"'):
        layer("residual", "layer2").accelerate(precision="bf16", compile=False)


def test_compiling_what_cannot_be_recorded_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot be recorded, so it cannot be compiled"):
        layer("Looks").accelerate(precision="float32", compile=True)


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++", "c++"))), reason="needs a C++ compiler")
@pytest.mark.filterwarnings(  # torch's own, on importing its compiler
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning:torch.jit._script"
)
def test_a_compiled_layer_is_compiled_as_a_whole_and_gives_the_same_in_any_batch() -> None:
    from torch._dynamo.utils import counters

    model = layer("dense", "2")
    counters.clear()
    state = torch.get_rng_state()
    other = model.accelerate(precision="float32", compile=True)
    x = images(7)
    for part in (x[:3], x, x[:1]):
        scale = float(model.responses(part).detach().abs().max())
        torch.testing.assert_close(other.responses(part), model.responses(part), rtol=0, atol=1e-5 * scale)
        mine = slope(model, part)
        assert (slope(other, part) - mine).norm() <= 1e-4 * mine.norm()
    assert counters["stats"]["unique_graphs"] >= 1  # it did compile ...
    assert not counters["graph_break"]  # ... and all of it
    assert torch.equal(torch.get_rng_state(), state)


def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: object, **options: object) -> object:  # noqa: ARG001
        def call(x: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
            raise RuntimeError("no working C++ compiler")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(ModelError, match="cannot be compiled faster: RuntimeError: no working C\\+\\+ compiler"):
        layer("residual", "layer2").accelerate(precision="float32", compile=True)


def test_responses_that_are_not_finite_are_returned_for_their_image_only() -> None:
    model = layer("residual", "layer2")
    bad = images()
    bad[1, 0, 0, 0] = torch.nan
    finite = torch.isfinite(fast(model).responses(bad)).all(1)
    assert finite.tolist() == [True, False, True, True, True]


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ModelError, match=r"opened for images of shape \(2, 20, 20\)"):
        fast(layer("residual", "layer2")).responses(torch.rand(1, 2, 19, 20))


def test_scores_of_a_network_without_classes_are_refused() -> None:
    model = TorchModel(target="torch.nn:Linear(20, 3)").load(seed=0, device="cpu").read("output", image_shape=SHAPE)
    with pytest.raises(ModelError, match="has no class scores"):
        fast(model).logits(images())
