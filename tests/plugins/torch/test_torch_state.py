"""Everything is as it was found: the user's module and the global random state, after an exception too."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spikeproof.errors import ModelError
from spikeproof_torch.layer import LayerModel
from spikeproof_torch.model import TorchModel
from torch import nn

from .torch_cases import FILE, SHAPE, images, layer, opened


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An importable module of the user's, whose built network both they and we hold."""
    (tmp_path / "users_own_nets.py").write_text(FILE.read_text())
    monkeypatch.syspath_prepend(tmp_path)
    import users_own_nets  # type: ignore[import-not-found]

    yield users_own_nets
    del sys.modules["users_own_nets"]


def state_of(net: nn.Module) -> dict[str, Any]:
    parts = dict(net.named_modules())
    return {
        "tensors": {name: value.tolist() for name, value in net.state_dict().items()},
        "versions": {name: value._version for name, value in net.state_dict(keep_vars=True).items()},
        "grads": {name: None if p.grad is None else p.grad.tolist() for name, p in net.named_parameters()},
        "flags": {name: p.requires_grad for name, p in net.named_parameters()},
        "training": {name: part.training for name, part in parts.items()},
        "hooks": {name: [list(part._forward_hooks), list(part._forward_pre_hooks)] for name, part in parts.items()},
        "attributes": {name: sorted(vars(part)) for name, part in parts.items()},
    }


def random_state() -> list[Any]:
    legacy = np.random.get_state(legacy=False)
    return [random.getstate(), str(legacy), torch.get_rng_state().tolist()]


def everything(model: LayerModel, x: torch.Tensor) -> None:
    model.responses(x)
    model.logits(x)
    model.both(x)
    y = x.clone().requires_grad_()
    torch.autograd.grad(model.responses(y).sum(), y)


def test_the_users_module_is_as_found(users: Any) -> None:
    net = users.BUILT
    net.hidden.weight.requires_grad_(False)
    net.head.weight.grad = torch.ones_like(net.head.weight)
    net.conv.train()  # harmless, and left so
    seen: list[tuple[int, ...]] = []
    net.hidden.register_forward_hook(lambda _part, _given, out: seen.append(tuple(out.shape)))
    before = state_of(net)
    model = TorchModel(target="users_own_nets:BUILT").load(seed=0, device="cpu").read("hidden", image_shape=SHAPE)
    everything(model, images())
    assert state_of(net) == before
    assert seen  # the user's hooks are part of what the network does


def test_the_users_module_is_as_found_after_an_exception(users: Any) -> None:
    before = state_of(users.BUILT)
    network = TorchModel(target="users_own_nets:BUILT").load(seed=0, device="cpu")
    with pytest.raises(ModelError):
        network.read("hidden", image_shape=(2, 6, 6))
    model = network.read("head", image_shape=SHAPE)
    with pytest.raises(ModelError):
        model.responses(torch.full((1, *SHAPE), torch.nan))
    assert state_of(users.BUILT) == before
    assert not any(part._forward_hooks for part in network.module.modules())


def test_our_copy_is_as_found_too() -> None:
    model = layer("small", "hidden")
    before = state_of(model.module)
    everything(model, images())
    assert state_of(model.module) == before


def test_a_hook_of_the_user_that_changes_a_layer_changes_its_reading(users: Any) -> None:
    plain = TorchModel(target="users_own_nets:BUILT").load(seed=0, device="cpu").read("hidden", image_shape=SHAPE)
    handle = users.BUILT.hidden.register_forward_hook(lambda _part, _given, out: 2 * out)
    doubled = TorchModel(target="users_own_nets:BUILT").load(seed=0, device="cpu").read("hidden", image_shape=SHAPE)
    handle.remove()
    torch.testing.assert_close(doubled.responses(images()), 2 * plain.responses(images()))


def test_training_the_users_module_afterwards_does_not_change_ours(users: Any) -> None:
    model = TorchModel(target="users_own_nets:BUILT").load(seed=0, device="cpu").read("hidden", image_shape=SHAPE)
    before = model.responses(images())
    with torch.no_grad():
        users.BUILT.hidden.weight.zero_()
    assert torch.equal(model.responses(images()), before)


def the_reading(model: LayerModel) -> None:
    model.responses(images())


def the_failing_reading(model: LayerModel) -> None:
    with pytest.raises(ModelError, match="a pixel above 1"):
        model.responses(images() + 2)


@pytest.mark.parametrize("act", [the_reading, the_failing_reading])
def test_the_global_random_state_is_as_found_after_reading(act: Callable[[LayerModel], None]) -> None:
    model = layer("Draws")
    before = random_state()
    act(model)
    assert random_state() == before


@pytest.mark.parametrize("name", ["random_weights", "raises", "Noisy"])
def test_the_global_random_state_is_as_found_after_opening(name: str) -> None:
    before = random_state()
    try:
        opened(name).read("output", image_shape=SHAPE)
    except ModelError:
        assert name != "random_weights"
    assert random_state() == before


def test_building_is_seeded() -> None:
    first, same, other = (opened("random_weights", seed=seed) for seed in (1, 1, 2))
    assert first.identity["weights"] == same.identity["weights"]
    for name, value in first.module.state_dict().items():
        assert not torch.equal(value, other.module.state_dict()[name]), name  # torch, numpy and python were all seeded


def test_what_a_file_prints_or_switches_off_does_not_leak(capsys: pytest.CaptureFixture[str]) -> None:
    opened("prints")
    out, err = capsys.readouterr()
    assert out == ""
    assert "loading the weights" in err
    assert torch.is_grad_enabled()


def test_no_bytecode_is_written_beside_the_users_file(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(FILE.read_text())
    TorchModel(target=f"{tmp_path}/nets.py:small").load(seed=0, device="cpu")
    assert [item.name for item in tmp_path.iterdir()] == ["nets.py"]


@pytest.mark.parametrize("name", ["Uncopyable", "patched"])
def test_a_module_that_cannot_be_copied_faithfully_is_used_as_it_is(name: str) -> None:
    part = "fc" if name == "Uncopyable" else "hidden"
    model = layer(name, part)
    x = images().requires_grad_()
    (slope,) = torch.autograd.grad(model.responses(x).sum(), x)
    assert slope.abs().max() > 0
    assert all(parameter.grad is None for parameter in model.module.parameters())


def test_a_network_that_settles_in_its_first_pass_is_read() -> None:
    model = layer("MaxNorm", "fc")
    assert float(model.module.fc.weight.norm(dim=1).max()) <= 0.1001
    assert torch.equal(model.responses(images()), model.responses(images()))
