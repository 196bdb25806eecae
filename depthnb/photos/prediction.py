"""What a net says of a photograph, and what a known distance changes about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb.photos.nets import Net
from depthnb.photos.reading import Photo
from depthnb.runs.trained import METRIC

LARGEST_MM = 65535  # what the 16 bits of a depth picture hold
_DOUBTFUL = 4.0  # a factor beyond which a slip is likelier than a net that is so wrong
_FARTHEST = 1000.0  # metres: an inverse depth of nearly 0 is given no more than this


@dataclass(frozen=True)
class Known:
    """A distance that somebody knows: of the pixel in column x and row y of the file, in metres along the optical axis."""

    x: float
    y: float
    metres: float

    @classmethod
    def parse(cls, text: str) -> Known:
        """From `X,Y=METRES`.

        Raises:
            ValueError: for anything else.

        >>> Known.parse("320,240=2.5")
        Known(x=320.0, y=240.0, metres=2.5)
        """
        place, _, metres = text.partition("=")
        try:
            x, y = (float(each) for each in place.split(","))
            known = cls(x, y, float(metres))
        except ValueError:
            raise ValueError(f"a known distance is written X,Y=METRES, such as 320,240=2.5; found {text!r}") from None
        if not 0 < known.metres < float("inf"):
            raise ValueError(f"a known distance is above 0 metres; found {text!r}")
        return known


@dataclass(frozen=True, eq=False)
class Depth:
    """The depth of one photograph.

    Attributes:
        photo, net: what was asked.
        metres: float32 [1,H,W] at the photograph's size, along the optical axis; None where the net knows no metres.
        inverse: float32 [1,H,W], inverse depth up to a scale and a shift; None where the net knows metres.
        notes: what changed the answer, in sentences.
    """

    photo: Photo
    net: Net
    metres: Tensor | None
    inverse: Tensor | None
    notes: tuple[str, ...] = ()

    @property
    def said(self) -> list[str]:
        """What a reader has to know of these numbers, in sentences."""
        camera = f"Camera: focal length {self.photo.focal:.0f} pixels ({self.photo.camera})."
        photo = [f"Picture: {note}." for note in self.photo.notes]
        notes = list(self.notes)
        if self.metres is not None and (share := float((self.metres > LARGEST_MM / 1000).float().mean())):
            notes.append(
                f"{share:.1%} lies beyond {LARGEST_MM / 1000:g} m, which 16 bits cannot hold: 0 in the depth picture"
            )
        return [f"Net: {self.net.said}.", camera, *photo, *(f"Depth: {note}." for note in notes)]


def predict(net: Net, photo: Photo, *, known: Sequence[Known] = (), device: str = "cpu") -> Depth:
    """Ask a net for the depth of a photograph.

    Args:
        net, photo: as `photos.net` and `photos.read` give them.
        known: distances that are known, in pixels of the file's upright picture. One or more correct a net's metres
            by a factor (the median of their logarithms). A net that knows no metres needs two or more: a scale and a
            shift of its inverse depth are fitted to them by least squares.
        device: on which the net is asked, cpu or cuda.

    Returns:
        A `Depth`.

    Raises:
        ValueError: for a known distance outside the picture, too few of them, or such as no scale fits.
    """
    height, width = photo.original or photo.size
    for each in known:
        if not (0 <= each.x < width and 0 <= each.y < height):
            raise ValueError(
                f"the known distance at {each.x:g},{each.y:g} lies outside the picture of {width} x {height} pixels"
            )
    down, across = photo.size[0] / height, photo.size[1] / width
    known = [Known((each.x + 0.5) * across - 0.5, (each.y + 0.5) * down - 0.5, each.metres) for each in known]
    return of_answer(net, photo, net.ask(photo, device=device), known)


def of_answer(net: Net, photo: Photo, answer: Tensor, known: Sequence[Known] = ()) -> Depth:
    """The depth that an answer of a net means.

    Args:
        net, photo: which was asked, and about what.
        answer: [1,h,w] as `Net.ask` gives it.
        known: as for `predict`, but in pixels of `photo.image`.

    Raises:
        ValueError: as `predict`, and for numbers that are not finite.
    """
    answer = F.interpolate(answer[None], photo.size, mode="bilinear", align_corners=False)[0]
    if not torch.isfinite(answer).all():
        raise ValueError(f"{net.name} answers with numbers that are not finite; its weights are damaged")
    if net.kind == METRIC:
        return _scaled(Depth(photo, net, answer, None, beyond(net, answer)), known)
    return _fitted(Depth(photo, net, None, answer), known)


def beyond(net: Net, metres: Tensor) -> tuple[str, ...]:
    """A sentence where a net answers with depths that it has never seen."""
    if net.range is None:
        return ()
    least, most = net.range
    share = float(((metres < least) | (metres > most)).float().mean())
    if share < 0.01:
        return ()
    return (
        f"the net's own answer lies beyond {least:g} to {most:g} m, all that it has seen, in {share:.0%} of the picture",
    )


def _at(values: Tensor, known: Sequence[Known]) -> np.ndarray:
    """The values at the pixels of known distances; the median of 5 x 5 pixels, since a finger is no finer."""
    height, width = values.shape[-2:]
    found = []
    for each in known:
        row, column = (min(max(round(at), 0), side - 1) for at, side in ((each.y, height), (each.x, width)))
        patch = values[0, max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
        found.append(float(patch.median()))
    return np.array(found)


def _scaled(depth: Depth, known: Sequence[Known]) -> Depth:
    if not known:
        return depth
    metres, before = np.array([each.metres for each in known]), _at(depth.metres, known)
    factor = float(
        np.exp(np.median(np.log(metres / np.maximum(before, 1e-6))))
    )  # of two: too near and too far weigh alike
    many = f"{len(known)} known distances make" if len(known) > 1 else "the known distance makes"
    note = f"{many} everything {factor:.2f} times as far"
    if len(known) > 1:
        left = np.abs(before * factor / metres - 1).max()
        note += f"; the one that fits worst is then {left:.0%} off"
    if not 1 / _DOUBTFUL < factor < _DOUBTFUL:
        note += "; that is a lot: is the number in metres, and the pixel column,row?"
    return replace(depth, metres=depth.metres * factor, notes=(*depth.notes, note))


def _fitted(depth: Depth, known: Sequence[Known]) -> Depth:
    if not known:
        note = "this net knows no metres; two known distances (X,Y=METRES) would give them"
        return replace(depth, notes=(note,))
    if len(known) < 2:
        raise ValueError(f"{depth.net.name} knows no metres, so it takes two known distances or more; found one")
    own, inverse = _at(depth.inverse, known), 1 / np.array([each.metres for each in known])
    design = np.stack([own, np.ones_like(own)], 1)
    reach = float(depth.inverse.max() - depth.inverse.min())
    if not np.ptp(own) > 0.02 * reach:
        raise ValueError(
            f"{depth.net.name} calls the places of the known distances equally far, so no scale follows from them; take a near "
            "place and a far one"
        )
    (scale, shift), *_ = np.linalg.lstsq(design, inverse, rcond=None)
    if not scale > 0:
        raise ValueError(
            f"the known distances contradict {depth.net.name}: what they call farther it calls nearer; check the pixels "
            "(column, row) and the metres"
        )
    metres = 1 / (depth.inverse * float(scale) + float(shift)).clamp_min(1 / _FARTHEST)
    left = np.abs(1 / np.maximum(design @ [scale, shift], 1 / _FARTHEST) * inverse - 1).max()
    note = f"a scale and a shift were fitted to {len(known)} known distances; the one that fits worst is then {left:.0%} off"
    return replace(depth, metres=metres.float(), notes=(note,))
