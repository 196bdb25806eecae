"""KITTI's Eigen split: its lists, its two truths, the projection of a scan, and what is said when files are wrong."""

import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from real_layouts import LEFT, SCANNER, photograph, png, scan, write_calibration, write_drive

from depthnb import data
from depthnb.data.readers import kitti, velodyne
from depthnb.data.splits import rank_scenes

# one short drive of each kind: all frames of the lists, with the five at either end that have no annotated depth
TRAIN, VAL, TEST = ("2011_09_26", "0060"), ("2011_09_26", "0017"), ("2011_09_26", "0048")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("kitti")
    write_drive(root, *TRAIN, range(78), annotated=range(5, 73))
    write_drive(root, *VAL, range(114), annotated=range(5, 109))
    write_drive(root, *TEST, range(22), annotated=range(5, 17), part="val")
    return root


@pytest.fixture
def copy(root, tmp_path):
    """A copy to spoil: of the shortest drive."""
    drive = TEST[1]
    for part in ("raw", "depth"):
        shutil.copytree(root / part, tmp_path / part, ignore=lambda folder, names: [n for n in names if drive not in n
                        and n.endswith("_sync")])  # fmt: skip
    return tmp_path


def test_the_lists_hold_what_was_published():
    annotated, notes = kitti.official_index("annotated")
    counts = annotated["split"].value_counts()
    assert counts["train"] + counts["val"] == 23158 and counts["test"] == 652
    assert "23,158 training frames and 652 of 697 test frames" in notes[0] and "23,488" in notes[0]
    raw, _ = kitti.official_index("raw")
    counts = raw["split"].value_counts()
    assert counts["train"] + counts["val"] == 23488 and counts["test"] == 697
    assert set(annotated["id"]) < set(raw["id"]) and raw["id"].is_unique
    for index in (annotated, raw):
        assert (index.groupby("scene")["split"].nunique() == 1).all()
        scenes = index.groupby("split")["scene"].agg(set)
        assert (len(scenes["train"] | scenes["val"]), len(scenes["test"])) == (33, 28)
        assert sorted(scenes["val"]) == sorted(rank_scenes(scenes["train"] | scenes["val"])[:3])
    assert set(raw["scene_type"]) == {"city", "residential", "road"} and set(raw["camera"]) == {"02"}


def test_frames_of_the_annotated_truth(root):
    ds = data.open("kitti", root, "all")
    assert (ds.name, ds.protocol, ds.max_depth) == ("kitti", "kitti-garg", 80.0)
    assert ds.split_counts == {"train": 68, "val": 104, "test": 12}
    assert any("3 of 61 drives" in note for note in ds.notes)
    sample = data.open("kitti", root, "test")[0]
    assert sample["id"].endswith("0048_02_0000000005") and sample["scene"] == "2011_09_26_drive_0048"
    assert sample["scene_type"] == "city"
    height, width = sample["image"].shape[1:]
    assert (height, width) == (47, 155)
    assert torch.equal((sample["image"] * 255).round().to(torch.uint8).permute(1, 2, 0),
                       torch.from_numpy(photograph(1, height, width)))  # fmt: skip
    stored = np.asarray(Image.open(next(root.glob(f"depth/val/*{TEST[1]}*/proj_depth/groundtruth/*/0000000005.png"))))
    assert stored.dtype.kind in "ui" and stored.max() > 255
    assert np.array_equal(sample["valid"][0], (stored > 0) & (stored < 80 * 256))
    assert np.array_equal(sample["depth"][0], stored.astype(np.float32) / 256)


def test_intrinsics_are_those_of_the_date_and_camera(tmp_path):
    write_drive(tmp_path, *TEST, range(22), annotated=range(5, 17))
    other = ("2011_09_29", "0071")
    numbers = kitti.official_index("raw")[0].query("scene == '2011_09_29_drive_0071'")["frame"].astype(int)
    write_drive(tmp_path, *other, list(numbers), scale=0.1)
    ds = data.open("kitti", tmp_path, "test")
    sizes = ds.frames.assign(size=[tuple(s["image"].shape[1:]) for s in ds]).groupby("scene")["size"].agg(set)
    assert sizes.tolist() == [{(47, 155)}, {(38, 124)}]
    with pytest.raises(ValueError, match="frames of different sizes"):
        ds.batch([0, len(ds) - 1])
    for i, scale in ((0, 0.125), (len(ds) - 1, 0.1)):
        K = ds[i]["intrinsics"].numpy()
        assert np.allclose(K[:2, 2] + 0.5, (LEFT[:2, 2] + 0.5) * scale, atol=1e-3)
        assert np.allclose(K.diagonal(), [*(LEFT.diagonal()[:2] * scale), 1], atol=1e-3)
    assert data.open("kitti", tmp_path, "test", (24, 80)).batch([0, len(ds) - 1])["image"].shape == (2, 3, 24, 80)


