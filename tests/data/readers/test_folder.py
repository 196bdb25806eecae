"""The RGB-D folder: what is read, and that everything wrong with it is one clear error."""

import csv
import os

import h5py
import numpy as np
import pytest
import torch
from data_fixtures import HEADER, SCALE, frame, write_folder, write_index
from PIL import Image

from depthnb import data
from depthnb.data.readers import export, folder
from depthnb.data.splits import SPLITS
from depthnb.metrics.protocols import protocol

SCENES = {"hall": "train", "den": "train", "loft": "val", "attic": "test"}


@pytest.fixture
def root(tmp_path):
    write_folder(tmp_path, SCENES)
    return tmp_path


def test_sample_obeys_the_contract(root):
    ds = data.open("folder", root)
    assert (ds.name, ds.protocol, ds.split, ds.size, len(ds)) == ("folder", "folder-10", "train", None, 4)
    assert list(ds.frames.columns) == ["id", "scene", "scene_type", "split"]
    s = ds[1]
    assert set(s) == {"image", "depth", "valid", "intrinsics", "id", "scene", "scene_type"}
    assert (s["image"].dtype, s["depth"].dtype, s["valid"].dtype) == (torch.float32, torch.float32, torch.bool)
    assert (tuple(s["image"].shape), tuple(s["depth"].shape)) == ((3, 24, 32), (1, 24, 32))
    assert (s["id"], s["scene"], s["scene_type"]) == ("frame_001", "hall", "room")
    image, depth, valid = frame(1)
    assert torch.equal((s["image"] * 255).round().to(torch.uint8), torch.from_numpy(image.transpose(2, 0, 1).copy()))
    expected_valid = torch.from_numpy(valid & (depth > 0))[None]
    assert torch.equal(s["valid"], expected_valid)
    metres = torch.from_numpy((depth * SCALE).astype(np.float32))[None]
    assert torch.equal(s["depth"][expected_valid], metres[expected_valid])
    assert s["intrinsics"].tolist() == [[30, 0, 15.5], [0, 31, 11.5], [0, 0, 1]]


@pytest.mark.parametrize(("times", "far"), [(1, 10), (10, 80), (60, 300)])
def test_the_range_of_depths_follows_the_folder(root, times, far):
    rows = write_folder(root, SCENES)
    write_index(root, [[*row[:7], str(float(row[7]) * times), *row[8:]] for row in rows])
    (root / "3_depth.png").write_bytes(b"rubbish")  # is named when it is asked for, not before
    for split in ("train", "val", "test"):
        ds = data.open("folder", root, split)
        assert (ds.protocol, ds.max_depth) == (f"folder-{far}", far) and f"up to {far} m" in ds.notes[0]
        assert protocol(ds.protocol).max_depth == far


def test_a_folder_without_any_depth_and_a_protocol_without_a_range_are_said(root):
    rows = write_folder(root, SCENES)
    for row in rows:
        Image.fromarray(np.zeros((24, 32), np.uint16)).save(root / row[5])
    ds = data.open("folder", root)
    assert ds.max_depth == 10 and "no valid depth in 8 frames looked at" in ds.notes[0]
    with pytest.raises(ValueError, match="give both, or neither"):
        folder.Folder(root, protocol="rooms")


def test_splits_and_joins(root):
    assert [len(data.open("folder", root, split)) for split in ("train", "val", "test", "all", "train+val")] == [
        4,
        2,
        2,
        8,
        6,
    ]
    assert data.open("folder", root, "train+test").frames["split"].unique().tolist() == ["train", "test"]
    with pytest.raises(ValueError, match="split is 'training'"):
        data.open("folder", root, "training")


def test_unknown_intrinsics_stay_unknown(root):
    rows = write_folder(root, SCENES)
    write_index(root, [[*row[:8], "", "", "", ""] for row in rows])
    for ds in (data.open("folder", root), data.open("folder", root, size=(12, 16))):
        K = ds[0]["intrinsics"]
        assert K[:2].isnan().sum() == 4 and K[2].tolist() == [0, 0, 1]


