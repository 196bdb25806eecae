"""How a check asks a student's function, here or in another process: for what it returns, or for the gradient of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from depthnb.course import wire
from depthnb.course.task import NoAnswer, NotWritten

_GAP = "not written yet"  # what the gap of an exercise raises
_MOST = 320  # characters of an error: those of torch and NumPy end with the remedy


@dataclass(frozen=True)
class Asked:
    """A function as a check asks it, wherever it lives.

    Attributes:
        reply: gives the answer to a question as `copies.ask` does; raises `NoAnswer`.
        changes: inputs that the function has changed so far, in words.
    """

    reply: Callable[[bytes], dict]
    changes: list[str] = field(default_factory=list)

    def __call__(self, *given: Any, **named: Any) -> Any:
        """What the function returns for copies of these values.

        Raises:
            NoAnswer: as `reply`.
        """
        return self._said([list(given), named, None]).get("value")

    def gradient(self, *given: Any, of: int, part: int | None) -> Any:
        """The gradient with respect to the input `of` of the sum of what is returned, or of one part of it.

        Returns:
            A tensor; None for what has no gradient, words for one that cannot be computed.
        """
        return self._said([list(given), {}, [of, part]]).get("gradient")

    def _said(self, question: list) -> dict:
        said = self.reply(wire.pack(question))
        self.changes.extend([str(said["changed"])] if said.get("changed") else [])
        return said


def failure(function: str, error: BaseException) -> NoAnswer:
    """What a check is told of an error of a function.

    >>> failure("masked_mse", NotImplementedError("not written yet"))
    NotWritten('masked_mse is not written yet')
    """
    if isinstance(error, NotImplementedError) and str(error) == _GAP:
        return NotWritten(f"{function} is {_GAP}")
    return NoAnswer(f"{function} raised {words(error)}")


def words(error: BaseException) -> str:
    """An error by its type and its words, in one line.

    >>> words(ValueError("no\\nlog of 0"))
    'ValueError: no log of 0'
    """
    line = " ".join(str(error).split())
    line = line if len(line) <= _MOST else f"{line[:_MOST]} ..."
    return f"{type(error).__name__[:40]}{f': {line}' if line else ''}"