def brute_force(points, cameras: dict, scanner: dict, size):
    """One point after the other, straight from the numbers of the calibration files."""
    R, T = np.array(scanner["R"]).reshape(3, 3), np.array(scanner["T"])
    rectify, P = np.array(cameras["R_rect_00"]).reshape(3, 3), np.array(cameras["P_rect_02"]).reshape(3, 4)
    depth = np.zeros(size)
    for x, y, z, _ in points.astype(np.float64):
        in_camera = rectify @ (R @ [x, y, z] + T)
        u, v, w = P @ [*in_camera, 1]
        if w <= 0:
            continue
        column, row = int(np.floor(u / w + 0.5)), int(np.floor(v / w + 0.5))
        if 0 <= row < size[0] and 0 <= column < size[1] and (depth[row, column] == 0 or w < depth[row, column]):
            depth[row, column] = w
    return depth


def numbers(text):
    lines = [line.partition(":") for line in text.splitlines() if "time" not in line]
    return {key: [float(v) for v in values.split()] for key, _, values in lines}


@pytest.mark.parametrize("scale", [1.0, 0.125])
def test_a_projected_scan_is_that_of_a_plain_loop(tmp_path, scale):
    size = write_calibration(tmp_path, scale)
    points = scan(3)
    calibration = velodyne.read_calibration(tmp_path, scanner=True)
    cameras = numbers((tmp_path / "calib_cam_to_cam.txt").read_text())
    expected = brute_force(points, cameras, numbers(SCANNER), size)
    found = velodyne.project(points, calibration)
    assert found.dtype == np.float32 and np.array_equal(found, expected.astype(np.float32))
    assert (found > 0).sum() > 500
    shared = len(points) - (found > 0).sum()
    assert shared > 1000, "points behind the camera, beside the image, or hidden by nearer ones"


def test_the_road_is_where_it_is(tmp_path):
    """The scanner stands 1.73 m above a flat road: projected and lifted back, its points lie on one plane in the camera."""
    write_calibration(tmp_path)
    calibration = velodyne.read_calibration(tmp_path, scanner=True)
    points = scan(0, steps=1800)
    depth = velodyne.project(points[points[:, 2] < -1.7], calibration)
    row, column = np.nonzero(depth)
    rays = np.linalg.inv(calibration.intrinsics) @ [column, row, np.ones(len(row))]
    in_camera = (rays * depth[row, column]).T
    # one pixel of rounding at 10 m is 1.4 cm
    near = in_camera[:, 2] < 12
    assert near.sum() > 1000
    plane = np.linalg.lstsq(np.column_stack([in_camera[near][:, [0, 2]], np.ones(near.sum())]), in_camera[near][:, 1])[
        0
    ]
    assert 1.6 < plane[2] < 1.75, "the camera's height above the road: 1.65 m in KITTI's set-up"
    assert np.abs(plane[:2]).max() < 0.05


def test_the_nearest_point_wins_and_depth_is_z(tmp_path):
    write_calibration(tmp_path)
    calibration = velodyne.read_calibration(tmp_path, scanner=True)
    line = np.array([[30, 0, 0, 1], [12, 0, 0, 1], [20, 0, 0, 1], [-10, 0, 0, 1]], np.float32)  # ahead, one behind
    depth = velodyne.project(np.vstack([line * [s, 1, 1, 1] for s in (1.0, 1.001)]), calibration)
    assert 11.7 < depth[depth > 0].min() < 11.75, "0.27 m from the scanner to the camera"
    aside = np.array([[20, 15, 0, 1]], np.float32)
    assert abs(velodyne.project(aside, calibration).max() - 20 + 0.27) < 0.4, "25 m away, but 20 m ahead"


