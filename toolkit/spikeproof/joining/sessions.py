"""Sessions of several recordings: the same one given twice is refused, others that are called alike are told apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikeproof.errors import DataError
from spikeproof.wording import joined, some

from .part import UNKNOWN, Part
from .rows import Rows

__all__ = ["Key", "name_sessions", "name_units"]

Key: TypeAlias = tuple[str, str]
"""Subject and session."""


def name_sessions(parts: Sequence[Part], rows: Rows) -> tuple[list[list[Key]], list[str]]:
    """Subject and session of every unit.

    Two parts hold one session where subject and session are called alike and either the content has one digest or all
    presentations that both have were shown at the same times. Then their units were recorded together, and must be
    different units. Sessions that are called alike but are not one are told apart by their sources.

    Parameters
    ----------
    parts : sequence of Part
    rows : Rows
        Which presentations stand side by side.

    Returns
    -------
    keys : list of list of (str, str)
        For each part: subject and session of each unit.
    notes : list of str

    Raises
    ------
    DataError
        If a unit of a session is in two parts, or two parts hold different presentations of one session.
    """
    keys = [
        list(zip(part.on_unit("subject", UNKNOWN).tolist(), part.on_unit("session", part.label).tolist(), strict=True))
        for part in parts
    ]
    notes = [
        f"{part.name} does not say which session it is: its session is {part.label!r}"
        for part in parts
        if not all(part.on_unit("session", ""))
    ]
    pairs = {pair: _Pair.of(parts, rows, *pair) for pair in itertools.combinations(range(len(parts)), 2)}
    for pair in pairs.values():
        pair.refuse_copies()
    holders: dict[Key, list[int]] = {}
    for number, of_units in enumerate(keys):
        for key in dict.fromkeys(of_units):
            holders.setdefault(key, []).append(number)
    for key, numbers in holders.items():
        groups = _groups(key, numbers, keys, pairs)
        if len(groups) < 2:
            continue
        subject, session = key
        new = {number: f"{session} ({min(parts[one].label for one in group)})" for group in groups for number in group}
        for number, name in new.items():
            keys[number] = [(subject, name) if own == key else own for own in keys[number]]
        names = joined([repr(name) for name in dict.fromkeys(new.values())])
        notes.append(
            f"session {session!r} of subject {subject!r} is what {joined([parts[n].name for n in numbers])} call "
            f"theirs, but these are different recordings: the sessions are called {names}"
        )
    return keys, notes


def _groups(
    key: Key, numbers: Sequence[int], keys: Sequence[Sequence[Key]], pairs: dict[tuple[int, int], _Pair]
) -> list[list[int]]:
    """Parts that call a session alike: those that really hold one session are a group."""
    groups: list[list[int]] = []
    for number in numbers:
        for group in groups:
            if pairs[group[0], number].hold_one(key, keys[group[0]], keys[number]):
                group.append(number)
                break
        else:
            groups.append([number])
    for group in groups:
        for first, second in itertools.combinations(group, 2):
            pairs[first, second].refuse_shared_units(key, keys[first], keys[second])
    return groups


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two parts, and the presentations of each, in its own numbers, that stand side by side."""

    one: Part
    other: Part
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    whole: bool
    """Whether neither has any others."""

    @classmethod
    def of(cls, parts: Sequence[Part], rows: Rows, first: int, second: int) -> _Pair:
        _, left, right = np.intersect1d(
            rows.places[first], rows.places[second], assume_unique=True, return_indices=True
        )
        return cls(
            one=parts[first],
            other=parts[second],
            left=rows.taken[first][left],
            right=rows.taken[second][right],
            whole=len(left) == len(rows.places[first]) == len(rows.places[second]),
        )

    def refuse_copies(self) -> None:
        """Refuse the same unit of the same content, whatever the two parts call their sessions."""
        if not self._one_digest():
            return
        held = set(self.other.units.tolist())
        copies = self._alike([name for name in self.one.units.tolist() if name in held])
        if copies:
            raise DataError(
                f"sources: {self.one.name} and {self.other.name} are the same recording given twice (one digest): "
                f"{some(copies)} are units of both: leave one of them out, or give each other units"
            )

    def hold_one(self, key: Key, one: Sequence[Key], other: Sequence[Key]) -> bool:
        """Whether what both call by one name is one session."""
        same_times = self._same_times()
        if not self._one_digest():
            units = self._in_both(key, one, other)
            # Two recordings on one schedule, of units that happen to be called alike, respond each in its own way.
            return same_times is True and (not units or len(self._alike(units)) > 0)
        if same_times is False or not self.whole:
            raise DataError(
                f"sources: {self.one.name} and {self.other.name} are one session ({key[1]!r} of subject {key[0]!r}, "
                "one digest) with other presentations each. Joining adds units, not presentations: give both the same "
                "table, rows and window, or run a study for each"
            )
        return True

    def refuse_shared_units(self, key: Key, one: Sequence[Key], other: Sequence[Key]) -> None:
        """Refuse units that are in both parts of one session."""
        units = self._in_both(key, one, other)
        if units:
            raise DataError(
                f"sources: session {key[1]!r} of subject {key[0]!r} is given twice: {some(units)} are units of both "
                f"{self.one.name} and {self.other.name}: leave one of them out, or give each other units"
            )

    def _one_digest(self) -> bool:
        return bool(self.one.digest) and self.one.digest == self.other.digest

    def _same_times(self) -> bool | None:
        """Whether all presentations that both have were shown at the same times; None if that is not known."""
        held = [part for part in (self.one, self.other) if "start_time" in part.responses.coords]
        if len(held) < 2 or not len(self.left):
            return None
        return all(
            np.array_equal(self.one.responses[name].values[self.left], self.other.responses[name].values[self.right])
            for name in ("start_time", "stop_time")
        )

    def _in_both(self, key: Key, one: Sequence[Key], other: Sequence[Key]) -> list[str]:
        mine, theirs = (
            [name for name, own in zip(part.units.tolist(), keys, strict=True) if own == key]
            for part, keys in ((self.one, one), (self.other, other))
        )
        held = set(theirs)
        return [name for name in mine if name in held]

    def _alike(self, units: Sequence[str]) -> list[str]:
        """Units of one name that responded the same in both parts, wherever both have presentations."""
        if not units or not len(self.left):
            return []
        columns = [{name: number for number, name in enumerate(part.units.tolist())} for part in (self.one, self.other)]
        one, other = self.one.response.values, self.other.response.values
        return [
            name
            for name in units
            if np.array_equal(one[self.left, columns[0][name]], other[self.right, columns[1][name]], equal_nan=True)
        ]


