"""Every layout: what was written in it is found again in the RGB-D folder, depth, camera, picture, scene and split."""

import sys
import types
import zlib

import import_layouts as layouts
import numpy as np
import pytest
from PIL import Image

from depthnb import data
from depthnb.data import importing
from depthnb.data.importing import Settings
from depthnb.data.importing.layouts import colmap, hypersim, record3d, sun_rgbd, tum
from depthnb.data.importing.tree import Tree
from depthnb.data.readers.folder import Folder
from depthnb.data.readers.nyu_v2 import CENTRE, FOCAL


@pytest.fixture(scope="module")
def some():
    return layouts.views(6)


@pytest.fixture
def lzfse(monkeypatch):
    """What stands in for the library: its two functions, by another method of compression."""
    module = types.SimpleNamespace(compress=zlib.compress, decompress=zlib.decompress)
    monkeypatch.setitem(sys.modules, "liblzfse", module)
    return module


def half(camera):
    """A camera of pictures half as large: cx maps to (cx + 0.5) / 2 - 0.5."""
    fx, fy, cx, cy = camera
    return fx / 2, fy / 2, (cx + 0.5) / 2 - 0.5, (cy + 0.5) / 2 - 0.5


def opened(folder):
    """The reader of what was imported, before anything is looked at."""
    return Folder(folder)


KINDS = {  # layout -> writer, camera, metres that a depth may be off, every so many-th pixel, options
    "pair": (layouts.write_pair, layouts.CAMERA, 0.0005, 1, {"scale": 1e-3, "camera": layouts.CAMERA}),
    "tum": (layouts.write_tum, half((517.3, 516.5, 318.6, 255.3)), 0.0001, 1, {}),
    "scannet": (layouts.write_scannet, half(layouts.CAMERA), 0.0005, 2, {}),
    "sun-rgbd": (layouts.write_sun, layouts.CAMERA, 0.0005, 1, {}),
    "7-scenes": (layouts.write_seven, half((585, 585, 320, 240)), 0.0005, 1, {}),
    "nyu-sync": (layouts.write_nyu, half((*FOCAL, *CENTRE)), 0.0005, 1, {}),
    "hypersim": (layouts.write_hypersim, layouts.HYPERSIM, 0.0045, 1, {}),  # float16 has steps of 4 mm from 4 m on
    "colmap": (layouts.write_colmap, layouts.CAMERA, 1e-5, 1, {"scale": 0.4}),
    "record3d": (layouts.write_record3d, half(layouts.CAMERA), 1e-6, 2, {}),
}


def write(layout, root, some, module):
    writer = KINDS[layout][0]
    writer(root, some, module.compress) if layout == "record3d" else writer(root, some)
    return [root / "images", root / "depth"] if layout == "pair" else [root]


@pytest.mark.parametrize("layout", KINDS)
def test_what_was_written_is_found_again(layout, some, lzfse, tmp_path):
    _, camera, off, step, said = KINDS[layout]
    places = write(layout, tmp_path / "in", some, lzfse)
    made = importing.import_folder(places, tmp_path / "out", settings=Settings(**said))
    assert (made.layout, made.frames, made.left_out) == (layout, len(some), {})
    folder = opened(tmp_path / "out")
    found = [folder.read(row) for row in range(len(some))]
    by_scene = {}
    for view in some:
        by_scene.setdefault(view.scene, []).append(view)
    scenes = folder.index["scene"].tolist()
    assert len(set(scenes)) == len(by_scene) == made.scenes
    for view, sample in zip(some, found, strict=True):
        truth = view.depth[::step, ::step]
        assert np.array_equal(sample["valid"][0].numpy(), truth > 0)
        assert np.abs(np.where(truth > 0, sample["depth"][0].numpy() - truth, 0)).max() <= off
        K = sample["intrinsics"]
        assert np.allclose([K[0, 0], K[1, 1], K[0, 2], K[1, 2]], camera, atol=1e-4)
        if step == 1:
            assert np.array_equal(sample["image"].numpy(), view.image.transpose(2, 0, 1))
        else:
            mean = view.image.reshape(120, 2, 160, 2, 3).mean((1, 3)).transpose(2, 0, 1)
            assert np.abs(sample["image"].numpy() - mean).mean() < 5


