"""The long look of `depthnb check`: each fault is named with its lines, sound data pass, and what is mended stays mended."""

import csv
import shutil

import numpy as np
import pytest
import torch
from data_fixtures import HEADER, write_index
from PIL import Image

from depthnb import data
from depthnb.data import survey
from depthnb.data.inspection import examination, mending, places
from depthnb.data.readers import export, index_csv

SCENES = {"a": "train", "b": "train", "c": "val", "d": "test"}
DECIDED = ("Depth counts up to", "No test split given", "No val split given")  # notes of the reader on what it decided


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))


def write_planes(root):
    """Eight frames of slanted walls, 1.1 to 4 m in steps of 1 mm: planes, so that inverse depth is linear in the picture."""
    rows = []
    for number, scene in enumerate(scene for scene in SCENES for _ in range(2)):
        rng = np.random.default_rng(number)
        v, u = np.mgrid[:24, :32]
        metres = 1 / (0.25 + 0.008 * u + 0.01 * v + 0.02 * rng.random())
        image = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / f"{number}.png")
        Image.fromarray(np.round(1000 * metres).astype(np.uint16)).save(root / f"{number}_depth.png")
        rows.append([f"frame_{number:03d}", scene, "room", SCENES[scene], f"{number}.png", f"{number}_depth.png", "",
                     "0.001", "30", "30", "15.5", "11.5"])  # fmt: skip
    write_index(root, rows)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    write_planes(root)
    return root


def found(root, **options):
    """The findings on a folder beside what its reader decided."""
    return [each for each in data.examine("folder", root, **options)[1] if not each.found.startswith(DECIDED)]


def rows_of(root, name="index.csv"):
    with open(root / name, newline="") as handle:
        return list(csv.reader(handle))[1:]


def change(root, numbers, **cells):
    """Write cells into rows of the index, counted from 0."""
    rows = rows_of(root)
    for number in numbers:
        for column, cell in cells.items():
            rows[number][HEADER.index(column)] = cell
    write_index(root, rows)


def copy_of(name, root, spoil, frames=24):
    """Frames of an embedded set as a folder; spoil(sample) changes each in place."""
    dataset = data.open(name, split="all").subset(frames)
    samples = []
    for sample, split in zip(dataset, dataset.frames["split"], strict=True):
        sample = {**sample, "split": split}
        spoil(sample)
        samples.append(sample)
    export.write(root, samples, depth_scale=0, jpeg_quality=95)
    return root


def test_sound_folders_have_nothing_to_say(root):
    assert found(root) == [] and found(root, every=True) == []


@pytest.mark.parametrize("name", ["rooms", "streets"])
@pytest.mark.slow
def test_the_embedded_frames_have_nothing_to_say(name, tmp_path):
    assert found(copy_of(name, tmp_path / name, lambda sample: None)) == []


def test_places_name_lines_as_an_editor_does():
    assert places([5, 3, 4, 17]) == "index.csv:3-5, 17" and places([2], "x.csv") == "x.csv:2"


# ---- copies


def test_one_picture_in_two_splits_is_wrong_and_the_line_in_train_goes(root):
    shutil.copy(root / "1.png", root / "6.png")  # frame 1 is in train, frame 6 in test
    (finding,) = found(root)
    assert finding.sure and finding.lines == (3, 8) and "'frame_001' in train and 'frame_006' in test" in finding.found
    assert [(mend.line, mend.leaves_out) for mend in finding.mends] == [(3, True)]


def test_a_copy_within_a_split_is_a_note_and_a_frame_with_another_depth_is_nobodys_copy(root):
    for part in ("", "_depth"):
        shutil.copy(root / f"1{part}.png", root / f"2{part}.png")
    (finding,) = found(root)
    assert not finding.sure and finding.lines == (4,) and "'frame_002' of 'frame_001'" in finding.found
    assert finding.mends[0].leaves_out
    write_planes(root)
    shutil.copy(root / "1.png", root / "2.png")
    (finding,) = found(root)
    assert finding.lines == (3, 4) and "share their image file" in finding.found and not finding.mends
    write_planes(root)
    shutil.copy(root / "1_depth.png", root / "2_depth.png")
    (finding,) = found(root)
    assert finding.lines == (3, 4) and "share their depth file" in finding.found and not finding.mends


