"""The panel of notebook 12: what its widgets do, without a browser."""

import datetime
import io

import pytest
import torch
from PIL import Image
from torch import nn

from depthnb import photos
from depthnb.photos.panel import Panel


class Answering(nn.Module):
    """Depth that rises to the right: 1 to 3 m, times a factor."""

    def __init__(self, factor: float = 1.0):
        super().__init__()
        self.factor = factor

    def forward(self, image, intrinsics=None):
        height, width = image.shape[-2:]
        row = torch.linspace(1, 3, width) * self.factor
        return row.expand(len(image), 1, height, width)


def net(name, kind="metric", factor=1.0):
    return photos.Net(name, Answering(factor), kind, f"{name}, a toy")


@pytest.fixture
def panel():
    photo = photos.Photo("mine", torch.rand(3, 48, 64), 60.0, "of the test")
    return Panel(photo, {"a": net("a"), "far": net("far", factor=4.0), "relative": net("relative", "affine-inverse")})


def uploaded(name: str, content: bytes):
    now = datetime.datetime.now(tz=datetime.UTC)
    return ({"name": name, "type": "", "size": len(content), "content": memoryview(content), "last_modified": now},)


def png(size=(30, 20)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, (200, 60, 20)).save(stream, "PNG")
    return stream.getvalue()


def shown(panel) -> str:
    return panel.widget.children[5].value


def test_it_shows_an_answer_at_once(panel):
    assert panel.depth.net.name == "a" and "data:image/jpeg" in shown(panel)
    assert panel.view.value == pytest.approx(panel.depth.photo.view)
    low, high = panel.colours.value
    assert 1 <= low < high <= 3 < panel.colours.max <= 3.7


def test_another_net_is_asked_and_the_colours_follow(panel):
    before = shown(panel)
    panel.choice.value = "far"
    assert panel.depth.net.name == "far" and panel.colours.value[1] > 10 and shown(panel) != before
    panel.choice.value = "relative"
    assert panel.depth.metres is None and panel.cloud.disabled and panel.colours.disabled
    assert "two known distances" in panel.said
    panel.choice.value = "a"
    assert not panel.cloud.disabled and not panel.colours.disabled


def test_the_field_of_view_changes_the_camera_and_the_colours_alone_ask_nothing(panel):
    panel.view.value = 90
    assert panel.depth.photo.focal == pytest.approx(32) and "90 degrees" in panel.said
    depth, before = panel.depth, shown(panel)
    panel.colours.value = (1.5, 2.0)
    assert panel.depth is depth and shown(panel) != before and "2.00 m and farther" in shown(panel)


def test_known_distances_scale_the_answer_and_wrong_ones_are_said_beside_the_answer_without_them(panel):
    own = panel.depth.metres
    panel.known.value = "32,24=4"
    assert float((panel.depth.metres / own).mean()) == pytest.approx(2, rel=0.02) and "times as far" in panel.said
    panel.known.value = "32,24=4 500,24=1"
    assert panel.depth.metres.equal(own) and "500,24 lies outside" in panel.said
    panel.known.value = "here=4"
    assert panel.depth.metres.equal(own) and "is written X,Y=METRES" in panel.said
    panel.known.value = "32,24=4"
    panel.choice.value = "relative"
    assert panel.depth.net.name == "relative" and panel.depth.metres is None and "two known distances" in panel.said
    panel.known.value = "5,24=3 60,24=1"
    assert panel.depth.metres is not None and not panel.cloud.disabled
    panel.upload.value = uploaded("other.png", png())
    assert panel.known.value == "" and panel.depth.metres is None


def test_an_upload_is_read_and_a_bad_one_is_said(panel):
    panel.upload.value = uploaded("my dog.png", png())
    assert panel.depth.photo.name == "my dog" and panel.depth.photo.size == (20, 30)
    assert panel.view.value == pytest.approx(photos.USUAL_VIEW)
    panel.upload.value = uploaded("<b>letter.jpg", b"no picture")
    assert "no picture that Pillow can read" in panel.said and "&lt;b&gt;letter.jpg" in panel.said
    assert "tmp" not in panel.said and panel.depth.photo.name == "my dog"
    panel.upload.value = uploaded("../../up.png", png((8, 8)))
    assert panel.depth.photo.name == "up"


def test_points_are_drawn_when_asked_for_and_go_with_the_next_answer(panel):
    points = panel.widget.children[-1]
    assert points.outputs == ()
    panel.cloud.click()
    (output,) = points.outputs
    assert "application/vnd.plotly.v1+json" in output["data"] and "image/jpeg" in output["data"]
    panel.view.value = 80
    assert points.outputs == ()


def test_the_slider_holds_both_pictures_and_no_address(panel):
    html = photos.slider(panel.depth, longest=32)
    assert html.count("data:image/jpeg;base64,") == 2 and "http" not in html and " id=" not in html
    assert "r.width,64)" in html and "r.height,48)" in html, "columns and rows of the file"
    assert "1.0" in html and "3.0" in html.replace("2.9", "3.0")
    relative = photos.slider(photos.predict(net("r", "affine-inverse"), panel.depth.photo))
    assert "<span>far</span><span>near</span>" in relative
