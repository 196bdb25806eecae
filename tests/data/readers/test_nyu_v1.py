"""The NYU V1 labelled file: both truths are read right, places stay together, a wrong file is one clear error."""

import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from data_fixtures import write_nyu_v1

import depthnb
from depthnb import data
from depthnb.data.readers import nyu_v1, nyu_v2
from depthnb.metrics.protocols import PROTOCOLS

PLANE = np.array([0.35, -0.2, 1.0]) / 2.4  # in the colour camera: PLANE . p = 1, about 2.4 m away
SCENES = [
    f"{kind}_{number:04d}" for kind in ("bedroom", "kitchen", "living_room", "dept_store") for number in (1, 2, 3)
]


def plane_depth():
    """True depth of the plane in the colour image."""
    v, u = np.mgrid[:480, :640]
    rays = np.stack([(u - 327.50951551) / 519.30333410, (v - 251.82555217) / 518.16401430, np.ones((480, 640))])
    return 1 / np.tensordot(PLANE, rays, 1)


def kinect_output():
    """What the depth camera gives of the plane: its own view, 11-bit disparity, 2047 in a hole, bytes swapped."""
    v, u = np.mgrid[:480, :640]
    rays = np.stack([(u - 323.42516904) / 576.16540759, (v - 234.84766381) / 573.75619782, np.ones((480, 640))])
    # colour = R^T p - t, so PLANE . colour = 1 gives the distance along each ray of the depth camera
    turned = np.tensordot(nyu_v1.ROTATION.T, rays, 1)
    z = (1 + PLANE @ nyu_v1.TRANSLATION) / np.tensordot(PLANE, turned, 1)
    stored = np.rint(1092.5 - 351.3 / z).astype(np.uint16)
    stored[200:240, 300:340] = 2047
    return stored.byteswap()


def frame(number):
    """Every pixel differs from its neighbours, so that a swapped axis cannot pass."""
    y, x = np.mgrid[:480, :640]
    image = np.stack([x % 256, y % 256, (x + y + number) % 256]).astype(np.uint8)
    filled = plane_depth().astype(np.float32)
    filled[0, :3] = 0
    return {"image": image, "raw": kinect_output(), "filled": filled}


@pytest.fixture(scope="module")
def mat(tmp_path_factory):
    path = tmp_path_factory.mktemp("nyu1") / nyu_v1.FILE
    return write_nyu_v1(path, [frame(i) for i in range(len(SCENES))], SCENES)


def test_frames_are_read_as_they_were_taken(mat):
    ds = data.open("nyu-v1", mat, "all")
    assert (ds.name, ds.protocol, ds.max_depth, len(ds)) == ("nyu-v1", "nyu-v1", 10.0, len(SCENES))
    for i in (0, 5):
        s, expected = ds[i], frame(i)
        assert torch.equal((s["image"] * 255).round().to(torch.uint8), torch.from_numpy(expected["image"]))
        assert (~s["valid"]).sum() == 3 and not s["valid"][0, 0, :3].any()
        assert torch.equal(s["depth"][s["valid"]], torch.from_numpy(expected["filled"])[s["valid"][0]])
    K = ds[0]["intrinsics"]
    assert torch.allclose(K, torch.tensor([[519.30333, 0, 327.50952], [0, 518.16401, 251.82555], [0, 0, 1]]))
    assert any("in-painted" in note for note in ds.notes) and any("12 of 2284" in note for note in ds.notes)


def test_raw_depths_become_metres_in_the_colour_image(mat):
    """The plane seen by the depth camera lies, projected, where the colour camera would see it."""
    ds = data.open("nyu-v1", mat, "all", truth="raw")
    assert ds.protocol == "nyu-v1-raw" and ds.fingerprint != data.open("nyu-v1", mat, "all").fingerprint
    s, true = ds[0], torch.from_numpy(plane_depth())
    valid = s["valid"][0]
    error = (s["depth"][0] - true)[valid]
    assert error.abs().quantile(0.95) < 0.012 and error.mean().abs() < 0.002  # a step of the disparity is 16 mm here
    hole = s["valid"][0, 224:256, 306:338]
    assert not hole.any() and hole.shape == (32, 32), "pixels without a measurement are invalid"
    rows, columns = torch.nonzero(valid, as_tuple=True)
    # the depth camera sees less than the colour camera: what Eigen et al.'s crop leaves is what was measured
    assert 35 < rows.min() < 50 and 465 < rows.max() < 480 and 25 < columns.min() < 45 and 595 < columns.max() < 610
    inside = PROTOCOLS["nyu-eigen"].counts(depth=torch.ones(480, 640), valid=valid)
    assert inside.sum() > 0.97 * (471 - 45) * (601 - 41) - 40 * 40


def test_bytes_in_either_order_are_understood(mat):
    swapped = kinect_output()
    there, back = (nyu_v1.project(stored, "frame")[0] for stored in (swapped, swapped.byteswap()))
    assert np.array_equal(there, back) and there.max() > 2


