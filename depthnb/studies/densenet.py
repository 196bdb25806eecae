"""Document 002's claims and its layer table, for notebook 05."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb import losses, models, runs
from depthnb.data import transforms
from depthnb.evidence import published
from depthnb.evidence.scenes import over_scenes
from depthnb.evidence.seeds import BASE, apart, compare, sweep, swept
from depthnb.evidence.verdicts import UNDECIDED, UNTESTED, against_baselines, row
from depthnb.weights.origin import Kind, Origin

NOTEBOOK = "05_densenet"
# what a row of the document's table is in the running model, and what it should be called
_ENCODER = [
    ("INPUT", ""),
    ("CONV1", "features.conv0"),
    ("POOL1", "features.pool0"),
    ("POOL2", "features.transition1.pool"),
    ("POOL3", "features.transition2.pool"),
    ("CONV2", "conv2"),
]
_STEP = [("UP{}", "upsample"), ("CONCAT{}", "concat"), ("UP{}-CONVA", "conv_a"), ("UP{}-CONVB", "conv_b")]


def layers(model: nn.Module, *, size: tuple[int, int] = (480, 640)) -> pd.DataFrame:
    """Document 002's layer table beside what a running DenseDepth has at that input size (H, W).

    One row per row of the document: `label` (what the layer is), `document's label` (as printed), `document` and `found`
    (height x width x channels), `parameters` (of that layer alone).
    """
    steps = [(label.format(i), f"up{i}.{part}") for i in range(1, 5) for label, part in _STEP]
    named = [*_ENCODER, *steps, ("CONV3", "conv3")]
    running = models.describe(model, size).set_index("layer")
    printed = published.table("002", "layers")
    rows = []
    for (label, layer), said in zip(named, printed.itertuples(), strict=True):
        shape = running.loc[layer, "output"].split(" x ") if layer else ["3", *map(str, size)]
        rows.append(
            {
                "label": label,
                "document's label": said.method,
                "document": f"{said.height:.0f} x {said.width:.0f} x {said.channels:.0f}",
                "found": " x ".join([*shape[1:], shape[0]]),
                "parameters": int(running.loc[layer, "parameters"]) if layer else 0,
            }
        )
    return pd.DataFrame(rows)


def checked(
    *, test, mirrored, opponents, table: pd.DataFrame, printed: nn.Module, terms: pd.DataFrame, origin: Origin, run: str
):
    """The table of claims.

    test, mirrored: Evaluation of the net, and of its mean with the mirror image. table: `layers(printed)`, printed the net
    at full width. terms: `analysis.loss_terms`. origin: where the encoder's weights come from, as the model says. run: the name
    of this run; earlier methods' runs of the same name are compared.
    """
    rows = [*_size(printed, table), _decoder(printed), _labels(table), _iterations()]
    swept_rows = [_from_random(each) for each in (_deeper(), *_halved(), _colour())]
    rows += [_boundaries(test, run, origin), *swept_rows, _transfer(origin)]
    large, small = terms.iloc[0], terms.iloc[-1]
    rows += [
        row(
            "(ours) one weight of the L1 term balances the loss at every image size",
            f"for the mean depth everywhere L1 is {large['share of L1']:.0%} of the loss at {large['size']}, "
            f"{small['share of L1']:.0%} at {small['size']}",
            bool(abs(small["share of L1"] / large["share of L1"] - 1) < 0.2),
        ),
        compare(
            NOTEBOOK,
            "lam",
            0.1,
            1.0,
            claim="(ours) small pictures need a larger weight of the L1 term than the paper's",
        ),
    ]
    rows.append(_mirror(test, mirrored))
    return pd.DataFrame([*rows, *against_baselines("DenseDepth", test.summary, opponents)])


def _mirror(test, mirrored) -> dict[str, str]:
    before, after = test.summary["abs_rel"], mirrored.summary["abs_rel"]
    gain, error = over_scenes(test.per_image["abs_rel"] - mirrored.per_image["abs_rel"], test.per_image["scene"])
    return row(
        "(ours) averaging with the mirror image, as the authors' evaluation does, flatters the error",
        f"test abs_rel {before:.3f} -> {after:.3f} ({100 * (after / before - 1):+.1f} %), with nothing learnt; scene by scene "
        f"{gain:.4f} less, with two standard errors of {error:.4f}",
        UNDECIDED if abs(gain) <= error else gain > 0,
    )


def _said(metric: str, dataset: str = "") -> pd.Series:
    """A number of document 002's text."""
    rows = published.load("002")
    return rows[(rows["table"] == "text") & (rows["metric"] == metric) & (rows["dataset"] == dataset)].iloc[0]


