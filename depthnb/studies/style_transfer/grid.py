"""The grid of notebook 08: style transfer with other weights, starts, layers and networks, each read as depth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from depthnb import files, models, runs
from depthnb.models.style_transfer import PRESETS, Features, depth_encoder, vgg
from depthnb.studies.style_transfer.measures import read
from depthnb.training.painting import BLANK, STARTS, Recipe, appearance, paint
from depthnb.training.progress import Progress
from depthnb.weights import imagenet
from depthnb.weights.origin import Kind, Origin

WEIGHTS = {"coarse": (1e2, 1e4, 1e6), "fine": (1.0, 1e2, 1e3, 1e4, 1e5, 1e6, 1e8)}


def encoder_run(dataset: str) -> dict | None:
    """The run of notebook 05 whose encoder is taken: trained on this data set, finished, and with its weights.

    Of several the first of rooms-full, streets-full, quick, then any other. None where there is none.
    """
    order = ("rooms-full", "streets-full", "quick")
    trained = [
        each
        for each in runs.finished("05_densenet")
        if each["dataset"] == dataset and (each["folder"] / models.WEIGHTS).is_file()
    ]
    return min(trained, key=lambda each: order.index(each["run"]) if each["run"] in order else len(order), default=None)


def encoder_file(dataset: str) -> Path | None:
    """The weights of `encoder_run`."""
    run = encoder_run(dataset)
    return run and run["folder"] / models.WEIGHTS


def trained_encoder(layers: str, *, dataset: str) -> tuple[Features | None, str]:
    """The encoder of `encoder_run`, and one sentence on where it was found."""
    run = encoder_run(dataset)
    if run is None:
        return None, f"no depth encoder: no run of notebook 05 on {dataset} has its weights here"
    where = (
        f"weights trained for depth, from 05_densenet/{run['run']} (abs_rel {run['metrics']['test']['abs_rel']:.3f})"
    )
    origin = Origin(Kind.TRAINED, where, files.digest(run["folder"] / models.WEIGHTS))
    return depth_encoder(models.load(run["folder"]), layers, origin=origin), where


def grid(
    few,
    styles: Tensor,
    features: Features,
    recipe: Recipe,
    *,
    size: str,
    layers: str,
    encoding: str,
    protocol: str,
    epochs: int,
    batch_size: int,
    seed: int,
    device: str,
    checkpoint: Callable[[str], Path] | None = None,
) -> pd.DataFrame:
    """Every style weight with every start, then other layers and other networks, one row each.

    Args:
        few: some test frames.
        styles: [N,3,H,W], one for each.
        size: `coarse` or `fine` (how many style weights).
        features, recipe, layers: of the base, from which every row after the first part differs in one thing.
        checkpoint: name -> file, as `Run.checkpoint`, so that an interrupted grid continues.
        encoding, protocol, epochs, batch_size, seed, device: as for `paint` and `measures.read`.

    Returns:
        A table with the columns axis (`weight and start`, `layers`, `network`), network, made_by (network with its weights),
        layers, start, style_weight, abs_rel, rmse, delta1, correlation, with_photo, deviation, empty (share of pictures).

    Raises:
        ValueError: for an unknown size.
    """
    if size not in WEIGHTS:
        raise ValueError(f"unknown grid {size!r}; expected {' or '.join(WEIGHTS)}")
    base = {"network": features, "layers": layers, "recipe": recipe}
    cells = [
        {**base, "axis": "weight and start", "recipe": recipe.but(style_weight=weight, start=how)}
        for how in STARTS
        for weight in sorted({*WEIGHTS[size], recipe.style_weight})
    ]
    cells += [{**base, "axis": "layers", "layers": each, "network": features.at(each)} for each in PRESETS]
    encoder, _ = trained_encoder(layers, dataset=few.name)
    other = _other(features, layers, seed)
    for network in (features, other, *([encoder] if encoder is not None else [])):
        cells.append({**base, "axis": "network", "network": network})
    return _painted(
        cells,
        few,
        styles,
        encoding=encoding,
        protocol=protocol,
        checkpoint=checkpoint,
        options={"epochs": epochs, "batch_size": batch_size, "seed": seed, "device": device},
    )


def _other(features: Features, layers: str, seed: int) -> Features:
    """VGG-11, or VGG-19 where that is the base; with ImageNet weights where they are at hand, else random ones of this seed."""
    name = "vgg19" if features.network == "VGG-11" else "vgg11"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return vgg(name, layers, pretrained="auto" if imagenet.cached(name) else "none")


def _painted(cells: list[dict], few, styles: Tensor, *, encoding, protocol, checkpoint, options) -> pd.DataFrame:
    photos, known, rows, history = few.batch(range(len(few)))["image"], {}, [], []
    ids = few.frames["id"].tolist()
    bar = Progress(epochs=len(cells), batches=1, name="grid", unit="cell")
    try:
        for number, cell in enumerate(cells, start=1):
            network, recipe = cell["network"], cell["recipe"]
            key = (network.fingerprint(), recipe)
            if key not in known:
                file = checkpoint(f"grid-{number}") if checkpoint else None
                pictures, painted = paint(
                    photos, styles, network, recipe, ids=ids, checkpoint=file, progress=False, **options
                )
                summary = read(pictures, few, encoding=encoding, protocol=protocol).summary
                summary["empty"] = (appearance(pictures)["deviation"] < BLANK).float().mean().item()
                known[key] = summary, painted.rows[-1] | {"seconds": painted.seconds}
            summary, last = known[key]
            names = ("abs_rel", "rmse", "delta1", "correlation", "with_photo", "deviation", "empty")
            rows.append(
                {"axis": cell["axis"], "network": network.network, "made_by": network.kind, "layers": cell["layers"]}
                | {"start": recipe.start, "style_weight": recipe.style_weight}
                | {name: summary[name] for name in names}
            )
            history.append({**last, "epoch": number})
            bar.batch(number, history, 1)
            bar.epoch(history)
    finally:
        bar.close(history)
    return pd.DataFrame(rows)
