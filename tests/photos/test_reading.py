"""Photographs of every kind that people have: upright, in RGB, with a focal length and its source."""

import math

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, TiffImagePlugin

from depthnb import photos


def ramp(width=64, height=48):
    """Dark left, bright right, with a red corner at the top left."""
    pixels = np.repeat(np.linspace(0, 255, width).astype(np.uint8)[None, :, None], height, 0).repeat(3, 2)
    pixels[: height // 4, : width // 4] = (200, 0, 0)
    return pixels


def save(path, pixels, mode=None, **options):
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("RGB", "a.png"),
        ("L", "a.png"),
        ("P", "a.png"),
        ("1", "a.png"),
        ("CMYK", "a.jpg"),
        ("RGBA", "a.png"),
        ("LA", "a.png"),
    ],
)
def test_every_colour_mode_becomes_rgb(mode, name, tmp_path):
    photo = photos.read(save(tmp_path / name, ramp(), mode))
    assert photo.image.shape == (3, 48, 64) and photo.image.dtype == torch.float32
    assert 0 <= photo.image.min() and photo.image.max() <= 1
    assert photo.image[:, 40, -8:].mean() > 0.8 > 0.3 > photo.image[:, 40, :8].mean()


def test_sixteen_bits_and_floats_are_scaled_and_said(tmp_path):
    deep = (np.linspace(0, 60000, 64)[None].repeat(48, 0)).astype(np.uint16)
    photo = photos.read(save(tmp_path / "deep.png", deep))
    assert photo.image[0, 0, -1] == pytest.approx(60000 / 65535, abs=1e-4) and "65535 is white" in photo.notes[0]
    photo = photos.read(save(tmp_path / "f.tif", np.linspace(0, 2, 64, dtype=np.float32)[None].repeat(48, 0)))
    assert photo.image.max() == 1 and "2 is white" in photo.notes[0]


def test_transparent_pixels_are_laid_on_white(tmp_path):
    pixels = np.dstack([np.zeros((40, 40, 3), np.uint8), np.full((40, 40), 255, np.uint8)])
    pixels[:, :20, 3] = 0
    photo = photos.read(save(tmp_path / "a.png", pixels))
    assert photo.image[:, :, :20].min() == 1 and photo.image[:, :, 20:].max() == 0
    assert photo.notes == ("transparent pixels are laid on white",)


def exif(**tags):
    found = Image.Exif()
    for name, value in tags.items():
        if name == "Orientation":
            found[ExifTags.Base.Orientation] = value
        else:
            found.get_ifd(ExifTags.IFD.Exif)[getattr(ExifTags.Base, name)] = value
    return found


@pytest.mark.parametrize("turned", range(1, 9))
def test_exif_turns_the_picture_upright(turned, tmp_path):
    upright = ramp()
    undo = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
    }
    undo |= {6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a, -1)}
    stored = np.ascontiguousarray(undo.get(turned, lambda a: a)(upright))
    photo = photos.read(save(tmp_path / "a.png", stored, exif=exif(Orientation=turned, FocalLengthIn35mmFilm=36)))
    torch.testing.assert_close(photo.image, torch.from_numpy(upright.transpose(2, 0, 1).copy()).float() / 255)
    assert photo.focal == pytest.approx(36 * math.hypot(64, 48) / math.hypot(36, 24))


def test_the_focal_length_is_what_is_told_or_what_exif_says_or_supposed(tmp_path):
    plain = save(tmp_path / "plain.jpg", ramp())
    known = save(tmp_path / "known.jpg", ramp(), exif=exif(FocalLengthIn35mmFilm=26))
    assert photos.read(plain, focal=90).focal == 90
    assert photos.read(plain, view=90).focal == pytest.approx(32)
    assert photos.read(known, focal=90).focal == 90, "who tells it knows better"
    told = photos.read(known)
    assert (
        told.focal == pytest.approx(26 * 80 / math.hypot(36, 24)) and told.camera == "26 mm (35 mm equivalent) in EXIF"
    )
    supposed = photos.read(plain)
    assert supposed.focal == pytest.approx(32 / math.tan(math.radians(photos.USUAL_VIEW) / 2))
    assert "65 degrees across the longer side, supposed" in supposed.camera
    tags = {"FocalLength": 5.0, "FocalPlaneXResolution": 12800.0, "FocalPlaneResolutionUnit": 3, "ExifImageWidth": 128}
    sensor = photos.read(save(tmp_path / "s.jpg", ramp(), exif=exif(**tags)))
    assert sensor.focal == pytest.approx(5 * 1280 * 64 / 128) and "resolution of the sensor" in sensor.camera
    assert sensor.intrinsics[:2, 2].tolist() == [31.5, 23.5]


@pytest.mark.parametrize("value", [0, 65535 * 10, "x"])
def test_a_nonsense_focal_length_in_exif_is_not_believed(value, tmp_path):
    tags = {"FocalLength": 5.0, "FocalPlaneXResolution": 1.0, "ExifImageWidth": 64} if value else {"FocalLength": 0.0}
    photo = photos.read(save(tmp_path / "a.jpg", ramp(), exif=exif(**tags)))
    assert "supposed" in photo.camera


