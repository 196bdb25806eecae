"""Akondi's claims on style transfer, the table they are checked by, and the verdict, for notebook 08."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from depthnb.evidence import FAILS, HOLDS, LOWER, Claim, beats, decide, fact, published, scenes, untested
from depthnb.models.style_transfer import ENCODINGS
from depthnb.studies.gan import NEWEST
from depthnb.studies.midas import OPPONENTS

METRICS = ("abs_rel", "rmse", "delta1")
MEASURES = (*METRICS, "correlation", "with_photo", "deviation")
OTHER, OWN = "painted, style of another scene", "painted, its own true depth as style"
COLOURED, ENCODER = "painted, that style in colours", "painted, with a depth network's features"
PHOTO, STYLE = "the photograph's brightness, not painted", "that other scene's depth map, not painted"
TRUTH = "the true depth as a picture, not painted"
# style transfer for depth before Akondi's report; not as a depth map's style, but to make photographs look like rendered frames
PRECEDENT = (2018, "Atapour-Abarghouei and Breckon, CVPR 2018")


def settings() -> pd.DataFrame:
    """What the paper and the tutorial set, one row each source; read from published.csv."""
    return published.table("paper", "style transfer settings")


def scores(tests: Mapping, opponents: Mapping) -> pd.DataFrame:
    """Everything that was read as depth, best abs_rel first: method, `METRICS`, and for pictures their correlations.

    Args:
        tests: `OTHER`, `OWN`, `COLOURED`, `PHOTO`, `STYLE`, `TRUTH` and, where there is one, `ENCODER` -> Evaluation of
            `measures.read`.
        opponents: `evaluation.baselines`.
    """
    rows = {**tests, **{label: opponents[key] for key, label in OPPONENTS.items()}}
    table = [{"method": name, **{m: each.summary.get(m) for m in MEASURES}} for name, each in rows.items()]
    return pd.DataFrame(table).sort_values("abs_rel", kind="stable", ignore_index=True)


def wishes_said(wishes: pd.DataFrame) -> str:
    """What `measures.wishes` found, in sentences that follow its numbers."""
    said = []
    for encoding in ENCODINGS:
        share = wishes.set_index("candidate")[encoding]
        percent = {name: _percent(value) for name, value in share.items()}
        ranked = share.drop(["the depth map itself", "the photograph"]).sort_values().index
        said.append(
            f"Encoding {encoding}. Distance from the style of the depth map, as a share of the photograph's: that map mirrored "
            f"{percent['mirrored']}, upside down {percent['turned upside down']}, an empty picture "
            f"{percent['the best empty picture']}, a true depth map of another scene "
            f"{percent['the depth map of another scene']}. Nearest: {ranked[0]}; farthest: {ranked[-1]}."
        )
    return "\n".join(said)


def set_ups_said(set_ups: pd.DataFrame) -> str:
    """What `measures.set_ups` found, in sentences that follow its numbers."""
    empty, rest = (set_ups[set_ups["empty"] == which] for which in (True, False))
    unscaled = set_ups[set_ups["style"] != "0..1"]
    loaded = unscaled["empty"] & (unscaled["clipped"] > 0.9)
    painted = set_ups[(set_ups["style"] == "0..1") & set_ups["painted"]]
    return (
        f"Empty: {len(empty)} of {len(set_ups)} set-ups. Of the {len(unscaled)} whose depth map is not scaled to 0..1, "
        f"{int(loaded.sum())} end empty with nine tenths of all values clipped or more; of the {len(painted)} painted with a "
        f"scaled one, {int(painted['empty'].sum())} end empty. Not empty: {'; '.join(rest['set-up']) or 'none'}."
    )


def grid_said(grid: pd.DataFrame, rivals: Mapping[str, float], frames: int) -> str:
    """Which cell of `grid.grid` is best, beside the opponents on the same frames (name -> abs_rel)."""
    # the base recipe stands on every axis of the grid and counts once
    grid = grid.drop_duplicates(["made_by", "network", "layers", "start", "style_weight"])
    best = grid.loc[grid["abs_rel"].idxmin()]
    still = grid["with_photo"]
    ahead = [f"{name} ({value:.3f}): {(grid['abs_rel'] < value).sum()}" for name, value in rivals.items()]
    return (
        f"Best of {len(grid)} cells: abs_rel {best['abs_rel']:.3f} on {frames} frames, with {best['made_by']}, "
        f"layers {best['layers']}, start {best['start']}, style weight {best['style_weight']:g}. "
        f"Number of cells with a lower error than {'; '.join(ahead)}. Correlation of the painted brightness with the "
        f"photograph's: {still.median():.2f} in the median cell, at least {still.min():.2f}."
    )


def rivals(opponents: Mapping, photo, style) -> dict[str, float]:
    """abs_rel of what style transfer has to beat, on the same frames: `evaluation.baselines`, and what it was given itself.

    Args:
        photo, style: Evaluations of the photographs and of the depth maps that were the styles, neither of them painted.
    """
    given = {"the photograph's brightness": photo, "the other scene's depth map": style}
    return {
        name: each.summary["abs_rel"]
        for name, each in {**{label: opponents[key] for key, label in OPPONENTS.items()}, **given}.items()
    }


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def closing(tests: Mapping, opponents: Mapping, *, made_by: str) -> str:
    """The closing sentences, from the numbers alone.

    Args:
        tests, opponents: as for `scores`.
        made_by: network and weights.
    """
    rivals = _rivals(tests, opponents)
    table = decide([_improves(name, each, tests[OTHER]) for name, each in rivals.items()]).set_index("claim")["verdict"]
    words = {HOLDS: "better than", FAILS: "worse than"}
    parts = {}
    for name, each in rivals.items():
        label = f"{name} ({each.summary['abs_rel']:.3f})"
        parts.setdefault(words.get(table[name], "not clearly different from"), []).append(label)
    scored = tests[OTHER].summary
    found = "; ".join(f"{how} {', '.join(names)}" for how, names in parts.items())
    end = (
        "On these frames it is an estimate of depth."
        if set(parts) == {"better than"}
        else "So painting is not better than every opponent that needs none."
    )
    return (
        f"Painted by {made_by}, read as depth and aligned, style transfer has an abs_rel of {scored['abs_rel']:.3f} and a "
        f"correlation of {scored['correlation']:+z.2f} with the truth. Scene by scene it is {found}. {end}"
    )


def _rivals(tests: Mapping, opponents: Mapping) -> dict:
    given = {name: tests[name] for name in (PHOTO, STYLE)}
    return given | {label: opponents[key] for key, label in OPPONENTS.items()}


def claims(
    *, tests: Mapping, opponents: Mapping, wishes: pd.DataFrame, set_ups: pd.DataFrame, made_by: str
) -> list[Claim]:
    """What Akondi says about style transfer, and what we add.

    Args:
        tests, opponents: as for `scores`.
        made_by: network and weights.
        wishes, set_ups: of `measures`. Nothing is trained here, so predictions are compared scene by scene.
    """
    ours, truth = tests[OTHER].summary, tests[TRUTH].summary
    rivals = _rivals(tests, opponents)
    sound = truth["correlation"] > 0.95 and all(beats(truth, each.summary) for each in rivals.values())
    return [
        *_empty(set_ups),
        _not_novel(),
        _improves(
            "Akondi (2.4, 5.3.2): it fails because it is made for RGB and the style is grey; read as: the same depth map in "
            "colours lowers the error",
            tests[OTHER],
            tests[COLOURED],
        ),
        _depth_network(tests, made_by),
        *(
            _improves(f"painted by {made_by}, it has a lower error than {name}", each, tests[OTHER], appendix=i > 0)
            for i, (name, each) in enumerate(rivals.items())
        ),
        *_gram(wishes),
        fact(
            "a true depth map, read as a picture, comes out nearly right: reading brightness as depth is sound",
            f"abs_rel {truth['abs_rel']:.3f}, correlation {truth['correlation']:+z.3f}",
            sound,
            appendix=True,
        ),
        fact(
            "the painted picture is still the photograph",
            f"correlation of its brightness {ours['with_photo']:+z.2f} with the photograph, {ours['correlation']:+z.2f} with "
            "the true inverse depth",
            abs(ours["with_photo"]) > abs(ours["correlation"]),
            appendix=True,
        ),
        _improves(
            "given the true depth map itself as style, it has a lower error", tests[OTHER], tests[OWN], appendix=True
        ),
    ]


def _improves(claim: str, before, after, *, appendix: bool = False) -> Claim:
    return scenes.paired(
        claim,
        before.per_image["abs_rel"],
        after.per_image["abs_rel"],
        after.per_image["scene"],
        direction=LOWER,
        here=f"abs_rel {before.summary['abs_rel']:.3f} -> {after.summary['abs_rel']:.3f}",
        appendix=appendix,
    )


def _empty(set_ups: pd.DataFrame) -> list[Claim]:
    table = set_ups.set_index("set-up")
    empty = table.index[table["empty"]].tolist()
    plain = table.loc["the tutorial"]
    scaled = table[table["painted"] & (table["style"] == "0..1")]
    return [
        fact(
            "Akondi (4.3): the result was an empty, monochromatic image",
            f"{len(empty)} of {len(table)} set-ups are empty: {'; '.join(empty) or 'none'}",
            bool((table["empty"] & table["painted"]).any()),  # numbers from 0 to 1 saved as whole ones are always empty
        ),
        fact(
            "the method itself makes it empty: also with a depth map scaled to 0..1",
            f"the tutorial as it is: brightness deviates by {plain['deviation']:.3f}; {int(scaled['empty'].sum())} of "
            f"{len(scaled)} scaled set-ups are empty",
            bool(scaled["empty"].all()),
        ),
    ]


def _not_novel() -> Claim:
    year, who = PRECEDENT
    newest = NEWEST[1]
    return fact(
        "Akondi (2.1): style transfer has not been used for depth estimation till now",
        f"{who}: style transfer makes photographs look like the rendered frames that a depth network learnt from; "
        f"{'older' if year < newest else 'no older'} than the newest work that Akondi cites ({newest})",
        year >= newest,
    )


def _depth_network(tests: Mapping, made_by: str) -> Claim:
    claim = "Akondi (5.3.3): features of a model designed for depth are an improvement on VGG-19"
    if "VGG-19" not in made_by:
        claim += f" (here on {made_by})"
    if ENCODER not in tests:
        return untested(claim, "needs a finished run of notebook 05 on this data set, with its weights")
    return _improves(claim, tests[OTHER], tests[ENCODER])


def _gram(wishes: pd.DataFrame) -> list[Claim]:
    share = wishes.set_index("candidate")[list(ENCODINGS)]
    turned = share.loc[["mirrored", "turned upside down"]].max()
    empty, other = share.loc["the best empty picture"], share.loc["the depth map of another scene"]
    return [
        fact(
            "the style of a depth map does not say where things are: mirrored or upside down it is the same within 2 %",
            ", ".join(f"at most {_percent(turned[e])} of the photograph's distance ({e})" for e in ENCODINGS),
            bool((turned < 0.02).all()),
        ),
        fact(
            "an empty picture of the right grey is nearer to the style than the true depth map of another scene",
            ", ".join(f"{_percent(empty[e])} beside {_percent(other[e])} ({e})" for e in ENCODINGS),
            bool((empty < other).all()),
            appendix=True,
        ),
    ]
