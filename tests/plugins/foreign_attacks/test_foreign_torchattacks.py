"""``torchattacks:NAME`` does what torchattacks does on the same network. Runs where that is installed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from foreign_networks import attacked, grid_of, labels, network, pictures
from spikeproof.errors import BadParameter, UsageError
from spikeproof_foreign_attacks.from_torchattacks import NORMS, TorchattacksAttack


@pytest.fixture
def library() -> Any:
    return pytest.importorskip("torchattacks")


@pytest.mark.parametrize(
    ("name", "norm", "given"),
    [
        ("PGDL2", "l2", {"steps": 8, "alpha": 0.1, "random_start": False}),
        ("PGD", "linf", {"steps": 8, "alpha": 0.01, "random_start": False}),
    ],
)
def test_it_finds_what_torchattacks_finds(library: Any, name: str, norm: str, given: dict[str, Any]) -> None:
    net, x = network(), pictures()
    radius = 0.05 if norm == "linf" else 0.4
    text = ",".join(f"{key}={value!r}" for key, value in given.items())
    ours = attacked(
        grid_of(net, x, norm=norm, epsilons=(0.0, radius)), TorchattacksAttack(target=name, parameters=text)
    )
    theirs = getattr(library, name)(net, eps=radius, **given)(x, labels(net, x))
    assert ours.images is not None
    assert torch.equal(ours.images[0], x)
    assert torch.allclose(ours.images[1], theirs, atol=1e-5)
    assert [parameter.grad for parameter in net.parameters()] == [None] * 6


def test_a_smallest_perturbation_is_shortened_to_each_radius(library: Any) -> None:
    net, x = network(), pictures()
    radii = (0.05, 5.0)
    ours = attacked(grid_of(net, x, epsilons=radii), TorchattacksAttack(target="DeepFool"))
    found = library.DeepFool(net)(x, labels(net, x)) - x
    size = found.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    assert ours.images is not None
    assert torch.allclose(ours.images[1], x + found, atol=1e-5)
    assert torch.allclose(ours.images[0], x + found * (0.05 / size).clamp(max=1), atol=1e-5)


@pytest.mark.usefixtures("library")
def test_a_relative_step_grows_with_epsilon() -> None:
    net, x = network(), pictures()

    def at(radius: float, **given: Any) -> torch.Tensor:
        attack = TorchattacksAttack(target="PGDL2", **given)
        images = attacked(grid_of(net, x, epsilons=(radius,)), attack).images
        assert images is not None
        return images[0]

    steps = "steps=3, random_start=False"
    assert torch.equal(at(0.4, parameters=steps, relative_step=0.5), at(0.4, parameters=f"{steps}, alpha=0.2"))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("name", ["Square", "APGD"])
def test_its_own_seed_is_the_items_own(name: str) -> None:
    net, x = network(), pictures(3)
    attack = TorchattacksAttack(target=name, parameters="n_queries=20" if name == "Square" else "steps=3")
    state = torch.get_rng_state()
    whole, alone = (
        attacked(grid_of(net, x), attack).images,
        attacked(grid_of(net, x[1:2], stimulus_ids=("s1",)), attack).images,
    )
    assert torch.equal(state, torch.get_rng_state())
    assert whole is not None
    assert alone is not None
    assert torch.allclose(whole[:, 1], alone[:, 0], atol=1e-6)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target": "PGDL3"}, "torchattacks has no attack 'PGDL3' .* did you mean 'PGDL2'"),
        (
            {"target": "OnePixel"},
            "torchattacks:OnePixel cannot be used here: it bounds the number of pixels, not a norm",
        ),
        ({"target": "PGDL2", "parameters": "eps=1"}, "parameter 'eps' is set by epsilons in .threat."),
        ({"target": "PGDL2", "parameters": "alpha=1", "relative_step": 0.1}, "relative_step sets alpha: give one"),
        ({"target": "PGDL2", "relative_step": -0.1}, "relative_step must be larger than 0, got -0.1"),
        ({"target": "Square", "relative_step": 0.1}, "it takes no step length .alpha.: leave relative_step out"),
    ],
)
def test_a_wrong_request_of_torchattacks_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        TorchattacksAttack(**given)


def test_every_attack_of_the_list_exists(library: Any) -> None:
    assert [name for name in NORMS if not hasattr(library, name)] == []


def test_missing_torchattacks_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torchattacks", None)
    with pytest.raises(
        UsageError, match=r"torchattacks cannot be imported .*: pip install --no-deps torchattacks==3\.5\.1"
    ):
        TorchattacksAttack(target="PGDL2")
