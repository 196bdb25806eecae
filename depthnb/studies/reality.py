"""From simulation to reality: judging every net that is here on a folder of real frames, and pictures of it; notebook 10.

The table of such runs is `report.elsewhere`.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Sequence
from pathlib import Path

import torch

from depthnb import data, evaluation, metrics, models, photos, runs
from depthnb.data import transforms
from depthnb.models import foreign
from depthnb.report.results import METHODS
from depthnb.runs import judging
from depthnb.runs.trained import METRIC
from depthnb.weights import hub, zoo

_PIXELS = 240 * 320  # of a frame that is shown


def trained_here(run: str = "rooms-full") -> list[Path]:
    """Folders of the methods' runs of that name whose weights are on this machine; some come with the clone."""
    folders = [runs.ROOT / "reports" / notebook / run for notebook in METHODS]
    return [folder for folder in folders if (folder / models.WEIGHTS).is_file()]


def published_here() -> list[str]:
    """The published networks whose files lie in Hugging Face's cache on this machine, as `hub:NAME`; nothing is downloaded."""
    return [f"{foreign.HUB}{name}" for name, network in zoo.NETWORKS.items() if hub.cached(network.repository)]


def judge_all(nets: Sequence[Path | str], root: str) -> None:
    """Judge nets on all frames of an RGB-D folder, as `depthnb evaluate --net` does.

    Each leaves a run that `report.elsewhere` shows.

    Args:
        nets: run folders, and published networks as `hub:NAME`.
        root: the folder.

    Raises:
        FileNotFoundError, ValueError, OSError: as `runs.judging.judge_run`.
    """
    root = str(Path(root).expanduser().resolve())
    place = re.sub(r"[^A-Za-z0-9._-]", "-", Path(root).name)[:40]
    for net in nets:
        name = net.parent.name if isinstance(net, Path) else net.removeprefix(foreign.HUB).rpartition("/")[2]
        with contextlib.redirect_stdout(io.StringIO()):  # where each run lies
            judging.judge_run(net, dataset="folder", root=root, name=f"{name}-on-{place}", split="all")


def pictures(nets: Sequence[Path], root: str, *, frames: int = 4) -> dict:
    """The same frames of an RGB-D folder by several nets, ready for `plotting.methods_grid(**pictures(...))`.

    Args:
        nets: run folders. The answer of a net that knows no metres is aligned with the truth, and its name says so.
        root: the folder.
        frames: at most so many, of as many scenes as there are.

    Returns:
        image, depth, valid of one size; preds, net -> [B,1,H,W] metres; column_titles, the scenes.
    """
    test = data.open("folder", root, "all", data.fitting_size("folder", root, pixels=_PIXELS, multiple=8))
    size = test.size
    scenes = test.frames["scene"].reset_index(drop=True)
    nth = scenes.groupby(scenes).cumcount()  # the first of each scene, then the second ...
    chosen = sorted(nth.sort_values(kind="stable").index[:frames])
    native = test.native()
    samples = [native[index] for index in chosen]
    shown = transforms.stacked(samples, size)
    truth = {name: shown[name] for name in ("depth", "valid")}
    rule, preds = metrics.protocol(test.protocol), {}
    for net in map(photos.net, nets):
        name, metric = METHODS[net.run.folder.parent.name], net.kind == METRIC
        answers = [evaluation.upsample(net.ask(photos.of_frame(one))[None], size) for one in samples]
        fitted = rule if metric else rule.with_alignment(evaluation.ALIGNED)
        preds[name if metric else f"{name}, aligned"] = metrics.aligned(
            pred=torch.cat(answers), **truth, protocol=fitted, kind=net.kind
        )
    return {**shown, "preds": preds, "column_titles": [one["scene"] for one in samples]}
