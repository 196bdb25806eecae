"""Nearly the same view in two splits: found where picture and depth agree, and only there."""

import csv

import numpy as np
import pytest
from data_fixtures import HEADER, write_index
from PIL import Image, ImageEnhance, ImageFilter

from depthnb import data
from depthnb.data.inspection import likeness

SPLITS = ("train", "train", "train", "val", "test")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))


def view(seed, *, moved=0):
    """A soft picture 64 x 48 of a scene of its own and its depth, 1 to 4 m; seen from `moved` pixels further right."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 255, (48, 80, 3), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(4))
    grey = np.asarray(noise.convert("L"), np.float32)
    wide = Image.fromarray(np.uint8(255 * (grey - grey.min()) / np.ptp(grey)))
    metres = 1 + 3 * np.asarray(wide, np.float32) / 255
    return wide.convert("RGB").crop((moved, 0, moved + 64, 48)), metres[:, moved : moved + 64]


def write(root, frames):
    root.mkdir(exist_ok=True)
    rows = []
    for number, ((picture, metres, suffix), split) in enumerate(zip(frames, SPLITS, strict=True)):
        picture.save(root / f"{number}{suffix}")
        Image.fromarray(np.round(1000 * metres).astype(np.uint16)).save(root / f"{number}_depth.png")
        row = dict.fromkeys(HEADER, "") | {
            "id": f"frame_{number}",
            "scene": f"scene_{number}",
            "scene_type": "room",
            "split": split,
            "image": f"{number}{suffix}",
            "depth": f"{number}_depth.png",
            "depth_scale": "0.001",
        }
        rows.append([row[column] for column in HEADER])
    write_index(root, rows)
    return root


def twins(root):
    return [each for each in data.examine("folder", root)[1] if each.found.startswith("Two splits")]


def scenes(last):
    """Three scenes to train on, one for validation, and a last frame."""
    return [(*view(seed), ".png") for seed in range(4)] + [last]


def test_a_scene_of_its_own_is_nobodys_twin(tmp_path):
    assert twins(write(tmp_path / "set", scenes((*view(4), ".png")))) == []


@pytest.mark.parametrize("moved", [1, 2])
def test_a_neighbour_in_a_video_is_found_with_both_lines(tmp_path, moved):
    (finding,) = twins(write(tmp_path / "set", scenes((*view(1, moved=moved), ".png"))))
    assert "'frame_4' in test and 'frame_1' in train" in finding.found and "1 of 2 frames " in finding.found
    assert finding.lines == (3, 6) and not finding.sure and not finding.mends


def test_a_picture_saved_again_darker_and_compressed_is_found(tmp_path):
    picture, metres = view(2)
    (finding,) = twins(write(tmp_path / "set", scenes((ImageEnhance.Brightness(picture).enhance(0.7), metres, ".jpg"))))
    assert "'frame_4' in test and 'frame_2' in train" in finding.found


def test_the_same_wallpaper_at_another_distance_is_another_place(tmp_path):
    picture, metres = view(2)
    assert twins(write(tmp_path / "set", scenes((picture, 1.5 * metres, ".jpg")))) == []


def test_a_copy_byte_for_byte_is_named_once(tmp_path):
    root = write(tmp_path / "set", scenes((*view(2), ".png")))
    sentences = [each.found for each in data.examine("folder", root)[1]]
    assert sum("frame_2" in sentence and "frame_4" in sentence for sentence in sentences) == 1
    assert twins(root) == []


def test_blank_damaged_and_missing_pictures_are_like_nothing(tmp_path):
    root = write(tmp_path / "set", scenes((*view(1, moved=1), ".png")))
    Image.new("RGB", (64, 48), (9, 9, 9)).save(root / "0.png")
    (root / "1.png").write_bytes((root / "1.png").read_bytes()[:200])
    (root / "2.png").unlink()
    assert twins(root) == []


def test_of_a_large_set_evenly_spaced_frames_are_compared_unless_all_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(likeness, "_OTHERS", 2)
    root = write(tmp_path / "set", scenes((*view(1, moved=1), ".png")))  # the twin is the middle one of three
    assert twins(root) == []
    found = [each for each in data.examine("folder", root, every=True)[1] if each.found.startswith("Two splits")]
    assert len(found) == 1


def test_progress_reaches_its_end(tmp_path):
    root, told = write(tmp_path / "set", scenes((*view(4), ".png"))), []
    data.examine("folder", root, told=lambda done, total: told.append((done, total)))
    assert told[-1] == (15, 15)  # five frames twice, and five small pictures
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    with open(root / "index.csv") as handle:
        assert len(list(csv.reader(handle))) == 6
