"""What is looked at before anything is trained: nonsense is refused, what may be right is a note, sound data pass."""

import shutil

import numpy as np
import pytest
import torch
from data_fixtures import HEADER, Memory, write_index
from PIL import Image

from depthnb import data, evaluation, losses, models, training
from depthnb.data import inspection, statistics
from depthnb.data import survey as surveying
from depthnb.data.readers import pixels
from depthnb.data.readers.folder import Folder
from depthnb.data.sample import Dataset

SPLITS = {"a": "train", "b": "train", "c": "val", "d": "test"}
CAMERA = ["30", "30", "15.5", "11.5"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def make(tmp_path):
    """make(change): a folder of eight slanted walls of 1 to 5 m; change(row, metres, number) may spoil both in place."""

    def folder(change=None, *, name="set", unit=0.001, suffix="png", dtype=np.uint16):
        root = tmp_path / name
        root.mkdir()
        rows = []
        for number in range(8):
            rng = np.random.default_rng(number)
            scene = "abcd"[number // 2]
            image = rng.integers(0, 255, (24, 32, 3), np.uint8)
            metres = 1 + 4 * np.linspace(0, 1, 24 * 32).reshape(24, 32) * rng.uniform(0.6, 1)
            row = dict(zip(HEADER, [f"f{number}", scene, "room", SPLITS[scene], f"{number}.png", f"{number}_d.{suffix}",
                                    "", str(unit), *CAMERA], strict=True))  # fmt: skip
            if change:
                change(row, metres, number)
            Image.fromarray(image).save(root / f"{number}.png")
            if suffix == "png":
                Image.fromarray(np.round(metres / float(row["depth_scale"])).astype(dtype)).save(root / row["depth"])
            else:
                np.save(root / row["depth"], (metres / unit).astype(np.float32))
            rows.append(list(row.values()))
        write_index(root, rows)
        return root

    return folder


def notes(root, size=None):
    """Notes of a folder beside the one on its range."""
    return data.open("folder", root, size=size).notes[1:]


def test_sound_data_have_nothing_to_say(make):
    assert notes(make()) == () and notes(make(name="npy", unit=1.0, suffix="npy")) == ()
    for name in ("rooms", "streets"):
        findings = inspection.inspect(data.open(name)._source)
        assert [finding.sure for finding in findings] == {"rooms": [], "streets": [False]}[name]
    assert "1.7 % lies beyond 80 m. It does not count, neither in training nor in scores." in findings[0].sentence


@pytest.mark.parametrize(("unit", "hint"), [(1.0, "times 0.001"), (1e-6, "times 1000"), (1e-5, "times 100")])
def test_units_that_put_everything_out_of_range_are_refused(make, unit, hint):
    root = make()
    text = (root / "index.csv").read_text().replace(",0.001,", f",{unit:f},")
    (root / "index.csv").write_text(text)
    for split in ("train", "val", "test"):
        with pytest.raises(ValueError, match=rf"depth_scale in index\.csv; {hint} it would be 1.* m") as error:
            data.open("folder", root, split)
        assert str(root) in str(error.value) and "outside of 0.1 to" in str(error.value)


def test_metres_in_npy_with_the_scale_of_millimetres_are_refused(make):
    root = make(unit=1.0, suffix="npy")
    (root / "index.csv").write_text((root / "index.csv").read_text().replace(",1.0,", ",0.001,"))
    with pytest.raises(
        ValueError, match=r"100 % of the depth in 4 train frames .*depth_scale in index\.csv; times 1000"
    ):
        data.open("folder", root)


def test_one_split_in_another_unit_is_refused_whichever_is_opened(make):
    root = make(lambda row, metres, number: row.update(depth_scale="1") if number > 5 else None)
    text = (root / "index.csv").read_text()
    for number in (6, 7):  # millimetres, as the others, under scale 1
        Image.fromarray(np.arange(2000, 2000 + 24 * 32, dtype=np.uint16).reshape(24, 32)).save(root / f"{number}_d.png")
    assert text.count(",1,") == 2
    with pytest.raises(ValueError, match="depth in 2 test frames"):
        data.open("folder", root, "train")


def test_a_doubtful_unit_and_one_odd_frame_are_notes(make):
    (note,) = notes(make(lambda row, metres, number: np.multiply(metres, 0.05, out=metres), unit=0.0001))
    assert "lies within 0.1 m" in note and "Is the unit right?" in note and "depth_scale" in note
    odd = make(
        lambda row, metres, number: row.update(depth_scale="0.00001") if number == 2 else None, name="odd", unit=0.0001
    )
    Image.fromarray(np.arange(24600, 24600 + 24 * 32, dtype=np.uint16).reshape(24, 32)).save(odd / "1_d.png")
    (odd / "index.csv").write_text((odd / "index.csv").read_text().replace("1_d.png,,0.0001", "1_d.png,,0.01"))
    assert any("depth of frame 'f1' is about 250 m" in note and "one unit?" in note for note in notes(odd))


@pytest.mark.parametrize("factor", [10, 100], ids=["decimetres", "centimetres"])
def test_a_room_whose_nearest_point_is_far_away_is_a_note(make, factor):
    root = make(lambda row, metres, number: np.multiply(metres, factor, out=metres), name=f"far{factor}", unit=0.01)
    (note,) = notes(root)
    assert "Is the unit right?" in note
    assert f"Nothing in 8 frames looked at is nearer than {factor}" in note or "38 % lies beyond 300 m" in note


def test_whole_metres_far_away_are_centimetres_of_a_room(make):
    def change(row, metres, number):
        row.update(depth_scale="1")
        metres *= 60 if row["id"] != "f0" else 12  # one frame shows what is near

    root = make(change)
    words = (
        r"whole metres, from .* too far for a room .*; times 0\.01 it would be .* \(centimetres, depth_scale 0\.01\)\."
    )
    with pytest.raises(ValueError, match=words):
        data.open("folder", root)
    (finding,) = inspection.inspect(Folder(root))
    assert [mend.line for mend in finding.mends] == list(range(2, 10)) == list(finding.lines)


LIKELY = {
    "cm as m": (100, 1.0, "npy", "centimetres (with depth_scale 0.01"),
    "cm as mm": (0.1, 0.001, "png", "centimetres (with depth_scale 0.01"),
    "mm as cm": (10, 0.01, "png", "millimetres (with depth_scale 0.001"),
}


@pytest.mark.parametrize("kind", LIKELY)
def test_the_likely_unit_of_doubtful_depth_is_named(make, kind):
    factor, unit, suffix, words = LIKELY[kind]
    (note,) = notes(make(lambda row, metres, number: np.multiply(metres, factor, out=metres), unit=unit, suffix=suffix))
    assert "Is the unit right?" in note and f"Perhaps the stored numbers are {words} it would be 1" in note
    assert " or " not in note.partition("Perhaps")[2]


def test_whole_metres_of_a_street_are_no_centimetres(make):
    def change(row, metres, number):
        row.update(depth_scale="1")
        metres *= 14  # 14 to 70 m

    assert not any("whole metres" in note for note in notes(make(change)))


def test_two_splits_of_other_units_are_a_note(make):
    """Ten times the depth of the other splits lies within the range, so nothing else tells."""

    def change(row, metres, number):
        np.multiply(metres, 0.12 if row["split"] == "test" else 1.0, out=metres)

    (note,) = notes(make(change))
    assert "that of the" in note and "the test split lies below 0." in note and "Have both one unit?" in note


IMPOSSIBLE = {
    "divided by the size": (["0.9375", "1.25", "0.492", "0.489"], "multiply fx and cx by the width"),
    "of a larger picture": (["600", "600", "319.5", "239.5"], "look like those of a picture of 640x480"),
    "exchanged": (["30", "30", "11.5", "28"], r"principal point \(cx, cy\) lies outside"),
    "negative": (["30", "30", "-2", "11.5"], r"principal point \(cx, cy\) lies outside"),
    "one wide angle": (["1.2", "30", "15.5", "11.5"], "it would see 171 x 44 degrees"),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_an_impossible_camera_is_refused_at_once(make, kind):
    cells, words = IMPOSSIBLE[kind]
    root = make(lambda row, metres, number: row.update(zip(("fx", "fy", "cx", "cy"), cells, strict=True)))
    with pytest.raises(
        ValueError, match=rf"intrinsics of frame 'f0' cannot be right, fx .* picture of 32x24 .*{words}"
    ):
        data.open("folder", root)


def test_an_impossible_camera_that_was_not_looked_at_is_found_when_its_frame_is_read(make, monkeypatch):
    monkeypatch.setattr(surveying, "FRAMES", 1)
    root = make(lambda row, metres, number: row.update(cx="320") if number == 2 else None)
    assert len(data.open("folder", root)) == 4
    for use in (lambda: data.open("folder", root)[2], lambda: data.open("folder", root, size=(12, 16))):
        with pytest.raises(ValueError, match="intrinsics of frame 'f2' cannot be right"):
            use()


def test_unusual_cameras_are_a_note_and_unknown_ones_are_not(make):
    (note,) = notes(make(lambda row, metres, number: row.update(cx="2")))
    assert "cameras of 8 of 8 frames" in note and "frame 'f0'" in note
    for cells in (
        ("15", "15", "7.75", "5.75"),
        ("30", "30", "11.5", "15.5"),
    ):  # of half the picture; cx and cy exchanged
        camera = dict(zip(("fx", "fy", "cx", "cy"), cells, strict=True))
        root = make(lambda row, metres, number, camera=camera: row.update(camera), name=f"aside{cells[2]}")
        assert "cameras of 8 of 8 frames" in notes(root)[0]
    assert notes(make(lambda row, *_: row.update(dict.fromkeys(("fx", "fy", "cx", "cy"), "")), name="none")) == ()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("60", "60", "31.5", "23.5"), "64x48, 2 times this size"),
        (("15", "15", "7.25", "5.25"), "16x12, 0.5 times this size"),
        (("64", "64", "34", "25"), "64x48, 2 times this size"),
    ],
    ids=["twice", "half", "twice, outside"],
)
def test_cameras_of_a_picture_of_another_size_name_it(make, cells, words):
    root = make(lambda row, *_: row.update(zip(("fx", "fy", "cx", "cy"), cells, strict=True)))
    finding = next(each for each in data.examine("folder", root)[1] if "intrinsics" in each.sentence)
    assert f"a picture of {words}" in finding.sentence and finding.lines == tuple(range(2, 10))
    assert f"would be fx {float(cells[0]) / float(words.split()[1]):g}, " in finding.sentence


