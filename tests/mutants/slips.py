"""Slips in the engine, the geometry and the attacks, one each: what the checks of attacks must notice.

A slip takes pytest's ``MonkeyPatch`` and puts something wrong in the place of something right; the patch puts it back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from spikeproof.engine.minimal import Smallest
from spikeproof.engine.objective import BoundObjective
from spikeproof.noise import ItemNoise
from spikeproof_attacks.nearest import Nearest
from spikeproof_attacks.pgd import PGD
from spikeproof_attacks.rows import Place, Rows
from spikeproof_objectives.unit import Unit

Slip: TypeAlias = Callable[[pytest.MonkeyPatch], None]
GEOMETRY = "spikeproof.geometry"


def everywhere(
    patch: pytest.MonkeyPatch, place: str, wrong: Callable[[Any], Callable[..., Any]], *, tests: bool = False
) -> None:
    """Replace a function (``MODULE:NAME``) in every module of ours that has imported it; ``tests``: in tests as well.

    ``wrong`` makes what stands there instead, of what is right.
    """
    module, _, name = place.partition(":")
    right = getattr(import_module(module), name)
    slip = wrong(right)
    for loaded in list(sys.modules.values()):
        ours = loaded.__name__.startswith("spikeproof") or (tests and loaded.__name__.startswith("tests."))
        if ours and vars(loaded).get(name) is right:
            patch.setattr(loaded, name, slip)


def _wide(numbers: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return numbers.view(-1, *[1] * (like.ndim - 1))


def _unit(rows: torch.Tensor, norm: str) -> torch.Tensor:
    """Rows (item, ...) of norm 1."""
    power = {"l1": 1.0, "l2": 2.0, "linf": torch.inf}[norm]
    length = torch.linalg.vector_norm(rows.flatten(1), ord=power, dim=1).clamp(min=torch.finfo(rows.dtype).tiny)
    return rows / _wide(length, rows)


def _direction(patch: pytest.MonkeyPatch, change: Callable[[torch.Tensor, torch.Tensor, str], torch.Tensor]) -> None:
    """Change (direction, gradient, norm) of every direction of steepest ascent."""

    def wrong(right: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> Callable[..., Any]:
        def slip(gradient: torch.Tensor, norm: str) -> tuple[torch.Tensor, torch.Tensor]:
            direction, flat = right(gradient, norm)
            return change(direction, gradient, norm), flat

        return slip

    everywhere(patch, f"{GEOMETRY}.norms:ascent_direction", wrong)


def _projection(
    patch: pytest.MonkeyPatch, change: Callable[..., torch.Tensor], norms: tuple[str, ...], *, tests: bool = False
) -> None:
    """Project as ``change(points, clean, radius (item, ...), norm)`` says, in these norms."""

    def wrong(right: Callable[..., torch.Tensor]) -> Callable[..., Any]:
        def slip(
            points: torch.Tensor, clean: torch.Tensor, radius: Any, norm: str, *, low: Any = 0.0, high: Any = 1.0
        ) -> torch.Tensor:
            if norm not in norms:
                return right(points, clean, radius, norm, low=low, high=high)
            limit = torch.as_tensor(radius, dtype=clean.dtype).expand(len(clean))
            found = change(points, clean, _wide(limit, clean), norm)
            return torch.minimum(torch.maximum(found, torch.as_tensor(low)), torch.as_tensor(high)).to(clean.dtype)

        return slip

    everywhere(patch, f"{GEOMETRY}.projection:project", wrong, tests=tests)


# --- directions ----------------------------------------------------------------------------------------------------


def signs_for_l2(patch: pytest.MonkeyPatch) -> None:
    """The steepest direction of L2 is taken for that of Linf."""
    _direction(patch, lambda d, g, norm: _unit(g.sign(), norm) if norm == "l2" else d)


def slopes_for_linf(patch: pytest.MonkeyPatch) -> None:
    """Under Linf, pixels move as fast as their gradient."""
    _direction(patch, lambda d, g, norm: _unit(g, norm) if norm == "linf" else d)


def slightly_askew(patch: pytest.MonkeyPatch) -> None:
    """A tenth of each pixel's direction goes to its neighbour."""
    _direction(patch, lambda d, _, norm: _unit(d + 0.1 * d.flatten(1).roll(1, dims=1).reshape(d.shape), norm))


def floor_below_norms(patch: pytest.MonkeyPatch) -> None:
    """A small number is added to the norm that a gradient is divided by."""

    def floored(direction: torch.Tensor, gradient: torch.Tensor, norm: str) -> torch.Tensor:  # noqa: ARG001
        largest = gradient.flatten(1).abs().amax(dim=1)
        return direction * _wide(largest / (largest + 1e-10), direction)

    _direction(patch, floored)