def test_files_of_one_size_and_one_beginning_are_no_copies(root):
    for number in range(8):
        depth = np.ones((400, 400), np.float32)
        depth[200, 200] += number + 1  # in the middle, beyond what is compared first
        np.save(root / f"{number}.npy", depth)
        Image.fromarray(np.full((400, 400, 3), 20 * number, np.uint8)).save(root / f"{number}.png")
        change(root, [number], depth=f"{number}.npy", depth_scale="1", valid="", fx="", fy="", cx="", cy="")
    assert not any("file with another frame" in each.found for each in found(root))


# ---- geometry


def lengthen(sample):
    K, (height, width) = sample["intrinsics"], sample["depth"].shape[-2:]
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = (u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1]
    sample["depth"] = sample["depth"] * torch.sqrt(x**2 + y**2 + 1)


@pytest.mark.parametrize("name", ["rooms", "streets"])
def test_inverse_depth_is_named_with_and_without_a_camera(name, tmp_path):
    def spoil(sample):
        sample["depth"] = torch.where(sample["valid"], 2000 / sample["depth"], torch.zeros(()))
        sample["intrinsics"] = torch.full((3, 3), torch.nan)  # nobody needs to know the camera

    findings = found(copy_of(name, tmp_path / name, spoil), every=True)
    (finding,) = [each for each in findings if "inverse depth or disparity" in each.found]
    assert not finding.sure and len(finding.lines) >= 5 and "1 / inverse depth" in finding.remedy
    assert not any(mend for each in findings for mend in each.mends), "no scale makes depth of it"


def test_ray_lengths_are_named(tmp_path):
    (finding,) = found(copy_of("rooms", tmp_path / "rays", lengthen, frames=40), every=True)
    assert "length of the ray" in finding.found and "optical axis" in finding.remedy and len(finding.lines) >= 5


def moved(right, down):
    def spoil(sample):
        for key in ("depth", "valid"):
            sample[key] = torch.roll(sample[key], (down, right), (-2, -1))
        valid = sample["valid"]
        valid[:, :down] = False
        valid[:, :, :right] = False

    return spoil


@pytest.mark.parametrize(("name", "right", "down"), [("rooms", 5, 0), ("rooms", 0, 4), ("streets", 6, 0)])
def test_depth_that_is_not_registered_is_named_with_its_shift(name, right, down, tmp_path):
    (finding,) = found(copy_of(name, tmp_path / "moved", moved(right, down), frames=12), every=True)
    parts = [f"{right} pixels left"] * bool(right) + [f"{down} pixels up"] * bool(down)
    assert f"is moved {' and '.join(parts)}." in finding.found and not finding.sure
    assert finding.lines == tuple(range(2, 14))


TURNS = {"upside down": (-2,), "mirrored left to right": (-1,), "turned by 180 degrees": (-2, -1)}


@pytest.mark.parametrize("turn", TURNS)
def test_depth_that_is_turned_is_named(turn, tmp_path):
    def spoil(sample):
        for key in ("depth", "valid"):
            sample[key] = sample[key].flip(TURNS[turn])

    findings = found(copy_of("rooms", tmp_path / "turned", spoil, frames=12), every=True)
    assert [f"when the depth is {turn}." in each.found for each in findings] == [True]


# ---- files


def test_files_that_cannot_be_read_are_named_with_their_lines(root):
    (root / "0.png").write_bytes((root / "0.png").read_bytes()[:60])
    Image.fromarray(np.full((24, 32), 90, np.uint8)).save(root / "2_depth.png")
    Image.fromarray(np.full((24, 32), 80, np.uint8)).save(root / "3_depth.png")
    Image.fromarray(np.full((24, 32), 90, np.uint8)).convert("P").save(root / "4_depth.png")
    Image.fromarray(np.full((24, 32), 90, np.uint8)).save(root / "5_depth.png", format="JPEG")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(root / "6.png", format="JPEG", exif=exif)
    Image.fromarray(np.full((32, 24, 3), 90, np.uint8)).save(root / "7.png")
    findings = found(root)
    words = {(2,): "damaged or cut short", (4, 5): "PNG image of mode L", (6,): "mode P", (7,): "a JPEG image",
             (8,): "EXIF orientation 6", (9,): "turn it by 90 degrees"}  # fmt: skip
    assert {each.lines for each in findings} == set(words) and all(each.sure for each in findings)
    for each in findings:
        assert words[each.lines] in each.found, each
        assert [mend.line for mend in each.mends] == ([2] if each.lines == (2,) else [])


