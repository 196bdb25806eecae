"""The NYU V2 labelled file: its layout is read right, a cut-down one works, a wrong one is one clear error."""

import pickle
import shutil

import h5py
import numpy as np
import pytest
import torch
from data_fixtures import write_nyu_v2

from depthnb import data
from depthnb.data import transforms
from depthnb.data.readers import nyu_v2
from depthnb.data.splits import SPLITS

N = 6


def synthetic(number):
    """A frame in which every pixel differs from its neighbours, so that a swapped axis cannot pass."""
    y, x = np.mgrid[:480, :640]
    image = np.stack([x % 256, y % 256, (x + y + number) % 256]).astype(np.uint8)
    raw = (1 + x / 640 + y / 240 + 0.1 * number).astype(np.float32)
    filled = raw.copy()
    raw[100:140, 200:300] = 0  # a hole, in-painted in `filled`
    raw[0, 0], filled[1, 1] = np.nan, 0
    return {"image": image, "raw": raw, "filled": filled}


@pytest.fixture(scope="module")
def official():
    return nyu_v2.official_index()


@pytest.fixture(scope="module")
def mat(tmp_path_factory, official):
    """The first six frames of the published order, and their scenes."""
    path = tmp_path_factory.mktemp("nyu") / nyu_v2.FILE
    first = official.iloc[:N]
    return write_nyu_v2(path, [synthetic(i) for i in range(N)], first["scene"].tolist(), first["scene_type"].tolist())


def test_frames_are_read_as_they_were_taken(mat):
    ds = data.open("nyu-v2", mat, "all")
    assert (ds.name, ds.protocol, ds.max_depth, len(ds)) == ("nyu-v2", "nyu-eigen", 10.0, N)
    for i in range(N):
        s, expected = ds[i], synthetic(i)
        assert torch.equal((s["image"] * 255).round().to(torch.uint8), torch.from_numpy(expected["image"]))
        valid = np.isfinite(expected["raw"]) & (expected["raw"] > 0)
        assert torch.equal(s["valid"][0], torch.from_numpy(valid)) and (~s["valid"]).sum() == 4001
        assert torch.equal(s["depth"][0][s["valid"][0]], torch.from_numpy(expected["raw"][valid]))
        assert s["depth"].isfinite().all()


def test_filled_truth_is_named_separately(mat):
    raw, filled = data.open("nyu-v2", mat, "all"), data.open("nyu-v2", mat, "all", truth="filled")
    assert filled.protocol == "nyu-eigen-filled" and filled.fingerprint != raw.fingerprint
    assert filled[2]["valid"].sum() == 480 * 640 - 1
    assert torch.equal(
        filled[2]["depth"][0, 100:140, 200:300], torch.from_numpy(synthetic(2)["filled"][100:140, 200:300])
    )
    assert not torch.equal(
        data.open("nyu-v2", mat, "all", (48, 64)).batch([2])["valid"],
        data.open("nyu-v2", mat, "all", (48, 64), truth="filled").batch([2])["valid"],
    )


def test_intrinsics_are_the_toolbox_s_with_pixels_from_zero(mat):
    K = data.open("nyu-v2", mat, "all")[0]["intrinsics"]
    expected = torch.tensor([[518.857901, 0, 324.582449], [0, 519.469611, 252.736166], [0, 0, 1]])
    assert torch.allclose(K, expected, atol=1e-4)
    small = data.open("nyu-v2", mat, "all", (120, 160))[0]["intrinsics"]
    assert torch.allclose(small, transforms.resize_intrinsics(expected, (480, 640), (120, 160)), atol=1e-4)


def test_scenes_types_ids_and_splits(mat, official):
    ds = data.open("nyu-v2", mat, "all")
    assert ds.frames["scene"].tolist() == official["scene"].tolist()[:N]
    assert ds.frames["scene_type"].tolist() == official["scene_type"].tolist()[:N]
    assert ds.frames["id"].tolist() == ["0001", "0002", "0003", "0004", "0005", "0006"]
    assert (ds.frames["split"] == "test").tolist() == (official["split"] == "test").tolist()[:N]
    assert any("6 of 1449 frames" in note for note in ds.notes)


def test_official_split_is_by_scene_and_validation_is_taken_by_scene(official):
    """All 1449 frames, without the file: 795 and 654, and no scene in two splits."""
    index, notes = nyu_v2._index("file", official["scene"].tolist(), official["scene_type"].tolist())
    counts = index["split"].value_counts()
    assert counts["test"] == 654 and counts["train"] + counts["val"] == 795
    assert (index["split"] == "test").tolist() == (official["split"] == "test").tolist()
    scenes = {part: set(index.loc[index["split"] == part, "scene"]) for part in SPLITS}
    assert len(scenes["train"]) + len(scenes["val"]) == 249 and len(scenes["val"]) == 25 and len(scenes["test"]) == 215
    assert len(set.union(*scenes.values())) == 464
    assert index["scene_type"].nunique() == 27
    assert len(notes) == 2 and "25 of 249" in notes[0]


