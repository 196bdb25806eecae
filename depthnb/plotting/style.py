"""House style of every figure: the Figure class, how it shows itself in a notebook, its files, colours and colour bars."""

import contextlib
import functools
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import matplotlib as mpl
import matplotlib.figure
import matplotlib.style
import numpy as np
import PIL.Image
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm

from depthnb import files
from depthnb.plotting import reduced

from .palette import PALETTE

MAX_WIDTH = 9.0  # inches: a notebook cell on a laptop
DPI = 100
DEPTH_LABEL = "depth (m), near is bright"
STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.size": 10.0,
    "font.family": "sans-serif",
    "axes.titlesize": 10.5,
    "axes.labelsize": 10.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 9.0,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "white",
    "figure.titlesize": 11.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": mpl.cycler(color=PALETTE),
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "image.interpolation": "nearest",
    "pdf.fonttype": 42,  # TrueType: text in the PDF stays text for journals
    "svg.hashsalt": "depthnb",
}

F = TypeVar("F", bound=Callable)
C = TypeVar("C", bound=FigureCanvasBase)


class Figure(matplotlib.figure.Figure):
    """Matplotlib figure outside pyplot's list that shows itself when it is the last expression of a notebook cell.

    pyplot keeps every figure alive until it is closed, and a figure made without it shows nothing in a notebook; this class
    needs neither.

    Attributes:
        image_format: "jpeg" for grids of pictures (a tenth of the PNG), "png" for lines and text.
        alt: one sentence for readers who do not see the picture.
    """

    image_format: str = "png"
    alt: str = ""

    def _ipython_display_(self) -> None:
        show(self)


def house_style(function: F) -> F:
    """Run a drawing function under the house style and give the caller's settings back afterwards."""

    @functools.wraps(function)
    def styled(*args, **kwargs):
        with matplotlib.style.context(["default", STYLE]):
            return function(*args, **kwargs)

    return styled


def new_figure(
    width: float, height: float, *, alt: str, image_format: str = "png", layout: str = "constrained"
) -> Figure:
    """Make an empty house figure of width x height inches (width at most 9)."""
    if width > MAX_WIDTH:
        raise ValueError(f"figure is {width:.1f} inches wide, at most {MAX_WIDTH} fit a notebook; draw fewer columns")
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    figure.image_format, figure.alt = image_format, alt
    return figure


def encode(
    figure: matplotlib.figure.Figure, image_format: str | None = None, *, dpi: int = DPI, quality: int = 48
) -> bytes:
    """Return the figure as the bytes of a PNG or JPEG file.

    Args:
        image_format: "png", "jpeg" or None (the figure's own choice).
        quality: of JPEG, 1..95.

    Raises:
        ValueError: for any other format.
    """
    image_format = image_format or getattr(figure, "image_format", "png")
    if image_format not in ("png", "jpeg"):
        raise ValueError(f"image format is {image_format!r}, expected 'png' or 'jpeg'")
    with mpl.rc_context(STYLE), _laid_out(figure, dpi), _on(FigureCanvasAgg, figure, dpi) as canvas:
        if image_format == "jpeg":
            buffer = io.BytesIO()
            canvas.print_jpg(buffer, pil_kwargs={"quality": quality, "optimize": True, "progressive": True})
            return buffer.getvalue()
        picture = _pixels(canvas)
    pictures = getattr(figure, "image_format", "png") == "jpeg"
    few = reduced.with_exact_colours if _colour_mapped(figure) else reduced.with_few_colours
    return reduced.small_png(picture, getattr(figure, "alt", ""), reduced.with_mean_colours if pictures else few)


def _colour_mapped(figure: matplotlib.figure.Figure) -> bool:
    """Whether numbers are drawn as colours, as with a colour bar: all shades count then, the rare ones too."""
    return any(each.get_array() is not None for axes in figure.axes for each in (*axes.images, *axes.collections))


def show(figure: matplotlib.figure.Figure, kind: str | None = None) -> None:
    """Display a figure in the running notebook as one PNG or JPEG of explicit width; do nothing outside a notebook.

    Works for any matplotlib figure, in JupyterLab, papermill, nbclient and nbval, whether or not pyplot or `%matplotlib inline`
    are in use.

    Args:
        kind: "png", "jpeg" or None (the figure's own choice).
    """
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import Image, display

    if not InteractiveShell.initialized():
        return
    kind = kind or getattr(figure, "image_format", "png")
    width = round(figure.get_size_inches()[0] * DPI)
    display(Image(data=encode(figure, kind), format=kind, width=width, alt=getattr(figure, "alt", "") or None))


def save(figure: matplotlib.figure.Figure, stem: str | Path, *, dpi: int | None = None) -> list[Path]:
    """Write `stem`.png and `stem`.pdf (see `printed`) atomically and return both paths."""
    stem = Path(stem)
    contents = printed(figure, dpi=dpi)
    return [files.write_bytes(stem.with_name(f"{stem.name}.{suffix}"), content) for suffix, content in contents.items()]


