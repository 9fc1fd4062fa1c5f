"""A stimulus set reads images lazily and trusts none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from spikeproof.errors import DataError
from spikeproof.types import StimulusSet

IDS = ("a", "b", "c", "d")


def table(ids: Sequence[Any] = IDS, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(list(ids), name="stimulus_id"))


def numbered(pixels: np.ndarray | None = None, ids: Sequence[Any] = IDS, **columns: Any) -> StimulusSet:
    """Image k is filled with k / 10."""
    if pixels is None:
        pixels = np.broadcast_to(np.arange(len(ids), dtype=np.float32)[:, None, None, None] / 10, (len(ids), 1, 2, 3))
    return StimulusSet(table=table(ids, **columns), shape=(1, 2, 3), read=lambda rows: pixels[list(rows)])


def test_images_come_in_the_order_asked_for() -> None:
    stimuli = numbered()
    assert len(stimuli) == 4
    assert stimuli.ids == IDS
    np.testing.assert_allclose(stimuli.images(["d", "a", "d"])[:, 0, 0, 0], [0.3, 0, 0.3])
    np.testing.assert_allclose(stimuli.images()[:, 0, 1, 2], [0, 0.1, 0.2, 0.3])
    assert stimuli.images([]).shape == (0, 1, 2, 3)


def test_only_what_is_asked_for_is_read() -> None:
    asked: list[list[int]] = []

    def read(rows: Sequence[int]) -> np.ndarray:
        asked.append(list(rows))
        return np.zeros((len(rows), 1, 1, 1), np.float32)

    stimuli = StimulusSet(table=table(), shape=(1, 1, 1), read=read)
    stimuli.images(["c"])
    assert [len(part) for part in stimuli.chunks(3)] == [3, 1]
    assert asked == [[2], [0, 1, 2], [3]]


def test_a_selection_is_lazy_and_keeps_its_order() -> None:
    chosen = numbered(category=["x", "y", "x", "y"]).select(["d", "b"])
    assert chosen.ids == ("d", "b")
    assert chosen.table["category"].tolist() == ["y", "y"]
    np.testing.assert_allclose(chosen.select(["b"]).images()[:, 0, 0, 0], [0.1])
    with pytest.raises(DataError, match="no image for 'z'"):
        chosen.select(["z"])


def test_an_unknown_stimulus_is_named() -> None:
    with pytest.raises(DataError, match=r"no image for 'y' \(and 1 more\)"):
        numbered().images(["a", "y", "z"])


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (
            lambda p: p.__setitem__((2, 0, 0, 0), np.nan),
            r"image 'c' has a value that is not finite \(min 0.2, max 0.2\)",
        ),
        (lambda p: p.__setitem__(2, np.nan), r"image 'c' has a value that is not finite \(no finite value\)"),
        (lambda p: p.__setitem__((1, 0, 1, 1), -0.5), r"image 'b' leaves \[0, 1\] \(min -0.5, max 0.1\)"),
        (lambda p: p.__setitem__((1, 0, 1, 1), 1 + 1e-6), r"image 'b' leaves \[0, 1\] \(min 0.1, max 1.000001\)"),
        (lambda p: p.__setitem__(slice(1, 3), 2), r"image 'b' leaves \[0, 1\] \(min 2, max 2\) \(and 1 more\)"),
    ],
)
def test_an_image_that_cannot_be_trusted_is_named(spoil: Any, text: str) -> None:
    pixels = np.array(numbered().images())
    spoil(pixels)
    with pytest.raises(DataError, match=f"{text}.*: scale images"):
        numbered(pixels).images()


@pytest.mark.parametrize("pixels", [np.zeros((4, 1, 3, 2), np.float32), np.zeros((4, 1, 2, 3), np.float64)])
def test_images_of_another_shape_or_type_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"expected float32 images of shape \(4, 1, 2, 3\), got float"):
        numbered(pixels).images()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"ids": ("a", "b", "a")}, "stimulus_id must be unique, but 'a' names several images"),
        ({"ids": (1, 2)}, r"coordinate 'stimulus_id' must hold text, got 1 \(int\)"),
        ({"ids": ("a", "")}, "coordinate 'stimulus_id' is empty at 1"),
        ({"ids": ()}, "the table has no rows"),
        ({"ids": ("a", "b"), "category": ["x", None]}, "category of 'b' is missing"),
    ],
)
def test_a_bad_table_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=text):
        numbered(np.zeros((3, 1, 2, 3), np.float32), **given)


def test_the_index_must_be_called_stimulus_id() -> None:
    with pytest.raises(DataError, match="the table's index must be 'stimulus_id', got None"):
        StimulusSet(table=pd.DataFrame(index=["a"]), shape=(1, 1, 1), read=lambda _: np.zeros((1, 1, 1, 1), np.float32))


@pytest.mark.parametrize("shape", [(1, 2), (0, 2, 2), (1, 2.5, 2)])
def test_a_bad_shape_is_refused(shape: Any) -> None:
    with pytest.raises(DataError, match=r"shape must be \(channel, y, x\) in pixels"):
        StimulusSet(table=table(), shape=shape, read=lambda _: np.zeros((1, 1, 1, 1), np.float32))


def test_chunks_hold_at_least_one_image() -> None:
    with pytest.raises(DataError, match="at least one at a time, got 0"):
        list(numbered().chunks(0))
