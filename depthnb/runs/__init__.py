"""The run folder: parameters checked, results remembered, and no half-written thing ever taken for a result."""

from .parameters import check_parameters
from .provenance import ROOT, commit, device_name, fingerprint, versions
from .records import RECORD, finished, reports_dir

__all__ = [
    "RECORD",
    "ROOT",
    "Run",
    "check_parameters",
    "commit",
    "device_name",
    "fingerprint",
    "finished",
    "reports_dir",
    "start",
    "versions",
]


def __getattr__(name: str):
    """`Run` and `start` write weights and figures: they alone need torch and matplotlib, and wait until they are asked for."""
    if name in ("Run", "start"):
        from . import folder

        return getattr(folder, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
