"""DIODE: its layout, splits and masks, whether its depth is z, and what is said when files are wrong."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from real_layouts import photograph, png, write_diode

from depthnb import data
from depthnb.data import planarity
from depthnb.data.readers import diode, export
from depthnb.data.splits import rank_scenes

SMALL = (48, 64)
NAMES = ("diode", "diode-indoors", "diode-outdoor")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The published size would make 10 MB a frame; `test_a_frame_as_published` has it."""
    monkeypatch.setattr(diode, "SIZE", SMALL)


@pytest.fixture
def root(tmp_path):
    for scene in range(4):
        write_diode(tmp_path, "train", "indoors", scene, 10 + scene, 3)
        write_diode(tmp_path, "train", "outdoor", 7 + scene, 82 + scene, 2)
    write_diode(tmp_path, "val", "indoors", 19, 183, 4)
    write_diode(tmp_path, "val", "outdoor", 22, 193, 5)
    return tmp_path


def test_a_frame_as_published(tmp_path, monkeypatch):
    monkeypatch.setattr(diode, "SIZE", (768, 1024))
    (stem,) = write_diode(tmp_path, "val", "indoors", 19, 183, 1, size=(768, 1024))
    sample = data.open("diode-indoors", tmp_path, "test")[0]
    assert sample["id"] == "00019_00183_indoors_000_000" and sample["scene"] == "scene_00019"
    assert sample["image"].shape == (3, 768, 1024) and sample["depth"].shape == (1, 768, 1024)
    stored, mask = np.load(f"{stem}_depth.npy"), np.load(f"{stem}_depth_mask.npy")
    assert stored.shape == (768, 1024, 1) and mask.dtype == np.float64
    assert not np.isfinite(stored).all() and np.nanmin(stored) < 0, "nonsense is stored under mask 0"
    assert np.array_equal(sample["valid"][0], mask == 1)
    assert torch.equal(sample["depth"][0][mask == 1], torch.from_numpy(stored[..., 0][mask == 1]))
    assert sample["depth"].isfinite().all() and sample["depth"][sample["valid"]].max() < 10
    K = sample["intrinsics"]
    across = 2 * np.degrees(np.arctan([1024 / 2 / K[0, 0], 768 / 2 / K[1, 1]]))
    assert np.allclose(across, [60, 45], atol=1e-3), "the technical report's angles, of an image from edge to edge"
    assert K[:2, 2].tolist() == [(1024 - 1) / 2, (768 - 1) / 2]


@pytest.mark.parametrize(
    ("name", "counts", "protocol"),
    [
        ("diode", {"train": 15, "val": 5, "test": 9}, "diode"),
        ("diode-indoors", {"train": 9, "val": 3, "test": 4}, "diode-indoors"),
        ("diode-outdoor", {"train": 6, "val": 2, "test": 5}, "diode"),
    ],
)
def test_the_official_validation_set_is_the_test_split(root, name, counts, protocol):
    ds = data.open(name, root, "all")
    assert (ds.name, ds.protocol, ds.split_counts) == (name, protocol, counts)
    assert set(data.open(name, root, "test").frames["scene"]) <= {"scene_00019", "scene_00022"}
    assert (ds.frames.groupby("scene")["split"].nunique() == 1).all() and ds.frames["id"].is_unique
    kinds = set(ds.frames["scene_type"])
    assert kinds == ({"indoors", "outdoor"} if name == "diode" else {name.partition("-")[2]})
    for kind, frames, published in (("indoors", 4, 325), ("outdoor", 5, 446)):
        said = [note for note in ds.notes if f"{kind}: the official validation set serves as test" in note]
        assert len(said) == (kind in kinds)
        assert all(f"; {frames} of its {published} frames are here" in note for note in said)


def test_validation_scenes_are_the_same_in_both_and_in_one_kind(root):
    val = {name: set(data.open(name, root, "val").frames["scene"]) for name in NAMES}
    assert val["diode"] == val["diode-indoors"] | val["diode-outdoor"]
    assert val["diode-indoors"] == {rank_scenes([f"scene_{i:05d}" for i in range(4)])[0]}


def test_the_published_counts():
    scans = pd.read_csv(diode.clone_data("splits", "diode_val_scans.csv"))
    assert scans.groupby("kind")["frames"].sum().to_dict() == {"indoors": 325, "outdoor": 446}
    assert len(scans) == 20 and scans["scan"].is_unique and scans.groupby("kind")["scene"].nunique().tolist() == [3, 3]