def mean_of_the_batch(patch: pytest.MonkeyPatch) -> None:
    """A direction has a part of the other rows'."""
    _direction(patch, lambda d, _, norm: _unit(d + 0.2 * d.mean(dim=0), norm))


def places_weigh(patch: pytest.MonkeyPatch) -> None:
    """Pixels on the right move more than those on the left."""

    def tilted(direction: torch.Tensor, gradient: torch.Tensor, norm: str) -> torch.Tensor:  # noqa: ARG001
        ramp = torch.linspace(0.2, 1.8, direction.shape[-1], dtype=direction.dtype)
        return _unit(direction * ramp, norm)

    _direction(patch, tilted)


def only_four_dimensions(patch: pytest.MonkeyPatch) -> None:
    """Images are taken to be (channel, y, x)."""
    _direction(patch, lambda d, _, norm: d * torch.ones(len(d), 1, 1, 1, dtype=d.dtype))  # noqa: ARG005


# --- balls and boxes -----------------------------------------------------------------------------------------------


def project_then_clip(patch: pytest.MonkeyPatch) -> None:
    """Points are projected on the ball and then clipped to the box."""

    def clipped(points: torch.Tensor, clean: torch.Tensor, limit: torch.Tensor, norm: str) -> torch.Tensor:
        shift = points - clean
        power = {"l1": 1.0, "l2": 2.0}[norm]
        length = torch.linalg.vector_norm(shift.flatten(1), ord=power, dim=1).clamp(min=1e-30)
        return clean + shift * (limit / _wide(length, shift)).clamp(max=1)

    _projection(patch, clipped, ("l1", "l2"))


def scale_for_threshold(patch: pytest.MonkeyPatch) -> None:
    """The projection on the L1 ball shortens all pixels in proportion."""

    def scaled(points: torch.Tensor, clean: torch.Tensor, limit: torch.Tensor, norm: str) -> torch.Tensor:  # noqa: ARG001
        shift = points - clean
        length = shift.flatten(1).abs().sum(dim=1).clamp(min=1e-30)
        return clean + shift * (limit / _wide(length, shift)).clamp(max=1)

    _projection(patch, scaled, ("l1",), tests=True)


def always_on_the_sphere(patch: pytest.MonkeyPatch) -> None:
    """Points inside the ball are pushed out to its surface."""
    _projection(patch, lambda points, clean, limit, norm: clean + limit * _unit(points - clean, norm), ("l2",))


def half_the_ball(patch: pytest.MonkeyPatch) -> None:
    """Searches stay in a ball of half the radius."""

    def wrong(right: Callable[..., torch.Tensor]) -> Callable[..., Any]:
        def slip(points: torch.Tensor, clean: torch.Tensor, radius: Any, norm: str, **box: Any) -> torch.Tensor:
            return right(points, clean, radius / 2, norm, **box)

        return slip

    everywhere(patch, f"{GEOMETRY}.projection:project", wrong)


def straight_into_the_wall(patch: pytest.MonkeyPatch) -> None:
    """What a wall cuts off a step is lost."""

    def wrong(right: Callable[..., torch.Tensor]) -> Callable[..., Any]:  # noqa: ARG001
        def slip(clean: torch.Tensor, direction: torch.Tensor, size: Any, norm: str, **box: Any) -> torch.Tensor:  # noqa: ARG001
            length = torch.as_tensor(size, dtype=clean.dtype).expand(len(clean))
            return (clean + _wide(length, clean) * _unit(direction, norm)).clamp(0, 1)

        return slip

    everywhere(patch, f"{GEOMETRY}.steps:step_in_box", wrong)


def all_into_one_pixel(patch: pytest.MonkeyPatch) -> None:
    """Under L1, a step that meets the wall in its first pixel ends there."""

    def wrong(right: Callable[..., torch.Tensor]) -> Callable[..., Any]:
        def slip(start: torch.Tensor, gradient: torch.Tensor, size: Any, norm: str, **box: Any) -> torch.Tensor:
            if norm != "l1":
                return right(start, gradient, size, norm, **box)
            steep = gradient.flatten(1).abs()
            first = gradient.sign() * (steep == steep.amax(dim=1, keepdim=True)).reshape(gradient.shape)
            length = torch.as_tensor(size, dtype=start.dtype).expand(len(start))
            return (start + _wide(length, start) * first).clamp(0, 1)

        return slip

    everywhere(patch, f"{GEOMETRY}.steps:steepest_step", wrong)


