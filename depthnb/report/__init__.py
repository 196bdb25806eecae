"""Finished runs beside each other: results read and grouped, tables of them, and the page that shows them all."""

from . import results, tables
from .page import build
from .prose import say

__all__ = ["build", "results", "say", "tables"]
