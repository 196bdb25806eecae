"""Films: who is whose neighbour, the way between them, a mirrored world, and what is refused."""

import csv

import numpy as np
import pytest
import torch
from data_fixtures import write_folder, write_index
from walls import SIZE, K, film, pose

from depthnb import data
from depthnb.data.sequences import COLUMNS, Films, augment, mirrored
from depthnb.models.photometric import explained

PLACES = [pose(0.01 * i, 0.02 * i, -0.01 * i, 0.1 * i, 0.02, 0.01 * i) for i in range(12)]


def write_poses(root, ids, poses=PLACES, header=("id", *COLUMNS)):
    with open(root / "poses.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(
            [name, *(f"{x:.8f}" for x in each[:3].flatten().tolist())] for name, each in zip(ids, poses, strict=False)
        )


@pytest.fixture
def folder(tmp_path):
    """Four films of three frames, two of them to train on."""
    rows = write_folder(tmp_path, {"a": "train", "b": "train", "c": "val", "d": "test"}, per_scene=3)
    write_poses(tmp_path, [row[0] for row in rows])
    return tmp_path, rows


def opened(root, split="train"):
    return Films(data.open("folder", root, split, size=(24, 32)))


def test_a_batch_holds_the_neighbours_the_way_to_them_and_no_depth(folder):
    films = opened(folder[0])
    assert len(films) == 6 and films.neighbours.tolist()[:3] == [[1, 2], [0, 2], [0, 1]]
    batch = films.batch([4, 0])
    assert batch["id"] == ["frame_004", "frame_000"] and "depth" not in batch
    assert batch["image"].shape == (2, 3, 24, 32) and batch["sources"].shape == (2, 2, 3, 24, 32)
    assert torch.equal(batch["seen"][:, 0], batch["image"]) and torch.equal(batch["seen"][:, 1:], batch["sources"])
    assert torch.equal(batch["sources"][0], films.frames.batch([3, 5])["image"])
    assert batch["valid"].all() and batch["valid"].dtype == torch.bool
    way = torch.linalg.inv(PLACES[3].double()) @ PLACES[4].double()
    assert torch.allclose(batch["motion"][0, 0].double(), way, atol=1e-5)
    point = torch.tensor([0.3, -0.2, 2.0, 1.0])  # of the target camera
    there = PLACES[3] @ batch["motion"][0, 0] @ point
    assert torch.allclose(there, PLACES[4] @ point, atol=1e-5)


def test_in_a_longer_film_the_nearest_frames_are_neighbours(tmp_path):
    rows = write_folder(tmp_path, {"a": "train", "b": "val", "c": "test"}, per_scene=4)
    write_poses(tmp_path, [row[0] for row in rows])
    assert opened(tmp_path).neighbours.tolist() == [[1, 2], [0, 2], [1, 3], [1, 2]]