def masked(root, part, value):
    """Give the frames of a split a mask of one value."""
    Image.fromarray(np.full((24, 32), value, bool)).save(root / "mask.png")
    lines = (root / "index.csv").read_text().splitlines()
    lines = [line.replace("_d.png,,", "_d.png,mask.png,") if f",{part}," in line else line for line in lines]
    (root / "index.csv").write_text("\n".join(lines))
    return root


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_split_whose_masks_leave_nothing_is_named_and_cannot_be_trained_on(make, part):
    root = masked(make(), part, False)
    (note,) = notes(root)
    assert f"{part} frames looked at" in note and "the mask leaves out all depth" in note and "upside down" in note
    with pytest.raises(ValueError, match=rf"no pixel of the {part} split of folder has valid depth \(only 0 .* masks"):
        data.open("folder", root, "all", (12, 16))
    assert notes(masked(make(name="whole"), part, True)) == ()


def test_a_mask_that_leaves_nearly_nothing_is_named(make):
    root = masked(make(), "train", False)
    mask = np.zeros((24, 32), bool)
    mask[3, 4] = True
    Image.fromarray(mask).save(root / "mask.png")
    assert "the mask leaves out 99.87 % of the depth" in notes(root)[0] and notes(root, (12, 16)) == notes(root)


