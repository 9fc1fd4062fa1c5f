"""A study as a person would write it: one table a component, lists on one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["study_text"]


def study_text(study: Mapping[str, Any]) -> str:
    """Return a study mapping as TOML; reading it back gives the same mapping.

    Examples
    --------
    >>> print(study_text({"seed": 0, "attack": [{"use": "pgd", "steps": 10}], "threat": {"epsilons": [0.5, 1.0]}}))
    seed = 0
    <BLANKLINE>
    [[attack]]
    use = "pgd"
    steps = 10
    <BLANKLINE>
    [threat]
    epsilons = [0.5, 1.0]
    <BLANKLINE>
    """
    top = [f"{_key(key)} = {_value(value)}" for key, value in study.items() if not _is_tables(value)]
    blocks = ["\n".join(top)] if top else []
    for key, value in study.items():
        if isinstance(value, Mapping):
            blocks.append(_block(f"[{_key(key)}]", value))
        elif _is_tables(value):
            blocks.extend(_block(f"[[{_key(key)}]]", table) for table in value)
    return "\n\n".join(blocks) + "\n"


def _block(heading: str, table: Mapping[str, Any]) -> str:
    return "\n".join([heading, *(f"{_key(key)} = {_value(value)}" for key, value in table.items())])


def _is_tables(value: object) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for the delete character and halves of surrogate pairs, which TOML has not.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    bare = key and all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in key)
    return key if bare else _text(key)
