r"""Resizing, cropping, flipping and augmenting samples without harming depth, validity or intrinsics.

Everything works on the sample of the contract (see `depthnb.data.sample`): image 0..1, depth in metres along the
optical axis, a bool mask that alone decides what counts, and intrinsics in pixels with pixel centres at integers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]
PERMUTATIONS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def check_size(size: Sequence[int]) -> Size:
    """Return `size` as (height, width), or raise ValueError if it is not two positive whole numbers.

    >>> check_size([120, 160])
    (120, 160)
    """
    try:
        height, width = (int(v) for v in size)
        whole = (height, width) == tuple(size)
    except (TypeError, ValueError):
        whole = False
    if not whole or height < 1 or width < 1:
        raise ValueError(f"size is {size!r}; expected (height, width), two positive whole numbers such as (120, 160)")
    return height, width


def resize_image(image: Tensor, size: Sequence[int]) -> Tensor:
    """Resize an image bilinearly, with antialiasing when it shrinks.

    Args:
        image: [..., C, H, W], float32 in 0..1 or uint8 in 0..255.
        size: (height, width) wanted.

    Returns:
        [..., C, height, width] of the same dtype; uint8 is rounded, not truncated.

    >>> resize_image(torch.ones(3, 4, 6), (2, 3)).shape
    torch.Size([3, 2, 3])
    """
    size = check_size(size)
    if tuple(image.shape[-2:]) == size:
        return image.clone()
    flat = image.reshape(-1, *image.shape[-3:])
    if flat.dtype == torch.uint8 and flat.device.type != "cpu":  # the uint8 kernel exists on the CPU only
        out = F.interpolate(flat.float(), size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)
    else:
        out = F.interpolate(flat, size, mode="bilinear", antialias=True)
    return out.reshape(*image.shape[:-2], *size)


def _cell_pixels(n_in: int, n_out: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For one axis: the input pixels of each output cell, and their distance from the cell's centre.

    Returns:
        Two int64 tensors [K, n_out], K = the most pixels a cell holds. Distances are in units of 1 / (2 n_out) input pixels,
        hence exact; a cell with fewer than K pixels repeats its last one, which changes nothing.
    """
    x = torch.arange(n_out, device=device)
    if n_out >= n_in:  # growing: the input pixel under the centre of the output pixel
        first = last = (2 * x + 1) * n_in // (2 * n_out)
    else:  # pixel i lies in cell x when x s <= i + 0.5 < (x + 1) s, with s = n_in / n_out
        first = -((n_out - 2 * x * n_in) // (2 * n_out))
        last = -((n_out - 2 * (x + 1) * n_in) // (2 * n_out)) - 1
    step = torch.arange(int((last - first).max()) + 1, device=device)
    pixels = torch.minimum(first + step[:, None], last)
    distance = ((2 * pixels + 1) * n_out - (2 * x + 1) * n_in).abs()
    return pixels, distance


def resize_depth(depth: Tensor, valid: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Resize depth by picking, for each output pixel, the valid input pixel nearest to the centre of its cell.

    A mean over the cell would invent surfaces between an object and its background, and mix measured with unmeasured
    pixels. Picking one measured pixel keeps every depth exact (no value appears that the sensor did not give), keeps
    all of a sparse LiDAR truth that fits, and fills only holes smaller than a cell. A median would do the first as
    well, but moves the sample about inside the cell, so that a slanted plane comes out ragged; here ties go to the
    upper left, so that an even factor samples half an input pixel up and left of the cell's centre everywhere, and a
    plane stays a plane. Growing repeats pixels.

    Args:
        depth: [..., H, W] float, metres; meaningless where `valid` is False.
        valid: [..., H, W] bool of the same shape.
        size: (height, width) wanted.

    Returns:
        depth and valid at `size`. An output pixel is valid if its cell holds at least one valid pixel; where it is not,
        its depth is 0.

    >>> depth = torch.tensor([[1.0, 2.0], [3.0, 9.0]])
    >>> resize_depth(depth, depth > 1.5, (1, 1))
    (tensor([[2.]]), tensor([[True]]))
    """
    size = check_size(size)
    if depth.shape != valid.shape or valid.dtype != torch.bool:
        raise ValueError(
            f"depth is {tuple(depth.shape)}, valid is {tuple(valid.shape)} {valid.dtype}; expected equal shapes, bool"
        )
    rows, row_far = _cell_pixels(depth.shape[-2], size[0], depth.device)
    columns, column_far = _cell_pixels(depth.shape[-1], size[1], depth.device)
    # squared distances in input pixels; pixels equally far along an axis get the very same number
    row_far = (row_far.double() / (2 * size[0])) ** 2
    column_far = (column_far.double() / (2 * size[1])) ** 2
    best = torch.zeros(*depth.shape[:-2], *size, dtype=depth.dtype, device=depth.device)
    nearest = torch.full(best.shape, math.inf, dtype=torch.float64, device=depth.device)
    for row, far_y in zip(rows, row_far, strict=True):
        in_row, valid_row = depth[..., row, :], valid[..., row, :]
        for column, far_x in zip(columns, column_far, strict=True):
            far = torch.where(valid_row[..., column], far_y[:, None] + far_x, math.inf)
            closer = far < nearest
            best = torch.where(closer, in_row[..., column], best)
            nearest = torch.where(closer, far, nearest)
    return best, nearest.isfinite()


def resize_intrinsics(intrinsics: Tensor, size_from: Sequence[int], size_to: Sequence[int]) -> Tensor:
    """Intrinsics after the image was resized: pixel centres at integers, so cx maps to (cx + 0.5) s - 0.5.

    Args:
        intrinsics: [..., 3, 3] float; NaN (unknown) stays NaN.
        size_from, size_to: (height, width) before and after.

    >>> K = torch.tensor([[500.0, 0.0, 319.5], [0.0, 500.0, 239.5], [0.0, 0.0, 1.0]])
    >>> resize_intrinsics(K, (480, 640), (240, 320))[0].tolist()
    [250.0, 0.0, 159.5]
    """
    (h0, w0), (h1, w1) = check_size(size_from), check_size(size_to)
    out = intrinsics.clone()
    for axis, scale in ((0, w1 / w0), (1, h1 / h0)):
        out[..., axis, :2] *= scale
        out[..., axis, 2] = (out[..., axis, 2] + 0.5) * scale - 0.5
    return out


def resize(sample: dict, size: Sequence[int]) -> dict:
    """Resize image, depth, valid and intrinsics of a sample or batch together; see the three functions above."""
    size = check_size(size)
    depth, valid = resize_depth(sample["depth"], sample["valid"], size)
    intrinsics = resize_intrinsics(sample["intrinsics"], sample["image"].shape[-2:], size)
    image = resize_image(sample["image"], size)
    return {**sample, "image": image, "depth": depth, "valid": valid, "intrinsics": intrinsics}


def stacked(frames: Sequence[dict], size: Sequence[int]) -> dict[str, Tensor]:
    """Frames of any sizes, each resized to (H, W), as one batch: image, depth and valid [B,C,H,W]."""
    resized = [resize(frame, size) for frame in frames]
    return {key: torch.stack([frame[key] for frame in resized]) for key in ("image", "depth", "valid")}


def crop(sample: dict, top: int, left: int, height: int, width: int) -> dict:
    """Cut a window out of a sample or batch; the principal point moves with it.

    Raises:
        ValueError: if the window does not lie inside the image.
    """
    h, w = sample["image"].shape[-2:]
    if min(top, left) < 0 or min(height, width) < 1 or top + height > h or left + width > w:
        raise ValueError(
            f"window of {height}x{width} (HxW) at row {top}, column {left} does not lie inside the image of {h}x{w}"
        )
    out = dict(sample)
    for key in ("image", "depth", "valid"):
        out[key] = sample[key][..., top : top + height, left : left + width]
    out["intrinsics"] = sample["intrinsics"].clone()
    out["intrinsics"][..., 0, 2] -= left
    out["intrinsics"][..., 1, 2] -= top
    return out


def hflip(sample: dict) -> dict:
    """Mirror a sample or batch left to right; cx becomes W - 1 - cx: this camera sees the mirrored world."""
    width = sample["image"].shape[-1]
    out = {**sample, **{key: sample[key].flip(-1) for key in ("image", "depth", "valid")}}
    return {**out, "intrinsics": mirrored_camera(sample["intrinsics"], width)}


def mirrored_camera(intrinsics: Tensor, width: int) -> Tensor:
    """The camera [...,3,3] that sees the mirrored world in a picture of this width, mirrored left to right."""
    mirrored = intrinsics.clone()
    mirrored[..., 0, 2] = width - 1 - mirrored[..., 0, 2]
    mirrored[..., 0, 1] *= -1
    return mirrored


def _uniform(seed: int, epoch: int, ids: Sequence[str]) -> list[list[float]]:
    """Eight numbers in [0, 1) for each id, a function of (seed, epoch, id) alone.

    A hash, not a generator: it needs no state, is the same on every machine and library version, and does not care which
    other frames are in the batch or where a run was resumed.
    """
    draws = []
    for name in ids:
        digest = hashlib.sha512(f"{seed}\0{epoch}\0{name}".encode()).digest()
        draws.append([(int.from_bytes(digest[8 * k : 8 * k + 8], "big") >> 11) / 2**53 for k in range(8)])
    return draws


def _move_principal_point(K: Tensor, angle: Tensor, size: Size, flipped: Tensor) -> Tensor:
    """Principal point after an optional flip, then a turn by `angle` about the image centre in the plane of rays."""
    K = K.clone()
    height, width = size
    K[:, 0, 2] = torch.where(flipped, width - 1 - K[:, 0, 2], K[:, 0, 2])
    K[:, 0, 1] = torch.where(flipped, -K[:, 0, 1], K[:, 0, 1])
    aspect = (K[:, 0, 0] / K[:, 1, 1]).double()
    x, y = K[:, 0, 2].double() - (width - 1) / 2, K[:, 1, 2].double() - (height - 1) / 2
    K[:, 0, 2] = (angle.cos() * x - angle.sin() * aspect * y + (width - 1) / 2).float()
    K[:, 1, 2] = (angle.sin() / aspect * x + angle.cos() * y + (height - 1) / 2).float()
    return K


def _turn(batch: dict, angle: Tensor, flipped: Tensor) -> dict:
    """Turn each sample by its angle (radians), flipped before where `flipped`: one grid for image, depth, valid."""
    image, depth, K = batch["image"], batch["depth"], batch["intrinsics"]
    n, _, height, width = image.shape
    # Turning the camera about its optical axis turns the rays, not the pixels: with fx != fy the pixel grid shears.
    aspect = (K[:, 0, 0] / K[:, 1, 1]).double().nan_to_num(nan=1.0).cpu()
    # The grid counts from -1 to 1 across the image; `wide` and `high` are those units in pixels.
    wide, high = max(width - 1, 1) / 2, max(height - 1, 1) / 2
    mirror = torch.where(flipped, -1.0, 1.0)
    x = torch.linspace(-1, 1, width, device=image.device).view(1, 1, width)
    y = torch.linspace(-1, 1, height, device=image.device).view(1, height, 1)

    def each(values: Tensor) -> Tensor:
        return values.to(image.device, torch.float32).view(n, 1, 1)

    # Elementwise, not by matrix product: a product's rounding may depend on how many samples are in the batch.
    grid = torch.empty(n, height, width, 2, device=image.device)
    torch.add(each(mirror * angle.cos()) * x, each(mirror * angle.sin() * aspect * high / wide) * y, out=grid[..., 0])
    torch.sub(each(angle.cos()) * y, each(angle.sin() / aspect * wide / high) * x, out=grid[..., 1])
    # Invalid depth travels as NaN, which nearest sampling passes on; from outside comes 0, which no valid depth is.
    coded = torch.where(batch["valid"], depth, math.nan)
    with torch.autocast(image.device.type, enabled=False):
        image = F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
        coded = F.grid_sample(coded, grid, mode="nearest", padding_mode="zeros", align_corners=True)
    valid = coded > 0  # false for NaN
    K = _move_principal_point(K, angle.to(K.device), (height, width), flipped.to(K.device))
    return {**batch, "image": image, "depth": torch.where(valid, coded, 0.0), "valid": valid, "intrinsics": K}


def _flip(batch: dict, flipped: Tensor, in_place: bool) -> dict:
    """Mirror the samples where `flipped` (on the CPU), exactly (no interpolation)."""
    turned = flipped.nonzero()[:, 0].tolist()
    out = dict(batch)
    for key in (
        "image",
        "depth",
        "valid",
    ):  # only what is mirrored is touched: a third of the time of choosing afterwards
        out[key] = batch[key] if in_place else batch[key].clone()
        for place in turned:
            out[key][place] = batch[key][place].flip(-1)
    where = flipped.to(batch["intrinsics"].device).view(-1, 1, 1)
    mirrored = mirrored_camera(batch["intrinsics"], batch["image"].shape[-1])
    return {**out, "intrinsics": torch.where(where, mirrored, batch["intrinsics"])}


def _crop_each(batch: dict, size: Size, draws: Tensor) -> dict:
    """Cut a window of `size` out of each sample at its own place (draws [B, 2] in [0, 1): row, column)."""
    height, width = batch["image"].shape[-2:]
    if size[0] > height or size[1] > width:
        raise ValueError(
            f"crop is {size[0]}x{size[1]} (HxW), larger than the image of {height}x{width}; make it smaller"
        )
    tops = (draws[:, 0] * (height - size[0] + 1)).long().tolist()
    lefts = (draws[:, 1] * (width - size[1] + 1)).long().tolist()
    keys = ("image", "depth", "valid", "intrinsics")
    windows = [
        crop({key: batch[key][i] for key in keys}, top, left, *size)
        for i, (top, left) in enumerate(zip(tops, lefts, strict=True))
    ]
    return {**batch, **{key: torch.stack([window[key] for window in windows]) for key in keys}}


def _zoom_each(batch: dict, size: Size, magnification: Tensor, place: Tensor) -> dict:
    """Enlarge a window of each sample to `size`.

    As a longer lens would see it: the window is smaller by the magnification and has the shape of the whole, and the focal
    length in pixels grows. Depth stays what it is.

    Args:
        magnification: [B] from 1.
        place: [B, 2] in [0, 1): row, column.
    """
    height, width = batch["image"].shape[-2:]
    keys = ("image", "depth", "valid", "intrinsics")
    seen = []
    for i, factor in enumerate(magnification.tolist()):
        rows, columns = max(1, round(height / factor)), max(1, round(width / factor))
        top, left = (
            int(place[i, k] * (whole - part + 1)) for k, (whole, part) in enumerate(((height, rows), (width, columns)))
        )
        seen.append(resize(crop({key: batch[key][i] for key in keys}, top, left, rows, columns), size))
    return {**batch, **{key: torch.stack([each[key] for each in seen]) for key in keys}}


def _colour(image: Tensor, draws: Tensor, permutation: float, gamma: float, brightness: float, colour: float) -> Tensor:
    """Channel permutation, gamma, brightness and colour of each image.

    Args:
        draws: [B, 8].
    """
    span = 2 * draws.to(torch.float32) - 1
    if permutation > 0:
        chosen = (draws[:, 3] * 6).long()
        chosen[draws[:, 2] >= permutation] = 0
        order = torch.tensor(PERMUTATIONS)[chosen].to(image.device)
        image = image[torch.arange(len(image), device=image.device)[:, None], order]
    if gamma > 0:  # one by one: a vectorised power may round differently at the end of a larger tensor
        exponents = (1 + gamma * span[:, 4]).tolist()
        image = torch.stack([picture**e for picture, e in zip(image, exponents, strict=True)])
    if brightness > 0 or colour > 0:
        # three channels share the one number left for colour: its bits are spread over them
        spread = torch.stack([(draws[:, 6] * 1024**k) % 1 for k in (0, 1, 2)], dim=1).to(torch.float32)
        factor = (1 + brightness * span[:, 5:6]) * (1 + colour * (2 * spread - 1))
        image = (image * factor.to(image.device)[:, :, None, None]).clamp(0, 1)
    return image


def _roughen(image: Tensor, draws: Tensor, blur: float, noise: float) -> Tensor:
    """Blur each image and put noise on it, as a lens out of focus and a sensor in poor light do.

    One by one, so that the rest of the batch does not change how sums are rounded.

    Args:
        draws: [B, 8]; the lower bits of three, which nothing else reads.
    """
    rough = []
    for picture, draw in zip(image, draws, strict=True):
        below, strength, start = ((draw[[1, 4, 5]] * 2**26) % 1).tolist()
        if blur > 0:
            picture = _blurred(picture, blur * below)
        if noise > 0:
            generator = torch.Generator().manual_seed(int(start * 2**26))
            grain = torch.randn(picture.shape, generator=generator).to(picture)
            picture = (picture + noise * strength * grain).clamp(0, 1)
        rough.append(picture)
    return torch.stack(rough)


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of [3, H, W]; sigma in pixels; the border is repeated."""
    reach = math.ceil(3 * sigma)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=picture.device) / max(sigma, 1e-6)) ** 2)
    weights = (weights / weights.sum()).to(picture)
    padded = F.pad(picture[:, None], (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])[:, 0].clamp(0, 1)


