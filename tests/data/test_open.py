"""`data.open_for_judging` and `data.fitting_size`: all that may be judged on, and sizes with the shape of the frames."""

import numpy as np
import pytest
from data_fixtures import write_folder, write_nyu_v1
from real_layouts import write_drive

from depthnb import data


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("splits", "split", "frames"),
    [
        ({"a": "train", "b": "val", "c": "test"}, "test", 2),  # its own
        ({"a": "test", "b": "test"}, "test", 4),
        ({"a": "train", "b": "val", "c": "val"}, "all", 6),  # none
        ({name: "train" for name in "abcdefg"}, "all", 14),  # drawn by hash, for those who train
        ({name: "" for name in "abcdefg"}, "all", 14),
        ({"a": ""}, "all", 2),
    ],
)
def test_a_folder_is_judged_on_its_own_test_split_or_whole(tmp_path, splits, split, frames):
    write_folder(tmp_path, splits)
    for size in (None, (12, 16)):
        judged = data.open_for_judging("folder", tmp_path, size)
        assert (judged.split, len(judged), judged.size) == (split, frames, size)


def test_published_sets_keep_their_test_split():
    assert data.open_for_judging("rooms").split == "test" and len(data.open_for_judging("streets")) == 40


def test_a_set_whose_test_split_is_drawn_here_is_judged_whole(tmp_path):
    rng = np.random.default_rng(0)
    frame = {"image": rng.integers(0, 255, (3, 480, 640), np.uint8), "filled": np.full((480, 640), 3, np.float32),
             "raw": np.full((480, 640), 900, np.uint16)}  # fmt: skip
    path = write_nyu_v1(tmp_path / "nyu_depth_data_labeled.mat", [frame] * 6, [f"office_{i:04d}" for i in range(6)])
    assert len(data.open("nyu-v1", path, "test")) < 6
    assert len(data.open_for_judging("nyu-v1", path)) == 6
    with pytest.raises(ValueError, match="one of filled, raw"):
        data.open_for_judging("nyu-v1", path, truth="yours")


def test_driving_frames_keep_their_shape(tmp_path):
    write_drive(tmp_path, "2011_09_26", "0048", range(22), annotated=range(5, 17), part="val")
    assert data.fitting_size("kitti", tmp_path) == (64, 192)


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("rooms", {}, (96, 128)),
        ("rooms", {"pixels": 240 * 320, "multiple": 16}, (240, 320)),
        ("streets", {}, (64, 192)),
        ("streets", {"pixels": 192 * 640}, (192, 640)),
        ("rooms", {"pixels": 1}, (32, 32)),
        ("rooms", {"pixels": 12, "multiple": 1}, (3, 4)),
    ],
)
def test_sizes_of_the_embedded_sets(name, options, size):
    assert data.fitting_size(name, **options) == size


@pytest.mark.parametrize("shape", [(30, 90), (90, 30), (48, 64), (64, 64), (20, 200)])
def test_a_fitting_size_is_near_in_shape_and_pixels(tmp_path, shape):
    write_folder(tmp_path, {"a": "train", "b": "val", "c": "test"}, sizes=(shape,))
    height, width = data.fitting_size("folder", tmp_path, pixels=160_000, multiple=16)
    assert height % 16 == 0 and width % 16 == 0
    assert height * width == pytest.approx(160_000, rel=0.1)
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.1)


def test_of_several_shapes_the_median_counts(tmp_path):
    write_folder(tmp_path, {name: "test" for name in "abcd"}, sizes=((30, 90), (30, 90), (90, 30), (30, 90)))
    height, width = data.fitting_size("folder", tmp_path, pixels=2700, multiple=1)
    assert width / height == pytest.approx(3, rel=0.02)


def test_what_has_no_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="two positive whole numbers"):
        data.fitting_size("rooms", pixels=0)
    write_folder(tmp_path, {"a": "test"})
    for path in tmp_path.glob("*_depth.png"):
        path.write_bytes(b"rubbish")
    with pytest.raises(ValueError, match="none of the frames looked at can be read"):
        data.fitting_size("folder", tmp_path)