def test_a_split_that_lies_out_of_range_though_the_looked_at_frames_do_not(make, monkeypatch):
    source = Memory()
    source.protocol = "streets"  # 1 to 80 m
    monkeypatch.setattr(
        Memory, "read", lambda self, row, read=Memory.read: far(read(self, row)) if row == 5 else read(self, row)
    )
    assert len(Dataset(source, "train", (12, 16))) == 4
    with pytest.raises(ValueError, match=r"no pixel of the test split .*outside of the range of protocol streets"):
        Dataset(source, "test", (12, 16))


def far(sample):
    return {**sample, "depth": sample["depth"] + 100}


def test_the_same_picture_in_two_splits_is_a_note(make):
    root = make()
    shutil.copy(root / "1.png", root / "6.png")
    (note,) = notes(root)
    assert "'f6' in test and 'f1' in train" in note and "1 such pair found" in note


def test_one_depth_map_under_many_names_is_a_note(make):
    def change(row, metres, number):
        if number in same:
            metres[:] = 2 + np.linspace(0, 1, metres.size).reshape(metres.shape)

    same = {1, 2, 4, 7}
    (note,) = notes(make(change))
    assert note.startswith("4 of 8 frames looked at have the same depth, 'f1' and 'f2' among them")
    same = {1, 2, 4}  # a camera that stood still for a while
    assert not notes(make(change, name="fewer"))


