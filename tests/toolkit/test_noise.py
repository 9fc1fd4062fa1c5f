"""Random numbers of an item depend on its key only, not on batches or on other items."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spikeproof.types import ItemNoise, generator

LIKE = torch.zeros(1, dtype=torch.float32)
KEYS = [("pgd", "unit", "u0", "s0", 0), ("pgd", "unit", "u0", "s1", 0), ("pgd", "unit", "u1", "s0", 1)]


def test_the_same_key_gives_the_same_numbers_and_another_key_others() -> None:
    draw = generator(3, "a", 1).standard_normal(8)
    np.testing.assert_array_equal(draw, generator(3, "a", 1).standard_normal(8))
    for other in (generator(4, "a", 1), generator(3, "a", 2), generator(3, "a1"), generator(3, "a"), generator(3)):
        assert (draw != other.standard_normal(8)).all()


def test_numbers_are_the_same_on_every_machine() -> None:
    """Frozen once: a change here changes the results of every seeded study."""
    assert generator(0, "units").integers(1_000_000, size=3).tolist() == [487584, 496102, 351268]


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_an_item_draws_the_same_alone_and_in_any_batch(kind: str) -> None:
    whole = ItemNoise(7, KEYS)
    together = getattr(whole, kind)((2, 3), LIKE)
    assert together.shape == (3, 2, 3)
    assert len(whole) == 3
    for number, key in enumerate(KEYS):
        alone = getattr(ItemNoise(7, [key]), kind)((2, 3), LIKE)
        assert torch.equal(alone[0], together[number])
    backwards = getattr(ItemNoise(7, KEYS[::-1]), kind)((2, 3), LIKE)
    assert torch.equal(backwards.flip(0), together)


def test_drawing_for_some_items_leaves_the_others_where_they_were() -> None:
    whole, split = ItemNoise(7, KEYS), ItemNoise(7, KEYS)
    first, second = whole.normal((4,), LIKE), whole.normal((4,), LIKE)
    assert torch.equal(split.normal((4,), LIKE, items=[2, 0]), first[[2, 0]])
    assert torch.equal(split.normal((4,), LIKE, items=[1]), first[[1]])
    assert torch.equal(split.normal((4,), LIKE), second)


def test_numbers_have_the_type_asked_for_and_the_stated_distribution() -> None:
    noise = ItemNoise(0, [("a",)])
    normal = noise.normal((20_000,), torch.zeros(1, dtype=torch.float64))
    assert normal.dtype == torch.float64
    assert abs(float(normal.mean())) < 4 / np.sqrt(20_000)
    assert abs(float(normal.var()) - 1) < 4 * np.sqrt(2 / 20_000)
    uniform = noise.uniform((20_000,), LIKE)
    assert uniform.dtype == torch.float32
    assert 0 <= float(uniform.min()) < float(uniform.max()) <= 1
    assert abs(float(uniform.mean()) - 0.5) < 4 * np.sqrt(1 / 12 / 20_000)


def test_no_items_are_refused() -> None:
    with pytest.raises(ValueError, match="no items to draw"):
        ItemNoise(0, KEYS).normal((2,), LIKE, items=[])
