"""What Akondi, Constantinescu et al., and Lacelle and Nofal say about their data, for notebook 01."""

from __future__ import annotations

import pandas as pd

from depthnb.evidence import Claim, fact, untested


def claims(
    *,
    labelled: pd.DataFrame,
    compared: pd.DataFrame,
    middle: pd.DataFrame,
    follows: float,
    forgotten: float,
    indoors: bool,
) -> list[Claim]:
    """What the documents say about their data, beside the official lists and our own frames.

    Args:
        labelled: scene types of the official NYU V2 list (`statistics.nyu_scene_types`).
        compared: Akondi's five counts beside the lists.
        middle: `statistics.middle_and_border`.
        follows, forgotten: metres by which points move sideways when an image is cropped, with its camera adapted and
            without.
        indoors: whether the frames are, of which a claim speaks.
    """
    frames, scenes, types = labelled["frames"].sum(), labelled["scenes"].sum(), len(labelled)
    total = compared["Akondi"].sum()
    ranks = {word: labelled["scene_type"].tolist().index(word) + 1 for word in compared["scene_type"]}
    ranked = ", ".join(f"{word} {rank}" for word, rank in sorted(ranks.items(), key=lambda pair: pair[1]))
    middle = middle.dropna()
    deeper = (middle["middle"] > middle["border"]).mean()
    hallway = "Lacelle and Nofal (4.2.2): in most scenes the camera points down a hallway or at a far corner"
    return [
        fact(
            "Akondi (1.1): the data set consists of 1449 indoor scenes",
            f"{frames} labelled frames of {scenes} scenes and {types} scene types",
            scenes == 1449,
        ),
        fact(
            "Akondi (1.1): its five numbers of images belong to that data set",
            f"they add up to {total}, all labelled frames to {frames}",
            total <= frames,
        ),
        fact(
            "Akondi (1.1): the five are some of the most significant scenes",
            f"their ranks among {types} types of the labelled list: {ranked}",
            max(ranks.values()) <= types / 2,
        ),
        fact(
            "Constantinescu, Enache and Ghiorgiu (Dataset): over 1449 labelled pairs, with masks for 27 object classes",
            f"{frames} pairs and no more; {types} is the number of its scene types",
            frames > 1449,
        ),
        fact(hallway, f"the middle is deeper than the rest in {deeper:.0%} of {len(middle)} frames", bool(deeper > 0.5))
        if indoors
        else untested(hallway, "said of rooms; these frames are outdoors"),
        fact(
            "Lacelle and Nofal (4.1): cropping might distort the geometry",
            f"cropped together with its camera, points move {follows:.2f} m sideways; with the camera of the whole image, "
            f"{forgotten:.2f} m",
            bool(follows > 0.01),
        ),
    ]
