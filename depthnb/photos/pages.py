"""A photograph and its depth over each other, with a slider between them: as a piece of HTML, and as a page."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from depthnb import plotting
from depthnb.photos.prediction import Depth

_LARGEST = 1280  # pixels of the longer side


def slider(depth: Depth, *, limits: tuple[float, float] | None = None, longest: int = _LARGEST) -> str:
    """HTML that needs no network and no other file: photograph left of the slider, depth right of it, and the colour bar.

    It says the pixel under the pointer, in columns and rows of the file: what a known distance is given for.

    Args:
        depth: as `photos.predict` gives it.
        limits: ends of the colours, in metres or in the unit of the inverse depth; None for the 1st and 99th percentile.
        longest: pixels of the longer side of both pictures.
    """
    values, near_is_large = (depth.inverse, True) if depth.metres is None else (depth.metres, False)
    options = {"near_is_large": near_is_large, "limits": limits}
    colours, low, high = plotting.depth_colours(values, **options)
    steps = np.linspace(low, high, 11, dtype=np.float32).reshape(1, 1, 11)
    ramp, *_ = plotting.depth_colours(steps, near_is_large=near_is_large, limits=(low, high))
    stops = ",".join("rgb({})".format(",".join(f"{part * 255:.0f}" for part in colour)) for colour in ramp[0])
    left, right = ("far", "near") if near_is_large else (f"{low:.2f} m and nearer", f"{high:.2f} m and farther")
    photo = depth.photo.image.permute(1, 2, 0).numpy()
    height, width = photo.shape[:2]
    shown = {"photo": _jpeg(photo, longest), "depth": _jpeg(colours, longest)}
    width = max(240, round(longest * min(1, width / height)))  # an upright picture is narrower
    rows, columns = depth.photo.original or depth.photo.size
    return _PAIR.format(**shown, width=width, stops=stops, left=left, right=right, rows=rows, columns=columns)


def page(depth: Depth) -> str:
    """The slider as a whole HTML page, with what a reader has to know of the numbers."""
    said = "".join(f"<li>{html.escape(line)}</li>" for line in depth.said)
    text = _PAGE.format(title=html.escape(depth.photo.name), pair=slider(depth), said=said)
    return text.encode("utf-8", "replace").decode()  # names of files may hold bytes that are no text


def _jpeg(pixels: np.ndarray, longest: int) -> str:
    picture = Image.fromarray((pixels * 255).round().astype(np.uint8))
    picture.thumbnail((longest, longest))
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=85)
    return base64.b64encode(stream.getvalue()).decode()


# every style stands where it is used, and nothing has an id: a notebook may hold several
_PAIR = """<div style="max-width:{width}px">
<div style="position:relative;line-height:0;cursor:crosshair" onpointermove="const r=this.getBoundingClientRect(),
 at=(p,from,length,n)=>Math.min(n-1,Math.max(0,Math.floor((p-from)/length*n)));this.parentElement.lastElementChild.textContent=
 'Column,row under the pointer: '+at(event.clientX,r.left,r.width,{columns})+','+at(event.clientY,r.top,r.height,{rows})">
<img alt="The picture" style="width:100%;display:block" src="data:image/jpeg;base64,{photo}">
<img alt="Its depth in colours, near is bright"
 style="position:absolute;inset:0;width:100%;height:100%;clip-path:inset(0 0 0 50%)" src="data:image/jpeg;base64,{depth}"></div>
<label style="display:block">Picture left, depth right: <input type="range" min="0" max="100" value="50"
 style="width:100%;margin:.6rem 0"
 oninput="this.closest('label').previousElementSibling.lastElementChild.style.clipPath='inset(0 0 0 '+this.value+'%)'"></label>
<div style="height:1rem;background:linear-gradient(to right,{stops})" role="img" aria-label="colours of the depth"></div>
<div style="display:flex;justify-content:space-between"><span>{left}</span><span>{right}</span></div>
<div style="opacity:.75">Column,row under the pointer: point at the picture.</div>
</div>"""
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Depth of {title}</title>
<style>
body{{font:16px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:64rem;padding:0 1rem;color:#222;background:#fff}}
@media (prefers-color-scheme:dark){{body{{color:#ddd;background:#161616}}}}
</style>
<h1>Depth of {title}</h1>
{pair}
<ul>{said}</ul>
</html>
"""
