"""`shards`: every layout that is known, written as its source describes it, gives the frames that were put in."""

import io
import pickle
import tarfile

import h5py
import numpy as np
import pytest
import torch
from shard_layouts import RNG, add, colours, depths, hdf5, saved, write_h5_shards

from depthnb import data
from depthnb.data.readers import shard_files


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))


def check(sample, image, depth, valid=None):
    assert np.array_equal((sample["image"] * 255).round().byte().numpy(), image.transpose(2, 0, 1))
    valid = depth > 0 if valid is None else valid
    assert np.array_equal(sample["valid"][0].numpy(), valid) and 0 < valid.sum() < valid.size
    assert np.allclose(sample["depth"][0].numpy()[valid], depth[valid], rtol=1e-6)


def test_h5_in_tars(tmp_path):
    frames = write_h5_shards(tmp_path / "nyu")
    ds = data.open("shards", tmp_path / "nyu", "all")
    assert len(ds) == 6 and ds.protocol == "nyu-eigen-filled"
    for sample in ds:
        check(sample, *frames[sample["id"]])
    index = ds.frames.set_index("id")
    assert index.loc["train/kitchen_0001b/00001", ["scene", "scene_type"]].tolist() == ["kitchen_0001", "kitchen"]
    assert (index.loc[index.index.str.startswith("val/"), "split"] == "test").all()
    assert set(index["split"]) == {"train", "val", "test"} and "they serve as test" in str(ds)
    test = data.open("shards", tmp_path / "nyu", "test", size=(24, 32))
    assert test.batch([0, 1])["depth"].shape == (2, 1, 24, 32) and test[0]["intrinsics"].isfinite().all()
    assert torch.equal(pickle.loads(pickle.dumps(ds))[3]["depth"], ds[3]["depth"])


