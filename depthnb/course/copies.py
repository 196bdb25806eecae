"""A function is asked with copies, and must leave them as they were: who calls it would lose what it had."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from depthnb.course import wire


def ask(answer: Callable, question: bytes) -> tuple[Any, str]:
    """Call a function and look at its inputs afterwards.

    Args:
        answer: the function; what it raises goes through.
        question: a list of inputs and a dict of those by keyword, as `wire.pack` makes it.

    Returns:
        What it returns, and which input it has changed: its name in the function, or its number; empty if none.

    Raises:
        wire.Refused: for another question.

    >>> ask(lambda names: names.sort(), wire.pack([[["b", "a"]], {}]))
    (None, '`names`')
    """
    given, named = wire.unpack(question)
    before = [*given]  # the list itself is nobody's input
    value = answer(*given, **named)
    if _bytes([before, named]) == question:
        return value, ""
    asked, by_name = wire.unpack(question)
    pairs = zip([*before, *named.values()], [*asked, *by_name.values()], strict=True)
    place = next(place for place, (after, was) in enumerate(pairs) if _bytes(after) != _bytes(was))
    return value, f"`{list(named)[place - len(asked)]}`" if place >= len(asked) else _name(answer, place)


def sentence(function: str, changed: str) -> str:
    """What a student is told of a changed input; empty for none."""
    return f"{function} changes its input {changed}; work on a copy" if changed else ""


def _bytes(value: Any) -> bytes:
    try:
        return wire.pack(value)
    except wire.Refused:  # it was a plain value before
        return b""


def _name(answer: Callable, place: int) -> str:
    """An input that was given by its place, as the function calls it."""
    try:
        parameters = list(inspect.signature(answer).parameters.values())
    except Exception:  # a function that is not Python's, or an annotation that cannot be asked for
        parameters = []
    if place < len(parameters) and parameters[place].kind is not inspect.Parameter.VAR_POSITIONAL:
        return f"`{parameters[place].name}`"
    return str(place + 1)