def test_numbers_that_are_no_depth_are_named(root):
    for number in range(8):
        depth = np.full((24, 32), 2.0 + 0.1 * number, np.float32)
        depth[0, 0], depth[1] = (np.nan, 1) if number < 2 else (2, -np.float32(number))
        np.save(root / f"{number}.npy", depth)
        change(root, [number], depth=f"{number}.npy", depth_scale="1", valid="")
    nan, below = found(root)
    assert nan.lines == (2, 3) and "NaN or infinite: in frame 'frame_000' 0.13 % of them" in nan.found
    assert below.lines == (4, 5, 6, 7, 8, 9) and "below 0" in below.found and "OpenGL" in below.remedy
    for number in range(8):
        np.save(root / f"{number}.npy", -np.load(root / f"{number}.npy").clip(1))
    said = " ".join(each.sentence for each in found(root))
    assert "No valid depth in 4 train frames looked at: nothing above 0 and finite is stored." in said


def test_saturated_and_eight_bit_depth_is_named(root):
    for number in range(8):
        stored = np.array(Image.open(root / f"{number}_depth.png"))
        stored[:2] = 65535
        Image.fromarray(stored).save(root / f"{number}_depth.png")
    (finding,) = found(root)
    assert "65535" in finding.found and finding.lines == tuple(range(2, 10)) and not finding.sure
    for number in range(8):
        shades = np.linspace(100, 255 - number, 24 * 32).reshape(24, 32).astype(np.uint16)
        Image.fromarray(shades).save(root / f"{number}_depth.png")
        change(root, [number], depth_scale="0.02")
    assert [each.found for each in found(root) if "no more than 8 bits" in each.found]


