"""Results beside what they are judged by: the data set's frames, the constant opponents, the published numbers, claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb import data, evaluation, metrics, runs
from depthnb.data import transforms
from depthnb.evidence import (
    FAILS,
    HIGHER,
    HOLDS,
    LOWER,
    SAME,
    UNDECIDED,
    UNTESTED,
    Claim,
    Effect,
    fact,
    untested,
)
from depthnb.evidence.scenes import bootstrap
from depthnb.evidence.seeds import MARGIN
from depthnb.evidence.trainings import BASE, doubles, line_runs, precision
from depthnb.evidence.verdicts import FINDING, MATTERS, confirmed, holm, verdict
from depthnb.metrics import surfaces
from depthnb.report.results import METHODS, SCORED, Result, comparable, groups, measured
from depthnb.report.tables import images, table

TRANSFER = "05_densenet"  # whose claim is about ImageNet weights
EQUAL = "base-equal"  # the line of evidence.txt that gives every method the same steps and images
_SIZE = (60, 80)  # (H, W) at which the mean image is made where a run does not say


def in_print(printed: pd.DataFrame, metric: str) -> str:
    """The metric, or delta1 where published rows have that one alone.

    Args:
        printed: from `evidence.published.like`.

    >>> in_print(pd.DataFrame({"method": ["MiDaS"], "delta1": [0.9]}), "abs_rel")
    'delta1'
    """
    told = [name for name in (metric, "delta1") if name in printed and printed[name].notna().any()]
    return next(iter(told), metric)


def opponents(results: Sequence[Result], *, root: str = "") -> dict[str, evaluation.Evaluation]:
    """The two constant opponents with their errors by distance and by frame, which run folders do not hold.

    Made from the data set with all its training frames at the size of the first result.

    Returns:
        Name -> Evaluation, as `evaluation.baselines` gives them. Empty, with a line that says why, where the data are not here
        or the protocol aligns predictions (then each image has its own best constant).

    Raises:
        ValueError: as `measured`.
    """
    measured(results)
    first = results[0]
    rule = first.protocol
    if rule.alignment != "none":
        print(f"no opponents by distance: protocol {rule.name} aligns every prediction")
        return {}
    size = tuple(
        int(first.params.get(side) or default) for side, default in zip(("height", "width"), _SIZE, strict=True)
    )
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

    Of the frames that every run folder keeps (evaluation.KEPT, always the same) every second, at most `frames`. Of each group
    the run with `seed`, else its first. Results of several protocols may be shown beside each other, though not ranked: where a
    protocol aligns predictions with the truth, the method's name says so. A method whose predictions.npz is missing or damaged,
    or holds none of the frames that the others keep, is left out and named.

    Returns:
        image, depth, valid (native size), preds (method -> [B,1,h,w] metres) and column_titles (scene types); None, with a line
        that says why, where the data are not here.

    Raises:
        ValueError: for results of several data sets.
    """
    if not results:
        print("no pictures: no finished run")
        return None
    if len({each.dataset for each in results}) > 1:
        measured(results)  # raises, with the names
    kept, common = _kept(results, seed)
    chosen = common[::2][:frames]
    samples = _samples(results[0].dataset, root, chosen)
    if not samples:
        return None
    size = tuple(samples[0]["image"].shape[-2:])
    return {
        **transforms.stacked(samples, size),
        "preds": {name: _stack([preds[key] for key in chosen]) for name, (_, preds) in kept.items()},
        "column_titles": [one["scene_type"].replace("_", " ") for one in samples],
    }


