"""Make3D: rays become z, image and scan cover the same view, the split is told for what it is."""

import pickle
import shutil
import zlib

import numpy as np
import pytest
import torch
from data_fixtures import write_make3d
from PIL import Image

from depthnb import data
from depthnb.data.readers import make3d
from depthnb.metrics.protocols import PROTOCOLS

matlab = pytest.importorskip(
    "scipy.io", reason="scipy is a dependency since Make3D; `make` brings the set-up up to date"
)

TRAIN = [f"{place}-p-{pan}t000" for place in ("op29", "10.21op2", "060705-17.10.14") for pan in ("046", "295")]
TEST = ["10.21op2-p-015t000", "math13-p-139t0"]


def wall_distance(z):
    """Distances along the rays to a frontal wall `z` metres away, by the authors' calibration, in plain trigonometry."""
    x = ((np.arange(305) + 0.5) / 305 - 0.489272914) * 0.70783777
    y = ((55 - np.arange(55) - 0.5) / 55 - 0.488886982) * 0.946584169  # their rows count from below
    return z * np.sqrt(1 + x[None] ** 2 + y[:, None] ** 2)


def view(number, height=568, width=426):
    """A picture and a scan with the same step: upper third and left quarter are near and dark."""
    image = np.full((height, width, 3), 200, np.uint8)
    distance = wall_distance(20.0 + number)
    image[: height // 3], image[:, : width // 4] = 60, 60
    distance[:18], distance[:, :76] = wall_distance(5.0)[:18], wall_distance(5.0)[:, :76]
    distance[40:45, 100:120] = 81.3  # not hit
    return image, distance


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    views = {f"Train400Img/{name}": view(i) for i, name in enumerate(TRAIN)}
    views["Test134/" + TEST[0]] = view(6, 2272, 1704)  # as large as published
    views["Test134/" + TEST[1]] = view(7)
    return write_make3d(tmp_path_factory.mktemp("make3d") / "all", views)


@pytest.fixture
def copy(root, tmp_path):
    return shutil.copytree(root, tmp_path / "make3d")


def test_distance_along_the_ray_becomes_z(root):
    ds = data.open("make3d", root, "train+val")
    assert (ds.name, ds.protocol, ds.max_depth, len(ds)) == ("make3d", "make3d", 70.0, 6)
    s = ds[ds.frames["id"].tolist().index("op29-p-046t000")]
    assert s["image"].shape == (3, 460, 345) and s["depth"].shape == (1, 460, 345)
    far = s["depth"][0, 200:300, 150:300]
    assert torch.allclose(far, torch.full_like(far, 20.0), atol=1e-4), "a frontal wall has one z"
    assert torch.allclose(s["depth"][0, :140], torch.tensor(5.0), atol=1e-4)
    assert make3d.read_distance(root / "Train400Depth/depth_sph_corr-op29-p-046t000.mat")[50, 300] > 22


def test_back_projected_the_wall_is_flat_and_as_wide_as_its_rays(root):
    """Intrinsics and z together give the points back that the scanner measured."""
    s = data.open("make3d", root, "test")[1]
    K = s["intrinsics"]
    x = (torch.arange(345) - K[0, 2]) / K[0, 0]
    y = (torch.arange(460) - K[1, 2]) / K[1, 1]
    distance = s["depth"][0] * (x[None] ** 2 + y[:, None] ** 2 + 1).sqrt()
    cell = torch.from_numpy(view(7)[1]).float()
    again = distance[(torch.arange(55) * 460 + 230) // 55][:, (torch.arange(305) * 345 + 172) // 305]
    valid = cell < 80
    assert ((again - cell).abs() / cell)[valid].max() < 0.005  # a cell is 41 rows of the photograph high
    assert K[0, 0] == pytest.approx(345 / 0.70783777) and K[1, 1] == pytest.approx(460 / 0.946584169)
    assert K[1, 2] == pytest.approx(460 * (1 - 0.488886982) - 0.5), "the authors count rows from below"


@pytest.mark.parametrize("row", [0, 1])
def test_image_and_scan_show_the_same_edges(root, row):
    s = data.open("make3d", root, "test")[row]
    dark, near = s["image"].mean(0) < 0.5, s["depth"][0] < 10
    agree = dark == near
    assert agree[s["valid"][0]].float().mean() > 0.985 and not agree.all(), "a cell is 8 rows high"


def test_what_was_not_hit_is_invalid(root):
    s = data.open("make3d", root, "train+val")[0]
    assert not s["valid"][0, 345:370, 120:130].any() and (~s["valid"]).float().mean() == pytest.approx(
        100 / 55 / 305, rel=0.1
    )
    distance = np.array([[0.0, -1.0, np.nan, np.inf, 79.9, 80.0]])
    z, valid = make3d.to_z(distance)
    assert valid.tolist() == [[False, False, False, False, True, False]] and np.isfinite(z).all()


def test_each_cell_counts_about_alike(root):
    """Nearest enlarging: scores at 460x345 are scores of the 55x305 cells."""
    rows = np.bincount(np.arange(460) * 55 // 460)
    columns = np.bincount(np.arange(345) * 305 // 345)
    assert set(rows) == {8, 9} and set(columns) == {1, 2}
    s = data.open("make3d", root, "test")[1]
    step = (s["depth"][0, :, 200] - s["depth"][0, :, 200].roll(1)).abs() > 1
    assert 1 <= step.sum() <= 4 and set(s["depth"][0, :, 200].unique().round().tolist()) <= {0.0, 5.0, 27.0}


def test_places_validation_and_the_published_division(root):
    ds = data.open("make3d", root, "all")
    assert ds.split_counts == {"train": 4, "val": 2, "test": 2}
    assert set(ds.frames["scene"]) == {"op29", "10.21op2", "060705-17.10.14", "math13"}
    apart = ds.frames.groupby("split")["scene"].agg(set)
    assert not apart["train"] & apart["val"]
    assert any("divides 1 of 4 places" in note for note in ds.notes)
    assert any("6 of 400 photographs in Train400Img" in note for note in ds.notes)
    assert set(ds.frames["scene_type"]) == {"outdoor"} and ds.frames["id"].is_unique


def test_found_in_the_ways_people_unpack_it(copy, monkeypatch):
    for folder in ("Test134", "Gridlaserdata", "Train400Img"):  # an archive unpacked into a folder of its own name
        (copy / folder).rename(copy / "inner")
        (copy / folder).mkdir()
        (copy / "inner").rename(copy / folder / folder)
    assert len(data.open("make3d", copy, "all")) == 8
    assert len(data.open("make3d", copy.parent, "all")) == 8
    (copy / "Gridlaserdata").rename(copy / "Test134Depth")
    assert len(data.open("make3d", copy, "test")) == 2
    monkeypatch.setenv("DEPTHNB_DATA", str(copy.parent))
    assert len(data.open("make3d", None, "all")) == 8


def test_one_half_is_enough(copy):
    shutil.rmtree(copy / "Train400Img")
    ds = data.open("make3d", copy, "test")
    assert len(ds) == 2 and any("0 of 400" in note for note in ds.notes)
    with pytest.raises(ValueError, match="has no train frames"):
        data.open("make3d", copy, "train")


def test_missing_things_are_named(copy, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        data.open("make3d", tmp_path / "elsewhere")
    for words in ("make3d.cs.cornell.edu", "about 1 GB", "Train400Img", "Gridlaserdata", "DEPTHNB_DATA"):
        assert words in str(error.value)
    (copy / "Gridlaserdata" / f"depth_sph_corr-{TEST[1]}.mat").unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"img-{TEST[1]}.jpg: its scan .* is missing; .*Gridlaserdata or Test134D"
    ):
        data.open("make3d", copy)
    for file in (copy / "Test134").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError, match=r"Test134: no img-\*.jpg in it"):
        data.open("make3d", copy)


def test_a_photograph_that_exif_turns_is_turned(copy):
    """One published photograph lies on its side, with a note in its EXIF."""
    path = copy / "Test134" / f"img-{TEST[0]}.jpg"
    upright = data.open("make3d", copy, "test")[0]["image"]
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path, quality=95, exif=exif)
    assert (data.open("make3d", copy, "test")[0]["image"] - upright).abs().mean() < 0.01
    Image.open(path).save(path)
    with pytest.raises(ValueError, match=r"2272x1704 .*expected an upright photograph"):
        data.open("make3d", copy, "test")[0]


def test_a_scan_whose_compression_was_cut_is_read(copy):
    """Some published files have bytes left over in their compressed part; the check for that is off."""
    path = copy / "Gridlaserdata" / f"depth_sph_corr-{TEST[0]}.mat"
    before = data.open("make3d", copy, "test")[0]["depth"]
    matlab.savemat(path, {"Position3DGrid": matlab.loadmat(path)["Position3DGrid"]})
    plain = path.read_bytes()
    packed = zlib.compress(plain[128:] + b"\0" * 64)
    path.write_bytes(plain[:128] + np.array([15, len(packed)], "<u4").tobytes() + packed)
    with pytest.raises(ValueError, match="fully consume"):
        matlab.loadmat(path)
    assert torch.equal(data.open("make3d", copy, "test")[0]["depth"], before)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), "not a MATLAB v5 file that can be read"),
        (lambda path: path.write_bytes(b"<html>404 Not Found</html>" * 20), "not a MATLAB v5 file that can be read"),
        (lambda path: path.write_bytes(b""), "not a MATLAB v5 file that can be read"),
        (lambda path: path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x00" * 400), "v7.3 file"),
        (lambda path: matlab.savemat(path, {"depthMap": np.ones((55, 305))}), "no Position3DGrid in it"),
        (
            lambda path: matlab.savemat(path, {"Position3DGrid": np.ones((55, 305))}),
            r"float64 \(55, 305\); expected floats",
        ),
        (
            lambda path: matlab.savemat(path, {"Position3DGrid": np.ones((305, 55, 4))}),
            r"\(305, 55, 4\); expected floats \(55",
        ),
        (
            lambda path: matlab.savemat(path, {"Position3DGrid": np.ones((55, 305, 4), np.uint8)}),
            "uint8 .*expected floats",
        ),
    ],
)
def test_a_scan_of_another_kind_is_refused(copy, spoil, words):
    path = copy / "Gridlaserdata" / f"depth_sph_corr-{TEST[0]}.mat"
    spoil(path)
    with pytest.raises(ValueError, match=words) as error:
        data.open("make3d", copy, "test")[0]
    assert str(path) in str(error.value) and "make3d.cs.cornell.edu" in str(error.value)


def test_prepared_and_pickled(root):
    ds = data.open("make3d", root, "train", (115, 86))
    batch = ds.batch([0, 1])
    assert batch["image"].shape == (2, 3, 115, 86) and batch["valid"].float().mean() > 0.98
    assert torch.equal(pickle.loads(pickle.dumps(ds.native()))[1]["depth"], ds.native()[1]["depth"])
    counted = PROTOCOLS["make3d"].counts(depth=batch["depth"], valid=batch["valid"])
    assert torch.equal(counted, batch["valid"])
