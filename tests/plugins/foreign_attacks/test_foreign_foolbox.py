"""``foolbox:NAME`` does what Foolbox does on the same network, within the host's rules."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Drive
from foreign_networks import attacked, grid_of, labels, network, pictures
from spikeproof.errors import AttackError, BadParameter, ModelError, UsageError
from spikeproof.readout import LinearReadout
from spikeproof_foreign_attacks.from_foolbox import FoolboxAttack

pytestmark = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # scipy's old names


def direct(
    name: str, net: torch.nn.Module, x: torch.Tensor, radii: tuple[float, ...], **parameters: Any
) -> torch.Tensor:
    import foolbox

    model = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
    return torch.stack(getattr(foolbox.attacks, name)(**parameters)(model, x, labels(net, x), epsilons=list(radii))[1])


@pytest.mark.parametrize(
    ("name", "norm", "parameters"),
    [
        ("L2PGD", "l2", {"steps": 8, "random_start": False}),
        ("LinfPGD", "linf", {"steps": 8, "random_start": False}),
        ("L1FastGradientAttack", "l1", {}),
        ("L2DeepFoolAttack", "l2", {"steps": 20}),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_finds_what_foolbox_finds(name: str, norm: str, parameters: dict[str, Any], dtype: torch.dtype) -> None:
    net, x = network(dtype=dtype), pictures(dtype=dtype)
    radii = (0.02, 0.05) if norm == "linf" else (0.2, 0.5)
    text = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    ours = attacked(grid_of(net, x, norm=norm, epsilons=radii), FoolboxAttack(target=name, parameters=text))
    theirs = direct(name, net, x, radii, **parameters)
    assert ours.images is not None
    assert torch.allclose(ours.images, theirs, atol=1e-5)
    assert (theirs - x).abs().amax() > 0.01  # it did something
    assert ours.images.dtype == dtype


def test_a_random_start_is_the_items_own_and_leaves_no_trace() -> None:
    net, x = network(), pictures()
    attack = FoolboxAttack(target="L2PGD", parameters="steps=4")
    torch.manual_seed(7)
    np.random.seed(7)
    random.seed(7)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    whole, again = attacked(grid_of(net, x), attack), attacked(grid_of(net, x, batch=1), attack)
    alone = attacked(grid_of(net, x[2:3], stimulus_ids=("s2",)), attack)
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert whole.images is not None
    assert again.images is not None
    assert alone.images is not None
    assert torch.allclose(whole.images, again.images, atol=1e-6)
    assert torch.allclose(whole.images[:, 2], alone.images[:, 0], atol=1e-6)
    still = attacked(grid_of(net, x), FoolboxAttack(target="L2PGD", parameters="steps=4, random_start=False"))
    assert still.images is not None
    assert not torch.allclose(whole.images, still.images, atol=1e-3)


def test_a_random_start_at_one_radius_is_that_at_any_number_of_radii() -> None:
    net, x = network(), pictures(2)
    attack = FoolboxAttack(target="L2PGD", parameters="steps=2")
    several, one = attacked(grid_of(net, x), attack), attacked(grid_of(net, x, epsilons=(0.5,)), attack)
    assert several.images is not None
    assert one.images is not None
    assert torch.allclose(several.images[1], one.images[0], atol=1e-6)


def test_together_draws_for_the_whole_batch() -> None:
    net, x = network(), pictures()
    apart = attacked(grid_of(net, x), FoolboxAttack(target="L2PGD", parameters="steps=2"))
    together = attacked(grid_of(net, x), FoolboxAttack(target="L2PGD", parameters="steps=2", together=True))
    assert apart.images is not None
    assert together.images is not None
    assert not torch.allclose(apart.images[:, 1:], together.images[:, 1:], atol=1e-4)


def test_epsilon_zero_is_the_clean_image_bit_for_bit() -> None:
    net, x = network(), pictures()
    found = attacked(grid_of(net, x, epsilons=(0.0, 0.3)), FoolboxAttack(target="L2PGD", parameters="steps=2"))
    assert found.images is not None
    assert torch.equal(found.images[0], x)
    assert not torch.equal(found.images[1], x)


def test_the_users_network_is_left_as_it_was() -> None:
    net, x = network(), pictures()
    weights = [parameter.detach().clone() for parameter in net.parameters()]
    attacked(grid_of(net, x), FoolboxAttack(target="L2PGD", parameters="steps=2"))
    assert [parameter.grad for parameter in net.parameters()] == [None] * len(weights)
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert not any(module.training for module in net.modules())


def test_each_item_is_attacked_through_the_fold_that_reads_it() -> None:
    x = pictures(4)
    names = tuple(f"s{k}" for k in range(4))
    rng = np.random.default_rng(0)
    readout = LinearReadout(
        classes=("p", "q"),
        weights=rng.normal(size=(2, 2, 8)),
        intercepts=np.zeros((2, 2)),
        stimuli=names,
        fold=np.array([0, 1, 0, 1]),
    )
    net = network()
    found = attacked(grid_of(net, x, use_head=False, readout=readout, epsilons=(0.4,)), FoolboxAttack(target="FGM"))
    assert found.images is not None
    for item, fold in enumerate(readout.fold):
        weight = torch.as_tensor(readout.weights[fold], dtype=torch.float32)
        leaf = x[item : item + 1].clone().requires_grad_()
        scores = net[:4](leaf) @ weight.T
        loss = torch.nn.functional.cross_entropy(scores, scores.argmax(dim=1))
        slope = torch.autograd.grad(loss, leaf)[0]
        assert torch.allclose(found.images[0, item], (leaf + 0.4 * slope / slope.norm()).clamp(0, 1)[0], atol=1e-5)


class Toward:
    """Toward the partner's choice."""

    def directions(self) -> tuple[str, ...]:
        return ("toward",)

    def value(self, seen: Any) -> torch.Tensor:
        value: torch.Tensor = seen.decision.log_softmax(dim=1).gather(1, seen.partner_choice[:, None])[:, 0]
        return value


