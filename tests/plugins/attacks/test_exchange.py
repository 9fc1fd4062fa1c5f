"""Neighbouring epsilons lend each other their best perturbation."""

from __future__ import annotations

import torch
from spikeproof_attacks.exchange import exchanged
from spikeproof_attacks.rows import Rows


class Along:
    """Value: how far an image of two pixels went along the first; counts the rows it was asked for."""

    forward = backward = 0

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
        self.forward += len(images)
        return images.flatten(1)[:, 0]

    def value_and_gradient(
        self,
        images: torch.Tensor,
        items: torch.Tensor | None = None,  # noqa: ARG002
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.backward += len(images)
        gradient = torch.zeros_like(images)
        gradient.flatten(1)[:, 0] = 1
        return self(images), gradient


def _rows(epsilons: list[float]) -> tuple[Rows, Along]:
    objective, clean = Along(), torch.full((1, 1, 1, 2), 0.5)
    rows = Rows(objective, clean, torch.tensor(epsilons), "l2")  # type: ignore[arg-type]  # no more is asked of it
    rows.begin()
    return rows, objective


def _put(rows: Rows, row: int, first: float, second: float) -> None:
    value = torch.full_like(rows.value, -torch.inf)
    images = rows.clean.clone()
    value[row], images[row] = first, torch.tensor([[[first, second]]])
    rows.keep(value, images)


def test_the_best_of_a_neighbour_frees_a_row_at_its_own_scale() -> None:
    rows, _ = _rows([0.1, 0.2, 0.4])
    _put(rows, 1, 0.7, 0.5)
    points = exchanged(rows, rows.clean)
    torch.testing.assert_close(points.flatten(1), torch.tensor([[0.6, 0.5], [0.5, 0.5], [0.9, 0.5]]))
    assert (rows.clean == 0.5).all()


def test_the_better_of_two_neighbours_is_taken() -> None:
    for better, other in ((0, 2), (2, 0)):
        rows, _ = _rows([0.125, 0.25, 0.5])
        _put(rows, better, 0.5 + rows.radii[better].item(), 0.5)
        _put(rows, other, 0.5 + 0.5 * rows.radii[other].item(), 0.5)
        torch.testing.assert_close(exchanged(rows, rows.clean)[1].flatten(), torch.tensor([0.75, 0.5]))


def test_what_is_lent_stays_in_the_ball_and_the_box() -> None:
    rows, _ = _rows([0.2, 2.0])
    _put(rows, 0, 0.7, 0.5)
    assert exchanged(rows, rows.clean)[1].flatten().tolist() == [1.0, 0.5]


def test_rows_without_a_neighbour_ask_nothing() -> None:
    for epsilons in ([0.2], [0.0, 0.2]):
        rows, objective = _rows(epsilons)
        asked = objective.forward
        assert torch.equal(exchanged(rows, rows.clean), rows.clean)
        assert objective.forward == asked


def test_rows_that_do_not_lag_behind_are_not_tried() -> None:
    rows, objective = _rows([0.125, 0.25])
    _put(rows, 0, 0.5 + 0.93 * 0.125, 0.5)  # in proportion to epsilon, 7 % behind its neighbour
    _put(rows, 1, 0.75, 0.5)
    asked = objective.forward
    there = rows.clean + 0.01
    assert torch.equal(exchanged(rows, there), there)
    assert objective.forward == asked


class Elsewhere(Along):
    """Keeps no promise: nothing that it is asked for is worth anything."""

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        return super().__call__(images, items) * 0


def test_what_does_not_keep_its_promise_is_not_taken() -> None:
    rows, objective = _rows([0.125, 0.25])
    _put(rows, 1, 0.75, 0.5)
    rows.objective = other = Elsewhere()  # type: ignore[assignment]  # no more is asked of it
    there = rows.clean + 0.01
    assert torch.equal(exchanged(rows, there), there)
    assert (other.forward, other.backward, objective.backward) == (1, 0, 1)


def test_nothing_is_lent_before_the_clean_image_was_looked_at() -> None:
    clean = torch.full((1, 1, 1, 2), 0.5)
    rows = Rows(Along(), clean, torch.tensor([0.1, 0.2]), "l2")  # type: ignore[arg-type]  # no more is asked of it
    _put(rows, 0, 0.6, 0.5)
    assert exchanged(rows, rows.clean) is rows.clean
