"""``art:NAME`` does what the Adversarial Robustness Toolbox does on the same network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from foreign_networks import attacked, grid_of, labels, network, pictures
from spikeproof.errors import BadParameter, UsageError
from spikeproof_foreign_attacks.from_art import NORMS, ArtAttack


def direct(name: str, net: torch.nn.Module, x: torch.Tensor, **given: Any) -> torch.Tensor:
    evasion = pytest.importorskip("art.attacks.evasion")
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        net, torch.nn.CrossEntropyLoss(), (1, 6, 6), 3, clip_values=(0.0, 1.0), device_type="cpu"
    )
    found = getattr(evasion, name)(classifier, verbose=False, **given).generate(x.numpy(), labels(net, x).numpy())
    return torch.as_tensor(found)


@pytest.mark.parametrize(("norm", "number", "radius"), [("l2", 2, 0.4), ("linf", np.inf, 0.05), ("l1", 1, 1.0)])
def test_it_finds_what_the_toolbox_finds(norm: str, number: float, radius: float) -> None:
    net, x = network(), pictures()
    attack = ArtAttack(target="ProjectedGradientDescent", parameters="max_iter=6", relative_step=0.25)
    ours = attacked(grid_of(net, x, norm=norm, epsilons=(0.0, radius)), attack)
    theirs = direct("ProjectedGradientDescent", net, x, norm=number, eps=radius, eps_step=0.25 * radius, max_iter=6)
    assert ours.images is not None
    assert torch.equal(ours.images[0], x)
    assert torch.allclose(ours.images[1], theirs, atol=1e-5)


def test_the_users_network_collects_no_gradients_from_the_toolbox() -> None:
    net, x = network(), pictures()
    attacked(grid_of(net, x), ArtAttack(target="FastGradientMethod"))
    assert [parameter.grad for parameter in net.parameters()] == [None] * 6


def test_a_network_in_float64_is_attacked() -> None:
    net, x = network(dtype=torch.float64), pictures(dtype=torch.float64)
    found = attacked(grid_of(net, x), ArtAttack(target="FastGradientMethod"))
    assert found.images is not None
    assert found.images.dtype == torch.float64
    assert np.allclose(found.achieved, [[0.2], [0.5]], rtol=1e-5)


def test_a_smallest_perturbation_of_the_toolbox_is_shortened() -> None:
    net, x = network(), pictures()
    ours = attacked(grid_of(net, x, epsilons=(0.05, 5.0)), ArtAttack(target="DeepFool"))
    found = direct("DeepFool", net, x) - x
    size = found.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    assert ours.images is not None
    assert torch.allclose(ours.images[1], x + found, atol=1e-4)
    assert torch.allclose(ours.images[0], x + found * (0.05 / size).clamp(max=1), atol=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": "ProjectedGradient"}, "art has no attack 'ProjectedGradient' .* did you mean"),
        ({"target": "PixelAttack"}, "art:PixelAttack cannot be used here: it bounds no l1, l2 or linf norm"),
        ({"target": "DeepFool", "parameters": "iterations=3"}, "unknown parameter 'iterations'.*it has max_iter"),
        ({"target": "DeepFool", "relative_step": 0.1}, "it takes no step length .eps_step.: leave relative_step out"),
        ({"target": "FastGradientMethod", "parameters": "norm=2"}, "parameter 'norm' is set by norm in .threat."),
    ],
)
def test_a_wrong_request_of_the_toolbox_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        ArtAttack(**given)


def test_every_attack_of_the_toolbox_that_is_listed_exists() -> None:
    evasion = pytest.importorskip("art.attacks.evasion")
    assert [name for name in NORMS if not hasattr(evasion, name)] == []


def test_the_missing_toolbox_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "art.attacks.evasion", None)
    with pytest.raises(UsageError, match=r'art cannot be imported .*: pip install "spikeproof\[art\]"'):
        ArtAttack(target="DeepFool")