def test_npy_depth_and_unmeasured_values(root):
    rows = write_folder(root, SCENES)
    depth = np.full((24, 32), 2.5, np.float32)
    depth[0, :4] = [0, -1, np.nan, np.inf]
    np.save(root / "d.npy", depth)
    rows[0][5], rows[0][6], rows[0][7] = "d.npy", "", "1"
    write_index(root, rows)
    s = data.open("folder", root)[0]
    assert (~s["valid"]).sum() == 4 and not s["valid"][0, 0, :4].any()
    assert s["depth"].isfinite().all() and (s["depth"][s["valid"]] == 2.5).all()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_unusual_but_readable_pictures(root, mode):
    Image.open(root / "0.png").convert("L").convert(mode if mode != "RGBA" else "RGB").convert(mode).save(
        root / "0.png"
    )
    image = data.open("folder", root)[0]["image"]
    assert tuple(image.shape) == (3, 24, 32)
    assert torch.equal(image[0], image[1]) and image.std() > 0


def spoil_picture(kind, path):
    grey = Image.open(path).convert("L")
    if kind == "16-bit":
        Image.fromarray(np.full((24, 32), 40000, np.uint16)).save(path)
    elif kind == "transparent":
        grey.putalpha(100)
        grey.save(path)
    elif kind == "CMYK":
        grey.convert("CMYK").save(path, format="JPEG")
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        grey.convert("RGB").save(path, format="JPEG", exif=exif)
    elif kind == "text":
        path.write_text("<html>404</html>")
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif kind == "size":
        grey.resize((30, 24)).save(path)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("16-bit", "16 bits or more"),
        ("transparent", "transparent"),
        ("CMYK", "CMYK"),
        ("turned", "EXIF orientation 6"),
        ("text", "a web page"),
        ("cut", "cut short"),
        ("size", r"32x24 \(width x height\), but its image 0.png is 30x24"),
    ],
)
def test_bad_pictures_are_refused_by_name(root, kind, words):
    spoil_picture(kind, root / "0.png")
    ds = data.open("folder", root)
    with pytest.raises(ValueError, match=words) as error:
        ds[0]
    assert "0" in str(error.value) and str(root) in str(error.value)


def test_bad_depth_is_refused_by_name(root):
    Image.fromarray(np.full((24, 32), 90, np.uint8)).save(root / "0_depth.png")
    Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(root / "1_depth.png")
    ds = data.open("folder", root)
    with pytest.raises(ValueError, match=r"0_depth.png.*mode L.*16-bit"):
        ds[0]
    with pytest.raises(ValueError, match=r"1_depth.png.*mode RGB"):
        ds[1]
    rows = write_folder(root, SCENES)
    rows[0][5] = "d.npy"
    write_index(root, rows)
    (root / "d.npy").write_bytes(b"rubbish")
    with pytest.raises(ValueError, match=r"not a \.npy array"):
        data.open("folder", root)[0]


def test_bytes_behind_the_end_of_a_png_do_no_harm_and_a_wrong_checksum_does(root):
    """Some cameras put a film there; a flipped byte that still unpacks would pass for another depth."""
    whole, expected = (root / "1_depth.png").read_bytes(), data.open("folder", root)[1]["depth"]
    (root / "1_depth.png").write_bytes(whole + b"\0\0\0\x09IDATrubbish" * 3)
    assert torch.equal(data.open("folder", root)[1]["depth"], expected)
    for place, byte in ((whole.index(b"IDAT") + 8, 1), (whole.index(b"IDAT") - 3, 1)):
        spoilt = bytearray(whole)
        spoilt[place] ^= byte
        (root / "1_depth.png").write_bytes(spoilt)
        with pytest.raises(
            ValueError, match=r"1_depth\.png: the image is damaged or cut short \(.*(checksum|ends within)"
        ):
            data.open("folder", root)[1]


