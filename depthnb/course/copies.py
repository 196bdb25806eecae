"""A function is asked with copies, and must leave them as they were: who calls it would lose what it had."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from depthnb.course import wire


def ask(answer: Callable, given: Sequence[Any], named: dict[str, Any]) -> tuple[Any, str]:
    """Call a function and look at its inputs afterwards.

    Args:
        answer: the function; what it raises goes through.
        given: plain values that nobody else holds.
        named: the same, by keyword.

    Returns:
        What it returns, and which input it has changed: its name in the function, or its number; empty if none.

    >>> ask(lambda names: names.sort(), [["b", "a"]], {})
    (None, '`names`')
    """
    values = [*given, *named.values()]
    before = [_bytes(each) for each in values]
    value = answer(*given, **named)
    for place, was in enumerate(before):
        if _bytes(values[place]) != was:
            return value, _name(answer, place, given, named)
    return value, ""


def sentence(function: str, changed: str) -> str:
    """What a student is told of a changed input; empty for none."""
    return f"{function} changes its input {changed}; work on a copy" if changed else ""


def _bytes(value: Any) -> bytes:
    try:
        return wire.pack(value)
    except wire.Refused:  # it was a plain value before
        return b""


def _name(answer: Callable, place: int, given: Sequence[Any], named: dict[str, Any]) -> str:
    if place >= len(given):
        return f"`{list(named)[place - len(given)]}`"
    try:
        parameters = list(inspect.signature(answer).parameters.values())
    except (TypeError, ValueError):  # a function that is not Python's
        parameters = []
    if place < len(parameters) and parameters[place].kind is not inspect.Parameter.VAR_POSITIONAL:
        return f"`{parameters[place].name}`"
    return str(place + 1)