class Sideways(Toward):
    def directions(self) -> tuple[str, ...]:
        return ("sideways",)


def test_toward_another_choice_is_a_targeted_attack() -> None:
    import foolbox

    net, x = network(), pictures()
    partner = labels(net, x).roll(-1)
    ours = attacked(
        grid_of(net, x), FoolboxAttack(target="L2PGD", parameters="steps=5, random_start=False"), objective=Toward()
    )
    model = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
    goal = foolbox.criteria.TargetedMisclassification(partner)
    theirs = foolbox.attacks.L2PGD(steps=5, random_start=False)(model, x, goal, epsilons=[0.2, 0.5])[1]
    assert ours.images is not None
    assert torch.allclose(ours.images, torch.stack(theirs), atol=1e-5)


def test_a_direction_that_it_does_not_know_is_refused() -> None:
    with pytest.raises(AttackError, match=r"leaves a choice .* and this objective goes 'sideways'"):
        attacked(grid_of(network(), pictures()), FoolboxAttack(target="FGM"), objective=Sideways())


def test_an_objective_without_choices_is_refused() -> None:
    with pytest.raises(AttackError, match="foolbox:FGM works on a choice among classes, and this objective reads none"):
        attacked(grid_of(network(), pictures()), FoolboxAttack(target="FGM"), objective=Drive(), decision=False, unit=1)


def test_a_lying_attack_is_refused_by_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    import foolbox

    fgm = foolbox.attacks.FGM
    monkeypatch.setattr(
        fgm,
        "__call__",
        lambda self, model, x, criterion, *, epsilons: (None, x + 1.01 * epsilons / 6, None),  # noqa: ARG005
    )
    with pytest.raises(AttackError, match=r"attack 'theirs' on behavior .* l2 norm 0\.101, allowed 0\.1"):
        attacked(grid_of(network(), pictures(), epsilons=(0.1,)), FoolboxAttack(target="FGM"))
    monkeypatch.setattr(fgm, "__call__", lambda self, model, x, criterion, *, epsilons: (None, x * torch.nan, None))  # noqa: ARG005
    with pytest.raises(AttackError, match=r"attack 'theirs' .* a value that is not finite"):
        attacked(grid_of(network(), pictures(), epsilons=(0.1,)), FoolboxAttack(target="FGM"))


def test_what_fails_inside_foolbox_names_the_attack() -> None:
    attack = FoolboxAttack(target="L2PGD", parameters="steps='many'")
    with pytest.raises(AttackError, match="attack 'theirs' on behavior 'behavior' failed: TypeError"):
        attacked(grid_of(network(), pictures()), attack)


def test_scores_cut_off_from_the_image_are_refused() -> None:
    net = network()
    grid = grid_of(net, pictures())
    object.__setattr__(grid.model, "head", lambda x: net(x.detach()).detach())
    with pytest.raises(ModelError, match="cut off from the image"):
        attacked(grid, FoolboxAttack(target="FGM"), gradients=False)


@pytest.mark.parametrize(
    ("target", "parameters", "message"),
    [
        ("L2PDG", "", r"foolbox has no attack 'L2PDG' that can be used here: did you mean 'L2PGD'"),
        ("L0FMNAttack", "", "foolbox:L0FMNAttack cannot be used here: its norm is the number of pixels changed"),
        ("SpatialAttack", "", "foolbox:SpatialAttack cannot be used here: it has no norm"),
        ("PointwiseAttack", "", "it must be given the adversarial images of another attack"),
        ("L2PGD", "step=4", "foolbox:L2PGD: unknown parameter 'step': did you mean 'steps'.* it has rel_stepsize"),
        ("L2PGD", "steps 4", "parameters 'steps 4' cannot be read: write NAME=VALUE pairs"),
        ("L2PGD", "4", "parameters '4' cannot be read"),
        ("L2PGD", "**more", r"parameters '\*\*more' cannot be read"),
        ("L2PGD", "steps=many", "foolbox:L2PGD: parameter steps = many is no literal"),
        ("VirtualAdversarialAttack", "", "parameter 'steps' has no default: give it, parameters = 'steps=...'"),
        ("GaussianBlurAttack", "distance=2", "parameter 'distance' is set by norm in .threat.: leave it out"),
    ],
)
def test_a_wrong_request_is_refused(target: str, parameters: str, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        FoolboxAttack(target=target, parameters=parameters)


def test_a_norm_that_it_does_not_have_is_refused() -> None:
    assert FoolboxAttack(target="L2PGD").norms == ("l2",)
    assert FoolboxAttack(target="InversionAttack").norms == ("l1", "l2", "linf")
    with pytest.raises(BadParameter, match="foolbox:L2PGD does not search the norm 'linf'; it has l2"):
        attacked(grid_of(network(), pictures(), norm="linf", epsilons=(0.1,)), FoolboxAttack(target="L2PGD"))


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "foolbox", None)
    with pytest.raises(UsageError, match=r'foolbox cannot be imported .*: pip install "spikeproof\[foolbox\]"'):
        FoolboxAttack(target="L2PGD")
