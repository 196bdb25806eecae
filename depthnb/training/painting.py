"""paint(): pictures that are optimised themselves, towards the content of one picture and the style of another.

No network is trained, so this is not `training.fit`; checkpoints, history and progress are the same. Its place is not
models/style_transfer.py, because models import no training.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from depthnb.models.style_transfer import Distances, Features, grey
from depthnb.training.engine import fabric
from depthnb.training.history import History
from depthnb.training.journal import Journal
from depthnb.training.loop import NonFiniteLoss, seed_for
from depthnb.training.settings import Settings

STARTS = ("content", "noise", "style")
OPTIMIZERS = ("lbfgs", "adam", "sgd")
STEPS = 10  # looks at the loss of each picture in one epoch
BLANK = 2 / 255  # a picture whose brightness deviates less than this from its mean looks empty
_REMEMBERED = 10  # steps that L-BFGS remembers (torch: 100), because a checkpoint holds them for every picture


@dataclass(frozen=True)
class Recipe:
    """How a picture is painted; plain values, the defaults are those of the tutorial that Akondi names.

    Args:
        style_weight, content_weight: of the two distances.
        start: the picture to begin with: the `content`, the `style`, or `noise`, uniform in 0..1.
        optimizer: `lbfgs` (without line search), `adam` or `sgd`.
        learning_rate: of it; the change of brightness in one step of Adam, 1 for L-BFGS.
        normalised: whether Gram matrices are divided by the number of elements.

    Raises:
        ValueError: for anything that is not known.

    Source: "Neural Transfer Using PyTorch" of pytorch.org's tutorials. Deviation: L-BFGS remembers 10 steps, not 100.
    """

    style_weight: float = 1e6
    content_weight: float = 1.0
    start: str = "content"
    optimizer: str = "lbfgs"
    learning_rate: float = 1.0
    normalised: bool = True

    def __post_init__(self) -> None:
        for field, choices in (("start", STARTS), ("optimizer", OPTIMIZERS)):
            if getattr(self, field) not in choices:
                raise ValueError(f"{field} is {getattr(self, field)!r}; expected one of {', '.join(choices)}")
        if min(self.style_weight, self.content_weight) < 0 or not self.learning_rate > 0:
            raise ValueError(
                f"weights must be 0 or more and the learning rate above 0, found {self.style_weight}, "
                f"{self.content_weight} and {self.learning_rate}"
            )

    def but(self, **changes) -> Recipe:
        """The same recipe with some values changed."""
        return replace(self, **changes)


def paint(
    contents: Tensor,
    styles: Tensor,
    features: Features,
    recipe: Recipe,
    *,
    epochs: int,
    batch_size: int = 8,
    ids: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "auto",
    checkpoint: str | os.PathLike | None = None,
    name: str = "",
    progress: bool = True,
) -> tuple[Tensor, History]:
    """Paint one picture for each content and style; returns them and how it went.

    As in the tutorial every look at the loss first clips the picture to 0..1. Under torchrun every process paints everything,
    and the first one writes and prints.

    Args:
        contents: [N,3,H,W] in 0..1, the photographs.
        styles: [N,3,H,W]; values above 1 are taken as they are, which no picture can reach.
        features: the network whose features are compared.
        recipe: weights, start and optimiser.
        epochs: rounds of `STEPS` looks at the loss of every picture.
        batch_size: pictures at a time; no picture knows of the others (L-BFGS takes one at a time).
        ids: names of the pictures, for messages and for the noise they start from.
        seed, device, name, progress: as for `training.Settings`.
        checkpoint: a file, written whole after every epoch; when it exists painting continues after its last epoch, and ends
            with the picture of an undisturbed run, bit for bit on a CPU. More epochs than before continue it; another recipe,
            other pictures or other weights are refused.

    Returns:
        Pictures [N,3,H,W] in 0..1 on the CPU, and a History whose train_loss is the weighted sum of both distances, with the
        further columns content, style (unweighted), deviation (of brightness within a picture), clipped (share of values
        that are 0 or 1); all are means over the pictures as they are after the epoch.

    Raises:
        ValueError: for shapes that do not fit together and for a checkpoint that is damaged or of another run.
        NonFiniteLoss: with epoch and pictures.
        OSError: when a checkpoint cannot be written.
    """
    settings = Settings(
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        device=device,
        checkpoint=checkpoint,
        name=name,
        progress=progress,
    )
    _check(contents, styles)
    engine, home = fabric(device), next(features.parameters()).device
    place = engine.device
    ids = list(ids) if ids is not None else [str(i) for i in range(len(contents))]
    canvas = _Canvas(contents, styles, recipe, batch_size=batch_size, ids=ids, seed=seed).to(place)
    optimizers = [_optimizer(each, recipe) for each in canvas.parts]
    journal = Journal(
        settings,
        {"pictures": canvas, **{f"optimizer {i}": each for i, each in enumerate(optimizers)}},
        identity=_identity(contents, styles, features, recipe, settings),
        engine=engine,
        batches=len(canvas.parts),
        steps=STEPS,
        shown={"style": "style", "deviation": "deviation"},
    )
    try:
        features.to(place)
        with journal:
            for epoch in journal.epochs():
                sums: dict[str, float] = {}
                for number, (part, optimizer, rows) in enumerate(
                    zip(canvas.parts, optimizers, canvas.rows, strict=True), start=1
                ):
                    near, far = contents[rows].to(place), styles[rows].to(place)
                    distances = Distances(features, near, far, normalised=recipe.normalised)
                    _advance(part, optimizer, distances, recipe)
                    measured = _look(part, distances, recipe)
                    _refuse_non_finite(measured["train_loss"], epoch, [ids[i] for i in rows])
                    sums = {key: sums.get(key, 0.0) + float(value.double().sum()) for key, value in measured.items()}
                    journal.batch(epoch, number)
                means = {key: value / len(contents) for key, value in sums.items()}
                losses = {"train_loss": means.pop("train_loss"), "val_loss": None}
                journal.finish(epoch, losses, learning_rate=recipe.learning_rate, **means)
    finally:
        features.to(home)
    return canvas.pictures(), journal.history


def _identity(
    contents: Tensor, styles: Tensor, features: Features, recipe: Recipe, settings: Settings
) -> dict[str, Any]:
    """What a checkpoint must agree on with the painting that continues it; plain values only."""
    return {
        **asdict(recipe),
        "features": features.fingerprint(),
        "pictures": len(contents),
        "batch_size": settings.batch_size,
        "steps": STEPS,
        "seed": settings.seed,
        "contents": _sum(contents),
        "styles": _sum(styles),
    }


class _Canvas(nn.Module):
    """The pictures as parameters, some at a time."""

    def __init__(self, contents, styles, recipe: Recipe, *, batch_size: int, ids: Sequence[str], seed: int) -> None:
        super().__init__()
        # the inner products of L-BFGS would couple pictures that have nothing to do with each other
        size = 1 if recipe.optimizer == "lbfgs" else batch_size
        self.rows = [rows.tolist() for rows in torch.arange(len(contents)).split(size)]
        begun = start(contents, styles, recipe.start, ids=ids, seed=seed)
        self.parts = nn.ParameterList([nn.Parameter(begun[rows]) for rows in self.rows])

    def pictures(self) -> Tensor:
        return torch.cat([part.detach().cpu() for part in self.parts])


def start(contents: Tensor, styles: Tensor, how: str, *, ids: Sequence[str], seed: int) -> Tensor:
    """What painting begins with: [N,3,H,W] in 0..1; noise depends on seed and id alone, not on the other pictures."""
    if how == "noise":
        size = contents.shape[1:]
        generators = [torch.Generator().manual_seed(seed_for("noise", seed, each)) for each in ids]
        return torch.stack([torch.rand(size, generator=each) for each in generators])
    return (contents if how == "content" else styles).clone().clamp(0, 1)


def _optimizer(part: nn.Parameter, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "lbfgs":
        options = {"max_iter": STEPS, "max_eval": STEPS, "history_size": _REMEMBERED}
        return torch.optim.LBFGS([part], lr=recipe.learning_rate, **options)
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[recipe.optimizer]
    return kind([part], lr=recipe.learning_rate)


def _advance(part: nn.Parameter, optimizer: torch.optim.Optimizer, distances: Distances, recipe: Recipe) -> None:
    """`STEPS` looks at the loss of some pictures, and what the optimiser makes of them."""

    def closure() -> Tensor:
        part.data.clamp_(0, 1)
        content, style = distances(part)
        loss = (recipe.content_weight * content + recipe.style_weight * style).sum()
        (part.grad,) = torch.autograd.grad(loss, [part])
        return loss

    with torch.enable_grad():
        for _ in range(1 if recipe.optimizer == "lbfgs" else STEPS):
            optimizer.step(closure)
    part.data.clamp_(0, 1)


@torch.no_grad()
def _look(part: Tensor, distances: Distances, recipe: Recipe) -> dict[str, Tensor]:
    content, style = distances(part)
    loss = recipe.content_weight * content + recipe.style_weight * style
    return {"train_loss": loss, "content": content, "style": style, **appearance(part)}


def appearance(pictures: Tensor) -> dict[str, Tensor]:
    """What tells an empty picture from others, [B] each: deviation of its brightness, and share of values that are 0 or 1.

    Args:
        pictures: [B,3,H,W] in 0..1.

    >>> {key: value.item() for key, value in appearance(torch.ones(1, 3, 2, 2)).items()}
    {'deviation': 0.0, 'clipped': 1.0}
    """
    ends = ((pictures <= 0) | (pictures >= 1)).float()
    return {"deviation": grey(pictures).flatten(1).std(1, correction=0), "clipped": ends.mean((1, 2, 3))}


def _check(contents: Tensor, styles: Tensor) -> None:
    for what, pictures in (("contents", contents), ("styles", styles)):
        if pictures.ndim != 4 or pictures.shape[1] != 3 or not len(pictures):
            raise ValueError(f"{what} have shape {tuple(pictures.shape)}; expected pictures [N,3,H,W], at least one")
        if not torch.isfinite(pictures).all():
            raise ValueError(f"{what} hold NaN or infinity; fill the holes of a depth map first (`as_picture` does)")
    if contents.shape != styles.shape:
        raise ValueError(
            f"contents have shape {tuple(contents.shape)}, styles {tuple(styles.shape)}: every picture needs one of each, "
            "of one size"
        )


def _refuse_non_finite(loss: Tensor, epoch: int, ids: Sequence[str]) -> None:
    bad = [each for each, good in zip(ids, torch.isfinite(loss).tolist(), strict=True) if not good]
    if bad:
        raise NonFiniteLoss(
            f"the loss is not finite after epoch {epoch} of the picture{'s' if len(bad) > 1 else ''} {', '.join(bad)}: lower "
            "the learning rate or the style weight, or take adam, which no size of the loss can carry away"
        )


def _sum(pictures: Tensor) -> str:
    return f"{zlib.crc32(pictures.detach().cpu().contiguous().numpy().tobytes()):08x}"
