"""Parameters of another library's attack, written as text: ``steps=40, rel_stepsize=0.1``."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Collection, Mapping

from spikeproof.errors import BadParameter
from spikeproof.wording import did_you_mean

__all__ = ["checked", "named", "parsed"]


def parsed(text: str, who: str) -> dict[str, object]:
    """Read ``NAME=LITERAL`` pairs, separated by commas.

    Parameters
    ----------
    text : str
        Values are Python literals: numbers, True, False, None, quoted text, tuples, lists.
    who : str
        What messages begin with.

    Raises
    ------
    spikeproof.errors.BadParameter
        If it is anything else, or a name stands twice.

    Examples
    --------
    >>> parsed("steps=40, random_start=False", "mine")
    {'steps': 40, 'random_start': False}
    """
    form = "write NAME=VALUE pairs with commas between them, such as steps=40,random_start=False"
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except SyntaxError as error:
        raise BadParameter(f"{who}: parameters {text!r} cannot be read: {form}") from error
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise BadParameter(f"{who}: parameters {text!r} cannot be read: {form}")
    values: dict[str, object] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise BadParameter(f"{who}: parameters {text!r} cannot be read: {form}")
        try:
            values[keyword.arg] = ast.literal_eval(keyword.value)
        except ValueError as error:
            found = ast.unparse(keyword.value)
            raise BadParameter(
                f"{who}: parameter {keyword.arg} = {found} is no literal: expected a number, True, False, None, quoted "
                "text, a tuple or a list"
            ) from error
    return values


def checked(
    values: Mapping[str, object], factory: Callable[..., object], who: str, *, given: Mapping[str, str]
) -> Mapping[str, object]:
    """Check parameters against the signature of what takes them.

    Parameters
    ----------
    values : mapping
    factory : callable
        The library's attack.
    who : str
    given : mapping of str to str
        Parameters that are not the user's to set, each with what sets it.

    Raises
    ------
    spikeproof.errors.BadParameter
        If one is unknown or set by the host, or a required one is missing.
    """
    taken = inspect.signature(factory).parameters
    open_ = [
        name
        for name, one in taken.items()
        if name not in given and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    ]
    for name in values:
        if name in given:
            raise BadParameter(f"{who}: parameter {name!r} is set by {given[name]}: leave it out")
        if name not in open_:
            has = f"it has {', '.join(open_)}" if open_ else "it has none"
            raise BadParameter(f"{who}: unknown parameter {name!r}{did_you_mean(name, open_, otherwise=':')} {has}")
    missing = [name for name in open_ if taken[name].default is inspect.Parameter.empty and name not in values]
    if missing:
        raise BadParameter(f"{who}: parameter {missing[0]!r} has no default: give it, parameters = '{missing[0]}=...'")
    return values


def named(name: str, known: Collection[str], library: str, unfit: Mapping[str, str]) -> str:
    """Check the name of an attack.

    Parameters
    ----------
    name : str
    known : collection of str
        Names of attacks that can be used.
    library : str
    unfit : mapping of str to str
        Names that exist but cannot be used, each with the reason.

    Raises
    ------
    spikeproof.errors.BadParameter
        If it is unknown (near names are listed) or cannot be used.
    """
    if name in known:
        return name
    if name in unfit:
        raise BadParameter(f"{library}:{name} cannot be used here: {unfit[name]}")
    raise BadParameter(
        f"{library} has no attack {name!r} that can be used here"
        f"{did_you_mean(name, known, otherwise=':')} there are {', '.join(sorted(known))}"
    )
