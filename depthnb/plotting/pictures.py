"""Figures made of pictures: frames with depth and mask, predictions with error maps, methods side by side, depth edges."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from numpy.typing import ArrayLike

from .palette import INVALID, depth_colormap, error_colormap
from .style import DEPTH_LABEL, Figure, bar, house_style, new_figure, picture_axes

ERRORS = {"abs_rel": "|predicted - true| / true", "metres": "|predicted - true| (m)"}
_PANEL_PIXELS = 400  # wider pictures are shrunk: more cannot be seen at 9 inches, and the PDF would grow by megabytes


@house_style
def depth_grid(
    images: ArrayLike,
    depths: ArrayLike,
    valids: ArrayLike,
    *,
    titles: Sequence[str] | None = None,
    max_depth: float | None = None,
    per_row: int | None = None,
) -> Figure:
    """Draw frames as image, depth and valid mask, all with one colour bar in metres.

    Invalid pixels are grey. Where under 30 % of the pixels are valid (LiDAR), points are drawn enlarged.

    Args:
        images: [B,3,H,W] in 0..1, a tensor or array, as the next two.
        depths: [B,1,H,W] metres.
        valids: [B,1,H,W] bool.
        titles: one line a frame.
        max_depth: metres; ends the colour bar, default: the 99th percentile of all valid depths.
        per_row: the number of frames beside each other (each takes three pictures), default 1 for wide frames or fewer than 3,
            else 2.

    Raises:
        ValueError: for shapes that do not fit together.
    """
    images, depths, valids = _batch(images, 3), _batch(depths, 1), _batch(valids, 1).astype(bool)
    _same(images=images, depths=depths, valids=valids)
    count, height, width = len(images), *images.shape[-2:]
    titles = _titles(titles, count)
    per_row = min(per_row or (1 if width > 2 * height or count < 3 else 2), count)
    rows = -(-count // per_row)
    figure, axes = _grid(
        rows,
        3 * per_row,
        height / width,
        bars=1,
        titled=titles is not None,
        alt=(f"{count} frames: image, depth in metres, and mask of valid pixels"),
    )
    norm = Normalize(0, max_depth or _limit(depths[valids], 99))
    for ax in axes.flat[3 * count :]:
        ax.set_axis_off()
    for i in range(count):
        image_ax, depth_ax, valid_ax = axes.flat[3 * i : 3 * i + 3]
        _draw_image(image_ax, images[i])
        _draw_map(depth_ax, depths[i, 0], valids[i, 0], depth_colormap(), norm)
        small = _shrink_mask(valids[i, 0])
        valid_ax.imshow(small, cmap=ListedColormap([INVALID, "white"]), vmin=0, vmax=1)
        _frame(valid_ax)
        if titles:
            image_ax.set_title(titles[i], loc="left")
        share = 100 * valids[i].mean()
        valid_ax.set_title(f"{share:.{0 if share >= 10 else 1}f} % valid", loc="right", color="#555555")
    used = axes.flat[: 3 * count]
    for ax, name in zip(used[-3 * per_row :], ("image", "depth", "valid (white)") * per_row, strict=True):
        ax.set_xlabel(name)  # under the last frame of every column, also where the last row is not full
    mappable = ScalarMappable(norm, depth_colormap())
    bar(figure, mappable, axes.flat, DEPTH_LABEL, extend=_extend(depths[valids], norm))
    return figure


@house_style
def predictions_grid(
    image: ArrayLike,
    depth: ArrayLike,
    valid: ArrayLike,
    preds: Mapping[str, ArrayLike],
    *,
    error: str = "abs_rel",
    max_depth: float | None = None,
    max_error: float | None = None,
    row_titles: Sequence[str] | None = None,
    scores: Mapping[str, Sequence[float | str]] | None = None,
) -> Figure:
    """Draw frames with their true depth, every prediction and its error map; limits are shared by all frames.

    One prediction: a row a frame. Several: two rows a frame, the image over the truth, each prediction over its error, so that
    the pictures stay large.

    Errors are drawn on valid pixels only, the rest is grey.

    Args:
        image: [B,3,H,W] in 0..1.
        depth: [B,1,H,W] metres.
        valid: [B,1,H,W] bool.
        preds: name -> [B,1,H,W] metres, at the size of the truth, one to three of them.
        error: "abs_rel" (relative) or "metres".
        max_depth, max_error: the ends of the colour bars, the first in metres; default: 99th percentile of true depth, 95th of
            error.
        row_titles: one line a frame ("best", "median", "worst").
        scores: name -> one text ("abs_rel 0.081") or number a frame, written over the error map.

    Raises:
        ValueError: for shapes that do not fit together.
    """
    if error not in ERRORS:
        raise ValueError(f"error is {error!r}, expected one of {sorted(ERRORS)}")
    if not 1 <= len(preds) <= 3:
        raise ValueError(f"got {len(preds)} predictions, 1 to 3 fit beside each other; for more use methods_grid")
    image, depth, valid = _batch(image, 3), _batch(depth, 1), _batch(valid, 1).astype(bool)
    preds = {name: _batch(p, 1) for name, p in preds.items()}
    _same(image=image, depth=depth, valid=valid, **preds)
    count, height, width = len(image), *image.shape[-2:]
    row_titles = _titles(row_titles, count)
    errors = {name: _error(p, depth, valid, error) for name, p in preds.items()}
    single = len(preds) == 1
    figure, axes = _grid(
        count if single else 2 * count,
        4 if single else 1 + len(preds),
        height / width,
        bars=1,
        titled=row_titles is not None or not single,
        width=(None, 7.4, 8.0)[len(preds) - 1],  # two rows a frame: narrower, or a notebook grows too heavy
        alt=f"{count} frames: image, true depth, and prediction with error ({error}) of {', '.join(preds)}",
    )
    # [frame, image and truth or a prediction and its error, upper and lower]
    tiles = axes.reshape(count, 2, 2) if single else axes.reshape(count, 2, 1 + len(preds)).swapaxes(1, 2)
    depth_norm = Normalize(0, max_depth or _limit(depth[valid], 99))
    all_errors = np.concatenate([e[valid] for e in errors.values()])
    error_norm = Normalize(0, max_error or _limit(all_errors, 95))
    for i in range(count):
        _draw_image(tiles[i, 0, 0], image[i])
        _draw_map(tiles[i, 0, 1], depth[i, 0], valid[i, 0], depth_colormap(), depth_norm)
        for (pred_ax, error_ax), name in zip(tiles[i, 1:], preds, strict=True):
            _draw_map(pred_ax, preds[name][i, 0], np.isfinite(preds[name][i, 0]), depth_colormap(), depth_norm)
            _draw_map(error_ax, errors[name][i, 0], valid[i, 0], error_colormap(), error_norm)
            if scores:
                value = scores[name][i]
                error_ax.set_title(value if isinstance(value, str) else f"{value:.3f}", loc="right", color="#555555")
        if row_titles:
            tiles[i, 0, 0].set_title(row_titles[i], loc="left")
    names = ["image", "true depth", *(text for name in preds for text in (name, "error"))]
    if single:
        for ax, name in zip(axes[-1], names, strict=True):
            ax.set_xlabel(name)
    else:
        for ax, name in [pair for frame in tiles for pair in zip(frame.flat, names, strict=True)]:
            ax.set_title(ax.get_title("left") or name, loc="left")
    predicted = np.concatenate([p[np.isfinite(p)] for p in preds.values()])
    extend = _extend(np.concatenate([depth[valid], predicted]), depth_norm)
    left = 3 if single else axes.shape[1] // 2  # columns over the bar of depth
    bar(figure, ScalarMappable(depth_norm, depth_colormap()), axes[:, :left].flat, DEPTH_LABEL, extend=extend)
    bar(
        figure,
        ScalarMappable(error_norm, error_colormap()),
        axes[:, left:].flat,
        ERRORS[error],
        extend=_extend(all_errors, error_norm),
    )
    return figure


@house_style
def methods_grid(
    image: ArrayLike,
    depth: ArrayLike,
    valid: ArrayLike,
    preds: Mapping[str, ArrayLike],
    *,
    max_depth: float | None = None,
    column_titles: Sequence[str] | None = None,
    log: bool = False,
) -> Figure:
    """Draw the same frames (columns) as image, true depth and the prediction of any number of methods (rows).

    2 to 6 frames read well. One colour bar in metres for all. Invalid true depth, such as that of the sky, is grey.

    Args:
        image: [B,3,H,W] in 0..1.
        depth: [B,1,H,W] metres.
        valid: [B,1,H,W] bool.
        preds: name -> [B,1,h,w] metres, which may be smaller than the truth (run folders keep reduced ones).
        max_depth: as for `depth_grid`.
        log: equal ratios of depth have equal steps of colour, for scenes that reach from a few metres to the horizon.

    Raises:
        ValueError: where the numbers of frames differ.
    """
    image, depth, valid = _batch(image, 3), _batch(depth, 1), _batch(valid, 1).astype(bool)
    preds = {name: _batch(p, 1) for name, p in preds.items()}
    _same(image=image, depth=depth, valid=valid)
    _same(image=image[..., :1, :1], **{name: p[..., :1, :1] for name, p in preds.items()})
    column_titles = _titles(column_titles, len(image))
    figure, axes = _grid(
        2 + len(preds),
        len(image),
        image.shape[-2] / image.shape[-1],
        bars=1,
        titled=False,
        heading=1 if column_titles else 0,
        labels=1.1,
        width=8.2 if len(image) > 2 else None,  # many rows: narrower, or a notebook grows too heavy
        alt=(f"{len(image)} frames: image, true depth, and depth predicted by {', '.join(preds)}"),
    )
    top = max_depth or _limit(depth[valid], 99)
    norm = LogNorm(min(max(_low(depth[valid]), 1e-3 * top), 0.5 * top), top) if log else Normalize(0, top)
    for i in range(len(image)):
        _draw_image(axes[0, i], image[i])
        _draw_map(axes[1, i], depth[i, 0], valid[i, 0], depth_colormap(), norm)
        for j, pred in enumerate(preds.values()):
            _draw_map(axes[2 + j, i], pred[i, 0], np.isfinite(pred[i, 0]), depth_colormap(), norm)
        if column_titles:
            axes[0, i].set_title(column_titles[i])
    for ax, name in zip(axes[:, 0], ["image", "true depth", *preds], strict=True):
        ax.set_ylabel(textwrap.fill(name, 20), rotation=0, ha="right", va="center")
    predicted = np.concatenate([p[np.isfinite(p)] for p in preds.values()]) if preds else depth[valid]
    extend = _extend(np.concatenate([depth[valid], predicted]), norm)
    bar(figure, ScalarMappable(norm, depth_colormap()), axes.flat, DEPTH_LABEL, extend=extend)
    return figure


@house_style
def showcase(
    image: ArrayLike,
    depth: ArrayLike,
    valid: ArrayLike,
    pred: ArrayLike,
    views: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    column_titles: Sequence[str] | None = None,
    max_depth: float | None = None,
) -> Figure:
    """Draw frames (columns) as image, true depth, predicted depth, and both depths in space.

    Invalid true depth is grey.

    Args:
        image: [B,3,H,W] in 0..1.
        depth, pred: [B,1,H,W] metres.
        valid: [B,1,H,W] bool.
        views: two [h,w,3] a frame, the truth and the prediction as `pointcloud.picture` makes them.
        max_depth: metres; the colours reach from the first percentile of the true depth to this, or to the 99th.

    Raises:
        ValueError: for shapes that do not fit together.
    """
    image, depth, pred, valid = _batch(image, 3), _batch(depth, 1), _batch(pred, 1), _batch(valid, 1).astype(bool)
    _same(image=image, depth=depth, valid=valid, pred=pred)
    column_titles = _titles(column_titles, len(image))
    _titles([""] * len(views), len(image))
    figure, axes = _grid(
        5,
        len(image),
        image.shape[-2] / image.shape[-1],
        bars=1,
        titled=False,
        heading=max((title.count("\n") + 1 for title in column_titles or ()), default=0),
        labels=0.4,
        alt=f"{len(image)} frames: image, true depth, predicted depth, and both depths as points in space",
    )
    top = max_depth or _limit(depth[valid], 99)
    norm = Normalize(min(_low(depth[valid]), 0.5 * top), top)
    for i in range(len(image)):
        _draw_image(axes[0, i], image[i])
        _draw_map(axes[1, i], depth[i, 0], valid[i, 0], depth_colormap(), norm)
        _draw_map(axes[2, i], pred[i, 0], np.isfinite(pred[i, 0]), depth_colormap(), norm)
        for ax, view in zip(axes[3:, i], views[i], strict=True):
            ax.imshow(np.clip(view, 0, 1), interpolation="antialiased")
        if column_titles:
            axes[0, i].set_title(column_titles[i], fontsize=9)
    names = ["image", "true depth", "predicted", "truth from the side", "predicted, same side"]
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(textwrap.fill(name, 12))
    extend = _extend(np.concatenate([depth[valid], pred[np.isfinite(pred)]]), norm)
    bar(figure, ScalarMappable(norm, depth_colormap()), axes.flat, DEPTH_LABEL, extend=extend)
    return figure


def _batch(values: ArrayLike, channels: int) -> np.ndarray:
    """Return [B,channels,H,W] float32 from a tensor or array; a single frame gets its batch dimension."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().float().numpy()
    array = np.asarray(values, dtype=np.float32)
    array = array[None] if array.ndim == 3 else array
    if array.ndim != 4 or array.shape[1] != channels:
        raise ValueError(f"expected shape [B,{channels},H,W] or [{channels},H,W], got {list(array.shape)}")
    return array


