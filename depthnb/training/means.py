"""What is measured in one pass over a data set: means over its images, and nothing that is not finite."""

from __future__ import annotations

from collections.abc import Sequence

import lightning_fabric as lightning
import torch
from torch import Tensor, nn

CHECK_EVERY = 16  # batches between two looks at the losses on a GPU, where each look waits for the device


class NonFiniteLoss(RuntimeError):
    """A loss, or a weight, became NaN or infinite; the message names epoch, batch and samples."""


class Means:
    """Collects scalars of each batch by `note`, and turns them into means over the images of the data set.

    A batch weighs as much as it has images with a valid pixel: a short last batch must not weigh more, and images without
    truth are left out, as losses leave them out of the mean of their batch. What is noted has to be such a mean itself.

    Args:
        what: the name of this pass in messages.
        engine: the processes that go through it together.
    """

    def __init__(self, what: str, engine: lightning.Fabric) -> None:
        self.what, self.engine = what, engine
        self.counts: list[Tensor] = []
        self.noted: dict[str, list[Tensor]] = {}
        self.unseen: list[tuple[int, Sequence[str], str, Tensor]] = []
        self.look_every = 1 if engine.device.type == "cpu" else CHECK_EVERY

    def begin(self, number: int, batch: dict, *, own: bool) -> None:
        """Announce a batch: its number (from 1), and whether its images are this process's own or borrowed."""
        self.number, self.ids = number, batch["id"]
        images = batch["valid"].flatten(1).any(1).sum()  # stays on its device, so that nobody waits for it
        self.counts.append(images if own else torch.zeros_like(images))

    def note(self, **values: Tensor) -> None:
        """Remember scalars of this batch, before anybody learns from them.

        Raises:
            NonFiniteLoss: for one that is not finite.
        """
        for name, value in values.items():
            self.noted.setdefault(name, []).append(value.detach())
            self.unseen.append((self.number, self.ids, name, value.detach()))
        if self.number % self.look_every == 0:
            self._refuse_non_finite()

    def result(self) -> dict[str, float]:
        """The mean of everything that was noted.

        Raises:
            ValueError: when no image of the data set has a valid pixel.
        """
        self._refuse_non_finite()
        images = torch.stack(self.counts).to("cpu", torch.float64)
        means = {}
        for name, values in self.noted.items():
            sums = torch.stack([torch.stack(values).to("cpu", torch.float64) @ images, images.sum()])
            if self.engine.world_size > 1:
                sums = self.engine.all_reduce(sums.to(self.engine.device), reduce_op="sum")
            if not sums[1] > 0:  # a loss of 0 would pass for a perfect prediction
                raise ValueError(
                    f"no image has a valid pixel in {self.what}, so that its loss means nothing: look at the masks of this "
                    "split, at its range of depth, and at what augmentation leaves of them"
                )
            means[name] = float(sums[0] / sums[1])
        return means

    def _refuse_non_finite(self) -> None:
        if not self.unseen:
            return
        finite = torch.isfinite(torch.stack([value.float() for *_, value in self.unseen])).tolist()
        for (number, ids, name, value), good in zip(self.unseen, finite, strict=True):
            if not good:
                raise NonFiniteLoss(
                    f"the {name.replace('_', ' ')} is {float(value)} in {self.what}, batch {number}, samples "
                    f"{', '.join(ids)}. Look at these frames (if they are sound, the gradient of the batch before was not), "
                    "lower the learning rate, or train in 32-true precision. The model, its optimizer and the checkpoint, if "
                    "there is one, are as after the epoch before"
                )
        self.unseen.clear()


def refuse_bad_weights(model: nn.Module, whose: str, when: str, *, begun: bool) -> None:
    """A gradient can be infinite where the loss is not: look before such weights are validated and saved.

    Args:
        model: is looked at with its buffers, such as the statistics of batch normalisation.
        whose: in front of the weight's name, where several models are trained.
        when: in words, the first of the sentence.
        begun: whether this training has made the weights; else they came to it as they are.

    Raises:
        NonFiniteLoss: that names the first weight which is NaN or infinite, and what to do.
    """
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            if not begun:
                raise NonFiniteLoss(
                    f"{when} {whose}{name} is not finite: expected weights that can be trained on. Build the model anew, or "
                    "load other weights; nothing was trained"
                )
            raise NonFiniteLoss(
                f"{when} {whose}{name} is not finite though every loss was: a gradient was not. Lower the "
                "learning rate, or train in 32-true precision. The model, its optimizer and the checkpoint, if there is one, "
                "are as after the epoch before"
            )
