"""Sentences in the output of a notebook."""

import textwrap

from depthnb.training.launch import is_first

WIDTH = 110  # characters; what fits beside the prompt on a laptop, and on GitHub


def say(*texts: object) -> None:
    """Print texts one below the other, broken between words where they are longer than `WIDTH`.

    JupyterLab breaks a long printed line inside words, and GitHub does not break it at all. Line breaks within a text stay.
    Of several processes the first one alone prints.

    >>> say("depth " * 20, "in metres")
    depth depth depth depth depth depth depth depth depth depth depth depth depth depth depth depth depth depth
    depth depth
    in metres
    """
    if not is_first():
        return
    for line in "\n".join(map(str, texts)).splitlines():
        print(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False))