def _same(**arrays: np.ndarray) -> None:
    """Raise unless all arrays have the same number of frames and the same size."""
    sizes = {name: (len(a), *a.shape[-2:]) for name, a in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(
            f"frames and sizes (B, H, W) differ: {sizes}; resize predictions to the size of the truth first"
        )


def _titles(titles: Sequence[str] | None, count: int) -> Sequence[str] | None:
    if titles is not None and len(titles) != count:
        raise ValueError(f"got {len(titles)} titles for {count} frames")
    return titles


def _error(pred: np.ndarray, depth: np.ndarray, valid: np.ndarray, kind: str) -> np.ndarray:
    safe = np.where(valid, depth, 1.0)  # the depth of invalid pixels means nothing, not even "not zero"
    error = np.abs(pred - safe)
    return error / safe if kind == "abs_rel" else error


def _limit(values: np.ndarray, percentile: float) -> float:
    """Upper end of a colour bar: a percentile of the finite values rounded up to two digits, 1 if there is none."""
    values = values[np.isfinite(values)]
    top = float(np.percentile(values, percentile)) if values.size else 0.0
    if top <= 0:
        return 1.0
    unit = 10.0 ** (np.floor(np.log10(top)) - 1)
    return float(np.ceil(top / unit) * unit)


def _low(values: np.ndarray) -> float:
    """Lower end of a logarithmic colour bar: the first percentile of the finite values, 0 if there is none."""
    values = values[np.isfinite(values)]
    return float(np.percentile(values, 1)) if values.size else 0.0


def _extend(values: np.ndarray, norm: Normalize) -> str:
    """Which ends of a colour bar are pointed, because values lie beyond them."""
    if not values.size:
        return "neither"
    above, below = np.nanmax(values) > norm.vmax * (1 + 1e-6), np.nanmin(values) < norm.vmin * (1 - 1e-6)
    return {(True, True): "both", (True, False): "max", (False, True): "min"}.get((above, below), "neither")


def _grid(
    rows: int,
    columns: int,
    aspect: float,
    *,
    bars: float,
    titled: bool,
    alt: str,
    labels: float = 0.0,
    width: float | None = None,
    heading: int = 0,
) -> tuple[Figure, np.ndarray]:
    """Make picture axes in a figure whose height follows from the pictures' aspect (height / width).

    Args:
        titled: every row has titles.
        heading: lines of text above the first row alone.
    """
    if width is None:
        width = 9.0 if columns > 2 else 3.2 * columns + labels
    panel = (width - labels) / columns * 0.97
    height = rows * (panel * aspect + (0.27 if titled else 0.06)) + 0.3 + 0.62 * bars + 0.2 * heading
    figure = new_figure(width, height, alt=alt, image_format="jpeg", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    return figure, picture_axes(figure, rows, columns)


def _draw_image(ax: Axes, image: np.ndarray) -> None:
    step = -(-image.shape[-1] // _PANEL_PIXELS)
    small = np.stack([_blocks(channel, step).mean((1, 3)) for channel in image], -1)
    ax.imshow(np.clip(small, 0, 1), interpolation="antialiased")


def _draw_map(ax: Axes, values: np.ndarray, valid: np.ndarray, colormap, norm: Normalize) -> None:
    """Draw depth or error with grey where invalid; sparse maps keep their points when shrunk."""
    ax.imshow(_shrink(values, valid), cmap=colormap, norm=norm, interpolation="nearest")


def _shrink(values: np.ndarray, valid: np.ndarray) -> np.ma.MaskedArray:
    """Shrink a wide map: dense ones by picking pixels, sparse ones (under 30 % valid) by the least valid value a block."""
    sparse = valid.mean() < 0.3
    step = -(-values.shape[-1] // (_PANEL_PIXELS // (2 if sparse else 1)))
    masked = np.ma.masked_array(values, ~valid)
    if not sparse:
        return masked[step // 2 :: step, step // 2 :: step]
    return _blocks(masked, step).min((1, 3))


def _blocks(values: np.ndarray, step: int) -> np.ndarray:
    """View [H,W] as [H/step, step, W/step, step]; rows and columns that do not fill a block are cut off."""
    height, width = (n // step * step for n in values.shape)
    return values[:height, :width].reshape(height // step, step, width // step, step)


def _shrink_mask(valid: np.ndarray) -> np.ndarray:
    return ~np.ma.getmaskarray(_shrink(valid.astype(np.float32), valid))


def _frame(ax: Axes) -> None:
    for spine in ax.spines.values():
        spine.set(visible=True, color=INVALID)
