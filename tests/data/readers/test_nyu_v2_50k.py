"""The CSV form of NYU V2: both ways of storing depth, scenes from names, any place of the unpacked archive."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from data_fixtures import write_nyu_v2_50k
from PIL import Image

from depthnb import data
from depthnb.data.readers import nyu_v2, nyu_v2_50k

FOLDERS = ["living_room_0038", "bookstore_0001d", "bookstore_0001e", "bedroom_0047", "study_0003", "office_0006"]


def frame(number, bits):
    """A smooth picture, and a depth map as stored, with a hole."""
    y, x = np.mgrid[:480, :640]
    image = np.stack([x // 3, y // 2, np.full_like(x, 20 * number)], -1).astype(np.uint8)
    depth = (40 + x / 8 + number).astype(np.uint8) if bits == 8 else (1500 + 5 * x + y + number).astype(np.uint16)
    depth[100:120, 200:240] = 0
    return image, depth


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Twelve training frames with 8 bits and four test frames with 16, as published; nyu_data holds data."""
    root = tmp_path_factory.mktemp("50k") / "nyu_data"
    names = [f"data/nyu2_train/{folder}_out/{k}.jpg" for folder in FOLDERS for k in (37, 115)]
    frames = {name: frame(i, 8) for i, name in enumerate(names)}
    for number in (0, 1, 8, 27):
        frames[f"data/nyu2_test/{number:05d}_colors.png"] = frame(number, 16)
    return write_nyu_v2_50k(root, frames)


@pytest.fixture
def copy(archive, tmp_path):
    return shutil.copytree(archive, tmp_path / "nyu_data")


def test_training_depth_is_read_as_8_bits_of_ten_metres(archive):
    ds = data.open("nyu-v2-50k", archive, "train+val")
    assert (ds.name, ds.protocol, ds.max_depth, len(ds)) == ("nyu-v2-50k", "nyu-v2-50k", 10.0, 12)
    image, stored = frame(0, 8)
    s = ds[0]
    assert s["id"] == "living_room_0038_37" and s["scene_type"] == "living_room"
    assert (s["image"] * 255 - torch.from_numpy(image.transpose(2, 0, 1))).abs().max() <= 8  # JPEG
    assert torch.equal(s["valid"][0], torch.from_numpy(stored > 0)) and (~s["valid"]).sum() == 20 * 40
    assert torch.allclose(s["depth"][0], torch.from_numpy(stored * (10 / 255)).float(), atol=1e-6)
    assert s["intrinsics"][:2].isnan().sum() == 4, "how these frames were cropped is not documented"


def test_test_depth_is_read_as_16_bit_millimetres(archive):
    ds = data.open("nyu-v2-50k", archive, "test")
    for i, number in enumerate((0, 1, 8, 27)):
        image, stored = frame(number, 16)
        s = ds[i]
        assert torch.equal((s["image"] * 255).round().to(torch.uint8), torch.from_numpy(image.transpose(2, 0, 1)))
        assert torch.allclose(s["depth"][0], torch.from_numpy(stored / 1000).float()) and s["depth"].max() > 4
        assert s["id"] == f"test_{number:05d}" and s["intrinsics"].isfinite().all()
    assert any("4 of 654 test frames" in note for note in ds.notes)
    assert any("0.03922 m a unit if it has 8 bits and 0.001 m a unit if it has 16" in note for note in ds.notes)


def test_test_frames_are_the_labelled_ones(archive):
    """Their numbers count from 0 what MATLAB counts from 1, so the authors' list knows their scenes."""
    ds, official = data.open("nyu-v2-50k", archive, "test"), nyu_v2.official_index().set_index("index")
    assert ds.frames["scene"].tolist() == [official["scene"][number + 1] for number in (0, 1, 8, 27)]
    assert (official["split"].loc[[1, 2, 9, 28]] == "test").all()
    assert len(nyu_v2_50k._official_scenes()) == 654