FILLERS = {"saturated": (65.535, 0.001, "png"), "sky in cm": (655.35, 0.01, "png"), "sky": (10000.0, 1.0, "npy"),
           "clipped": (10.0, 1.0, "npy"), "nothing is 1e9": (1e9, 1.0, "npy")}  # fmt: skip


@pytest.mark.parametrize("rows", [1, 12])
@pytest.mark.parametrize("kind", FILLERS)
def test_what_stands_for_nothing_there_counts_nowhere(make, kind, rows):
    """Loss, opponents, statistics and range equal those of the same folder with 0 in its place."""
    value, unit, suffix = FILLERS[kind]

    def numbers(stored):
        def change(row, metres, number):
            metres[:rows] = stored

        root = make(change, name=f"set{stored}", unit=unit, suffix=suffix)
        train, test = (data.open("folder", root, split, (24, 32)) for split in ("train", "test"))
        torch.manual_seed(0)
        net = models.BNCNN(width=2, depth=1)
        optimizer = torch.optim.Adam(net.parameters(), 1e-2)
        history = training.fit(net, train, loss=losses.l1, optimizer=optimizer, epochs=1, batch_size=4, progress=False)
        opponents = [each.summary["abs_rel"] for each in evaluation.baselines(train, test).values()]
        row = statistics.summary(train)
        valid = torch.stack([frame["valid"] for frame in train.native()])
        return [history.rows[0]["train_loss"], *opponents, train.max_depth, int(valid.sum()), row], train.notes

    (right, _), (found, said) = numbers(0), numbers(value)
    assert found == right and found[3] == 10
    if suffix == "npy":  # a PNG's 65535 is left out by the reader
        assert any(f"{100 * rows / 24:.2g}"[:2] in note and "beyond 10 m" in note for note in said), said


def test_a_repeated_largest_value_is_named(make):
    def change(row, metres, number):
        metres[:12] = 10000.0

    assert any("The largest depth, 10000 m, repeats in 50 %" in note and "does not count" in note
               for note in notes(make(change, unit=1.0, suffix="npy")))  # fmt: skip

    def nearer(row, metres, number):
        metres[:2] = 9.0

    (note,) = notes(make(nearer, name="nearer"))
    assert (
        "The largest depth, 9 m, repeats in 8.3 %" in note
        and "counts as depth; if it stands for 'nothing there'" in note
    )