@pytest.mark.parametrize("kind", ["f4", "f8", "u1", "?", "i8"])
@pytest.mark.parametrize("axis", [(), (1,)])
def test_masks_of_any_type(root, kind, axis):
    ds = data.open("diode", root, "all")
    path = root / f"{ds._source.index['path'][0]}_depth_mask.npy"
    before = ds[0]["valid"]
    np.save(path, np.load(path).astype(kind).reshape(*SMALL, *axis))
    assert torch.equal(ds[0]["valid"], before) and 0.5 < before.float().mean() < 0.95


def test_what_is_measured_but_cannot_be_is_not_valid(root):
    """Under mask 1: zeros, what is not finite, and what lies beyond the scanner's range."""
    ds = data.open("diode", root, "all")
    stem = root / ds._source.index["path"][0]
    depth = np.load(f"{stem}_depth.npy")
    np.save(f"{stem}_depth_mask.npy", np.ones(SMALL))
    depth[:, :, 0] = 3.0
    depth[0, :6, 0] = [0, -1, np.nan, np.inf, 351, 349]
    np.save(f"{stem}_depth.npy", depth)
    sample = ds[0]
    assert sample["valid"][0, 0, :7].tolist() == [False] * 5 + [True] * 2 and sample["valid"].sum() == 48 * 64 - 5
    assert sample["depth"].isfinite().all()


def damage(end, content):
    def spoil(stem):
        stem.with_name(stem.name + end).write_bytes(content)

    return spoil


def store(end, array):
    def spoil(stem):
        np.save(stem.with_name(stem.name + end), array)

    return spoil


def cut(end):
    def spoil(stem):
        path = stem.with_name(stem.name + end)
        path.write_bytes(path.read_bytes()[:-100])

    return spoil


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (cut("_depth.npy"), "_depth.npy: not a .npy array that can be read .*cut short"),
        (cut("_depth_mask.npy"), "_depth_mask.npy: not a .npy array"),
        (damage("_depth.npy", b""), "_depth.npy: not a .npy array"),
        (damage("_depth.npy", b"PK\x03\x04 cut"), "_depth.npy: not a .npy array .*renamed .npz; unpack the archive"),
        (damage("_depth.npy", b"<html>404</html>"), "_depth.npy: not a .npy array"),
        (store("_depth.npy", np.ones((*SMALL, 1))), r"float64 \(48, 64, 1\); expected float32"),
        (store("_depth.npy", np.ones((64, 48), np.float32)), r"float32 \(64, 48\); expected float32 \(48, 64, 1\)"),
        (store("_depth_mask.npy", np.ones((24, 32))), r"float64 \(24, 32\); expected numbers"),
        (store("_depth_mask.npy", np.full(SMALL, "yes")), "expected numbers"),
        (store("_depth_mask.npy", np.full(SMALL, 255.0)), r"values \[255.0\]; expected 0 and 1"),
        (store("_depth.npy", np.full(SMALL, 2500, np.float32)), "median depth under the mask is 2500; expected metres"),
        (damage(".png", png(photograph(0, 40, 64))), r"64x40 \(width x height\); expected 64x48"),
        (damage(".png", b"PNG"), "not an image file"),
    ],
)
def test_wrong_files_are_named(root, spoil, words):
    ds = data.open("diode", root, "all")
    stem = root / ds._source.index["path"][1]
    spoil(stem)
    with pytest.raises(ValueError, match=words) as error:
        ds[1]
    assert str(stem) in str(error.value)
    assert ds[0]["id"] != stem.name, "the other frames can be read"


@pytest.mark.parametrize("end", ["_depth.npy", "_depth_mask.npy"])
def test_missing_files_are_counted(root, end):
    stem = root / data.open("diode", root, "all")._source.index["path"][1]
    stem.with_name(stem.name + end).unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"1 of 3 depth ma\w+ are missing, the first is {stem.name}{end}. Unpack"
    ):
        data.open("diode", root)
    assert len(data.open("diode-outdoor", root)) == 6


