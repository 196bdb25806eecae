"""Depth in the containers of other programs: read where it can only mean one thing, else named with the line that helps."""

import io
import pickle

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from depthnb.data.readers import arrays
from depthnb.data.readers.pixels import read_depth, read_image, read_valid

DEPTH = np.linspace(0.5, 8, 6 * 9, dtype=np.float32).reshape(6, 9)


def write(path, array=DEPTH, **further):
    """One array (and further ones) in the container that the path's suffix names."""
    if path.suffix == ".npz":
        np.savez_compressed(path, depth=array, **further)
    elif path.suffix in (".h5", ".hdf5"):
        with h5py.File(path, "w") as file:
            for name, one in {"frames/depth": array, **further}.items():
                file[name] = one
    else:
        np.save(path, array)
    return path


@pytest.mark.parametrize("name", ["d.npy", "d.npz", "d.h5", "d.hdf5", "D.NPZ"])
@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 1), (1, 6, 9), (1, 1, 6, 9), (1, 6, 9, 1)])
def test_one_map_is_read_whatever_it_lies_in(tmp_path, name, shape):
    path = tmp_path / name
    write(tmp_path / name.lower(), DEPTH.reshape(shape)).rename(path)
    depth, valid = read_depth(path, 2.0)
    assert torch.equal(depth[0], torch.from_numpy(2 * DEPTH)) and valid.all() and depth.dtype == torch.float32


@pytest.mark.parametrize("kind", [np.float16, np.float64, ">f4", np.uint16, np.int32])
def test_any_type_that_holds_a_measurement_is_read(tmp_path, kind):
    units = np.array([[0, 1500, 2500], [3000, 65500, 4]])
    stored = units.astype(kind)
    depth, valid = read_depth(write(tmp_path / "d.npy", stored), 0.001)
    assert valid[0].tolist() == (units > 0).tolist()
    assert torch.allclose(depth[0].double(), torch.from_numpy(units * 0.001), rtol=1e-3)


def test_the_largest_16_bit_number_is_no_depth(tmp_path):
    stored = np.array([[0, 1, 65534, 65535]], np.uint16)
    Image.fromarray(stored).save(tmp_path / "d.png")
    for path in (tmp_path / "d.png", write(tmp_path / "d.npy", stored)):
        depth, valid = read_depth(path, 0.001)
        assert valid[0, 0].tolist() == [False, True, True, False] and depth[0, 0, 3] == 0


@pytest.mark.parametrize("kind", [np.uint8, np.int8, bool, complex, "S4"])
def test_pictures_of_depth_are_no_depth(tmp_path, kind):
    with pytest.raises(ValueError, match=r"expected float32 \[H, W\]"):
        read_depth(write(tmp_path / "d.npy", np.ones((6, 9), kind)), 1.0)


@pytest.mark.parametrize("shape", [(6, 9, 3), (2, 6, 9), (9,), (1, 1, 9), (), (0, 1, 6, 9, 2)])
def test_other_shapes_are_told_how_to_take_one_map_out(tmp_path, shape):
    with pytest.raises(ValueError, match=r"np\.save\('d_map\.npy', array\[\.\.\., 0\]"):
        read_depth(write(tmp_path / "d.npy", np.ones(shape, np.float32)), 1.0)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("d.npz", r"np\.save\('d\.npy', np\.load\('d\.npz'\)\['depth'\]\.astype\(np\.float32\)\)"),
        ("d.h5", r"h5py\.File\('d\.h5'\)\['camera'\]\[\(\)\]"),
    ],
)
def test_of_several_arrays_none_is_guessed(tmp_path, name, line):
    path = write(tmp_path / name, camera=np.eye(3))
    with pytest.raises(ValueError, match=rf"it holds .*depth \(6, 9\).*expected one array.*{line}"):
        read_depth(path, 1.0)


@pytest.mark.parametrize("name", ["d.npz", "d.h5"])
@pytest.mark.parametrize("content", [b"", b"rubbish", "cut"])
def test_damaged_containers_are_one_clear_error(tmp_path, name, content):
    path = write(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-200] if content == "cut" else content)
    with pytest.raises(ValueError, match=r"not a whole \.(npz|h5) file") as error:
        read_depth(path, 1.0)
    assert str(path) in str(error.value)
    with pytest.raises(FileNotFoundError, match="missing"):
        read_depth(tmp_path / f"nowhere{path.suffix}", 1.0)


@pytest.mark.parametrize("name", ["d.npy", "d.npz"])
def test_pickled_objects_are_never_loaded_and_not_called_damaged(tmp_path, monkeypatch, name):
    objects = np.array({"NAME": DEPTH})
    np.save(tmp_path / name, objects) if name == "d.npy" else np.savez(
        tmp_path / name, NAME=objects.item()["NAME"].astype(object)
    )
    with pytest.raises(ValueError, match="Python objects, which are never loaded") as error:
        read_depth(tmp_path / name, 1.0)
    assert "copy it again" not in str(error.value)
    monkeypatch.chdir(tmp_path)
    exec(str(error.value).rpartition("own: ")[2], {"np": np})
    written = next(path for path in tmp_path.iterdir() if path.name != name)
    np.testing.assert_array_equal(read_depth(written, 1.0)[0][0], DEPTH)