def test_raw_truth_has_its_own_name_protocol_and_frames(root):
    raw, same = data.open("kitti-raw", root, "all"), data.open("kitti", root, "all", truth="raw")
    assert (raw.name, same.name, raw.protocol, same.protocol) == ("kitti-raw", "kitti", "kitti-eigen", "kitti-eigen")
    assert raw.split_counts == same.split_counts == {"train": 78, "val": 114, "test": 22}
    assert raw.fingerprint == same.fingerprint != data.open("kitti", root, "all").fingerprint
    i = raw.frames["id"].tolist().index("2011_09_26_drive_0048_02_0000000006")
    sample = raw[i]
    calibration = velodyne.read_calibration(root / "raw" / "2011_09_26", scanner=True)
    expected = velodyne.project(scan(2 + 48), calibration)
    assert np.array_equal(sample["depth"][0], expected)
    assert np.array_equal(sample["valid"][0], (expected > 0) & (expected < 80))
    annotated = data.open("kitti", root, "test")[1]
    assert annotated["id"] == sample["id"]
    assert annotated["valid"].sum() > sample["valid"].sum(), "annotated depth is denser"
    with pytest.raises(ValueError, match=r"truth of kitti is 'filled'; expected one of annotated, raw"):
        data.open("kitti", root, truth="filled")


def test_the_right_camera_is_read_with_its_own_projection(root, tmp_path, monkeypatch):
    lists = pd.read_csv(kitti.clone_data("splits", "kitti_eigen_drives.csv"), dtype=str).query("drive == '0060'")
    empty = pd.read_csv(kitti.clone_data("splits", "kitti_eigen_test.csv"), dtype=str)[:0]
    pd.concat([lists, lists.assign(camera="03")]).to_csv(tmp_path / "kitti_eigen_drives.csv", index=False)
    empty.to_csv(tmp_path / "kitti_eigen_test.csv", index=False)
    monkeypatch.setattr(kitti, "clone_data", lambda folder, name: tmp_path / name)
    write_drive(tmp_path, *TRAIN, range(78), annotated=range(5, 73))
    write_drive(tmp_path, *TRAIN, range(78), annotated=range(5, 73), camera="03")
    ds = data.open("kitti", tmp_path, "all", truth="raw")
    left, right = ds[10], ds[78 + 10]
    assert (left["id"][-13:], right["id"][-13:]) == ("02_0000000010", "03_0000000010")
    assert left["scene"] == right["scene"] and not torch.equal(left["valid"], right["valid"])


@pytest.mark.parametrize("layout", ["merged", "archives", "flat"])
def test_other_layouts_that_are_common(copy, layout):
    if layout == "merged":  # as BTS's instructions leave it
        shutil.move(next(copy.glob("depth/val/*")), copy / "depth")
        shutil.rmtree(copy / "depth/val")
    elif layout == "archives":
        shutil.move(copy / "depth", copy / "data_depth_annotated")
    else:
        for part in ("raw", "depth"):
            for item in (copy / part).iterdir():
                shutil.move(item, copy)
    assert data.open("kitti", copy, "test").split_counts["test"] == 12


def test_images_converted_to_jpeg_are_read(copy):
    for path in copy.glob("raw/*/*/image_02/data/*.png"):
        Image.open(path).save(path.with_suffix(".jpg"), quality=95)
        path.unlink()
    assert data.open("kitti", copy, "test")[3]["image"].shape == (3, 47, 155)


def test_missing_data_says_where_to_get_it(tmp_path, copy):
    with pytest.raises(FileNotFoundError, match=r"kitti not found .*2011_09_26.*cvlibs.*175 GB.*raw/<date>") as error:
        data.open("kitti", tmp_path / "nowhere")
    assert "data_root" in str(error.value)
    (tmp_path / "raw_data.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match="a file; expected the folder"):
        data.open("kitti", tmp_path / "raw_data.zip")
    shutil.rmtree(copy / "depth")
    with pytest.raises(FileNotFoundError, match=r"images of 12 frames, but annotated depth for none.*kitti-raw"):
        data.open("kitti", copy, "test")
    assert len(data.open("kitti-raw", copy, "test")) == 22
    with pytest.raises(ValueError, match=r"no val frames.*They are 2011_09_26_drive_0014.*1 of 61 drives"):
        data.open("kitti-raw", copy, "val")
    shutil.rmtree(next(copy.glob("raw/*/*_sync")))
    with pytest.raises(FileNotFoundError, match="none of the 61 drives"):
        data.open("kitti-raw", copy, "val")


def test_annotated_depth_may_lack_frames_but_images_and_scans_may_not(copy):
    truths = sorted(copy.glob("depth/val/*/proj_depth/groundtruth/image_02/*.png"))
    truths[0].unlink()
    ds = data.open("kitti", copy, "test")
    assert len(ds) == 11 and any(
        "1 frame that the lists name has no annotated depth here and is left out" in note for note in ds.notes
    )
    next(copy.glob("raw/*/*/velodyne_points/data/0000000007.bin")).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 of 22 laser scans are missing, the first is 0000000007.bin. Unpack"
    ):
        data.open("kitti-raw", copy, "test")
    for path in copy.glob("raw/*/*/image_02/data/000000001*.png"):
        path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"7 of 12 images of the split are missing, the first is 0000000010.png"
    ):
        data.open("kitti", copy, "test")


