"""What the checks of the tasks have in common: the form of an answer, the case that was asked, numbers that differ in print.

A check is text that is run where the package is, and imports these. Where a sentence says "your function", `task.fault` puts
its name.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from depthnb.course.task import NoAnswer, NotWritten

if TYPE_CHECKING:
    from torch import Tensor


@contextlib.contextmanager
def case(words: str) -> Iterator[None]:
    """Every fault inside of this block is said with the case that was asked, an exception of the function too.

    Args:
        words: such as "where no frame has a valid pixel".

    Raises:
        AssertionError, NoAnswer: as from inside, with these words before the sentence.

    >>> with case("with NaN under the mask"):
    ...     close(float("nan"), 0.5, "the loss")
    Traceback (most recent call last):
    AssertionError: with NaN under the mask: the loss is nan; expected 0.5000
    """
    try:
        yield
    except NotWritten:  # in every case
        raise
    except (AssertionError, NoAnswer) as error:
        raise type(error)(f"{words}: {error}") from None


def tensor(value: Any, shape: tuple[int, ...] | None = None, part: str = "") -> Tensor:
    """One torch tensor, as it was returned.

    Args:
        value: that the function returned, or a part of it.
        shape: that it must have; None for any.
        part: what it is called, if it is not the whole answer: "the camera".

    Raises:
        AssertionError: with a sentence, for another type or shape.

    >>> tensor(0.5, (3, 3), "the camera")
    Traceback (most recent call last):
    AssertionError: the camera must be one torch tensor of shape (3, 3); it is a float
    """
    import torch  # only where a task has tensors

    return _form(value, torch.Tensor, "one torch tensor", shape, part)


def array(value: Any, shape: tuple[int, ...] | None = None, part: str = "") -> np.ndarray:
    """One NumPy array, as it was returned.

    Args:
        value, shape, part: as for `tensor`.

    Raises:
        AssertionError: as `tensor`.

    >>> array(np.ones((2, 3)), (3, 2))
    Traceback (most recent call last):
    AssertionError: your function must return one NumPy array of shape (3, 2); it returned one of shape (2, 3)
    """
    return _form(value, np.ndarray, "one NumPy array", shape, part)


def number(value: Any, part: str = "") -> float:
    """One number: of Python or NumPy, or an array or a tensor that holds one.

    Args:
        value: that the function returned, or a part of it.
        part: what it is called, if it is not the whole answer.

    Raises:
        AssertionError: with a sentence, for anything else.

    >>> number((0.5, 0.7))
    Traceback (most recent call last):
    AssertionError: your function must return one number; it returned a tuple of 2
    """
    if isinstance(value, bool | np.bool_) or "bool" in str(getattr(value, "dtype", "")):
        raise AssertionError(_said(part, "one number", "True or False"))
    alone = isinstance(value, int | float | np.number) or (
        hasattr(value, "dtype") and tuple(value.shape).count(1) == value.ndim
    )
    if not alone:
        raise AssertionError(_said(part, "one number", _kind(value)))
    try:
        return float(value if isinstance(value, int | float | np.number) else value.item())
    except OverflowError:
        raise AssertionError(_said(part, "one number", "an int beyond every float")) from None


def parts(value: Any, count: int) -> tuple:
    """A tuple or list of so many values.

    Raises:
        AssertionError: with a sentence, for anything else.

    >>> parts([1.0], 2)
    Traceback (most recent call last):
    AssertionError: your function must return 2 values; it returned a list of 1
    """
    if not isinstance(value, tuple | list) or len(value) != count:
        raise AssertionError(_said("", f"{count} values", _kind(value)))
    return tuple(value)


def numbers(value: Any, count: int, what: str) -> list:
    """A list, a tuple or an array of so many values, each of which `number` may ask for.

    Args:
        value: that the function returned.
        count: of the values.
        what: they are: "the change, the lower end and the upper end".

    Raises:
        AssertionError: with a sentence, for anything else.

    >>> numbers({"a": 1.0}, 2, "s and t")
    Traceback (most recent call last):
    AssertionError: your function must return a list of 2 numbers (s and t); it returned a dict of 1
    """
    listed = isinstance(value, tuple | list) or getattr(value, "ndim", 0) == 1
    if not listed or len(value) != count:
        raise AssertionError(_said("", f"a list of {count} numbers ({what})", _kind(value)))
    return [*value]


def close(got: Any, want: Any, what: str, tolerance: float | np.ndarray = 1e-4) -> None:
    """Numbers, arrays or tensors of one shape must be equal, NaN where NaN is expected included.

    Args:
        got: of the function.
        want: what is right.
        what: it is called: "the loss".
        tolerance: times the expected number where that is above 1; one for all or one for each.

    Raises:
        AssertionError: with the number that is farthest off, its place if there are several, and the expected one.

    >>> close(np.array([1.0, 2.0]), np.array([1.0, 3.0]), "the depth")
    Traceback (most recent call last):
    AssertionError: the depth at [1] is 2.0000; expected 3.0000
    """
    found, right = doubles(got), doubles(want)
    if found.shape != right.shape:
        raise AssertionError(f"{what} has the shape {found.shape}; expected {right.shape}")
    with np.errstate(invalid="ignore"):
        off = np.abs(found - right) / np.maximum(1, np.abs(right))
    off = np.where((found == right) | (np.isnan(found) & np.isnan(right)), 0.0, np.nan_to_num(off, nan=np.inf))
    if not (off > tolerance).any():
        return
    place = np.unravel_index(np.where(off > tolerance, off, 0.0).argmax(), off.shape)
    where = f" at {[int(side) for side in place]}" if off.size > 1 else ""
    is_, expected = digits(found[place], right[place])
    raise AssertionError(f"{what}{where} is {is_}; expected {expected}")


def digits(got: float, expected: float) -> tuple[str, str]:
    """Two numbers with four decimals, or with as many more as they need to differ.

    >>> digits(0.5, 113.5)
    ('0.5000', '113.5000')
    >>> digits(0.26361, 0.26364)
    ('0.26361', '0.26364')
    """
    for places in range(4, 13):
        texts = (f"{got:.{places}f}", f"{expected:.{places}f}")
        if texts[0] != texts[1]:
            return texts
    return (
        (repr(float(got)), repr(float(expected)))
        if got != expected and got == got
        else (f"{got:.4f}", f"{expected:.4f}")
    )


def _form(value: Any, kind: type, said: str, shape: tuple[int, ...] | None, part: str) -> Any:
    expected = said if shape is None else f"{said} of shape {tuple(shape)}"
    if not isinstance(value, kind):
        raise AssertionError(_said(part, expected, _kind(value)))
    if shape is not None and tuple(value.shape) != tuple(shape):
        raise AssertionError(_said(part, expected, f"one of shape {tuple(value.shape)}"))
    return value


def _said(part: str, expected: str, got: str) -> str:
    return (
        f"{part} must be {expected}; it is {got}"
        if part
        else f"your function must return {expected}; it returned {got}"
    )


def _kind(value: Any) -> str:
    """A type in words, and how many values it holds or its shape."""
    if value is None:
        return "nothing"
    of = type(value)
    name = of.__name__ if of.__module__ == "builtins" else f"{of.__module__}.{of.__name__}"
    if isinstance(value, list | tuple | dict):
        return f"a {name} of {len(value)}"
    shape = tuple(getattr(value, "shape", ()))
    article = "an" if name == "int" else "a"
    return f"{article} {name} of shape {shape}" if shape else f"{article} {name}"


def doubles(value: Any) -> np.ndarray:
    """Numbers of any kind as float64.

    >>> doubles([1, 2])
    array([1., 2.])
    """
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=np.float64)