def test_what_is_near_hides_what_is_behind():
    disparity = np.full((480, 640), 900, np.uint16)  # 1.8 m
    disparity[:, 300:340] = 700  # a pole, 0.9 m away; the colour camera sees it further to one side of the wall
    depth, _ = nyu_v1.project(disparity, "frame")
    row = depth[240, 200:400].astype(float).round(1)
    pole = np.flatnonzero(row == 0.9)
    assert set(row) == {0.0, 0.9, 1.8}, "no depth in between is invented"
    assert len(pole) == pole[-1] - pole[0] + 1 and 34 < len(pole) < 40, "the wall shows through the pole"
    assert 4 < (row == 0).sum() < 9, "the shadow beside it is invalid"


def test_places_are_split_and_their_recordings_stay_together(tmp_path):
    names = [f"bookstore_0001{letter}" for letter in "abcdefghij"] + SCENES
    index, notes = nyu_v1._index(names)
    assert index["scene"].tolist()[:3] == ["bookstore_0001"] * 3 and index["split"][:10].nunique() == 1
    assert index["scene_type"].tolist()[-1] == "dept_store" and set(index["split"]) == {"train", "val", "test"}
    assert "3 of 13 training scenes (20 %" in notes[0] and "1 of 13 training scenes (10 %" in notes[1]
    by_split = index.groupby("split")["scene"].agg(set)
    assert not by_split["train"] & by_split["test"] and not by_split["train"] & by_split["val"]


def test_document_003_s_draw_is_by_frame(mat):
    train, val = data.training_split("nyu-v1", root=mat, by="frame", frames=6)
    assert len(train) == 6 and not set(train.frames["id"]) & set(val.frames["id"])
    preset = Path(depthnb.__file__).parents[1] / "notebooks/params/03_eigen-paper.yaml"
    values = yaml.safe_load(preset.read_text())
    assert (values["dataset"], values["split"], values["frames"]) == ("nyu-v1", "frame", 640)


def test_a_missing_file_is_named_with_page_and_place(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        data.open("nyu-v1", tmp_path)
    for words in (str(tmp_path / nyu_v1.FILE), "nyu_depth_v1.html", "2284", "DEPTHNB_DATA", "root="):
        assert words in str(error.value)


def refused(path, *words, **options):
    with pytest.raises(ValueError) as error:
        data.open("nyu-v1", path, "all", **options)
    for word in (*words, path.name):
        assert word in str(error.value), error.value


def test_wrong_files_are_one_clear_error(mat, tmp_path):
    path = tmp_path / nyu_v1.FILE
    path.write_bytes(mat.read_bytes()[: mat.stat().st_size // 2])
    refused(path, "cut short", "again")
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: PCWIN64".ljust(256))
    refused(path, "MATLAB v5", "-v7.3")
    path.write_bytes(b"<!DOCTYPE html><html>")
    refused(path, "not an HDF5", "DOCTYPE")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("images", None, "field images is missing"),
        ("depths", None, "field depths is missing"),
        ("scenes", None, "field scenes is missing"),
        ("images", np.zeros((12, 480, 640, 3), np.uint8), "expected uint8 (N, 3, 640, 480)"),
        ("depths", np.ones((12, 640, 480), np.uint16), "expected float32 or float64 (N, 640, 480)"),
        ("depths", np.ones((11, 640, 480), np.float32), "frames differ between fields"),
        ("sceneTypes", np.ones((1, 12)), "Open V2's file as nyu-v2"),
        ("scenes", np.ones((1, 12)), "not a cell array"),
    ],
)
def test_a_missing_or_mis_shaped_field_is_told(mat, tmp_path, key, value, words):
    shutil.copy(mat, tmp_path)
    with h5py.File(tmp_path / mat.name, "r+") as file:
        if key in file:
            del file[key]
        if value is not None:
            file[key] = value
    refused(tmp_path / mat.name, words)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (np.full((12, 640, 480), 1.5, np.float32), "rawDepths is float32"),
        (np.full((12, 640, 480), 0xFFFF, np.uint16), "11-bit"),
        (np.full((12, 640, 480), 600, np.uint16), "differ from its depths by"),
    ],
)
def test_raw_depths_of_another_kind_are_refused(mat, tmp_path, raw, words):
    shutil.copy(mat, tmp_path)
    with h5py.File(tmp_path / mat.name, "r+") as file:
        del file["rawDepths"]
        file["rawDepths"] = raw
    refused(tmp_path / mat.name, words, truth="raw")
    assert len(data.open("nyu-v1", tmp_path, "all")) == 12, "the in-painted truth does not need them"


def test_millimetres_are_refused(mat, tmp_path):
    shutil.copy(mat, tmp_path)
    with h5py.File(tmp_path / mat.name, "r+") as file:
        file["depths"][4] *= 1000
    with pytest.raises(ValueError, match=r"frame 5: depths reaches .*expected metres"):
        data.open("nyu-v1", tmp_path, "all")[4]


def test_pickled_copies_open_the_file_anew(mat):
    ds = data.open("nyu-v1", mat, "all")
    ds[0]
    copy = pickle.loads(pickle.dumps(ds))
    assert torch.equal(copy[3]["depth"], ds[3]["depth"])


def test_v2_says_where_v1_s_file_belongs(mat, tmp_path):
    shutil.copy(mat, tmp_path / nyu_v2.FILE)
    with pytest.raises(ValueError, match="sceneTypes is missing"):
        data.open("nyu-v2", tmp_path)