def name_units(parts: Sequence[Part], keys: Sequence[Sequence[Key]]) -> tuple[list[NDArray[np.str_]], list[str]]:
    """Names of all units, each unique: with the session before them where parts call their units alike.

    Raises
    ------
    DataError
        If units cannot be told apart by subject, session and name.
    """
    plain = [part.units for part in parts]
    holders: dict[str, set[int]] = {}
    for number, names in enumerate(plain):
        for name in names.tolist():
            holders.setdefault(name, set()).add(number)
    clashing = set().union(*(numbers for numbers in holders.values() if len(numbers) > 1))
    if not clashing:
        return plain, []
    example = next(name for name, numbers in holders.items() if len(numbers) > 1)
    everyone = set(range(len(parts)))
    spellings: tuple[tuple[str, set[int], Callable[[Key, str], str]], ...] = (
        ("SESSION/UNIT", clashing, _in_session),
        ("SESSION/UNIT", everyone, _in_session),
        ("SUBJECT/SESSION/UNIT", everyone, _in_subject),
    )
    for spelling, renamed, spell in spellings:
        named = [
            np.array([spell(key, name) for key, name in zip(keys[number], names.tolist(), strict=True)])
            if number in renamed
            else names
            for number, names in enumerate(plain)
        ]
        every = np.concatenate(named)
        if len(np.unique(every)) == len(every):
            whose = "all recordings" if renamed == everyone else joined([parts[n].name for n in sorted(renamed)])
            return named, [f"units of {whose} are called {spelling}, since several have a unit {example!r}"]
    raise DataError(
        f"sources: units of {joined([part.name for part in parts])} cannot be told apart by subject, session and name: "
        "give the sources other sessions or unit names"
    )


def _in_session(key: Key, name: str) -> str:
    return f"{key[1]}/{name}"


def _in_subject(key: Key, name: str) -> str:
    return f"{key[0]}/{key[1]}/{name}"
