"""How any model is asked about a batch: with its camera, if it takes one, and with the mirror image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def ask(model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    """A model's answer to a batch of the sample contract, with the intrinsics where it wants to know them.

    Args:
        model: image [B,3,H,W] -> depth [B,1,h,w]; one whose `takes_camera` is True is called as model(image, intrinsics).
        batch: image float [B,3,H,W] in 0..1, and intrinsics [B,3,3] for models that take them.
    """
    if getattr(model, "takes_camera", False):
        return model(batch["image"], batch["intrinsics"])
    return model(batch["image"])


class CanonicalCamera(nn.Module):
    r"""A network whose depth is that of one canonical camera, scaled to the camera that took the photograph.

    A longer lens enlarges everything, as if it were nearer. From the picture alone the two cannot be told apart: a net
    trained with one lens is wrong by a constant factor with another. So the inner net estimates the depth $d_c$ that the same
    picture would have with the focal length $f_c$, and the answer is $d = d_c f / f_c$.

    Shapes: image float [B,3,H,W] in 0..1, intrinsics float [B,3,3] in pixels of this image (NaN or None where unknown: then the
    canonical camera is assumed) -> the inner net's answer, metres.

    Args:
        net: image -> depth in metres, of any size.
        focal: $f_c$ in pixels of the images as the net sees them; the one of most training frames is a good choice.

    Raises:
        ValueError: for a focal length that is not above 0.

    Source: Yin et al. 2023 (Metric3D, arXiv:2307.10984), section 3.1, transformation of the labels. Deviation: $f$ is the
    geometric mean of fx and fy, since pixels of other data need not be square.

    >>> net = CanonicalCamera(lambda image: image.mean(1, keepdim=True) + 2, focal=100.0)
    >>> K = torch.tensor([[200.0, 0, 0], [0, 200.0, 0], [0, 0, 1]])
    >>> net(torch.zeros(1, 3, 1, 1), K[None]).item()
    4.0
    """

    takes_camera = True

    def __init__(self, net: nn.Module, *, focal: float) -> None:
        super().__init__()
        if not 0 < focal < float("inf"):
            raise ValueError(f"focal is {focal}; expected the canonical focal length in pixels, above 0")
        self.net, self.focal = net, float(focal)

    @property
    def config(self) -> dict[str, Any]:
        """What `models.build` makes it from."""
        return {"net": type(self.net).__name__, "config": self.net.config, "focal": self.focal}

    def forward(self, image: Tensor, intrinsics: Tensor | None = None) -> Tensor:
        return self.to_camera(self.net(image), intrinsics)

    def to_camera(self, depth: Tensor, intrinsics: Tensor | None = None) -> Tensor:
        """Depth of the canonical camera -> depth of the camera with these intrinsics."""
        if intrinsics is None:
            return depth
        own = (intrinsics[:, 0, 0] * intrinsics[:, 1, 1]).abs().sqrt()
        factor = torch.where(own.isfinite() & (own > 0), own / self.focal, 1.0)
        return depth * factor.to(depth.dtype).view(-1, 1, 1, 1)


class Around(nn.Module):
    """What stands around a model and is asked like it: with the camera, if the model takes one."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @property
    def takes_camera(self) -> bool:
        return getattr(self.model, "takes_camera", False)


class FromMirror(Around):
    """A network's depth for the mirror image, turned back. Shapes and units as the network's own."""

    def forward(self, image: Tensor, *camera: Tensor) -> Tensor:
        return self.model(image.flip(-1), *camera).flip(-1)


class Mirrored(FromMirror):
    """The mean of a network's depth for an image and, turned back, for its mirror image.

    Twice the time; the mean is taken in metres.

    Source: how the authors of DenseDepth evaluate theirs (code of github.com/ialhashim/DenseDepth; the paper does not mention
    it).
    """

    def forward(self, image: Tensor, *camera: Tensor) -> Tensor:
        return (self.model(image, *camera) + super().forward(image, *camera)) / 2


class Ensemble(nn.Module):
    """Several networks asked as one: the geometric mean of their depths, that is the mean of the logarithms.

    Shapes and units as the networks' own, which answer in one size.

    Args:
        members: nets of metric depth above 0; all of them take the camera, or none does.

    Raises:
        ValueError: for no member, or where only some take the camera.

    Source: Lakshminarayanan et al. 2017 (deep ensembles, arXiv:1612.01474); the mean of logarithms because the losses here
    compare logarithms.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        camera = {getattr(each, "takes_camera", False) for each in members}
        if len(camera) != 1:
            raise ValueError(
                f"{len(members)} members; expected at least one, and either all or none that take the camera"
            )
        self.members, self.takes_camera = nn.ModuleList(members), camera.pop()

    def forward(self, image: Tensor, *camera: Tensor) -> Tensor:
        return self.logarithms(image, *camera).mean(0).exp()

    def logarithms(self, image: Tensor, *camera: Tensor) -> Tensor:
        """The members' own answers: logarithms of metres, [members,B,1,h,w]."""
        return torch.stack([member(image, *camera).log() for member in self.members])


class Disagreement(Around):
    """How far the members of an `Ensemble` are apart: the standard deviation of the logarithms of their depths, [B,1,h,w]."""

    def forward(self, image: Tensor, *camera: Tensor) -> Tensor:
        return self.model.logarithms(image, *camera).std(0, correction=0)
