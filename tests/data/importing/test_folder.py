"""The folder that an import makes: files, sizes, names, and what happens when it is stopped or something is in the way."""

import json
import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import import_layouts as layouts
import numpy as np
import pytest
from PIL import Image

from depthnb import data
from depthnb.data import importing
from depthnb.data.importing import Settings, fitting
from depthnb.data.importing.writing import Target
from depthnb.data.readers.folder import Folder

MM = Settings(scale=1e-3)


@pytest.fixture(scope="module")
def some():
    return layouts.views(6)


@pytest.fixture
def pair(some, tmp_path):
    layouts.write_pair(tmp_path / "in", some)
    return [tmp_path / "in" / "images", tmp_path / "in" / "depth"]


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# stopped, continued, in the way


def test_stopped_it_leaves_no_index_and_the_same_call_goes_on(pair, some, tmp_path, monkeypatch):
    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        importing.import_folder(pair, out, settings=MM, watch=stop)
    assert not (out / "index.csv").exists()
    assert not any(path.name.endswith(".part") for path in out.rglob("*"))
    with pytest.raises(FileNotFoundError, match=r"no index\.csv"):
        Folder(out)
    with pytest.raises(ValueError, match="unfinished import with another depth scale"):
        importing.import_folder(pair, out, settings=Settings(scale=0.002))
    with open(out / ".import-frames.jsonl", "a") as journal:  # as a kill in the middle of a line leaves it
        journal.write('{"row": ["cut sho')
    read, seen = fitting.read, []
    monkeypatch.setattr(fitting, "read", lambda frame: (seen.append(frame.name), read(frame))[1])
    made = importing.import_folder(pair, out, settings=MM)
    assert len(seen) == len(some) - 4
    assert any("4 frames had been imported by an earlier run" in note for note in made.notes)
    importing.import_folder(pair, tmp_path / "at_once", settings=MM)
    one, other = files_of(out), files_of(tmp_path / "at_once")
    del one["import.json"], other["import.json"]  # the sentence above
    assert one == other and sorted(one)[-1] == "index.csv"


def test_a_file_lost_from_an_unfinished_import_is_made_again(pair, tmp_path):
    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importing.import_folder(pair, tmp_path / "out", settings=MM, watch=stop)
    next((tmp_path / "out" / "depth").iterdir()).unlink()
    assert importing.import_folder(pair, tmp_path / "out", settings=MM).frames == 6
    Folder(tmp_path / "out")


KILLED = """
import os, signal, sys
from depthnb.data import importing
from depthnb import files
write = files.write

def killed_at(last, out):
    count = 0
    def counted(file, writer):
        nonlocal count
        count += 1
        if count < last:
            return write(file, writer)
        folder, name = os.path.split(file)
        os.makedirs(folder, exist_ok=True)
        open(os.path.join(folder, f".{name}.{os.getpid()}.part"), "w").write("half")
        os.kill(os.getpid(), signal.SIGKILL)
    files.write = counted
    importing.import_folder(sys.argv[2:], out, settings=importing.Settings(scale=1e-3))

for last in (1, 2, 9, 15):  # the record, a picture, a depth map, index.csv
    child = os.fork()
    if child == 0:
        killed_at(last, f"{sys.argv[1]}/out{last}")
        os._exit(0)
    print(last, os.waitpid(child, 0)[1])
"""