def test_a_cut_down_or_reordered_file_keeps_each_scene_s_split(tmp_path, official):
    chosen = official.iloc[[1200, 9, 0, 2, 10]]  # 10 and 11 (MATLAB) belong to a validation scene
    path = write_nyu_v2(
        tmp_path / nyu_v2.FILE,
        [synthetic(i) for i in range(5)],
        chosen["scene"].tolist(),
        chosen["scene_type"].tolist(),
    )
    index, _ = nyu_v2._index("file", official["scene"].tolist(), official["scene_type"].tolist())
    split_of = dict(zip(index["scene"], index["split"], strict=True))
    ds = data.open("nyu-v2", path, "all")
    assert ds.frames["split"].tolist() == [split_of[scene] for scene in chosen["scene"]]
    assert set(ds.frames["split"]) == {"train", "val", "test"}
    assert any("not MATLAB indices" in note for note in ds.notes)


def test_found_by_root_file_and_environment(mat, monkeypatch, tmp_path):
    assert len(data.open("nyu-v2", mat.parent, "all")) == N
    monkeypatch.setenv("DEPTHNB_DATA", str(mat.parent))
    assert len(data.open("nyu-v2", None, "all")) == N
    (tmp_path / "nyu-v2").mkdir()
    shutil.copy(mat, tmp_path / "nyu-v2")
    monkeypatch.setenv("DEPTHNB_DATA", str(tmp_path))
    assert data.open("nyu-v2", "", "all").root == tmp_path / "nyu-v2" / nyu_v2.FILE


def test_a_missing_file_is_named_with_page_size_and_place(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        data.open("nyu-v2", tmp_path)
    for words in (str(tmp_path / nyu_v2.FILE), "nyu_depth_v2.html", "2.8 GB", "1449", "DEPTHNB_DATA", "root="):
        assert words in str(error.value)


def refused(path, *words):
    with pytest.raises(ValueError) as error:
        data.open("nyu-v2", path, "all")
    for word in (*words, path.name, "again"):
        assert word in str(error.value), error.value


def test_wrong_files_are_one_clear_error(mat, tmp_path):
    path = tmp_path / nyu_v2.FILE
    path.write_bytes(mat.read_bytes()[: mat.stat().st_size // 2])
    refused(path, "cut short")
    path.write_bytes(b"MATLAB 5.0 MAT-file, Platform: PCWIN64".ljust(256))
    refused(path, "MATLAB v5", "-v7.3")
    path.write_bytes(b"<!DOCTYPE html><html>504 Gateway Time-out</html>")
    refused(path, "not an HDF5", "DOCTYPE")
    path.write_bytes(b"")
    refused(path, "0 bytes")


@pytest.mark.parametrize("key", ["images", "rawDepths", "scenes", "sceneTypes"])
def test_a_missing_field_is_named(mat, tmp_path, key):
    shutil.copy(mat, tmp_path)
    with h5py.File(tmp_path / mat.name, "r+") as file:
        del file[key]
    refused(tmp_path / mat.name, f"field {key} is missing", "found #refs#")


def test_filled_depth_may_be_missing_if_raw_is_wanted(mat, tmp_path):
    shutil.copy(mat, tmp_path)
    with h5py.File(tmp_path / mat.name, "r+") as file:
        del file["depths"]
    assert len(data.open("nyu-v2", tmp_path, "all")) == N
    with pytest.raises(ValueError, match="field depths is missing"):
        data.open("nyu-v2", tmp_path, "all", truth="filled")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("images", np.zeros((N, 480, 640, 3), np.uint8), "expected uint8 (N, 3, 640, 480)"),
        ("rawDepths", np.ones((N, 480, 640), np.float32), "expected float32 (N, 640, 480)"),
        ("rawDepths", np.ones((N, 640, 480), np.uint16), "rawDepths is uint16"),
        ("rawDepths", np.ones((N - 1, 640, 480), np.float32), "frames differ between fields"),
        ("scenes", np.ones((1, N)), "not a cell array"),
    ],
)
def test_a_mis_shaped_field_is_told(mat, tmp_path, key, value, words):
    shutil.copy(mat, tmp_path)
    with h5py.File(tmp_path / mat.name, "r+") as file:
        del file[key]
        file[key] = value
    refused(tmp_path / mat.name, words)


def test_strange_scenes_and_units_are_refused(tmp_path, official):
    scenes, types = official["scene"].tolist()[:1], official["scene_type"].tolist()[:1]
    path = tmp_path / nyu_v2.FILE
    write_nyu_v2(path, [synthetic(0)], ["my_room_01"], ["room"])
    with pytest.raises(ValueError, match=r"'my_room_01'.*data set 'folder'"):
        data.open("nyu-v2", path, "all")
    one = synthetic(0)
    write_nyu_v2(path, [{**one, "raw": one["raw"] * 1000}], scenes, types)
    with pytest.raises(ValueError, match=r"frame 1: rawDepths reaches .*expected metres"):
        data.open("nyu-v2", path, "all")[0]
    write_nyu_v2(path, [synthetic(0)] * 2, scenes, types)
    with pytest.raises(ValueError, match="field scenes has 1 entries for 2 frames"):
        data.open("nyu-v2", path, "all")


def test_damage_inside_is_named_by_frame(mat, tmp_path):
    path = tmp_path / mat.name
    shutil.copy(mat, path)
    with h5py.File(path) as file:
        place = file["images"].id.get_chunk_info(3).byte_offset + 512
    with open(path, "r+b") as handle:
        handle.seek(place)
        handle.write(b"\0" * 300)
    ds = data.open("nyu-v2", path, "all")
    with pytest.raises(ValueError, match=r"images of frame 4 cannot be read.*damaged"):
        ds[3]
    assert ds[2]["id"] == "0003"


@pytest.mark.parametrize(("part", "truth"), [(0.02, "raw"), (0.5, "raw"), (0.8, "filled")])
def test_a_download_that_reserved_its_size_and_stopped_is_told(mat, tmp_path, part, truth):
    """Such a file has its full size, and zeros from some place on."""
    path, whole = tmp_path / mat.name, mat.read_bytes()
    begun = int(part * len(whole))
    path.write_bytes(whole[:begun].ljust(len(whole), b"\0"))
    with pytest.raises(ValueError, match=r"expected .*again from") as error:
        list(data.open("nyu-v2", path, "all", truth=truth))
    assert str(path) in str(error.value)


def test_damage_anywhere_is_one_clear_error(mat, tmp_path):
    """HDF5 answers damage with KeyError, RuntimeError, TypeError and others; where it does no harm, nothing is said."""
    rng, whole = np.random.default_rng(0), mat.read_bytes()
    for number in range(40):
        spoilt = bytearray(whole)
        places = rng.integers(512, 20_000, 20) if number % 2 else rng.integers(len(whole) - 20_000, len(whole), 20)
        for place in places:
            spoilt[place] = rng.integers(256)
        path = tmp_path / str(number) / mat.name  # a new name each, since HDF5 knows a file that it has open
        path.parent.mkdir()
        path.write_bytes(spoilt)
        try:
            list(data.open("nyu-v2", path, "all"))
        except ValueError as error:
            assert str(path) in str(error)
        path.unlink()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "scenes{1} is no array"),
        (np.ones((3, 1)), "scenes{1} is float64 (3, 1)"),
        (np.full((70_000, 1), 97, np.uint16), "scenes{1} is uint16 (70000, 1)"),
        (np.full((3, 1), 0xD800, np.uint16), "scenes{1} is '\\ud800"),
    ],
)
def test_a_cell_that_holds_no_name_is_refused(mat, tmp_path, content, words):
    shutil.copy(mat, tmp_path)
    with h5py.File(tmp_path / mat.name, "r+") as file:
        odd = file.create_group("odd") if content is None else file.create_dataset("odd", data=content)
        file["scenes"][0, 0] = odd.ref
    refused(tmp_path / mat.name, words, "expected characters (uint16)")


