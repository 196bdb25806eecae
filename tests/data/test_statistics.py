"""depthnb.data.statistics against plain numpy loops on a small folder with holes, masks and several scenes."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from depthnb import data
from depthnb.data import statistics
from depthnb.data.readers import export

SIZE = (24, 32)


def make_folder(root, *, scenes=("a", "a", "b", "b", "c", "c"), sizes=((24, 32),), split="train", offset=0):
    """An RGB-D folder: frames of one scene look alike, stored depth under a mask, a hole without any depth."""
    samples, masks = [], []
    for i, scene in enumerate(scenes):
        height, width = sizes[i % len(sizes)]
        rng = np.random.default_rng(100 * offset + ord(scene))
        image = rng.random((3, height, width)) * 0.9 + 0.01 * (i % 2)
        depth = rng.uniform(0.5, 8, (1, height, width)) * (1 + 0.02 * (i % 2))
        depth[:, :3, : 2 + i % 2] = 0  # a hole: nothing stored
        masks.append(np.random.default_rng(i).random((height, width)) < 0.8)
        samples.append(
            {
                "id": f"{split}-{i}",
                "scene": f"{split}-{scene}",
                "scene_type": "kitchen" if scene == "a" else "bedroom",
                "split": split,
                "image": torch.from_numpy(image).float(),
                "depth": torch.from_numpy(depth).float(),
                "valid": torch.from_numpy(depth > 0),
                "intrinsics": torch.tensor([[30.0, 0, 15.5], [0, 30.0, 11.5], [0, 0, 1]]),
            }
        )
    export.write(root, samples)
    for sample, mask in zip(samples, masks, strict=True):
        valid = mask & sample["valid"][0].numpy()
        Image.fromarray(valid).save(root / "valid" / f"{sample['id']}.png")
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def whole(tmp_path):
    """All six frames at one size, whatever split they were given."""
    return data.open("folder", make_folder(tmp_path / "set"), split="all", size=SIZE)


def stacked(dataset):
    depth = np.stack([frame["depth"][0].numpy() for frame in dataset])
    valid = np.stack([frame["valid"][0].numpy() for frame in dataset])
    return depth, valid


def test_summary_is_what_numpy_counts(whole):
    depth, valid = stacked(whole)
    row = statistics.summary(whole)
    assert (row["frames"], row["scenes"], row["scene types"]) == (6, 3, 2)
    assert row["width x height"] == "32 x 24"
    assert row["valid"] == round(valid.mean(), 3)
    for percent in (5, 50, 95):
        expected = np.percentile(depth[valid], percent, method="inverted_cdf")
        assert row[f"depth {percent} % (m)"] == pytest.approx(expected, rel=1e-3, abs=0.006)
    assert row["deepest (m)"] == round(float(depth[valid].max()), 2)


def test_summary_of_mixed_sizes_counts_pixels_not_frames(tmp_path):
    mixed = data.open("folder", make_folder(tmp_path / "set", sizes=((24, 32), (48, 40))), split="all")
    row = statistics.summary(mixed)
    valid = [frame["valid"].numpy() for frame in mixed]
    assert row["width x height"] == "mixed"
    assert row["valid"] == round(sum(v.sum() for v in valid) / sum(v.size for v in valid), 3)


def test_the_valid_share_of_a_sparse_scan_is_that_of_its_own_size(tmp_path):
    root = make_folder(tmp_path / "set")
    scan = np.zeros((24, 32), bool)
    scan[::4, ::4] = True
    for file in (root / "valid").glob("*.png"):
        Image.fromarray(scan).save(file)
    native, small = (data.open("folder", root, split="all", size=size) for size in (None, (6, 8)))
    shares = [statistics.summary(each)["valid"] for each in (native, small)]
    assert shares[0] == shares[1] == round(float(native.batch(range(6))["valid"].float().mean()), 3) < 0.07
    assert small.batch(range(6))["valid"].float().mean() > 0.8, "made smaller, nearly every pixel holds a measurement"


def test_summary_without_a_valid_pixel_is_nan(tmp_path):
    root = make_folder(tmp_path / "set", scenes="aa")
    for file in (root / "valid").glob("*.png"):
        Image.fromarray(np.zeros((24, 32), bool)).save(file)
    row = statistics.summary(data.open("folder", root, split="all"))
    assert row["valid"] == 0
    assert math.isnan(row["depth 50 % (m)"]) and math.isnan(row["deepest (m)"])


def test_depth_counts_valid_and_stored_pixels(whole):
    depth, valid = stacked(whole.native())
    result = statistics.depth(whole, bins=7, max_depth=6)
    edges = np.linspace(0, 6, 8)
    np.testing.assert_array_equal(result.edges, edges)
    np.testing.assert_array_equal(result.valid_pixels, np.histogram(depth[valid], edges)[0])
    np.testing.assert_array_equal(result.known_pixels, np.histogram(depth[depth > 0], edges)[0])
    assert (result.known_pixels > result.valid_pixels).all()
    assert result.frames == 6


def test_depth_counts_regions_and_mean_of_valid_pixels_only(whole):
    depth, valid = stacked(whole)
    result = statistics.depth(whole)
    np.testing.assert_array_equal(result.count, valid.sum(0))
    with np.errstate(invalid="ignore"):
        expected = np.where(valid, depth, 0).sum(0, dtype=np.float64) / valid.sum(0)
    np.testing.assert_allclose(result.mean, expected, rtol=1e-12)
    assert np.isnan(result.mean[0, 0]) and result.count[0, 0] == 0  # the hole of every frame


def test_depth_knows_nothing_more_where_only_valid_pixels_are_stored(tmp_path):
    root = make_folder(tmp_path / "set")
    for file in (root / "valid").glob("*.png"):
        file.write_bytes(b"")
        Image.fromarray(np.ones((24, 32), bool)).save(file)
    assert statistics.depth(data.open("folder", root, split="all", size=SIZE)).known_pixels is None


def test_depth_takes_what_is_known_from_another_data_set(tmp_path, whole):
    other = data.open("folder", make_folder(tmp_path / "other", offset=1), split="all", size=SIZE)
    result = statistics.depth(whole, known=other)
    (depth, valid), (full, _) = stacked(whole.native()), stacked(other.native())
    hidden = full[~valid & (full > 0)]
    expected = np.histogram(depth[valid], result.edges)[0] + np.histogram(hidden, result.edges)[0]
    np.testing.assert_array_equal(result.known_pixels, expected)
    with pytest.raises(ValueError, match="other frames"):
        statistics.depth(whole, known=other.subset(3))


def test_depth_without_a_size_says_what_to_do(whole):
    with pytest.raises(ValueError, match="open the data set with size"):
        statistics.depth(whole.native())


def test_mean_depth_and_its_image(whole):
    depth, valid = stacked(whole)
    mean, image = statistics.mean_depth(whole)
    assert mean == pytest.approx(depth[valid].mean(dtype=np.float64), rel=1e-6)
    assert image.shape == (1, *SIZE)
    assert float(image[0, 0, 0]) == pytest.approx(mean)  # never valid: the mean stands in
    assert float(image[0, 10, 10]) == pytest.approx(depth[:, 10, 10][valid[:, 10, 10]].mean(), rel=1e-6)


def test_geometric_mean_depth(whole):
    depth, valid = stacked(whole)
    assert statistics.geometric_mean_depth(whole) == pytest.approx(np.exp(np.log(depth[valid]).mean()), rel=1e-5)


def test_middle_and_border(whole):
    depth, valid = stacked(whole)
    table = statistics.middle_and_border(whole)
    inner = np.zeros(SIZE, bool)
    inner[6:18, 8:24] = True
    for i, row in enumerate(table.itertuples()):
        assert row.middle == pytest.approx(depth[i][valid[i] & inner].mean(), rel=1e-5)
        assert row.border == pytest.approx(depth[i][valid[i] & ~inner].mean(), rel=1e-5)


def test_lookup_finds_the_twin_and_is_worse_without_it(whole):
    table = statistics.lookup(whole)
    assert table["frame"].tolist() == [0, 1, 2, 3, 4, 5]
    assert table["nearest"].tolist() == [1, 0, 3, 2, 5, 4]
    assert table["same_scene"].all()
    assert not (whole.frames["scene"].to_numpy()[table["elsewhere"]] == table["scene"]).any()
    assert (table["error_by_frame"] < 0.05).all()
    assert table["error_by_video"].between(0.001, 5).all()
    assert (table["error_by_scene"] > 0.2).all()
    # the depth handed out is the twin's, counted where both are valid
    depth, valid = stacked(whole)  # 24 x 32 is the size at which depth maps are compared
    both = valid[0] & valid[1]
    expected = (np.abs(depth[1] - depth[0]) / np.where(both, depth[0], 1))[both].mean()
    assert table["error_by_frame"][0] == pytest.approx(expected, rel=1e-4)


def test_lookup_takes_whole_scenes_up_to_a_limit(whole):
    table = statistics.lookup(whole, frames=3)
    assert len(table) == 4 and table["scene"].nunique() == 2
    pd.testing.assert_frame_equal(statistics.lookup(whole, frames=4), table)


def test_lookup_in_a_video_that_stands_still_gives_everything_away(whole):
    assert (statistics.lookup(whole, shift=0)["error_by_video"] == 0).all()


def test_lookup_in_one_scene_is_refused(tmp_path):
    one = data.open("folder", make_folder(tmp_path / "one", scenes="aaa"), split="all", size=SIZE)
    with pytest.raises(ValueError, match="at least two"):
        statistics.lookup(one)


def test_nyu_lists_hold_the_published_counts():
    tables = statistics.nyu_scene_types()
    labelled, raw = tables["labelled"], tables["raw"]
    assert (labelled["frames"].sum(), labelled["scenes"].sum(), len(labelled)) == (1449, 464, 27)
    assert (raw["frames"].sum(), raw["scenes"].sum()) == (24231, 249)
    assert labelled.iloc[0].tolist() == ["bedroom", 383, 134]
    assert raw.set_index("scene_type").loc["office_kitchen", "frames"] == 196


def test_rare_scene_types_share_a_row_and_nothing_is_lost():
    whole, cut = statistics.nyu_scene_types()["labelled"], statistics.nyu_scene_types(5)["labelled"]
    assert cut["scene_type"].tolist() == [*whole["scene_type"][:5], "22 other types"]
    assert cut[["frames", "scenes"]].sum().tolist() == whole[["frames", "scenes"]].sum().tolist()