@pytest.mark.slow
def test_killed_at_any_file_it_never_looks_finished(pair, tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(importing.__file__).parents[3])}
    words = [sys.executable, "-c", KILLED, str(tmp_path), *map(str, pair)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["1", "9", "2", "9", "9", "9", "15", "9"], done.stderr
    for last in (1, 2, 9, 15):
        out = tmp_path / f"out{last}"
        assert out.is_dir() and not (out / "index.csv").exists()
        assert importing.import_folder(pair, out, settings=MM).frames == 6
        Folder(out)
        assert not any(path.name.startswith(".") for path in out.rglob("*"))


def test_two_at_once_are_refused(pair, tmp_path):
    words = {
        "layout": "pair", "places": [str(place.resolve()) for place in pair], "every": 1, "link": False,
        "depth scale": 1e-3, "intrinsics": None, "split": "official", "scene": "folder",
    }  # fmt: skip
    with (
        Target(tmp_path / "out", words),
        pytest.raises(RuntimeError, match=r"out: process \d+ .*imports into it; wait"),
    ):
        importing.import_folder(pair, tmp_path / "out", settings=MM)
    assert importing.import_folder(pair, tmp_path / "out", settings=MM).frames == 6


def test_what_is_in_the_way_stays_as_it_is(pair, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds thesis.txt and is no unfinished import"):
        importing.import_folder(pair, out, settings=MM)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="a file; --out is a folder"):
        importing.import_folder(pair, tmp_path / "file", settings=MM)
    with pytest.raises(OSError, match="the folder cannot be made"):
        importing.import_folder(pair, tmp_path / "file" / "below", settings=MM)
    importing.import_folder(pair, tmp_path / "done", settings=MM)
    before = files_of(tmp_path / "done")
    with pytest.raises(ValueError, match="holds an RGB-D folder already"):
        importing.import_folder(pair, tmp_path / "done", settings=MM)
    assert files_of(tmp_path / "done") == before
    for inside in (pair[0] / "out", pair[1], tmp_path / "in" / "depth" / ".." / "images" / "x"):
        with pytest.raises(ValueError, match="which is imported; give --out a place outside"):
            importing.import_folder(pair, inside, settings=MM)


def test_an_empty_folder_will_do_and_the_record_says_where_it_comes_from(pair, tmp_path):
    (tmp_path / "out").mkdir()
    importing.import_folder(pair, tmp_path / "out", settings=MM)
    record = json.loads((tmp_path / "out" / "import.json").read_text())
    assert record["finished"] and record["import"]["layout"] == "pair" and record["import"]["depth scale"] == 1e-3
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["depth", "image", "import.json", "index.csv"]


# frames that cannot be read


def test_a_frame_that_cannot_be_read_is_left_out_and_named(pair, tmp_path):
    pictures, maps = (sorted(place.rglob("*.*g")) for place in pair)
    pictures[0].write_bytes(pictures[0].read_bytes()[:2000])
    maps[1].write_text("version https://git-lfs.github.com/spec/v1")
    Image.fromarray(np.zeros((240, 320), np.uint8)).save(maps[2])
    maps[3].write_bytes(b"")
    made = importing.import_folder(pair, tmp_path / "out", settings=MM)
    assert made.frames == 2 and len(made.left_out) == 4
    said = " ".join(made.left_out.values())
    for words in ("damaged or cut short", "pointer of Git LFS", "expected depth as 16-bit PNG", "an empty one"):
        assert words in said
    assert json.loads((tmp_path / "out" / "import.json").read_text())["left_out"] == made.left_out
    assert len(Folder(tmp_path / "out").index) == 2


def test_if_no_frame_can_be_read_nothing_stays(pair, tmp_path):
    for file in pair[1].rglob("*.png"):
        Image.fromarray(np.zeros((240, 320), np.uint8)).save(file)
    with pytest.raises(ValueError, match=r"expected depth as 16-bit PNG.*so it is with the first 6 of 6 frames"):
        importing.import_folder(pair, tmp_path / "out", settings=MM)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_stops_it(pair, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match=r"could not write .*No space left on device"):
        importing.import_folder(pair, tmp_path / "out", settings=MM)
    assert not (tmp_path / "out" / "index.csv").exists()


# copies and links


def test_links_are_hard_or_symbolic(pair, tmp_path, monkeypatch):
    made = importing.import_folder(pair, tmp_path / "hard", settings=MM, link=True)
    assert any("12 hard-linked" in note for note in made.notes)
    assert all(os.stat(path).st_nlink == 2 for path in (tmp_path / "hard").glob("*/*"))

    def refuse(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    made = importing.import_folder(pair, tmp_path / "soft", settings=MM, link=True)
    assert any("12 linked symbolically" in note for note in made.notes)
    assert all(path.is_symlink() and path.resolve().exists() for path in (tmp_path / "soft").glob("*/*"))
    assert len(Folder(tmp_path / "soft").index) == 6
    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(OSError, match=r"could not link .*leave --link out"):
        importing.import_folder(pair, tmp_path / "none", settings=MM, link=True)


# sizes


def write_one(root, image_size, depth_size, dtype=np.uint16):
    """One frame; each depth is its own number."""
    (root / "i").mkdir(parents=True)
    (root / "d").mkdir()
    Image.fromarray(np.full((*image_size, 3), 100, np.uint8)).save(root / "i" / "a.png")
    depth = (1000 + np.arange(depth_size[0] * depth_size[1]).reshape(depth_size)).astype(dtype)
    depth[0, 0] = 0
    Image.fromarray(depth).save(root / "d" / "a.png") if dtype == np.uint16 else np.save(root / "d" / "a.npy", depth)
    return [root / "i", root / "d"], depth


def test_a_larger_picture_is_reduced_and_its_camera_with_it(tmp_path):
    places, depth = write_one(tmp_path / "in", (48, 64), (24, 32))
    settings = Settings(scale=1e-3, camera=(60, 62, 31.5, 23.5))
    made = importing.import_folder(places, tmp_path / "out", settings=settings)
    sample = Folder(tmp_path / "out").read(0)
    assert sample["image"].shape == (3, 24, 32)
    assert np.allclose(sample["depth"][0], depth * 1e-3)
    assert [sample["intrinsics"][0, 0], sample["intrinsics"][1, 1]] == [30, 31]
    assert [sample["intrinsics"][0, 2], sample["intrinsics"][1, 2]] == [15.5, 11.5]
    assert any("1 picture reduced to the size of the depth map" in note for note in made.notes)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_a_larger_depth_map_is_reduced_without_mixing(tmp_path, dtype):
    places, depth = write_one(tmp_path / "in", (12, 16), (24, 32), dtype)
    made = importing.import_folder(places, tmp_path / "out", settings=MM)
    sample = Folder(tmp_path / "out").read(0)
    small = np.round(sample["depth"][0].numpy() * 1000)
    assert small.shape == (12, 16) and sample["valid"].all()
    assert np.isin(small, depth[depth > 0]).all() and len(np.unique(small)) == small.size
    assert any("none mixed" in note for note in made.notes)


def test_another_shape_is_refused(tmp_path):
    for shape, size in (((24, 32), (24, 24)), ((24, 32), (20, 40)), ((200, 200), (199, 201))):
        places, _ = write_one(tmp_path / f"in{size[1]}", shape, size)
        said = rf"is {size[1]}x{size[0]} .*its image is {shape[1]}x{shape[0]}.*register the depth"
        with pytest.raises(ValueError, match=said):
            importing.import_folder(places, tmp_path / "out", settings=MM)


def test_a_camera_of_another_shape_is_left_out_and_said(some, tmp_path):
    layouts.write_colmap(tmp_path / "in", some[:1])
    cameras = next((tmp_path / "in").rglob("cameras.txt"))
    cameras.write_text("7 PINHOLE 500 240 295 295 250 120\n")
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert layouts.read_rows(tmp_path / "out")[0]["fx"] == ""
    assert any("belongs to a picture of another shape" in note for note in made.notes)


# names


def test_odd_names(tmp_path):
    odd = [
        "NA",
        "a,b",
        "Küche" if os.name == "nt" else unicodedata.normalize("NFD", "Küche"),
        "x" * 200,
        "con",
        "ta\tb",
        "007",
    ]
    for i, name in enumerate(odd):
        for part, array in (("i", np.full((24, 32, 3), i, np.uint8)), ("d", np.full((24, 32), 1000 + i, np.uint16))):
            layouts.save(tmp_path / "in" / part / f"{name}.png", array)
    importing.import_folder(
        [tmp_path / "in/i", tmp_path / "in/d"], tmp_path / "out", settings=Settings(1e-3, scene="frame")
    )
    folder = Folder(tmp_path / "out")
    ids = folder.index["id"].tolist()
    assert {"NA", "a,b", "Küche", "_con", "ta_b", "007"} < set(ids) and max(map(len, ids)) < 130
    for row in range(len(odd)):
        sample = folder.read(row)
        assert round(sample["depth"][0, 0, 0].item() * 1000) - 1000 == sample["image"][0, 0, 0].item()


def test_names_that_clean_alike_stay_apart(tmp_path):
    for i, name in enumerate(("a/b", "a_b")):
        layouts.save(tmp_path / "in/i" / f"{name}.png", np.full((24, 32, 3), i, np.uint8))
        layouts.save(tmp_path / "in/d" / f"{name}.png", np.full((24, 32), 1000 + i, np.uint16))
    importing.import_folder([tmp_path / "in/i", tmp_path / "in/d"], tmp_path / "out", settings=MM)
    folder = Folder(tmp_path / "out")
    assert sorted(folder.index["id"]) == ["a_b", "a_b-2"]
    assert {folder.read(row)["image"].max().item() for row in range(2)} == {0, 1}


# pictures and depth maps of one name


@pytest.mark.parametrize(
    ("image", "depth"),
    [
        ("rgb/1_rgb.png", "depth/1_depth.png"), ("color_1.png", "depth_1.npy"), ("1.png", "1-depth.tiff"),
        ("1.jpg", "1.depth.png"), ("1.jpg", "1.npy"), ("kitchen/image/1.jpg", "kitchen/depth/1.png"),
    ],
)  # fmt: skip
def test_pair_matches_usual_names_in_one_folder(image, depth, tmp_path):
    layouts.save(tmp_path / "in" / image, np.full((24, 32, 3), 9, np.uint8))
    stored = np.full((24, 32), 1500, np.uint16)
    (tmp_path / "in" / depth).parent.mkdir(parents=True, exist_ok=True)
    np.save(tmp_path / "in" / depth, stored) if depth.endswith("npy") else layouts.save(tmp_path / "in" / depth, stored)
    made = importing.import_folder(tmp_path / "in", tmp_path / "out", layout="pair", settings=MM)
    assert made.frames == 1
    assert np.allclose(Folder(tmp_path / "out").read(0)["depth"], 1.5)


def test_pair_takes_equal_names_first_and_mixes_none_up(tmp_path):
    for i, (image, depth) in enumerate((("img_1", "img_1"), ("1", "1"), ("rgb_2", "depth_2"), ("3.5", "3.5_depth"))):
        layouts.save(tmp_path / "i" / f"{image}.png", np.full((24, 32, 3), i, np.uint8))
        layouts.save(tmp_path / "d" / f"{depth}.png", np.full((24, 32), 1000 + i, np.uint16))
    assert importing.import_folder([tmp_path / "i", tmp_path / "d"], tmp_path / "out", settings=MM).frames == 4
    for row in range(4):
        sample = Folder(tmp_path / "out").read(row)
        assert round(sample["depth"][0, 0, 0].item() * 1000) - 1000 == sample["image"][0, 0, 0].item()


def test_pair_says_what_did_not_match(pair, tmp_path):
    next(pair[0].rglob("*.jpg")).unlink()
    made = importing.import_folder(pair, tmp_path / "out", settings=MM)
    assert made.frames == 5
    assert any("1 depth map without the other half left out, the first is" in note for note in made.notes)


def test_pair_needs_a_scale_and_no_factor(pair, tmp_path):
    with pytest.raises(ValueError, match="give --depth-scale"):
        importing.import_folder(pair, tmp_path / "out")
    with pytest.raises(ValueError, match=r"did you mean 1/1000 = 0.001"):
        importing.import_folder(pair, tmp_path / "out", settings=Settings(scale=1000))
    with pytest.raises(ValueError, match="above 0"):
        importing.import_folder(pair, tmp_path / "out", settings=Settings(scale=-1))


def test_pair_explains_why_nothing_matches(tmp_path):
    layouts.save(tmp_path / "i" / "1.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "d").mkdir()
    with pytest.raises(ValueError, match="no depth map in it"):
        importing.import_folder([tmp_path / "i", tmp_path / "d"], tmp_path / "out", settings=MM)
    (tmp_path / "d" / "1.exr").write_bytes(b"\x76\x2f\x31\x01")
    with pytest.raises(ValueError, match=r"depth in \.exr files; expected one of .*np.save"):
        importing.import_folder([tmp_path / "i", tmp_path / "d"], tmp_path / "out", settings=MM)
    layouts.save(tmp_path / "d" / "2.png", np.zeros((4, 4), np.uint16))
    with pytest.raises(ValueError, match=r"none of 1 picture and 1 depth map have one name.*1.png and 2.png"):
        importing.import_folder([tmp_path / "i", tmp_path / "d"], tmp_path / "out", settings=MM)
    layouts.save(tmp_path / "i" / "1.jpg", np.zeros((4, 4, 3), np.uint8))
    layouts.save(tmp_path / "d" / "1.png", np.zeros((4, 4), np.uint16))
    with pytest.raises(ValueError, match=r"have one name .*keep one of them"):
        importing.import_folder([tmp_path / "i", tmp_path / "d"], tmp_path / "out", settings=MM)


def test_pair_folders_called_train_and_test_are_splits(some, tmp_path):
    for split in ("train", "val", "test"):
        layouts.write_pair(tmp_path / "one", some[:2])
        for part in ("images", "depth"):
            shutil.move(tmp_path / "one" / part, tmp_path / "in" / part / split)
    made = importing.import_folder([tmp_path / "in/images", tmp_path / "in/depth"], tmp_path / "out", settings=MM)
    assert made.splits == {"train": 2, "val": 2, "test": 2}
    assert len(data.open("folder", tmp_path / "out", "val")) == 2


def test_pair_flat_folder_is_one_scene_unless_frames_are(some, tmp_path):
    flat = [layouts.View(".", v.kind, v.file, v.image, v.depth) for v in some]
    layouts.write_pair(tmp_path / "in", flat)
    places = [tmp_path / "in/images", tmp_path / "in/depth"]
    made = importing.import_folder(places, tmp_path / "out", settings=MM)
    assert made.scenes == 1 and any("--scene frame" in note for note in made.notes)
    assert importing.import_folder(places, tmp_path / "each", settings=Settings(1e-3, scene="frame")).scenes == 6


def test_pair_formats_that_the_folder_does_not_know_are_written_anew(tmp_path):
    (tmp_path / "in").mkdir()
    picture = np.arange(24 * 32 * 3).reshape(24, 32, 3).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "in" / "1.bmp")
    metres = np.linspace(0.5, 4, 24 * 32).reshape(24, 32).astype(np.float32)
    Image.fromarray(metres).save(tmp_path / "in" / "1_depth.tif")
    importing.import_folder(tmp_path / "in", tmp_path / "out", layout="pair", settings=Settings(scale=1.0))
    sample = Folder(tmp_path / "out").read(0)
    assert np.array_equal(sample["image"].numpy(), picture.transpose(2, 0, 1))
    assert np.array_equal(sample["depth"][0].numpy(), metres)
    assert sorted(path.suffix for path in (tmp_path / "out").glob("*/*")) == [".npy", ".png"]


def test_every_takes_frames_of_each_scene(pair, some, tmp_path):
    each = {}
    for view in some:
        each[view.scene] = each.get(view.scene, 0) + 1
    made = importing.import_folder(pair, tmp_path / "out", settings=MM, every=2)
    assert made.frames == sum(-(-count // 2) for count in each.values()) and made.scenes == len(each)
    with pytest.raises(ValueError, match="every is 0"):
        importing.import_folder(pair, tmp_path / "none", every=0)


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    for number in range(12):
        layouts.save(tmp_path / "i" / f"{number}.png", np.full((24, 32, 3), number, np.uint8))
        layouts.save(tmp_path / "d" / f"{number}.png", np.full((24, 32), 1000, np.uint16))
    importing.import_folder([tmp_path / "i", tmp_path / "d"], tmp_path / "out", settings=MM)
    assert [row["id"] for row in layouts.read_rows(tmp_path / "out")] == [str(number) for number in range(12)]


def test_links_that_lead_in_a_circle_end(pair, tmp_path):
    os.symlink(tmp_path / "in", pair[0] / "again", target_is_directory=True)
    assert importing.import_folder(pair, tmp_path / "out", settings=MM).frames == 6
