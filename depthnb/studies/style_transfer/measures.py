"""What notebook 08 measures of style transfer: its pictures read as depth, what a Gram matrix asks for, what is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor

from depthnb import evaluation
from depthnb.metrics.variation import correlation
from depthnb.models.style_transfer import ENCODINGS, Distances, Features, as_inverse_depth, as_picture, gram, grey
from depthnb.training.loop import NonFiniteLoss, seed_for
from depthnb.training.painting import BLANK, STARTS, Recipe, appearance, paint, start

GREYS = 64  # levels at which the best empty picture is looked for
_PART = 8  # pictures at a time: the features of a hundred take gigabytes


def other_scenes(train, ids: Sequence[str], *, seed: int) -> dict:
    """For each id a training frame, drawn by seed and id, as one batch: whose depth map may be its style."""
    return train.batch([seed_for("style", seed, each) % len(train) for each in ids])


def read(pictures: Tensor, dataset, *, encoding: str, protocol: str) -> evaluation.Evaluation:
    """Score painted pictures as depth: brightness is read as `as_inverse_depth` says, and aligned by the protocol.

    Args:
        pictures: [N,3,H,W], one for each frame of the data set, at its size.

    Returns:
        Besides the metrics, summary and per_image hold `correlation` (of what was read with the true inverse depth, over valid
        pixels), `with_photo` (of brightness with that of the photograph) and `deviation` (of brightness). A correlation with an
        empty picture counts 0.
    """
    batch = dataset.batch(range(len(dataset)))
    pred = as_inverse_depth(pictures, encoding)
    found = evaluation.evaluate(pred, dataset, protocol=protocol, kind="affine-inverse")
    inverse = 1 / torch.where(batch["valid"], batch["depth"], 1.0)
    more = {
        "correlation": correlation(pred, inverse, batch["valid"]),
        "with_photo": correlation(grey(pictures), grey(batch["image"]), torch.ones_like(batch["valid"])),
        "deviation": appearance(pictures)["deviation"],
    }
    per_image = found.per_image.assign(**{name: value.numpy() for name, value in more.items()})
    return replace(
        found, summary={**found.summary, **{k: v.mean().item() for k, v in more.items()}}, per_image=per_image
    )


@torch.no_grad()
def wishes(
    features: Features,
    photos: Tensor,
    depth: Tensor,
    valid: Tensor,
    other_depth: Tensor,
    other_valid: Tensor,
    *,
    max_depth: float,
    seed: int = 0,
) -> pd.DataFrame:
    """How well other pictures satisfy the style of a depth map, as shares of the style distance of the photograph.

    Args:
        photos: [N,3,H,W].
        depth, valid: [N,1,H,W], their own depth maps, which are the styles.
        other_depth, other_valid: those of other scenes.

    Returns:
        A table with the columns candidate, and for each of `ENCODINGS` the share (median over the frames; 0 is what the depth
        map itself has); `knows`, the correlation of the candidate's brightness with that of the depth map in the first
        encoding: what a picture must have to be depth.
    """
    size, columns = depth[0].numel(), {}
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    for encoding in ENCODINGS:
        own, others = (
            as_picture(*each, encoding, max_depth=max_depth) for each in ((depth, valid), (other_depth, other_valid))
        )
        candidates = {
            "the depth map itself": own,
            "turned upside down": own.flip(-2),
            "mirrored": own.flip(-1),
            "its pixels in random order": own.flatten(2)[:, :, order].view_as(own),
            "the best empty picture": _best_empty(features, own),
            "the depth map of another scene": others,
            "the photograph": photos,
        }
        shares = torch.cat([_shares(features, photos, own, candidates, rows) for rows in _parts(photos)], 1)
        columns[encoding] = shares.median(1).values.tolist()
        if "knows" not in columns:
            everywhere = torch.ones_like(valid)
            knows = [correlation(grey(each), grey(own), everywhere).mean().item() for each in candidates.values()]
            columns = {**columns, "knows": knows}
    return pd.DataFrame({"candidate": list(candidates), **{key: columns[key] for key in (*ENCODINGS, "knows")}})


def _parts(pictures: Tensor) -> tuple[Tensor, ...]:
    """Positions of a few pictures at a time; no picture knows of the others."""
    return torch.arange(len(pictures), device=pictures.device).split(_PART)


def _shares(features: Features, photos: Tensor, own: Tensor, candidates: Mapping[str, Tensor], rows: Tensor) -> Tensor:
    """Style distance of each candidate [candidates, rows] as a share of the photograph's."""
    distances = Distances(features, photos[rows], own[rows])
    whole = distances(photos[rows])[1]
    return torch.stack([distances(each[rows])[1] / whole for each in candidates.values()])


def _best_empty(features: Features, own: Tensor) -> Tensor:
    """For each style the grey picture, one level everywhere, that satisfies it best."""
    levels = torch.linspace(0, 1, GREYS, device=own.device)
    found = []
    grams = [{name: gram(maps[name]) for name in features.style} for maps in (features(own[r]) for r in _parts(own))]
    wanted = {name: torch.cat([each[name] for each in grams]) for name in features.style}
    size = own.shape[-2:]
    for level in levels:
        maps = features(level.expand(1, 3, *size))
        found.append(sum((gram(maps[name]) - each).square().mean((1, 2)) for name, each in wanted.items()))
    best = levels[torch.stack(found).argmin(0)]
    return best.view(-1, 1, 1, 1).expand_as(own)


