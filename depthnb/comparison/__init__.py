"""Finished runs beside each other: only what was measured in the same way stands in one table. Nothing is trained here.

A `Result` is one finished run that was judged on a test split; runs that differ in their seed alone form one group, which is
one row of a table and one line of a figure. `load` finds them, `select` chooses a preset, `comparable` parts what must not be
mixed; everything else takes results that were measured in the same way, and raises ValueError when they were not.
"""

from .results import (
    BAND_METRICS,
    BEST,
    METHODS,
    PRESETS,
    Result,
    check,
    comparable,
    explain,
    groups,
    load,
    measured,
    preset_of,
    select,
)
from .tables import bands, differences, each_run, images, readable, sentences, table, worth
from .versus import against_documents, opponents, pictures, published_rows

__all__ = [
    "BAND_METRICS",
    "BEST",
    "METHODS",
    "PRESETS",
    "Result",
    "against_documents",
    "bands",
    "check",
    "comparable",
    "differences",
    "each_run",
    "explain",
    "groups",
    "images",
    "load",
    "measured",
    "opponents",
    "pictures",
    "preset_of",
    "published_rows",
    "readable",
    "select",
    "sentences",
    "table",
    "worth",
]