def test_the_bits_of_each_file_decide_not_its_name(copy):
    """A 16-bit file among the training frames and an 8-bit one among the test frames are read for what they are."""
    Image.fromarray(frame(3, 16)[1]).save(copy / "data/nyu2_train/living_room_0038_out/37.png")
    Image.fromarray(frame(3, 8)[1]).save(copy / "data/nyu2_test/00000_depth.png")
    train, test = data.open("nyu-v2-50k", copy, "train+val"), data.open("nyu-v2-50k", copy, "test")
    assert train[0]["depth"][0, 0, 0] == pytest.approx(1.503) and train[1]["depth"][0, 0, 0] == pytest.approx(41 / 25.5)
    assert test[0]["depth"][0, 0, 0] == pytest.approx(43 / 25.5) and test[1]["depth"][0, 0, 0] == pytest.approx(1.501)


def test_ten_metres_and_more_is_no_measurement():
    depth, valid = nyu_v2_50k.to_metres(np.array([[0, 1, 254, 255]], np.uint8))
    assert valid.tolist() == [[False, True, True, False]] and depth[0, 2] == pytest.approx(254 / 25.5)
    assert depth.dtype == np.float32 and depth[0, 3] == 0


def test_recordings_of_one_place_share_a_split(archive):
    ds = data.open("nyu-v2-50k", archive, "all")
    splits = ds.frames.groupby("scene")["split"].nunique()
    assert (splits == 1).all() and "bookstore_0001" in splits.index
    assert ds.split_counts["test"] == 4 and ds.split_counts["val"] in (2, 4)
    assert any("of 5 training scenes (10 %" in note for note in ds.notes)


def test_training_frames_of_a_tested_place_are_left_out_and_counted(archive, tmp_path):
    frames = {f"data/nyu2_train/{folder}_out/1.jpg": frame(1, 8) for folder in (*FOLDERS, "kitchen_0004b")}
    frames["data/nyu2_test/00000_colors.png"] = frame(0, 16)  # of kitchen_0004
    ds = data.open("nyu-v2-50k", write_nyu_v2_50k(tmp_path, frames), "all")
    assert ds.frames["scene"].tolist().count("kitchen_0004") == 1
    assert "1 training frames of 1 places that are tested were left out." in ds.notes


@pytest.mark.parametrize("where", [".", "data", ".."])
def test_the_root_may_be_one_level_off(archive, where):
    assert len(data.open("nyu-v2-50k", archive / where, "all")) == 16


def test_a_renamed_data_folder_is_no_obstacle(copy, monkeypatch):
    (copy / "data").rename(copy / "nyu50k")
    assert len(data.open("nyu-v2-50k", copy, "all")) == 16
    assert len(data.open("nyu-v2-50k", copy / "nyu50k", "all")) == 16
    monkeypatch.setenv("DEPTHNB_DATA", str(copy.parent))
    copy.rename(copy.parent / "nyu-v2-50k")
    assert data.open("nyu-v2-50k", None, "test")[0]["valid"].any()


