"""The coarse and the fine network of Eigen, Puhrsch and Fergus (2014) as Lacelle and Nofal rebuilt them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from depthnb.models.blocks import check_image

SMALLEST = 63  # below this coarse layer 5 would have no output


def output_size(size: tuple[int, int]) -> tuple[int, int]:
    """(H, W) of the prediction for an input of (H, W): a quarter, less the border that no padding replaces.

    >>> output_size((228, 304))
    (55, 74)
    """
    return (size[0] - 7) // 4, (size[1] - 7) // 4


class EigenCoarse(nn.Module):
    """Seven layers from the whole image to one global depth map at a quarter of the size.

    Shapes: image float [B,3,H,W] in 0..1 of exactly `size` (the fully connected layers fix it) -> depth [B,1,h,w] in
    metres, (h, w) = output_size(size); 228 x 304 -> 55 x 74 as printed. The network's own output is log depth.

    Args:
        size: (H, W).
        initialisation: `kaiming-xavier` (Lacelle and Nofal: Kaiming normal for convolutions, Xavier normal for linear layers),
            or for its claim that others fail: `pytorch` (the layers' own), `normal-0.01`, `normal-1`, `uniform-1` and `zeros`.
        dropout: after layer 6.

    Source: Eigen et al. 2014 (arXiv:1406.2283), figure 1 and section 3.1; Lacelle and Nofal, sections 3.1.1 and 3.3. Layer 5
    strides by 2 without padding: that is what turns the printed 18 x 13 into 8 x 6. Deviation: weights start at random,
    where Eigen et al. took layers 1 to 5 from an ImageNet network; 003 says nothing of pretraining.
    """

    def __init__(
        self, size: tuple[int, int] = (228, 304), *, initialisation: str = "kaiming-xavier", dropout: float = 0.5
    ) -> None:
        super().__init__()
        size = (int(size[0]), int(size[1]))
        if min(size) < SMALLEST:
            raise ValueError(
                f"EigenCoarse needs at least {SMALLEST} pixels a side, found {size[0]} x {size[1]} (H x W)"
            )
        self.config = {"size": list(size), "initialisation": initialisation, "dropout": dropout}
        self.size = size
        self.coarse1 = nn.Sequential(nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.coarse2 = nn.Sequential(nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.coarse3 = nn.Sequential(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True))
        self.coarse4 = nn.Sequential(nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(inplace=True))
        self.coarse5 = nn.Sequential(nn.Conv2d(384, 256, 3, stride=2), nn.ReLU(inplace=True))
        h, w = output_size(size)
        h5, w5 = (h // 2 // 2 - 3) // 2 + 1, (w // 2 // 2 - 3) // 2 + 1
        self.coarse6 = nn.Sequential(nn.Linear(256 * h5 * w5, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout))
        self.coarse7 = nn.Linear(4096, h * w)
        initialise(self, initialisation)

    def forward(self, image: Tensor) -> Tensor:
        check_image(image)
        if tuple(image.shape[-2:]) != self.size:
            raise ValueError(
                f"this EigenCoarse was built for images of {self.size[0]} x {self.size[1]} (H x W), found "
                f"{image.shape[-2]} x {image.shape[-1]}; open the data with size={self.size} or build the net for yours"
            )
        x = image * 2 - 1
        for layer in (self.coarse1, self.coarse2, self.coarse3, self.coarse4, self.coarse5):
            x = layer(x)
        log_depth = self.coarse7(self.coarse6(x.flatten(1)))
        return log_depth.view(-1, 1, *output_size(self.size)).float().exp()

    def start_at(self, depth: float) -> EigenCoarse:
        """Set the output's bias so that the untrained net predicts about this depth (metres) everywhere; returns self.

        Deviation: Lacelle and Nofal do not say how biases start, `initialise` makes them zero, which is 1 m. Each pixel of
        output has a bias of its own whose gradient is one n-th of the image's error, so plain SGD moves the level of the
        whole output by way of the weights, over many epochs.
        """
        nn.init.constant_(self.coarse7.bias, _log(depth))
        return self

    def parameter_groups(self, *, convolutions: float = 0.001, linear: float = 0.1) -> list[dict]:
        """Optimiser groups with Lacelle and Nofal's learning rates: layers 1 to 5, and layers 6 and 7."""
        fully_connected = {id(p) for layer in (self.coarse6, self.coarse7) for p in layer.parameters()}
        return [
            {"params": [p for p in self.parameters() if id(p) not in fully_connected], "lr": convolutions},
            {"params": [p for p in self.parameters() if id(p) in fully_connected], "lr": linear},
        ]


class EigenFine(nn.Module):
    """Four layers that refine a frozen coarse prediction with local detail from the image.

    Shapes as EigenCoarse. The second layer only joins the coarse output to 63 feature maps.

    Args:
        coarse: the trained first stage; it is kept inside, gets no gradient, and stays in eval mode (its dropout is off)
            whatever mode this module is in.

    Source: Eigen et al. 2014, section 3.1.2; Lacelle and Nofal, section 3.1.2 and 4.1 (no backpropagation into the coarse net).
    Deviation: the coarse output is joined as log depth, the space both nets work in; neither text says which. The last
    layer's output is added to nothing: as printed, the fine net predicts the whole depth, not a correction.
    """

    def __init__(self, coarse: EigenCoarse, *, initialisation: str = "kaiming-xavier") -> None:
        super().__init__()
        self.config = {"coarse": coarse.config, "initialisation": initialisation}
        self.fine1 = nn.Sequential(nn.Conv2d(3, 63, 9, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.fine3 = nn.Sequential(nn.Conv2d(64, 64, 5, padding=2), nn.ReLU(inplace=True))
        self.fine4 = nn.Conv2d(64, 1, 5, padding=2)
        initialise(self, initialisation)
        self.coarse = coarse.requires_grad_(False)
        self.coarse.eval()

    @property
    def size(self) -> tuple[int, int]:
        return self.coarse.size

    def train(self, mode: bool = True) -> EigenFine:
        super().train(mode)
        self.coarse.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        with torch.no_grad():
            coarse = self.coarse(image).log()
        detail = self.fine1(image * 2 - 1)
        joined = torch.cat([detail, coarse.to(detail.dtype)], dim=1)  # the second layer
        return self.fine4(self.fine3(joined)).float().exp()

    def start_at(self, depth: float) -> EigenFine:
        """As `EigenCoarse.start_at`, for the fine net's own output."""
        nn.init.constant_(self.fine4.bias, _log(depth))
        return self

    def parameter_groups(self, *, first: float = 0.001, second: float = 0.01, third: float = 0.001) -> list[dict]:
        """Optimiser groups with Lacelle and Nofal's learning rates for the three convolutions; the coarse net has none."""
        layers = ((self.fine1, first), (self.fine3, second), (self.fine4, third))
        return [{"params": list(layer.parameters()), "lr": rate} for layer, rate in layers]


def _log(depth: float) -> float:
    if not 0 < depth < math.inf:
        raise ValueError(f"start_at wants a depth in metres above 0, found {depth}")
    return math.log(depth)


def initialise(model: nn.Module, how: str) -> None:
    """Draw the weights of all convolutions and linear layers anew; biases become zero, save under `pytorch`.

    Args:
        model: changed in place.
        how: as EigenCoarse's `initialisation`.

    Raises:
        ValueError: for an unknown name.

    Source: Lacelle and Nofal, section 3.3; `pytorch` is what its layers do alone (uniform, bounded by one over the root of
    the number of inputs, weights and biases alike).
    """
    draw = {
        "kaiming-xavier": _kaiming_xavier,
        "pytorch": lambda layer: layer.reset_parameters(),
        "normal-0.01": lambda layer: nn.init.normal_(layer.weight, std=0.01),
        "normal-1": lambda layer: nn.init.normal_(layer.weight, std=1.0),
        "uniform-1": lambda layer: nn.init.uniform_(layer.weight, -1.0, 1.0),
        "zeros": lambda layer: nn.init.zeros_(layer.weight),
    }
    if how not in draw:
        raise ValueError(f"unknown initialisation {how!r}; known: {', '.join(draw)}")
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            draw[how](module)
            if how != "pytorch":
                nn.init.zeros_(module.bias)


def _kaiming_xavier(layer: nn.Conv2d | nn.Linear) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    else:
        nn.init.xavier_normal_(layer.weight)