def walls(results: Sequence[Result], *, seed: int = 0, root: str = "") -> pd.DataFrame:
    """How bumpy each method's flat surfaces are, on the frames that every run folder keeps, beside the edges it finds.

    Returns:
        One row a method, one of the truth itself, and one of the truth with the 8 binary digits that run folders keep of a
        prediction: differences below that row mean nothing. method; plane residual, per mille of the distance (median over the
        frames of `metrics.surfaces.plane_residual`); edge_f1_025 and abs_rel of the same run on all test frames. Empty, with a
        line that says why, as `pictures`.
    """
    kept, common = _kept(results, seed)
    samples = _samples(results[0].dataset, root, common) if results else []
    rows = []
    for name, (run, preds) in kept.items() if samples else ():
        own = [_residual(preds[one["id"]], one, run.protocol) for one in samples]
        numbers = {key: run.metrics.get(key, np.nan) for key in ("edge_f1_025", "abs_rel")}
        rows.append({"method": name, "plane residual": _median(own), **numbers})
    if rows:
        for label, rounded in (("the truth", False), ("the truth, rounded as predictions are kept", True)):
            maps = [one["depth"].to(torch.bfloat16).float() if rounded else one["depth"] for one in samples]
            own = [_residual(each, one, results[0].protocol) for each, one in zip(maps, samples, strict=True)]
            rows.append({"method": label, "plane residual": _median(own), "edge_f1_025": np.nan, "abs_rel": np.nan})
    frame = pd.DataFrame(rows, columns=["method", "plane residual", "edge_f1_025", "abs_rel"])
    return frame.sort_values("plane residual", kind="stable", ignore_index=True)


def _residual(pred: Tensor, sample: Mapping, rule: metrics.Protocol) -> float:
    frame = {key: sample[key][None] for key in ("depth", "valid", "intrinsics")}
    large = evaluation.upsample(pred[None], tuple(sample["depth"].shape[-2:]))
    return 1000 * float(surfaces.plane_residual(pred=large, **frame, protocol=rule))


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")


def _kept(results: Sequence[Result], seed: int) -> tuple[dict[str, tuple[Result, dict[str, Tensor]]], list[str]]:
    """Of each method the run with `seed`, else its first, and what it keeps, id -> metres; and the ids that all have."""
    kept: dict[str, tuple[Result, dict[str, Tensor]]] = {}
    common: set[str] = set()
    for part in comparable(results).values():  # the part with most methods first: what it keeps is shown
        aligned = part[0].protocol.alignment != "none"
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
            kept[label if label not in kept else f"{label}, {one.run}"] = (one, found)
    _, first = next(iter(kept.values()), (None, {}))
    return kept, [key for key in first if key in common]


def _samples(dataset: str, root: str, ids: Sequence[str]) -> list[dict]:
    """These test frames at their native size; none, with a line that says why, where they are not here."""
    if not ids:
        print("no pictures: no test frame is kept by all of these runs")
        return []
    try:
        test = data.open(dataset, root, "test")
        row = {key: i for i, key in enumerate(test.frames["id"])}
        return [test[row[key]] for key in ids]
    except (FileNotFoundError, ValueError, KeyError) as error:
        print(f"no pictures, the data set cannot be opened or holds other frames: {error}")
        return []


def equal_budget(dataset: str) -> pd.DataFrame:
    """The methods trained for the same number of steps on images of one size (line `EQUAL` of evidence.txt), best first.

    A notebook whose full run has these steps and this size already needs no such line.

    Returns:
        One row a method: method, seeds, steps, image (width x height), precision, seconds; abs_rel, delta1 and edge_f1_025 as
        means over seeds, abs_rel_std where a method has several; and full run, the mean abs_rel of its full runs. Empty without
        a run of that line.
    """
    equal = {notebook: line_runs(notebook, dataset, EQUAL) for notebook in METHODS}
    budgets = {_budget(runs[0]) for runs in equal.values() if runs}
    rows = []
    for notebook, own in equal.items():
        full = line_runs(notebook, dataset, BASE)
        runs = own or [record for record in full if _budget(record) in budgets]
        if runs:
            scores = pd.DataFrame([run["metrics"]["test"] for run in runs])
            steps, image = _budget(runs[0])
            row = {"method": METHODS[notebook], "seeds": len(runs), "steps": steps, "image": image}
            row |= {"precision": precision(runs[0]), "seconds": np.mean([run["training_seconds"] for run in runs])}
            row |= {name: scores[name].mean() for name in ("abs_rel", "delta1", "edge_f1_025")}
            row["abs_rel_std"] = scores["abs_rel"].std(ddof=1)
            errors = [run["metrics"]["test"]["abs_rel"] for run in full]
            rows.append(row | {"full run": np.mean(errors) if errors else np.nan})
    columns = ["method", "seeds", "steps", "image", "precision", "seconds"]
    columns += ["abs_rel", "abs_rel_std", "delta1", "edge_f1_025", "full run"]
    table = pd.DataFrame(rows, columns=columns).sort_values("abs_rel", kind="stable", ignore_index=True)
    return table if (table["seeds"] > 1).any() else table.drop(columns="abs_rel_std")