def distances_of_l2(patch: pytest.MonkeyPatch) -> None:
    """The nearest point of a border is that of L2 in every norm."""

    def wrong(right: Callable[..., torch.Tensor]) -> Callable[..., Any]:
        def slip(start: torch.Tensor, gradient: torch.Tensor, gain: Any, norm: str, **box: Any) -> torch.Tensor:  # noqa: ARG001
            return right(start, gradient, gain, "l2", **box)

        return slip

    everywhere(patch, f"{GEOMETRY}.steps:shortest_step", wrong)


def rounding_is_kept(patch: pytest.MonkeyPatch) -> None:
    """What rounding to float32 adds to a norm stays."""
    everywhere(patch, f"{GEOMETRY}.box:shrink", lambda _: lambda points, clean, radius, norm: points)  # noqa: ARG005


def plain_rounding_to_levels(patch: pytest.MonkeyPatch) -> None:
    """Images are rounded to the nearest grey level, whatever that does to the norm."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ARG001
        def slip(clean: Any, step: Any, limit: float, norm: str) -> Any:  # noqa: ARG001
            return np.clip(clean + np.rint(255 * step), 0, 255).astype(np.uint8)

        return slip

    everywhere(patch, "spikeproof.closed_loop.rounding:rounded", wrong, tests=True)


# --- searches ------------------------------------------------------------------------------------------------------


def shorter_steps(patch: pytest.MonkeyPatch) -> None:
    """Every step is a twentieth too short."""
    right = Rows.step

    def slip(self: Rows, points: Any, slope: Any, size: Any, *rest: Any, **more: Any) -> torch.Tensor:
        return right(self, points, slope, 0.95 * size, *rest, **more)

    patch.setattr(Rows, "step", slip)


def a_single_step(patch: pytest.MonkeyPatch) -> None:
    """The search ends after one step."""
    patch.setattr(PGD, "_runs", lambda _: (("geometric", 1),))


def never_leaves(patch: pytest.MonkeyPatch) -> None:
    """No search starts at random."""
    patch.setattr(Rows, "leave", lambda self, place, direction, away: place)  # noqa: ARG005


def starts_inside(patch: pytest.MonkeyPatch) -> None:
    """Random starts lie anywhere between the clean image and the sphere."""
    right = Rows.leave

    def slip(self: Rows, place: Place, direction: torch.Tensor, away: torch.Tensor) -> Place:
        whole = self.radius
        self.radius = whole * torch.linspace(0, 1, len(whole), dtype=whole.dtype)
        found = right(self, place, direction, away)
        self.radius = whole
        return found

    patch.setattr(Rows, "leave", slip)


def no_ball_is_empty(patch: pytest.MonkeyPatch) -> None:
    """The smallest radius is a thousandth."""
    right = Rows.__init__

    def slip(self: Rows, *arguments: Any) -> None:
        right(self, *arguments)
        self.radius = self.radius.clamp(min=1e-3)
        self.value = torch.full_like(self.value, -torch.inf)

    patch.setattr(Rows, "__init__", slip)


def the_last_point_counts(patch: pytest.MonkeyPatch) -> None:
    """The last point is kept instead of the best."""

    def slip(self: Rows, value: torch.Tensor, images: torch.Tensor) -> None:
        self.value, self.best = value.to(torch.float64), images.clone()

    patch.setattr(Rows, "keep", slip)


def each_ball_alone(patch: pytest.MonkeyPatch) -> None:
    """What was found in a smaller ball does not compete in a larger one."""
    patch.setattr(Rows, "best_of_smaller", lambda self: self.best.reshape(self.count, -1, *self.best.shape[1:]))


def checkpoints_rounded_down(patch: pytest.MonkeyPatch) -> None:
    """APGD's checkpoints are those of its code, which rounds down."""

    def wrong(right: Callable[[int], tuple[int, ...]]) -> Callable[..., Any]:
        return lambda steps: tuple(max(1, mark - 1) for mark in right(steps))

    everywhere(patch, "spikeproof_attacks.apgd:checkpoints", wrong)


def momentum_of_one(patch: pytest.MonkeyPatch) -> None:
    """APGD has no momentum."""
    patch.setattr("spikeproof_attacks.apgd._MOMENTUM", 1.0)


def the_runner_up_only(patch: pytest.MonkeyPatch) -> None:
    """DeepFool tries the border of the second best class alone."""
    everywhere(patch, "spikeproof_attacks.deepfool:_rivals", lambda right: lambda *given: right(*given)[:, :1])


def one_unit_for_all(patch: pytest.MonkeyPatch) -> None:
    """The population's direction is that of its first unit."""
    everywhere(patch, "spikeproof_attacks.eigen:most_noticed", lambda right: lambda jacobian: right(jacobian[:1]))


