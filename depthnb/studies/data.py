"""The documents' claims about their data, for notebook 01."""

from __future__ import annotations

import pandas as pd

from depthnb.evidence.verdicts import row


def checked(*, labelled: pd.DataFrame, compared: pd.DataFrame, middle: pd.DataFrame, moved, leak) -> pd.DataFrame:
    """The table of claims of documents 000, 002 and 003.

    labelled: scene types of the official NYU V2 list (`statistics.nyu_scene_types`). compared: document 000's five counts
    beside the lists. middle: `statistics.middle_and_border`. moved: sideways error of crop and flip with and without the
    camera. leak: median errors of the copied depth where other scenes, other frames, or video frames may be looked up.
    """
    frames, scenes, types = labelled["frames"].sum(), labelled["scenes"].sum(), len(labelled)
    total, times = compared["document 000"].sum(), compared["times raw"]
    ranks = {word: labelled["scene_type"].tolist().index(word) + 1 for word in compared["scene_type"]}
    ranked = ", ".join(f"{word} {rank}" for word, rank in sorted(ranks.items(), key=lambda pair: pair[1]))
    middle = middle.dropna()
    deeper = (middle["middle"] > middle["border"]).mean()
    forgotten, (by_scene, by_frame, by_video) = moved["K forgotten"].iloc[0], leak
    saved = 1 - by_video / by_scene if by_scene else 0.0  # no error at all: scenes that are copies of each other
    return pd.DataFrame(
        [
            row(
                "000 (1.1): the data set consists of 1449 indoor scenes",
                f"{frames} labelled frames of {scenes} scenes and {types} scene types",
                scenes == 1449,
            ),
            row(
                "000 (1.1): its five numbers of images belong to that data set",
                f"they add up to {total}, all labelled frames to {frames}",
                total <= frames,
            ),
            row(
                "(ours) they count video frames, three times as many as the 24,231-frame subset has",
                f"{times.min():.3f} to {times.max():.3f} times the subset's counts",
                bool((times - 3).abs().max() < 0.01),
            ),
            row(
                "000 (1.1): the five are the most significant scene types",
                f"their ranks in the labelled list: {ranked}",
                max(ranks.values()) <= len(ranks),
            ),
            row(
                "002: over 1449 labelled pairs, with masks for 27 object classes",
                f"{frames} pairs and no more; {types} is the number of its scene types",
                frames > 1449,
            ),
            row(
                "003 (4.2.2): in most scenes the camera points down a hallway or at a far corner",
                f"the middle is deeper than the rest in {deeper:.0%} of {len(middle)} frames",
                bool(deeper > 0.5),
            ),
            row(
                "003 (4.1): cropping might distort the geometry",
                f"points move {forgotten:.2f} m sideways if the camera is kept, 0 if it follows the crop",
                bool(forgotten > 0.01),
            ),
            row(
                "(ours) a random split by frame gives depth away",
                f"copying the most similar photograph's depth errs by {by_frame:.3f} by frame, {by_scene:.3f} by scene",
                bool(by_frame < 0.9 * by_scene),
            ),
            row(
                "(ours) a random split of video frames gives depth away",
                f"then it errs by {by_video:.3f}, {100 * saved:.0f} % less than by scene",
                bool(by_video < 0.9 * by_scene),
            ),
        ]
    )
