"""The embedded set ``data/rooms-changed``: twelve test rooms, one thing changed at a time, and everything else as it was."""

import numpy as np
import pytest
from embedded import COLUMNS, Embedded
from PIL import Image

from depthnb import data
from depthnb.data.readers.rooms_changed import BASE, SAID, VIEWS, parts_of
from depthnb.studies import robustness

SHAPE = (144, 192)
SET, ROOMS = Embedded("rooms-changed", stride=1), Embedded("rooms", stride=1)
ROOT, INDEX, CAMERAS = SET.root, SET.index, SET.cameras
ROWS = {row.id: row for row in INDEX.itertuples()}
FRAMES = sorted({parts_of(name)[0] for name in INDEX.id})
SAME_PLACE = [change for change in SAID if change.startswith(("light", "wall", BASE, "clutter"))]


def row_of(frame, change=BASE):
    return ROWS[f"{frame}-{change}"]


def picture(row) -> np.ndarray:
    return np.asarray(Image.open(ROOT / row.image)).astype(float)


def test_twelve_rooms_of_the_test_split_of_all_types_with_every_change():
    assert list(INDEX.columns) == [*COLUMNS, "change"] and INDEX.id.is_unique
    assert INDEX.scene.nunique() == len(FRAMES) == 12 and (INDEX.split == "test").all()
    embedded = ROOMS.index.set_index("id").loc[FRAMES]
    assert (embedded.split == "test").all()
    assert set(embedded.scene_type) == set(ROOMS.index.scene_type)
    for frame in FRAMES:
        assert {change for row in INDEX.id if (change := parts_of(row)[1]) and row.startswith(frame)} == set(SAID)
        assert row_of(frame).scene == embedded.scene[frame] and row_of(frame).scene_type == embedded.scene_type[frame]
    assert [parts_of(name)[1] for name in INDEX.id] == list(INDEX.change)


def test_files_are_few_and_small():
    for column in ("image", "depth", "valid"):
        assert set(INDEX[column]) == {f"{column}/{path.name}" for path in (ROOT / column).iterdir()}
    assert sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file()) <= 1.5e6
    for row in INDEX.itertuples():
        image, mask = Image.open(ROOT / row.image), Image.open(ROOT / row.valid)
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", SHAPE[::-1])
        assert (mask.mode, mask.size) == ("1", SHAPE[::-1])
        assert np.asarray(Image.open(ROOT / row.depth)).shape == SHAPE


def test_it_opens_as_a_data_set_and_nothing_can_be_trained_on_it():
    opened = data.open("rooms-changed", split="test")
    assert len(opened) == 12 * len(SAID) and opened.protocol == "rooms" and opened.max_depth == 10
    assert opened[0]["image"].shape == (3, *SHAPE) and not opened.notes
    assert data.open_for_judging("rooms-changed").split == "test"
    with pytest.raises(ValueError, match="train"):
        data.open("rooms-changed", split="train")


@pytest.mark.parametrize("frame", FRAMES)
def test_the_unchanged_frame_is_the_embedded_one(frame):
    """Same pose, same exposure, same depth: the room was built again to the last chair."""
    own, other = row_of(frame), ROOMS.index[ROOMS.index.id == frame].iloc[0]
    pose = ["x", "y", "z", "yaw", "pitch", "roll", "room_width", "room_length", "room_height"]
    assert np.allclose(CAMERAS.loc[own.id, pose].astype(float), ROOMS.cameras.loc[frame, pose].astype(float), atol=1e-4)
    assert np.allclose([own.fx, own.cx, own.cy], [other.fx * 0.6, 160 * 0.6 - 0.5, 120 * 0.6 - 0.5])
    places = [np.rint((np.arange(n) + 0.5) / 0.6 - 0.5).astype(int) for n in SHAPE]
    apart = np.abs(SET.depth(own) / np.maximum(ROOMS.depth(other)[np.ix_(*places)], 1e-3) - 1)
    assert np.median(apart) < 0.004 and np.quantile(apart, 0.9) < 0.01
    small = Image.open(ROOMS.root / other.image).resize(SHAPE[::-1], Image.Resampling.BOX)
    assert np.abs(np.asarray(small).astype(float) - picture(own)).mean() < 6
    assert abs(np.asarray(small).mean() - picture(own).mean()) < 1.5