def forces(features: Features, photos: Tensor, styles: Tensor, *, ids: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """Size of the two distances and of their gradients by the picture, before the first step.

    Returns:
        One row a start, with the columns start, content, style (distances, unweighted), content_gradient, style_gradient (root
        mean square over the values of a picture), balance (the style weight at which the two gradients are equally large, NaN
        where one is 0). Medians over the pictures.
    """
    table = []
    for how in STARTS:
        parts = [_pulls(features, photos, styles, how, rows, ids=ids, seed=seed) for rows in _parts(photos)]
        found = {name: torch.cat([each[name] for each in parts]).median().item() for name in parts[0]}
        above, below = found["content_gradient"], found["style_gradient"]
        table.append({"start": how, **found, "balance": above / below if above and below else float("nan")})
    return pd.DataFrame(table)


def _pulls(
    features: Features, photos: Tensor, styles: Tensor, how: str, rows: Tensor, *, ids: Sequence[str], seed: int
) -> dict[str, Tensor]:
    """What `forces` takes the median of, for some pictures."""
    photos, styles, ids = photos[rows], styles[rows], [ids[row] for row in rows]
    pictures = start(photos, styles, how, ids=ids, seed=seed).requires_grad_()
    found = dict(zip(("content", "style"), Distances(features, photos, styles)(pictures), strict=True))
    sizes = {}
    for name, value in found.items():
        (slope,) = torch.autograd.grad(value.sum(), pictures, retain_graph=True)
        sizes[f"{name}_gradient"] = slope.square().mean((1, 2, 3)).sqrt()
    return {**{name: value.detach() for name, value in found.items()}, **sizes}


def set_ups(
    features: Features,
    photo: Tensor,
    depth: Tensor,
    valid: Tensor,
    *,
    max_depth: float,
    epochs: int,
    seed: int = 0,
    device: str = "auto",
) -> tuple[pd.DataFrame, dict[str, Tensor]]:
    """The tutorial on one photograph with its own depth map as style, and with one thing changed: which picture is empty?

    Args:
        photo: [1,3,H,W].
        depth, valid: [1,1,H,W].

    Returns:
        A table (set-up, style (its numbers), start, optimiser, deviation, clipped, style_before and style_after (distances),
        with_photo and correlation with the true depth map's brightness, `empty`, `painted`: False for the one that is only
        saved otherwise) and the pictures: the photograph, its depth map, and one for each set-up. A painting whose numbers
        overflow is a row of NaN and an empty picture: that is what it would look like.
    """
    shades = as_picture(depth, valid, "depth", max_depth=max_depth)
    numbers = {"0..1": shades, "8 bits, 0..255": 255 * shades, "metres": max_depth * shades}
    plain, adam = Recipe(), Recipe(optimizer="adam", learning_rate=0.05)
    chosen = {
        "the tutorial": ("0..1", plain),
        "from noise": ("0..1", plain.but(start="noise")),
        "from the depth map": ("0..1", plain.but(start="style")),
        "Adam": ("0..1", adam),
        "Gram not divided": ("0..1", plain.but(normalised=False)),
        "metres": ("metres", plain),
        "metres, from noise": ("metres", plain.but(start="noise")),
        "metres, from the depth map": ("metres", plain.but(start="style")),
        "metres, Adam from noise": ("metres", adam.but(start="noise")),
        "8 bits, from the depth map": ("8 bits, 0..255", plain.but(start="style")),
        "8 bits, Adam from noise": ("8 bits, 0..255", adam.but(start="noise")),
    }
    rows, pictures = [], {"the photograph": photo, "its depth map": shades}
    for name, (unit, recipe) in chosen.items():
        begun = start(photo, numbers[unit], recipe.start, ids=["0"], seed=seed)
        try:
            picture, _ = paint(
                photo, numbers[unit], features, recipe, epochs=epochs, seed=seed, device=device, progress=False
            )
        except NonFiniteLoss:
            picture = torch.full_like(photo, torch.nan)
        with torch.no_grad():
            distances = Distances(features, photo, numbers[unit], normalised=recipe.normalised)
            before, after = (distances(each)[1].item() for each in (begun, picture))
        rows.append(
            {"set-up": name, "style": unit, "start": recipe.start, "optimiser": recipe.optimizer}
            | {"painted": True, "style_before": before, "style_after": after, **_seen(picture, photo, shades)}
        )
        pictures[name] = picture.nan_to_num(0.0)
    cut = (pictures["the tutorial"]).to(torch.uint8).float() / 255  # numbers from 0 to 1 as whole ones
    nothing = {"painted": False, "style_before": float("nan"), "style_after": float("nan")}
    name = "the tutorial, saved as 8 bits without x 255"
    rows.append({**rows[0], "set-up": name, **nothing, **_seen(cut, photo, shades)})
    pictures[name] = cut
    return pd.DataFrame(rows), pictures


def _seen(picture: Tensor, photo: Tensor, shades: Tensor) -> dict:
    everywhere = torch.ones_like(picture[:, :1], dtype=torch.bool)
    seen = {name: value.item() for name, value in appearance(picture).items()}
    seen["with_photo"] = correlation(grey(picture), grey(photo), everywhere).item()
    seen["correlation"] = correlation(grey(picture), grey(shades), everywhere).item()
    return {**seen, "empty": not seen["deviation"] >= BLANK}
