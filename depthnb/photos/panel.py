"""A small panel for notebooks: upload a picture, choose the net, turn the camera's knobs, look."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePath

import ipywidgets as widgets
from IPython.display import display

from depthnb import plotting, pointcloud
from depthnb.photos.nets import Net
from depthnb.photos.pages import slider
from depthnb.photos.prediction import Depth, Known, predict
from depthnb.photos.reading import Photo, focal_of_view, read

_LONGEST = 640  # pixels of what is shown: it travels to the browser after each change
_POINTS = 12_000


class Panel:
    """Widgets around `photos.predict`: what is changed is computed and shown at once.

    A mistake, such as a file that is no picture, becomes a sentence below the picture; the panel goes on.

    Args:
        photo: shown first.
        nets: name -> net, the first of which is asked first.
        device: cpu or cuda.

    Attributes:
        upload, choice, view, known, colours, cloud: widgets: picture file, net, field of view in degrees across the longer
            side, known distances as X,Y=METRES with spaces between them, ends of the colours, and the button that draws the
            points.
        depth: the answer that is shown; None before the first one.
    """

    def __init__(self, photo: Photo, nets: Mapping[str, Net], *, device: str = "cpu"):
        self._nets, self._device, self._photo = dict(nets), device, photo
        self.depth: Depth | None = None
        wide = {"layout": widgets.Layout(width="32rem"), "style": {"description_width": "9rem"}}
        late = {"continuous_update": False, **wide}
        self.upload = widgets.FileUpload(description="Your picture", accept="image/*", multiple=False)
        self.choice = widgets.Dropdown(options=list(self._nets), description="Net", **wide)
        self.view = widgets.FloatSlider(
            value=photo.view, min=5, max=170, step=1, description="Field of view (°)", readout_format=".0f", **late
        )
        self.known = widgets.Text(description="Known distances", placeholder="column,row=metres ...", **late)
        self.colours = widgets.FloatRangeSlider(
            value=(0, 1), min=0, max=1, step=0.05, description="Colours (m)", **late
        )
        self.cloud = widgets.Button(description="Points in space", icon="cube")
        self._picture, self._said, self._points = widgets.HTML(), widgets.HTML(), widgets.Output()
        self.upload.observe(self._guarded(self._read), "value")
        self.choice.observe(self._guarded(self._ask), "value")
        self.view.observe(self._guarded(self._turn), "value")
        self.known.observe(self._guarded(self._ask), "value")
        self.colours.observe(self._guarded(self._draw), "value")
        self.cloud.on_click(self._guarded(self._show_points))
        self._quiet = False  # while the panel itself moves its sliders
        self._guarded(self._ask)()

    @cached_property
    def widget(self) -> widgets.VBox:
        """All of it, to be shown."""
        knobs = [self.upload, self.choice, self.view, self.known, self.colours]
        return widgets.VBox([*knobs, self._picture, self._said, self.cloud, self._points])

    @property
    def said(self) -> str:
        """The sentences below the picture, as HTML."""
        return self._said.value

    def _ipython_display_(self) -> None:
        display(self.widget)

    def _guarded(self, action: Callable[[], None]) -> Callable[..., None]:
        def guarded(*_) -> None:
            if self._quiet:
                return
            try:
                action()
            except (OSError, ValueError, ImportError, RuntimeError) as error:
                self._said.value = f"<b>{html.escape(str(error))}</b>"

        return guarded

    def _read(self) -> None:
        if not self.upload.value:
            return
        file = self.upload.value[0]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"picture{PurePath(file['name']).suffix}"
            path.write_bytes(bytes(file["content"]))
            try:
                self._photo = read(path, name=PurePath(file["name"]).stem)
            except (OSError, ValueError) as error:  # nobody knows the name under which it lies here
                raise ValueError(str(error).replace(str(path), file["name"])) from None
        self._set(self.view, self._photo.view)
        self._set(self.known, "")  # it was of the picture before
        self._ask()

    def _turn(self) -> None:
        """Another field of view than the file's, or the usual one."""
        focal = focal_of_view(self.view.value, self._photo.size)
        self._photo = replace(self._photo, focal=focal, camera=f"{self.view.value:.0f} degrees, from the slider")
        self._ask()

    def _ask(self) -> None:
        """Ask with the known distances; where those are refused, show the answer without them and say why."""
        net, refused = self._nets[self.choice.value], None
        try:
            known = [Known.parse(text) for text in self.known.value.split()]
            self.depth = predict(net, self._photo, known=known, device=self._device)
        except ValueError as error:
            if not self.known.value:
                raise
            self.depth, refused = predict(net, self._photo, device=self._device), error
        self._show()
        if refused:
            raise refused

    def _show(self) -> None:
        """A new answer: the colours follow it, and points of the one before go."""
        metric = self.depth.metres is not None
        self.cloud.disabled = self.colours.disabled = not metric
        if metric:
            _, low, high = plotting.depth_colours(self.depth.metres)
            self._set(self.colours, (low, high), max=max(1.2 * high, 0.1))
        self._points.outputs = ()
        self._draw()

    def _draw(self) -> None:
        limits = self.colours.value if self.depth.metres is not None else None
        self._picture.value = slider(self.depth, limits=limits, longest=_LONGEST)
        self._said.value = f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in self.depth.said)}</ul>"

    def _show_points(self) -> None:
        depth = self.depth
        xyz, rgb = pointcloud.points(depth.metres, depth.metres > 0, depth.photo.intrinsics, depth.photo.image)
        cloud = pointcloud.view(xyz, rgb, max_points=_POINTS)._repr_mimebundle_()
        self._points.outputs = ({"output_type": "display_data", "data": cloud, "metadata": {}},)

    def _set(self, widget: widgets.Widget, value, **traits) -> None:
        """Move a slider without being called for it."""
        self._quiet = True
        try:
            for name, trait in traits.items():
                setattr(widget, name, trait)
            widget.value = value
        finally:
            self._quiet = False
