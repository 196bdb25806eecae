"""The claims of Constantinescu, Enache and Ghiorgiu and their layer table, for notebook 05."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb import evidence, losses, models
from depthnb.data import transforms
from depthnb.data.words import plural
from depthnb.evidence import Claim, published
from depthnb.evidence.trainings import line_runs

NOTEBOOK = "05_densenet"
TAUGHT, RANDOM = "EfficientNet-Lite0, ImageNet", "EfficientNet-Lite0, random"  # the pair that needs no network
CURVE = "base-curve"  # the line of evidence.txt that trains the pair on fewer frames and the encoder in other ways
THIRD = 1 / 3  # of the decoder's step size is the encoder's

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

PRINTED, LABEL = "Constantinescu et al.", "their label"  # columns of `layers`


def layers(model: nn.Module, *, size: tuple[int, int] = (480, 640)) -> pd.DataFrame:
    """The layer table of Constantinescu, Enache and Ghiorgiu beside what a running DenseDepth has at that input size (H, W).

    Returns:
        One row per row of theirs: `label` (what the layer is) and `LABEL` (as printed), `PRINTED` and `found` (height x width x
        channels), `parameters` (of that layer alone).
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
                LABEL: said.method,
                PRINTED: f"{said.height:.0f} x {said.width:.0f} x {said.channels:.0f}",
                "found": " x ".join([*shape[1:], shape[0]]),
                "parameters": int(running.loc[layer, "parameters"]) if layer else 0,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Plan:
    """One training of the notebook.

    Attributes:
        encoder, pretrained: as `encoders.build` takes them.
        frames: number of training frames, 0 for all.
        frozen: share of the encoder's layers that stay as they are.
        factor: step size of the encoder, as a multiple of the decoder's.
        beside: whether the net stands in the notebook's tables, or only in the figure of `tried`.
    """

    encoder: str
    pretrained: str
    frames: int = 0
    frozen: float = 0.0
    factor: float = THIRD
    beside: bool = True


WAYS: Mapping[str, dict] = {  # what else can be done with an encoder that has learnt before
    "frozen": {"frozen": 1.0},
    "half-frozen": {"frozen": 0.5},
    "one-rate": {"factor": 1.0},
}


def plans(pair: str, further: str = "") -> dict[str, Plan]:
    """The trainings of the pair, by name.

    Args:
        pair: the encoder, trained with ImageNet weights and without; "" for none.
        further: more trainings, separated by commas: numbers of training frames, on which both are trained, and names of
            `WAYS`, in which the one with ImageNet weights is.

    Raises:
        ValueError: for a word that is neither.

    >>> list(plans("tf_efficientnet_lite0", "40, frozen"))[2:]
    ['EfficientNet-Lite0, ImageNet, 40 frames', 'EfficientNet-Lite0, random, 40 frames', 'EfficientNet-Lite0, ImageNet, frozen']
    """
    if not pair:
        return {}
    both = {TAUGHT: "auto", RANDOM: "none"}
    chosen = {name: Plan(pair, weights) for name, weights in both.items()}
    for word in filter(None, (part.strip() for part in further.split(","))):
        if word.isdigit() and int(word):
            few = {"frames": int(word), "beside": False}
            chosen |= {f"{name}, {word} frames": Plan(pair, weights, **few) for name, weights in both.items()}
        elif word in WAYS:
            chosen[f"{TAUGHT}, {word}"] = Plan(pair, "auto", beside=False, **WAYS[word])
        else:
            raise ValueError(
                f"pair_more has {word!r}; expected numbers of training frames and {', '.join(WAYS)}, separated by commas"
            )
    return chosen


def word(name: str) -> str:
    """A training's name as part of a file's: letters, digits and hyphens.

    >>> word("EfficientNet-Lite0, ImageNet, 40 frames")
    'efficientnet-lite0-imagenet-40-frames'
    """
    return re.sub("[^a-z0-9]+", "-", name.lower())


def facts(plan: Plan, train, net: nn.Module) -> dict[str, float]:
    """What `tried` has to know of a training, as numbers for run.json's `nets`."""
    return {
        "frames": plan.frames or len(train),
        "taught": float(net.origin.pretrained),
        "frozen": plan.frozen,
        "factor": plan.factor,
    }