def _budget(record: Mapping) -> tuple[int | None, str]:
    """Steps and image (width x height) of a run."""
    size = record.get("size")
    return record.get("steps"), f"{size[1]} x {size[0]}" if size else ""


def _stack(preds: list[Tensor]) -> Tensor:
    """[1,h,w] each, of one size as a rule; of a data set with several sizes all at the first one's."""
    size = preds[0].shape[-2:]
    return torch.cat(
        [evaluation.upsample(each[None], size) if each.shape[-2:] != size else each[None] for each in preds]
    )


def claims(results: Sequence[Result], metric: str = "abs_rel") -> list[Claim]:
    """What the five documents say about methods beside each other, and that all methods beat the constant opponents.

    A method is compared with the best other one over the seeds that both have.

    Raises:
        ValueError: as `measured`.
    """
    rows = [
        _leads(
            results, metric, "03_eigen", "Lacelle and Nofal (5): the multi-scale network may outperform other designs"
        ),
        _leads(
            results,
            metric,
            "05_densenet",
            "Constantinescu et al. (Introduction): transfer from ImageNet outperforms other methods",
        ),
        _leads(
            results,
            metric,
            "06_hma",
            f"Niu (3): HMA-Depth outperforms other methods in all metrics but RMSE, here in {metric}",
        ),
    ]
    frame = table(results)
    ours = frame[frame["kind"] == "ours"]
    bad = ours[ours["beats_baselines"] != "yes"]
    text = f"every method beats both constant opponents in abs_rel, rmse and delta1, by {MATTERS:g} % or more"
    if len(ours) and len(bad) and (bad["beats_baselines"] == "unknown").all():
        return [*rows, untested(text, "the runs do not say what the opponents score")]
    here = ", ".join(f"{line.method}: {line.beats_baselines.removeprefix('no: ')}" for line in bad.itertuples())
    return [*rows, fact(text, here or f"all {len(ours)} do", bad.empty)]


def _leads(results: Sequence[Result], metric: str, notebook: str, claim: str) -> Claim:
    parts = groups(results)
    rivals = {part[0].notebook for part in parts.values()}
    if notebook not in rivals or len(rivals) < 2:
        missing = f"a run of {METHODS[notebook]}" if notebook not in rivals else "a second method to compare with"
        return untested(claim, f"needs {missing} under this protocol")
    lower = metrics.BETTER[metric] == "lower"
    values = {name: _by_seed(part, metric) for name, part in parts.items()}
    means = {name: float(np.mean(list(each.values()))) for name, each in values.items() if each}
    ranked = sorted(means, key=means.get, reverse=not lower)
    own = [name for name in ranked if parts[name][0].notebook == notebook]
    if notebook == TRANSFER:  # with what the claim is about before without
        own.sort(key=lambda name: not parts[name][0].taught)
    others = [name for name in ranked if parts[name][0].notebook != notebook]
    if not own or not others:
        return untested(claim, f"no two methods have {metric} under this protocol")
    here = f"{metric} {means[own[0]]:.3f}, the best other is {others[0]} with {means[others[0]]:.3f}"
    if notebook == TRANSFER and not parts[own[0]][0].taught:
        return untested(claim, f"{here}; nothing was transferred: {parts[own[0]][0].origin.detail or 'random weights'}")
    effect = Effect.of(values[others[0]], values[own[0]])
    if effect.pairs < 2:
        return untested(claim, f"{here}; they share {effect.pairs} seed(s), it takes two")
    if not any(_has_learnt(parts[name]) for name in (own[0], others[0])):
        return untested(claim, f"{here}; under-trained: neither beats the mean image by {MARGIN:g} %")
    twice = _twice(*(_longer(parts[name], metric) for name in (others[0], own[0])))
    return Claim(claim, here, effect=effect, direction=LOWER if lower else HIGHER, twice=twice)


