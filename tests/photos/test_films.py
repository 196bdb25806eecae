"""Films: how frames are read from videos and from pictures, what is written, and how flicker is measured."""

import json
import os
import sys
from fractions import Fraction

import av
import numpy as np
import pandas as pd
import pytest
import torch
from photo_nets import Says, net
from PIL import Image
from torch import nn

from depthnb import cli, metrics, photos
from depthnb.photos import films
from depthnb.runs.trained import INVERSE


def video(path, count=6, *, size=(48, 64), rotation=0, stretched=1, rate=10, times=None):
    """A film whose upper half is red and whose brightness grows from frame to frame."""
    height, width = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.options = {"crf": "1"}
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.sample_aspect_ratio = stretched
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(count):
            pixels = np.full((height, width, 3), 20 * (number % 12), np.uint8)
            pixels[: height // 2] = 255, 0, 0
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times:
                frame.pts, frame.time_base = round(times[number] * 1000), Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def seen(film):
    return [photo for _, photo in film.read()]


def video_frame(folder, number):
    Image.new("RGB", (64, 48), (80 * number,) * 3).save(folder / f"frame{number}.png")
    return folder / f"frame{number}.png"


class Grows(nn.Module):
    """Metres that grow by the same share in each second."""

    def __init__(self, times):
        super().__init__()
        self.times = iter(times)

    def forward(self, image):
        return torch.full((len(image), 1, *image.shape[-2:]), 2.0 * 1.3 ** next(self.times))


class Blinks(nn.Module):
    """Depth that is `factor` times as large in every second frame."""

    def __init__(self, factor, scale=1.0):
        super().__init__()
        self.factor, self.asked, self.scale = factor, 0, scale

    def forward(self, image):
        self.asked += 1
        slope = self.scale * torch.linspace(1, 2, image.shape[-1]).expand(len(image), 1, *image.shape[-2:])
        return slope * self.factor ** (self.asked % 2)


def test_frames_come_upright_in_order_and_at_their_rate(tmp_path):
    film = photos.film(video(tmp_path / "one.mp4"))
    frames = seen(film)
    assert (film.name, film.rate, film.count, len(frames)) == ("one", 10.0, 6, 6)
    assert frames[0].size == (48, 64) and frames[0].image[0, 5].mean() > 0.9 > 0.1 > frames[0].image[1, 5].mean()
    grey = [float(frame.image[1, 40].mean()) for frame in frames]
    assert grey == pytest.approx([20 * number / 255 for number in range(6)], abs=0.02)
    assert [float(frame.image[1, 40].mean()) for frame in seen(film)] == grey, "as often as wanted"
    assert "supposed: a video does not say it" in frames[0].camera


def test_a_telephone_held_upright_and_pixels_that_are_not_square(tmp_path):
    turned = seen(photos.film(video(tmp_path / "turned.mp4", rotation=90)))[0]
    assert turned.size == turned.original == (64, 48), "a quarter turn against the clock"
    assert turned.image[0, :, 5].mean() > 0.9 and turned.image[0, :, 40].mean() < 0.1, "red is left now"
    wide = seen(photos.film(video(tmp_path / "wide.mp4", stretched=2)))[0]
    assert wide.size == (48, 128)


def test_every_other_frame_and_the_camera_as_told(tmp_path):
    path = video(tmp_path / "one.mp4", 7)
    film = photos.film(path, every=3, focal=100)
    frames = seen(film)
    assert len(frames) == film.count == 3 and film.rate == pytest.approx(10 / 3) and film.notes == ["one frame of 3"]
    assert frames[0].focal == 100 and frames[0].camera == "100 pixels, as told"
    assert seen(photos.film(path, view=90))[0].focal == pytest.approx(32)


def test_large_frames_are_reduced_and_their_focal_length_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(films, "LARGEST", 32)
    frame = seen(photos.film(video(tmp_path / "one.mp4"), focal=100))[0]
    assert frame.size == (24, 32) and frame.original == (48, 64) and frame.focal == 50


def test_pictures_are_frames_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 9, 1):
        Image.new("L", (40, 30), number * 10).save(tmp_path / f"f{number}.png")
    film = photos.film_of_pictures(photos.find([tmp_path]), rate=5, every=1)
    grey = [round(float(frame.image.mean() * 255)) for frame in seen(film)]
    assert grey == [10, 90, 100] and film.rate == 5 and film.name == tmp_path.name
    Image.new("L", (30, 40)).save(tmp_path / "f2.png")
    with pytest.raises(ValueError, match=r"f2\.png has 30 x 40 pixels and .*f1\.png 40 x 30; a film has one size"):
        seen(photos.film_of_pictures(photos.find([tmp_path])))