@pytest.mark.parametrize("frame", FRAMES)
def test_one_thing_is_changed_and_it_can_be_seen(frame):
    base = row_of(frame)
    for change in SAID:
        row = row_of(frame, change)
        same = [SAME_PLACE.count(change) > 0, change.startswith(("light", "wall")) or change == BASE]
        pose, there = (CAMERAS.loc[each.id].to_dict() for each in (row, base))
        if change.startswith("height"):
            assert (pose["z"] < there["z"]) == (change == "height-low")
            pose["z"] = there["z"]
        assert pose == there, "the camera moved"
        assert (row.depth == base.depth and row.valid == base.valid) == same[1]
        if change != BASE:
            assert np.abs(picture(row) - picture(base)).mean() > 2, f"{change} cannot be seen"
        depth = SET.depth(row)
        assert depth[depth > 0].min() > 0.3, "something stands before the lens"
        assert SET.valid(row).mean() > 0.4
    nearer = SET.depth(row_of(frame, "clutter")) < SET.depth(base) - 0.04
    farther = SET.depth(row_of(frame, "clutter")) > SET.depth(base) + 0.04
    assert nearer.mean() > 0.002 and farther.mean() < 0.001, "clutter takes nothing away"
    assert picture(row_of(frame, "light-evening")).mean() < 0.85 * picture(base).mean()


def test_cameras_are_those_of_the_fields_of_view():
    for row in INDEX.itertuples():
        change = parts_of(row.id)[1]
        across = 2 * np.degrees(np.arctan(SHAPE[1] / 2 / row.fx))
        assert across == pytest.approx(VIEWS.get(change, VIEWS[BASE]), abs=0.05)
        assert row.fx == row.fy and (row.cx, row.cy) == (95.5, 71.5)


@pytest.mark.parametrize("change", ["view-40", "view-75", "view-90"])
def test_another_lens_sees_the_same_points_at_the_same_depth(change):
    """A pixel of one lens is a pixel of the other, with the same z; a focal length a tenth off makes that 1.3 % on average."""
    found = []
    for frame in FRAMES:
        base, other = row_of(frame), row_of(frame, change)
        v, u = np.mgrid[40:104, 60:132]
        scale = other.fx / base.fx
        columns, rows = (np.rint(c + (p - c) * scale).astype(int) for p, c in ((u, base.cx), (v, base.cy)))
        found.append(np.median(np.abs(SET.depth(other)[rows, columns] / SET.depth(base)[v, u] - 1)))
    assert np.mean(found) < 0.003 and max(found) < 0.012


def test_points_lie_inside_the_room_or_its_windows_and_doorways():
    for row in INDEX.itertuples():
        points = SET.world(row, SET.depth(row))[SET.valid(row)]
        camera = CAMERAS.loc[row.id]
        high = np.array([camera.room_width, camera.room_length, camera.room_height])
        inside = ((points > -0.08) & (points < high + 0.08)).all(-1)
        assert inside.mean() > 0.75, row.id


def test_ids_that_name_no_change_are_refused():
    with pytest.raises(ValueError, match="names no change"):
        parts_of("bedroom_0005_05")


def test_examples_show_one_frame_with_everything_that_is_done_to_it():
    opened = data.open("rooms-changed", split="test")
    shown = robustness.examples(opened, number=3)
    assert len(shown) == len(SAID) + 6 and {tuple(image.shape) for image in shown.values()} == {(3, *SHAPE)}
    assert next(iter(shown)) == "unchanged" and len({float(image.sum()) for image in shown.values()}) == len(shown)
    with pytest.raises(IndexError, match="frame 12 asked for, but rooms-changed has 12"):
        robustness.examples(opened, number=12)
