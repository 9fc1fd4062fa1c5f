"""APGD and PGD on trained networks and photographs, beside the same objective's value at what peers find."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attack_doubles import Field, search, values
from spikeproof_attacks.apgd import APGD
from spikeproof_attacks.pgd import PGD

COUNT = 32
BALLS: list[tuple[Any, float]] = [("l2", 1.0), ("linf", 8 / 255)]


def _case(shared: Path, network: str) -> tuple[Any, torch.Tensor, torch.Tensor, Field]:
    """A trained network, photographs, its own choices, and their cross-entropy."""
    spec = spec_from_file_location("zoo", shared / "data/models/zoo.py")
    assert spec is not None
    assert spec.loader is not None
    zoo = module_from_spec(spec)
    spec.loader.exec_module(zoo)
    net = getattr(zoo, network)()
    with np.load(shared / "data/images/cifar10_test_lossless_300.npz") as data:
        x = torch.as_tensor(data["x"][:COUNT].transpose(0, 3, 1, 2).astype(np.float32) / 255)
    with torch.no_grad():
        choice = net(x).argmax(dim=1)
    return net, x, choice, Field(lambda y, k: torch.nn.functional.cross_entropy(net(y), choice[k], reduction="none"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # foolbox 3.3.4 imports scipy's old names
@pytest.mark.parametrize("attack", [PGD(), APGD()], ids=["pgd", "apgd"])
@pytest.mark.parametrize(("norm", "eps"), BALLS)
@pytest.mark.parametrize("network", ["cnn_a_standard", "cnn_a_robust"])
def test_every_item_is_driven_at_least_as_far_as_by_foolbox(
    shared: Path, network: str, norm: Any, eps: float, attack: Any
) -> None:
    foolbox: Any = pytest.importorskip("foolbox")
    net, x, choice, field = _case(shared, network)
    model = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
    peer = foolbox.attacks.L2PGD if norm == "l2" else foolbox.attacks.LinfPGD
    theirs = values(field, peer(steps=40)(model, x, choice, epsilons=[eps])[0][0].detach()[None])[0]
    ours = values(field, search(attack, field, x, (eps,), norm))[0]
    assert ours.mean() >= 1.05 * theirs.mean()
    assert (ours >= 0.99 * theirs).all()
    assert theirs.mean() > values(field, x[None]).mean() + 0.5  # the peer was set up rightly


@pytest.mark.slow
@pytest.mark.parametrize(("attack", "mean"), [(PGD(restarts=6), 0.99), (APGD(restarts=3), 1.0)], ids=["pgd", "apgd"])
@pytest.mark.parametrize(("norm", "eps"), BALLS)
@pytest.mark.parametrize("network", ["cnn_a_standard", "cnn_a_robust"])
def test_items_are_driven_as_far_as_by_the_reference_apgd(
    shared: Path, network: str, norm: Any, eps: float, attack: Any, mean: float
) -> None:
    """On average. Item by item each ends in its own local maximum: the peer misses itself, with another seed, too."""
    peers = pytest.importorskip("torchattacks", reason="torchattacks is not installed")
    net, x, choice, field = _case(shared, network)

    def peer(seed: int) -> np.ndarray:
        state = torch.random.get_rng_state()  # it seeds the global generator
        kind = {"l2": "L2", "linf": "Linf"}[norm]
        found = peers.APGD(net, norm=kind, eps=eps, steps=100, seed=seed).perturb(x, choice, best_loss=True)
        torch.random.set_rng_state(state)
        return np.asarray(values(field, (found[1] if isinstance(found, tuple) else found).detach()[None])[0])

    first, second = peer(0), peer(1)
    ours = values(field, search(attack, field, x, (eps,), norm))[0]
    assert ours.mean() >= mean * first.mean()
    missed, itself = (int((value < 0.99 * first).sum()) for value in (ours, second))
    assert missed <= max(itself, COUNT // (4 if isinstance(attack, PGD) else 8))
