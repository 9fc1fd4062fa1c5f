"""Arithmetic of byte ranges, half-open: [start, stop)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

__all__ = ["Range", "Ranges", "joined", "pieces"]

Range = tuple[int, int]


class Ranges:
    """A set of bytes, kept as sorted ranges that neither touch nor overlap.

    Examples
    --------
    >>> held = Ranges([(0, 4), (8, 12)])
    >>> held.add(4, 6)
    >>> held.missing(2, 20)
    [(6, 8), (12, 20)]
    >>> held.total
    10
    """

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for start, stop in ranges:
            self.add(start, stop)

    def add(self, start: int, stop: int) -> None:
        """Put [start, stop) in."""
        if start >= stop:
            return
        low = bisect_left(self._stops, start)  # the first range that touches it
        high = bisect_right(self._starts, stop)
        if low < high:
            start, stop = min(start, self._starts[low]), max(stop, self._stops[high - 1])
        self._starts[low:high] = [start]
        self._stops[low:high] = [stop]

    def missing(self, start: int, stop: int) -> list[Range]:
        """What of [start, stop) is not in it."""
        gaps = []
        place = bisect_right(self._stops, start)
        while start < stop:
            if place == len(self._starts) or self._starts[place] >= stop:
                gaps.append((start, stop))
                break
            if start < self._starts[place]:
                gaps.append((start, self._starts[place]))
            start = self._stops[place]
            place += 1
        return gaps

    @property
    def total(self) -> int:
        """How many bytes it holds."""
        return sum(self._stops) - sum(self._starts)


def joined(ranges: Iterable[Range], gap: int) -> list[Range]:
    """Sorted ranges, those that overlap or are at most ``gap`` bytes apart made one.

    Examples
    --------
    >>> joined([(20, 30), (0, 10), (12, 15)], gap=2)
    [(0, 15), (20, 30)]
    """
    found: list[Range] = []
    for start, stop in sorted(ranges):
        if start >= stop:
            continue
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found


def pieces(ranges: Sequence[Range], workers: int, least: int, most: int) -> list[Range]:
    """Cut ranges into as many pieces as there are workers, or a few times as many.

    Each connection has its own speed limit, so that as many equal pieces as connections come soonest; one more piece
    would take a turn of its own.

    Parameters
    ----------
    ranges : sequence of (int, int)
    workers : int
    least, most : int
        Bytes of a piece: smaller ranges stay whole, larger pieces are cut again.

    Examples
    --------
    >>> pieces([(0, 100), (200, 210)], workers=3, least=10, most=60)
    [(0, 50), (50, 100), (200, 210)]
    """
    total = sum(stop - start for start, stop in ranges)
    turns = max(-(-total // (workers * most)), 1)
    each = min(max(-(-total // (workers * turns)), least), most)
    while each < most and sum(-(-(stop - start) // each) for start, stop in ranges) > max(workers * turns, len(ranges)):
        each = min(each + -(-each // 20), most)
    cut: list[Range] = []
    for start, stop in ranges:
        parts = max(-(-(stop - start) // each), 1)
        size, more = divmod(stop - start, parts)
        for part in range(parts):
            end = start + size + (part < more)
            cut.append((start, end))
            start = end
    return cut