def beyond_the_border(patch: pytest.MonkeyPatch) -> None:
    """The smallest perturbation is returned a twentieth too long."""
    right = Nearest.result

    def slip(self: Nearest) -> torch.Tensor:
        self.points = (self.clean + 1.05 * (self.points - self.clean)).clamp(0, 1)
        return right(self)

    patch.setattr(Nearest, "result", slip)


# --- objectives, gradients and random numbers ----------------------------------------------------------------------


def down_is_up(patch: pytest.MonkeyPatch) -> None:
    """A unit that is to be silenced is driven."""
    patch.setattr(Unit, "_sign", lambda _, readings: torch.ones_like(readings.responses[:, 0]))


def whitening_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Distances of populations are not in their noise."""

    def wrong(right: Callable[..., torch.Tensor]) -> Callable[..., Any]:
        return lambda a, b, whitening: right(a, b, torch.eye(len(whitening), dtype=whitening.dtype))

    everywhere(patch, "spikeproof_objectives.population:squared_distance", wrong)


def gradients_of_parameters(patch: pytest.MonkeyPatch) -> None:
    """Gradients are taken to all leaves, the network's parameters among them."""

    def slip(self: BoundObjective, images: torch.Tensor, function: Any) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode(mode=False), torch.enable_grad():
            leaf = images.detach().clone().requires_grad_()
            value = function(leaf)
            value.sum().backward()
        self.backward_rows += len(images)
        assert leaf.grad is not None
        return value.detach(), leaf.grad

    patch.setattr(BoundObjective, "differentiate", slip)


def half_a_gradient(patch: pytest.MonkeyPatch) -> None:
    """The lower half of every image has half of its gradient."""
    right = BoundObjective.differentiate

    def slip(self: BoundObjective, images: torch.Tensor, function: Any) -> tuple[torch.Tensor, torch.Tensor]:
        value, gradient = right(self, images, function)
        gradient[..., gradient.shape[-2] // 2 :, :] *= 0.5
        return value, gradient

    patch.setattr(BoundObjective, "differentiate", slip)


def infinities_pass(patch: pytest.MonkeyPatch) -> None:
    """No item is flagged whose values or gradients are not finite."""
    patch.setattr(BoundObjective, "_kept", lambda self, value, finite, items: value)  # noqa: ARG005


def nothing_is_wrong_with_zero(patch: pytest.MonkeyPatch) -> None:
    """Items whose gradient is zero are searched like any other."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        def slip(*given: Any) -> Any:
            return np.full_like(right(*given), "ok")

        return slip

    everywhere(patch, "spikeproof.engine.gradients:gradient_status", wrong)


def masked_is_dead(patch: pytest.MonkeyPatch) -> None:
    """A masked gradient is taken for a dead unit's."""

    def wrong(right: Callable[..., Any]) -> Callable[..., Any]:
        def slip(*given: Any) -> Any:
            status = right(*given)
            status[status == "masked"] = "dead"
            return status

        return slip

    everywhere(patch, "spikeproof.engine.gradients:gradient_status", wrong)


def numbers_by_place(patch: pytest.MonkeyPatch) -> None:
    """An item's random numbers depend on its place in the batch."""
    right = ItemNoise.__init__

    def slip(self: ItemNoise, seed: int, keys: Any) -> None:
        right(self, seed, [(place,) for place, _ in enumerate(keys)])

    patch.setattr(ItemNoise, "__init__", slip)


def rounding_settles_ties(patch: pytest.MonkeyPatch) -> None:
    """Of two directions that both reach the goal, the one is kept that rounding moved farther."""
    patch.setattr(Smallest, "kept", lambda self, moved, epsilons, ways: moved)  # noqa: ARG005


def unseeded(patch: pytest.MonkeyPatch) -> None:
    """Random numbers are drawn anew in every run."""

    def slip(self: ItemNoise, seed: int, keys: Any) -> None:  # noqa: ARG001
        self._streams = [np.random.default_rng() for _ in keys]

    patch.setattr(ItemNoise, "__init__", slip)


def batch_norm_dropped(patch: pytest.MonkeyPatch) -> None:
    """Folding drops BatchNorm, and nobody compares."""

    def wrong(right: Callable[..., int]) -> Callable[..., Any]:
        def slip(module: Any) -> int:
            for node in list(module.graph.nodes):
                if node.target is torch.ops.aten.batch_norm.default:
                    node.replace_all_uses_with(node.args[0])
                    module.graph.erase_node(node)
            return right(module)

        return slip

    everywhere(patch, "spikeproof_torch.folding:fold_batch_norm", wrong)
    everywhere(patch, "spikeproof_torch.agreement:agree", lambda _: lambda one, other: True)  # noqa: ARG005
