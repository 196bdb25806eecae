"""The embedded data set ``data/rooms``: the table, the files, the split, and the geometry in the committed pixels."""

import re

import numpy as np
import pytest
from embedded import COLUMNS, Embedded
from PIL import Image

SHAPE = (240, 320)
ROOMS = Embedded("rooms", stride=24)  # every 24th frame is read; the table itself is checked whole
ROOT, INDEX, CAMERAS, SOME = ROOMS.root, ROOMS.index, ROOMS.cameras, ROOMS.some
depth_of, valid_of, world_of = ROOMS.depth, ROOMS.valid, ROOMS.world


def test_table_has_exactly_the_columns_of_the_format():
    assert list(INDEX.columns) == COLUMNS
    assert INDEX.id.is_unique
    assert not INDEX.isna().any().any()
    assert set(INDEX.split) == {"train", "val", "test"}


def test_counts():
    frames = INDEX.split.value_counts()
    assert len(INDEX) >= 900
    assert frames.train >= 640 and frames.val >= 160 and frames.test >= 100
    assert INDEX.scene.nunique() >= 200
    assert INDEX.scene_type.nunique() >= 8
    assert INDEX.groupby("scene").size().between(3, 6).all()
    assert INDEX.scene_type.value_counts().nunique() > 4, "unequal counts, so that a distribution is worth drawing"


def test_no_scene_is_in_two_splits_and_every_type_is_in_each():
    assert (INDEX.groupby("scene").split.nunique() == 1).all()
    assert (INDEX.groupby("scene").scene_type.nunique() == 1).all()
    assert (INDEX.groupby("scene_type").split.nunique() == 3).all()


def test_ids_name_scene_type_scene_and_view():
    for row in INDEX.itertuples():
        assert re.fullmatch(r"[a-z_]+_\d{4}_\d{2}", row.id)
        assert row.id.startswith(row.scene + "_") and row.scene.startswith(row.scene_type + "_")


@pytest.mark.parametrize("column", ["image", "depth", "valid"])
def test_every_file_is_there_and_no_other(column):
    listed = set(INDEX[column])
    found = {f"{column}/{path.name}" for path in (ROOT / column).iterdir()}
    assert listed == found


def test_every_frame_has_a_camera():
    assert list(CAMERAS.index) == list(INDEX.id)
    assert CAMERAS.z.between(1.1, 1.7).all()
    assert CAMERAS.roll.between(-3, 3).all()
    assert CAMERAS.pitch.between(-20, 5).all()
    assert (CAMERAS.x.between(0, CAMERAS.room_width) & CAMERAS.y.between(0, CAMERAS.room_length)).all()


def test_size_budget():
    total = sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file())
    assert total <= 36e6


def test_intrinsics_are_one_kinect_like_camera():
    assert (INDEX[["fx", "fy", "cx", "cy"]].drop_duplicates().to_numpy() == [[295.0, 295.0, 159.5, 119.5]]).all()
    across = 2 * np.degrees(np.arctan(SHAPE[1] / 2 / INDEX.fx[0]))
    assert abs(across - 57) < 0.5


@pytest.mark.parametrize("row", list(SOME.itertuples()), ids=list(SOME.id))
def test_files_have_the_right_kind_and_sane_values(row):
    image = Image.open(ROOT / row.image)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", SHAPE[::-1])
    grey = np.asarray(image.convert("L")).astype(float)
    assert 40 < grey.mean() < 215, "neither black nor blown out"
    assert grey.std() > 12
    stored = np.asarray(Image.open(ROOT / row.depth))
    assert stored.shape == SHAPE and stored.dtype.kind in "ui" and stored.max() > 255
    mask = Image.open(ROOT / row.valid)
    assert (mask.mode, mask.size) == ("1", SHAPE[::-1])


def test_depth_and_mask_agree():
    fractions = []
    for row in SOME.itertuples():
        depth, valid = depth_of(row), valid_of(row)
        assert not valid[depth == 0].any()
        assert (depth == 0).mean() < 0.1
        assert depth[valid].min() >= 0.5 - row.depth_scale and depth[valid].max() <= 10.0 + row.depth_scale
        assert 0.6 < np.median(depth) < 8.0
        fractions.append(valid.mean())
    fractions = np.array(fractions)
    assert 0.75 < fractions.mean() < 0.92
    assert fractions.min() > 0.35 and fractions.max() < 0.99