def test_all_frames_are_read_only_when_asked_for(root, monkeypatch):
    monkeypatch.setattr(survey, "FRAMES", 1)
    cut(root / "2.png")  # its header is whole
    assert found(root) == []
    told = []
    (finding,) = found(root, every=True, told=lambda *counts: told.append(counts))
    assert finding.lines == (4,) and finding.mends[0].leaves_out
    assert told[0] == (1, 24) and told[-1][1] == 24 and [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(("name", "line"), [("2.png", 4), ("3_depth.png", 5), ("mask.png", 3)])
def test_a_file_that_is_no_picture_is_found_though_its_frame_is_not_read(root, name, line, monkeypatch):
    monkeypatch.setattr(survey, "FRAMES", 1)
    change(root, [1], valid="mask.png")
    Image.fromarray(np.ones((24, 32), bool)).save(root / "mask.png")
    assert found(root) == []
    (root / name).write_text("I am no picture, whatever my name is.\n" * 9)
    (finding,) = found(root)
    assert finding.sure and finding.lines == (line,) and f"{name}: not an image file that can be read" in finding.found
    assert [each.sentence for each in found(root, every=True)] == [finding.sentence]


# ---- the index


def test_every_fault_of_the_index_is_named_at_once_and_the_rest_is_looked_at(root):
    change(root, [0], depth_scale="1000")
    change(root, [1], split="validation")
    change(root, [2], scene="")
    change(root, [3], fx="-3")
    change(root, [4], image="C:\\4.png")
    (root / "5_depth.png").unlink()
    (root / "6.png").write_bytes((root / "6.png").read_bytes()[:50])
    said, findings = data.examine("folder", root)
    words = {(2,): "perhaps 1/1000", (3,): "has split 'validation'", (4,): "scene is empty", (5,): "fx and fy above 0",
             (6,): "relative to index.csv", (7,): "1 file named in index.csv is missing", (8,): "cut"}  # fmt: skip
    assert "more lines left aside" in said
    for lines, word in words.items():
        assert any(lines == each.lines and word in each.found for each in findings), (lines, word, findings)


def test_an_index_without_its_columns_is_the_only_finding(root):
    (root / "index.csv").write_text("a,b\n1,2\n")
    said, (finding,) = data.examine("folder", root)
    assert said == examination.NOTHING and "missing column" in finding.found and finding.sure
    for lost in ("nowhere", "index.fixed.csv"):
        assert data.examine("folder", root / lost)[0] == examination.NOTHING


def test_a_line_with_too_many_cells_is_named_and_left_aside(root):
    text = (root / "index.csv").read_text().splitlines()
    text[3] += ",x"
    (root / "index.csv").write_text("\n".join(text) + "\n")
    (finding,) = found(root)
    assert finding.lines == (4,) and "13 cells" in finding.found


# ---- mending


def fix(root):
    """Examine every frame and write the corrected index; the findings, the changes and the findings on the new one."""
    before = (root / "index.csv").read_bytes()
    findings = found(root, every=True)
    file, changes = mending.mend(root, findings)
    assert (root / "index.csv").read_bytes() == before
    assert file is None or file.name == "index.fixed.csv"
    return findings, changes, found(file, every=True) if file else None


def cut(file):
    file.write_bytes(file.read_bytes()[:60])


def in_centimetres(root):
    for file in root.glob("*_depth.png"):
        Image.fromarray(np.round(np.array(Image.open(file)) / 10).astype(np.uint16)).save(file)
    change(root, range(8), depth_scale="1")


MENDED = {
    "millimetres": (lambda root: change(root, range(8), depth_scale="1"), "depth_scale 1 -> 0.001"),
    "too small": (lambda root: change(root, range(8), depth_scale="0.00001"), "depth_scale 0.00001 -> 0.001"),
    "turned over": (lambda root: change(root, range(8), depth_scale="1000"), "depth_scale 1000 -> 0.001"),
    "comma": (lambda root: change(root, [3], depth_scale="0,001"), "index.csv:5 depth_scale 0,001 -> 0.001"),
    "shares": (lambda root: change(root, range(8), fx="0.9", fy="1.2", cx="0.5", cy="0.5"), "fx 0.9 -> 28.8"),
    "middle": (lambda root: change(root, range(8), fx="0.9", fy="1.2", cx="0.5", cy="0.5"), "cy 0.5 -> 11.5"),
    "centimetres": (lambda root: in_centimetres(root), "depth_scale 1 -> 0.01"),
    "other size": (
        lambda root: change(root, range(8), fx="600", fy="600", cx="319.5", cy="239.5"),
        "fx 600 -> 30: taken for pixels of a picture of 640x480",
    ),
    "torn scene": (lambda root: change(root, [5], split="test"), "index.csv:6 split val -> test"),
    "words": (lambda root: change(root, [4, 5], split="Validation"), "index.csv:6-7 split Validation -> val"),
    "leak": (lambda root: shutil.copy(root / "1.png", root / "6.png"), "index.csv:3 left out"),
    "one file": (lambda root: change(root, [1], image="6.png"), "index.csv:3 left out"),
    "copy": (lambda root: change(root, [3], image="2.png", depth="2_depth.png"), "index.csv:5 left out: a copy of"),
    "missing": (lambda root: (root / "3_depth.png").unlink(), "index.csv:5 left out: 3_depth.png is missing"),
    "damaged": (lambda root: cut(root / "3_depth.png"), "index.csv:5 left out: its file is damaged"),
    "empty": (lambda root: (root / "3.png").write_bytes(b""), "index.csv:5 left out: its file is damaged"),
    "case": (lambda root: (root / "3.png").rename(root / "3.PNG"), "index.csv:5 image 3.png -> 3.PNG"),
    "ids": (lambda root: change(root, [3], id="frame_000"), "index.csv:5 id frame_000 -> frame_000-2"),
    "backslash": (lambda root: change(root, [3], image=".\\3.png"), "image .\\3.png -> ./3.png"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MENDED)
def test_what_can_be_corrected_for_sure_is_and_stays_so(root, kind):
    spoil, words = MENDED[kind]
    spoil(root)
    findings, changes, after = fix(root)
    assert findings and any(words in change for change in changes), changes
    assert after == []
    assert len(data.open("folder", root / "index.fixed.csv", "all", (12, 16))) >= 7


def test_all_at_once(root):
    (root / "0.png").unlink()
    shutil.copy(root / "1.png", root / "6.png")
    change(root, [2, 3, 4, 5, 6, 7], depth_scale="1", fx="0.9", fy="1.2", cx="0.5", cy="0.5")
    text = (root / "index.csv").read_text().splitlines()
    spare = "\n".join(f"{line},kept" for line in text).replace(",kept", ",note", 1)
    (root / "index.csv").write_text("\ufeff" + spare + "\n", encoding="utf-8")
    _, changes, after = fix(root)
    assert after == [] and len(changes) >= 6
    with open(root / "index.fixed.csv", newline="") as handle:
        header, *rows = csv.reader(handle)
    assert header == [*HEADER, "note"] and len(rows) == 6 and all(row[-1] == "kept" for row in rows)


def test_only_lines_that_are_wrong_are_touched(root):
    change(root, [6, 7], depth_scale="1")  # the test split alone is in another unit
    _, changes, after = fix(root)
    assert changes == [change for change in changes if change.startswith("index.csv:8-9 depth_scale 1 -> 0.001")]
    assert len(changes) == 1 and after == []


def test_centimetres_and_millimetres_that_both_make_sense_are_left_to_a_person(root):
    for number in range(8):
        depth = np.linspace(400, 3000, 24 * 32).reshape(24, 32).astype(np.uint16)
        Image.fromarray(depth + np.uint16(number)).save(root / f"{number}_depth.png")
    change(root, range(8), depth_scale="1", valid="")
    findings, changes, after = fix(root)
    assert "times 0.001 it would be" in findings[0].found and "times 0.01 it would be" in findings[0].found
    assert changes == [] and after is None


def test_nothing_is_written_over(root):
    (root / "3.png").unlink()
    findings = found(root, every=True)
    (root / "index.fixed.csv").write_text("mine")
    with pytest.raises(FileExistsError, match=r"index\.fixed\.csv is there already"):
        mending.mend(root, findings)
    assert (root / "index.fixed.csv").read_text() == "mine"
    (root / "index.fixed.csv").unlink()
    assert mending.mend(root, findings) == mending.mend(root, findings)


def test_an_index_of_which_nothing_would_be_left_is_not_written(root):
    for file in root.glob("*_depth.png"):
        file.unlink()
    with pytest.raises(ValueError, match="no line would be left"):
        mending.mend(root, found(root, every=True))
    assert not (root / "index.fixed.csv").exists()


def test_another_index_of_the_folder_opens_by_its_name(root):
    write_index(root, rows_of(root)[:4])
    (root / "index.csv").rename(root / "half.csv")
    assert len(data.open("folder", root / "half.csv", "all")) == 4
    assert index_csv.index_file(root) == root / "index.csv"


def test_the_same_change_of_many_cells_is_said_once(root):
    (root / "deep").mkdir()
    for number in range(8):
        shutil.move(root / f"{number}.png", root / "deep" / f"{number}.png")
        change(root, [number], image=f"deep\\{number}.png")
    _, changes, after = fix(root)
    assert len(changes) == 1 and changes[0].startswith("index.csv:2-9 image, 8 different cells: ")
    assert "the first is image deep\\0.png -> deep/0.png" in changes[0] and after == []


def test_exchanged_camera_columns_are_seen_and_put_back(root):
    change(root, range(8), fx="15.5", fy="11.5", cx="30", cy="30")
    (finding,) = [each for each in found(root) if each.sure]
    assert "fx,fy and cx,cy look exchanged" in finding.sentence
    _, changes, after = fix(root)
    assert after == [] and all("taken for exchanged" in each for each in changes)
    assert [row[8:12] for row in rows_of(root, "index.fixed.csv")] == [["30", "30", "15.5", "11.5"]] * 8


def test_a_scale_above_one_that_nobody_writes_is_left_to_a_person(root):
    change(root, range(8), depth_scale="2")
    findings, changes, _ = fix(root)
    assert not changes and any("perhaps 1/2 = 0.5 is meant" in each.sentence for each in findings)


def test_no_mend_empties_the_test_split(root):
    change(root, [4, 5], scene="d")  # of val
    change(root, [0, 1, 2], scene="d")  # of train: most frames of the only test scene
    findings, changes, _ = fix(root)
    assert any("is in the splits" in each.found and not each.mends for each in findings) and not changes
