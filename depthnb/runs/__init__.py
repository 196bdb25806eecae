"""The run folder: parameters checked, results remembered, and no half-written thing ever taken for a result."""

from .parameters import check_parameters
from .provenance import ROOT, commit, device_name, fingerprint, versions
from .records import RECORD, finished, judged_on, reports_dir

WEIGHTS = ("train", "shipped")  # choices of a notebook's parameter `weights`

__all__ = [
    "RECORD",
    "ROOT",
    "WEIGHTS",
    "Run",
    "Shipped",
    "check_parameters",
    "commit",
    "device_name",
    "fingerprint",
    "finished",
    "judged_on",
    "reports_dir",
    "start",
    "versions",
]


def __getattr__(name: str):
    """What writes or reads weights and figures needs torch and matplotlib, and waits until it is asked for."""
    if name in ("Run", "start"):
        from . import folder

        return getattr(folder, name)
    if name == "Shipped":
        from . import shipped

        return shipped.Shipped
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