def first(ds):
    return ds[0]


@pytest.mark.parametrize(
    ("which", "spoil", "words"),
    [
        ("raw/*/*/image_02/data/0000000005.png", lambda p: p.write_bytes(p.read_bytes()[:200]), "damaged or cut short"),
        ("raw/*/*/image_02/data/0000000005.png", lambda p: p.write_bytes(png(photograph(0, 40, 155))),
         r"155x40 .* says 155x47 \(S_rect_02\).*neither resized nor cropped"),
        ("depth/*/*/*/*/*/0000000005.png", lambda p: p.write_bytes(png(photograph(0, 47, 155)[..., 0])),
         "mode L; expected depth as 16-bit PNG"),
        ("depth/*/*/*/*/*/0000000005.png", lambda p: p.write_bytes(png(np.ones((20, 30), np.uint16))),
         "30x20 .* its image 0000000005.png is 155x47"),
    ],
)  # fmt: skip
def test_wrong_files_are_named(copy, which, spoil, words):
    path = next(copy.glob(which))
    spoil(path)
    with pytest.raises(ValueError, match=words) as error:
        first(data.open("kitti", copy, "test"))
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes; expected points of 16 bytes"),
        (scan(0).tobytes()[:-7], "cut short"),
        (np.full((3, 4), np.nan, "<f4").tobytes(), "not finite"),
        ((scan(0) * 1e6).astype("<f4").tobytes(), "beyond 1000 m"),
    ],
)
def test_wrong_scans_are_named(copy, content, words):
    next(copy.glob("raw/*/*/velodyne_points/data/0000000000.bin")).write_bytes(content)
    with pytest.raises(ValueError, match=r"0000000000.bin: .*" + words + r"[\s\S]*unpack"):
        first(data.open("kitti-raw", copy, "test"))


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("calib_cam_to_cam.txt", lambda text: text.replace("P_rect_02", "P_02"), "no line P_rect_02; found calib_time"),
        (
            "calib_cam_to_cam.txt",
            lambda text: text.replace("P_rect_02: ", "P_rect_02: 1.0 "),
            "expected 12 finite numbers",
        ),
        ("calib_cam_to_cam.txt", lambda text: text.replace("P_rect_02: ", "P_rect_02: x"), "could not convert"),
        ("calib_cam_to_cam.txt", lambda text: text.replace("P_rect_02: ", "P_rect_02: -"), "focal lengths -90"),
        ("calib_velo_to_cam.txt", lambda text: text.replace("T:", "t:"), "no line T"),
        ("calib_velo_to_cam.txt", lambda text: "\N{BOX DRAWINGS HEAVY HORIZONTAL}", "not a calibration file"),
        ("calib_cam_to_cam.txt", lambda text: text[: text.index("2.745884e-03") + 8],
         r"last four numbers of P_rect_02 are \[0.0, 0.0, 1.0, 2.745884\]; expected 0, 0, 1"),
        ("calib_cam_to_cam.txt", lambda text: text.replace("7.402527e-03", "7.402527"),
         "R_rect_00 is .*expected the nine numbers of a rotation"),
        ("calib_velo_to_cam.txt", lambda text: text[: text.index("2.717806e-01") + 8],
         "T is '-4.069766e-03 -7.631618e-02 -2.717806', 2.72 m long; expected metres .*about 0.3"),
        ("calib_velo_to_cam.txt", lambda text: text[: text.index("2.717806e-01") + 1], "2 m long; expected metres"),
        ("calib_velo_to_cam.txt", lambda text: text.replace("1.480755e-02", "1.480755"), "R is .*of a rotation"),
        ("calib_velo_to_cam.txt", None, "the calibration of this date is missing"),
    ],
)  # fmt: skip
def test_wrong_calibrations_are_named(copy, file, change, words):
    path = copy / "raw" / "2011_09_26" / file
    if change:
        path.write_text(change(path.read_text()), encoding="utf-8")
    else:
        path.unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=words) as error:
        data.open("kitti-raw", copy, "test")
    assert str(path) in str(error.value) and "Get that date's calibration file again" in str(error.value)
    if "velo" in file:
        assert len(data.open("kitti", copy, "test")) == 12, "annotated depth needs no scanner"


