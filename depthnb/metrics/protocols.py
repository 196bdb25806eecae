"""The named ways to score a prediction: which pixels count, how the prediction is aligned, how errors are averaged.

A number without its protocol means nothing: the same network moves by tens of percent when the crop, the cap, the truth
or the alignment changes. So every evaluation takes a `Protocol`, prints it under its table and stores it in `run.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from depthnb.metrics.tally import between

ALIGNMENTS = ("none", "median", "scale", "scale-shift", "scale-shift-inverse")
AVERAGES = ("image", "pixels")

# Crops as (top, bottom, left, right): fractions of the image's size, or fixed pixels of one size.
_FRACTION_CROPS = {
    "kitti-garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
    "kitti-eigen": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
}
_PIXEL_CROPS = {"nyu-eigen": ((480, 640), (45, 471, 41, 601))}
CROPS = ("none", *_PIXEL_CROPS, *_FRACTION_CROPS)


@dataclass(frozen=True)
class Protocol:
    """How a prediction is scored; immutable, printable as one line, and made of plain values (`dataclasses.asdict`).

    A pixel counts where `valid` is True, `min_depth < depth < max_depth` and the crop contains it. **Both ends are
    open**, as in the published evaluation code of BTS and its successors: a sensor that saturates stores exactly the
    largest value. The prediction is aligned on the same pixels, then clipped to the *closed* range [min_depth,
    max_depth].

    Args:
        name: what a table prints; unique among the protocols compared.
        min_depth: metres, above 0 (the log and relative errors need it).
        max_depth: metres; also the data range of SSIM and the farthest distance an aligned prediction can have.
        crop: one of `CROPS`; "nyu-eigen" is fixed rows and columns of 480x640 (H, W), the KITTI ones scale with the size.
        alignment: one of `ALIGNMENTS`; see `metrics.align`.
        average: "image" (mean over pixels, then over images) or "pixels" (all pixels pooled).
        truth: in words, the depth that counts as true.
        frames: in words, the frames that are scored.

    Raises:
        ValueError: for a range that is empty or not positive, or an unknown crop, alignment or average.

    >>> print(Protocol("mine", 0.1, 10.0))
    mine: depth 0.1 to 10 m, no crop, no alignment, mean over images; truth: as stored; frames: test split
    """

    name: str
    min_depth: float
    max_depth: float
    crop: str = "none"
    alignment: str = "none"
    average: str = "image"
    truth: str = "as stored"
    frames: str = "test split"

    def __post_init__(self) -> None:
        if not 0 < self.min_depth < self.max_depth < float("inf"):
            raise ValueError(
                f"protocol {self.name!r}: depth range {self.min_depth}..{self.max_depth} m; "
                "give 0 < min_depth < max_depth, both finite"
            )
        for field, known in (("crop", CROPS), ("alignment", ALIGNMENTS), ("average", AVERAGES)):
            if getattr(self, field) not in known:
                raise ValueError(f"protocol {self.name!r}: {field} {getattr(self, field)!r} is not one of {known}")

    def __str__(self) -> str:
        crop = "no crop" if self.crop == "none" else f"crop {self.crop}"
        alignment = "no alignment" if self.alignment == "none" else f"aligned by {self.alignment}"
        average = {"image": "mean over images", "pixels": "mean over all pixels"}[self.average]
        return (
            f"{self.name}: depth {self.min_depth:g} to {self.max_depth:g} m, {crop}, {alignment}, {average}; "
            f"truth: {self.truth}; frames: {self.frames}"
        )

    @classmethod
    def from_record(cls, stored: Mapping[str, Any]) -> Protocol:
        """The protocol that a run.json holds: one of `PROTOCOLS`, or of somebody's own.

        Args:
            stored: every field by name, as `dataclasses.asdict` gives it.

        Raises:
            ValueError: for missing or further fields, and for values that no protocol can have.

        >>> from dataclasses import asdict
        >>> mine = Protocol("mine", 0.5, 20.0, average="pixels", truth="a tape measure: 3 points")
        >>> Protocol.from_record(asdict(mine)) == mine
        True
        """
        names = [field.name for field in fields(cls)]
        if not isinstance(stored, Mapping) or set(stored) != set(names):
            raise ValueError(f"protocol is {stored!r}; expected the fields {', '.join(names)}")
        try:
            return cls(**stored)
        except TypeError as error:  # text where a number must be
            raise ValueError(f"protocol is {dict(stored)!r}; {error}") from error

    @property
    def base(self) -> str:
        """The name without what `with_alignment` put behind it.

        >>> PROTOCOLS["streets"].with_alignment("median").base
        'streets'
        """
        return self.name.removesuffix(f"/{self.alignment}")

    def with_alignment(self, alignment: str) -> Protocol:
        """The same protocol with another alignment, named `<name>/<alignment>` so that no table mixes the two.

        Args:
            alignment: one of `ALIGNMENTS`.

        Raises:
            ValueError: for an unknown alignment.

        >>> PROTOCOLS["streets"].with_alignment("scale-shift-inverse").name
        'streets/scale-shift-inverse'
        """
        return replace(self, name=f"{self.base}/{alignment}", alignment=alignment)

    def crop_box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The crop in pixels of an image of that size: (top, bottom, left, right), bottom and right excluded.

        Raises:
            ValueError: when the crop is defined for one size only and this is another.

        Source: Garg et al. 2016 and Eigen et al. 2014 as fractions of the size, truncated to whole pixels; NYU rows and
        columns of Eigen et al. 2014, in the form all later evaluation code uses.

        >>> PROTOCOLS["kitti-garg"].crop_box(375, 1242)
        (153, 371, 44, 1197)
        """
        if self.crop in _FRACTION_CROPS:
            top, bottom, left, right = _FRACTION_CROPS[self.crop]
            return int(top * height), int(bottom * height), int(left * width), int(right * width)
        if self.crop in _PIXEL_CROPS:
            size, box = _PIXEL_CROPS[self.crop]
            if (height, width) != size:
                raise ValueError(
                    f"protocol {self.name!r}: its crop is rows and columns of {size[0]}x{size[1]} (height x width), but "
                    f"the depth is {height}x{width}; score at the stored truth's own size (`dataset.native()`)"
                )
            return box
        return 0, height, 0, width

    def counts(self, *, depth: Tensor, valid: Tensor) -> Tensor:
        """The pixels that this protocol scores.

        Args:
            depth: [..., H, W], metres; anything, NaN included, where `valid` is False.
            valid: bool, of the same shape.

        Returns:
            bool of the same shape: valid, inside the open depth range, inside the crop.

        Raises:
            ValueError: from `crop_box`.

        >>> depth = torch.tensor([[0.1, 5.0, 10.0, float("nan")]])
        >>> PROTOCOLS["rooms"].counts(depth=depth, valid=torch.tensor([[True, True, True, False]]))
        tensor([[False,  True, False, False]])
        """
        top, bottom, left, right = self.crop_box(*depth.shape[-2:])
        inside = torch.zeros_like(valid)
        inside[..., top:bottom, left:right] = True
        return inside & self.in_range(depth=depth, valid=valid)

    def in_range(self, *, depth: Tensor, valid: Tensor) -> Tensor:
        """The pixels that are valid and inside the open depth range, wherever they lie: for maps at a size without a crop.

        Args:
            depth, valid: as for `counts`.

        Returns:
            bool of the same shape.
        """
        return between(depth, self.min_depth, self.max_depth) & valid

    def clipped(self, pred: Tensor) -> Tensor:
        """A prediction in metres as it is scored: clipped to the closed depth range; float32 at least.

        Args:
            pred: any shape, metres.

        Returns:
            Tensor of the same shape.

        >>> PROTOCOLS["rooms"].clipped(torch.tensor([-1.0, 0.05, 3.0, 20.0]))
        tensor([ 0.1000,  0.1000,  3.0000, 10.0000])
        """
        return pred.to(torch.promote_types(pred.dtype, torch.float32)).clamp(self.min_depth, self.max_depth)


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol("rooms", 0.1, 10.0, truth="rendered depth under the sensor mask", frames="test split of rooms"),
            Protocol("streets", 1.0, 80.0, truth="rendered depth at LiDAR points", frames="test split of streets"),
            # anybody's own frames; which of the three, their depths decide
            *(
                Protocol(f"folder-{far}", 0.1, float(far), truth="depth as stored in the folder")
                for far in (10, 80, 300)
            ),
            # Eigen et al. 2014; cap and minimum as BTS and its successors evaluate
            Protocol("nyu-eigen", 1e-3, 10.0, "nyu-eigen", truth="rawDepths", frames="654 labelled test frames"),
            Protocol(
                "nyu-eigen-filled",
                1e-3,
                10.0,
                "nyu-eigen",
                truth="in-painted depths",
                frames="654 labelled test frames",
            ),
            # V1 and the CSV form of V2: Eigen et al.'s crop too, since outside of it no depth was measured
            Protocol("nyu-v1", 1e-3, 10.0, "nyu-eigen", truth="in-painted depths", frames="scenes drawn by hash"),
            Protocol(
                "nyu-v1-raw", 1e-3, 10.0, "nyu-eigen", truth="rawDepths, projected", frames="scenes drawn by hash"
            ),
            Protocol("nyu-v2-50k", 1e-3, 10.0, "nyu-eigen", truth="16-bit PNG", frames="654 labelled test frames"),
            Protocol(
                "kitti-garg",
                1e-3,
                80.0,
                "kitti-garg",
                truth="annotated depth maps",
                frames="652 of 697 Eigen test frames",
            ),
            Protocol("kitti-eigen", 1e-3, 80.0, "kitti-eigen", truth="raw LiDAR", frames="697 Eigen test frames"),
            # the scanner's own range, Vasiljevic et al. 2019 (arXiv:1908.00463)
            Protocol("diode", 0.6, 350.0, truth="laser scan under its mask", frames="validation set serving as test"),
            # farthest indoor depth of the same paper's Table 1; 350 m would blunt SSIM, whose data range this is
            Protocol(
                "diode-indoors", 0.6, 50.0, truth="laser scan under its mask", frames="validation set serving as test"
            ),
            # "C1": true depth below 70 m only (Liu et al., CVPR 2014); no crop, unlike Godard et al. 2017 (2:1 centre)
            Protocol("make3d", 1e-3, 70.0, truth="laser grid, C1", frames="134 test frames"),
            # least squares in inverse depth as in MiDaS (arXiv:1907.01341, section 6), here on the range of rooms
            Protocol("zero-shot", 0.1, 10.0, alignment="scale-shift-inverse", frames="test split"),
        )
    }
)


def protocol(which: str | Protocol) -> Protocol:
    """The protocol of that name, or the object itself.

    Args:
        which: a `Protocol`, a name in `PROTOCOLS`, or `<name>/<alignment>` for that protocol with another alignment.

    Raises:
        ValueError: for an unknown name or alignment.

    >>> protocol("kitti-garg/median").alignment
    'median'
    """
    if isinstance(which, Protocol):
        return which
    name, _, alignment = str(which).partition("/")
    if name not in PROTOCOLS:
        raise ValueError(
            f"protocol {which!r} is unknown; the named ones are {', '.join(PROTOCOLS)}, or give a Protocol"
        )
    return PROTOCOLS[name].with_alignment(alignment) if alignment else PROTOCOLS[name]
