"""Slides: a deck of each notebook, of its own text and figures, in one file that asks no other host."""

from depthnb.course.slides.decks import deck, make

__all__ = ["deck", "make"]