def test_missing_data_says_where_to_get_it(tmp_path, root, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=r"diode not found .*nowhere for val or train.*diode-dataset.org.*2.6 GB"
    ):
        data.open("diode-indoors", tmp_path / "nowhere")
    (tmp_path / "empty" / "val").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"no frame of DIODE \(outdoor\).*<train\|val>/outdoor/scene_"):
        data.open("diode-outdoor", tmp_path / "empty")
    monkeypatch.setenv("DEPTHNB_DATA", str(root.parent))
    (root.parent / "diode").symlink_to(root)
    assert len(data.open("diode", split="test")) == 9


def test_the_validation_archive_alone_can_be_tested_on(tmp_path):
    write_diode(tmp_path, "val", "indoors", 19, 183, 4)
    ds = data.open("diode-indoors", tmp_path, "test")
    assert len(ds) == 4 and any("4 of its 325 frames" in note for note in ds.notes)
    with pytest.raises(ValueError, match=r"no train frames.*train/indoors is not here.*81 GB"):
        data.open("diode-indoors", tmp_path, "train")


def test_a_scene_in_both_folders_is_refused(root):
    write_diode(root, "train", "indoors", 19, 183, 1)
    with pytest.raises(ValueError, match="scene_00019 is in train/indoors and in val/indoors"):
        data.open("diode", root)


def test_opening_reads_no_file_hidden_ones_are_passed_over_and_copies_read(root, monkeypatch):
    scan = root / "val/indoors/scene_00019/scan_00183"
    (scan / "._00019_00183_indoors_000_000.png").write_bytes(b"")
    (root / "train" / ".DS_Store").write_bytes(b"")
    monkeypatch.setattr(diode, "read_image", None)
    monkeypatch.setattr(diode, "read_npy", None)
    ds = data.open("diode", root, "test", None)
    monkeypatch.undo()
    monkeypatch.setattr(diode, "SIZE", SMALL)
    assert len(ds) == 9
    again = pickle.loads(pickle.dumps(ds))
    assert torch.equal(again[2]["depth"], ds[2]["depth"])


@pytest.mark.parametrize("part", ["train", "val"])
def test_endings_in_capitals_are_taken(root, part):
    before = data.open("diode", root, "all")
    for path in (root / part).rglob("*.png"):
        path.rename(path.with_suffix(".PNG"))
    ds = data.open("diode", root, "all")
    assert ds.frames.equals(before.frames) and ds.fingerprint == before.fingerprint and ds.notes == before.notes
    for i in range(len(ds)):
        assert ds[i]["image"].shape == (3, *SMALL)


def test_frames_without_their_image_are_counted(root):
    """Images in another format, or none: such frames were passed over."""
    scan = root / "train/indoors/scene_00000/scan_00010"
    for path in sorted(scan.glob("*.png"))[:2]:
        path.rename(path.with_suffix(".jpg"))
    with pytest.raises(FileNotFoundError, match=r"scan_00010: 2 of 3 images are missing, the first is 00000_\w+.png"):
        data.open("diode", root, "test")


def test_a_folder_without_frames_is_not_called_missing(root):
    for part in ("train", "val"):
        for path in (root / part / "outdoor").rglob("*.*"):
            path.unlink()
    notes = " ".join(data.open("diode", root, "test").notes)
    for part in ("train", "val"):
        assert f"outdoor: {part}/outdoor has no frame scene_*/scan_*/*.png in it" in notes
    assert "is not here" not in notes


@pytest.mark.parametrize("end", ["_depth.npy", "_depth_mask.npy"])
def test_the_cache_notices_a_file_replaced_in_place(root, end):
    """Of the same size, in a folder that does not change."""
    before = data.open("diode-indoors", root, "test", (24, 32))
    path = root / (before._source.index["path"][before._rows[0]] + end)
    stored = np.load(path)
    np.save(path, np.where(stored > 0, stored / 2, stored) if end == "_depth.npy" else np.zeros_like(stored))
    after = data.open("diode-indoors", root, "test", (24, 32))
    if end == "_depth.npy":
        assert after[0]["depth"].max() < 0.6 * before[0]["depth"].max()
    assert torch.equal(after[1]["depth"], before[1]["depth"])
    assert after[0]["valid"].any() == (end == "_depth.npy") and before[0]["valid"].any()


def test_a_prepared_batch(root):
    batch = data.open("diode", root, "train", (24, 32)).batch([0, 14])
    assert batch["image"].shape == (2, 3, 24, 32) and batch["depth"][batch["valid"]].max() <= 350
    assert batch["scene_type"] == ["indoors", "outdoor"]


