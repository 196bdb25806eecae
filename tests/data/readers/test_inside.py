"""Nothing outside of a data set's folder is read because a file of the data set says so."""

import h5py
import numpy as np
import pytest
from data_fixtures import write_folder, write_index, write_nyu_v2
from PIL import Image

from depthnb import data
from depthnb.data.importing.layouts import hypersim, tum
from depthnb.data.readers.nyu_v2 import official_index
from depthnb.data.readers.pixels import read_depth, read_valid

SCENES = {"hall": "train", "den": "train", "loft": "val", "attic": "test"}
DEPTH = np.linspace(1, 5, 24 * 32, dtype=np.float32).reshape(24, 32)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["../outside.png", "a/../../outside.png", ".."])
@pytest.mark.parametrize("column", [4, 5, 6])
def test_a_path_that_leaves_the_folder_is_refused(root, name, column):
    rows = write_folder(root, SCENES)
    Image.fromarray(np.full((24, 32), 900, np.uint16)).save(root.parent / "outside.png")
    rows[1][column] = name
    write_index(root, rows)
    with pytest.raises(
        ValueError, match=r"'frame_001': (image|depth|valid) is .*leaves the folder .*symbolic link"
    ) as error:
        data.open("folder", root)
    assert repr(name) in str(error.value)
    findings = data.examine("folder", root)[1]
    assert any(finding.lines == (3,) and "leaves the folder" in finding.found for finding in findings)


def test_a_path_with_dots_that_stays_is_read(root):
    rows = write_folder(root, SCENES)
    (root / "a").mkdir()
    rows[0][4] = "a/../0.png"
    write_index(root, rows)
    ds = data.open("folder", root)
    assert ds[0]["image"].shape == (3, 24, 32) and not any("symbolic" in note for note in ds.notes)


def test_links_that_the_owner_made_are_followed_and_counted(root):
    """A linked folder as root, `image` on a bigger disk, and single files as git-annex and the hub's cache link them."""
    write_folder(root, SCENES)
    linked = root.parent / "linked"
    linked.symlink_to(root, target_is_directory=True)
    direct, through = data.open("folder", root), data.open("folder", linked)
    assert direct.notes == through.notes and not any("symbolic" in note for note in through.notes)
    big = root.parent / "big"
    big.mkdir()
    (root / "0.png").rename(big / "0.png")
    (root / "0.png").symlink_to(big / "0.png")
    (root / "1.png").rename(root / "one.png")
    (root / "1.png").symlink_to("one.png")  # stays inside
    ds = data.open("folder", linked)
    assert ds[0]["image"].equal(direct[1]["image"]) is False and ds[0]["image"].shape == (3, 24, 32)
    assert any("1 of 24 files lie outside of the folder, behind symbolic links" in note for note in ds.notes)
    assert str(big) not in " ".join(ds.notes)


def test_a_cell_of_any_length_is_one_short_error(root):
    for cell in ("a" * 100_000, "a/" * 3000 + "b.png", "a\0b.png", "a" * 300):
        rows = write_folder(root, SCENES)
        rows[2][4] = cell
        write_index(root, rows)
        with pytest.raises((ValueError, FileNotFoundError)) as error:
            data.open("folder", root)
        assert len(str(error.value)) < 900, cell[:10]
        assert len(" ".join(finding.found for finding in data.examine("folder", root)[1])) < 2000


def elsewhere(path, way, key="depth"):
    """An HDF5 file whose array lies in another file."""
    with h5py.File(path.parent / "other.h5", "w") as other:
        other[key] = DEPTH
    (path.parent / "raw.bin").write_bytes(DEPTH.tobytes())
    with h5py.File(path, "w") as file:
        if way == "storage":
            external = [(str(path.parent / "raw.bin"), 0, DEPTH.nbytes)]
            file.create_dataset(key, DEPTH.shape, np.float32, external=external)
        elif way == "virtual":
            layout = h5py.VirtualLayout(DEPTH.shape, np.float32)
            layout[:] = h5py.VirtualSource("other.h5", key, DEPTH.shape)
            file.create_virtual_dataset(key, layout)
        elif way == "beside":
            file["mine"] = DEPTH
            file.create_group("more")[key] = h5py.ExternalLink("other.h5", f"/{key}")
        else:
            file[key] = h5py.ExternalLink("other.h5", f"/{key}")
    return path


@pytest.mark.parametrize("way", ["storage", "virtual", "link", "beside"])
def test_an_hdf5_file_leads_to_no_other(tmp_path, way):
    path = elsewhere(tmp_path / "d.h5", way)
    for read in (lambda: read_depth(path, 1.0), lambda: read_valid(path)):
        with pytest.raises(
            ValueError, match=r"d\.h5: .*(another file|is a link to).*(raw\.bin|other\.h5).*expected"
        ) as error:
            read()
        assert "damaged" not in str(error.value)


@pytest.mark.parametrize("way", ["storage", "virtual", "link"])
def test_nor_does_one_of_hypersim(tmp_path, way):
    path = elsewhere(tmp_path / "frame.0000.depth_meters.hdf5", way, "dataset")
    with pytest.raises(ValueError, match=r"depth_meters\.hdf5: dataset .*expected an array in the file itself"):
        hypersim.read_depth(path, None)


@pytest.mark.parametrize(
    ("key", "way"),
    [
        *((key, way) for key in ("images", "rawDepths", "scenes") for way in ("link", "soft")),
        ("images", "storage"),
        ("rawDepths", "storage"),
    ],
)
def test_nor_does_the_file_of_nyu(tmp_path, key, way):
    chosen = official_index().iloc[:2]
    image, depth = np.zeros((3, 480, 640), np.uint8), np.ones((480, 640), np.float32)
    frames = [{"image": image, "raw": depth, "filled": depth}] * 2
    path = write_nyu_v2(
        tmp_path / "nyu_depth_v2_labeled.mat", frames, chosen["scene"].tolist(), chosen["scene_type"].tolist()
    )
    with h5py.File(path, "r+") as file:
        if way == "storage":
            shape, kind = file[key].shape, file[key].dtype
            del file[key]
            file.create_dataset(key, shape, kind, external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])
        else:
            file.move(key, "elsewhere")
            file[key] = h5py.SoftLink("/elsewhere") if way == "soft" else h5py.ExternalLink("other.h5", f"/{key}")
    with pytest.raises(ValueError, match=rf"{key} (is a link|has its values in another file)"):
        data.open("nyu-v2", path)[0]


@pytest.mark.parametrize("name", ["../rgb/1.png", "/etc/1.png"])
def test_nor_does_a_list_of_tum(tmp_path, name):
    (tmp_path / "rgb.txt").write_text(f"1.0 {name}\n")
    with pytest.raises(ValueError, match=r"rgb\.txt: line .*leads out of the folder"):
        tum.read_list(tmp_path / "rgb.txt")