def test_what_is_no_film_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "text.mp4").write_text("no film at all")
    with pytest.raises(ValueError, match=r"text\.mp4: no video that PyAV can read"):
        photos.film(tmp_path / "text.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    with pytest.raises(ValueError, match="there is no picture in it"):
        photos.film(tmp_path / "sound.mp4")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        photos.film(tmp_path / "gone.mp4")
    for words in ({"every": 0}, {"focal": -1}, {"view": 180}):
        with pytest.raises(ValueError, match="expected"):
            photos.film(video(tmp_path / "one.mp4"), **words)
    with pytest.raises(ValueError, match="two pictures or more"):
        photos.film_of_pictures([tmp_path / "one.png"])


def test_a_film_that_is_cut_short_gives_what_is_whole_and_says_so(tmp_path):
    content = video(tmp_path / "whole.mkv", 40, size=(96, 128)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    film = photos.film(tmp_path / "cut.mkv")
    depth = photos.predict_film(net(Says()), film, tmp_path / "out")
    assert 1 <= depth.frames < 36 and depth.frames == len(np.load(depth.files["npy"]))
    assert any("damaged or cut short" in line for line in depth.said)
    spoilt = bytearray(content)
    spoilt[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    (tmp_path / "spoilt.mkv").write_bytes(spoilt)
    film = photos.film(tmp_path / "spoilt.mkv")
    frames = seen(film)
    assert len(frames) > depth.frames, "what follows the damage is read"
    whole = photos.film(tmp_path / "whole.mkv")
    assert len(seen(whole)) == 40 and whole.notes == []


def test_frames_keep_their_own_times(tmp_path):
    times = [0.0, 0.1, 0.2, 1.2, 1.3, 1.4]
    film = photos.film(video(tmp_path / "one.mkv", times=times))
    assert [seconds for seconds, _ in film.read()] == pytest.approx(times, abs=0.002)
    steady = Grows(times)
    depth = photos.predict_film(net(steady), film, tmp_path / "out")
    assert depth.flicker["whole"].max() < 1e-3, "grows evenly in time, though not from frame to frame"
    assert depth.flicker["apart"].tolist() == pytest.approx([0.1, 0.1, 1.0, 0.1], abs=0.002)
    written = photos.film(depth.files["film"])
    assert [seconds for seconds, _ in written.read()] == pytest.approx(times, abs=0.002)
    slow = photos.film_of_pictures([video_frame(tmp_path, number) for number in range(3)], rate=0.001)
    assert [seconds for seconds, _ in slow.read()] == [0, 1000, 2000]
    depth = photos.predict_film(net(Says()), slow, tmp_path / "out")
    assert [seconds for seconds, _ in photos.film(depth.files["film"]).read()] == pytest.approx([0, 1000, 2000])


def test_the_range_of_the_colours_is_that_of_the_whole_picture(tmp_path):
    """Of 160 x 240 pixels every so-many-th value would lie in one column, and depth grows from left to right."""
    film = photos.film(video(tmp_path / "up.mp4", 3, size=(240, 160)))
    depth = photos.predict_film(net(Says(1.0, 5.0), size=(240, 160)), film, tmp_path / "out")
    values = np.load(depth.files["npy"])
    assert depth.range == pytest.approx(np.percentile(values, (1, 50, 99)), rel=0.05)


def test_inverse_depth_of_any_size_keeps_its_digits(tmp_path):
    film = photos.film(video(tmp_path / "one.mp4"))
    for scale in (1e6, 1e-8):
        module = Blinks(1.04, scale)
        depth = photos.predict_film(net(module, kind=INVERSE), film, tmp_path / "out")
        low, _, high = depth.range
        assert depth.flicker["whole"].median() == pytest.approx(0.04 * 1.5 * scale / (high - low), rel=0.05)


def test_a_new_film_replaces_the_whole_folder_and_pictures_keep_theirs(tmp_path):
    out, path = tmp_path / "out", video(tmp_path / "one.mp4")
    photos.predict_film(net(Says()), photos.film(path), out, formats=["npy", "json"])
    assert len(os.listdir(out / "one-film" / "frames")) == 12
    photos.predict_film(net(Says()), photos.film(path, every=2), out, formats=["npy"])
    assert sorted(os.listdir(out / "one-film" / "frames")) == [f"{number:06d}_depth.npy" for number in range(3)]
    (out / ".one-film.part").mkdir()
    (out / ".one-film.part" / "numbers").write_text("of a process that was killed")
    photos.predict_film(net(Says()), photos.film(path), out)
    assert os.listdir(out) == ["one-film"] and "frames" not in os.listdir(out / "one-film")


def test_transparent_large_and_narrow_frames(tmp_path, monkeypatch):
    for number in range(2):
        Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(tmp_path / f"f{number}.png")
    film = photos.film_of_pictures(photos.find([tmp_path]))
    assert seen(film)[0].image.min() == 1 and film.notes[0] == "transparent pixels are laid on white"
    with av.open(str(tmp_path / "clear.mov"), "w") as container:
        stream = container.add_stream("png", rate=5)
        stream.height, stream.width, stream.pix_fmt = 30, 40, "rgba"
        frame = av.VideoFrame.from_ndarray(np.zeros((30, 40, 4), np.uint8), format="rgba")
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    film = photos.film(tmp_path / "clear.mov")
    assert seen(film)[0].image.min() == 1 and film.notes == ["transparent pixels are laid on white"]
    monkeypatch.setattr(films, "LARGEST", 32)
    film = photos.film(video(tmp_path / "one.mp4"))
    seen(film)
    assert film.notes == ["reduced from 64 x 48 pixels"]
    narrow = photos.film(video(tmp_path / "narrow.mp4", 2, size=(64, 2)))
    depth = photos.predict_film(net(Says()), narrow, tmp_path / "out")
    assert seen(photos.film(depth.files["film"], every=1))[0].original[1] == 320, "the bar's words can be read"


def test_a_net_of_metres_that_answers_none_is_told(tmp_path):
    depth = photos.predict_film(net(Says(-5.0, -1.0)), photos.film(video(tmp_path / "one.mp4", 3)), tmp_path / "out")
    assert any("lies beyond" in line for line in depth.said)


def test_a_steady_change_is_no_flicker_and_a_jump_is(tmp_path):
    grown = [torch.full((2, 1, 3, 3), depth) for depth in (1.0, 1.1, 1.21)]
    steady = metrics.flicker(before=grown[0], now=grown[1], after=grown[2])
    assert all(value.abs().max() < 1e-6 for value in steady.values())
    half = grown[1].clone()
    half[..., 0] *= 1.3  # a third of the pixels alone: the whole picture does not jump
    part = metrics.flicker(before=grown[0], now=half, after=grown[2])
    assert part["whole"].max() < 1e-6 and part["parts"].max() < 1e-6
    noise = torch.where(torch.arange(9).reshape(1, 1, 3, 3) % 2 == 0, 1.1, 1 / 1.1)
    wild = metrics.flicker(before=grown[0], now=grown[1] * noise, after=grown[2])
    assert wild["parts"].min() == 0 and wild["whole"].tolist() == pytest.approx([0.1, 0.1], rel=1e-4)
    inverse = metrics.flicker(before=grown[0], now=grown[2], after=grown[0], kind=INVERSE, reach=2.1)
    assert inverse["whole"].tolist() == pytest.approx([0.1, 0.1])
    for wrong in ({"at": 0.0}, {"kind": "metres"}, {"reach": 1.0}, {"kind": INVERSE}, {"kind": INVERSE, "reach": 0.0}):
        with pytest.raises(ValueError, match="expected"):
            metrics.flicker(before=grown[0], now=grown[1], after=grown[2], **wrong)
    with pytest.raises(ValueError, match="one shape"):
        metrics.flicker(before=grown[0], now=grown[1], after=grown[2][..., :2])


def test_flicker_of_parts_is_what_differs_from_the_whole():
    before = torch.ones(1, 1, 1, 4)
    now = torch.tensor([1.0, 1.2, 1.2, 1.4]).reshape(1, 1, 1, 4)
    jump = metrics.flicker(before=before, now=now, after=before)
    assert float(jump["whole"]) == pytest.approx(0.2) and float(jump["parts"]) == pytest.approx(0.0, abs=1e-6)
    now = torch.tensor([1.0, 1.1, 1.2, 1.3, 1.4]).reshape(1, 1, 1, 5)
    before = torch.ones(1, 1, 1, 5)
    jump = metrics.flicker(before=before, now=now, after=before)
    assert (float(jump["whole"]), float(jump["parts"])) == (pytest.approx(0.2), pytest.approx(0.1))


def test_a_net_that_blinks_is_told_and_written(tmp_path):
    film = photos.film(video(tmp_path / "one.mp4"))
    heard = []
    out = tmp_path / "out"
    depth = photos.predict_film(net(Blinks(1.1)), film, out, progress=lambda *words: heard.append(words))
    assert depth.frames == 6 and len(depth.flicker) == 4
    assert depth.flicker["whole"].tolist() == pytest.approx([1 - 1 / 1.1, 0.1] * 2, rel=0.01)
    assert depth.flicker["parts"].max() < 0.002, "float16 alone"
    assert depth.flicker["seconds"].tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert "the whole picture jumps by 9." in depth.said[-1] or "by 10.0%" in depth.said[-1]
    assert os.listdir(out) == ["one-film"]
    assert sorted(os.listdir(out / "one-film")) == ["depth.mp4", "depth.npy", "film.json", "flicker.csv"]
    values = np.load(depth.files["npy"])
    assert values.shape == (6, 48, 64) and values.dtype == np.float32 and values[0].max() == pytest.approx(2.2)
    told = json.loads(depth.files["json"].read_text())
    assert told["frames"] == 6 and told["flicker"]["whole"] == pytest.approx(0.095, abs=0.01)
    assert pd.read_csv(depth.files["csv"]).shape == (4, 5)
    assert heard[-1] == (12, 12) and heard[0] == (1, 12)
    written = seen(photos.film(depth.files["film"]))
    assert len(written) == 6 and written[0].size[1] == 320 and written[0].size[0] > 48
    left, right = written[0].image[:, 5, 96 + 10], written[0].image[:, 5, 96 + 66]
    assert left[0] > 0.8 and left[2] < 0.2, "the picture"
    assert right[1] > 0.7 > 0.4 > right[2], "near: yellow and green"


def test_inverse_depth_wide_frames_and_single_frames_with_formats(tmp_path):
    film = photos.film(video(tmp_path / "wide.mp4", 2, size=(32, 96)))
    depth = photos.predict_film(net(Says(), kind=INVERSE), film, tmp_path / "out", formats=["npy"])
    assert "three frames or more" in depth.said[-1] and "metres" not in photos.describe_film(depth)
    assert sorted(os.listdir(depth.files["frames"])) == ["000000_inverse.npy", "000001_inverse.npy"]
    assert np.load(depth.files["npy"]).shape[0] == 2
    assert seen(photos.film(depth.files["film"]))[0].size[0] > 64, "above each other"


def test_nothing_half_written_remains(tmp_path):
    class Breaks(Says):
        def forward(self, image):
            if self.seen:
                raise KeyboardInterrupt
            return super().forward(image)

    film = photos.film(video(tmp_path / "one.mp4"))
    with pytest.raises(KeyboardInterrupt):
        photos.predict_film(net(Breaks()), film, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []
    with pytest.raises(ValueError, match="frame 0 with numbers that are not finite"):
        photos.predict_film(net(Says(near=float("nan"))), film, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_the_command_takes_films_and_pictures(tmp_path, capsys):
    video(tmp_path / "one.mp4", 4)
    Image.new("RGB", (64, 48)).save(tmp_path / "me.png")
    words = ["predict", str(tmp_path / "one.mp4"), str(tmp_path / "me.png"), "--out", str(tmp_path / "out"), "--json"]
    assert cli.main([*words, "--formats", "npy"]) == 0
    one, me = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert one["frames"] == 4 and one["files"]["frames"].endswith("one-film/frames") and me["photo"] == "me"
    assert (
        cli.main(["predict", str(tmp_path / "out" / "one-film" / "depth.mp4"), "--out", str(tmp_path / "again")]) == 0
    )
    said = capsys.readouterr().out
    assert "depth: 4 frames: " in said and "Flicker between frames" in said


def test_films_in_a_folder_are_left_out_and_that_is_said(tmp_path, capsys):
    video(tmp_path / "clip.mp4", 2)
    Image.new("RGB", (64, 48)).save(tmp_path / "me.png")
    assert cli.main(["predict", str(tmp_path), "--out", str(tmp_path / "out"), "--formats", "npy"]) == 0
    assert "films in a folder are left out" in capsys.readouterr().err
    (tmp_path / "me.png").unlink()
    assert cli.main(["predict", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "a film has to be named itself" in capsys.readouterr().err


def test_the_command_makes_a_film_of_pictures(tmp_path, capsys):
    shots = tmp_path / "shots"
    shots.mkdir()
    for number in range(3):
        Image.new("RGB", (64, 48), (80 * number,) * 3).save(shots / f"{number}.png")
    assert cli.main(["predict", str(shots), "--film", "--rate", "5", "--out", str(tmp_path / "out")]) == 0
    assert "shots: 3 frames" in capsys.readouterr().out and (tmp_path / "out" / "shots-film" / "depth.mp4").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{film}", "--known", "1,2=3"], "a film has many"),
        (["{film}", "--film"], "is one already"),
        (["{film}", "--rate", "5"], "add --film"),
        (["{picture}", "--every", "2"], "there are only pictures"),
        (["{picture}", "--film"], "two pictures or more, found 1"),
        (["{film}", "--every", "0"], "expected 1 or more"),
        (["{film}", "--formats", "exr"], "unknown format exr"),
    ],
)
def test_words_that_make_no_sense_for_films(words, told, tmp_path, capsys):
    film = video(tmp_path / "one.mp4", 2)
    Image.new("RGB", (64, 48)).save(tmp_path / "me.png")
    words = [word.format(film=film, picture=tmp_path / "me.png") for word in words]
    assert cli.main(["predict", *words, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("depthnb: ") and told in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_without_pyav_the_package_is_named(tmp_path, monkeypatch):
    film = photos.film(video(tmp_path / "one.mp4", 2))
    monkeypatch.setitem(sys.modules, "av", None)
    for wanted in (lambda: photos.film(tmp_path / "one.mp4"), lambda: photos.predict_film(net(), film, tmp_path)):
        with pytest.raises(ImportError, match=r"pip install 'depthnb\[video\]'"):
            wanted()


def test_a_place_that_cannot_be_written_is_said_before_any_work(tmp_path):
    film = photos.film(video(tmp_path / "one.mp4", 2))
    with pytest.raises(OSError, match=r"could not make .*one-film .*; a file is where a folder should be"):
        photos.predict_film(net(None), film, tmp_path / "one.mp4" / "out")
    long = photos.film(tmp_path / "one.mp4", name="x" * 250)
    with pytest.raises(OSError, match="give it a shorter name"):
        photos.predict_film(net(None), long, tmp_path / "out")
