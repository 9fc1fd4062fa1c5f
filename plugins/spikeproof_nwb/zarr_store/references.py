"""Object references and other objects that hdmf-zarr < 0.14 pickled, read without unpickling.

A pickle is a little program. The opcodes that build numbers, text, lists, tuples and dicts are carried out here; what a
pickle calls is only written down by name, never imported and never called. So nothing that a file says can run.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from typing import Any

from spikeproof.errors import DataError

__all__ = ["read_pickled"]

_PLAIN = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_PUSH = frozenset(
    {
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "UNICODE",
        "BININT",
        "BININT1",
        "BININT2",
        "INT",
        "LONG1",
        "LONG4",
    }
    | {
        "LONG4",
        "BINFLOAT",
        "FLOAT",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BINSTRING",
        "SHORT_BINSTRING",
        "STRING",
    }
)
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_IDLE = frozenset({"PROTO", "FRAME"})


@dataclass(slots=True)
class _Thing:
    """What a pickle would have called or made: its name, arguments, state and items, all inert."""

    name: str = ""
    args: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


def read_pickled(content: bytes, where: str) -> list[Any]:
    """The elements of a pickled one-dimensional array of objects: text, numbers, dicts (references), tuples of them.

    Parameters
    ----------
    content : bytes
        Decompressed.
    where : str
        The array, for messages.

    Raises
    ------
    DataError
        If it holds anything but such an array.
    """
    try:
        thing = _run(content)
    except (ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
        raise DataError(
            f"{where}: its objects are pickled in a way that is not understood ({type(error).__name__}: {error}), and "
            "nothing is unpickled, as that can run code; export the file with hdmf-zarr 0.13 or later"
        ) from error
    # numpy pickles an array as _reconstruct(...) with the state (version, shape, dtype, order, elements)
    state = thing.state if isinstance(thing, _Thing) and thing.name.endswith(" _reconstruct") else None
    if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[4], list):
        raise DataError(
            f"{where}: its pickled content is no array of objects; nothing is unpickled, as that can run code"
        )
    return [_plain(element) for element in state[4]]


def _plain(element: Any) -> Any:  # noqa: ANN401
    if isinstance(element, _Thing):
        return element.items
    return tuple(map(_plain, element)) if isinstance(element, (tuple, list)) else element


def _run(content: bytes) -> Any:  # noqa: ANN401
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name in _IDLE:
            continue
        if name == "STOP":
            return stack.pop()
        if name in _PUSH:
            stack.append(argument)
        elif name in _PLAIN:
            stack.append(_PLAIN[name])
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _PUTS:
            memo[argument] = stack[-1]
        elif name in _GETS:
            stack.append(memo[argument])
        else:
            _step(name, argument, stack, marks)
    raise ValueError("it does not end")


def _step(name: str, argument: Any, stack: list[Any], marks: list[int]) -> None:  # noqa: ANN401
    match name:
        case "MARK":
            marks.append(len(stack))
        case "EMPTY_LIST":
            stack.append([])
        case "EMPTY_DICT":
            stack.append({})
        case "EMPTY_TUPLE":
            stack.append(())
        case "TUPLE1" | "TUPLE2" | "TUPLE3":
            amount = int(name[-1])
            stack[-amount:] = [tuple(stack[-amount:])]
        case "TUPLE":
            stack.append(tuple(_to_mark(stack, marks)))
        case "LIST":
            stack.append(_to_mark(stack, marks))
        case "DICT":
            pairs = _to_mark(stack, marks)
            stack.append(dict(zip(pairs[::2], pairs[1::2], strict=True)))
        case "APPEND":
            stack[-2].append(stack.pop())
        case "APPENDS":
            added = _to_mark(stack, marks)
            stack[-1].extend(added)
        case "SETITEM":
            value, key = stack.pop(), stack.pop()
            _items(stack[-1])[key] = value
        case "SETITEMS":
            pairs = _to_mark(stack, marks)
            _items(stack[-1]).update(zip(pairs[::2], pairs[1::2], strict=True))
        case "GLOBAL":
            stack.append(_Thing(name=str(argument)))
        case "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_Thing(name=f"{module} {attribute}"))
        case "REDUCE" | "NEWOBJ":
            args, made = stack.pop(), stack.pop()
            stack.append(_Thing(name=made.name, args=args))
        case "BUILD":
            state = stack.pop()
            stack[-1].state = state
        case _:
            raise ValueError(f"opcode {name}")


def _items(thing: Any) -> dict[Any, Any]:  # noqa: ANN401
    items: dict[Any, Any] = thing.items if isinstance(thing, _Thing) else thing
    return items


def _to_mark(stack: list[Any], marks: list[int]) -> list[Any]:
    place = marks.pop()
    taken = stack[place:]
    del stack[place:]
    return taken
