"""The embedded data set ``data/streets``: the table, the files, the LiDAR's mask, the road in the committed pixels."""

import re

import numpy as np
import pytest
import torch
from embedded import COLUMNS, Embedded
from PIL import Image

from depthnb import data
from depthnb.data import statistics, transforms

SHAPE = (192, 640)
STREETS = Embedded("streets", stride=6)  # every sixth frame is read; the table itself is checked whole
ROOT, INDEX, CAMERAS, SOME = STREETS.root, STREETS.index, STREETS.cameras, STREETS.some
# Of data/README.md, on purpose not taken from the renderer: beams in degrees, the scanner's place in camera axes.
BEAMS = np.concatenate([np.linspace(-24.33, -8.83, 32), np.linspace(-8.33, 2.0, 32)])
SCANNER = np.array([-0.25, -0.30, -0.30])
ROUNDING = 0.006  # the share of depth by which storage moves a point beyond 2.5 m at most


def test_table_has_exactly_the_columns_of_the_format():
    assert list(INDEX.columns) == COLUMNS
    assert INDEX.id.is_unique
    assert not INDEX.isna().any().any()


def test_counts():
    frames = INDEX.split.value_counts()
    assert frames.train >= 140 and frames.val >= 20 and frames.test >= 40
    assert INDEX.scene.nunique() >= 36
    assert INDEX.scene_type.nunique() >= 4
    assert INDEX.groupby("scene").size().between(4, 6).all()
    assert INDEX.scene_type.value_counts().nunique() > 3, "unequal counts, so that a distribution is worth drawing"


def test_no_scene_is_in_two_splits_and_every_type_is_in_each():
    assert (INDEX.groupby("scene").split.nunique() == 1).all()
    assert (INDEX.groupby("scene").scene_type.nunique() == 1).all()
    assert (INDEX.groupby("scene_type").split.nunique() == 3).all()


def test_ids_name_scene_type_scene_and_view():
    for row in INDEX.itertuples():
        assert re.fullmatch(r"[a-z]+_\d{4}_\d{2}", row.id)
        assert row.id.startswith(row.scene + "_") and row.scene.startswith(row.scene_type + "_")


@pytest.mark.parametrize("column", ["image", "depth", "valid"])
def test_every_file_is_there_and_no_other(column):
    found = {f"{column}/{path.name}" for path in (ROOT / column).iterdir()}
    assert set(INDEX[column]) == found


def test_size_budget():
    assert sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file()) <= 12e6


def test_one_camera_about_as_wide_as_kittis():
    assert (INDEX[["fx", "fy", "cx", "cy"]].drop_duplicates().to_numpy() == [[370.0, 370.0, 319.5, 95.5]]).all()
    assert abs(INDEX.fx[0] / 640 - 721.5 / 1242) < 0.005


def test_a_scene_is_a_drive():
    """Metres forward from frame to frame, on a car's springs."""
    assert list(CAMERAS.index) == list(INDEX.id)
    assert CAMERAS.z.between(1.55, 1.75).all() and CAMERAS.roll.between(-2.5, 2.5).all()
    assert CAMERAS.pitch.between(-3.5, 2).all()
    for _, drive in CAMERAS.groupby(INDEX.set_index("id").scene):
        step = drive[["x", "y"]].diff().dropna().to_numpy()
        yaw = np.radians(drive.yaw.to_numpy()[:-1])
        ahead = step[:, 0] * np.cos(yaw) + step[:, 1] * np.sin(yaw)
        assert (ahead > 3).all() and (ahead < 25).all()


@pytest.mark.parametrize("row", list(SOME.itertuples()), ids=list(SOME.id))
def test_files_have_the_right_kind_and_sane_values(row):
    image = Image.open(ROOT / row.image)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", SHAPE[::-1])
    grey = np.asarray(image.convert("L")).astype(float)
    assert 40 < grey.mean() < 215 and grey.std() > 12
    stored = np.asarray(Image.open(ROOT / row.depth))
    assert stored.shape == SHAPE and stored.dtype.kind in "ui" and stored.max() > 255
    mask = Image.open(ROOT / row.valid)
    assert (mask.mode, mask.size) == ("1", SHAPE[::-1])


