"""Smallest perturbations of trained networks and photographs, beside those that foolbox finds."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Layer, make_grid
from spikeproof.engine import attack_target
from spikeproof.geometry import norm_of
from spikeproof_attacks.deepfool import DeepFool
from spikeproof_attacks.fmn import FMN
from spikeproof_attacks.threshold import Threshold
from spikeproof_objectives.behavior import Behavior

COUNT = 16


def _opened(shared: Path, network: str) -> tuple[Any, torch.Tensor]:
    spec = spec_from_file_location("zoo", shared / "data/models/zoo.py")
    assert spec is not None
    assert spec.loader is not None
    zoo = module_from_spec(spec)
    spec.loader.exec_module(zoo)
    with np.load(shared / "data/images/cifar10_test_lossless_300.npz") as data:
        x = torch.as_tensor(data["x"][:COUNT].transpose(0, 3, 1, 2).astype(np.float32) / 255)
    return getattr(zoo, network)(), x


def _ours(net: Any, x: torch.Tensor, attack: Any, norm: Any) -> np.ndarray:
    classes = tuple("0123456789")
    grid = make_grid(Layer(net, classes, head=net, classes=classes), x, norm=norm, use_head=True)
    found = attack_target(
        grid, attack, "ours", Behavior(), "behavior", decision=True, unit=-1, target="behavior", minimal=True
    )
    assert found.minimal is not None
    return found.minimal


def _theirs(net: Any, x: torch.Tensor, attack: Any, norm: Any, foolbox: Any) -> np.ndarray:
    with torch.no_grad():
        choice = net(x).argmax(dim=1)
    model = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
    found = attack(model, x, choice, epsilons=None)[1].detach()
    with torch.no_grad():
        changed = net(found).argmax(dim=1) != choice
    size = norm_of(found.double() - x.double(), norm)
    return torch.where(changed, size, torch.inf).numpy()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # foolbox 3.3.4 imports scipy's old names
@pytest.mark.parametrize("attack", [FMN(), Threshold()], ids=["fmn", "threshold"])
@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
@pytest.mark.parametrize("network", ["cnn_a_standard", "cnn_a_robust"])
def test_the_choice_is_changed_by_no_more_than_foolbox_needs(
    shared: Path, network: str, norm: Any, attack: Any
) -> None:
    foolbox: Any = pytest.importorskip("foolbox")
    net, x = _opened(shared, network)
    peers = foolbox.attacks
    peer = {"l1": peers.L1FMNAttack, "l2": peers.L2FMNAttack, "linf": peers.LInfFMNAttack}[norm]()
    ours, theirs = _ours(net, x, attack, norm), _theirs(net, x, peer, norm, foolbox)
    assert np.isfinite(ours).all()
    both = np.isfinite(theirs)
    assert both.mean() > 0.9
    # L1 is the one norm in which single items come out up to a sixth longer; their mean does not by 5 %.
    assert (ours[both] / theirs[both]).mean() <= (1.05 if norm == "l1" else 1.01)
    if norm != "l1":
        assert (ours[both] <= (1.01 if isinstance(attack, FMN) else 1.03) * theirs[both]).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("network", ["cnn_a_standard", "cnn_a_robust"])
def test_deepfool_goes_no_farther_than_foolboxs(shared: Path, network: str, norm: Any) -> None:
    foolbox: Any = pytest.importorskip("foolbox")
    net, x = _opened(shared, network)
    peer = (foolbox.attacks.L2DeepFoolAttack if norm == "l2" else foolbox.attacks.LinfDeepFoolAttack)()
    ours, theirs = _ours(net, x, DeepFool(), norm), _theirs(net, x, peer, norm, foolbox)
    assert np.isfinite(ours).all()
    assert (ours / theirs).mean() <= 0.99
    assert (ours <= 1.01 * theirs).all()


@pytest.mark.slow
@pytest.mark.parametrize("network", ["cnn_a_standard", "cnn_a_robust"])
def test_a_random_direction_must_be_many_times_as_long(shared: Path, network: str) -> None:
    net, x = _opened(shared, network)
    found = _ours(net, x, FMN(), "l2")
    with torch.no_grad():
        choice = net(x).argmax(dim=1)
        way = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
        way = way / way.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        size = torch.as_tensor(found, dtype=torch.float32).view(-1, 1, 1, 1)
        same = [net((x + times * size * way).clamp(0, 1)).argmax(dim=1) == choice for times in (1.0, 2.0, 4.0)]
    assert torch.stack(same).double().mean() > 0.9