def test_depth_lies_mostly_between_0_7_and_10_metres():
    depth = np.concatenate([depth_of(row)[::4, ::4].ravel() for row in SOME.itertuples()])
    assert ((depth > 0.7) & (depth < 10.0)).mean() > 0.95


def test_pixels_in_the_projectors_shadow_are_invalid():
    """A projector 7.5 cm to the right cannot reach what lies behind a nearer surface on the same row."""
    hidden_pixels = 0
    for row in SOME.itertuples():
        depth, valid = depth_of(row), valid_of(row)
        seen_at = np.arange(SHAPE[1]) - row.fx * 0.075 / np.where(depth > 0, depth, 1e3)
        nearest = np.minimum.accumulate(seen_at[:, ::-1], axis=1)[:, ::-1]
        # A quarter of a pixel of slack: the mask was made before depth was rounded to the storage step.
        hidden = np.zeros(SHAPE, bool)
        hidden[:, :-1] = seen_at[:, :-1] > nearest[:, 1:] + 0.25
        assert not (valid & hidden).any()
        hidden_pixels += hidden.sum()
    assert hidden_pixels > 1000


def floor_frames():
    """Frames of the subset in which at least 4000 pixels look at the floor."""
    for row in SOME.itertuples():
        height = world_of(row, depth_of(row))[..., 2]
        if (np.abs(height) < 0.004).sum() > 4000:
            yield row


def test_the_floor_is_the_plane_z_0_to_the_storage_step():
    """Back-projected through K and the pose, the floor lies at z = 0; fitted without the pose, it is a plane."""
    frames = list(floor_frames())
    assert len(frames) > len(SOME) / 4
    for row in frames:
        depth = depth_of(row)
        height = world_of(row, depth)[..., 2]
        floor = np.abs(height) < 0.004  # a skirting board or a rug begins higher, a hall floor lies in the same plane
        # Half a step of depth moves a point along its ray by at most half a step in height per unit of its slope.
        assert np.percentile(np.abs(height[floor]), 90) < 0.5 * row.depth_scale + 2e-4
        points = (ROOMS.rays(row, SHAPE) * depth[..., None])[floor]
        centred = points - points.mean(axis=0)
        normal = np.linalg.eigh(centred.T @ centred)[1][:, 0]
        assert np.sqrt(np.mean((centred @ normal) ** 2)) < row.depth_scale


def test_depth_read_as_ray_length_would_bend_the_floor():
    """The same check must fail for the other convention, or it proves nothing."""
    bent = 0
    frames = list(floor_frames())
    for row in frames:
        depth = depth_of(row)
        floor = np.abs(world_of(row, depth)[..., 2]) < 0.004
        shorter = depth / np.linalg.norm(ROOMS.rays(row, SHAPE), axis=-1)
        bent += np.percentile(np.abs(world_of(row, shorter)[..., 2][floor]), 90) > 0.02
    assert bent == len(frames)


def test_walls_are_where_the_camera_table_says():
    """In most frames thousands of pixels lie on a wall plane, half of them closer than half a storage step."""
    seen = 0
    for row in SOME.itertuples():
        camera, world = CAMERAS.loc[row.id], world_of(row, depth_of(row))
        for axis, place in ((0, 0.0), (0, camera.room_width), (1, 0.0), (1, camera.room_length)):
            away = np.abs(world[..., axis] - place)
            on = away < 0.004
            if on.sum() > 4000:
                seen += 1
                assert np.median(away[on]) < 0.5 * row.depth_scale
    assert seen > len(SOME) / 2


def test_readme_states_the_numbers_of_the_table():
    text = (ROOT.parent / "README.md").read_text()
    splits = [INDEX[INDEX.split == s] for s in ("train", "val", "test")]
    cells = " | ".join(f"{len(s)} ({s.scene.nunique()})" for s in splits)
    assert f"| **all** | {INDEX.scene.nunique()} | {cells} | {len(INDEX)} |" in text
