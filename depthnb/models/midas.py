"""MiDaS and its kin: published networks that know inverse depth up to scale and shift, behind one way in and out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models.blocks import check_image
from depthnb.weights.origin import Origin

_NEAREST_TO_ZERO = 1e-6  # inverse depth below this is taken for this: MiDaS says 0 where the sky is


@dataclass(frozen=True)
class Input:
    """How a network wants its images: size in pixels, and the colours' mean and deviation.

    Attributes:
        height, width: what it was trained at.
        multiple: both sides must be divisible by it.
        keep_aspect: scale the image as little as possible to one of the two sides and let the other follow, instead of pressing
            it into height x width.
    """

    height: int = 384
    width: int = 384
    multiple: int = 32
    keep_aspect: bool = True
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    deviation: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def size(self, image: tuple[int, int]) -> tuple[int, int]:
        """(H, W) that an image of (H, W) is resized to.

        Source: the transform that MiDaS publishes for its DPT networks (method "minimal", multiples of 32).

        >>> Input().size((480, 640)), Input().size((240, 320)), Input(keep_aspect=False).size((480, 640))
        ((384, 512), (288, 384), (384, 384))
        """
        high, wide = self.height / image[0], self.width / image[1]
        if self.keep_aspect:
            high = wide = min(high, wide, key=lambda scale: abs(1 - scale))
        sides = (high * image[0], wide * image[1])
        return tuple(max(1, round(side / self.multiple)) * self.multiple for side in sides)


class ZeroShot(nn.Module):
    """A published network with its own resizing and colours inside: photograph in, inverse depth out.

    Shapes: image float [B,3,H,W], RGB in 0..1, of any size -> float32 [B,1,H,W], inverse depth up to an unknown scale and
    shift (kind `affine-inverse`: 1 / prediction is *not* depth, see `metrics.align`). The image is resized (bicubic,
    antialiased where it shrinks) as `wants` says, the prediction resized back to the image's own size (bicubic), as
    Akondi and the published example do it.

    Args:
        network: pixels [B,3,h,w] -> [B,h,w] or [B,1,h,w], or an object with such a `predicted_depth`, as transformers' models
            return it.
        origin: where the weights come from.

    Raises:
        ValueError: for another output.
    """

    kind = "affine-inverse"

    def __init__(self, network: nn.Module, wants: Input, *, name: str, origin: Origin) -> None:
        super().__init__()
        self.network, self.wants, self.name, self.origin = network, wants, name, origin
        self.register_buffer("mean", torch.tensor(wants.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(wants.deviation).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> Tensor:
        check_image(image)
        size = tuple(image.shape[-2:])
        pixels = F.interpolate(image.float(), self.wants.size(size), mode="bicubic", antialias=True).clamp(0, 1)
        out = self.network((pixels - self.mean) / self.deviation)
        out = getattr(out, "predicted_depth", out)
        out = out[:, None] if torch.is_tensor(out) and out.ndim == 3 else out
        if not torch.is_tensor(out) or out.ndim != 4 or out.shape[:2] != (len(image), 1):
            found = tuple(out.shape) if torch.is_tensor(out) else type(out).__name__
            raise ValueError(f"{self.name} returned {found}; expected inverse depth [B,H,W] or [B,1,H,W]")
        return F.interpolate(out.float(), size, mode="bicubic")


class AnyAspect(nn.Module):
    """transformers' DPT on images that are not square.

    Its vision transformer takes any size, but the part behind it (the "neck") believes that the patches form a square
    unless it is told otherwise; the model never tells it. Shapes: pixels [B,3,h,w], h and w multiples of the patch ->
    [B,h,w]. Without effect on square images.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.grid: tuple[int, int] | None = None
        network.neck.register_forward_pre_hook(self._tell)

    def _tell(self, _neck: nn.Module, arguments: tuple) -> tuple:
        return (arguments[0], *self.grid)

    def forward(self, pixels: Tensor) -> Tensor:
        patch = self.network.config.patch_size
        self.grid = (pixels.shape[-2] // patch, pixels.shape[-1] // patch)
        return self.network(pixels).predicted_depth


def as_depth(prediction: Tensor) -> Tensor:
    """Inverse depth of any shape read as if its shift were known to be 0: depth up to scale, at most a million.

    For a network trained with a scale-and-shift-invariant loss this is wrong on purpose: what it costs is what the unknown
    shift is worth.
    """
    return 1 / prediction.clamp_min(_NEAREST_TO_ZERO)


class SwappedColours(nn.Module):
    """A network that is fed BGR instead of RGB, as happens when OpenCV reads the photograph and nobody converts it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image.flip(1))