def test_large_pictures_are_reduced_and_the_focal_length_with_them(tmp_path):
    file = save(tmp_path / "large.jpg", ramp(3000, 2000))
    photo = photos.read(file, focal=3000.0)
    assert photo.size == (1365, 2048) and photo.focal == pytest.approx(2048) and photo.original == (2000, 3000)
    assert photo.notes == ("reduced from 3000 x 2000 pixels",)
    for name in ("large.png", "large.gif"):
        photo = photos.read(save(tmp_path / name, ramp(3000, 200)), longest=300)
        assert photo.size == (20, 300) and "panorama" in photo.notes[-1]
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[ExifTags.IFD.Exif] = {ExifTags.Base.FocalLengthIn35mmFilm: 50}
    deep = save(tmp_path / "large.tif", ramp(3000, 2000), tiffinfo=info)
    assert photos.read(deep).camera == "50 mm (35 mm equivalent) in EXIF", "of a TIFF too"
    upright = save(tmp_path / "turned.jpg", ramp(3000, 2000), exif=exif(Orientation=6))
    turned = photos.read(upright, view=90)
    assert turned.size == (2048, 1365) and turned.original == (3000, 2000)


def test_a_single_pixel_and_an_animation(tmp_path):
    photo = photos.read(save(tmp_path / "one.png", np.full((1, 1, 3), 128, np.uint8)))
    assert photo.size == (1, 1) and photo.notes == ("only 1 x 1 pixels",)
    frames = [Image.fromarray(np.full((40, 40, 3), value, np.uint8)) for value in (0, 255)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    photo = photos.read(tmp_path / "two.gif")
    assert photo.image.max() < 0.1 and photo.notes[0] == "the first of 2 pictures"


def test_what_is_no_picture_is_refused_by_name(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    whole = save(tmp_path / "whole.jpg", ramp()).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    for name, words in (("text.jpg", "no picture that Pillow can read"), ("cut.jpg", "damaged or cut short"),
                        ("empty.png", "no picture that Pillow can read")):  # fmt: skip
        with pytest.raises(ValueError, match=f"{name}: .*{words}"):
            photos.read(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg does not exist"):
        photos.read(tmp_path / "gone.jpg")
    with pytest.raises(FileNotFoundError, match="is no file"):
        photos.read(tmp_path)
    for options, words in (({"focal": -1.0}, "focal is -1"), ({"view": 180.0}, "field of view is 180 degrees")):
        with pytest.raises(ValueError, match=words):
            photos.read(tmp_path / "whole.jpg", **options)


def test_one_wrong_byte_in_a_png_is_noticed(tmp_path):
    """A PNG without EXIF decodes itself when it is asked for it, and forgets that it is damaged."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    whole = bytearray(save(tmp_path / "a.png", noise).read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(whole)
    with pytest.raises(ValueError, match=r"a\.png: the picture is damaged"):
        photos.read(tmp_path / "a.png")


def test_a_header_that_asks_for_everything_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    file = save(tmp_path / "a.ppm", ramp())
    head, _, pixels = file.read_bytes().partition(b"64 48")
    file.write_bytes(head + b"60000 60000" + pixels)
    with pytest.raises(ValueError, match="60000 x 60000 pixels are too many"):
        photos.read(file)
    Image.new("1", (30000, 20000)).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match="30000 x 20000 pixels are too many"):
        photos.read(tmp_path / "a.png")


def test_whatever_a_plug_in_of_pillow_stumbles_over_names_the_file(tmp_path, monkeypatch):
    file = save(tmp_path / "a.png", ramp())
    for error in (RuntimeError("Failed to decode image"), TypeError("Missing dimensions"), NotImplementedError()):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(Image.Image, "load", fail)
        monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", fail, raising=False)
        with pytest.raises(ValueError, match=r"a\.png: the picture is damaged"):
            photos.read(file)


def test_files_folders_and_patterns(tmp_path):
    for name in ("b.jpg", "a.PNG", "c.txt"):
        save(tmp_path / name, ramp(), format="PNG")
    (tmp_path / "deeper").mkdir()
    assert [path.name for path in photos.find([tmp_path])] == ["a.PNG", "b.jpg"]
    assert [path.name for path in photos.find([tmp_path / "c.txt", tmp_path])] == ["c.txt", "a.PNG", "b.jpg"]
    assert [path.name for path in photos.find([f"{tmp_path}/*.jpg", tmp_path / "b.jpg"])] == ["b.jpg"]
    odd = save(tmp_path / "odd[1].jpg", ramp())
    assert photos.find([odd]) == [odd], "brackets in a file's own name"
    for place, words in (
        (tmp_path / "deeper", "no picture in the folder"),
        (tmp_path / "x.jpg", "there is no file"),
        (f"{tmp_path}/*.tif", "no file fits the pattern"),
    ):
        with pytest.raises(FileNotFoundError, match=words):
            photos.find([place])
