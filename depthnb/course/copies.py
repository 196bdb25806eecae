"""A function is asked with copies, and must leave them as they were: who calls it would lose what it had."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from depthnb.course import wire


def ask(answer: Callable, question: bytes) -> dict[str, Any]:
    """Call a function and look at its inputs afterwards.

    Args:
        answer: the function; what it raises goes through.
        question: as `wire.pack` makes it of a list of inputs, a dict of those by keyword, and None or [number of an input,
            part of the answer or None] for the gradient of the answer with respect to that input.

    Returns:
        "value": what it returns; "changed": which input it has changed, by its name in the function or its number, empty if
        none; "gradient": of the sum of the value or of its part, None for none, words if it cannot be computed.

    Raises:
        wire.Refused: for another question.

    >>> ask(lambda names: names.sort(), wire.pack([[["b", "a"]], {}, None]))
    {'value': None, 'changed': '`names`', 'gradient': None}
    """
    given, named, slope = wire.unpack(question)
    if slope is None:
        before, value, gradient = [*given], answer(*given, **named), None  # the list itself is nobody's input
    else:
        before, value, gradient = _descended(answer, given, *slope)
    return {"value": value, "changed": _changed(answer, before, named, slope, question), "gradient": gradient}


def sentence(function: str, changed: str) -> str:
    """What a student is told of a changed input; empty for none."""
    return f"{function} changes its input {changed}; work on a copy" if changed else ""


def with_changes(function: str, wrong: str, changed: str) -> str:
    """What is wrong with an answer, and what it changes: often this is the cause. Empty if nothing is.

    >>> with_changes("errors_left", "the mean is 2; expected 3", "`error`")
    'the mean is 2; expected 3 (and errors_left changes its input `error`; work on a copy)'
    """
    also = sentence(function, changed)
    return f"{wrong} (and {also})" if wrong and also else wrong or also


def _descended(answer: Callable, given: list, of: int, part: int | None) -> tuple[list, Any, Any]:
    """The inputs, what is returned, and its gradient. The input is no leaf, as the output of a network is none."""
    import torch  # only where a task has tensors

    with torch.enable_grad():
        leaf = given[of].requires_grad_(True)
        inputs = [*given[:of], leaf.clone(), *given[of + 1 :]]
        value = answer(*inputs)
        found = value[part] if part is not None and isinstance(value, list | tuple) else value
        if not isinstance(found, torch.Tensor) or not found.requires_grad:
            return inputs, value, None
        try:
            (gradient,) = torch.autograd.grad(found.sum(), leaf, allow_unused=True)
        except RuntimeError as error:  # the function has gone backward itself, or changed what the gradient needs
            gradient = f"{type(error).__name__}: {str(error).partition('(')[0].strip()[:160]}"
    return inputs, value, gradient


def _changed(answer: Callable, before: list, named: dict, slope: Any, question: bytes) -> str:
    """The input that is not as it was in the question; a tensor must not begin to need a gradient, or get one."""
    asked, by_name, _ = wire.unpack(question)
    after = [*before, *named.values()]
    if _bytes([before, named, slope]) != question:
        pairs = zip(after, [*asked, *by_name.values()], strict=True)
        place = next(place for place, (now, was) in enumerate(pairs) if _bytes(now) != _bytes(was))
        how = ""
    else:
        own = slope[0] if slope else None  # this one is given with a gradient
        marked = [place for place, each in enumerate(after) if place != own and getattr(each, "requires_grad", False)]
        if not marked:
            return ""
        place, how = marked[0], " (it sets its `requires_grad`)"
    if place >= len(asked):
        return f"`{list(named)[place - len(asked)]}`{how}"
    return f"{_name(answer, place)}{how}"


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