def test_one_frame_is_read_not_all(mat):
    """A frame costs its own bytes: the file's arrays are never taken whole."""
    import tracemalloc

    ds = data.open("nyu-v2", mat, "all")
    ds[0]
    tracemalloc.start()
    ds[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    frame = 480 * 640 * (3 + 4)
    assert peak < 4 * frame < N * frame


def test_pickled_copies_open_the_file_anew(mat):
    ds = data.open("nyu-v2", mat, "all")
    before = ds[1]["depth"]
    assert torch.equal(pickle.loads(pickle.dumps(ds))[1]["depth"], before)


@pytest.mark.slow
def test_embedded_frames_in_this_layout(tmp_path, official):
    """Forty embedded frames, resized to 640x480 and written as the .mat, come back as they went in."""
    rooms = data.open("rooms", split="all").subset(40)
    frames, sent = [], []
    for i in range(40):
        s = transforms.resize(rooms[i], (480, 640))
        sent.append(s)
        raw = torch.where(s["valid"], s["depth"], torch.zeros(()))[0].numpy()
        frames.append(
            {"image": (s["image"] * 255).round().to(torch.uint8).numpy(), "raw": raw, "filled": s["depth"][0].numpy()}
        )
    chosen = official.iloc[:40]
    path = write_nyu_v2(tmp_path / nyu_v2.FILE, frames, chosen["scene"].tolist(), chosen["scene_type"].tolist())
    ds = data.open("nyu-v2", path, "all")
    assert len(ds) == 40 and set(ds.frames["split"]) == {"train", "val", "test"}
    for i in (0, 17, 39):
        s = ds[i]
        assert torch.equal(s["valid"], sent[i]["valid"])
        assert torch.equal(s["depth"][s["valid"]], sent[i]["depth"][s["valid"]])
        assert (s["image"] - sent[i]["image"]).abs().max() <= 0.5 / 255 + 1e-6
    batch = data.open("nyu-v2", path, "train", (120, 160)).batch([0, 1])
    assert batch["image"].shape == (2, 3, 120, 160) and batch["valid"].float().mean() > 0.2
    assert 0.1 < batch["depth"][batch["valid"]].min() and batch["depth"][batch["valid"]].max() < 100