def write_parquet(path, rows, arrays):
    """As the `datasets` library writes them: arrays as nested lists, pictures as a struct of bytes and path."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    if arrays:
        image = pa.array([row["image"].tolist() for row in rows], pa.list_(pa.list_(pa.list_(pa.float32()))))
        depth = pa.array([row["depth"].tolist() for row in rows], pa.list_(pa.list_(pa.list_(pa.float32()))))
        other = pa.array([row["image"][0].astype(int).tolist() for row in rows], pa.list_(pa.list_(pa.int64())))
        table = pa.table({"image": image, "segmentation": other, "depth": depth})
    else:
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        columns = {
            key: pa.array([{"bytes": saved(row[key]), "path": None} for row in rows], kind) for key in ("rgb", "depth")
        }
        table = pa.table(columns)
    pq.write_table(table, path, row_group_size=2)


def test_arrays_in_parquet(tmp_path):
    rows = [
        {
            "image": colours(288, 384).transpose(2, 0, 1).astype(np.float32) / 255,
            "depth": depths(288, 384)[None],
        }
        for _ in range(5)
    ]
    write_parquet(tmp_path / "data" / "train-00000-of-00002.parquet", rows[:3], True)
    write_parquet(tmp_path / "data" / "val-00000-of-00001.parquet", rows[3:], True)
    ds = data.open("shards", tmp_path, "all")
    assert len(ds) == 5 and ds.frames["split"].value_counts()["test"] == 2 and ds.protocol == "folder-10"
    for sample, row in zip(ds, rows, strict=True):
        check(sample, (row["image"] * 255).round().astype(np.uint8).transpose(1, 2, 0), row["depth"][0])
    assert torch.equal(pickle.loads(pickle.dumps(ds))[4]["depth"], ds[4]["depth"])
    assert data.open("shards", tmp_path, "train", size=(24, 32)).batch([0])["image"].shape == (1, 3, 24, 32)


def test_pictures_in_parquet(tmp_path):
    rows = []
    for _ in range(4):
        millimetres = RNG.integers(700, 8000, (48, 64)).astype(np.uint16)
        millimetres[0] = 0
        rows.append({"rgb": colours(48, 64), "depth": millimetres})
    for split, part in (("train", rows[:2]), ("val", rows[2:3]), ("test", rows[3:])):
        write_parquet(tmp_path / f"{split}-00000-of-00001.parquet", part, False)
    ds = data.open("shards", tmp_path, "all")
    assert ds.frames["id"].tolist() == ["test_00000", "train_00000", "train_00001", "val_00000"]
    assert ds.frames["split"].tolist() == ["test", "train", "train", "val"]
    written = [rows[3], rows[0], rows[1], rows[2]]  # by the names of the files
    for sample, row in zip(ds, written, strict=True):
        check(sample, row["rgb"], row["depth"] / 1000)


def test_diode_in_a_tar(tmp_path):
    image, depth, mask = colours(768, 1024), depths(768, 1024, 300)[..., None], np.ones((768, 1024), np.float32)
    mask[:, :100] = 0
    with tarfile.open(tmp_path / "diode_val.tar", "w") as archive:
        stem = "./indoors/scene_00019/scan_00183/00019_00183_indoors_000_010"
        add(archive, f"{stem}.png", saved(image))
        add(archive, f"{stem}_depth.npy", saved(depth, "npy"))
        add(archive, f"{stem}_depth_mask.npy", saved(mask, "npy"))
    ds = data.open("shards", tmp_path / "diode_val.tar", "test")
    check(ds[0], image, depth[..., 0], (mask == 1) & (depth[..., 0] > 0.6))
    frame = ds.frames.iloc[0]
    assert (frame["scene"], frame["scene_type"], ds.protocol) == ("scene_00019", "indoors", "diode")
    assert ds[0]["intrinsics"].isfinite().all()


def test_kitti_in_a_tar(tmp_path):
    image, stored = colours(40, 120), RNG.integers(300, 70 * 256, (40, 120)).astype(np.uint16)
    stored[RNG.random((40, 120)) < 0.8] = 0
    with tarfile.open(tmp_path / "kitti_eigen_split_test.tar", "w") as archive:
        for number in (69, 70):
            name = f"2011_09_26/2011_09_26_drive_0002_sync/image_02/data/{number:010d}.png"
            add(archive, name, saved(image))
        name = "2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png"
        add(archive, name, saved(stored))
    ds = data.open("shards", tmp_path, "test")
    assert len(ds) == 1 and "1 image without annotated depth left out" in str(ds)
    check(ds[0], image, stored / 256, (stored > 256) & (stored < 80 * 256))
    assert ds.protocol == "kitti-garg" and ds.frames["scene"].tolist() == ["2011_09_26_drive_0002"]


def one_tar(root, name, content):
    with tarfile.open(root / "train-000000.tar", "w") as archive:
        add(archive, name, content)
    return root


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"rubbish", "not an HDF5 file of rgb and depth"),
        (hdf5(rgb=np.zeros((3, 480, 640), np.uint8)), "it holds rgb, but no depth"),
        (hdf5(rgb=np.zeros((3, 5, 6), np.uint8), depth=np.ones((5, 6))), r"expected uint8 \(3, 480, 640\)"),
        (hdf5(rgb=np.zeros((3, 480, 640), np.uint8), depth=np.full((480, 640), 3000.0)), "expected metres"),
    ],
)
def test_a_bad_member_is_named(tmp_path, content, words):
    ds = data.open("shards", one_tar(tmp_path, "kitchen_0001/00001.h5", content), "train")
    with pytest.raises(ValueError, match=f"train-000000.tar, kitchen_0001/00001.h5.*{words}"):
        ds[0]


def test_what_lies_in_other_files_is_not_followed(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["depth"] = np.ones((480, 640), np.float32)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["rgb"] = np.zeros((3, 480, 640), np.uint8)
        file["depth"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "depth")
    root = tmp_path / "set"
    root.mkdir()
    ds = data.open("shards", one_tar(root, "kitchen_0001/00001.h5", stream.getvalue()), "train")
    with pytest.raises(ValueError, match="depth lies in another file"):
        ds[0]


def test_files_that_cannot_be_it_are_told(tmp_path):
    with pytest.raises(ValueError, match="needs root"):
        data.open("shards")
    with pytest.raises(FileNotFoundError, match=r"neither \.tar nor \.parquet"):
        data.open("shards", tmp_path)
    with pytest.raises(ValueError, match=r"tar files that hold a\.txt; expected tar files of \.h5"):
        data.open("shards", one_tar(tmp_path, "a.txt", b"text"))
    write_h5_shards(tmp_path / "nyu")
    whole = (tmp_path / "nyu" / "train-000001.tar").read_bytes()
    for spoilt, words in (
        (whole[:1_000_000], "ends within|cannot be read|can be read"),
        (b"<html>" * 200, "can be read"),
    ):
        (tmp_path / "nyu" / "train-000001.tar").write_bytes(spoilt)
        with pytest.raises(ValueError, match=rf"train-000001\.tar.*({words})"):
            data.open("shards", tmp_path / "nyu", "all")
    (tmp_path / "nyu" / "train-000001.tar").write_bytes((tmp_path / "nyu" / "train-000000.tar").read_bytes())
    with pytest.raises(ValueError, match=r"is in it twice, or in .*keep one of the two"):
        data.open("shards", tmp_path / "nyu", "all")


def test_damaged_parquet_is_told(tmp_path):
    rows = [{"rgb": colours(48, 64), "depth": np.full((48, 64), 2000, np.uint16)}]
    path = tmp_path / "train-00000-of-00001.parquet"
    write_parquet(path, rows, False)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(ValueError, match="not a parquet file that can be read"):
        data.open("shards", tmp_path)
    path.write_bytes(whole[:100] + bytes(2000) + whole[2100:])
    with pytest.raises(ValueError, match=r"train-00000-of-00001\.parquet"):
        data.open("shards", tmp_path, "train")[0]
    pa = pytest.importorskip("pyarrow")
    pa.parquet.write_table(pa.table({"text": ["a"]}), path)
    with pytest.raises(ValueError, match="parquet files with the columns text; expected"):
        data.open("shards", tmp_path)


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match=r"pip install 'depthnb\[parquet\]'"):
        shard_files.Tables([tmp_path / "train-00000-of-00001.parquet"])
