"""Results beside what they are judged by: the data set's frames, the constant opponents, the published numbers, claims."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb import data, evaluation, metrics
from depthnb.data import transforms
from depthnb.evidence import published
from depthnb.evidence.scenes import bootstrap
from depthnb.evidence.seeds import apart
from depthnb.evidence.verdicts import HARDLY, UNDECIDED, more, row
from depthnb.report.results import METHODS, Result, comparable, groups, measured
from depthnb.report.tables import SEEDS, images, span, table

COUNTERPARTS: Mapping[str, tuple[str, ...]] = {  # the published data sets whose scenes are like those of ours
    "rooms": ("nyu-v1", "nyu-v2"),
    "folder-10": ("nyu-v1", "nyu-v2"),  # a folder goes by the range of its depths
    "folder-80": ("kitti",),
    "folder-300": ("diode",),
    "streets": ("kitti",),
    "nyu-v2-50k": ("nyu-v2-50k", "nyu-v2"),  # the same test frames
}
TRANSFER = "05_densenet"  # whose claim is about ImageNet weights
_SIZE = (60, 80)  # (H, W) at which the mean image is made where a run does not say


def opponents(results: Sequence[Result], *, root: str = "") -> dict[str, evaluation.Evaluation]:
    """The two constant opponents with their errors by distance and by frame, which run folders do not hold.

    Made from the data set with all its training frames at the size of the first result. Empty, with a line that says why,
    where the data are not here or the protocol aligns predictions (then each image has its own best constant). Raises
    ValueError as `measured`.
    """
    measured(results)
    first = results[0]
    rule = metrics.protocol(first.protocol.partition(":")[0])
    if rule.alignment != "none":
        print(f"no opponents by distance: protocol {rule.name} aligns every prediction")
        return {}
    size = tuple(int(first.params.get(side, default)) for side, default in zip(("height", "width"), _SIZE, strict=True))
    try:
        train = data.open(first.dataset, root, "train", size)
        test = data.open(first.dataset, root, "test", size)
    except (FileNotFoundError, ValueError) as error:
        print(f"no opponents by distance, the data set cannot be opened: {error}")
        return {}
    if sorted(test.frames["id"]) != sorted(first.per_image["id"]):
        print(
            f"no opponents by distance: {first.label} was judged on other test frames than the {len(test)} found here"
        )
        return {}
    return evaluation.baselines(train, test, protocol=rule)


def pictures(results: Sequence[Result], *, seed: int = 0, frames: int = 6, root: str = "") -> dict | None:
    """The same test frames from every method, ready for `plotting.methods_grid(**pictures(...))`.

    Of the frames that every run folder keeps (evaluation.KEPT, always the same) every second, at most `frames`. Of each
    group the run with `seed`, else its first. Results of several protocols may be shown beside each other, though not
    ranked: where a protocol aligns predictions with the truth, the method's name says so. Returns image, depth, valid
    (native size), preds (method -> [B,1,h,w] metres) and column_titles (scene types); None, with a line that says why,
    where the data are not here. A method whose predictions.npz is missing or damaged, or holds none of the frames that
    the others keep, is left out and named. Raises ValueError for results of several data sets.
    """
    if not results:
        print("no pictures: no finished run")
        return None
    if len({each.dataset for each in results}) > 1:
        measured(results)  # raises, with the names
    kept, common = {}, set()
    for part in comparable(results).values():  # the part with most methods first: what it keeps is shown
        aligned = metrics.protocol(part[0].protocol.partition(":")[0]).alignment != "none"
        for name, group in groups(part).items():
            one = next((each for each in group if each.seed == seed), group[0])
            try:
                found = evaluation.load_predictions(one.folder / "predictions.npz")
            except (OSError, ValueError) as error:
                print(f"{one.label} has no pictures: predictions.npz is damaged or missing ({type(error).__name__})")
                continue
            if common and not common & set(found):
                print(f"{one.label} keeps pictures of other test frames: not shown")
                continue
            common = common & set(found) or set(found)
            label = f"{name}, aligned" if aligned else name
            kept[label if label not in kept else f"{label}, {one.run}"] = found
    ids = [key for key in next(iter(kept.values()), {}) if key in common][::2][:frames]
    if not ids:
        print("no pictures: no test frame is kept by all of these runs")
        return None
    try:
        test = data.open(results[0].dataset, root, "test")
        row = {key: i for i, key in enumerate(test.frames["id"])}
        samples = [test[row[key]] for key in ids]
    except (FileNotFoundError, ValueError, KeyError) as error:
        print(f"no pictures, the data set cannot be opened or holds other frames: {error}")
        return None
    size = tuple(samples[0]["image"].shape[-2:])
    maps = [transforms.resize_depth(one["depth"], one["valid"], size) for one in samples]
    depth, valid = (torch.stack(parts) for parts in zip(*maps, strict=True))
    return {
        "image": torch.stack([transforms.resize_image(one["image"], size) for one in samples]),
        "depth": depth,
        "valid": valid,
        "preds": {name: _stack([each[key] for key in ids]) for name, each in kept.items()},
        "column_titles": [one["scene_type"] for one in samples],
    }


def _stack(preds: list[Tensor]) -> Tensor:
    """[1,h,w] each, of one size as a rule; of a data set with several sizes all at the first one's."""
    size = preds[0].shape[-2:]
    return torch.cat(
        [evaluation.upsample(each[None], size) if each.shape[-2:] != size else each[None] for each in preds]
    )


