r"""Photographs made worse: noise, blur, exposure, contrast and compression, each at three strengths; the depth stays true.

Six of the fifteen corruptions of ImageNet-C with the severities 1, 3 and 5 of its authors, written anew in torch.

Source: Hendrycks and Dietterich 2019 (arXiv:1903.12261), section 4.1; the numbers are those of the authors' published code
(github.com/hendrycks/robustness). Deviates: lengths in pixels are theirs at a side of 224 and scale with the image's shorter
side; motion blur is a line through the pixel, not a trail behind it; every draw is seeded by the frame's name.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor

STRENGTHS = (1, 2, 3)
SIDE = 224  # pixels, for which the lengths are given


def noise(image: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Gaussian noise, as of a sensor in the dark."""
    deviation = (0.08, 0.18, 0.38)[strength - 1]
    return image + deviation * torch.randn(image.shape, generator=generator)


def defocus(image: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """A disc for every point, as a lens out of focus makes it."""
    radius = (3.0, 6.0, 10.0)[strength - 1] * min(image.shape[-2:]) / SIDE
    reach = math.ceil(radius)
    offset = torch.arange(-reach, reach + 1.0)
    # pixels on the rim count by how far the disc reaches into them, so that no radius is lost to rounding
    disc = (radius + 0.5 - torch.hypot(offset[:, None], offset)).clamp(0, 1)
    return _filtered(image, disc)


def motion(image: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """A line for every point, within 45 degrees of level, as a moving hand makes it."""
    reach, deviation = ((10, 3.0), (15, 8.0), (20, 15.0))[strength - 1]
    scale = min(image.shape[-2:]) / SIDE
    angle = math.radians(90 * float(torch.rand((), generator=generator)) - 45)
    size = math.ceil(reach * scale)
    offset = torch.arange(-size, size + 1.0)
    along = offset * math.cos(angle) + offset[:, None] * math.sin(angle)
    aside = offset[:, None] * math.cos(angle) - offset * math.sin(angle)
    line = (1 - aside.abs()).clamp_min(0) * (-0.5 * (along / (deviation * scale)).square()).exp()
    return _filtered(image, torch.where(along.abs() <= max(1.0, reach * scale), line, 0.0))


def brightness(image: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Over-exposed: the value of hue, saturation and value raised, up to white."""
    more = (0.1, 0.3, 0.5)[strength - 1]
    value = image.amax(0, keepdim=True)
    raised = (value + more).clamp_max(1)
    return torch.where(value > 0, image * raised / value.clamp_min(1e-6), raised)


def contrast(image: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """Each channel drawn towards its mean, as in mist that does not grow with distance."""
    left = (0.4, 0.2, 0.05)[strength - 1]
    mean = image.mean((1, 2), keepdim=True)
    return mean + left * (image - mean)


def compression(image: Tensor, strength: int, generator: torch.Generator) -> Tensor:
    """JPEG of low quality."""
    quality = (25, 15, 7)[strength - 1]
    pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=quality)
    decoded = np.array(PIL.Image.open(buffer).convert("RGB"))
    return torch.from_numpy(decoded).permute(2, 0, 1).float() / 255


CORRUPTIONS: dict[str, Callable[[Tensor, int, torch.Generator], Tensor]] = {
    each.__name__: each for each in (noise, defocus, motion, brightness, contrast, compression)
}
SAID = {
    "noise": "noise",
    "defocus": "defocus blur",
    "motion": "motion blur",
    "brightness": "over-exposure",
    "contrast": "low contrast",
    "compression": "JPEG compression",
}


def corrupt(image: Tensor, corruption: str, strength: int, *, name: str = "") -> Tensor:
    """A photograph with one corruption.

    Args:
        image: [3,H,W] float, RGB in 0..1.
        corruption: one of `CORRUPTIONS`.
        strength: 0 (nothing changes) to 3.
        name: of the frame; the same name, corruption and strength give the same picture.

    Returns:
        float32 [3,H,W] in 0..1, on the CPU.

    Raises:
        ValueError: for an unknown corruption or strength, or what is no image of the sample contract.

    >>> image = torch.rand(3, 48, 64)
    >>> torch.equal(corrupt(image, "noise", 0), image), corrupt(image, "noise", 3).shape
    (True, torch.Size([3, 48, 64]))
    """
    if corruption not in CORRUPTIONS:
        raise ValueError(f"corruption is {corruption!r}; expected one of {', '.join(CORRUPTIONS)}")
    if strength not in (0, *STRENGTHS):
        raise ValueError(f"strength is {strength!r}; expected 0 (nothing changes) to {STRENGTHS[-1]}")
    if image.ndim != 3 or image.shape[0] != 3 or not image.is_floating_point():
        raise ValueError(f"image is {tuple(image.shape)} {image.dtype}; expected [3,H,W] float in 0..1")
    image = image.float().cpu()
    if not (image.min() >= 0 and image.max() <= 1):  # also for NaN
        raise ValueError(f"image has values from {image.min():.3g} to {image.max():.3g}; expected 0..1 everywhere")
    if strength == 0:
        return image
    generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {corruption} {strength}".encode()))
    return CORRUPTIONS[corruption](image, int(strength), generator).clamp(0, 1)


def _filtered(image: Tensor, kernel: Tensor) -> Tensor:
    """Every channel of [3,H,W] convolved with a kernel [k,k], which is made to sum to 1; the border repeats."""
    side = kernel.shape[-1] // 2
    padded = F.pad(image[:, None], (side,) * 4, mode="replicate")
    return F.conv2d(padded, (kernel / kernel.sum())[None, None])[:, 0]
