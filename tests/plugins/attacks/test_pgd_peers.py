"""PGD on a trained network beside a peer's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_doubles import Drive, Layer, Margin, make_grid
from scipy.optimize import brentq
from spikeproof.engine import attack_target
from spikeproof.plugin import AttackEntry
from spikeproof_attacks.pgd import PGD


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _images(shared: Path, count: int) -> np.ndarray:
    with np.load(shared / "data/images/cifar10_test_lossless_300.npz") as data:
        return np.ascontiguousarray(data["x"][:count].transpose(0, 3, 1, 2)).astype(np.float32) / 255


def _network(shared: Path) -> Any:
    spec = spec_from_file_location("zoo", shared / "data/models/zoo.py")
    assert spec is not None
    assert spec.loader is not None
    zoo = module_from_spec(spec)
    spec.loader.exec_module(zoo)
    return zoo.cnn_a_standard()


def _layer(net: Any) -> Layer:
    def units(x: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = net[0](x)
        for module in net[1][:6]:
            hidden = module(hidden)
        return hidden

    return Layer(units, tuple(map(str, range(100))), head=net, classes=tuple(map(str, range(10))))


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # foolbox 3.3.4 imports scipy's old names
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_behavior_is_moved_at_least_as_far_as_by_foolbox(shared: Path, norm: Any) -> None:
    import foolbox

    net, x, eps = _network(shared), _images(shared, 12), 0.3 if norm == "l2" else 0.01
    grid = make_grid(_layer(net), x, use_head=True, epsilons=(eps,), norm=norm)
    with _one_thread():
        ours = attack_target(
            grid, PGD(), "pgd", Margin(), "behavior", decision=True, unit=-1, target="behavior", keep_images=True
        )
        peer = foolbox.attacks.L2PGD if norm == "l2" else foolbox.attacks.LinfPGD
        model = foolbox.PyTorchModel(net, bounds=(0, 1), device="cpu")
        theirs, _, _ = peer(steps=40)(model, torch.as_tensor(x), torch.as_tensor(grid.clean_choice), epsilons=[eps])

    def margin(images: torch.Tensor) -> np.ndarray:
        scores = net(images).double().numpy()
        rows = np.arange(len(scores))
        own = scores[rows, grid.clean_choice]
        scores[rows, grid.clean_choice] = -np.inf
        return np.asarray(scores.max(axis=1) - own)

    assert ours.images is not None
    found, reference = margin(ours.images[0]), margin(theirs[0])
    assert found.mean() >= reference.mean()
    assert (found >= reference - 0.02 * np.abs(reference)).all()
    assert reference.mean() > margin(torch.as_tensor(x)).mean() + 1  # the peer was set up rightly


def test_a_trained_unit_within_one_linear_region_gains_its_local_gradient(shared: Path) -> None:
    model, x, eps = _layer(_network(shared)), _images(shared, 4), 1e-2
    before = torch.as_tensor(x).requires_grad_()
    gradient = torch.autograd.grad(model.function(before)[:, 7].sum(), before)[0]
    flat, slope = x.reshape(4, -1), gradient.flatten(1).numpy()
    with _one_thread():
        attacked = attack_target(
            make_grid(model, x, epsilons=(eps,)),
            PGD(),
            "pgd",
            Drive(("up",)),
            "unit",
            decision=False,
            unit=7,
            target="7",
        )
    gain = attacked.responses[0, :, 7] - model.function(before).detach().double().numpy()[:, 7]
    for k in range(4):  # the local optimum in the box, by bisection

        def reach(t: float, k: int = k) -> np.ndarray:
            return np.clip(flat[k] + t * slope[k], 0, 1) - flat[k]

        t = brentq(lambda t, reach=reach: np.linalg.norm(reach(t)) - eps, 0, 1e3)
        assert gain[k] == pytest.approx(slope[k] @ reach(t), rel=0.02)


def test_on_a_trained_unit_no_rectifier_flips_and_the_gain_is_its_gradients_exactly(shared: Path) -> None:
    net, x, eps = _network(shared).double(), _images(shared, 6).astype(np.float64), 1e-5
    model, on = _layer(net), list[torch.Tensor]()
    for module in net[1][:6]:
        if isinstance(module, torch.nn.ReLU):
            module.register_forward_hook(lambda *seen: on.append(seen[2].detach() > 0))

    def pattern(images: torch.Tensor) -> torch.Tensor:
        on.clear()
        with torch.no_grad():
            model.function(images)
        return torch.cat([one.flatten(1) for one in on], dim=1)

    clean = torch.as_tensor(x).requires_grad_()
    slope = torch.autograd.grad(model.function(clean)[:, 7].sum(), clean)[0].flatten(1).numpy()
    with _one_thread():
        found = attack_target(
            make_grid(model, x, epsilons=(eps,)),
            PGD(),
            "pgd",
            Drive(("up",)),
            "unit",
            decision=False,
            unit=7,
            target="7",
            keep_images=True,
        )
    assert found.images is not None
    same = (pattern(found.images[0]) == pattern(torch.as_tensor(x))).all(dim=1).numpy()
    assert same.sum() >= 3  # one linear region, walls included
    gain = found.responses[0, :, 7] - model.function(torch.as_tensor(x)).detach().numpy()[:, 7]
    flat = x.reshape(6, -1)
    for k in np.flatnonzero(same):
        room = np.where(slope[k] > 0, 1 - flat[k], flat[k])
        t = brentq(lambda t, k=k, room=room: np.linalg.norm(np.minimum(t * abs(slope[k]), room)) - eps, 0, 1e3)
        assert gain[k] == pytest.approx(abs(slope[k]) @ np.minimum(t * abs(slope[k]), room), rel=1e-4)


def test_the_plugin_names_components_that_can_be_built() -> None:
    from importlib import import_module

    from spikeproof_attacks.plugin import spikeproof_attacks

    entries = list(spikeproof_attacks())
    assert [(entry.name, entry.control, entry.needs_gradients) for entry in entries] == [
        ("pgd", False, True),
        ("fgm", False, True),
        ("apgd", False, True),
        ("mi-fgsm", False, True),
        ("guo", False, True),
        ("square", False, False),
        ("universal", False, True),
        ("latent", False, True),
        ("toward", False, True),
        ("metamer", False, True),
        ("eigen", False, True),
        ("fmn", False, True),
        ("deepfool", False, True),
        ("threshold", False, True),
        ("random", True, False),
        ("flipped", True, False),
    ]
    for entry in entries:
        assert isinstance(entry, AttackEntry)
        module, name = entry.factory.split(":")
        assert callable(getattr(import_module(module), name)())


@pytest.mark.parametrize("field", ["steps", "restarts"])
def test_a_run_of_no_steps_is_refused(field: str) -> None:
    from spikeproof.errors import BadParameter

    with pytest.raises(BadParameter, match=f"pgd: {field} must be at least 1, got 0"):
        PGD(**{field: 0})  # type: ignore[arg-type]
