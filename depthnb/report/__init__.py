"""Finished runs beside each other: results read and grouped, tables of them, and the page that shows them all."""

from depthnb.runs.prose import say

from . import elsewhere, results, tables
from .page import build

__all__ = ["build", "elsewhere", "results", "say", "tables"]
