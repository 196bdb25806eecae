"""Results in one table, one row a method, and whether their differences are more than luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from depthnb import claims, metrics
from depthnb.claims.rules import HARDLY, apart

from .results import Result, groups

_DRAWS = 2000  # of the bootstrap over scenes
_PRICE = ("error", "parameters", "time")  # what `worth` weighs
SEEDS = {True: "apart", False: "overlap", None: "unknown"}


def table(results: Sequence[Result], *, by: str | None = None) -> pd.DataFrame:
    """One row a group of runs, and one a baseline; `by`: the metric whose best is on top, default the notebooks' order.

    Columns: method, kind ("ours" or "baseline"), notebook, preset, seeds (how many), the metrics (mean over seeds) each
    with its `<metric>_std` (sample standard deviation, NaN for one seed), beats_baselines ("yes", "no: ..." or "unknown";
    in abs_rel, rmse and delta1, every seed against its own run's baselines), parameters, seconds (training, mean), device. A
    baseline's value is the mean over the runs: it depends on the training frames. Raises ValueError as `measured`.
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
                "seconds": float(np.mean([each.seconds for each in part])),
                "device": " / ".join(sorted({each.device for each in part})),
            }
        )
    for name in dict.fromkeys(name for each in results for name in each.baselines):
        values = [each.baselines[name] for each in results if name in each.baselines]
        rows.append({"method": name, "kind": "baseline", **_mean_and_std(values), "beats_baselines": ""})
    frame = pd.DataFrame(rows)
    text = ["notebook", "preset", "device"]
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
        name: sum(not claims.beats(each.metrics, each.baselines[name]) for each in part if name in each.baselines)
        for name in dict.fromkeys(name for each in part for name in each.baselines)
    }
    said = [f"{name}" + (f" ({n} of {len(part)} seeds)" if n < len(part) else "") for name, n in lost.items() if n]
    return "no: not better than " + ", ".join(said) if said else "yes"


def readable(frame: pd.DataFrame, columns: Sequence[str] = ("abs_rel", "rmse", "delta1")) -> pd.DataFrame:
    """A `table` for people: a few metrics as `mean ± std`, counts with their unit, everything text.

    >>> row = {"method": "A", "kind": "ours", "preset": "quick", "seeds": 2, "abs_rel": 0.2, "abs_rel_std": 0.01}
    >>> row |= {"beats_baselines": "yes", "parameters": 1.25e6, "seconds": 75.0, "device": "CPU"}
    >>> readable(pd.DataFrame([row]), ["abs_rel"]).iloc[0].tolist()
    ['A', 'quick', '2', '0.200 ± 0.010', 'yes', '1.2 M', '75', 'CPU']
    """
    shown = frame[["method", "preset"]].assign(seeds=frame["seeds"].map(lambda n: "" if pd.isna(n) else str(int(n))))
    for name in columns:
        shown[name] = [
            "--" if pd.isna(mean) else f"{mean:.3f}" + ("" if pd.isna(std) or kind == "baseline" else f" ± {std:.3f}")
            for mean, std, kind in zip(frame[name], frame[f"{name}_std"], frame["kind"], strict=True)
        ]
    shown["beats baselines"] = frame["beats_baselines"]
    shown["parameters"] = frame["parameters"].map(_count)
    shown["seconds"] = frame["seconds"].map(lambda s: "" if pd.isna(s) else f"{s:.0f}")
    return shown.assign(device=frame["device"])


def _count(n: float) -> str:
    if pd.isna(n):
        return ""
    return f"{n / 1e6:.1f} M" if n >= 1e6 else f"{n / 1e3:.0f} k" if n >= 1e3 else f"{n:.0f}"


def each_run(results: Sequence[Result]) -> pd.DataFrame:
    """One row a run, for the spread over seeds: method, run, seed and the metrics. Raises ValueError as `measured`."""
    rows = [
        {"method": name, "run": each.label, "seed": each.seed, **each.metrics}
        for name, part in groups(results).items()
        for each in part
    ]
    return pd.DataFrame(rows)


def bands(results: Sequence[Result]) -> dict[str, pd.DataFrame]:
    """Method -> by_distance.csv, the metrics as means over seeds. Raises ValueError as `measured`."""
    return {
        name: pd.concat([each.by_distance for each in part]).groupby(["lower", "upper"], as_index=False).mean()
        for name, part in groups(results).items()
    }


def images(results: Sequence[Result]) -> dict[str, pd.DataFrame]:
    """Method -> per_image.csv, the metrics as means over seeds, one row a frame. Raises ValueError as `measured`."""
    keys = ["id", "scene", "scene_type"]
    return {
        name: pd.concat([each.per_image for each in part])
        .groupby(keys, as_index=False, dropna=False, sort=False)
        .mean()
        for name, part in groups(results).items()
    }


