"""Special attacks on trained networks and real images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import torch
from engine_doubles import Drive, Margin
from numpy.typing import NDArray
from spikeproof.engine import AttackedTarget, BoundObjective, Grid, Target, attack_target, control_target, share_targets
from spikeproof_attacks.controls import Random
from spikeproof_attacks.eigen import Eigen, least_noticed, most_noticed
from spikeproof_attacks.latent import Latent
from spikeproof_attacks.metamer import Metamer
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.pursuits import Matched
from spikeproof_attacks.toward import Toward
from spikeproof_attacks.universal import Universal

pytestmark = pytest.mark.slow

COUNT = 12


def _grid(shared: Path, name: str, *, head: bool = False, **changes: Any) -> Grid:
    """The last hidden layer of a CIFAR network (100 units, after the ReLU), z-scored over all images."""
    model = spikeproof.load_model(f"torch:{shared / 'data/models/zoo.py'}:{name}", layer="1.5", image_shape=(3, 32, 32))
    pixels = np.load(shared / "data/images/cifar10_test_lossless_300.npz")
    images = pixels["x"].astype(np.float32)
    images = images / 255 if images.max() > 1 else images
    images = images if images.shape[1] == 3 else images.transpose(0, 3, 1, 2)
    with torch.no_grad():
        pairs = [model.both(part) for part in torch.as_tensor(images).split(100)]
    responses = torch.cat([pair[0] for pair in pairs]).double().numpy()
    scores = torch.cat([pair[1] for pair in pairs]).double().numpy()[:COUNT]
    live = np.flatnonzero(responses.std(axis=0) > 0)
    settings: dict[str, Any] = {"epsilons": (0.25, 1.0), "norm": "l2", "seed": 0} | changes
    return Grid(
        model=model.select(live.tolist()),
        images=images[:COUNT],
        stimulus_ids=tuple(f"s{k}" for k in range(COUNT)),
        clean_responses=responses[:COUNT][:, live],
        clean_logits=scores if head else None,
        use_head=head,
        whitening=np.diag(1 / responses.std(axis=0)[live]),
        **settings,
    )


def _attacked(grid: Grid, attack: Any, objective: Any = None) -> AttackedTarget:
    return attack_target(
        grid,
        attack,
        "attack",
        objective or attack.pursues(),
        "population",
        decision=False,
        unit=-1,
        target="population",
        keep_images=True,
    )


def _moved(grid: Grid, found: AttackedTarget) -> NDArray[np.float64]:
    assert grid.whitening is not None
    return np.asarray(np.linalg.norm((found.responses - grid.clean_responses) @ grid.whitening, axis=-1))


def _between(grid: Grid) -> float:
    assert grid.whitening is not None
    white = grid.clean_responses @ grid.whitening
    return float(np.mean([np.linalg.norm(a - b) for k, a in enumerate(white) for b in white[:k]]))


@pytest.mark.parametrize("name", ["cnn_a_standard", "cnn_a_robust"])
def test_eigen_directions_are_those_of_the_whole_jacobian_of_a_trained_network(shared: Path, name: str) -> None:
    grid = _grid(shared, name)
    bound = BoundObjective(
        grid,
        Matched(to="clean"),
        "population",
        decision=False,
        stimuli=np.arange(3),
        units=np.full(3, -1),
        directions=np.zeros(3, dtype=np.intp),
    )
    for jacobian in bound.jacobian(bound.clean):
        rows = jacobian.flatten(1).double()
        _, values, right = np.linalg.svd(rows.numpy(), full_matrices=False)
        top = most_noticed(rows).numpy()
        assert abs(top @ right[0]) > 1 - 1e-6 or values[0] - values[1] < 1e-6 * values[0]
        np.testing.assert_allclose(np.linalg.norm(rows.numpy() @ top), values[0], rtol=1e-8)
        draw = torch.as_tensor(np.random.default_rng(0).standard_normal(rows.shape[1]))
        bottom = least_noticed(rows, draw).numpy()
        assert np.linalg.norm(rows.numpy() @ bottom) < 1e-5 * values[0]


def test_eigen_is_noticed_most_and_least_and_random_directions_lie_between(shared: Path) -> None:
    grid = _grid(shared, "cnn_a_standard")
    most, least = _attacked(grid, Eigen()), _attacked(grid, Eigen(target="least"))
    control = _moved(grid, control_target(grid, most, Random(), "random"))
    assert (_moved(grid, most) > 3 * control).all()
    assert (_moved(grid, least)[0] < 0.5 * control[0]).all()
    assert np.median(_moved(grid, least)[1] / control[1]) < 0.7


@pytest.mark.parametrize("name", ["cnn_a_standard", "cnn_a_robust"])
def test_toward_comes_nearer_than_the_pgd_that_it_begins_with(shared: Path, name: str) -> None:
    grid = _grid(shared, name, epsilons=(0.5, 4.0))
    assert grid.whitening is not None
    goal = grid.clean_responses[grid.partners]

    def left(attack: Any) -> NDArray[np.float64]:
        found = _attacked(grid, attack, Matched(to="partner"))
        return np.asarray(np.linalg.norm((found.responses - goal) @ grid.whitening, axis=-1))

    start = np.linalg.norm((grid.clean_responses - goal) @ grid.whitening, axis=-1)
    ours, theirs, longer = left(Toward(steps=160)), left(PGD(steps=140)), left(PGD(steps=160))
    assert (ours <= start * (1 + 1e-6)).all()
    assert (ours <= theirs * (1 + 1e-4)).all()
    assert (ours.mean(axis=1) <= longer.mean(axis=1) * 1.01).all()


def test_metamers_of_a_trained_network_match_and_look_like_their_start(shared: Path) -> None:
    """Feather et al. 2023: metamers of networks are no images of their category to us."""
    for start in ("noise", "stimulus"):
        grid = _grid(shared, "cnn_a_standard", epsilons=(float("inf"),))
        found = _attacked(grid, Metamer(start=start))  # type: ignore[arg-type]
        control = control_target(grid, found, Random(), "random")
        assert np.median(_moved(grid, found)[0]) < 0.1 * _between(grid)
        assert (_moved(grid, found) < 0.3 * _moved(grid, control)).all()
        assert (found.achieved[0] > 0.3 * grid.between_stimuli).all()


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_one_perturbation_changes_more_choices_than_a_random_one(shared: Path, norm: Any) -> None:
    grid = _grid(shared, "cnn_a_standard", head=True, norm=norm, epsilons=(1.0,) if norm == "l2" else (8 / 255,))
    target = [Target(unit=-1, name="behavior", keep_images=True)]
    found = next(share_targets(grid, Universal(), "universal", Margin(), "behavior", decision=True, targets=target))
    control = control_target(grid, found, Random(), "random")
    assert grid.clean_choice is not None
    assert found.choices is not None
    assert control.choices is not None
    assert found.images is not None
    assert (found.choices != grid.clean_choice).mean() > (control.choices != grid.clean_choice).mean()
    shifts = (found.images[0] - grid.clean).numpy()
    inside = ((found.images[0] > 0) & (found.images[0] < 1)).numpy()
    middle = np.nanmedian(np.where(inside, shifts, np.nan), axis=0)
    assert np.nanmax(np.abs(np.where(inside, shifts - middle, 0))) < 1e-5


def test_a_shift_of_an_early_layer_reaches_a_unit_nearly_as_far_as_pgd(shared: Path) -> None:
    grid = _grid(shared, "cnn_a_standard", epsilons=(0.5,))
    unit = int(grid.clean_responses.mean(axis=0).argmax())

    def gain(attack: Any) -> NDArray[np.float64]:
        found = attack_target(
            grid, attack, "attack", Drive(ways=("up",)), "unit", decision=False, unit=unit, target="unit"
        )
        return np.asarray(found.responses[0, :, unit] - grid.clean_responses[:, unit])

    searched = gain(PGD())
    for layer in ("1.0", "1.2", ""):
        shifted = gain(Latent(layer=layer))
        assert (shifted >= 0).all()
        assert shifted.mean() > 0.7 * searched.mean()