def test_depth_runs_from_the_bonnet_to_beyond_80_metres_and_the_sky_has_none():
    depths, sky = [], []
    for row in SOME.itertuples():
        depth = STREETS.depth(row)
        depths.append(depth[::4, ::4][depth[::4, ::4] > 0])
        sky.append((depth == 0).mean())
        assert not (depth[-40:] == 0).any(), "there is no sky in the road"
    depth = np.concatenate(depths)
    assert 0.5 < depth.min() and np.percentile(depth, 1) < 7 and 0.01 < (depth > 80).mean() < 0.3
    assert 0.02 < np.mean(sky) < 0.4


def test_the_mask_is_a_lidars():
    """A sixth of the pixels, none in the sky, nothing nearer than 1 m or beyond 120 m, nothing high above the beams."""
    fractions, above = [], []
    for row in SOME.itertuples():
        depth, valid = STREETS.depth(row), STREETS.valid(row)
        assert not valid[depth == 0].any()
        assert depth[valid].min() > 1.0 and depth[valid].max() < 120.5
        fractions.append(valid.mean())
        above.append(valid[:40].mean())
    assert 0.10 < np.mean(fractions) < 0.20
    assert min(fractions) > 0.05 and max(fractions) < 0.25
    assert np.mean(above) < 0.01, (
        "the uppermost beam looks up by two degrees: it meets only what is beside the car there"
    )


def from_scanner(row, place=SCANNER):
    """Elevation, azimuth (degrees) and range of every pixel, seen from the scanner; in a level frame."""
    depth = STREETS.depth(row)
    points = (STREETS.rays(row, SHAPE) * depth[..., None] - place) @ STREETS.rotation(row).T
    elevation = np.degrees(np.arctan2(points[..., 2], np.hypot(points[..., 0], points[..., 1])))
    azimuth = np.degrees(np.arctan2(points[..., 1], points[..., 0]))
    return elevation, azimuth, np.linalg.norm(points, axis=-1)


def on_a_beam(elevation) -> np.ndarray:
    """Whether an elevation is within half a pixel's angle of one of the 64 beams."""
    return np.abs(elevation[..., None] - BEAMS).min(axis=-1) < 0.5 * np.degrees(1 / 370) + 0.01


def test_valid_pixels_lie_on_the_64_scan_lines():
    """Seen from the scanner, not from the camera, whose lines lie elsewhere, nor for the same mask one row lower."""
    share = {"scanner": [], "camera": [], "shifted": []}
    for row in SOME.iloc[::2].itertuples():
        valid, elevation = STREETS.valid(row), from_scanner(row)[0]
        share["scanner"].append(on_a_beam(elevation[valid]).mean())
        share["camera"].append(on_a_beam(from_scanner(row, np.zeros(3))[0][valid]).mean())
        share["shifted"].append(on_a_beam(elevation[1:][valid[:-1]]).mean())
    assert min(share["scanner"]) > 0.93
    assert np.mean(share["camera"]) < 0.6 and np.mean(share["shifted"]) < 0.5


def test_the_scanner_does_not_see_through_things():
    """Of two valid pixels in the same direction from the scanner neither lies far behind the other."""
    behind, total = 0, 0
    for row in SOME.iloc[::2].itertuples():
        elevation, azimuth, distance = (a[STREETS.valid(row)] for a in from_scanner(row))
        cell = np.floor(azimuth / 0.25).astype(int) * 10000 + np.floor(elevation / 0.25).astype(int)
        cells, where = np.unique(cell, return_inverse=True)
        nearest = np.full(len(cells), np.inf)
        np.minimum.at(nearest, where, distance)
        behind += (distance > 1.5 * nearest[where] + 1).sum()
        total += len(distance)
    assert behind < 0.004 * total