def differences(results: Sequence[Result], metric: str = "abs_rel") -> pd.DataFrame:
    """Each method against the next in the ranking: how much, and is it more than luck?

    Two kinds of luck. Another seed: `seeds` says "apart" when the ranges over the seeds do not overlap, "overlap" when
    they do, "unknown" when a method has fewer than two. Other rooms: `low` and `high` enclose 95 % of the mean paired
    differences when the test scenes are drawn again with replacement (frames of a scene stay together; fixed seed).
    `frames_won`: share of the test frames on which the better method is better; ties count half.

    Returns one row a pair with the columns better, worse, difference (positive), low, high, frames_won, seeds; none for
    fewer than two methods. Raises ValueError as `measured`.
    """
    lower = metrics.BETTER[metric] == "lower"
    parts, frames = groups(results), images(results)
    means = {name: float(np.mean([each.metrics[metric] for each in part])) for name, part in parts.items()}
    ranked = sorted((name for name in means if np.isfinite(means[name])), key=lambda n: means[n], reverse=not lower)
    rows = []
    for better, worse in pairwise(ranked):
        pair = frames[better].merge(frames[worse], on=["id", "scene"], suffixes=("", "_worse"))
        gain = ((pair[f"{metric}_worse"] - pair[metric]) * (1 if lower else -1)).dropna()
        low, high = _interval(gain, pair.loc[gain.index, "scene"])
        rows.append(
            {
                "better": better,
                "worse": worse,
                "difference": abs(means[better] - means[worse]),
                "low": low,
                "high": high,
                "frames_won": float((gain > 0).mean() + 0.5 * (gain == 0).mean()),
                "seeds": SEEDS[apart(span(parts[better], metric), span(parts[worse], metric))],
            }
        )
    return pd.DataFrame(rows, columns=["better", "worse", "difference", "low", "high", "frames_won", "seeds"])


def _interval(gain: pd.Series, scene: pd.Series) -> tuple[float, float]:
    """2.5 and 97.5 % of the mean gain over bootstrap draws of scenes."""
    sums = gain.groupby(scene).agg(["sum", "count"])
    draws = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_DRAWS)
    means = draws @ sums["sum"].to_numpy() / np.maximum(draws @ sums["count"].to_numpy(), 1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def span(results: Sequence[Result], metric: str) -> dict[str, float]:
    """Mean, `low`, `high` and number of `seeds` of a metric over runs, as `claims.rules.apart` takes them."""
    values = [each.metrics[metric] for each in results]
    return {"mean": float(np.mean(values)), "low": min(values), "high": max(values), "seeds": len(values)}


def sentences(frame: pd.DataFrame, metric: str = "abs_rel") -> list[str]:
    """What `differences` found, in words; one sentence a pair."""
    if frame.empty:
        return ["One method alone: it has only the constant opponents to be compared with."]
    seeds = {
        "apart": "larger than the spread over seeds",
        "overlap": "within the spread over seeds: no difference to speak of",
        "unknown": "how much another seed would change is unknown (it takes two seeds of both)",
    }
    said = []
    for row in frame.itertuples():
        rooms = "would remain" if row.low > 0 else "could vanish or turn round"
        said.append(
            f"{row.better} is ahead of {row.worse} by {row.difference:.3f} in {metric}, better on {row.frames_won:.0%} of the "
            f"test frames; in other scenes of this kind it {rooms} (95 %: {row.low:+.3f} to {row.high:+.3f}); "
            f"{seeds[row.seeds]}."
        )
    return said


def worth(ours: pd.DataFrame, metric: str = "abs_rel") -> list[str]:
    """Which rows of a `table` are worth their price: a sentence on each method that another one makes pointless.

    Another does if it is at least as good in `metric` with no more parameters and no more training time on the same device,
    and in one of the three better by more than `HARDLY` percent. Times of one training differ from run to run: up to as much
    more does not count as slower.
    """
    if len(ours) < 2:
        return ["One method alone has no price to be compared with."]
    sign = 1 if metrics.BETTER[metric] == "lower" else -1
    said = []
    for row in ours.to_dict("records"):
        price = np.array([sign * row[metric], row["parameters"], row["seconds"]])
        hardly = HARDLY / 100 * abs(price)
        for other in ours[ours["device"] == row["device"]].to_dict("records"):
            rival = np.array([sign * other[metric], other["parameters"], other["seconds"]])
            ahead = [what for what, much in zip(_PRICE, rival < price - hardly, strict=True) if much]
            if ahead and (rival <= price + hardly * (0, 0, 1)).all():
                said.append(
                    f"{row['method']} is not worth its price: {other['method']} is no worse, no larger, no slower by more "
                    f"than {HARDLY:g} %, and ahead by more than that in {', '.join(ahead)}."
                )
                break
    if not said:
        said = [
            "Every method is worth its price to somebody: none is beaten in error, parameters and time at once, "
            f"and in one of them by more than {HARDLY:g} %."
        ]
    return said
