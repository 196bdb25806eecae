"""The embedded set ``data/rooms-sequences``: films of training and validation rooms, proven by reprojecting the true depth."""

import numpy as np
import pytest
from embedded import COLUMNS, Embedded
from PIL import Image

from depthnb import data, files
from depthnb.data.sequences import Films
from depthnb.studies import self_supervised as study

SHAPE = (96, 128)
SET, ROOMS = Embedded("rooms-sequences", stride=1), Embedded("rooms", stride=1)
ROOT, INDEX, CAMERAS = SET.root, SET.index, SET.cameras
POSES = files.read_table(ROOT / "poses.csv").set_index("id")


def pose(name: str) -> np.ndarray:
    return np.vstack([POSES.loc[name].to_numpy(float).reshape(3, 4), [0, 0, 0, 1]])


def test_three_frames_of_each_room_and_never_one_of_the_test_split():
    assert list(INDEX.columns) == COLUMNS and INDEX.id.is_unique
    assert (INDEX.groupby("scene").size() == 3).all()
    assert INDEX.groupby("split").scene.nunique().to_dict() == {"train": 60, "val": 8}
    known = ROOMS.index.groupby("scene").split.first()
    assert (INDEX.split == known.loc[INDEX.scene].to_numpy()).all() and "test" not in set(INDEX.split)
    assert INDEX.scene_type[INDEX.split == "train"].nunique() == ROOMS.index.scene_type.nunique()
    assert list(POSES.index) == list(INDEX.id) == list(CAMERAS.index)


def test_files_are_few_and_small():
    for column in ("image", "depth", "valid"):
        assert set(INDEX[column]) == {f"{column}/{path.name}" for path in (ROOT / column).iterdir()}
    assert sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file()) <= 3e6
    for row in INDEX.itertuples():
        image, mask = Image.open(ROOT / row.image), Image.open(ROOT / row.valid)
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", SHAPE[::-1])
        assert (mask.mode, mask.size) == ("1", SHAPE[::-1]) and 0.3 < np.asarray(mask).mean() < 1
        assert np.asarray(Image.open(ROOT / row.depth)).shape == SHAPE


def test_it_opens_as_films_and_gives_no_frame_away():
    train, val = (data.open("rooms-sequences", split=split, size=SHAPE) for split in ("train", "val"))
    assert (len(train), len(val)) == (180, 24) and not train.notes
    assert "depth" not in Films(val).batch([0])
    with pytest.raises(ValueError, match="no test frames"):
        data.open("rooms-sequences", split="test")


def test_the_camera_takes_small_steps_to_the_side():
    for _, rows in INDEX.groupby("scene"):
        first, middle, last = (pose(name) for name in rows.id)
        for one, other in ((first, middle), (middle, last)):
            way = np.linalg.inv(one) @ other
            step = np.linalg.norm(way[:3, 3])
            angle = np.degrees(np.arccos(np.clip((np.trace(way[:3, :3]) - 1) / 2, -1, 1)))
            assert 0.05 <= step <= 0.15 and angle < 5
            assert abs(way[0, 3]) > 0.8 * step, "hardly any parallax"
        total = (np.linalg.inv(first) @ last)[:3, 3]
        assert np.linalg.norm(total) > 0.12, "there and back again"


def test_poses_are_those_of_the_cameras():
    for row in INDEX.itertuples():
        camera = CAMERAS.loc[row.id]
        assert np.allclose(pose(row.id)[:3, :3], SET.rotation(row), atol=1e-6)
        assert np.allclose(pose(row.id)[:3, 3], camera[["x", "y", "z"]].to_numpy(float), atol=1e-6)
        assert row.fx == row.fy == 118 and (row.cx, row.cy) == (63.5, 47.5)


def test_the_middle_frame_is_an_embedded_one():
    """The room was built again to the last chair: same pose, same depth."""
    places = [np.rint((np.arange(n) + 0.5) / 0.4 - 0.5).astype(int) for n in SHAPE]
    for row in INDEX[INDEX.id.str.endswith("_01")].iloc[::6].itertuples():
        frames = ROOMS.index[ROOMS.index.scene == row.scene]
        same = ROOMS.cameras.loc[frames.id, ["x", "y", "z", "yaw"]] - CAMERAS.loc[row.id, ["x", "y", "z", "yaw"]]
        assert same.abs().max(axis=1).min() < 1e-3, row.id
        twin = frames[frames.id == same.abs().max(axis=1).idxmin()].iloc[0]
        apart = np.abs(SET.depth(row) / np.maximum(ROOMS.depth(twin)[np.ix_(*places)], 1e-3) - 1)
        assert np.median(apart) < 0.005


def test_the_true_depth_turns_each_frame_into_its_neighbours():
    """Poses, intrinsics, depth and pictures belong together: see `studies.self_supervised.proof`."""
    for split in ("train", "val"):
        found = study.proof(Films(data.open("rooms-sequences", split=split, size=SHAPE)))
        assert found["seen"] > 0.7 and found["agree"] > 0.97 and found["depth error"] < 0.004
        assert found["moved"] < 0.55 * found["unmoved"]


def test_with_a_wrong_pose_it_does_not():
    films = Films(data.open("rooms-sequences", split="val", size=SHAPE))
    right = study.proof(films)
    films.poses[:, :3, :3] = films.poses[:, :3, :3].transpose(
        0, 2, 1
    )  # world to camera in the place of camera to world
    wrong = study.proof(films)
    assert wrong["agree"] < 0.9 * right["agree"] or wrong["moved"] > 1.5 * right["moved"]


def test_the_scale_is_known_from_given_poses_alone():
    table = study.scale_table(Films(data.open("rooms-sequences", split="val", size=SHAPE))).set_index("factor")
    assert table[study.GIVEN].idxmin() == 1
    blind = table["poses scaled too"]
    assert blind.max() / blind.min() < 1.001