def test_a_filler_among_the_largest_depths_is_named_and_says_nothing_about_the_unit(make):
    """10 m where depth goes to 9.5 m and, in one frame, beyond: no gap tells, but that most frames end with it."""

    def change(row, metres, number):
        metres *= 1.9 if number else 2.3
        metres[:4] = 10.0

    said = notes(make(change))
    assert any("The largest depth, 10 m, repeats in" in note and "does not count" in note for note in said)
    assert not any("Is the unit right?" in note for note in said)

    def wall(row, metres, number):
        metres *= 1.9
        if number < 3:
            metres[:4] = 9.8

    assert notes(make(wall, name="wall")) == ()


def test_a_wall_at_the_end_is_no_filler():
    depths = np.concatenate([np.linspace(1, 8, 500), np.full(200, 8.5)]).astype(np.float32)
    sample = {"depth": torch.from_numpy(depths)[None, None], "valid": torch.ones(1, 1, 700, dtype=torch.bool),
              "intrinsics": torch.eye(3)}  # fmt: skip
    lists = {name: [] for name in surveying.Survey.__dataclass_fields__}
    surveying._note_frame(lists, 0, sample)
    arrays = {name: np.concatenate(v) if name in ("depths", "owner") else np.array(v) for name, v in lists.items()}
    assert surveying.Survey(**arrays).fillers() == {}


def test_both_ends_of_the_range_are_open_at_any_size():
    source = Memory()
    read = source.read
    row = torch.linspace(0, 12, 32).repeat(24, 1)[None]
    row[0, 0, :3] = torch.tensor([0.1, 10.0, 9.999])
    source.read = lambda number: {**read(number), "depth": row, "valid": torch.ones(1, 24, 32, dtype=torch.bool)}
    expected = (row > 0.1) & (row < 10)
    assert torch.equal(Dataset(source, "train")[0]["valid"], expected) and not expected[0, 0, 1]
    source.fingerprint = "open ends"
    sized = Dataset(source, "train", (24, 32))
    assert torch.equal(sized[0]["valid"], expected) and torch.equal(sized.batch([0])["valid"][0], expected)
    assert (sized[0]["depth"][expected] < 10).all() and sized.valid_share == pytest.approx(expected.float().mean())
    half = Dataset(source, "train", (12, 16))[0]
    assert half["valid"].sum() > 0 and (half["depth"][half["valid"]] < 10).all(), "masked before it is made smaller"


def test_frames_are_looked_at_once(make, cache, monkeypatch):
    root = make()
    before = data.open("folder", root, size=(12, 16)).notes
    monkeypatch.setattr(surveying, "_SURVEYS", {})  # as in another process

    def never(source):
        raise AssertionError("looked at again")

    read_frames = surveying._read_frames
    monkeypatch.setattr(surveying, "_read_frames", never)
    assert data.open("folder", root, "val", (12, 16)).notes == before and len(list(cache.glob("*-survey-*.npz"))) == 1
    for file in cache.glob("*-survey-*.npz"):
        file.write_bytes(b"rubbish")
    monkeypatch.setattr(surveying, "_SURVEYS", {})
    monkeypatch.setattr(surveying, "_read_frames", read_frames)
    assert data.open("folder", root).notes == before


def test_a_cache_that_cannot_be_written_does_no_harm_at_native_size(make, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "file"))
    assert len(data.open("folder", make())) == 4


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", ">i8"])
def test_the_largest_number_of_16_bits_is_no_depth_however_it_is_stored(tmp_path, dtype):
    np.save(tmp_path / "depth.npy", np.array([[1000, 65535], [0, 2000]], dtype))
    depth, valid = pixels.read_depth(tmp_path / "depth.npy", 0.001)
    assert valid.tolist() == [[[True, False], [False, True]]]
    assert depth[valid].tolist() == pytest.approx([1.0, 2.0])


def test_wider_integers_go_beyond_16_bits(tmp_path):
    np.save(tmp_path / "depth.npy", np.array([[65535, 100000]], np.int32))
    assert pixels.read_depth(tmp_path / "depth.npy", 0.0001)[1].all()
