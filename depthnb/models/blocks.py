"""Building blocks and the shape table that the methods share."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor, nn

DEEPEST = 16  # how often an image can be halved at most: the side of what is left of one of 65,536 pixels is 1
LIMIT = 12.0  # natural logarithms, see `positive_depth`
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the RGB values of ImageNet


def conv_bn_relu(
    channels_in: int, channels_out: int, kernel_size: int = 3, *, padding_mode: str = "zeros"
) -> nn.Sequential:
    """One convolution that keeps the size, batch normalisation, ReLU; padding_mode as torch.nn.Conv2d takes it.

    The convolution has no bias: batch normalisation would subtract it again.
    """
    kept = {"padding": kernel_size // 2, "padding_mode": padding_mode, "bias": False}
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size, **kept),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def normalise(image: Tensor, *, mean: Sequence[float] = _MEAN, deviation: Sequence[float] = _DEVIATION) -> Tensor:
    """RGB images 0..1 as networks trained on ImageNet expect them: less the mean of its colours, by their deviation.

    Args:
        image: float [B,3,H,W] -> the same shape and dtype.
        mean, deviation: of red, green and blue; those of torchvision's ImageNet weights, from which some networks differ.
    """
    return (image - image.new_tensor(mean).view(3, 1, 1)) / image.new_tensor(deviation).view(3, 1, 1)


def positive_depth(x: Tensor, start: float) -> Tensor:
    r"""Metres of what a last layer says, $s\,e^x$: positive, finite, and a step of the weights moves it by a share of itself.

    x counts up to 12 to either side, which is a factor of 160,000, so that no depth is 0 or infinite.

    Args:
        x: any shape, float.
        start: $s$ in metres, the answer where x is 0.
    """
    return start * x.clamp(-LIMIT, LIMIT).exp()


def check_image(image: Tensor, *, multiple: int = 1, minimum: int = 1) -> None:
    """Refuse what is no batch of RGB images, before a layer deep inside fails with a riddle.

    The range of the values is not looked at: a GPU would have to wait for the answer at every step, and the readers see to it.

    Args:
        image: float [B,3,H,W], RGB in 0..1.

    Raises:
        ValueError: that names what was found, the rule and the remedy.
    """
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(
            f"expected a batch of RGB images [B,3,H,W], found shape {tuple(image.shape)}; "
            "add the batch dimension with image[None], and read grey or RGBA images through depthnb.data"
        )
    if not image.is_floating_point():  # as integers, the constants of `normalise` would be 0: NaN everywhere
        raise ValueError(
            f"expected RGB images as floats in 0..1, found {image.dtype}; divide 8-bit values by 255: image / 255"
        )
    height, width = image.shape[-2:]
    if min(height, width) < minimum or height % multiple or width % multiple:
        wanted = [max(minimum, -(-side // multiple) * multiple) for side in (height, width)]
        raise ValueError(
            f"image size {height}x{width} (H x W) does not fit: each side must be at least {minimum} and divisible "
            f"by {multiple}; the next size that fits is {wanted[0]}x{wanted[1]}"
        )


@torch.no_grad()
def describe(model: nn.Module, size: tuple[int, int], *, batch: int = 1) -> pd.DataFrame:
    """The layer table of a model, read from a forward pass and not typed.

    Args:
        size: (H, W) of the input image.

    Returns:
        One row per module without children or with parameters of its own, in the order of execution: `layer` (its name in the
        model), `kind` (class), `output` (shape without the batch dimension, as text `C x H x W`), `parameters` (count, int; a
        module that runs twice is counted once). The model's mode (train or eval) and its device stay as they were.

    >>> describe(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), (8, 8)).parameters.sum()
    np.int64(112)
    """
    rows, handles, counted = [], [], set()

    def remember(name: str):
        def hook(module: nn.Module, _, output) -> None:
            own = 0 if module in counted else sum(p.numel() for p in module.parameters(recurse=False))
            counted.add(module)
            shape = " x ".join(str(n) for n in output.shape[1:])
            rows.append({"layer": name, "kind": type(module).__name__, "output": shape, "parameters": own})

        return hook

    for name, module in model.named_modules():
        if not list(module.children()) or list(module.parameters(recurse=False)):
            handles.append(module.register_forward_hook(remember(name)))
    modes = {module: module.training for module in model.modules()}
    try:
        parameter = next(model.parameters())
        model.eval()
        model(torch.zeros(batch, 3, *size, device=parameter.device, dtype=parameter.dtype))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    return pd.DataFrame(rows)


def parameter_count(model: nn.Module) -> int:
    """Number of trainable and frozen parameters of a model (buffers such as running means do not count)."""
    return sum(p.numel() for p in model.parameters())
