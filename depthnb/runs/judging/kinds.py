"""What the numbers of a depth map may be, how they become metres, and whether the truth contradicts what is said of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb import evaluation

# what the numbers in a file are -> whether they rise with depth, and how they are aligned with the truth
KINDS = {
    "metric": (True, "none"),
    "inverse": (False, "none"),
    "disparity": (False, "none"),
    "affine-depth": (True, "scale-shift"),
    "affine-inverse": (False, evaluation.ALIGNED),
}
_CONTRADICTION = -0.3  # median rank correlation with what the kind promises, at or below which it is another kind
_LOOKED = 32  # frames at most
_SAMPLES = 4000  # pixels of each


def check(kind: str, scale: float) -> None:
    """ValueError for a kind that is none, and for a scale that is no number above 0."""
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    if not 0 < scale < float("inf"):
        raise ValueError(f"scale is {scale:g}; expected a number above 0")
    if KINDS[kind][1] != "none" and scale != 1:
        raise ValueError(
            f"scale is {scale:g}, but depth of kind {kind} is scaled to each image's truth; leave the scale out"
        )


def as_depth(stored: np.ndarray, kind: str, scale: float, most: float) -> Tensor:
    """[1,H,W] float32 as `evaluation.evaluate` takes it: metres, or what is aligned first.

    Inverse depth and disparity of 0 or less are the horizon (most metres); where they are infinite, nothing is known (0 m).
    """
    stored = stored.astype(np.float32)
    if kind in ("inverse", "disparity"):
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = 1 / (stored * scale) if kind == "inverse" else scale / stored
        stored = np.where(stored > 0, np.minimum(depth, most), np.where(np.isnan(stored), np.nan, most))
    elif kind == "metric":
        stored = stored * scale
    return torch.from_numpy(np.ascontiguousarray(stored, dtype=np.float32))[None]


def refuse_unusable(pred: Tensor, frame: Mapping) -> None:
    """ValueError for a map [1,h,w] that lies on its side beside its frame, or has no number where the truth is known."""
    (high, wide), (height, width) = pred.shape[-2:], frame["depth"].shape[-2:]
    shape, turned = math.log(width / height), math.log(high / wide)
    if abs(shape) > 0.1 and abs(turned - shape) < 0.05:
        raise ValueError(
            f"the map of frame {frame['id']!r} has {wide} x {high} pixels and the frame {width} x {height}: it lies on its "
            "side; exchange its rows and columns, or turn it, as it was turned before"
        )
    if (high, wide) == (height, width):
        wrong = int((frame["valid"] & ~torch.isfinite(pred)).sum())
        if wrong:
            raise ValueError(
                f"the map of frame {frame['id']!r} is NaN or infinite at {wrong} of {int(frame['valid'].sum())} pixels with a "
                "truth; expected a number at every pixel"
            )


def doubts(preds: Sequence[Tensor], test, kind: str, rises: bool, scale: float) -> list[str]:
    """Whether the truth contradicts the kind: ValueError where it does, sentences where it may.

    Args:
        rises: whether the predictions, as they are scored, are to rise with depth.
    """
    metric, native = KINDS[kind][1] == "none", test.native()
    orders, ratios, holes = [], [], []
    for i in np.unique(np.linspace(0, len(test) - 1, min(_LOOKED, len(test))).astype(int)):
        frame = native[int(i)]
        size = tuple(frame["depth"].shape[-2:])
        pred = evaluation.upsample(preds[i][None], size)[0, 0].numpy()
        keep = frame["valid"][0].numpy() & np.isfinite(pred)
        guess, truth = pred[keep], frame["depth"][0].numpy()[keep]
        step = max(1, len(truth) // _SAMPLES)
        guess, truth = guess[::step], truth[::step]
        if len(truth) <= 10:
            continue
        if metric:
            known = guess > 0
            holes.append(1 - known.mean())
            guess, truth = guess[known], truth[known]
        if len(truth) <= 10:
            continue
        ratios.append(np.median(guess) / np.median(truth))
        if np.ptp(guess) > 0 and np.ptp(truth) > 0:
            orders.append(pd.DataFrame({"guess": guess, "truth": truth}).corr(method="spearman").iloc[0, 1])
    share = float(np.mean(holes)) if holes else 0.0
    if metric and share > 0.99:
        raise ValueError(f"the maps in the folder hold no number above 0 where the truth is known (kind {kind})")
    found = []
    if metric and share > 0.001:
        found.append(f"{share:.1%} of the pixels with a truth hold no depth above 0; they count as the nearest depth")
    if not orders:
        return [*found, "the maps looked at are the same everywhere, so nothing says whether their kind is right"]
    agrees = float(np.median(orders)) * (1 if rises else -1)
    if agrees <= _CONTRADICTION:
        way = "rise" if KINDS[kind][0] else "fall"
        others = ", ".join(other for other, (up, _) in KINDS.items() if up != KINDS[kind][0])
        raise ValueError(
            f"numbers of kind {kind} {way} where the true depth rises, and these do the opposite (rank correlation "
            f"{abs(agrees):.2f}); are they {others}?"
        )
    if agrees < 0.2:
        found.append(f"the numbers hardly follow the true depth (rank correlation {agrees:.2f})")
    ratio = float(np.median(ratios))
    if metric and not 1 / 5 < ratio < 5:
        found.append(f"with scale {scale:g} the depth is {ratio:.3g} times the true one; is the scale right?")
    return found
