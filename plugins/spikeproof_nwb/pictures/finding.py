"""Finding the images of what was presented, and saying how they were found, or why they were not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
from spikeproof.errors import DataError
from spikeproof.types import StimulusSet
from spikeproof.wording import did_you_mean

from spikeproof_nwb.layout import Layout
from spikeproof_nwb.place import Place

from .choosing import NONE, ImageChoice, Showing
from .matching import Match, by_name, by_number, by_time, numbered
from .reading import ReadImages, check_alike
from .schedule import Schedule, read_schedule
from .stacks import Stack, read_stack

if TYPE_CHECKING:
    import h5py

__all__ = ["find_images"]

T = TypeVar("T")

_SCHEDULE = "IndexSeries"
_SHOWN = ("/stimulus/",)
_PICTURED = re.compile(r"frame|image|img|pic|stim|template|photo|scene", re.IGNORECASE)


def find_images(
    file: h5py.File, place: Place, layout: Layout, showing: Showing, choice: ImageChoice
) -> tuple[StimulusSet | None, tuple[str, ...]]:
    """Find the image of every stimulus in the file, or beside it.

    Without ``choice.images``, images under the stimuli's names come first, then those that the stimuli number (under
    ``/stimulus`` only: elsewhere a series is more likely a camera's), then those that an ``IndexSeries`` says were on.
    What fits once is taken and reported; what fits nowhere or several times is reported and not taken. With
    ``choice.images``, only that one is tried, and it must fit.

    Where an ``IndexSeries`` numbers the same images, it must agree with the names or numbers of the table.

    Parameters
    ----------
    file : h5py.File
    place : Place
        Of the same file: images are read from it later, when they are asked for.
    layout : Layout
    showing : Showing
    choice : ImageChoice

    Returns
    -------
    (StimulusSet or None, tuple of str)
        The images, and what to tell the user.

    Raises
    ------
    DataError
        If ``choice.images`` names nothing, or something that does not fit; the message says why.
    """
    if choice.images == NONE:
        unread = f"images were not read (images = {NONE!r}): the file holds {_listed(layout)}"
        return None, (unread,) if layout.images else ()
    if choice.images is not None:
        path, kind = _named(layout, choice.images, place.label)
        try:
            if kind == _SCHEDULE:
                return _taken(file, place, by_time(read_schedule(file, path), showing), showing, choice, [])
            match = _fit(read_stack(file, path), showing, choice)
            return _taken(file, place, match, showing, choice, [_compared(file, layout, match, showing)])
        except DataError as error:
            raise DataError(_prefixed(place.label, error)) from error
    if not layout.images:
        return None, ()
    return _guess(file, place, layout, showing, choice)


def _guess(
    file: h5py.File, place: Place, layout: Layout, showing: Showing, choice: ImageChoice
) -> tuple[StimulusSet | None, tuple[str, ...]]:
    reasons: list[str] = []
    holders = [path for path, kind, _ in layout.images if kind != _SCHEDULE]
    stacks = [stack for path in holders if (stack := _try(reasons, partial(read_stack, file, path)))]
    schedules = _schedules(file, layout, reasons)
    named = [match for stack in stacks if stack.names and (match := _try(reasons, partial(by_name, stack, showing)))]
    found = named or _numbered(stacks, schedules, showing, choice, reasons)
    found = found or [match for schedule in schedules if (match := _try(reasons, partial(by_time, schedule, showing)))]
    confirmed: list[tuple[Match, str]] = []
    plain: list[tuple[Match, str]] = []
    for match in found:
        try:
            said = _agreement(file, layout, match, showing)
        except DataError as error:
            reasons.append(str(error))
            continue
        (confirmed if said else plain).append((match, said))
    best = confirmed or plain
    if len(best) != 1:
        why = "; ".join(dict.fromkeys(reasons))
        if best:
            why = f"{' and '.join(str(match.stack) for match, _ in best)} all fit; name one as `images`"
        return None, (f"the file holds images that were not read: {_listed(layout)}: {why or 'none was tried'}",)
    match, said = best[0]
    others = [path for path in holders if not _same(file, path, match.stack.path)]
    beside = f"; not used: {', '.join(others)}" if others else ""
    try:
        return _taken(
            file, place, match, showing, choice, [said, f"no images were named: {match.stack.path} was used{beside}"]
        )
    except DataError as error:
        return None, (f"the file holds images that were not read: {error}",)


def _numbered(
    stacks: Sequence[Stack], schedules: Sequence[Schedule], showing: Showing, choice: ImageChoice, reasons: list[str]
) -> list[Match]:
    """Matches by number of what may be guessed: images under /stimulus, and a column that is called like images."""
    if not numbered(showing):
        return []
    if not _PICTURED.search(showing.column):
        reasons.append(
            f"nothing says that the numbers in {showing.column!r} are those of images: name the container as `images` "
            "if they are"
        )
        return []
    found = []
    for stack in stacks:
        if not stack.path.startswith(_SHOWN):
            reasons.append(f"{stack.path} does not stand under /stimulus: name it as `images` if it was shown")
        elif match := _try(reasons, partial(by_number, stack, showing, choice.first_image)):
            found.append(match)
    known = {match.stack.path for match in found}
    for schedule in schedules:  # images that stand in another file, or elsewhere in this one
        if not stacks and schedule.stack.path not in known:
            match = _try(reasons, partial(by_number, schedule.stack, showing, choice.first_image))
            found += [match] if match else []
    return found


def _fit(stack: Stack, showing: Showing, choice: ImageChoice) -> Match:
    if not numbered(showing):
        return by_name(stack, showing)
    if stack.names:
        try:
            return by_name(stack, showing)
        except DataError as error:
            if stack.unordered:
                raise DataError(f"{error}. By number: {stack.unordered}") from error
    return by_number(stack, showing, choice.first_image)


def _schedules(file: h5py.File, layout: Layout, reasons: list[str]) -> list[Schedule]:
    paths = [path for path, kind, _ in layout.images if kind == _SCHEDULE]
    return [schedule for path in paths if (schedule := _try(reasons, partial(read_schedule, file, path)))]


def _agreement(file: h5py.File, layout: Layout, match: Match, showing: Showing) -> str:
    """What an IndexSeries of the same images says too; nothing where there is none, or it covers other times.

    Raises
    ------
    DataError
        If it says otherwise.
    """
    for schedule in _schedules(file, layout, []):
        if not _same(file, schedule.stack.path, match.stack.path):
            continue
        try:
            seen = by_time(schedule, showing)
        except DataError:
            continue
        differ = [name for name, image in seen.positions.items() if match.positions.get(name, -1) != image]
        differ += [name for name in seen.blanks if name in match.positions]
        if differ:
            here, there = match.positions.get(differ[0], "blank"), seen.positions.get(differ[0], "blank")
            raise DataError(
                f"{showing.column!r} and {schedule.path} disagree about {len(differ):,} of {len(showing.stimuli):,} "
                f"stimuli: {differ[0]!r} is image {here} of {match.stack.path}, but {there} was on; name the one to "
                f"trust as `images`: {match.stack.path} to go by {showing.column!r}, {schedule.path} to go by time"
            )
        return f"{schedule.path} says the same of all presentations"
    return ""


def _compared(file: h5py.File, layout: Layout, match: Match, showing: Showing) -> str:
    """As :func:`_agreement`; a disagreement is a note where the user said which to trust."""
    try:
        return _agreement(file, layout, match, showing)
    except DataError as error:
        return f"{error}: {match.stack.path} was named and was trusted"


def _taken(
    file: h5py.File, place: Place, match: Match, showing: Showing, choice: ImageChoice, notes: Sequence[str]
) -> tuple[StimulusSet, tuple[str, ...]]:
    stack, axes, white = match.stack, choice.image_axes, choice.image_white
    ids = list(match.positions)
    positions = tuple(match.positions.values())
    shape = check_alike(file, place, stack, positions, axes, white)
    read = ReadImages(place=place, stack=stack, positions=positions, shape=shape, axes=axes, white=white)
    read([0])  # black, white and transparency show in pixels only: better now than in the middle of a study
    table = pd.DataFrame(index=pd.Index(ids, name="stimulus_id"))
    if showing.categories is not None:
        categories = pd.Series(list(showing.categories), index=list(showing.names))
        table["category"] = categories.groupby(level=0).first().loc[ids]
    stood = f"of {shape[1]} x {shape[2]} pixels" + ("" if stack.external else f", axes taken as ({axes[0]}, {axes[1]})")
    told = [f"images of {_all(len(ids), len(showing.stimuli))} stimuli stand in {stack}, {stood}; matched {match.how}"]
    told += match.notes
    shared = len(ids) - len(set(positions))
    if shared:
        told.append(f"{shared:,} stimuli show the same image as another stimulus")
    unused = stack.amount - len(set(positions))
    if unused > 0:
        told.append(f"{unused:,} of the {stack.amount:,} images of {stack.path} were not presented in these rows")
    if match.blanks:
        blanks = list(match.blanks[:3])
        others = f"{showing.column} >= 0" if numbered(showing) else f"{showing.column} not in {blanks}"
        told.append(
            f"{', '.join(map(repr, blanks))} is a blank: its presentations stay, but it has no image, and none was "
            f'made; leave them out with rows = "{others}"'
        )
    told += [stack.note, *notes]
    return StimulusSet(table=table, shape=shape, read=read), tuple(note for note in told if note)


def _named(layout: Layout, name: str, label: str) -> tuple[str, str]:
    wanted = name.strip("/")
    kinds = {path: kind for path, kind, _ in layout.images}
    found = [path for path in kinds if path.strip("/") == wanted]
    found = found or [path for path in kinds if path.rsplit("/", 1)[-1] == wanted]
    if len(found) == 1:
        return found[0], kinds[found[0]]
    if found:
        raise DataError(
            f"{label}: several images are called {name!r}: {', '.join(found)}; give the whole path as `images`"
        )
    broken = [(path, goal) for path, goal in layout.broken if wanted in (path.strip("/"), path.rsplit("/", 1)[-1])]
    if broken:
        raise DataError(
            f"{label}: the images {broken[0][0]} are a link to {broken[0][1]}, which cannot be reached: put that file "
            "back beside this one"
        )
    hint = did_you_mean(wanted, [*kinds, *(path.rsplit("/", 1)[-1] for path in kinds)], otherwise=".")
    held = f"The file holds {_listed(layout)}" if kinds else "The file holds no images"
    raise DataError(f"{label}: no images {name!r}{hint} {held}")


def _try(reasons: list[str], call: Callable[[], T]) -> T | None:
    try:
        return call()
    except DataError as error:
        reasons.append(str(error))
        return None


def _same(file: h5py.File, one: str, other: str) -> bool:
    return one == other or bool(file[one] == file[other])


def _all(some: int, every: int) -> str:
    return f"all {every:,}" if some == every else f"{some:,} of {every:,}"


def _listed(layout: Layout) -> str:
    return ", ".join(f"{path} ({kind}, {what})" for path, kind, what in layout.images)


def _prefixed(label: str, error: DataError) -> str:
    return str(error) if str(error).startswith(label) else f"{label}: {error}"
