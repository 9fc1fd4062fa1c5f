"""Neighbouring epsilons lend each other their best perturbation."""

from __future__ import annotations

import torch
from spikeproof_attacks.exchange import exchanged
from spikeproof_attacks.rows import Place, Rows


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


def _rows(epsilons: list[float]) -> tuple[Rows, Place, Along]:
    objective, clean = Along(), torch.full((1, 1, 1, 2), 0.5)
    rows = Rows(objective, clean, torch.tensor(epsilons), "l2")  # type: ignore[arg-type]  # no more is asked of it
    place, _ = rows.begin()
    return rows, place, objective


def _put(rows: Rows, row: int, first: float, second: float) -> None:
    rows.keep(torch.tensor([first]), torch.tensor([[[[first, second]]]]), torch.tensor([row]))


def test_the_best_of_a_neighbour_frees_a_row_at_its_own_scale() -> None:
    rows, place, _ = _rows([0.1, 0.2, 0.4])
    _put(rows, 1, 0.7, 0.5)
    moved = exchanged(rows, place)
    torch.testing.assert_close(rows.value, torch.tensor([0.6, 0.7, 0.9], dtype=torch.float64))
    torch.testing.assert_close(moved.points[[0, 2]].flatten(1), torch.tensor([[0.6, 0.5], [0.9, 0.5]]))
    assert (moved.slope[[0, 2]].flatten(1)[:, 0] == 1).all()
    torch.testing.assert_close(moved.points[1], place.points[1])  # nothing better was lent to it


def test_what_is_lent_stays_in_the_ball_and_the_box() -> None:
    rows, place, _ = _rows([0.2, 2.0])
    _put(rows, 0, 0.7, 0.5)
    moved = exchanged(rows, place)
    assert moved.points[1].flatten().tolist() == [1.0, 0.5]


def test_nothing_is_lent_where_it_would_not_help_or_there_is_no_neighbour() -> None:
    rows, place, objective = _rows([0.2])
    asked = objective.forward, objective.backward
    assert exchanged(rows, place) is place
    assert (objective.forward, objective.backward) == asked
    rows, place, objective = _rows([0.0, 0.2])
    assert exchanged(rows, place) is place
    rows, place, objective = _rows([0.125, 0.25])
    _put(rows, 0, 0.625, 0.5)
    _put(rows, 1, 0.75, 0.5)
    backward = objective.backward
    assert exchanged(rows, place) is place
    assert objective.backward == backward
