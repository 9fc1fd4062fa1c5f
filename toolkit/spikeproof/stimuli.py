"""Stimulus sets: a table of stimuli and their images, read lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._checks import check_names
from .errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    ReadImages = Callable[[Sequence[int]], NDArray[np.float32]]

__all__ = ["StimulusSet"]


@dataclass(frozen=True, kw_only=True)
class StimulusSet:
    """Stimuli and their images.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per stimulus, index ``stimulus_id`` (unique strings); a column ``category`` where categories exist.
    shape : tuple of int
        (channel, y, x) of every image, in pixels.
    read : callable
        ``read(rows) -> float32 array (row, channel, y, x)`` in [0, 1]; called with row numbers of ``table``.

    Raises
    ------
    DataError
        If ids repeat, the shape is not (channel, y, x), or an image that is read leaves [0, 1], is not finite or
        has another shape; the message names the stimulus.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> pixels = np.zeros((2, 1, 4, 4), dtype=np.float32)
    >>> table = pd.DataFrame({"category": ["a", "b"]}, index=pd.Index(["s0", "s1"], name="stimulus_id"))
    >>> StimulusSet(table=table, shape=(1, 4, 4), read=lambda rows: pixels[list(rows)]).images(["s1"]).shape
    (1, 1, 4, 4)
    """

    table: pd.DataFrame
    shape: tuple[int, int, int]
    read: ReadImages

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or any(int(n) != n or n < 1 for n in self.shape):
            raise DataError(f"stimuli: shape must be (channel, y, x) in pixels, got {self.shape}")
        if self.table.index.name != "stimulus_id":
            raise DataError(f"stimuli: the table's index must be 'stimulus_id', got {self.table.index.name!r}")
        if len(self.table) == 0:
            raise DataError("stimuli: the table has no rows: there are no images")
        if not self.table.index.is_unique:
            twice = self.table.index[self.table.index.duplicated()][0]
            raise DataError(f"stimuli: stimulus_id must be unique, but {twice!r} names several images")
        check_names("stimuli", "stimulus_id", self.table.index.tolist(), unique=True)
        if "category" in self.table:
            missing = self.table.index[self.table["category"].isna() | (self.table["category"] == "")]
            if len(missing):
                raise DataError(
                    f"stimuli: category of {missing[0]!r} is missing{_more(len(missing))}: give every image a "
                    "category, or leave the column out"
                )

    def __len__(self) -> int:
        return len(self.table)

    @property
    def ids(self) -> tuple[str, ...]:
        """Stimulus ids, in the order of the table."""
        return tuple(self.table.index)

    def images(self, ids: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Read images, checked.

        Parameters
        ----------
        ids : sequence of str, optional
            Which stimuli, in this order; all by default.

        Returns
        -------
        numpy.ndarray of float32, (stimulus, channel, y, x), in [0, 1]
        """
        import numpy as np
        import pandas as pd

        wanted = self.ids if ids is None else tuple(ids)
        rows = self.table.index.get_indexer(pd.Index(wanted))
        if (rows < 0).any():
            missing = [name for name, row in zip(wanted, rows, strict=True) if row < 0]
            raise DataError(f"stimuli: no image for {missing[0]!r}" + _more(len(missing)))
        if not wanted:
            return np.empty((0, *self.shape), dtype=np.float32)
        images = np.asarray(self.read([int(row) for row in rows]))
        if images.shape != (len(wanted), *self.shape) or images.dtype != np.float32:
            raise DataError(
                f"stimuli: expected float32 images of shape {(len(wanted), *self.shape)}, "
                f"got {images.dtype} {images.shape}"
            )
        flat = images.reshape(len(wanted), -1)
        for bad, what in (
            (~np.isfinite(flat).all(axis=1), "has a value that is not finite"),
            ((flat < 0).any(axis=1) | (flat > 1).any(axis=1), "leaves [0, 1]"),
        ):
            if bad.any():
                first = int(np.flatnonzero(bad)[0])
                finite = flat[first][np.isfinite(flat[first])]
                span = f"min {finite.min():.7g}, max {finite.max():.7g}" if finite.size else "no finite value"
                raise DataError(
                    f"stimuli: image {wanted[first]!r} {what} ({span}){_more(int(bad.sum()))}: "
                    "scale images to [0, 1] before they enter a study"
                )
        return images

    def chunks(self, size: int, ids: Sequence[str] | None = None) -> Iterator[NDArray[np.float32]]:
        """Read images ``size`` at a time, in order."""
        if size < 1:
            raise DataError(f"stimuli: images are read at least one at a time, got {size}")
        wanted = self.ids if ids is None else tuple(ids)
        for start in range(0, len(wanted), size):
            yield self.images(wanted[start : start + size])

    def select(self, ids: Sequence[str]) -> StimulusSet:
        """Return the set restricted to ``ids``, in that order, still lazy."""
        import pandas as pd

        rows = self.table.index.get_indexer(pd.Index(ids))
        if (rows < 0).any():
            raise DataError(f"stimuli: no image for {list(ids)[int((rows < 0).argmax())]!r}")
        read = self.read
        return StimulusSet(
            table=self.table.iloc[rows], shape=self.shape, read=lambda part: read([int(rows[row]) for row in part])
        )


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""
