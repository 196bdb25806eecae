"""Arrays in .npy files: what is whole is read, and everything else is one clear error, whoever reads it."""

import io

import numpy as np
import pytest
from PIL import Image

from depthnb.data.readers import diode, pixels
from depthnb.data.readers.arrays import read_npy
from depthnb.data.readers.pixels import read_depth

DEPTH = np.linspace(0.5, 8, 48 * 64, dtype=np.float32).reshape(48, 64)


def stored(save, *arrays, **named):
    stream = io.BytesIO()
    save(stream, *arrays, **named)
    return stream.getvalue()


NPY, NPZ = stored(np.save, DEPTH), stored(np.savez, depth=DEPTH)
# Flipped brackets, letters and quotes: NumPy answers with AttributeError, tokenize.TokenError, SyntaxError and others.
HEADERS = [
    NPY.replace(b"}", b"("),
    NPY.replace(b"'shape'", b"'shap\\x"),
    NPY.replace(b"(48, 64)", b"(48, 6.)"),
    NPY.replace(b"(48, 64)", b"(48, -4)"),
    NPY.replace(b"'<f4'", b"'<x4'"),
    NPY.replace(b"'<f4'", b" None"),
    NPY.replace(b"{", b"["),
    NPY.replace(b"\x01\x00", b"\x09\x00", 1),
]
READERS = {
    "read_npy": (read_npy, "copy it again"),
    "read_depth": (lambda path: read_depth(path, 1.0), "copy it again"),
    "diode": (lambda path: diode.read_array(path, "f"), "unpack the archive again"),
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(diode, "SIZE", DEPTH.shape)


def test_a_whole_file_is_read(tmp_path):
    path = tmp_path / "depth.npy"
    path.write_bytes(NPY)
    assert np.array_equal(read_npy(path), DEPTH) and np.array_equal(diode.read_array(path, "f"), DEPTH)
    assert np.array_equal(read_depth(path, 0.5)[0][0], DEPTH / 2), "metres for each stored unit, as for PNG"


OF_ANOTHER_KIND = {
    NPZ: "an .npz archive of depth",
    NPZ[:1000]: "a damaged zip archive",
    NPZ[:-30]: "a damaged zip archive",
    b"PK\x03\x04": "a damaged zip archive",
    b"<html>404</html>": "a web page in the file's place",
    stored(np.save, np.array([{1: 2}], dtype=object)): "Python objects, which are never loaded",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", [*OF_ANOTHER_KIND, b"", NPY[:5], NPY[:9], NPY[:60], NPY[:-1], *HEADERS])
def test_anything_else_is_one_clear_error(tmp_path, reader, content):
    read, remedy = READERS[reader]
    path = tmp_path / "depth.npy"
    path.write_bytes(content)
    words = rf"not a \.npy array that can be read .*renamed \.npz; {remedy}"
    if reader == "read_depth" and content in OF_ANOTHER_KIND:  # the one that knows other kinds
        words = OF_ANOTHER_KIND[content]
    with pytest.raises(ValueError, match=words) as error:
        read(path)
    assert str(path) in str(error.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
def test_flipped_bytes_of_the_header_never_end_in_another_error(tmp_path, reader):
    rng, path = np.random.default_rng(0), tmp_path / "depth.npy"
    for _ in range(300):
        content = bytearray(NPY)
        for place in rng.integers(0, 128, rng.integers(1, 4)):
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            READERS[reader][0](path)
        except ValueError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_file_is_said_to_be_missing(tmp_path, reader):
    read, remedy = READERS[reader]
    with pytest.raises(FileNotFoundError, match=f"nowhere.npy: the file is missing; {remedy}"):
        read(tmp_path / "nowhere.npy")


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(pixels, "_MOST_PIXELS", 30 * 40 - 1)
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=r"too large \(40 x 30 pixels, at most 1,199 in all\); make it smaller"):
        pixels.read_image(tmp_path / "a.png")


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_a_depth_that_its_scale_makes_no_number_is_not_valid(tmp_path, scale):
    np.save(tmp_path / "a.npy", DEPTH)
    depth, valid = read_depth(tmp_path / "a.npy", scale)
    assert not valid.any() and depth.shape == valid.shape