@pytest.mark.parametrize("layout", [name for name in KINDS if name != "pair"])
def test_the_layout_is_told_by_its_files_alone(layout, some, lzfse, tmp_path):
    write(layout, tmp_path, some[:2], lzfse)
    assert importing.detect([Tree(tmp_path)]) == layout


def test_two_layouts_in_one_place_are_not_guessed_between(some, tmp_path):
    layouts.write_tum(tmp_path, some[:2])
    layouts.write_scannet(tmp_path, some[:2])
    with pytest.raises(ValueError, match=r"tum and scannet; say which is meant by --layout"):
        importing.import_folder(tmp_path, tmp_path.parent / "out")
    assert importing.import_folder(tmp_path, tmp_path.parent / "out", layout="tum").layout == "tum"


def test_a_place_without_a_layout_says_what_is_known(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "holiday.mp4").write_bytes(b"0")
    with pytest.raises(ValueError, match=r"no known layout \(tum, .*found holiday.mp4\. Give two folders"):
        importing.import_folder(tmp_path / "in", tmp_path / "out")
    with pytest.raises(ValueError, match="none of the files of the layout colmap"):
        importing.import_folder(tmp_path / "in", tmp_path / "out", layout="colmap")
    with pytest.raises(ValueError, match="layout 'tumm' is not known"):
        importing.import_folder(tmp_path / "in", tmp_path / "out", layout="tumm")
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        importing.import_folder(tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(ValueError, match="a file; expected a folder"):
        importing.import_folder(tmp_path / "in" / "holiday.mp4", tmp_path / "out")
    for nothing in ("", []):
        with pytest.raises(ValueError, match="a place without a name"):
            importing.import_folder(nothing, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_camera_of_sun_rgbd_that_cannot_be_read_stops_nothing(some, tmp_path):
    layouts.write_sun(tmp_path / "in", some[:3])
    next((tmp_path / "in").rglob("intrinsics.txt")).write_text("1 2 nonsense")
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert sorted(row["fx"] for row in layouts.read_rows(tmp_path / "out")) == ["", "295.0", "295.0"]
    assert any("1 of the files intrinsics.txt cannot be read" in note for note in made.notes)


def test_the_two_folders_of_a_tum_sequence_are_not_matched_by_name(some, tmp_path):
    layouts.write_tum(tmp_path, some[:2])
    sequence = next(tmp_path.glob("rgbd*"))
    with pytest.raises(ValueError, match=r"rgb.txt tells which .*import that folder"):
        importing.import_folder([sequence / "rgb", sequence / "depth"], tmp_path / "out", settings=Settings(scale=1e-3))


def test_files_that_will_do_are_copied_byte_for_byte(some, tmp_path):
    layouts.write_nyu(tmp_path / "in", some[:3])
    importing.import_folder(tmp_path / "in", tmp_path / "out")
    for part, pattern in (("image", "rgb_*.jpg"), ("depth", "sync_depth_*.png")):
        before = sorted(path.read_bytes() for path in (tmp_path / "in").rglob(pattern))
        assert before == sorted(path.read_bytes() for path in (tmp_path / "out" / part).iterdir())


# splits


def test_7_scenes_official_split_is_by_sequence_and_says_so(tmp_path):
    views = [*layouts.views(3)]
    views = [
        layouts.View(scene, v.kind, v.file, v.image, v.depth)
        for scene in ("chess", "fire")
        for v in (*views, *views[:1])
    ]
    layouts.write_seven(tmp_path / "in", views, lists=True)
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert made.splits == {"train": 4, "test": 4}
    assert any("one room is in training and test" in note for note in made.notes)
    assert len(data.open("folder", tmp_path / "out", "test")) == 4
    made = importing.import_folder(tmp_path / "in", tmp_path / "rooms", settings=Settings(split="scenes"))
    assert made.splits == {"": 8} and made.scenes == 2
    made = importing.import_folder(tmp_path / "in", tmp_path / "all", settings=Settings(split="test"))
    assert made.splits == {"test": 8}


def test_7_scenes_sequence_that_no_list_names_is_left_out_and_said(some, tmp_path):
    layouts.write_seven(
        tmp_path / "in", [layouts.View("chess", "", v.file, v.image, v.depth) for v in some], lists=True
    )
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert made.frames == 4 and any("1 sequence in no list of a split left out" in note for note in made.notes)


def test_sun_rgbd_official_split_and_measured_depth(some, tmp_path):
    from scipy.io import savemat

    layouts.write_sun(tmp_path / "in", some)
    folders = sorted((tmp_path / "in").rglob("*-resize"))
    paths = [f"/n/fs/sun3d/data/{folder.relative_to(tmp_path / 'in').as_posix()}" for folder in folders]
    cells = {"alltrain": np.array(paths[1:-1], object), "alltest": np.array(paths[:1], object)}
    toolbox = tmp_path / "in" / "SUNRGBDtoolbox" / "traintestSUNRGBD"
    toolbox.mkdir(parents=True)
    savemat(toolbox / "allsplit.mat", cells)
    made = importing.import_folder(tmp_path / "in" / "SUNRGBD", tmp_path / "out")
    assert made.splits == {"test": 1, "train": len(some) - 2}
    assert any("1 frame that it does not name left out" in note for note in made.notes)
    assert any("divides recordings" in note for note in made.notes)
    data.open("folder", tmp_path / "out", "test")  # no scene is in two splits
    kinds = {row["scene_type"] for row in layouts.read_rows(tmp_path / "out")}
    assert kinds == {view.kind for view in some[:-1]}


def test_sun_rgbd_filled_depth_serves_where_nothing_else_is(some, tmp_path):
    layouts.write_sun(tmp_path / "in", some[:2])
    for file in (tmp_path / "in").rglob("depth/*.png"):
        file.unlink()
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert any("2 frames had depth_bfx alone" in note for note in made.notes)
    assert data.open("folder", tmp_path / "out", "all")[0]["depth"].unique().tolist() == [1.0]


def test_sun_rgbd_bits_are_turned_back():
    stored = np.array([[0, 1, 8191, 8192, 65535]], np.uint16)
    there = (stored << 3) | (stored >> 13)
    assert np.array_equal((there >> 3) | (there << 13), stored)


def test_scannet_rooms_are_scenes_and_lists_split_them(some, tmp_path):
    layouts.write_scannet(tmp_path / "in", some)
    first = tmp_path / "in" / "scene0000_00"
    first.rename(first.with_name("scene0000_01"))
    (tmp_path / "in" / "scannetv2_train.txt").write_text("scene0000_00\nscene0000_01\n")
    (tmp_path / "in" / "scannetv2_val.txt").write_text("scene0707_00\n")
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    rows = layouts.read_rows(tmp_path / "out")
    assert {row["scene"] for row in rows} == {"scene0000"} and {row["split"] for row in rows} == {"train"}
    assert any("left out" in note and "scannetv2" in note for note in made.notes)


def test_scannet_first_picture_that_is_damaged_is_left_out_alone(some, tmp_path):
    layouts.write_scannet(tmp_path / "in", some[:2])
    (tmp_path / "in/scene0000_00/color/0.jpg").write_text("no picture")
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert list(made.left_out) == ["scene0000_00_000000"]
    assert [float(row["fx"]) for row in layouts.read_rows(tmp_path / "out")] == [147.5]


def test_scannet_with_a_camera_given_reads_no_file_of_one(some, tmp_path):
    layouts.write_scannet(tmp_path / "in", some[:1])
    (tmp_path / "in/scene0000_00/intrinsic/intrinsic_color.txt").write_text("hello")
    with pytest.raises(ValueError, match=r"expected a camera matrix.*give --intrinsics"):
        importing.import_folder(tmp_path / "in", tmp_path / "out")
    importing.import_folder(tmp_path / "in", tmp_path / "out", settings=Settings(camera=layouts.CAMERA))
    assert float(layouts.read_rows(tmp_path / "out")[0]["fx"]) == 147.5


def test_scannet_cameras_that_see_different_fields_are_said(some, tmp_path):
    layouts.write_scannet(tmp_path / "in", some[:2])
    published = {
        "color": ((1296, 968), (1169.62, 1167.1, 646.295, 489.927)),
        "depth": ((640, 480), (577.59, 578.73, 318.9, 242.7)),
    }
    folder = tmp_path / "in" / "scene0000_00"
    for part, (size, camera) in published.items():
        for file in (folder / part).iterdir():
            Image.open(file).resize(size, Image.Resampling.NEAREST).save(file)
        (folder / "intrinsic" / f"intrinsic_{part}.txt").write_text(layouts.matrix(camera, 4))
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert not any("different fields" in note for note in made.notes)
    row = layouts.read_rows(tmp_path / "out")[0]
    assert abs(float(row["fx"]) - 577.59) < 0.1 and abs(float(row["cx"]) - 318.9) < 0.5
    (folder / "intrinsic/intrinsic_depth.txt").write_text(layouts.matrix((500, 500, 318.9, 242.7), 4))
    made = importing.import_folder(tmp_path / "in", tmp_path / "other")
    assert any("Colour and depth of scene0000_00 have cameras that see different fields" in note for note in made.notes)


def test_scannet_pictures_exported_at_the_size_of_depth_have_its_camera(some, tmp_path):
    layouts.write_scannet(tmp_path / "in", some[:1])
    for file in (tmp_path / "in").rglob("*.jpg"):
        Image.open(file).resize((160, 120)).save(file)
    importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert float(layouts.read_rows(tmp_path / "out")[0]["fx"]) == 147.5


def test_nyu_sync_frames_of_tested_places_are_not_trained_on(some, tmp_path):
    for folder, number in (("sync/kitchen_0001a", 3), ("sync/bathroom_0007", 0), ("official_splits/test/kitchen", 0)):
        layouts.copy(some[0], tmp_path / "in" / folder / f"rgb_{number:05d}.jpg")
        layouts.save(tmp_path / "in" / folder / f"sync_depth_{number:05d}.png", layouts.units(some[0].depth, 1e-3))
    # the first labelled frame (MATLAB index 1) shows kitchen_0004, which is tested
    layouts.copy(some[1], tmp_path / "in" / "sync/kitchen_0004" / "rgb_00000.jpg")
    layouts.save(tmp_path / "in" / "sync/kitchen_0004/sync_depth_00000.png", layouts.units(some[1].depth, 1e-3))
    for folder in ("sync/cellar_0001b", "sync/attic_0001", "official_splits/test/cellar_0001"):
        layouts.copy(some[2], tmp_path / "in" / folder / "rgb_00007.jpg")
        layouts.save(tmp_path / "in" / folder / "sync_depth_00007.png", layouts.units(some[2].depth, 1e-3))
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert any("1 training frame of places that are tested left out" in note for note in made.notes)
    found = {row["id"]: (row["scene"], row["scene_type"], row["split"]) for row in layouts.read_rows(tmp_path / "out")}
    assert found["test_kitchen_00000"] == ("kitchen_0004", "kitchen", "test")
    assert found["kitchen_0004_00000"][2] == "test"
    assert found["attic_0001_00007"][2] == "train" and "cellar_0001b_00007" not in found
    assert found["kitchen_0001a_00003"] == ("kitchen_0001", "kitchen", "train")


def test_hypersim_list_gives_splits_and_leaves_out_what_was_not_released(some, tmp_path):
    layouts.write_hypersim(tmp_path / "in", some)
    rows = ["scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name"]
    rows += [
        "ai_001_001,cam_00,0,True,,test",
        "ai_001_001,cam_00,1,False,person,test",
        "ai_001_002,cam_00,0,True,,train",
    ]
    (tmp_path / "in" / "metadata_images_split_scene_v1.csv").write_text("\n".join(rows) + "\n")
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert made.splits == {"test": 1, "train": 1}


# units, cameras and kinds of files


def test_hypersim_rays_of_a_wall_become_one_depth(tmp_path):
    import h5py

    wall = np.full((48, 64), 3.0)
    camera = hypersim.pinhole(48, 64)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["dataset"] = layouts.rays(wall, camera)
    stored, scale = hypersim.read_depth(tmp_path / "a.hdf5", None)
    assert scale == 1e-3 and np.array_equal(np.unique(stored), [3000])
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["dataset"] = layouts.rays(30 * wall, camera)
    stored, scale = hypersim.read_depth(tmp_path / "a.hdf5", None)
    assert scale == 1e-2 and np.array_equal(np.unique(stored), [9000])


def test_hypersim_radiance_is_tone_mapped_where_the_preview_lacks(some, tmp_path):
    import h5py

    layouts.write_hypersim(tmp_path / "in", some[:1])
    preview = next((tmp_path / "in").rglob("*.tonemap.jpg"))
    light = tmp_path / "in/ai_001_001/images/scene_cam_00_final_hdf5/frame.0000.color.hdf5"
    light.parent.mkdir()
    linear = (some[0].image / 255.0) ** 2.2 * 40
    with h5py.File(light, "w") as file:
        file["dataset"] = linear.astype(np.float16)
    preview.unlink()
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert any("1 picture made of radiance" in note for note in made.notes)
    pixels = data.open("folder", tmp_path / "out", "all")[0]["image"].numpy()
    bright = np.quantile(linear @ [0.3, 0.59, 0.11], 0.9)
    expected = np.minimum(some[0].image / 255.0 * 0.8 * (40 / bright) ** (1 / 2.2), 1).transpose(2, 0, 1)
    assert np.abs(pixels - expected).max() < 0.01


def test_colmap_scale_is_not_metric_unless_told(some, tmp_path):
    layouts.write_colmap(tmp_path / "in", some[:2], unit=0.4)
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert any("NOT METRIC" in note for note in made.notes)
    ratio = opened(tmp_path / "out").read(0)["depth"][0].numpy() / np.where(some[0].depth > 0, some[0].depth, 1)
    assert np.allclose(ratio[some[0].depth > 0], 2.5)
    made = importing.import_folder(tmp_path / "in", tmp_path / "metres", settings=Settings(scale=2.0))
    assert any("metres on your word" in note and "times 2" in note for note in made.notes)


def test_colmap_says_what_lacks(some, tmp_path):
    layouts.write_colmap(tmp_path / "in", some[:1])
    sparse = next((tmp_path / "in").rglob("sparse"))
    bad = next((tmp_path / "in").rglob("*.geometric.bin"))
    whole = bad.read_bytes()
    for content in (whole[:-4], b"", b"320&240&3&" + whole[10:], b"99999999&99999999&1&"):
        bad.write_bytes(content)
        with pytest.raises(ValueError, match="cut short or of another kind"):
            colmap.read_depth(bad, 1.0)
    bad.rename(bad.with_name("other.geometric.bin"))
    with pytest.raises(ValueError, match=r"none of 1 picture has .*patch_match_stereo"):
        importing.import_folder(tmp_path / "in", tmp_path / "out")
    (sparse / "images.txt").rename(sparse / "images.bin")
    with pytest.raises(FileNotFoundError, match=r"export the model as text: colmap model_converter"):
        importing.import_folder(tmp_path / "in", tmp_path / "out")


def test_colmap_fisheye_is_no_pinhole(some, tmp_path):
    layouts.write_colmap(tmp_path / "in", some[:1])
    cameras = next((tmp_path / "in").rglob("cameras.txt"))
    cameras.write_text("7 OPENCV_FISHEYE 320 240 295 295 160 120 0 0 0 0\n")
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert layouts.read_rows(tmp_path / "out")[0]["fx"] == ""
    assert any("OPENCV_FISHEYE" in note for note in made.notes)


def test_tum_without_a_known_kinect_has_no_camera_but_takes_one(some, tmp_path):
    layouts.write_tum(tmp_path / "in", some[:1], prefix="mine_")
    made = importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert any("unknown" in note and "--intrinsics" in note for note in made.notes)
    assert layouts.read_rows(tmp_path / "out")[0]["fx"] == ""
    told = Settings(camera=(300, 301, 160, 120), scale=1e-3)
    importing.import_folder(tmp_path / "in", tmp_path / "told", settings=told)
    row = layouts.read_rows(tmp_path / "told")[0]
    assert (row["fx"], row["fy"], row["depth_scale"]) == ("300.0", "301.0", "0.001")


@pytest.mark.parametrize("line", ["soon rgb/1.png", "1.5", "nan rgb/1.png"])
def test_tum_line_that_is_none_is_named(line, some, tmp_path):
    layouts.write_tum(tmp_path / "in", some[:1])
    next((tmp_path / "in").rglob("rgb.txt")).write_text(line + "\n")
    with pytest.raises(ValueError, match=r"rgb.txt: line .*expected a time in seconds and a path"):
        importing.import_folder(tmp_path / "in", tmp_path / "out")


def test_tum_no_depth_map_serves_two_pictures_and_the_nearest_comes_first():
    assert tum.associate([0.0, 0.004], [0.003]) == [(1, 0)]
    assert tum.associate([0.0, 0.004], [0.003, -0.001]) == [(0, 1), (1, 0)]
    assert tum.associate([0.0], [0.02, -0.02]) == []


def test_tum_clocks_apart_are_said(some, tmp_path):
    layouts.write_tum(tmp_path / "in", some[:1])
    depth = next((tmp_path / "in").rglob("depth.txt"))
    depth.write_text(depth.read_text().replace("1305031452", "1305031477", 1))
    with pytest.raises(ValueError, match=r"within 0.02 s"):
        importing.import_folder(tmp_path / "in", tmp_path / "out")


def test_record3d_unpacked_with_a_camera_a_frame_and_no_size_of_depth(some, lzfse, tmp_path):
    import json

    layouts.write_record3d(tmp_path / "in", some[:2], lzfse.compress, packed=False)
    metadata = next((tmp_path / "in").rglob("metadata"))
    facts = json.loads(metadata.read_text())
    facts = {key: value for key, value in facts.items() if key not in ("dw", "dh")}
    metadata.write_text(json.dumps({**facts, "perFrameIntrinsicCoeffs": [[310, 311, 150, 110]]}))
    importing.import_folder(tmp_path / "in", tmp_path / "out")
    rows = layouts.read_rows(tmp_path / "out")
    assert [float(row["fx"]) for row in rows] == [155, 147.5]
    assert opened(tmp_path / "out").read(0)["depth"].shape == (1, 120, 160)


def test_record3d_without_the_library_says_how_to_get_it(some, monkeypatch, tmp_path):
    layouts.write_record3d(tmp_path / "in", some[:1], zlib.compress)
    monkeypatch.setitem(sys.modules, "liblzfse", None)
    with pytest.raises(ImportError, match="pip install pyliblzfse"):
        importing.import_folder(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_record3d_damaged(some, lzfse, tmp_path):
    layouts.write_record3d(tmp_path / "in", some[:1], lzfse.compress)
    packed = next((tmp_path / "in").glob("*.r3d"))
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"not a whole .r3d file"):
        importing.import_folder(packed, tmp_path / "out")


def test_record3d_with_the_real_library(some, tmp_path):
    real = pytest.importorskip("liblzfse")
    layouts.write_record3d(tmp_path / "in", some[:2], real.compress)
    importing.import_folder(tmp_path / "in", tmp_path / "out")
    depth = opened(tmp_path / "out").read(1)["depth"][0].numpy()
    assert np.allclose(depth, some[1].depth[::2, ::2])
    with pytest.raises(ValueError, match="cannot be unpacked"):
        record3d.read_depth(_Broken(), 0, 4, 4)


class _Broken:
    place = "broken"

    def read(self, name):
        return b"bvx2 nothing of the kind"


def test_layouts_that_know_their_unit_take_no_scale(some, lzfse, tmp_path):
    for layout in ("sun-rgbd", "hypersim", "record3d"):
        places = write(layout, tmp_path / layout, some[:1], lzfse)
        with pytest.raises(ValueError, match="so no depth scale is needed"):
            importing.import_folder(places, tmp_path / "out", settings=Settings(scale=0.001))


def test_a_sequence_of_sun3d_is_not_taken_for_sun_rgbd(some, tmp_path):
    layouts.write_sun(tmp_path / "in", some[:1])
    image = next((tmp_path / "in").rglob("*.jpg"))
    layouts.copy(some[0], image.with_name("other.jpg"))
    with pytest.raises(ValueError, match="2 files; SUN RGB-D has one"):
        importing.import_folder(tmp_path / "in", tmp_path / "out")


def test_read_shifted_refuses_8_bits(tmp_path):
    layouts.save(tmp_path / "d.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="expected depth as 16-bit PNG"):
        sun_rgbd.read_shifted(tmp_path / "d.png")
