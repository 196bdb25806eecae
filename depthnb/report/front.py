"""What the report says first: what was asked and what came out, one picture of it, where it fails, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.figure
import numpy as np
import pandas as pd
import torch

from depthnb import data, evaluation, plotting
from depthnb.evidence.verdicts import clearly_better
from depthnb.report import places, tables
from depthnb.report.boards import METRIC, Board
from depthnb.report.images import Picture, of_figure, of_pixels
from depthnb.report.words import BASELINES, duration

PICTURES = 3  # photographs with a slider
VERDICTS = ("holds", "does not hold", "no difference that matters", "undecided", "in print", "not tested here")


@dataclass(frozen=True)
class Pair:
    """A photograph, what the best method makes of it, and the truth."""

    title: str
    photo: Picture
    depth: Picture
    truth: Picture


@dataclass(frozen=True)
class Shown:
    """Pairs of one method, and the ends of their colours in metres."""

    method: str
    pairs: tuple[Pair, ...]
    near: float
    far: float
    colours: tuple[str, ...]  # of the bar, from near to far


def sentences(found: Sequence[Board], records: Sequence[Mapping], findings: Mapping[str, int]) -> list[str]:
    """What was asked and what came out, in at most five sentences.

    Args:
        found: the leaderboards, the most important first.
        records: run.json of finished runs.
        findings: verdict -> how many.
    """
    main = next((board for board in found if board.ours), None)
    said = [*_asked(main, records), *_best(main), *_opponents(main), *_price(main)] if main else []
    total = sum(findings.values())
    if total:
        parts = [f"{findings[name]} {_WORDS[name]}" for name in VERDICTS if findings.get(name)]
        said.append(f"Of {total} claims of the documents and of ours, {', '.join(parts)}.")
    return said


_WORDS = {
    "holds": "hold",
    "does not hold": "do not hold",
    "no difference that matters": "make no difference that matters",
    "undecided": "are undecided",
    "in print": "compare printed numbers",
    "not tested here": "are not tested here",
}


def _asked(board: Board, records: Sequence[Mapping]) -> list[str]:
    first, folders = board.results[0], {one.folder for one in board.results}
    seen = {(one.get("split_counts") or {}).get("train") for one in records if one["folder"] in folders} - {None, 0}
    frames, scenes = len(first.per_image), first.per_image["scene"].nunique()
    counts = " to ".join(f"{count:,}" for count in sorted({min(seen), max(seen)})) if seen else ""
    taught = f"learnt depth from {counts} photographs" if seen else "learnt depth"
    methods = len(board.ours)
    return [
        f"{methods} {'methods' if methods > 1 else 'method'} {taught} and {'were' if methods > 1 else 'was'} asked about "
        f"{frames} others, of {scenes} scenes that {'none of them' if methods > 1 else 'it'} had seen ({first.dataset})."
    ]


def _best(board: Board) -> list[str]:
    best, *others = board.ours
    value = best.cells[0].value
    said = f"{best.name} comes closest: its depth is {_percent(value)} off on average"
    if best.low is not None and best.bar:
        low, high = (_percent(value * end / best.bar) for end in (best.low, best.high))
        said += f" (95 % interval over scenes: {low} to {high})"
    return [f"{said}; {others[0].name} follows with {_percent(others[0].cells[0].value)}." if others else f"{said}."]


def _opponents(board: Board) -> list[str]:
    blank = next((row.cells[0].value for row in board.rows if row.name == BASELINES["mean_image"]), None)
    if blank is None:
        return []
    lost = [row.name for row in board.ours if not clearly_better(row.cells[0].value, blank, METRIC)]
    beaten = "Every method has a mean error at least 2 % lower" if not lost else f"Not 2 % lower: {', '.join(lost)}"
    return [
        f"The mean of all training depth maps, which never looks at the photograph, is {_percent(blank)} off. {beaten}."
    ]


def _price(board: Board) -> list[str]:
    frame = tables.table(board.results)
    known = frame[(frame["kind"] == "ours") & frame["seconds"].notna()]
    if len(known) < 2:
        return []
    short, best = known.loc[known["seconds"].idxmin()], known.loc[known[METRIC].idxmin()]
    if short["method"] == best["method"]:
        return [f"It also has the shortest training, {duration(best['seconds'])}."]
    where = f", both on {best['device']}" if best["device"] == short["device"] else ""
    return [
        f"{best['method']} was trained for {duration(best['seconds'])}; the shortest training, {short['method']} with "
        f"{_percent(short[METRIC])}, took {duration(short['seconds'])}{where}."
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def shown(found: Sequence[Board]) -> Shown | None:
    """Photographs of the first board whose data are here, with the depth of its best method; None where none are.

    Of the frames that every run keeps those at equal distances in the method's own ranking, so that nobody picks.
    """
    for board in found:
        for one in sorted(board.results, key=lambda each: (each.metrics.get(METRIC, np.inf), each.label)):
            try:
                kept = evaluation.load_predictions(one.folder / "predictions.npz")
                test = data.open(one.dataset, None, "test")
                return _drawn(one, kept, test)
            except (OSError, ValueError, KeyError):  # of most seeds no pictures are kept, and data may be elsewhere
                continue
    return None


def _drawn(one, kept: Mapping[str, torch.Tensor], test: data.Dataset) -> Shown:
    order = one.per_image.dropna(subset=[METRIC]).sort_values(METRIC, kind="stable")
    order = order[order["id"].isin(kept)].reset_index(drop=True)
    count = min(PICTURES, len(order))
    chosen = order.loc[[int((number + 0.5) / count * len(order)) for number in range(count)]]
    place = {name: index for index, name in enumerate(test.frames["id"])}
    native = test.native()
    frames = [native[place[name]] for name in chosen["id"]]
    depths = [evaluation.upsample(kept[f["id"]][None], tuple(f["depth"].shape[-2:]))[0] for f in frames]
    truth = np.concatenate([frame["depth"][frame["valid"]].numpy() for frame in frames])
    limits = (float(np.quantile(truth, 0.01)), float(np.quantile(truth, 0.99)))
    pairs = []
    for line, frame, depth in zip(chosen.to_dict("records"), frames, depths, strict=True):
        scene = str(line["scene_type"]).replace("_", " ")
        image = frame["image"].permute(1, 2, 0).numpy()
        pairs.append(
            Pair(
                f"{scene}: {100 * line[METRIC]:.0f} % off",
                of_pixels(image, f"photograph: {scene}"),
                of_pixels(plotting.depth_colours(depth, limits=limits)[0], f"depth by {one.method}: {scene}"),
                of_pixels(_true_colours(frame, limits), f"true depth: {scene}; grey where it is unknown"),
            )
        )
    ramp = plotting.depth_colours(np.linspace(*limits, 9, dtype=np.float32).reshape(1, 1, 9), limits=limits)[0][0]
    return Shown(one.method, tuple(pairs), *limits, tuple(f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in 255 * ramp))


def _true_colours(frame: Mapping[str, torch.Tensor], limits: tuple[float, float]) -> np.ndarray:
    valid = frame["valid"][0].numpy()
    depth = torch.where(frame["valid"], frame["depth"], torch.tensor(limits[0]))
    colours = plotting.depth_colours(depth, limits=limits)[0].copy()
    colours[~valid] = 0.72  # the grey of every figure
    return colours


def figures(found: Sequence[Board]) -> list[tuple[str, str, Picture]]:
    """Cost, and where the methods of the first board with two fail: (heading, what it shows, picture)."""
    board = next((board for board in found if len(board.ours) > 1), None)
    if board is None:
        return []
    ours = tables.table(board.results).query("kind == 'ours'")
    drawn: list[tuple[str, str, matplotlib.figure.Figure]] = []
    if (ours["seconds"] > 0).any():
        text = "Each method's error against its number of weights and the time of its training."
        drawn.append(("Error against cost", text, plotting.error_vs_cost(ours, metric=METRIC)))
    bands = tables.bands(board.results)
    text = "Error in each band of true distance; below it the share of the pixels that lie there."
    drawn.append(("Where it fails: distance", text, plotting.by_distance(bands, metric=METRIC)))
    text = "Median over the test frames of each kind of scene; the lines reach from the first to the third quartile."
    drawn.append(("Where it fails: scene", text, plotting.by_scene_type(tables.images(board.results), metric=METRIC)))
    parts = places.table(board.results)
    if len(parts):
        counts = sorted(set(parts["frames"]))
        drawn.append(
            (
                "Where it fails: part of the picture",
                f"Error in the middle (half the width and height), at the border (an eighth of each side), at edges (the true "
                f"depth differs by a quarter within three pixels) and elsewhere. From the {' to '.join(map(str, counts))} "
                "frames whose predictions a run keeps.",
                plotting.by_place(parts.drop(columns="frames"), metric=METRIC),
            )
        )
    return [
        (heading, f"{text} Test frames of {board.results[0].dataset}.", of_figure(each))
        for heading, text, each in drawn
    ]


def changed(table: pd.DataFrame) -> list[tuple[str, str, Picture]]:
    """What a change of the room, the camera or the picture does: (heading, what it shows, picture), of what the table holds.

    Args:
        table: robustness.csv of a comparison. Raises ValueError for one that cannot be drawn.
    """
    drawn = []
    if ((table["strength"] == 0) & (table["change"] != "base")).any():
        drawn.append(("Another room or camera", plotting.changes(table)))
    if (table["strength"] > 0).any():
        drawn.append(("A worse picture", plotting.corrupted(table)))
    text = "Each net's error beside its own on the unchanged photographs; the lines are 95 % intervals over the rooms."
    return [(heading, text, of_figure(each)) for heading, each in drawn]


def findings(claims: Mapping[str, pd.DataFrame]) -> dict[str, list[tuple[str, str, str]]]:
    """Verdict -> (notebook, claim, what was found here), in the order of `VERDICTS`.

    Args:
        claims: notebook -> its table of claims, with the columns claim, here and verdict.
    """
    parts: dict[str, list[tuple[str, str, str]]] = {}
    for notebook, table in claims.items():
        if {"claim", "here", "verdict"} <= set(table.columns):
            for line in table.astype(object).fillna("").astype(str).to_dict("records"):
                parts.setdefault(line["verdict"], []).append((notebook, line["claim"], line["here"]))
    return {name: parts[name] for name in (*VERDICTS, *sorted(set(parts) - set(VERDICTS))) if name in parts}


def counted(parts: Mapping[str, Sequence]) -> Counter:
    """Verdict -> how many claims have it."""
    return Counter({name: len(rows) for name, rows in parts.items()})
