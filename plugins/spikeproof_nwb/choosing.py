"""Which table holds the presentations: the one that was named, or the only one that can."""

from __future__ import annotations

from collections.abc import Sequence

from spikeproof.errors import DataError
from spikeproof.wording import did_you_mean

from .layout import Layout, Table, as_table

__all__ = ["choose_table"]


def choose_table(layout: Layout, name: str | None, file: str) -> tuple[Table, str | None]:
    """Find the presentation table that was named, or the only one there is.

    Returns
    -------
    (Table, str or None)
        The table, and what to tell the user if it was chosen for them.

    Raises
    ------
    DataError
        If there is none of that name, several, or none was named and there are several.
    """
    if name is None:
        return _only(layout, file)
    wanted = "/" + name.strip("/")
    exact = [table for table in layout.tables if table.path == wanted]
    found = exact or [table for table in layout.tables if table.name == name.strip("/")]
    if len(found) == 1:
        return found[0], None
    if found:
        raise DataError(
            f"{file}: several tables are called {name!r}: {', '.join(table.path for table in found)}; "
            "give the whole path as `table`"
        )
    for path, target in layout.broken:
        if name.strip("/") in {path.strip("/"), path.rsplit("/", 1)[-1]}:
            raise DataError(
                f"{file}: the table {path} is a link to {target}, which cannot be reached: put that file back "
                "beside this one, or name another table"
            )
    series = [item for item in layout.series if name.strip("/") in {item.path.strip("/"), item.name}]
    named = [table for item in series if (table := as_table(item)) is not None]
    if len(named) == 1:
        return named[0], None
    if series:
        raise DataError(
            f"{file}: {', '.join(map(str, series))} cannot be the presentation table: each sample would be a "
            f"presentation, and needs one value. {_listed(layout.tables)}"
        )
    names = [table.name for table in layout.tables] + [table.path for table in layout.tables]
    hint = did_you_mean(name.strip("/"), names, otherwise=".")
    raise DataError(f"{file}: no presentation table {name!r}{hint} {_listed(layout.tables)}")


def _only(layout: Layout, file: str) -> tuple[Table, str | None]:
    held = [table for table in layout.tables if table.presentations]
    intervals = [table for table in held if not table.series]
    candidates = intervals or held
    several = [table for table in candidates if table.rows > 1] or candidates
    if len(several) == 1:
        table = several[0]
        size = f"{table.rows:,} {'samples' if table.series else 'rows'}"
        which = "presentation table" if table in intervals else "series of stimuli"
        more = f" with more than one {'sample' if table.series else 'row'}" if len(candidates) > 1 else ""
        others = [other.path for other in held if other not in candidates]
        also = f"; there is also {', '.join(others)}" if others else ""
        return table, f"no table was named: {table.path} ({size}) is the only {which}{more} and was used{also}"
    if candidates:
        raise DataError(
            f"{file}: {len(candidates)} tables could hold the presentations; name one as `table`. {_listed(candidates)}"
        )
    if layout.tables:
        raise DataError(
            f"{file}: no table of stimulus presentations. {_listed(layout.tables)}; "
            "if these rows are presentations, name the table as `table`"
        )
    broken = "".join(f"; {path} is a link to {target}, which cannot be reached" for path, target in layout.broken)
    raise DataError(
        f"{file}: no table of stimulus presentations (no table with start_time and stop_time){broken}: "
        "counting spikes needs to know when stimuli were shown; add a TimeIntervals table with pynwb"
    )


def _listed(tables: Sequence[Table]) -> str:
    if not tables:
        return "The file has no table with start_time and stop_time"
    likely = [table for table in tables if not table.unlikely]
    first = (likely or list(tables))[:12]
    more = f"; and {len(tables) - len(first)} more" if len(tables) > len(first) else ""
    return "The file has " + "; ".join(map(str, first)) + more
