"""The numbers that others published: every table of the five source documents, and those of the papers they build on.

`published.csv` holds one number a line, exactly as printed, with the place where it was read and what is odd about it. A
number from here stands beside ours under `published`, never among our own metrics, and only a row whose `protocol` is a
named one of ours can be compared with ours at all.
"""

from __future__ import annotations

import re
from importlib.resources import files

import pandas as pd

from depthnb import metrics

COLUMNS = (
    "document", "table", "row", "method", "dataset", "split", "protocol", "metric", "value", "source", "note",
)  # fmt: skip
AUTHORS = {  # of the five source documents, which have no year
    "000": "Akondi",
    "001": "Chapre and Deshpande",
    "002": "Constantinescu, Enache and Ghiorgiu",
    "003": "Lacelle and Nofal",
    "004": "Niu",
}
DOCUMENTS = (*AUTHORS, "paper")
_COUNTERPARTS = {  # the published data sets whose scenes are like those of ours
    "rooms": ("nyu-v1", "nyu-v2"),
    "folder-10": ("nyu-v1", "nyu-v2"),  # a folder goes by the range of its depths
    "folder-80": ("kitti",),
    "folder-300": ("diode",),
    "streets": ("kitti",),
    "nyu-v2-50k": ("nyu-v2-50k", "nyu-v2"),  # the same test frames
}
_ALIGNED = (  # protocols of rows that were fitted to the truth before they were scored
    "MiDaS zero-shot: scale and shift fitted in inverse depth",
    "697 frames, raw LiDAR, Garg crop, median alignment",
)
_SUFFIXES = {"": 1.0, "k": 1e3, "M": 1e6}


def load(document: str | None = None, method: str | None = None) -> pd.DataFrame:
    """All published numbers in long form, one a line.

    Args:
        document: keep one of `DOCUMENTS`; "paper" stands for the papers and their repositories.
        method: keep the rows whose method contains this text, in any case.

    Returns:
        DataFrame with `COLUMNS` and `printed`: `value` is the number (42.6M becomes 42,600,000), `printed` the text as it
        stands in the source, `row` the number of the row in its table (from 1); all others are text, empty where the
        source is silent.

    Raises:
        ValueError: for an unknown document.

    >>> rows = load("004", method="hma-depth-densenet 161")
    >>> rows[rows.metric == "rmse"].printed.item()
    '2.850'
    """
    if document is not None and document not in DOCUMENTS:
        raise ValueError(f"document {document!r} is unknown; choose one of {DOCUMENTS}")
    with files("depthnb.evidence").joinpath("published.csv").open(encoding="utf-8") as stream:
        frame = pd.read_csv(stream, dtype=str, keep_default_na=False)
    frame["printed"] = frame["value"]
    frame["value"] = frame["value"].map(_number)
    frame["row"] = frame["row"].astype(int)
    if document is not None:
        frame = frame[frame["document"] == document]
    if method is not None:
        frame = frame[frame["method"].str.contains(method, case=False, regex=False)]
    return frame.reset_index(drop=True)


def like(dataset: str, protocol: metrics.Protocol | None = None) -> pd.DataFrame:
    """Published numbers on the data sets that are most like `dataset`, one row a method and table; no training errors.

    They were measured on other frames than ours: good for the order of magnitude, never for a ranking. Their oddities stand
    in published.csv.

    Args:
        dataset: of our results.
        protocol: of our results; it tells an indoor folder from one outdoors, and results that were aligned with the truth from
            those in metres: of the published ones those of the same kind are returned. None: both kinds.

    Returns:
        Columns method, dataset, split, protocol, source, and those of `metrics.NAMES` that anybody printed; a share of pixels
        beyond delta 1.25, in percent, is told as delta1.
    """
    rows = load()
    beyond = rows["metric"] == "delta1_error_percent"
    rows.loc[beyond, "value"] = 1 - rows.loc[beyond, "value"] / 100
    rows.loc[beyond, "metric"] = "delta1"
    if protocol is not None:
        rows = rows[rows["protocol"].isin(_ALIGNED) == (protocol.alignment != "none")]
    names = _COUNTERPARTS.get(protocol.base if protocol else dataset, _COUNTERPARTS.get(dataset, (dataset,)))
    rows = rows[rows["dataset"].isin(names) & rows["metric"].isin(metrics.NAMES)]
    rows = rows[rows["split"] != "train"]
    keys = ["document", "table", "method", "dataset", "split", "protocol"]
    wide = rows.groupby([*keys, "metric"], sort=False)["value"].first().unstack("metric", sort=False).reset_index()
    wide["source"] = (
        wide["document"].map(lambda name: f"{AUTHORS[name]}, table " if name in AUTHORS else "") + wide["table"]
    )
    wide.columns.name = None
    return wide[["method", "dataset", "split", "protocol", "source", *(n for n in metrics.NAMES if n in wide)]]


def table(document: str, name: str) -> pd.DataFrame:
    """One published table as it was printed: a line for each row, a column for each metric.

    Args:
        document: one of `DOCUMENTS`.
        name: the table, as `load(document).table.unique()` lists them; for the five documents their own number.

    Returns:
        DataFrame indexed by `row`: `method`, those of `dataset`, `split` and `protocol` that differ within the table, and
        the metrics as numbers in the order of their first appearance; NaN where the source leaves a cell empty.

    Raises:
        ValueError: for an unknown document or table.

    >>> table("003", "1").columns.tolist()
    ['method', 'split', 'protocol', 'si_rmse_log', 'rmse_log']
    >>> table("001", "1").loc[10, "custom_loss"].item()
    0.2385
    """
    rows = load(document)
    known = rows["table"].unique().tolist()
    if name not in known:
        raise ValueError(f"document {document!r} has no table {name!r}; it has {known}")
    rows = rows[rows["table"] == name]
    # a column that is the same everywhere says nothing in the table
    keys = ["method", *(key for key in ("dataset", "split", "protocol") if rows[key].nunique() > 1)]
    order = rows["metric"].unique()
    wide = rows.set_index(["row", *keys, "metric"])["value"].unstack("metric")[order]
    wide.columns.name = None
    return wide.reset_index(level=keys).sort_index()


def _number(text: str) -> float:
    """'42.6M' -> 42600000.0."""
    digits, suffix = re.fullmatch(r"([-0-9.]+)([kM]?)", text).groups()
    return float(digits) * _SUFFIXES[suffix]
