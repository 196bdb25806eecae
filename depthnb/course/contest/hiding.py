"""Any RGB-D folder made into a contest: what is handed out, and the key that stays."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from PIL import Image

from depthnb import data, files, metrics
from depthnb.data.readers.index_csv import COLUMNS
from depthnb.evaluation import ALIGNED

KEY = "key.json"
_ALIKE = 315532800  # seconds: 1 January 1980, the time of every file that is handed out
_README = """# The contest

{count} pictures of places that nobody here has seen. Predict the depth of every pixel of each of them.

`index.csv` has a line a picture: its id, its file, width and height, and the camera (pixels; empty where unknown). The order
says nothing.

Hand in one `.npz` file with an array for each id, named by the id, of the size of its picture, float16 or float32, {what}.
No number may be NaN or infinite. Python writes it so:

    np.savez_compressed("team.npz", **{{"{first}": depth_of_{first}, ...}})

Scored by the protocol {protocol}.

The team with the lowest abs_rel stands first: the mean of |predicted - true| / true. Of each team the best try counts.
"""
_WHAT = {
    "metric": "in metres along the optical axis",
    "affine-inverse": "inverse depth up to a scale and a shift, which are fitted to each image",
}


def hide(
    folder: str | Path,
    out: str | Path,
    *,
    split: str = "all",
    protocol: str | None = None,
    kind: str = "metric",
    beside: Mapping[str, str] | None = None,
) -> tuple[Path, Path]:
    """Write what students get and what they must not get.

    The pictures are written anew from their pixels: no EXIF, no comment, one time for all files, ids in an order that is drawn
    anew at each call. What the pixels themselves show stays, and so do size and camera.

    Args:
        folder: in the RGB-D format.
        out: is made; it may be there if it is empty. It appears when everything is in it.
        split: whose frames, as for `data.open`.
        protocol: name of the one to score by; None for the folder's own.
        kind: of predictions: "metric", or "affine-inverse", which is fitted to each image.
        beside: further files of the key, name -> text.

    Returns:
        The folder to hand out, and the key.

    Raises:
        FileNotFoundError, ValueError: for a folder that cannot be read, and for an unknown protocol or kind.
        FileExistsError: if `out` holds anything.
        OSError: if something cannot be written.
    """
    out = Path(out).expanduser().absolute()
    if kind not in _WHAT:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(_WHAT)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(
            f"{out} is there already; choose a folder that is not: a key that was used is never replaced"
        )
    frames = data.open("folder", folder, split)
    rule = replace(metrics.protocol(protocol or frames.protocol), frames="hidden frames")
    if kind != "metric" and rule.alignment == "none":
        rule = rule.with_alignment(ALIGNED)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        _write(frames, part, rule, kind)
        for name, text in (beside or {}).items():
            (part / "key" / name).write_text(text, encoding="utf-8")
        os.replace(part, out)
    except OSError as error:
        raise OSError(
            error.errno, f"could not write {out} ({error.strerror or error}); {files.remedy(error)}"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out / "handout", out / "key"


def _write(frames, part: Path, rule: metrics.Protocol, kind: str) -> None:
    """Both folders, in an order that nobody can guess."""
    order = list(range(len(frames)))
    secrets.SystemRandom().shuffle(order)
    handout, key = part / "handout", part / "key"
    for each in (handout / "images", key / "images", key / "depth"):
        each.mkdir(parents=True)
    key.chmod(0o700)
    given, kept, origin, total, count = [], [], {}, 0.0, 0
    for number, row in enumerate(order, start=1):
        frame, name = frames[row], f"{number:0{max(4, len(str(len(order))))}d}"
        pixels = (frame["image"].permute(1, 2, 0) * 255).round().byte().numpy()
        Image.fromarray(pixels).save(handout / "images" / f"{name}.png", format="PNG")
        shutil.copy(handout / "images" / f"{name}.png", key / "images")  # a folder in the format holds its pictures
        depth = np.where(frame["valid"][0].numpy(), frame["depth"][0].numpy(), 0.0).astype(np.float32)
        np.save(key / "depth" / f"{name}.npy", depth)
        total, count = total + float(depth.sum(dtype=np.float64)), count + int((depth > 0).sum())
        camera = [_number(float(frame["intrinsics"][i, j])) for i, j in ((0, 0), (1, 1), (0, 2), (1, 2))]
        given.append([name, f"images/{name}.png", pixels.shape[1], pixels.shape[0], *camera])
        places = [f"images/{name}.png", f"depth/{name}.npy"]
        kept.append([name, frame["scene"], frame["scene_type"], "test", *places, "", "1", *camera])
        origin[name] = frame["id"]
    said = {"protocol": asdict(rule), "kind": kind, "mean_depth": total / max(count, 1), "ids": origin}
    (handout / "index.csv").write_text(_csv(("id", "image", "width", "height", "fx", "fy", "cx", "cy"), given))
    words = _README.format(count=len(given), what=_WHAT[kind], first=given[0][0], protocol=rule)
    (handout / "README.md").write_text(words, encoding="utf-8")
    (key / "index.csv").write_text(_csv(COLUMNS, kept), encoding="utf-8")
    (key / KEY).write_text(json.dumps(said, indent=1), encoding="utf-8")
    for each in (*handout.rglob("*"), handout):
        os.utime(each, (_ALIKE, _ALIKE))


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.7g}"


def _csv(head: tuple[str, ...], rows: list[list]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()