def test_missing_things_are_named(copy):
    with pytest.raises(FileNotFoundError) as error:
        data.open("nyu-v2-50k", copy / "data/nyu2_test")
    for words in ("nyu2_train.csv", "DenseDepth", "4.1 GB", "DEPTHNB_DATA"):
        assert words in str(error.value)
    (copy / "data/nyu2_train/study_0003_out/115.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"nyu2_train.csv, line 10: .*study_0003_out/115.png is missing"):
        data.open("nyu-v2-50k", copy)
    (copy / "data/nyu2_test.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"nyu2_test.csv: the list is missing.*unpack it"):
        data.open("nyu-v2-50k", copy)
    (copy.parent / "nyu_data.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"nyu_data.zip: a file; expected the folder"):
        data.open("nyu-v2-50k", copy.parent / "nyu_data.zip")


@pytest.mark.parametrize(
    ("which", "line", "words"),
    [
        ("train", "data/nyu2_train/living_room_0038_out/37.jpg", "line 1: 1 cells; expected two paths"),
        ("train", "/data/nyu2_train/a_1_out/1.jpg,/data/nyu2_train/a_1_out/1.png", "relative to the archive's root"),
        ("train", "data/../../x_1_out/1.jpg,data/nyu2_train/a_1_out/1.png", "relative to the archive's root"),
        ("train", "data/nyu2_train/mine/1.jpg,data/nyu2_train/mine/1.png", "'mine' is not named after a recording"),
        ("test", "data/nyu2_test/00002_colors.png,data/nyu2_test/00002_depth.png", "none of the 654 labelled test"),
        ("train", "image,depth", "line 1: 'image,depth' names columns; expected two paths"),
        ("test", "0,1", "line 1: '0,1' names columns; expected two paths"),
        ("test", "data/nyu2_test/photo.png,data/nyu2_test/00000_depth.png", "photo.png is none of the 654"),
    ],
)
def test_a_line_that_cannot_be_is_refused(copy, which, line, words):
    path = copy / "data" / f"nyu2_{which}.csv"
    path.write_text(line + "\n" + path.read_text())
    with pytest.raises(ValueError) as error:
        data.open("nyu-v2-50k", copy)
    assert words in str(error.value) and f"nyu2_{which}.csv, line 1" in str(error.value)


def test_a_frame_listed_twice_is_refused(copy):
    path = copy / "data/nyu2_test.csv"
    path.write_text(path.read_text() * 2)
    with pytest.raises(ValueError, match=r"line 5: frame test_00000 is listed twice"):
        data.open("nyu-v2-50k", copy)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: Image.fromarray(frame(0, 8)[0]).save(path), "mode RGB; expected depth as PNG with one channel"),
        (
            lambda path: Image.fromarray(np.ones((480, 640), np.float32)).save(path, format="TIFF"),
            "a TIFF image of mode F",
        ),
        (lambda path: Image.fromarray(np.ones((240, 320), np.uint16)).save(path), "320x240 .*expected 640x480"),
        (lambda path: Image.fromarray(np.full((480, 640), 40000, np.uint16)).save(path), "reaches 40 m,.*another unit"),
        (
            lambda path: Image.fromarray(frame(0, 8)[1].astype(np.uint16)).save(path),
            "reaches 0.119 m, .*another unit; it holds nothing above 255, as 8-bit depth saved again",
        ),
        (
            lambda path: Image.fromarray(frame(0, 16)[1] // 10).save(path),  # centimetres
            "half of it lies within 0.33.* m, .*beyond 0.5 m, where a Kinect begins to see, .*another unit. Get",
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "damaged or cut short"),
        (lambda path: path.write_bytes(b""), "not an image file"),
    ],
)
def test_a_depth_file_of_another_kind_is_refused(copy, spoil, words):
    path = copy / "data/nyu2_test/00000_depth.png"
    spoil(path)
    with pytest.raises(ValueError, match=words) as error:
        data.open("nyu-v2-50k", copy, "test")[0]
    assert str(path) in str(error.value)


def test_near_things_and_frames_without_a_measurement_are_read(copy):
    path = copy / "data/nyu2_test/00000_depth.png"
    Image.fromarray(np.full((480, 640), 600, np.uint16)).save(path)
    assert data.open("nyu-v2-50k", copy, "test")[0]["depth"].max() == pytest.approx(0.6)
    Image.fromarray(np.zeros((480, 640), np.uint16)).save(path)
    assert not data.open("nyu-v2-50k", copy, "test")[0]["valid"].any()


def test_paths_may_begin_with_a_dot(copy, archive):
    for name in ("nyu2_train.csv", "nyu2_test.csv"):
        path = copy / "data" / name
        path.write_text(path.read_text().replace("data/", "./data/"))
    assert data.open("nyu-v2-50k", copy, "all").frames.equals(data.open("nyu-v2-50k", archive, "all").frames)


@pytest.mark.parametrize("name", ["nyu2_train.csv", "nyu2_test.csv"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_list_in_another_encoding_is_named(copy, name, encoding):
    path = copy / "data" / name
    path.write_bytes(path.read_text().encode(encoding))
    with pytest.raises(ValueError, match=r"not a list in UTF-8 .*expected two paths a line.*UTF-8") as error:
        data.open("nyu-v2-50k", copy)
    assert str(path) in str(error.value)


def test_prepared_pickled_and_changed(copy):
    ds = data.open("nyu-v2-50k", copy, "test", (120, 160))
    batch = ds.batch([0, 3])
    assert batch["image"].shape == (2, 3, 120, 160) and batch["valid"].float().mean() > 0.9
    assert torch.equal(pickle.loads(pickle.dumps(ds))[2]["depth"], ds[2]["depth"])
    Image.fromarray(frame(9, 16)[1]).save(copy / "data/nyu2_test/00000_depth.png")
    assert data.open("nyu-v2-50k", copy, "test", (120, 160))[0]["depth"].max() > ds[0]["depth"].max()