def test_other_poses_are_another_training(folder):
    root, rows = folder
    before = opened(root).fingerprint
    assert opened(root).fingerprint == before
    write_poses(root, [row[0] for row in rows], [pose(0, 0, 0, 0.1 * i, 0, 0) for i in range(12)])
    assert opened(root).fingerprint != before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows, table: table.pop(), "has no pose of frame 'frame_005'"),
        (lambda rows, table: table.append(table[0]), "names frame 'frame_000' twice"),
        (lambda rows, table: table[1].__setitem__(1, "-1.0"), "pose of frame 'frame_001' is no rigid motion"),
        (lambda rows, table: table[1].__setitem__(4, "east"), "pose of frame 'frame_001' is no rigid motion"),
        (lambda rows, table: table[2].__setitem__(4, "nan"), "pose of frame 'frame_002' is no rigid motion"),
    ],
)
def test_poses_that_cannot_be_are_refused(folder, spoil, message):
    root, rows = folder
    table = [
        [row[0], *(f"{x:.8f}" for x in each[:3].flatten().tolist())]
        for row, each in zip(rows[:6], PLACES, strict=False)
    ]
    spoil(rows, table)
    with open(root / "poses.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([("id", *COLUMNS), *table])
    with pytest.raises(ValueError, match=message):
        opened(root)


def test_a_mirrored_or_scaled_rotation_is_refused(folder):
    root, rows = folder
    for wrong in (torch.diag(torch.tensor([-1.0, 1, 1, 1])), torch.diag(torch.tensor([2.0, 2, 2, 1]))):
        write_poses(root, [row[0] for row in rows], [PLACES[0] @ wrong, *PLACES[1:]])
        with pytest.raises(ValueError, match="'frame_000' is no rigid motion"):
            opened(root)


def test_what_is_missing_is_named(folder, tmp_path):
    root, rows = folder
    write_poses(root, [row[0] for row in rows], header=("id", *COLUMNS[:-1], "tz"))
    with pytest.raises(ValueError, match="lacks the column 'm23'"):
        opened(root)
    (root / "poses.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"poses\.csv is missing"):
        opened(root)
    with pytest.raises(ValueError, match="films need frames of one size"):
        Films(data.open("folder", root, "train"))


def test_films_of_two_frames_and_unknown_cameras_are_refused(tmp_path):
    rows = write_folder(tmp_path, {"a": "train", "b": "val", "c": "test"}, per_scene=2)
    write_poses(tmp_path, [row[0] for row in rows])
    with pytest.raises(ValueError, match="scene 'a' has 2 frames in the split train; expected at least 3"):
        opened(tmp_path)
    rows = write_folder(tmp_path, {"a": "train", "b": "val", "c": "test"}, per_scene=3)
    write_poses(tmp_path, [row[0] for row in rows])
    write_index(tmp_path, [[*row[:8], "", "", "", ""] if row[0] == "frame_001" else row for row in rows])
    with pytest.raises(ValueError, match="the camera of frame 'frame_001' is unknown"):
        opened(tmp_path)


def as_batch(given):
    seen = torch.cat([given["image"][:, None], given["sources"]], 1)
    return {**given, "seen": seen, "id": [f"film_{i}" for i in range(len(seen))]}


def test_a_mirrored_film_is_one_of_a_mirrored_world():
    """The true depth, mirrored too, explains it as well as before; with the unmirrored motion it does not."""
    given = film(batch=2)
    given["intrinsics"] = K.expand(2, 3, 3).clone()
    given["intrinsics"][:, 0, 2] += 0.0
    turned = mirrored(as_batch(given), torch.tensor([True, False]))
    for key in ("image", "sources", "seen", "intrinsics", "motion"):
        assert torch.equal(turned[key][1], as_batch(given)[key][1])
    assert torch.equal(turned["image"][0], given["image"][0].flip(-1))
    depth = given["depth"].clone()
    depth[0] = depth[0].flip(-1)
    options = {key: turned[key] for key in ("image", "sources", "intrinsics", "motion")}
    right = explained(**options, depth=depth).error.mean((1, 2, 3))
    wrong = explained(**{**options, "motion": given["motion"]}, depth=depth).error.mean((1, 2, 3))
    assert right[0] == pytest.approx(right[1].item(), rel=0.02) and wrong[0] > 3 * right[0]
    back = mirrored(turned, torch.tensor([True, False]))
    assert all(torch.allclose(back[key], as_batch(given)[key]) for key in ("image", "seen", "intrinsics", "motion"))


def test_an_off_centre_camera_is_mirrored_about_the_picture():
    given = film()
    given["intrinsics"][:, 0, 2] = 20.0
    turned = mirrored(as_batch(given), torch.tensor([True]))
    assert turned["intrinsics"][0, 0, 2] == SIZE[1] - 1 - 20.0


def test_colours_change_for_the_nets_alone_and_alike_in_a_film():
    batch = as_batch(film(batch=3))
    batch["seen"] = batch["image"][:, None].repeat(1, 3, 1, 1, 1)  # three equal frames stay equal
    options = {"seed": 1, "epoch": 2, "gamma": 0.2, "brightness": 0.2, "colour": 0.2}
    changed = augment(batch, **options)
    assert torch.equal(changed["image"], batch["image"]) and torch.equal(changed["sources"], batch["sources"])
    assert not torch.equal(changed["seen"], batch["seen"])
    assert torch.equal(changed["seen"][:, 0], changed["seen"][:, 2])
    assert torch.equal(changed["seen"], augment(batch, **options)["seen"])
    assert not torch.equal(changed["seen"], augment(batch, **{**options, "epoch": 3})["seen"])


def test_about_as_many_films_are_mirrored_as_asked_for_and_the_same_ones_each_time():
    batch = as_batch(film(batch=200))
    found = augment(batch, seed=0, epoch=1, flip=0.5)
    share = (found["motion"][:, 0, 0, 3] != batch["motion"][:, 0, 0, 3]).float().mean()
    assert 0.35 < share < 0.65
    assert torch.equal(found["image"], augment(batch, seed=0, epoch=1, flip=0.5)["image"])
    assert augment(batch, seed=0, epoch=1)["image"] is batch["image"]
    assert np.isclose(augment(batch, seed=0, epoch=1, flip=1.0)["image"][:, :, :, 0], batch["image"][:, :, :, -1]).all()
