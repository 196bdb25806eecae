"""The figure of a net that predicts at several scales: every scale's depth map over the mask that says where it counts."""

from collections.abc import Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import ArrayLike

from .palette import depth_colormap
from .pictures import _batch, _draw_image, _draw_map, _extend, _frame, _grid, _limit, _titles
from .style import DEPTH_LABEL, Figure, bar, house_style


@house_style
def scales_grid(
    image: ArrayLike,
    depth: ArrayLike,
    valid: ArrayLike,
    depths: ArrayLike,
    masks: ArrayLike,
    *,
    names: Sequence[str],
    starts: Sequence[float],
    titles: Sequence[str] | None = None,
    max_depth: float | None = None,
) -> Figure:
    """Draw two rows a frame: image, depth of every scale, and their weighted sum; truth, and how masks have moved.

    Args:
        image: [B,3,H,W] in 0..1.
        depth: [B,1,H,W] metres.
        valid: [B,1,H,W] bool.
        depths, masks: [B,S,H,W], metres and 0..1, as `HMADepth.per_scale` gives them.
        names: of the S scales.
        starts: the masks before training (`HMADepth.start`): a mask is drawn as its difference from there, since one that has
            not moved has learnt nothing.
        max_depth: as for `depth_grid`.

    Raises:
        ValueError: for shapes that do not fit together.
    """
    image, depth, valid = _batch(image, 3), _batch(depth, 1), _batch(valid, 1).astype(bool)
    depths, masks = _batch(depths, len(names)), _batch(masks, len(names))
    sizes = {key: (len(x), *x.shape[-2:]) for key, x in {"image": image, "depth": depth, "depths": depths}.items()}
    if len({*sizes.values(), (len(masks), *masks.shape[-2:])}) > 1:
        raise ValueError(f"frames and sizes (B, H, W) differ: {sizes}, masks {(len(masks), *masks.shape[-2:])}")
    if len(starts) != len(names):
        raise ValueError(f"got {len(starts)} starts for {len(names)} scales")
    titles = _titles(titles, len(image))
    figure, axes = _grid(
        2 * len(image),
        len(names) + 2,
        image.shape[-2] / image.shape[-1],
        bars=1,
        titled=True,
        alt=f"{len(image)} frames: depth and mask of the scales {', '.join(names)}, and what they add up to",
    )
    final = (depths * masks).sum(1)
    moved = masks - np.asarray(starts, np.float32).reshape(1, -1, 1, 1)
    most = max(float(np.abs(moved).max()), 0.01)
    norm, shade = Normalize(0, max_depth or _limit(depth[valid], 99)), Normalize(-most, most)
    everywhere = np.ones_like(final[0], dtype=bool)
    for i, (upper, lower) in enumerate(zip(axes[::2], axes[1::2], strict=True)):
        _draw_image(upper[0], image[i])
        _draw_map(lower[0], depth[i, 0], valid[i, 0], depth_colormap(), norm)
        for j, (one, other) in enumerate(zip([*depths[i], final[i]], [*moved[i], None], strict=True), 1):
            _draw_map(upper[j], one, everywhere, depth_colormap(), norm)
            if other is None:
                lower[j].set_axis_off()
                continue
            _draw_map(lower[j], other, everywhere, "PuOr", shade)
            _frame(lower[j])  # or white would vanish on the paper
        upper[0].set_title(titles[i] if titles else "image", loc="left")
        lower[0].set_title("true depth", loc="left")
        for ax, name in zip(upper[1:], [*(f"depth {name}" for name in names), "weighted sum"], strict=True):
            ax.set_title(name, loc="left")
        for ax, name, start in zip(lower[1:-1], names, starts, strict=True):
            ax.set_title(f"mask {name} - {start:.3g}", loc="left")
    half = len(names) // 2 + 1
    extend = _extend(np.concatenate([depth[valid], depths.ravel()]), norm)
    bar(figure, ScalarMappable(norm, depth_colormap()), axes[:, :half].flat, DEPTH_LABEL, extend=extend)
    bar(figure, ScalarMappable(shade, "PuOr"), axes[:, half:].flat, "mask (share of the pixel) less its start")
    return figure