def published_rows(dataset: str, protocol: str = "") -> pd.DataFrame:
    """Published numbers on the data sets that are most like `dataset`, one row a method and table; no training errors.

    protocol: of results on it, as they print it; it tells an indoor folder from one outdoors.
    Columns: method, dataset, split, protocol, source, and those of `metrics.NAMES` that anybody printed. They were measured
    on other frames than ours: good for the order of magnitude, never for a ranking. Their oddities stand in published.csv.
    """
    rows = published.load()
    like = COUNTERPARTS.get(re.split("[/:]", protocol)[0], COUNTERPARTS.get(dataset, (dataset,)))
    rows = rows[rows["dataset"].isin(like) & rows["metric"].isin(metrics.NAMES)]
    rows = rows[rows["split"] != "train"]
    keys = ["document", "table", "method", "dataset", "split", "protocol"]
    wide = rows.groupby([*keys, "metric"], sort=False)["value"].first().unstack("metric", sort=False).reset_index()
    wide["source"] = wide["document"].map(lambda d: "" if d == "paper" else f"document {d}, table ") + wide["table"]
    wide.columns.name = None
    return wide[["method", "dataset", "split", "protocol", "source", *(n for n in metrics.NAMES if n in wide)]]


def against_documents(results: Sequence[Result], metric: str = "abs_rel") -> pd.DataFrame:
    """What the documents say about methods beside each other, and our own claim, checked on these results.

    Columns as in `depthnb.evidence`. A claim that needs a method without a result is `not tested here`. A method leads or not
    where its range over seeds does not overlap that of the best other one; with one seed it may only be behind, by 5 %.
    Raises ValueError as `measured`.
    """
    rows = [
        _leads(results, metric, "03_eigen", "003 (5): the multi-scale network may outperform other network designs"),
        _leads(results, metric, "05_densenet", "002: transfer from ImageNet outperforms other methods"),
        _leads(results, metric, "06_hma", f"004 (3): HMA-Depth outperforms other methods, here in {metric}"),
    ]
    frame = table(results)
    ours = frame[frame["kind"] == "ours"]
    bad = ours[ours["beats_baselines"] != "yes"]
    here = (
        ", ".join(f"{row.method}: {row.beats_baselines.removeprefix('no: ')}" for row in bad.itertuples())
        or f"all {len(ours)} do"
    )
    unknown = len(ours) and (bad["beats_baselines"] == "unknown").all() and len(bad)
    text = "(ours) every method beats both constant opponents in abs_rel, rmse and delta1"
    rows.append(row(text, here, None if unknown else bad.empty))
    return pd.DataFrame(rows)


def _leads(results: Sequence[Result], metric: str, notebook: str, claim: str) -> dict[str, str]:
    parts = groups(results)
    rivals = {part[0].notebook for part in parts.values()}
    if notebook not in rivals or len(rivals) < 2:
        missing = (
            f"a finished run of {METHODS[notebook]}" if notebook not in rivals else "a second method to compare with"
        )
        return row(claim, f"needs {missing} under this protocol", None)
    lower = metrics.BETTER[metric] == "lower"
    spans = {name: span(part, metric) for name, part in parts.items()}
    ranked = sorted(
        (name for name in spans if np.isfinite(spans[name]["mean"])), key=lambda n: spans[n]["mean"], reverse=not lower
    )
    own = [name for name in ranked if parts[name][0].notebook == notebook]
    if notebook == TRANSFER:  # with what the claim is about before without
        own.sort(key=lambda name: not parts[name][0].taught)
    others = [name for name in ranked if parts[name][0].notebook != notebook]
    if not own or not others:
        return row(claim, f"no two methods have {metric} under this protocol", None)
    first, best = parts[own[0]][0], others[0]
    ours, rival = spans[own[0]], spans[best]
    better, counts = (ours["mean"] < rival["mean"]) == lower, apart(ours, rival)
    here = f"{metric} {ours['mean']:.3f}, the best other is {best} with {rival['mean']:.3f} (seeds: {SEEDS[counts]})"
    if notebook == TRANSFER and not first.taught:
        return row(claim, f"{here}; nothing was transferred: {first.origin or 'random weights'}", None)
    if counts is None:  # by one training each a method may be behind, but not ahead
        counts = not better and more(ours["mean"], rival["mean"]) in (True, False)
    return row(claim, here, better if counts else UNDECIDED)


_PRICE = ("error", "parameters", "time")  # what `worth` weighs


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
        low, high = bootstrap(gain, pair.loc[gain.index, "scene"])
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
    for line in frame.itertuples():
        rooms = "would remain" if line.low > 0 else "could vanish or turn round"
        said.append(
            f"{line.better} is ahead of {line.worse} by {line.difference:.3f} in {metric}, better on {line.frames_won:.0%} of "
            f"the test frames; in other scenes of this kind it {rooms} (95 %: {line.low:+.3f} to {line.high:+.3f}); "
            f"{seeds[line.seeds]}."
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
    for line in ours.to_dict("records"):
        price = np.array([sign * line[metric], line["parameters"], line["seconds"]])
        hardly = HARDLY / 100 * abs(price)
        for other in ours[ours["device"] == line["device"]].to_dict("records"):
            rival = np.array([sign * other[metric], other["parameters"], other["seconds"]])
            ahead = [what for what, much in zip(_PRICE, rival < price - hardly, strict=True) if much]
            if ahead and (rival <= price + hardly * (0, 0, 1)).all():
                said.append(
                    f"{line['method']} is not worth its price: {other['method']} is no worse, no larger, no slower by more "
                    f"than {HARDLY:g} %, and ahead by more than that in {', '.join(ahead)}."
                )
                break
    if not said:
        said = [
            "Every method is worth its price to somebody: none is beaten in error, parameters and time at once, "
            f"and in one of them by more than {HARDLY:g} %."
        ]
    return said
