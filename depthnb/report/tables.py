"""Results in one table, one row a method, and whether their differences are more than luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb import metrics
from depthnb.evidence.verdicts import beats
from depthnb.report.results import Result, groups
from depthnb.report.words import count

# what a method costs: column of a table -> how it is called for people, and its digits
_COSTS = {
    "steps": ("steps", 0),
    "seconds": ("seconds", 0),
    "multiply_adds": ("multiply-adds (G)", 2),
    "milliseconds": ("ms an image", 0),
}


def table(results: Sequence[Result], *, by: str | None = None) -> pd.DataFrame:
    """One row a group of runs, and one a baseline.

    Args:
        by: the metric whose best is on top, default the notebooks' order.

    Returns:
        A table with the columns method, kind ("ours" or "baseline"), notebook, preset, seeds (how many), the metrics (mean over
        seeds) each with its `<metric>_std` (sample standard deviation, NaN for one seed), beats_baselines ("yes", "no: ..." or
        "unknown"; in abs_rel, rmse and delta1, every seed against its own run's baselines), parameters, steps and seconds of
        training, multiply_adds (billions) and milliseconds of one answer (means), image (width x height that the net sees),
        device. A baseline's value is the mean over the runs: it depends on the training frames.

    Raises:
        ValueError: as `measured`.
    """
    rows = []
    for name, part in groups(results).items():
        rows.append(
            {
                "method": name,
                "kind": "ours",
                "notebook": part[0].notebook,
                "preset": part[0].preset,
                "seeds": len(part),
                **_mean_and_std([each.metrics for each in part]),
                "beats_baselines": _beats(part),
                "parameters": float(np.mean([each.parameters for each in part])),
                **{name: float(np.mean([getattr(each, name) for each in part])) for name in _COSTS},
                "image": _image(part[0].size),
                "device": " / ".join(sorted({each.device for each in part})),
            }
        )
    for name in dict.fromkeys(name for each in results for name in each.baselines):
        values = [each.baselines[name] for each in results if name in each.baselines]
        rows.append({"method": name, "kind": "baseline", **_mean_and_std(values), "beats_baselines": ""})
    frame = pd.DataFrame(rows)
    text = ["notebook", "preset", "image", "device"]
    frame[text] = frame[text].fillna("")
    frame["seeds"] = frame["seeds"].astype("Int64")  # whole numbers with gaps: a baseline has no seed
    if by is None:
        return frame
    return frame.sort_values(by, ascending=metrics.BETTER[by] == "lower", kind="stable", ignore_index=True)


def _mean_and_std(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    frame = pd.DataFrame(values).reindex(columns=list(metrics.NAMES))
    means, deviations = frame.mean(), frame.std(ddof=1)
    return {key: v for name in metrics.NAMES for key, v in ((name, means[name]), (f"{name}_std", deviations[name]))}


def _beats(part: Sequence[Result]) -> str:
    if not all(each.baselines for each in part):
        return "unknown"
    lost = {
        name: sum(not beats(each.metrics, each.baselines[name]) for each in part if name in each.baselines)
        for name in dict.fromkeys(name for each in part for name in each.baselines)
    }
    said = [f"{name}" + (f" ({n} of {len(part)} seeds)" if n < len(part) else "") for name, n in lost.items() if n]
    return "no: not better than " + ", ".join(said) if said else "yes"


def readable(frame: pd.DataFrame, columns: Sequence[str] = ("abs_rel", "rmse", "delta1")) -> pd.DataFrame:
    """A `table` for people: a few metrics as `mean ± std`, counts with their unit, everything text.

    What no row knows is no column, nor are an image and a device that all share.

    >>> row = {"method": "A", "kind": "ours", "preset": "quick", "seeds": 2, "abs_rel": 0.2, "abs_rel_std": 0.01}
    >>> row |= {"beats_baselines": "yes", "parameters": 1.25e6, "steps": 498.0, "seconds": 75.0, "image": "", "device": "CPU"}
    >>> readable(pd.DataFrame([row]), ["abs_rel"]).iloc[0].tolist()
    ['A', 'quick', '2', '0.200 ± 0.010', 'yes', '1.2 M', '498', '75']
    """
    shown = frame[["method", "preset"]].assign(seeds=frame["seeds"].map(lambda n: "" if pd.isna(n) else str(int(n))))
    for name in columns:
        shown[name] = [
            _mean_std(mean, float("nan") if kind == "baseline" else std)
            for mean, std, kind in zip(frame[name], frame[f"{name}_std"], frame["kind"], strict=True)
        ]
    shown["beats baselines"] = frame["beats_baselines"]
    shown["parameters"] = frame["parameters"].map(count)
    for name, (title, digits) in _COSTS.items():
        if name in frame and frame[name].notna().any():
            shown[title] = frame[name].map(
                lambda value, digits=digits: "" if pd.isna(value) else f"{value:,.{digits}f}"
            )
    for name in ("image", "device"):
        if len({*frame[name]} - {""}) > 1:
            shown[name] = frame[name]
    return shown


def _image(size: tuple[int, int] | None) -> str:
    return f"{size[1]} x {size[0]}" if size else ""


def _mean_std(mean: float, std: float) -> str:
    """As text; the deviation only where there is one."""
    return "--" if pd.isna(mean) else f"{mean:.3f}" + ("" if pd.isna(std) else f" ± {std:.3f}")


def nets(results: Sequence[Result], columns: Sequence[str] = ("abs_rel", "rmse", "delta1")) -> pd.DataFrame:
    """Every net of the runs that trained several, such as the GAN's generator with and without its adversary.

    Returns:
        One row a net, as text: method, net, seeds, steps, and each metric as `mean ± std`. Empty where each run has one net.
        Raises ValueError as `measured`.
    """
    rows = []
    for method, part in groups(results).items():
        names = list(dict.fromkeys(name for each in part for name in each.nets))
        for name in names if len(names) > 1 else ():
            values = pd.DataFrame([each.nets[name] for each in part if name in each.nets])
            values = values.reindex(columns=["steps", *columns])
            if values[list(columns)].isna().all(axis=None):  # it knows no metres, and has no row among those that do
                continue
            steps = values["steps"].mean()
            row = {
                "method": method,
                "net": name,
                "seeds": len(values),
                "steps": "" if pd.isna(steps) else f"{steps:,.0f}",
            }
            for column in columns:
                row[column] = _mean_std(values[column].mean(), values[column].std(ddof=1))
            rows.append(row)
    return pd.DataFrame(rows, columns=["method", "net", "seeds", "steps", *columns])


def each_run(results: Sequence[Result]) -> pd.DataFrame:
    """One row a run, for the spread over seeds: method, run, seed and the metrics.

    Raises:
        ValueError: as `measured`.
    """
    rows = [
        {"method": name, "run": each.label, "seed": each.seed, **each.metrics}
        for name, part in groups(results).items()
        for each in part
    ]
    return pd.DataFrame(rows)


def bands(results: Sequence[Result]) -> dict[str, pd.DataFrame]:
    """Method -> by_distance.csv, the metrics as means over seeds.

    Raises:
        ValueError: as `measured`.
    """
    return {
        name: pd.concat([each.by_distance for each in part]).groupby(["lower", "upper"], as_index=False).mean()
        for name, part in groups(results).items()
    }


def images(results: Sequence[Result]) -> dict[str, pd.DataFrame]:
    """Method -> per_image.csv, the metrics as means over seeds, one row a frame.

    Raises:
        ValueError: as `measured`.
    """
    keys = ["id", "scene", "scene_type"]
    return {
        name: pd.concat([each.per_image for each in part])
        .groupby(keys, as_index=False, dropna=False, sort=False)
        .mean()
        for name, part in groups(results).items()
    }
