"""The batch-normalised encoder-decoder of Akondi."""

from __future__ import annotations

import math

from torch import Tensor, nn

from depthnb.models.blocks import DEEPEST, check_image, conv_bn_relu


class BNCNN(nn.Module):
    """Convolution + batch norm + ReLU + max-pool encoder, transposed-convolution decoder.

    Shapes: image float [B,3,H,W] in 0..1, any H and W of at least 2**depth -> depth [B,1,H,W] in metres. The output layer
    is linear, so an untrained or badly trained net can say a negative depth; evaluation clips to the protocol's range.

    Args:
        width: channels after the first step, doubled at each further one.
        depth: number of pooling steps.
        unit: stored units per metre of the training target (1 metres, 100 centimetres, 1000 millimetres): the net predicts in
            that unit and the forward pass divides by it, so that a loss in any unit can be studied while everybody outside sees
            metres.

    Raises:
        ValueError: for options out of range.

    Source: Akondi, section 2.2.1 (it names the layer types; counts, widths and kernel sizes are ours).
    """

    def __init__(self, *, width: int = 32, depth: int = 4, unit: float = 1.0) -> None:
        super().__init__()
        if width < 1 or depth not in range(1, DEEPEST + 1) or not 0 < unit < math.inf:
            raise ValueError(
                f"width {width}, depth {depth} and unit {unit}: expected at least 1, 1 to {DEEPEST}, and units per metre "
                "above 0"
            )
        self.config = {"width": width, "depth": depth, "unit": unit}
        self.unit = unit
        widths = [width * 2**i for i in range(depth)]
        self.encoder = nn.ModuleList(
            conv_bn_relu(channels_in, channels_out)
            for channels_in, channels_out in zip([3, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList()
        self.normalise = nn.ModuleList()
        for channels_in, channels_out in zip(widths[::-1], [*widths[-2::-1], width], strict=True):
            self.up.append(nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1, bias=False))
            self.normalise.append(nn.Sequential(nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)))
        self.head = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        check_image(image, minimum=2 ** len(self.encoder))
        x, sizes = image * 2 - 1, []
        for step in self.encoder:
            sizes.append(x.shape[-2:])
            x = self.pool(step(x))
        for up, normalise in zip(self.up, self.normalise, strict=True):
            # output_size undoes the rounding of the pooling, so odd sizes come back exactly
            x = normalise(up(x, output_size=sizes.pop()))
        return self.head(x) / self.unit