def _size(printed: nn.Module, table: pd.DataFrame) -> list[dict[str, str]]:
    count, said = models.parameter_count(printed), _said("parameters")
    same = table["document"] == table["found"]
    last = table["found"].iloc[-1]
    return [
        row(f"{said['printed']} trainable parameters", f"{count:,}", said["value"] <= count < said["value"] + 1e5),
        row("the layer sizes of its table", f"{same.sum()} of {len(table)} rows agree", bool(same.all())),
        row(
            "the depth map has half the input resolution",
            f"{table['found'].iloc[0]} in, {last} out",
            [2 * int(n) for n in last.split(" x ")[:2]] == [int(n) for n in table["found"].iloc[0].split(" x ")[:2]],
        ),
    ]


def _decoder(printed: nn.Module) -> dict[str, str]:
    norms = [name for name, module in printed.named_modules() if isinstance(module, nn.BatchNorm2d)]
    inside = sum(not name.startswith("features.") for name in norms)
    here = f"{inside} batch normalisations in the decoder, {len(norms) - inside} in the encoder"
    return row("the decoder contains no batch normalisation", here, inside == 0)


def _labels(table: pd.DataFrame) -> dict[str, str]:
    wrong = table[table["label"] != table["document's label"]]
    here = "; ".join(f"its second {b} is {a}" for a, b in zip(wrong["label"], wrong["document's label"], strict=True))
    return row("each row of its table names one layer", here or "all labels differ", wrong.empty)


def _iterations() -> dict[str, str]:
    """1M iterations of 8 images, or 1M images? The authors' own code and its published training time decide."""
    said, batch = _said("iterations", "nyu-v2"), _said("batch_size")["value"]
    code = published.load("paper")
    code = code[code["table"] == "DenseDepth repository"].set_index("metric")["value"]
    passes, images = said["value"] * batch / code["images"], code["epochs"] * code["images"]
    pace = said["value"] / code["hours"] / 3600
    return row(
        f"{said['printed']} iterations for NYU Depth v2, in batches of {batch:.0f}",
        f"would be {passes:.0f} passes over the authors' {code['images']:,.0f} images, {pace:.0f} steps "
        f"a second in the {code['hours']:.0f} hours they name; their code makes {code['epochs']:.0f} passes, which is "
        f"{images / 1e6:.1f}M images: the number counts images",
        bool(abs(said["value"] * batch / images - 1) < 0.5),
    )


def _boundaries(test, run: str, origin: Origin) -> dict[str, str]:
    claim = "it captures object boundaries more faithfully (than earlier networks)"
    own, others = test.summary["edge_f1_025"], {}
    for notebook in ("02_bn_cnn", "03_eigen"):
        for each in runs.finished(notebook):
            if each["run"] == run and each["protocol"] == asdict(test.protocol):
                others[notebook] = each["metrics"]["test"]["edge_f1_025"]
    if pd.isna(own) or any(pd.isna(value) for value in others.values()):
        return row(claim, "sparse truth has no edges to score", None)
    if len(others) < 2:
        return row(claim, f"edge F1 at 0.25 m {own:.3f} here; needs the runs {run} of 02 and 03 on the same data", None)
    text = ", ".join(f"{value:.3f} in {name}" for name, value in others.items())
    here = f"edge F1 at 0.25 m {own:.3f} here; runs {run}: {text}"
    if not origin.pretrained:
        return row(claim, f"{here}; not the network of the claim: {origin}", None)
    return row(claim, here, own > max(others.values()))


def _from_random(said: dict[str, str]) -> dict[str, str]:
    """What sweep runs decided, with a word on where their encoders started: the document's started from ImageNet."""
    random = all(each["params"].get("pretrained") == "none" for name, each in swept(NOTEBOOK) if name == BASE)
    return (
        {**said, "here": f"{said['here']}; all from random weights"} if random and said["verdict"] != UNTESTED else said
    )