def test_opening_reads_no_image_and_survives_pickling(root, monkeypatch):
    monkeypatch.setattr(kitti, "read_image", None)
    monkeypatch.setattr(kitti, "read_depth", None)
    ds = data.open("kitti", root, "test")
    monkeypatch.undo()
    again = pickle.loads(pickle.dumps(ds))
    assert torch.equal(again[2]["depth"], ds[2]["depth"])


@pytest.mark.parametrize("name", ["kitti", "kitti-raw"])
def test_the_cache_notices_a_truth_replaced_in_place(copy, name):
    before = data.open(name, copy, "test", (12, 40))
    frame = before[1]["id"][-10:]
    if name == "kitti":
        path = next(copy.glob(f"depth/val/*/proj_depth/groundtruth/image_02/{frame}.png"))
        path.write_bytes(png((np.asarray(Image.open(path)) // 2).astype(np.uint16)))
    else:  # of the same size, too
        path = next(copy.glob(f"raw/*/*/velodyne_points/data/{frame}.bin"))
        path.write_bytes((np.frombuffer(path.read_bytes(), "<f4") / 2).tobytes())
    after = data.open(name, copy, "test", (12, 40))
    halved, whole = (one["depth"][one["valid"]].median() for one in (after[1], before[1]))
    assert halved < 0.7 * whole
    assert torch.equal(after[0]["depth"], before[0]["depth"])
    assert after.fingerprint == before.fingerprint, "which files these are is the same"


def test_files_are_asked_for_their_times_only_when_frames_are_prepared(root, monkeypatch):
    asked = []
    monkeypatch.setattr(kitti, "state_of", lambda files: asked.extend(files) or "state")
    ds = data.open("kitti", root, "all")
    assert not asked
    data.open("kitti", root, "test", (12, 40))
    assert len(asked) == len(set(asked)) == 2 * len(ds)


def test_a_link_that_leads_nowhere_is_named(copy):
    path = next(copy.glob("raw/*/*/image_02/data/0000000006.png"))
    path.unlink()
    path.symlink_to(copy / "nowhere.png")
    with pytest.raises(FileNotFoundError, match=r"0000000006.png: its folder lists it, but it cannot be found"):
        data.open("kitti", copy, "test", (12, 40))


def test_the_cache_notices_a_file_that_came_later(copy):
    truth = next(copy.glob("depth/val/*/proj_depth/groundtruth/image_02/0000000005.png"))
    moved = shutil.move(truth, copy / "aside.png")
    before = data.open("kitti", copy, "test", (12, 40))
    shutil.move(moved, truth)
    after = data.open("kitti", copy, "test", (12, 40))
    assert (len(before), len(after)) == (11, 12) and before.fingerprint != after.fingerprint
    assert after.batch([0])["id"] == ["2011_09_26_drive_0048_02_0000000005"]


@pytest.mark.parametrize("inside", ["raw/2011_09_26", "depth/val", ".."])
def test_a_root_too_deep_or_too_high_gets_a_hint(root, inside):
    with pytest.raises(FileNotFoundError, match=r"It looks as if .* is meant: give that as root") as error:
        data.open("kitti", root / inside, "test")
    meant = str(error.value).split("It looks as if ")[1].split(" is meant")[0]
    assert len(data.open("kitti", meant, "test")) == 12


def test_test_drives_alone_are_not_told_to_be_split(copy):
    for drive in copy.glob("raw/*/*_sync"):
        if not any(name in drive.name for name in TEST):
            shutil.rmtree(drive)
    with pytest.raises(ValueError, match=r"has no train frames, but 12 test frames\..* Open split='test'\.$"):
        data.open("kitti", copy, "train")