@pytest.mark.parametrize(
    ("name", "real"), [("d.npy", "npz"), ("d.npy", "h5"), ("d.npz", "h5"), ("d.h5", "npy"), ("d.h5", "npz")]
)
def test_an_array_under_the_name_of_another_kind_is_called_what_it_is(tmp_path, name, real):
    path = write(tmp_path / f"d.{real}").rename(tmp_path / name)
    with pytest.raises(ValueError, match=r"Convert it: np\.save") as error:
        read_depth(path, 1.0)
    assert {"npz": "an .npz archive of depth", "h5": "an HDF5 file", "npy": "a NumPy array"}[real] in str(error.value)
    assert "copy it again" not in str(error.value)


def torch_file():
    stream = io.BytesIO()
    torch.save(torch.ones(2), stream)
    return stream.getvalue()


def mat_file():
    stream = io.BytesIO()
    savemat(stream, {"depth": DEPTH})
    return stream.getvalue()


FOREIGN = {
    "exr": ("d.exr", b"\x76\x2f\x31\x01" + bytes(40), r"OpenEXR.*np\.save\('d\.npy', OpenEXR\.File\('d\.exr'"),
    "bin": (
        "d.bin",
        DEPTH.tobytes(),
        r"without a header.*np\.fromfile\('d\.bin', np\.float32\)\.reshape\(height, width\)",
    ),
    "pfm": ("d.pfm", b"Pf\n9 6\n-1.0\n" + DEPTH.tobytes(), r"a PFM picture.*np\.asarray\(Image\.open\('d\.pfm'\)\)"),
    "torch": ("d.pt", torch_file(), r"torch\.load\('d\.pt', weights_only=True\)\.numpy\(\)"),
    "mat": ("d.mat", mat_file(), r"MATLAB v5.*scipy\.io\.loadmat\('d\.mat'\)\['NAME'\]"),
    "pickle": ("d.pkl", pickle.dumps(DEPTH), "a pickle of Python"),
    "gz": ("d.npy.gz", b"\x1f\x8b\x08" + bytes(9), "gunzip"),
    "html": ("d.png", b"<!DOCTYPE html><html>404</html>", "a web page"),
    "lfs": ("d.png", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "empty": ("d.png", b"", "an empty one"),
    "heic": ("d.heic", bytes(4) + b"ftypheic" + bytes(20), "HEIC"),
    "npz under another name": ("d.dep", None, r"an \.npz archive of depth.*np\.load\('d\.dep'\)\['depth'\]"),
    "anything": ("d.xyz", b"0123456789", "nor another kind that is known"),
}


READERS = {"depth": lambda path: read_depth(path, 1.0), "image": read_image, "mask": read_valid}


# Pillow reads a PFM, and it is then refused as a picture of floats
@pytest.mark.parametrize(
    ("kind", "reader"), [(kind, reader) for kind in FOREIGN for reader in READERS if kind != "pfm" or reader == "depth"]
)
def test_a_foreign_file_is_named_with_the_line_that_converts_it(tmp_path, kind, reader):
    name, content, words = FOREIGN[kind]
    path = tmp_path / name
    path.write_bytes(write(tmp_path / "d.npz").read_bytes() if content is None else content)
    with pytest.raises(ValueError, match="(?s)" + words.replace(r"np\.save\('d\.npy', ", "")) as error:
        READERS[reader](path)
    assert str(path) in str(error.value)
    assert ("copy it again" in str(error.value)) == (kind == "empty")


def test_what_is_no_picture_is_no_damaged_picture(tmp_path):
    path = write(tmp_path / "d.h5").rename(tmp_path / "d.png")  # Pillow takes it for a picture that it cannot load
    for read in READERS.values():
        with pytest.raises(ValueError, match=r"an HDF5 file; expected .*h5py\.File\('d\.png'\)"):
            read(path)


@pytest.mark.parametrize("mode", ["F", "I;16"])
def test_depth_in_a_tiff_is_told_how_to_become_npy(tmp_path, mode):
    Image.fromarray(DEPTH if mode == "F" else DEPTH.astype(np.uint16)).save(tmp_path / "d.tif")
    with pytest.raises(
        ValueError, match=r"a TIFF picture.*np\.save\('d\.npy', np\.asarray\(Image\.open\('d\.tif'\)\)\.astype"
    ):
        read_depth(tmp_path / "d.tif", 1.0)


@pytest.mark.parametrize("name", ["d.tif", "d.pfm", "d.npz", "d.h5"])
def test_the_line_that_is_given_works(tmp_path, monkeypatch, name):
    """Run the line out of the error, and read what it wrote."""
    path = tmp_path / name
    if name == "d.tif":
        Image.fromarray(DEPTH).save(path)
    elif name == "d.pfm":
        path.write_bytes(b"Pf\n9 6\n-1.0\n" + DEPTH[::-1].tobytes())  # stored from below
    else:
        write(path, a=np.eye(3))
    with pytest.raises(ValueError) as error:
        read_depth(path, 1.0)
    line = "np.save" + str(error.value).split("np.save")[1]
    monkeypatch.chdir(tmp_path)
    exec(
        line.replace("['a']", "['frames/depth']") if name == "d.h5" else line, {"np": np, "Image": Image, "h5py": h5py}
    )
    depth, _ = read_depth(tmp_path / "d.npy", 1.0)
    assert np.array_equal(depth[0], DEPTH)


def test_a_huge_claim_takes_no_memory(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.create_dataset(
            "depth", (1 << 20, 1 << 20), np.float32
        )  # nothing is stored; reading it would be 4 terabytes
    with pytest.raises(ValueError, match="it holds depth"):
        arrays.read_map(tmp_path / "d.h5", "depth")