def _longer(part: Sequence[Result], metric: str) -> dict[int, float] | None:
    """The number of a method after twice as many epochs, by seed; None where it trains none."""
    if not part[0].params.get("epochs"):
        return None
    records = runs.finished(part[0].notebook)
    first = next((record for record in records if record["folder"] == part[0].folder), None)
    if first is None:  # another process has replaced it meanwhile
        return {}
    found = {record["seed"]: record["metrics"][SCORED].get(metric) for record in records if doubles(record, first)}
    return {seed: value for seed, value in found.items() if value is not None}


def _twice(before: dict[int, float] | None, after: dict[int, float] | None) -> Effect | None:
    return None if before is None or after is None else Effect.of(before, after)


def _has_learnt(part: Sequence[Result]) -> bool:
    """Whether runs of one method beat the mean image by `MARGIN` on average; also where nobody knows what that scores."""
    ours = np.mean([each.metrics["abs_rel"] for each in part])
    blank = [each.baselines["mean_image"]["abs_rel"] for each in part if "mean_image" in each.baselines]
    return not blank or bool(ours <= (1 - MARGIN / 100) * np.mean(blank))


def _by_seed(part: Sequence[Result], metric: str) -> dict[int, float]:
    return {each.seed: each.metrics[metric] for each in part if np.isfinite(each.metrics.get(metric, np.nan))}


def differences(results: Sequence[Result], metric: str = "abs_rel") -> pd.DataFrame:
    """Each method against each that ranks behind it: how much, and is it more than luck?

    There are two kinds of luck: another seed, and other rooms.

    Returns:
        One row a pair in the order of the ranking, none for fewer than two methods. Of another seed speak `change (%)`, the
        effect from the worse to the better over the seeds that both have, with `low` and `high` of its 95 % interval,
        `p (Holm)` over these rows, the `verdict` (see `evidence.verdicts`), and the `reason` why nothing is tested. Of other
        rooms speak `rooms low` and `rooms high`, which enclose 95 % of the mean difference, in units of the metric, when the
        test scenes are drawn again with replacement. `frames_won`: share of the test frames on which the better method is
        better; ties count half. `next`: whether the two stand next to each other in the ranking.

    Raises:
        ValueError: as `measured`.
    """
    columns = ["better", "worse", "change (%)", "low", "high", "p (Holm)", "seeds", "verdict", "reason"]
    columns += ["rooms low", "rooms high", "frames_won", "next"]
    lower = metrics.BETTER[metric] == "lower"
    parts, frames = groups(results), images(results)
    values = {name: _by_seed(part, metric) for name, part in parts.items()}
    means = {name: float(np.mean(list(each.values()))) for name, each in values.items() if each}
    ranked = sorted(means, key=means.get, reverse=not lower)
    pairs = list(combinations(ranked, 2))
    effects = [Effect.of(values[worse], values[better]) for better, worse in pairs]
    adjusted = holm([each.p for each in effects])
    longer = {name: _longer(parts[name], metric) for name in ranked}
    rows, neighbours = [], set(pairwise(ranked))
    for (better, worse), effect, p in zip(pairs, effects, adjusted, strict=True):
        pair = frames[better].merge(frames[worse], on=["id", "scene"], suffixes=("", "_worse"))
        gain = ((pair[f"{metric}_worse"] - pair[metric]) * (1 if lower else -1)).dropna()
        rooms = bootstrap(gain, pair.loc[gain.index, "scene"])
        low, high = effect.interval() if effect.pairs > 1 else (np.nan, np.nan)
        decided, reason = UNTESTED, ""
        if effect.pairs < 2:
            reason = f"They share {effect.pairs} seed(s), so how much another seed would change is not known."
        elif not any(_has_learnt(parts[name]) for name in (better, worse)):
            reason = f"Neither beats the mean image by {MARGIN:g} %, so nothing is decided."
        else:
            decided = verdict(effect, LOWER if lower else HIGHER, p)
            decided, after = confirmed(decided, effect, _twice(longer[worse], longer[better]))
            reason = f"Nothing is decided{after}." if decided == UNTESTED else ""
        won = float((gain > 0).mean() + 0.5 * (gain == 0).mean())
        rows.append(
            [
                better,
                worse,
                effect.change,
                low,
                high,
                p,
                effect.pairs,
                decided,
                reason,
                *rooms,
                won,
                (better, worse) in neighbours,
            ]
        )
    return pd.DataFrame(rows, columns=columns)