def test_mask_sizes_and_values(root):
    Image.fromarray(np.full((24, 32), 255, np.uint8)).save(root / "0_valid.png")
    Image.fromarray(np.arange(24 * 32, dtype=np.uint8).reshape(24, 32)).save(root / "1_valid.png")
    ds = data.open("folder", root)
    assert ds[0]["valid"].sum() == 24 * 32 - 12  # an 8-bit mask of two values counts; the corner has no depth
    with pytest.raises(ValueError, match=r"1_valid.png.*values"):
        ds[1]
    Image.fromarray(np.ones((24, 30), bool)).save(root / "1_valid.png")
    with pytest.raises(ValueError, match=r"1_valid.png: 30x24"):
        ds[1]


CHANGES = [
    ({"split": "validation"}, "split 'validation'; expected one of train, val, test"),
    ({"id": "frame_001"}, "'frame_001' appears more than once"),
    ({"id": ""}, "id is empty"),
    ({"scene": "loft"}, "scene 'loft' is in the splits train and val"),
    ({"depth_scale": "1000"}, "perhaps 1/1000 = 0.001 is meant"),
    ({"depth_scale": "0,001"}, "depth_scale is '0,001'"),
    ({"depth_scale": "0"}, "depth_scale is '0'"),
    ({"depth_scale": "1e-300"}, "expected metres for each stored unit, 1e-09 to 1"),
    ({"fx": ""}, "four empty cells"),
    ({"fx": "-3"}, "fx and fy above 0"),
    ({"cx": "nan"}, "fx,fy,cx,cy are"),
    ({"image": "/data/0.png"}, "relative to index.csv"),
    ({"image": "C:\\0.png"}, "relative to index.csv"),
    ({"split": ""}, "has split ''"),
]


@pytest.mark.parametrize(
    ("change", "words"), CHANGES, ids=[next(iter(c.items()))[0] + str(i) for i, (c, _) in enumerate(CHANGES)]
)
def test_a_bad_cell_is_one_clear_error(root, change, words):
    rows = write_folder(root, SCENES)
    for column, cell in change.items():
        rows[0][HEADER.index(column)] = cell
    write_index(root, rows)
    with pytest.raises(ValueError) as error:
        data.open("folder", root)
    assert words in str(error.value) and "index.csv" in str(error.value)


def test_missing_files_are_counted_and_named(root):
    (root / "2.png").unlink()
    (root / "3_depth.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of 24 files.*2\.png"):
        data.open("folder", root)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_a_folder_is_no_file_and_is_not_waited_for(root):
    (root / "2.png").unlink()
    os.mkfifo(root / "2.png")
    (root / "3_depth.png").unlink()
    (root / "3_depth.png").mkdir()
    with pytest.raises(FileNotFoundError, match=r"2 of 24 files.*2\.png"):
        data.open("folder", root)


def test_bad_headers(root):
    rows = write_folder(root, SCENES)
    write_index(root, rows, (*HEADER[:7], "depthscale", *HEADER[8:]))
    with pytest.raises(ValueError, match=r"missing column.*depth_scale.*'depthscale' found instead of 'depth_scale'"):
        data.open("folder", root)
    (root / "index.csv").write_text(";".join(HEADER) + "\n")
    with pytest.raises(ValueError, match="separated by ';'"):
        data.open("folder", root)
    (root / "index.csv").write_text(",".join(HEADER) + "\n")
    with pytest.raises(ValueError, match="no frames"):
        data.open("folder", root)
    write_index(root, [rows[0][:-1]])
    with pytest.raises(ValueError, match=r"line 2: 11 cells.*12 columns"):
        data.open("folder", root)
    write_index(root, rows, (*HEADER[:-1], "cx"))
    with pytest.raises(ValueError, match=r"missing column.*cy"):
        data.open("folder", root)


