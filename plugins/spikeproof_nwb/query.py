"""Choosing rows by an expression on columns, such as ``quality == 'good' and snr > 2``."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, DataError
from spikeproof.wording import did_you_mean

__all__ = ["choose_rows"]

# Comparisons and logic on columns and constants. Calls, attributes and subscripts are not among them: an expression
# from a study file can then compute nothing but a choice.
_ALLOWED = (
    ast.Expression,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.Invert,
    ast.USub,
    ast.UAdd,
    ast.BinOp,
    ast.BitAnd,
    ast.BitOr,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.Mod,
    ast.Compare,
    ast.cmpop,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.List,
    ast.Tuple,
)


def choose_rows(
    expression: str, columns: Mapping[str, NDArray[Any]], *, option: str, where: str, left_out: Mapping[str, str]
) -> NDArray[np.bool_]:
    """Evaluate a pandas query on columns without ever running code in it.

    Parameters
    ----------
    expression : str
        Comparisons, ``in``, ``and``/``&``, ``or``/``|``, ``not`` and arithmetic on column names and constants; names
        that are not identifiers stand in backticks.
    columns : mapping of str to numpy.ndarray, (row,)
    option : str
        The option that held the expression, for messages.
    where : str
        File and table, for messages.
    left_out : mapping of str to str
        Columns that cannot be used, with the reason.

    Returns
    -------
    numpy.ndarray of bool, (row,)

    Raises
    ------
    BadParameter
        If the expression is malformed, or holds anything but comparisons on columns.
    DataError
        If it names a column that is not there (near names are given), compares what cannot be compared, or keeps
        no row.

    Examples
    --------
    >>> choose_rows("snr > 2 and quality == 'good'", {"snr": np.array([1.0, 3.0]), "quality": np.array(["good"] * 2)},
    ...             option="units", where="a.nwb", left_out={}).tolist()
    [False, True]
    """
    names = _names(expression, option)
    for name in names:
        if name not in columns:
            raise DataError(_unknown(name, expression, columns, option=option, where=where, left_out=left_out))
    frame = pd.DataFrame(dict(columns))
    try:
        kept = frame.query(expression, engine="python", local_dict={}, global_dict={}).index
    except Exception as error:
        raise DataError(
            f"{where}: {option}={expression!r} cannot be evaluated ({type(error).__name__}: {error}); "
            f"its columns hold {_held(names, columns)}"
        ) from error
    chosen = np.zeros(len(frame), dtype=np.bool_)
    chosen[kept] = True
    if not chosen.any():
        raise DataError(
            f"{where}: {option}={expression!r} keeps none of the {len(frame)} rows; {_held(names, columns)}"
        )
    return chosen


def _names(expression: str, option: str) -> list[str]:
    quoted: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        return quoted.setdefault(match[1], f"_backticked_{len(quoted)}")

    plain = re.sub(r"`([^`]*)`", stand_in, expression)
    example = "write comparisons on columns, such as \"quality == 'good' and snr > 2\""
    try:
        tree = ast.parse(plain.strip(), mode="eval")
    except SyntaxError as error:
        raise BadParameter(f"{option}={expression!r} is not an expression ({error.msg}): {example}") from error
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            what = type(node).__name__.lower()
            raise BadParameter(f"{option}={expression!r} uses a {what}, which is not allowed: {example}")
    if not isinstance(tree.body, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Name)):
        raise BadParameter(f"{option}={expression!r} is no comparison: {example}")
    original = {stand: name for name, stand in quoted.items()}
    found = [original.get(node.id, node.id) for node in ast.walk(tree) if isinstance(node, ast.Name)]
    if not found:
        raise BadParameter(f"{option}={expression!r} names no column: {example}")
    return list(dict.fromkeys(found))


def _unknown(
    name: str,
    expression: str,
    columns: Mapping[str, NDArray[Any]],
    *,
    option: str,
    where: str,
    left_out: Mapping[str, str],
) -> str:
    if name in left_out:
        return f"{where}: {option}={expression!r}: column {name!r} holds {left_out[name]} and cannot be compared"
    hint = did_you_mean(name, columns, otherwise=";")
    return f"{where}: {option}={expression!r}: no column {name!r}{hint} there are {', '.join(columns)}"


def _held(names: list[str], columns: Mapping[str, NDArray[Any]]) -> str:
    said = []
    for name in names:
        values = pd.Series(columns[name])
        if values.nunique() > 5 and values.dtype.kind in "iuf":
            said.append(f"{name} runs from {values.min():g} to {values.max():g}")
            continue
        counts = values.value_counts()
        listed = ", ".join(f"{value!r} ({count})" for value, count in counts.head(5).items())
        said.append(f"{name} holds {listed or 'nothing'}" + (" ..." if len(counts) > 5 else ""))
    return "; ".join(said)