def sentences(frame: pd.DataFrame, metric: str = "abs_rel") -> list[str]:
    """What `differences` found of neighbours in the ranking, one short paragraph a pair."""
    if frame.empty:
        return ["One method alone: it has only the constant opponents to be compared with."]
    lines = []
    for line in frame[frame["next"]].to_dict("records"):
        change = f"{line['change (%)']:+z.1f} %"
        if line["verdict"] == UNTESTED:
            start = f"{line['better']} stands before {line['worse']} in {metric}. {line['reason']}"
        else:
            interval = f"{change} [{line['low']:+z.1f}, {line['high']:+z.1f}] over {line['seeds']} seeds"
            words = {HOLDS: "is better than", FAILS: "is worse than", SAME: "and"}
            words[UNDECIDED] = "is ahead of"
            start = f"{line['better']} {words[line['verdict']]} {line['worse']} in {metric}: {interval}"
            few = f"a decision takes {FINDING} seeds" if line["seeds"] < FINDING else f"p {line['p (Holm)']:.2g} (Holm)"
            ends = {SAME: ", no difference that matters.", UNDECIDED: f", undecided ({few})."}
            start += ends.get(line["verdict"], ".")
        rooms = (
            f"It has the better {metric} on {line['frames_won']:.0%} of the test frames; in other rooms the difference "
        )
        lines.append(
            f"{start} {rooms}would be {line['rooms low']:+z.3f} to {line['rooms high']:+z.3f} in {metric} (95 %)."
        )
    return lines


def spread_of_seconds(results: Sequence[Result]) -> float:
    """The largest ratio between the training times of two runs that differ in their seed alone; NaN where no two do.

    Equal work takes unequal time on a machine that does other things too. This is how unequal it was here.
    """
    ratios = []
    for part in groups(results).values():
        seconds = [each.seconds for each in part if np.isfinite(each.seconds)]
        if len(seconds) > 1:
            ratios.append(max(seconds) / min(seconds))
    return max(ratios, default=float("nan"))


def worth(results: Sequence[Result], metric: str = "abs_rel") -> list[str]:
    """A sentence on each method that another one makes pointless.

    Another does if its error is no more than 2 % higher, it has no more parameters and takes no more time on the same device,
    and in one of the three it is better for certain. Times differ for certain when their ratio is larger than that of two
    runs of equal work (`spread_of_seconds`); where that is not known, time decides nothing.
    """
    frame = table(results)
    ours = frame[frame["kind"] == "ours"].to_dict("records")
    if len(ours) < 2:
        return ["One method alone has no price to be compared with."]
    sign = 1 if metrics.BETTER[metric] == "lower" else -1
    least, noise = 1 + MATTERS / 100, spread_of_seconds(results)
    noise = noise if np.isfinite(noise) else np.inf

    def ahead(rival: dict, line: dict) -> list[str]:
        error = (rival[metric] / line[metric]) ** sign
        ratios = {"error": (error, least), "parameters": (rival["parameters"] / line["parameters"], 1.0)}
        ratios["time"] = (rival["seconds"] / line["seconds"], noise)
        if any(ratio > tie for ratio, tie in ratios.values()):
            return []
        return [name for name, (ratio, tie) in ratios.items() if ratio < 1 / tie]

    lines = []
    for line in ours:
        rivals = [rival for rival in ours if rival["device"] == line["device"] and rival is not line]
        better = next(((rival["method"], ahead(rival, line)) for rival in rivals if ahead(rival, line)), None)
        if better:
            rival, names = better
            lines.append(
                f"{line['method']} is not worth its price: {rival} has no larger error, and is better in {', '.join(names)}."
            )
    limit = "No method has two runs, so the spread of training times is not known and time decides nothing."
    if np.isfinite(noise):
        limit = f"Times count as equal up to a factor of {noise:.2f}, the spread of equal work here."
    return [*(lines or ["No method is beaten in error, parameters and time at once."]), limit]