def _deeper() -> dict[str, str]:
    claim = "DenseNet-201 instead of 169: the gain does not outweigh the longer training"
    names = ("densenet169", "densenet201")
    error, time = (
        _pair("encoder", names, metric, on) for metric, on in (("abs_rel", "test"), ("seconds_per_step", ""))
    )
    if error is None or time is None:
        return row(claim, "needs the sweep runs with encoder densenet169 and densenet201: make sweep", None)
    gain, cost = 1 - error[1]["mean"] / error[0]["mean"], time[1]["mean"] / time[0]["mean"] - 1
    counts = apart(*error)
    if counts is None:
        return row(claim, "one seed only, the spread needs two: make sweep", None)
    return row(
        claim,
        f"test abs_rel {error[0]['mean']:.3f} -> {error[1]['mean']:.3f}, a gain of {100 * gain:.0f} % "
        f"({'larger than' if counts else 'within'} the spread of {int(min(each['seeds'] for each in error))} seeds) for "
        f"{100 * cost:+.0f} % in seconds a step",
        not counts or gain < cost,
    )


def _halved() -> list[dict[str, str]]:
    change = ("decoder_width", 1.0, 0.5)
    return [
        compare(NOTEBOOK, *change, claim="half the features in the decoder: less performance", sign=1),
        compare(
            NOTEBOOK, *change, metric="unsteadiness", on="", sign=1,
            claim="half the features in the decoder: less stable (rises of the validation loss, % of its mean)",
        ),
    ]  # fmt: skip


def _colour() -> dict[str, str]:
    claim = "without the colour permutation the performance is significantly worse"
    return compare(NOTEBOOK, "permutation", 0.25, 0.0, claim=claim, sign=1)


def _transfer(origin: Origin) -> dict[str, str]:
    claim = "transfer learning: an encoder that starts from ImageNet leads to better depth"
    # a run that asked for weights ("auto") and found none counts as one that asked for none
    said = compare(NOTEBOOK, "pretrained", "none", "auto", claim=claim, sign=-1)
    if said["verdict"] == UNTESTED and origin.kind is not Kind.IMAGENET:
        return row(claim, f"not here: {origin}", None)
    return said


def _pair(parameter: str, values: Sequence[object], metric: str, on: str) -> tuple[pd.Series, pd.Series] | None:
    table = sweep(NOTEBOOK, [parameter], metric=metric, on=on).set_index(parameter)
    return tuple(table.loc[value] for value in values) if set(values) <= set(table.index) else None


def loss_terms(
    sizes: Sequence[tuple[int, int]],
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    max_depth: float,
    lam: float = 0.1,
    target: str = "inverse",
) -> pd.DataFrame:
    """The terms of DenseDepth's loss (`losses.densedepth`) for one and the same prediction, looked at in several sizes.

    sizes: (H, W) to which truth and prediction are reduced. pred, depth: [B,1,H,W] metres; valid: bool. Returns one row a
    size: size (width x height), L1 (times lam), gradient, SSIM, and the share of each in their sum. Neighbours in a small
    picture are far apart in the room, so its differences are larger, and the gradient term with them.
    """
    rows = []
    for size in sizes:
        truth, known = transforms.resize_depth(depth, valid, size)
        guess = F.interpolate(pred, size=size, mode="bilinear", antialias=True)
        given = {"pred": guess, "depth": truth, "valid": known, "max_depth": max_depth, "target": target}
        whole, rest = float(losses.densedepth(**given, lam=lam)), float(losses.densedepth(**given, lam=0.0))
        similar = float(losses.densedepth(**given, lam=0.0, data_range=1e6))  # so wide a range that SSIM is always 1
        terms = {"L1": whole - rest, "gradient": similar, "SSIM": rest - similar}
        shares = {f"share of {name}": value / whole if whole else 0.0 for name, value in terms.items()}
        rows.append({"size": f"{size[1]} x {size[0]}", **terms, **shares})
    return pd.DataFrame(rows)


def unsteadiness(history: pd.DataFrame) -> float | None:
    """How much a training's validation loss rises from one epoch to the next, in percent of its mean, averaged over epochs.

    history: frame of a `training.History` with a validation loss. 0 for a loss that only falls, slowly or fast, large for one
    that jumps. None with fewer than three epochs.
    """
    values = history["val_loss"].to_numpy(dtype=float)
    if len(values) < 3:
        return None
    rises = (values[1:] - values[:-1]).clip(min=0)
    return float(100 * rises.mean() / values.mean())