def augment(
    batch: dict,
    *,
    seed: int,
    epoch: int,
    rotate: float = 0.0,
    flip: float = 0.0,
    channel_permutation: float = 0.0,
    gamma: float = 0.0,
    brightness: float = 0.0,
    colour: float = 0.0,
    blur: float = 0.0,
    noise: float = 0.0,
    crop_size: Sequence[int] | None = None,
    zoom: float = 1.0,
    size: Sequence[int] | None = None,
    in_place: bool = False,
) -> dict:
    """Augment a batch at random on its own device; the input is left as it is, unless `in_place` says otherwise.

    Each sample's random numbers depend on (seed, epoch, id) alone. So the same frame is augmented alike, bit for bit,
    whatever else is in its batch and wherever a run was resumed, and switching one augmentation on leaves the others'
    draws as they were.

    Args:
        batch: the contract's sample with a leading batch dimension; `id` is a list of str.
        seed, epoch: whole numbers; another epoch gives other draws.
        rotate: greatest angle in degrees, either way; the angle is uniform. Image bilinear, depth and valid nearest,
            on one grid. The turn is a roll of the camera about its optical axis: z-depth is unchanged; intrinsics
            have no rotation, so the image turns about its centre and the principal point moves along; with fx != fy
            the pixel grid shears as it must. Corners turned in are black and invalid. Unknown intrinsics count as
            square pixels and stay NaN.
        flip: probability of mirroring left to right (the principal point is mirrored too).
        channel_permutation: probability of drawing one of the six orders of the colour channels (the unchanged one
            among them).
        gamma, brightness, colour: greatest relative change of the exponent, of all channels together, of each channel.
        blur: greatest standard deviation of a Gaussian blur, in pixels; uniform from 0.
        noise: greatest standard deviation of Gaussian noise, where white is 1; uniform from 0.
        crop_size: (height, width) of a window at a random place, or None.
        zoom: greatest magnification, 1 for none. A window at a random place, smaller than the image by a factor between 1 and
            `zoom` (uniform in its logarithm), is enlarged to `size`: the view of a longer lens. The intrinsics tell it; a
            network that is not told takes what is enlarged for near.
        size: (height, width) of the result where `zoom` or `size` is given, by default that of the batch.
        in_place: the batch is nobody else's, and may be written over: mirroring some frames then copies no others.

    Returns:
        A new batch of the same keys and dtypes.

    Raises:
        ValueError: for a probability outside 0..1, a negative strength, a magnification below 1, or a crop larger than the
            image.

    Source: rotation +-5 degrees and flip 0.5: Eigen et al. 2014 (arXiv:1406.2283, section 3.4), without their scaling.
    Channel permutation 0.25: Alhashim and Wonka 2018 (arXiv:1812.11941, augmentation policy). Gamma, brightness,
    colour and crop: the recipe published with Lee et al. 2019 (arXiv:1907.10326), without its 50 % chance of doing
    nothing. Blur and noise: ours, against the clean look of rendered frames.

    >>> batch = {"image": torch.rand(1, 3, 4, 6), "depth": torch.ones(1, 1, 4, 6), "valid": torch.ones(1, 1, 4, 6) > 0,
    ...          "intrinsics": torch.eye(3)[None], "id": ["a"]}
    >>> torch.equal(augment(batch, seed=0, epoch=0, flip=1.0)["image"], batch["image"].flip(-1))
    True
    """
    for name, value in (("flip", flip), ("channel_permutation", channel_permutation)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; expected a probability in 0..1")
    for name, value in (
        ("rotate", rotate),
        ("gamma", gamma),
        ("brightness", brightness),
        ("colour", colour),
        ("blur", blur),
        ("noise", noise),
    ):
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"{name} is {value}; expected the greatest change, a number not below 0 (0 = off)")
    if not (zoom >= 1 and math.isfinite(zoom)):
        raise ValueError(f"zoom is {zoom}; expected the greatest magnification, a number not below 1 (1 = off)")
    draws = torch.tensor(_uniform(seed, epoch, batch["id"]), dtype=torch.float64).view(-1, 8)
    if len(draws) != len(batch["image"]):
        raise ValueError(
            f"the batch has {len(batch['image'])} images but {len(draws)} ids; expected one id for each image"
        )
    out = dict(batch)
    flipped = draws[:, 1] < flip
    if rotate > 0:
        out = _turn(out, (2 * draws[:, 0] - 1) * math.radians(rotate), flipped)
    elif flip > 0:
        out = _flip(out, flipped, in_place)
    place = torch.stack((draws[:, 7], (draws[:, 7] * 2**26) % 1), dim=1)  # upper and lower bits: row and column
    if crop_size is not None:
        out = _crop_each(out, check_size(crop_size), place)
    if zoom > 1 or size is not None:
        magnification = zoom ** ((draws[:, 0] * 2**26) % 1)
        out = _zoom_each(out, check_size(out["image"].shape[-2:] if size is None else size), magnification, place)
    out["image"] = _colour(out["image"], draws, channel_permutation, gamma, brightness, colour)
    if blur > 0 or noise > 0:
        out["image"] = _roughen(out["image"], draws, blur, noise)
    return out
