"""Which image each stimulus is: by name, by number, or by what was on when it was presented."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import DataError

from .choosing import BLANK, Showing
from .schedule import Schedule
from .stacks import Stack

__all__ = ["Match", "by_name", "by_number", "by_time", "numbered"]

_JITTER = 1e-3
"""Seconds: an image that comes on so soon after start_time counts as on at start_time. A display that refreshes at
240 Hz shows each frame for 4.2 ms, so that this never skips an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The image of each stimulus.

    Parameters
    ----------
    stack : Stack
    positions : dict of str to int
        Stimulus -> position in the stack, for all stimuli but blanks.
    blanks : tuple of str
        Stimuli that show nothing.
    how : str
        By what they were matched, in words.
    notes : tuple of str
        What else to tell the user.
    """

    stack: Stack
    positions: dict[str, int]
    blanks: tuple[str, ...]
    how: str
    notes: tuple[str, ...] = ()


def numbered(showing: Showing) -> bool:
    """Whether all stimuli are whole numbers from 0, or -1 for a blank."""
    return all(re.fullmatch(r"-1|0|[1-9]\d*", name) for name in showing.stimuli)


def by_name(stack: Stack, showing: Showing) -> Match:
    """Images that are called as the stimuli are.

    Raises
    ------
    DataError
        If a stimulus has no image of its name.
    """
    stimuli = showing.stimuli
    blanks = [name for name in stimuli if name == BLANK and name not in stack.names]
    missing = [name for name in stimuli if name not in stack.names and name not in blanks]
    if missing or len(blanks) == len(stimuli):
        raise DataError(
            f"{stack.path}: {len(missing):,} of {len(stimuli):,} stimuli have no image of their name "
            f"({_some(missing)}); images are called {_some(stack.names)}{_near(missing, stack)}. Choose another column "
            f'as `stimulus`, or keep the presentations that have one with rows = "{showing.column} not in [...]"'
        )
    return Match(
        stack=stack,
        positions={name: stack.names[name] for name in stimuli if name not in blanks},
        blanks=tuple(blanks),
        how=f"by the names in {showing.column!r}",
    )


def by_number(stack: Stack, showing: Showing, first: int) -> Match:
    """Images that the stimuli number, the first being ``first``; -1 is a blank.

    Raises
    ------
    DataError
        If stimuli are no whole numbers, images have no order, or a number runs past them.
    """
    if not numbered(showing):
        odd = next(name for name in showing.stimuli if not re.fullmatch(r"-1|0|[1-9]\d*", name))
        raise DataError(f"{stack.path}: stimulus {odd!r} is neither the name nor the number of an image")
    if stack.unordered:
        raise DataError(f"{stack.unordered}; name an IndexSeries as `images`, or a column of names as `stimulus`")
    numbers = {name: int(name) - first for name in showing.stimuli if name != BLANK}
    blanks = tuple(name for name in showing.stimuli if name == BLANK)
    if not numbers:
        raise DataError(f"{stack.path}: all presentations are blank ({showing.column} is -1)")
    low, high = min(numbers.values()), max(numbers.values())
    if low < 0 or high >= stack.amount:
        bad = sum(not 0 <= number < stack.amount for number in numbers.values())
        hint = ""
        if first == 0 and low > 0 and high == stack.amount:
            hint = "; if they count from 1, say first_image = 1"
        raise DataError(
            f"{stack.path}: {bad:,} of {len(numbers):,} image numbers in {showing.column!r} (from {low + first:,} to "
            f"{high + first:,}) are not among its {stack.amount:,} images, which count from {first}{hint}"
        )
    return Match(
        stack=stack,
        positions=numbers,
        blanks=blanks,
        how=f"by the numbers in {showing.column!r}, counted from {first}",
    )


def by_time(schedule: Schedule, showing: Showing) -> Match:
    """Images that were on at the ``start_time`` of each presentation.

    Where at least half of the presentations start as an image comes on, the others show none: a series that lists what
    came on says nothing of what went off, and an image is not carried over into a blank. Otherwise an image is on from
    its onset to the next one. No other image may come on in the first half of a presentation, so that a movie is not
    taken for its first frame; a stimulus must have been the same image in all its presentations.

    Raises
    ------
    DataError
        If no image was on, several were, or a stimulus was shown as different images; the row is named.
    """
    if showing.start is None or showing.stop is None:
        raise DataError(f"{schedule.path}: the presentations have no times, so it does not tell which image was on")
    start, stop = showing.start, showing.stop
    place = np.searchsorted(schedule.onset, start + _JITTER, side="right") - 1
    delay = start - np.where(place < 0, np.nan, schedule.onset[place])
    own = np.abs(delay) <= _JITTER
    if own.mean() < 0.5:
        own = np.ones(len(start), dtype=np.bool_)
        _check_covered(schedule, showing, start, place)
    other = _next_other(schedule, place)
    several = np.flatnonzero(own & (other < stop) & (other - start < (stop - start) / 2))
    if several.size:
        row = int(several[0])
        raise DataError(
            f"{schedule.path}: row {showing.row(row)} ({start[row]:g} to {stop[row]:g} s) shows several images: "
            f"another one comes on after {other[row] - start[row]:.4g} s ({len(several):,} such rows): a presentation "
            "shows one image; movies are not read as images"
        )
    shown = np.where(own, schedule.index[place], -1)
    positions: dict[str, int] = {}
    first_row: dict[str, int] = {}
    for presentation, (name, image) in enumerate(zip(showing.names, np.maximum(shown, -1).tolist(), strict=True)):
        if positions.setdefault(name, image) != image:
            raise DataError(
                f"{schedule.path}: stimulus {name!r} was {_image(positions[name])} in row "
                f"{showing.row(first_row[name])} but {_image(image)} in row {showing.row(presentation)}: "
                f"{showing.column!r} does not say which image was shown; name another column as `stimulus`"
            )
        first_row.setdefault(name, presentation)
    held = {name: image for name, image in positions.items() if image >= 0}
    if not held:
        raise DataError(f"{schedule.path}: all presentations are blank")
    return Match(
        stack=schedule.stack,
        positions=held,
        blanks=tuple(name for name, image in positions.items() if image < 0),
        how=f"by what {schedule.path} says was on at the start_time of each presentation",
        notes=(*_delays(delay[own], len(start)), *filter(None, [schedule.note])),
    )


def _delays(delay: NDArray[np.float64], presentations: int) -> tuple[str, ...]:
    notes = []
    if len(delay) < presentations:
        notes.append(
            f"{presentations - len(delay):,} of {presentations:,} presentations start without an image coming on: "
            "taken for blanks"
        )
    early, late = float(delay.max()), float(-delay.min())
    if early > _JITTER:
        notes.append(f"images came on up to {early:.4g} s before the start_time of their presentations")
    if late > 0:
        notes.append(f"images came on up to {late * 1e3:.3g} ms after start_time, which counts as at start_time")
    return tuple(notes)


def _image(number: int) -> str:
    return f"image {number}" if number >= 0 else "blank"


def _next_other(schedule: Schedule, place: NDArray[np.intp]) -> NDArray[np.float64]:
    """When the next image that is another one comes on, in s; a blank between two images does not count."""
    images = np.flatnonzero(schedule.index >= 0)
    numbers, onset = schedule.index[images], schedule.onset[images]
    changes = np.flatnonzero(np.diff(numbers) != 0) + 1
    following = np.searchsorted(images, place, side="right")
    ahead = np.append(numbers, -1)[following]
    same = np.append(changes, len(images))[np.searchsorted(changes, following, side="right")]
    return np.asarray(np.append(onset, np.inf)[np.where(ahead == schedule.index[place], same, following)])


def _check_covered(schedule: Schedule, showing: Showing, start: NDArray[np.float64], place: NDArray[np.intp]) -> None:
    onset = schedule.onset
    lasts = float(np.diff(onset).max()) if len(onset) > 1 else 0.0
    before, after = np.flatnonzero(place < 0), np.flatnonzero(start > onset[-1] + lasts + _JITTER)
    for rows, what in ((before, "before its first image"), (after, "after its last image was over")):
        if rows.size:
            row = int(rows[0])
            raise DataError(
                f"{schedule.path}: row {showing.row(row)} starts at {start[row]:g} s, {what} (images came on from "
                f"{onset[0]:g} to {onset[-1]:g} s; {rows.size:,} such rows): keep the rows that it covers with "
                f'rows = "start_time >= {onset[0]:g} and start_time <= {onset[-1]:g}"'
            )


def _some(names: Iterable[str], most: int = 3) -> str:
    listed = list(names)
    shown = ", ".join(map(repr, listed[:most]))
    return f"{shown} and {len(listed) - most:,} more" if len(listed) > most else shown or "nothing"


def _near(missing: list[str], stack: Stack) -> str:
    near = difflib.get_close_matches(missing[0], list(stack.names)[:5000], n=1, cutoff=0.6) if missing else []
    return f" ({near[0]!r} is near {missing[0]!r})" if near else ""