def printed(figure: matplotlib.figure.Figure, *, dpi: int | None = None) -> dict[str, bytes]:
    """Return the figure as the bytes of a PNG and a PDF file, under the keys png and pdf.

    The PNG has at most 256 colours: a fifth of the usual size. The files carry no date or version, so that the same figure
    gives the same bytes; the PNG's Description is the figure's `alt`.

    Args:
        dpi: of the PNG; None: 200 for lines and text, 100 for grids of pictures.
    """
    # half a second of import, which most commands do without
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    alt = getattr(figure, "alt", "")
    pictures = getattr(figure, "image_format", "png") == "jpeg"
    pdf = io.BytesIO()
    dpi = dpi or (DPI if pictures else 2 * DPI)
    with mpl.rc_context(STYLE), _laid_out(figure, dpi):
        with _on(FigureCanvasAgg, figure, dpi) as canvas:
            picture = _pixels(canvas)
        with _on(FigureCanvasPdf, figure, 150 if pictures else 2 * DPI) as canvas:
            canvas.print_pdf(pdf, metadata=dict.fromkeys(("CreationDate", "Creator", "Producer")))
    fewer = reduced.dithered if pictures else reduced.with_exact_colours
    return {"png": reduced.small_png(picture, alt, fewer), "pdf": pdf.getvalue()}


@contextlib.contextmanager
def _on(kind: type[C], figure: matplotlib.figure.Figure, dpi: int) -> Iterator[C]:
    """Put the figure on a canvas of this kind for a while, which draws it once; `savefig` draws it to nothing before that."""
    before, own, face = figure.canvas, figure.dpi, figure.get_facecolor()
    try:
        canvas = kind(figure)
        figure.dpi = dpi
        figure.set_facecolor(mpl.rcParams["savefig.facecolor"])
        yield canvas
    finally:
        figure.dpi = own
        figure.set_facecolor(face)
        figure.set_canvas(before)


def _pixels(canvas: FigureCanvasAgg) -> PIL.Image.Image:
    canvas.draw()
    return PIL.Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


@contextlib.contextmanager
def _laid_out(figure: matplotlib.figure.Figure, dpi: int) -> Iterator[None]:
    """Let several files share one layout, made at the resolution of the first; left to it, matplotlib makes one for each.

    It would also draw everything once more to make it, which takes as long as the file itself.
    """
    layout, own = figure.get_layout_engine(), figure.dpi
    if layout is None:
        yield
        return
    try:
        figure.dpi = dpi
        layout.execute(figure)
        figure.dpi = own
        figure.set_layout_engine("none")
        yield
    finally:
        figure.dpi = own
        figure.set_layout_engine(layout)


def legend_outside(figure: Figure, handles: Sequence, labels: Sequence[str], loc: str = "lower center") -> None:
    """Set a legend outside of the axes, above or below, in as few rows as its texts leave room for."""
    for rows in range(1, len(labels) + 1):
        legend = figure.legend(handles, labels, loc=f"outside {loc}", ncols=math.ceil(len(labels) / rows))
        if legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def picture_axes(figure: Figure, rows: int, columns: int, **kwargs) -> np.ndarray:
    """Make rows x columns axes for pictures: no ticks, no grid, thin frame; always a 2-D array."""
    axes = figure.subplots(rows, columns, squeeze=False, **kwargs)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
    return axes


def bar(
    figure: Figure, mappable, axes: Sequence, label: str, *, extend: str = "neither", horizontal: bool = True
) -> None:
    """Add a slim colour bar with its unit in `label` beside the axes it belongs to."""
    where = (
        {"location": "bottom", "aspect": 40, "pad": 0.02}
        if horizontal
        else {"location": "right", "aspect": 20, "pad": 0.02}
    )
    if isinstance(mappable.norm, LogNorm):  # matplotlib's own ticks would be 4 x 10^0, 6 x 10^0 ...
        steps = [digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5)]
        ticks = [step for step in steps if mappable.norm.vmin <= step <= mappable.norm.vmax]
        where |= {"ticks": ticks, "format": "%g"}
    colorbar = figure.colorbar(mappable, ax=list(axes), extend=extend, shrink=0.9, **where)
    colorbar.minorticks_off()
    colorbar.set_label(label)
    colorbar.outline.set_visible(False)
    colorbar.ax.grid(False)


def named(frames, default: str) -> Mapping:
    """Return a mapping name -> item for one item or a mapping of items."""
    return frames if isinstance(frames, Mapping) else {default: frames}


def require_columns(frame, columns: Iterable[str], what: str) -> None:
    """Raise ValueError naming the columns that a table lacks."""
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise ValueError(f"{what} lacks the column(s) {missing}; found {list(frame.columns)}")
    if len(frame) == 0:
        raise ValueError(f"{what} has no rows; nothing to draw")