def tried(dataset: str, *, own: Mapping[str, Mapping[str, float]] | None = None) -> pd.DataFrame:
    """The trainings of the pair, one row each: of the runs of the line `CURVE`, and of the present run.

    Args:
        own: name -> numbers of the present run's nets, as run.json has them.

    Returns:
        A table with the columns name, run ("" for the present one), seed, steps, abs_rel, mean_image, those of `facts`; way:
        one of `WAYS`, or "".
    """
    rows = []
    for record in line_runs(NOTEBOOK, dataset, CURVE):
        rest = {"run": record["run"], "seed": record["seed"]}
        rest["mean_image"] = record["baselines"]["test"]["mean_image"]["abs_rel"]
        rows += [{"name": name, **rest, **numbers} for name, numbers in (record.get("nets") or {}).items()]
    rows += [{"name": name, "run": "", "seed": -1, **numbers} for name, numbers in (own or {}).items()]
    columns = ["name", "run", "seed", "steps", "abs_rel", "mean_image", "frames", "taught", "frozen", "factor"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    table = table[table["frames"].notna()].reset_index(drop=True)
    return table.assign(way=[_way(line) for line in table.itertuples()])


def tried_said(table: pd.DataFrame) -> list[str]:
    """What `tried` shows, in short sentences: what ImageNet is worth in frames, and how the encoder is best treated."""
    done = table[table["run"] != ""]
    if done.empty:
        return ["No finished run of the curve is here, so the figure has this run's own nets alone: make evidence."]
    mean = done.groupby(["taught", "way", "frames"], as_index=False)["abs_rel"].mean()
    taught, random = (mean[(mean["taught"] == each) & (mean["way"] == "")] for each in (1, 0))
    lines = [f"{plural(done['seed'].nunique(), 'seed')}, about {done['steps'].median():,.0f} steps in every training."]
    if len(taught) and len(random):
        best, enough = random.iloc[-1], taught[taught["abs_rel"] <= random["abs_rel"].iloc[-1]]
        said = f"{enough['frames'].iloc[0]:.0f} frames are" if len(enough) else "more frames than there are would be"
        lines.append(
            f"With random weights and all {best['frames']:.0f} frames abs_rel is {best['abs_rel']:.3f}. "
            f"With ImageNet weights {said} enough for that; all of them give {taught['abs_rel'].iloc[-1]:.3f}."
        )
    ways = mean[mean["way"] != ""].sort_values("abs_rel")
    if len(ways) and len(taught):
        said = ", ".join(f"{line.way} {line.abs_rel:.3f}" for line in ways.itertuples())
        lines.append(
            f"The encoder with all frames: {said}, a third of the decoder's step size {taught['abs_rel'].iloc[-1]:.3f}."
        )
    return lines


def _way(line) -> str:
    given = {"frozen": line.frozen, "factor": round(line.factor, 3)}
    usual = {"frozen": 0.0, "factor": round(THIRD, 3)}
    return next((name for name, way in WAYS.items() if {**usual, **way} == given), "")


def _number(metric: str, dataset: str = "") -> pd.Series:
    """A number in the text of Constantinescu, Enache and Ghiorgiu."""
    rows = published.load("002")
    return rows[(rows["table"] == "text") & (rows["metric"] == metric) & (rows["dataset"] == dataset)].iloc[0]


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

    Args:
        sizes: (H, W) to which truth and prediction are reduced.
        pred, depth: [B,1,H,W] metres.
        valid: bool.

    Returns:
        One row a size: size (width x height), L1 (times lam), gradient, SSIM, and the share of each in their sum. Neighbours
        in a small picture are far apart in the room, so its differences are larger, and the gradient term with them.
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

    Args:
        history: frame of a `training.History` with a validation loss.

    Returns:
        0 for a loss that only falls, slowly or fast, large for one that jumps. None with fewer than three epochs.
    """
    values = history["val_loss"].to_numpy(dtype=float)
    if len(values) < 3:
        return None
    rises = (values[1:] - values[:-1]).clip(min=0)
    return float(100 * rises.mean() / values.mean())


def claims(
    *, test, mirrored, table: pd.DataFrame, printed: nn.Module, terms: pd.DataFrame, dataset: str
) -> list[Claim]:
    """What Constantinescu, Enache and Ghiorgiu say.

    Args:
        test, mirrored: Evaluation of the net, and of its mean with the mirror image.
        table: `layers(printed)`, printed the net at full width.
        terms: `loss_terms`.
    """
    large, small = terms.iloc[0], terms.iloc[-1]
    waits = "their encoder starts from ImageNet weights; comparisons of random encoders would say nothing about it"
    rows = [
        *_size(printed, table),
        _decoder(printed),
        _labels(table),
        _iterations(),
        evidence.within(
            NOTEBOOK,
            RANDOM,
            TAUGHT,
            claim="transfer learning: an encoder that starts from ImageNet leads to better depth",
            direction=evidence.LOWER,
            dataset=dataset,
        ),
        *(
            evidence.untested(claim, waits)
            for claim in (
                "DenseNet-201 instead of 169: the gain does not outweigh the longer training",
                "half the features in the decoder: less performance and less stable",
                "without the colour permutation the performance is significantly worse",
                "it captures object boundaries more faithfully than earlier networks",
            )
        ),
        evidence.fact(
            "one weight of the L1 term balances the loss at every image size (ours)",
            f"for the mean depth everywhere L1 is {large['share of L1']:.0%} of the loss at {large['size']}, "
            f"{small['share of L1']:.0%} at {small['size']}",
            bool(abs(small["share of L1"] / large["share of L1"] - 1) < 0.2),
            appendix=True,
        ),
        evidence.scenes.paired(
            "averaging with the mirror image, as the authors' evaluation does, lowers the error with nothing learnt (ours)",
            test.per_image["abs_rel"],
            mirrored.per_image["abs_rel"],
            test.per_image["scene"],
            direction=evidence.LOWER,
            here=f"abs_rel {test.summary['abs_rel']:.3f} -> {mirrored.summary['abs_rel']:.3f}",
            appendix=True,
        ),
    ]
    return [*rows, evidence.against_baselines(NOTEBOOK, dataset, name="DenseDepth")]


def _size(printed: nn.Module, table: pd.DataFrame) -> list[Claim]:
    count, parameters = models.parameter_count(printed), _number("parameters")
    same = table[PRINTED] == table["found"]
    last = table["found"].iloc[-1]
    half = [2 * int(n) for n in last.split(" x ")[:2]] == [int(n) for n in table["found"].iloc[0].split(" x ")[:2]]
    exact = parameters["value"] <= count < parameters["value"] + 1e5
    return [
        evidence.fact(f"{parameters['printed']} trainable parameters", f"{count:,}", exact),
        evidence.fact("the layer sizes of its table", f"{same.sum()} of {len(table)} rows agree", bool(same.all())),
        evidence.fact(
            "the depth map has half the input resolution",
            f"{table['found'].iloc[0]} in, {last} out",
            half,
            appendix=True,
        ),
    ]


def _decoder(printed: nn.Module) -> Claim:
    norms = [name for name, module in printed.named_modules() if isinstance(module, nn.BatchNorm2d)]
    inside = sum(not name.startswith("features.") for name in norms)
    here = f"{inside} batch normalisations in the decoder, {len(norms) - inside} in the encoder"
    return evidence.fact("the decoder contains no batch normalisation", here, inside == 0, appendix=True)


def _labels(table: pd.DataFrame) -> Claim:
    wrong = table[table["label"] != table[LABEL]]
    here = "; ".join(f"its second {b} is {a}" for a, b in zip(wrong["label"], wrong[LABEL], strict=True))
    claim = "each row of its table names one layer"
    return evidence.fact(claim, here or "all labels differ", wrong.empty, appendix=True)


def _iterations() -> Claim:
    """1M iterations of 8 images, or 1M images? The authors' own code and its published training time decide."""
    steps, batch = _number("iterations", "nyu-v2"), _number("batch_size")["value"]
    code = published.load("paper")
    code = code[code["table"] == "DenseDepth repository"].set_index("metric")["value"]
    passes, images = steps["value"] * batch / code["images"], code["epochs"] * code["images"]
    pace = steps["value"] / code["hours"] / 3600
    return evidence.in_print(
        f"{steps['printed']} iterations for NYU Depth v2, in batches of {batch:.0f}",
        f"would be {passes:.0f} passes over the authors' {code['images']:,.0f} images, {pace:.0f} steps a second in the "
        f"{code['hours']:.0f} hours they name. Their code makes {code['epochs']:.0f} passes, which is {images / 1e6:.1f}M "
        "images: the number seems to count images",
    )
