"""Asking a model for depth: of whole data sets, batch by batch, and what one answer costs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from depthnb.models.camera import ask


class Constant(nn.Module):
    """A predictor that never looks at the image: one depth map for all, in metres."""

    def __init__(self, depth: Tensor) -> None:
        super().__init__()
        self.register_buffer("depth", depth.reshape(1, 1, *depth.shape[-2:]).float())

    def forward(self, image: Tensor) -> Tensor:
        return self.depth.expand(len(image), -1, -1, -1)


def predict(
    model: nn.Module | Tensor | Sequence[Tensor],
    dataset,
    *,
    batch_size: int = 32,
    frames: Sequence[int] | None = None,
) -> Tensor | list[Tensor]:
    """Predictions [N,1,h,w] float32 in metres on the CPU, in the order of the data set; eval mode, on the model's device.

    Args:
        model: or the predictions themselves, one for each frame: [N,1,h,w], or a list of [1,h,w] of any sizes, which stays
            one.
        frames: positions of those that are wanted, at least one; all without it.

    Raises:
        ValueError: if they are not as many.
    """
    frames = range(len(dataset)) if frames is None else frames
    require_one_each(model, dataset)
    if isinstance(model, Tensor):
        return model[list(frames)].float().cpu()
    if isinstance(model, Constant):
        return model.depth.cpu().expand(len(frames), -1, -1, -1)
    with answering(model):
        found = list(answers(model, dataset, frames, batch_size))
    return torch.stack(found) if isinstance(model, nn.Module) else found


def require_one_each(model: nn.Module | Tensor | Sequence[Tensor], dataset) -> None:
    """Raise ValueError for predictions that are not as many as the frames of a data set."""
    if not isinstance(model, nn.Module) and len(model) != len(dataset):
        raise ValueError(f"{len(model)} predictions for the {len(dataset)} frames of the data set: give one for each")


def answers(
    model: nn.Module | Tensor | Sequence[Tensor], dataset, frames: Sequence[int], batch_size: int
) -> Iterator[Tensor]:
    """As `predict`, one [1,h,w] after the other, so that those of one batch are in memory; for a caller in `answering`."""
    if not isinstance(model, nn.Module):
        yield from (model[frame].float().cpu() for frame in frames)
        return
    if isinstance(model, Constant):  # it looks at no image, so frames of several sizes need not form a batch
        yield from (model.depth[0].cpu() for _ in frames)
        return
    tensors = [*model.parameters(), *model.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    for chunk in torch.tensor(frames).split(batch_size):
        batch = dataset.batch(chunk.tolist())
        seen = {key: batch[key].to(device) for key in ("image", "intrinsics") if key in batch}
        yield from ask(model, seen).float().cpu()


@contextlib.contextmanager
def answering(model: object) -> Iterator[None]:
    """A model in eval mode and without gradients; its parts are in their own modes again afterwards.

    In training mode batch normalisation would learn from what it is asked. For what is no model only the gradients are off.
    """
    parts = model.modules() if isinstance(model, nn.Module) else ()
    modes = {module: module.training for module in parts}
    try:
        if isinstance(model, nn.Module):
            model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def cost(net: nn.Module, dataset, *, turns: int = 5) -> dict[str, float]:
    """What one answer costs, for one image at the data set's size on the net's device.

    Args:
        net: image (and intrinsics) -> depth.
        dataset: its first frame is asked about.
        turns: how often; the median counts. One turn before does not.

    Returns:
        `multiply_adds`, in billions, of convolutions and matrix products; `milliseconds`, which depend on the machine and on
        what else it does.
    """
    device = next(net.parameters(), torch.empty(0)).device
    batch = {key: value.to(device) for key, value in dataset.batch([0]).items() if isinstance(value, Tensor)}
    with answering(net), FlopCounterMode(display=False) as counter:
        ask(net, batch)
    times = []
    with answering(net):
        for _ in range(turns):
            begun = time.perf_counter()
            ask(net, batch).sum().item()  # waits for a GPU
            times.append(1000 * (time.perf_counter() - begun))
    return {"multiply_adds": counter.get_total_flops() / 2e9, "milliseconds": float(np.median(times))}


def upsample(pred: Tensor, size: tuple[int, int]) -> Tensor:
    """A prediction [B,1,h,w] at the truth's own size, bilinearly; one that is constant stays so, to the last digit."""
    large = F.interpolate(pred, size=size, mode="bilinear", align_corners=False)
    low, high = pred.amin((1, 2, 3), keepdim=True), pred.amax((1, 2, 3), keepdim=True)
    return torch.where(low == high, low, large)  # else an alignment would fit a scale to the rounding