def test_missing_root(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        data.open("folder", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no index\.csv"):
        data.open("folder", tmp_path)
    with pytest.raises(ValueError, match="needs root"):
        data.open("folder")


def test_names_are_checked():
    with pytest.raises(ValueError, match="did you mean 'nyu-v2'"):
        data.open("nyuv2")
    with pytest.raises(ValueError, match="stores one truth"):
        data.open("folder", ".", truth="raw")
    with pytest.raises(ValueError, match="one of raw, filled"):
        data.open("nyu-v2", ".", truth="true")


def test_a_byte_order_mark_and_spare_columns_do_no_harm(root):
    text = (root / "index.csv").read_text().splitlines()
    (root / "index.csv").write_text("\ufeff" + "\n".join(line + ",x" for line in text) + "\n", encoding="utf-8")
    assert len(data.open("folder", root)) == 4


def test_one_split_alone_is_divided_by_scene(tmp_path):
    rows = write_folder(tmp_path, {f"scene{i}": "train" for i in range(20)})
    sets = {split: data.open("folder", tmp_path, split) for split in SPLITS}
    scenes = {split: set(ds.frames["scene"]) for split, ds in sets.items()}
    assert [len(s) for s in scenes.values()] == [16, 2, 2]
    assert (
        not scenes["train"] & scenes["val"]
        and not scenes["train"] & scenes["test"]
        and not scenes["val"] & scenes["test"]
    )
    assert "No test split given: 2 of 20 training scenes" in repr(sets["train"])
    write_index(
        tmp_path, [[*row[:3], "", *row[4:]] for row in rows[::-1]]
    )  # no split at all, other order: same division
    assert set(data.open("folder", tmp_path, "val").frames["scene"]) == scenes["val"]


def test_few_scenes(tmp_path):
    write_folder(tmp_path, {name: "train" for name in ("a", "b", "c")})
    assert [len(data.open("folder", tmp_path, split)) for split in SPLITS] == [2, 2, 2]
    write_folder(tmp_path, {name: "train" for name in ("a", "b")})
    assert len(data.open("folder", tmp_path)) == 4
    with pytest.raises(
        ValueError, match=r"no val frames, but 4 train frames\. .*2 training scenes are too few.* Open split='train'"
    ):
        data.open("folder", tmp_path, "val")


def test_a_set_with_all_splits_is_left_alone(root):
    assert len(data.open("folder", root).notes) == 1  # the one on the range of depths
    write_folder(root, {"a": "train", "b": "train", "c": "test"})
    ds = data.open("folder", root, "val")
    assert len(ds) == 2 and "No val split given" in ds.notes[0]
    assert set(data.open("folder", root, "test").frames["scene"]) == {"c"}


def test_evaluation_only_folder(tmp_path):
    write_folder(tmp_path, {"a": "test", "b": "test"})
    assert len(data.open("folder", tmp_path, "test")) == 4
    with pytest.raises(
        ValueError, match=r"no train frames, but 4 test frames\. .*Open split='test', or give .* index\.csv"
    ) as error:
        data.open("folder", tmp_path)
    assert "by scene" not in str(error.value)


def test_fingerprint_follows_the_data_not_the_place(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("copy")
    rows = write_folder(other, SCENES)
    assert data.open("folder", root).fingerprint == data.open("folder", other).fingerprint
    rows[0][8] = "31"
    write_index(other, rows)
    assert data.open("folder", root).fingerprint != data.open("folder", other).fingerprint


@pytest.mark.parametrize("scale", [0.001, 0])
def test_what_write_stores_is_read_again(root, tmp_path, scale):
    source = data.open("folder", root, "all")
    rows = [{**source[i], "split": source.frames["split"][i]} for i in range(len(source))]
    path = export.write(tmp_path / "copy", rows, depth_scale=scale)
    with open(path) as handle:
        assert tuple(next(csv.reader(handle))) == HEADER
    copy = data.open("folder", path.parent, "all")
    assert copy.frames.equals(source.frames)
    for a, b in zip(source, copy, strict=True):
        assert torch.equal(a["image"], b["image"]) and torch.equal(a["valid"], b["valid"])
        assert torch.equal(a["intrinsics"], b["intrinsics"])
        assert (a["depth"] - b["depth"])[a["valid"]].abs().max() <= (1e-6 if scale else 0)


def test_write_refuses_what_does_not_fit(root, tmp_path):
    sample_ = {**data.open("folder", root)[0], "split": "train"}
    with pytest.raises(ValueError, match="does not fit 16 bits"):
        export.write(tmp_path / "w", [sample_], depth_scale=1e-5)
    with pytest.raises(ValueError, match="cannot be a file name"):
        export.write(tmp_path / "w", [{**sample_, "id": "../x"}])


def test_names_stay_the_text_that_they_are(root):
    rows = write_folder(root, SCENES)
    names = ["NA", "null", "None", "1e5", "007", "nan", "file", "a/b"]
    for row, name in zip(rows, names, strict=True):
        row[0], row[2] = name, "null" if name == "NA" else "N/A"
    write_index(root, [[*row[:1], "NA" if row[1] == "attic" else row[1], *row[2:]] for row in rows])
    frames = data.open("folder", root, "all").frames
    assert frames["id"].tolist() == names and frames["scene_type"].tolist() == ["null"] + 7 * ["N/A"]
    assert set(frames["scene"]) == {"hall", "den", "loft", "NA"}


def test_two_unicode_forms_of_a_name_are_one_name(root):
    rows = write_folder(root, SCENES)
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    rows[0][1], rows[1][1] = composed, decomposed
    (root / "0.png").rename(
        root / f"{decomposed}.png"
    )  # as a copy from a Mac leaves it, while the index has the other form
    rows[0][4] = f"{composed}.png"
    write_index(root, rows)
    ds = data.open("folder", root)
    assert ds.frames["scene"].tolist() == [composed, composed, "den", "den"] and ds[0]["image"].shape == (3, 24, 32)
    rows[1][3] = "val"
    write_index(root, rows)
    with pytest.raises(ValueError, match="is in the splits train and val"):
        data.open("folder", root)
    rows[1][3], rows[1][0] = "train", rows[0][0]
    rows[0][0], rows[1][0] = composed, decomposed
    write_index(root, rows)
    with pytest.raises(ValueError, match="appears more than once"):
        data.open("folder", root)
    rows[1][0] = "two\nlines"
    write_index(root, rows)
    with pytest.raises(ValueError, match="unprintable"):
        data.open("folder", root)


@pytest.mark.parametrize("column", ["image", "depth"])
def test_one_file_in_two_splits_is_refused(root, column):
    rows = write_folder(root, SCENES)
    rows[-1][HEADER.index(column)] = rows[0][HEADER.index(column)]
    write_index(root, rows)
    with pytest.raises(ValueError, match=f"{column} '0.*png' is in the splits test and train"):
        data.open("folder", root)


def test_a_root_beside_the_index_gets_a_hint(tmp_path):
    inside = tmp_path / "mine" / "frames"
    (inside / "image").mkdir(parents=True)
    write_folder(inside, SCENES)
    for wrong in (inside.parent, inside / "image"):
        with pytest.raises(FileNotFoundError, match=rf"but {inside} has one: give that as root"):
            data.open("folder", wrong)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5"])
@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_masks_are_arrays_too(root, suffix, kind):
    rows = write_folder(root, SCENES)
    mask = np.zeros((24, 32, 1), kind)
    mask[4:10] = 1
    save_array(root / f"mask{suffix}", mask)
    rows[0][6] = f"mask{suffix}"
    write_index(root, rows)
    assert torch.equal(
        data.open("folder", root)[0]["valid"][0].any(1), torch.arange(24).clamp(4, 9) == torch.arange(24)
    )


def test_a_mask_of_other_values_is_not_told_to_be_a_picture(root):
    rows = write_folder(root, SCENES)
    rows[0][6] = "mask.npy"
    write_index(root, rows)
    for mask, words in (
        (np.arange(768.0).reshape(24, 32), "a mask with values"),
        (np.zeros((24, 32), complex), "bool, or"),
    ):
        np.save(root / "mask.npy", mask)
        with pytest.raises(ValueError, match=words) as error:
            data.open("folder", root)[0]
        assert "JPEG" not in str(error.value) and "PNG" not in str(error.value)


def save_array(path, array):
    """One array as .npy, .npz or HDF5."""
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez_compressed(path, anything=array)
    else:
        with h5py.File(path, "w") as file:
            file["group/anything"] = array
