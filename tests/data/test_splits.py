"""For every data set: splits are by scene, so no scene is in two of them, and a missing data set is told clearly."""

import pytest
from data_fixtures import write_folder
from real_layouts import write_diode
from shard_layouts import write_h5_shards

from depthnb import data
from depthnb.data.readers import kitti, nyu_v2, rooms
from depthnb.data.splits import SPLITS, derive_splits


def index_of(name, tmp_path):
    """Scene and split of every frame of a data set, as far as they are known without its files."""
    if name in ("rooms", "streets"):
        return data.open(name, split="all").frames
    if name == "folder":
        write_folder(tmp_path, {f"s{i}": "train" for i in range(12)}, per_scene=3)
        return data.open("folder", tmp_path, "all").frames
    if name.startswith("kitti"):
        return kitti.official_index({"kitti": "annotated", "kitti-raw": "raw"}[name])[0]
    if name.startswith("diode"):
        for k in range(8):
            kind, part = ("indoors", "outdoor")[k % 2], ("train", "train", "train", "val")[k // 2]
            write_diode(tmp_path, part, kind, k, k, 2)
        return data.open(name, tmp_path, "all").frames
    if name == "shards":
        write_h5_shards(tmp_path)
        return data.open(name, tmp_path, "all").frames
    official = nyu_v2.official_index()
    return nyu_v2._index("file", official["scene"].tolist(), official["scene_type"].tolist())[0]


@pytest.mark.parametrize("name", data.NAMES)
def test_no_scene_is_in_two_splits(name, tmp_path):
    frames = index_of(name, tmp_path)
    assert (frames.groupby("scene")["split"].nunique() == 1).all()
    assert set(frames["split"]) == set(SPLITS)
    assert frames["id"].is_unique and (frames.groupby("scene")["scene_type"].nunique() == 1).all()


def test_rooms_opens_by_default_at_any_size():
    ds = data.open("rooms", split="test", size=(60, 80))
    assert (ds.name, ds.protocol, ds.max_depth) == ("rooms", "rooms", 10.0)
    batch = ds.batch([0, len(ds) - 1])
    assert batch["image"].shape == (2, 3, 60, 80) and 0.3 < batch["valid"].float().mean() <= 1
    assert 0.1 < batch["depth"][batch["valid"]].min() and batch["intrinsics"].isfinite().all()


def test_a_clone_without_rooms_is_told_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(rooms, "clone_data", lambda *parts: tmp_path.joinpath(*parts))
    with pytest.raises(FileNotFoundError, match=r"embedded data set rooms.*clone.*git checkout"):
        data.open("rooms")


def test_derived_splits_do_not_depend_on_the_order_of_frames():
    import pandas as pd

    index = pd.DataFrame({"scene": [f"s{i % 30}" for i in range(90)], "split": "train"})
    derived, notes = derive_splits(index)
    shuffled, _ = derive_splits(index.sample(frac=1, random_state=0))
    assert derived["split"].equals(shuffled["split"].sort_index()) and len(notes) == 2
    counts = derived.groupby("split")["scene"].nunique()
    assert counts.to_dict() == {"train": 24, "val": 3, "test": 3}
