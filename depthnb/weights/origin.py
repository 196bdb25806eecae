"""Where a network's weights come from, as data: a kind that programs ask for, and a sentence that people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What weights were before this training: those of ImageNet, none, of a file that somebody gave, of a training here."""

    IMAGENET = "imagenet"
    NONE = "none"
    FILE = "file"
    TRAINED = "trained"


@dataclass(frozen=True)
class Origin:
    """Where weights come from; `dataclasses.asdict` of it is what run.json holds.

    Args:
        kind: one of `Kind`; NONE means random weights.
        detail: one sentence for people, without a path of this machine; also what `str` gives.
        content: 12 hexadecimal digits that stand for the bytes of the file (`files.digest`), "" for random weights.

    >>> print(Origin(Kind.NONE, "random weights: none were asked for"))
    random weights: none were asked for
    """

    kind: Kind
    detail: str
    content: str = ""

    def __str__(self) -> str:
        return self.detail

    @property
    def pretrained(self) -> bool:
        """Whether there were weights to begin with."""
        return self.kind is not Kind.NONE

    def same(self, other: Origin) -> bool:
        """Whether a training that begins here begins as it would there, as far as weights go."""
        return (self.kind, self.content) == (other.kind, other.content)

    @classmethod
    def from_record(cls, fields: Mapping[str, Any] | None) -> Origin:
        """The origin that a run.json holds; one that says nothing is of a net that nobody taught anything before.

        Raises:
            ValueError: for anything but the fields of an origin.

        >>> Origin.from_record({"kind": "file", "detail": "weights from the file a.pth", "content": "0a"}).kind
        <Kind.FILE: 'file'>
        >>> Origin.from_record(None).pretrained
        False
        """
        if fields is None:
            return cls(Kind.NONE, "")
        try:
            fields = dict(fields)
            return cls(Kind(fields.pop("kind")), str(fields.pop("detail")), **fields)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"origin is {fields!r}; expected kind ({', '.join(Kind)}), detail and content") from error