# -- is it z? ----------------------------------------------------------------------------------------------------------


def planes(number, reading, noise=0.0, size=(96, 128), focal=100.0):
    """A room corner: floor, back wall and side wall, at random angles, as z or as ray length."""
    rng = np.random.default_rng(number)
    y, x = (np.mgrid[: size[0], : size[1]] - np.reshape([(n - 1) / 2 for n in size], (2, 1, 1))) / focal
    walls = [(0.1, 1.0, 0.1, 1.5), (rng.uniform(-0.5, 0.5), 0, 1.0, 4.0), (1.0, 0, rng.uniform(0.1, 0.5), 3.0)]
    with np.errstate(divide="ignore"):
        far = [np.where(a * x + b * y + c > 0.02, d / (a * x + b * y + c), np.inf) for a, b, c, d in walls]
    z = np.minimum.reduce(far)
    depth = z * np.sqrt(x**2 + y**2 + 1) if reading == "ray" else z
    depth = depth * (1 + noise * rng.standard_normal(size))
    K = torch.tensor([[focal, 0, (size[1] - 1) / 2], [0, focal, (size[0] - 1) / 2], [0, 0, 1]])
    valid = torch.from_numpy(rng.random(size) > 0.1)[None]
    return torch.from_numpy(depth).float()[None].where(valid, 0.0), valid, K


@pytest.mark.parametrize("reading", ["z", "ray"])
@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_planes_tell_z_from_ray_length(reading, noise):
    other = {"z": "ray", "ray": "z"}[reading]
    for number in range(4):
        found = planarity.residuals(*planes(number, reading, noise))
        flat = found[found.min(axis=1) < 0.003]
        assert len(flat) >= 3
        assert (flat[reading] < flat[other]).mean() > 0.9
    if noise == 0:
        assert flat[reading].median() < 1e-5 < 1e-3 < flat[other].median()


def test_planes_stay_planes_whatever_the_focal_length_if_depth_is_z():
    depth, valid, K = planes(0, "z")
    K[0, 0] *= 1.5  # as the report of another field of view has it
    found = planarity.residuals(depth, valid, K)
    assert found["z"].min() < 1e-5 and (found["z"] < found["ray"]).mean() > 0.8


@pytest.mark.slow
def test_the_embedded_rooms_pass_for_z():
    table = planarity.compare(data.open("rooms", split="test"), frames=40).set_index("reading")
    assert table.loc["z", "windows"] > 40
    assert table.loc["z", "flatter"] > 0.9 and table.loc["z", "rest"] < 0.5 * table.loc["ray", "rest"]


def test_a_copy_of_diode_can_be_judged(root):
    table = planarity.compare(data.open("diode", root, "test")).set_index("reading")
    assert table.loc["z", "flatter"] > 0.8 and table["windows"].nunique() == 1


def test_without_planes_or_a_camera_there_is_no_verdict(root):
    depth, valid, K = planes(0, "z")
    with pytest.raises(ValueError, match="intrinsics are unknown"):
        planarity.residuals(depth, valid, K * torch.nan)
    assert planarity.residuals(depth, valid & False, K).empty
    rng = np.random.default_rng(0)
    for stem in root.rglob("*_depth.npy"):
        np.save(stem, rng.uniform(1, 9, (*SMALL, 1)).astype(np.float32))
    with pytest.raises(ValueError, match="no window of 9 frames of diode test is planar"):
        planarity.compare(data.open("diode", root, "test"))


def test_frames_without_a_camera_are_left_out_of_the_verdict(tmp_path):
    samples = []
    for number in range(4):
        depth, valid, K = planes(number, "z", size=(96, 128))
        K = K * torch.nan if number == 1 else K
        samples.append({"image": torch.rand(3, 96, 128), "depth": depth, "valid": valid, "intrinsics": K, "id": f"f{number}",
                        "scene": f"s{number}", "scene_type": "", "split": "test"})  # fmt: skip
    export.write(tmp_path, samples, depth_scale=0)
    every = data.open("folder", tmp_path, "test")
    known = every.subset([0, 2, 3])
    assert planarity.compare(every).equals(planarity.compare(known))
    with pytest.raises(
        ValueError, match=r"intrinsics of none of 1 frame of folder test are known \(the first is 'f1'\)"
    ):
        planarity.compare(every.subset([1]))