def road(row, depth) -> np.ndarray:
    """Pixels on the carriageway within 25 m: in front of the car, in the plane z = 0."""
    height = STREETS.world(row, depth)[..., 2]
    return (depth > 0) & (depth < 25) & (np.abs(height) < 0.018)


def test_the_road_is_a_plane_at_the_cameras_height():
    """Back-projected through K, the road is a plane below the camera, by the height that the camera table gives."""
    for row in SOME.itertuples():
        depth = STREETS.depth(row)
        on = road(row, depth)
        assert on.sum() > 3000
        camera = CAMERAS.loc[row.id]
        # Rounding moves a point along its ray by a share of its depth: up or down by that share of the camera's height.
        height = np.abs(STREETS.world(row, depth)[..., 2][on])
        assert np.percentile(height, 95) < ROUNDING * camera.z + 5e-3  # markings are 4 mm thick
        points = (STREETS.rays(row, SHAPE) * depth[..., None])[on]
        middle = points.mean(axis=0)
        normal = np.linalg.eigh((points - middle).T @ (points - middle))[1][:, 0]
        assert np.sqrt(np.mean(((points - middle) @ normal) ** 2)) < 0.006
        assert abs(abs(middle @ normal) - camera.z) < 0.006
        assert abs(abs(normal @ STREETS.rotation(row)[2]) - 1) < 1e-5, "upright, as pitch and roll say"


def test_depth_read_as_ray_length_would_bend_the_road():
    """The same check must fail for the other convention, or it proves nothing."""
    for row in SOME.itertuples():
        depth = STREETS.depth(row)
        on = road(row, depth)
        shorter = depth / np.linalg.norm(STREETS.rays(row, SHAPE), axis=-1)
        assert np.percentile(np.abs(STREETS.world(row, shorter)[..., 2][on]), 90) > 0.05


def test_streets_open_at_any_size():
    native = data.open("streets", split="test")
    assert (native.name, native.protocol, native.max_depth) == ("streets", "streets", 80.0)
    assert native[0]["image"].shape == (3, *SHAPE)
    for size in ((192, 640), (96, 320), (70, 200)):
        batch = data.open("streets", split="val", size=size).batch([0, 7])
        assert batch["image"].shape == (2, 3, *size)
        assert batch["intrinsics"][0, 0, 0] == pytest.approx(370 * size[1] / 640)


def test_resizing_keeps_measured_pixels_and_mixes_none():
    """A quarter of the pixels remain at half the size, filled twice as densely, each with a depth that was measured."""
    for sample in data.open("streets", split="test").subset(4):
        depth, valid = transforms.resize_depth(sample["depth"], sample["valid"], (96, 320))
        assert valid.float().mean() > 1.8 * sample["valid"].float().mean()
        assert valid.sum() > 0.45 * sample["valid"].sum()
        assert torch.isin(depth[valid], sample["depth"][sample["valid"]]).all()


def test_the_mean_image_has_a_horizon():
    """The baseline that never looks at the picture: far in the middle, near at the bottom."""
    dataset = data.open("streets", split="train", size=(48, 160))
    mean, image = statistics.mean_depth(dataset)
    assert 8 < mean < 30
    assert image[0, 22:26, 70:90].mean() > 2.5 * image[0, 40:, 70:90].mean()


def test_readme_states_the_numbers_of_the_table():
    text = (ROOT.parent / "README.md").read_text()
    splits = [INDEX[INDEX.split == s] for s in ("train", "val", "test")]
    cells = " | ".join(f"{len(s)} ({s.scene.nunique()})" for s in splits)
    assert f"| **all** | {INDEX.scene.nunique()} | {cells} | {len(INDEX)} |" in text
