"""How robust are nets? Their error on rooms with one thing changed at a time, and on corrupted photographs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import evaluation, metrics, models
from depthnb.data import corruptions, transforms
from depthnb.data.readers.rooms_changed import BASE, VIEWS, parts_of
from depthnb.data.readers.rooms_changed import SAID as CHANGES
from depthnb.data.statistics import mean_depth
from depthnb.evaluation import MATTERS
from depthnb.evidence.scenes import ratio
from depthnb.models.camera import ask
from depthnb.report.results import METHODS
from depthnb.runs.provenance import ROOT
from depthnb.runs.trained import INVERSE, METRIC, Trained, trained

OPPONENT = "mean image"
ALIGNED = ", aligned"  # behind the name of what is fitted to the truth first
UNTOLD = ", not told"  # behind the name of a net that takes the camera and is not given it
MEASURES = ("abs_rel", "delta1", "edge_f1_025")
VIEW, CORRUPTED = "view", "corruption"
_AT_ONCE = 32  # frames


@dataclass(frozen=True, eq=False)
class _Asked:
    """A net under the name that it has in the table, and how it is asked and measured."""

    method: str
    module: nn.Module
    rule: metrics.Protocol
    kind: str
    size: tuple[int, int] | None
    told: bool = True

    def errors(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """`MEASURES` of every frame of a batch at the truth's own size, some frames at a time."""
        tensors = {name: value for name, value in batch.items() if isinstance(value, Tensor)}
        parts = [
            self._errors({name: value[i : i + _AT_ONCE] for name, value in tensors.items()})
            for i in range(0, len(batch["id"]), _AT_ONCE)
        ]
        return {name: torch.cat([part[name] for part in parts]) for name in MEASURES}

    def _errors(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        native = tuple(batch["image"].shape[-2:])
        size = self.size or native
        tensors = [*self.module.parameters(), *self.module.buffers()]
        device = tensors[0].device if tensors else torch.device("cpu")
        camera = transforms.resize_intrinsics(batch["intrinsics"], native, size)
        camera = camera if self.told else torch.full_like(camera, torch.nan)
        seen = {"image": transforms.resize_image(batch["image"], size).to(device), "intrinsics": camera.to(device)}
        with evaluation.answering(self.module):
            pred = evaluation.upsample(ask(self.module, seen).float().cpu(), tuple(batch["depth"].shape[-2:]))
        found = metrics.per_image(
            pred=pred, depth=batch["depth"], valid=batch["valid"], protocol=self.rule, kind=self.kind
        )
        return {name: found[name] for name in MEASURES}


def shipped() -> dict[str, Trained]:
    """The nets that come with the clone, by the names of their methods: those whose weights `runs.shipping` gave a card."""
    folders = {name: ROOT / "reports" / notebook / "rooms-full" for notebook, name in METHODS.items()}
    return {
        name: trained(folder)
        for name, folder in folders.items()
        if (folder / "README.md").is_file() and (folder / models.WEIGHTS).is_file()
    }


def frame_errors(
    nets: Mapping[str, Trained | nn.Module], dataset, *, train=None, strengths: tuple[int, ...] = corruptions.STRENGTHS
) -> pd.DataFrame:
    """Ask nets about every changed frame, and about every unchanged one with every corruption.

    Args:
        nets: name -> the net of a run, asked at the size that it was trained on, or a model, asked at that of the frames.
            Nets of inverse depth are aligned with the truth first, and so is their opponent. A net that takes the camera is
            asked about other fields of view twice: told the focal length, and not told it.
        dataset: `rooms-changed` at its native size, or another set with such ids.
        train: the training frames whose mean image is the opponent; None: no opponent.
        strengths: of the corruptions; none: the changes alone.

    Returns:
        One row for each net, condition and frame: method, family (`light`, `wall` ... or `corruption`), change, strength (0
        for the changes), frame, scene, and `MEASURES`.

    Raises:
        ValueError: where a net answers what is not finite, or an id names no known change.
    """
    asked = _asked(nets, metrics.protocol(dataset.protocol), train)
    rows, unchanged = [], {}
    for (family, change, strength), batch in _conditions(dataset, strengths):
        frames = [parts_of(name)[0] for name in batch["id"]]
        for each in asked:
            if not each.told and family not in (BASE, VIEW):
                continue
            blind = family == CORRUPTED and isinstance(each.module, evaluation.Constant)
            try:
                found = unchanged[each.method] if blind else each.errors(batch)
            except ValueError as error:
                raise ValueError(f"{each.method}, {change}: {error}") from error
            if family == BASE:
                unchanged[each.method] = found
            columns = {"method": each.method, "family": family, "change": change, "strength": strength}
            numbers = {name: values.numpy() for name, values in found.items()}
            rows.append(pd.DataFrame({**columns, "frame": frames, "scene": batch["scene"], **numbers}))
    return pd.concat(rows, ignore_index=True)


def _asked(nets: Mapping[str, Trained | nn.Module], rule: metrics.Protocol, train) -> list[_Asked]:
    """Every net in the ways in which it is asked, and the opponents behind them."""
    fitted = rule if rule.alignment != "none" else rule.with_alignment(evaluation.ALIGNED)
    found = []
    for name, net in nets.items():
        module, size = (net.module, net.size) if isinstance(net, Trained) else (net, None)
        kind = net.kind if isinstance(net, Trained) else getattr(net, "kind", METRIC)
        aligned = kind == INVERSE
        one = _Asked(name + ALIGNED * aligned, module, fitted if aligned else rule, kind, size)
        found.append(one)
        if getattr(module, "takes_camera", False):
            found.append(_Asked(name + UNTOLD, module, one.rule, kind, size, told=False))
    if train is not None:
        constant = evaluation.Constant(mean_depth(train)[1])
        found.append(_Asked(OPPONENT, constant, rule, METRIC, None))
        if any(each.kind == INVERSE for each in found):
            found.append(_Asked(OPPONENT + ALIGNED, constant, fitted, METRIC, None))
    return found


def _conditions(dataset, strengths: tuple[int, ...]) -> Iterator[tuple[tuple[str, str, int], dict]]:
    """(family, change, strength) and the frames of it: unchanged first, then changed, then corrupted."""
    changes = [parts_of(name)[1] for name in dataset.frames["id"]]
    if BASE not in changes:
        raise ValueError(f"{dataset.name} has no unchanged frame (<frame>-{BASE}) to compare the others with")
    native = dataset.native()
    for change in (each for each in CHANGES if each in changes):
        batch = native.batch([row for row, each in enumerate(changes) if each == change])
        yield (change.partition("-")[0], change, 0), batch
        if change == BASE:
            unchanged = batch
    for corruption in corruptions.CORRUPTIONS if strengths else ():
        for strength in strengths:
            pairs = zip(unchanged["image"], unchanged["id"], strict=True)
            worse = [corruptions.corrupt(image, corruption, strength, name=name) for image, name in pairs]
            yield (CORRUPTED, corruption, strength), {**unchanged, "image": torch.stack(worse)}


def examples(dataset, *, number: int = 0, strength: int = 2) -> dict[str, Tensor]:
    """One frame of `rooms-changed` with every change and every corruption of a strength: words -> image [3,H,W].

    Raises:
        IndexError: for a number that is not below the number of unchanged frames.
    """
    ids = list(dataset.frames["id"])
    frames = [parts_of(name)[0] for name in ids if parts_of(name)[1] == BASE]
    if not 0 <= number < len(frames):
        raise IndexError(f"frame {number} asked for, but {dataset.name} has {len(frames)} unchanged frames, from 0")
    native, own = dataset.native(), {change: f"{frames[number]}-{change}" for change in CHANGES}
    found = {CHANGES[change]: native[ids.index(name)]["image"] for change, name in own.items() if name in ids}
    base = found[CHANGES[BASE]]
    for corruption in corruptions.CORRUPTIONS:
        found[corruptions.SAID[corruption]] = corruptions.corrupt(base, corruption, strength, name=own[BASE])
    return found


def robustness(errors: pd.DataFrame) -> pd.DataFrame:
    """The table of `frame_errors`: what each change does to each method.

    Returns:
        One row a method and condition: method, family, change, strength, said (the change in words), scenes, the means of
        `MEASURES`; `ratio` of abs_rel to the same method's on the unchanged frames, with `low` and `high`, its 95 % interval
        over scenes (paired bootstrap); `beside`, abs_rel over that of the mean image on the same frames, NaN without that
        opponent.
    """
    keys = ["method", "family", "change", "strength"]
    base = errors[errors["family"] == BASE].set_index(["method", "frame"])["abs_rel"]
    rows = []
    for key, part in errors.groupby(keys, sort=False):
        before = pd.Series(base.reindex(zip(part["method"], part["frame"], strict=True)).to_numpy(), part.index)
        found = dict(zip(("ratio", "low", "high"), ratio(before, part["abs_rel"], part["scene"]), strict=True))
        means = part[list(MEASURES)].mean()
        said = CHANGES[key[2]] if not key[3] else corruptions.SAID[key[2]]
        row = {**dict(zip(keys, key, strict=True)), "said": said, "scenes": part["scene"].nunique()}
        rows.append({**row, **means, **found})
    table = pd.DataFrame(rows)
    rival = table["method"].map(lambda name: OPPONENT + ALIGNED * name.endswith(ALIGNED))
    scores = table.set_index(["method", "change", "strength"])["abs_rel"]
    table["beside"] = (
        table["abs_rel"] / scores.reindex(zip(rival, table["change"], table["strength"], strict=True)).array
    )
    return table


def views(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of `robustness` that differ in the field of view, with it in `degrees`, the narrowest first."""
    own = table[table["change"].isin(VIEWS) & ~table["method"].str.startswith(OPPONENT)]
    return own.assign(degrees=own["change"].map(VIEWS)).sort_values("degrees", kind="stable").reset_index(drop=True)


def name_of(change: str, strength: int = 0) -> str:
    """A change or corruption in words.

    >>> name_of("light-lamp"), name_of("noise", 3)
    ('one warm lamp', 'noise (strength 3)')
    """
    return CHANGES[change] if not strength else f"{corruptions.SAID[change]} (strength {strength})"


def methods_of(table: pd.DataFrame) -> list[str]:
    """The nets of a table that saw the photographs and were told all that they ask, in its order."""
    return [name for name in table["method"].unique() if not name.startswith(OPPONENT) and not name.endswith(UNTOLD)]


def sentences(table: pd.DataFrame) -> list[str]:
    """What a table of `robustness` says: of each net what hurts most, what does not show, and where it is of no use."""
    return [*(_of_net(table, name) for name in methods_of(table)), *_of_camera(table), *_of_all(table)]


def _of_net(table: pd.DataFrame, name: str) -> str:
    own = table[(table["method"] == name) & (table["family"] != BASE) & table["ratio"].notna()]
    if not len(own):
        return f"{name}: no error on the unchanged frames to compare with."
    rooms, worse = own[own["family"] != CORRUPTED], own[own["family"] == CORRUPTED]
    worst = [_worst(part) for part in (rooms, worse) if len(part)]
    said = f"{name}: what hurts most is " + ", and of the corruptions ".join(worst) + "."
    safe = own[(own["low"] <= 1) & (own["high"] >= 1)]
    said += f" With {len(safe)} of {len(own)} changes the interval holds 1, so that no harm is shown."
    lost = own[own["beside"] > 1 - MATTERS / 100]
    if own["beside"].notna().any():
        said += f" With {len(lost)} it is no better than the mean image"
        few = ", ".join(name_of(*each) for each in lost[["change", "strength"]].itertuples(index=False))
        said += f" ({few})." if 0 < len(lost) <= 4 else "."
    return said


def _worst(part: pd.DataFrame) -> str:
    row = part.loc[part["ratio"].idxmax()]
    return f"{name_of(row['change'], row['strength'])}, {row['ratio']:.2f} times the error ({_interval(row)})"


def _interval(row: pd.Series) -> str:
    return f"{row['low']:.2f} to {row['high']:.2f}"


def _of_camera(table: pd.DataFrame) -> Iterator[str]:
    """What the focal length is worth where the field of view is another one."""
    for name in (each for each in table["method"].unique() if each.endswith(UNTOLD)):
        told, untold = (
            table[(table["method"] == each) & (table["family"] == VIEW)].set_index("change")
            for each in (name.removesuffix(UNTOLD), name)
        )
        parts = (
            f"{name_of(change)}: {told.loc[change, 'ratio']:.2f} times the error told, {row['ratio']:.2f} times not told"
            for change, row in untold.iterrows()
        )
        yield f"{name.removesuffix(UNTOLD)} and the focal length. {'; '.join(parts)}."


def _of_all(table: pd.DataFrame) -> Iterator[str]:
    """Which change hurts most on the whole, by the geometric mean over the nets."""
    names = methods_of(table)
    if len(names) < 2:
        return
    own = table[table["method"].isin(names) & (table["family"] != BASE)]
    logs = own.assign(log=np.log(own["ratio"])).groupby(["change", "strength"], sort=False)["log"].mean()
    means = np.exp(logs.sort_values(kind="stable"))
    least, most = means.index[0], means.index[-1]
    yield (
        f"Over all {len(names)} nets (geometric mean) {name_of(*most)} hurts most, {means[most]:.2f} times the error, and "
        f"{name_of(*least)} least, {means[least]:.2f} times."
    )
