"""The table of nets on other data than their own: read from runs, with what other scenes would say."""

import re

import data_fixtures
import networks
import numpy as np
import pandas as pd
import pytest
import torch

from depthnb import evaluation, metrics, plotting, runs
from depthnb.report import elsewhere
from depthnb.runs.judging import keeping
from depthnb.studies import reality
from depthnb.weights import hub, zoo


class Frames:
    """Six frames of three scenes, each of one depth, as `keeping.keep` needs them."""

    name, protocol, split, fingerprint, content, size = "folder", "rooms", "all", "f00d", "cafe", (24, 32)

    def __init__(self):
        self.frames = pd.DataFrame(
            {"id": [f"f{i}" for i in range(6)], "scene": list("aabbcc"), "scene_type": "room", "split": "test"}
        )

    def __len__(self):
        return 6

    def native(self):
        return self

    def __getitem__(self, i):
        depth = torch.full((1, 24, 32), 2.0) + torch.linspace(0, 1, 32) + 0.1 * i
        names = self.frames.iloc[i][["id", "scene", "scene_type"]].to_dict()
        return {
            "depth": depth,
            "valid": torch.ones_like(depth, dtype=torch.bool),
            "intrinsics": torch.full((3, 3), torch.nan),
            **names,
        }


@pytest.fixture
def kept(reports, monkeypatch):
    """A judged run of a net whose answer is the truth times a factor, beside opponents that are half and double."""

    def rivals(dataset, root, test, rules):
        maps = {
            name: [factor * test[i]["depth"] for i in range(6)]
            for name, factor in (("mean_depth", 0.5), ("mean_image", 2.0))
        }
        found = {name: evaluation.evaluate_each(each, test, rules) for name, each in maps.items()}
        return [{name: each[i] for name, each in found.items()} for i in range(len(rules))]

    monkeypatch.setattr(keeping, "_opponents", rivals)

    def keep(name, factor, *, kind="metric", trained_on="rooms", at_home=None, run="rooms-full"):
        test, rule = Frames(), metrics.protocol("rooms")
        maps = [factor * test[i]["depth"] for i in range(6)]
        if kind != "metric":
            rule, maps = rule.with_alignment(evaluation.ALIGNED), [3 / each + 1 for each in maps]
        parameters = {"dataset": "folder", "data_root": "/somewhere/mine", "run": "judged", "seed": 0, "split": "all"}
        asked = {"net": f"{name}/{run}", "kind": kind, "trained_on": trained_on, "at_home": at_home or {}}
        return keeping.keep(
            maps, test, f"{name}-{run}-there", parameters, ["--net", name], rule=rule, kind=kind, trained_on=("rooms", ""),
            notes=[], asked=asked,
        )  # fmt: skip

    return keep


def test_nets_of_one_data_set_on_others(kept):
    kept("11_today", 1.1, at_home={"test": {"abs_rel": 0.05}, "aligned": {"abs_rel": 0.02}})
    kept("07_midas", 1.0, kind="affine-inverse", at_home={"test": {"abs_rel": 0.2}})
    kept("11_today", 1.2, run="ablation-more-rooms-0", trained_on="rooms+more")
    for seed, factor in enumerate((1.2, 1.4)):
        kept("11_today", factor, run=f"ablation-rough-{seed}", at_home={"test": {"abs_rel": 0.1 * (seed + 1)}})
        kept("06_hma", factor + 0.1, run="rooms-full-seed1" if seed else "rooms-full")
        kept("04_unet", factor, run=f"mine-{seed}")  # two nets of somebody's own
    kept("far", 1.5, trained_on="streets")
    kept("published", 1.0, kind="affine-inverse", trained_on=None)
    (label, table), *others = elsewhere.judged("rooms").items()
    assert not others and label == "folder mine, 6 frames of 3 scenes"
    rows = table.set_index("net")
    lines = {"Today's recipe", "Today's recipe, more rooms", "Today's recipe, rough"}
    assert len(rows.loc["U-Net"]) == 2 and (rows.loc["U-Net", "nets"] == 1).all()
    rows = rows.drop("U-Net")
    assert set(rows.index) == {*lines, "HMA-Depth", "MiDaS recipe", "published/rooms-full"}
    assert dict(rows["nets"]) == dict.fromkeys(rows.index, 1) | {"Today's recipe, rough": 2, "HMA-Depth": 2}
    rough = rows.loc["Today's recipe, rough"]
    assert rough["at home"] == pytest.approx(0.15) and rough["there"] == pytest.approx(0.3, abs=1e-4)
    assert rough["there std"] == pytest.approx(0.2 / 2**0.5, abs=1e-4)
    assert rough["against the mean image"] == pytest.approx(-70, abs=0.1), "of the mean error, 0.3 instead of 1"
    folders = ("06_hma-rooms-full-there/judged", "06_hma-rooms-full-seed1-there/judged")
    assert set(rows.loc["HMA-Depth", "runs"]) == set(folders)
    today = rows.loc["Today's recipe"]
    assert today["at home"] == 0.05 and today["there"] == pytest.approx(0.1, abs=1e-4)
    assert today["aligned at home"] == 0.02 and today["aligned there"] == pytest.approx(0, abs=1e-4)
    assert today["against the mean image"] == pytest.approx(-90, abs=0.1), "0.1 instead of 1"
    assert (
        today["against the mean image low"] <= today["against the mean image"] <= today["against the mean image high"]
    )
    relative = rows.loc["MiDaS recipe"]
    assert np.isnan(relative["at home"]) and np.isnan(relative["against the mean image"])
    assert relative["aligned at home"] == 0.2 and relative["aligned there"] == pytest.approx(0, abs=1e-3)
    read = elsewhere.compact(table).set_index("method")
    assert read.loc["Today's recipe", "against the mean image"].startswith("-90 % [-")
    assert read.loc["MiDaS recipe", "against the mean image"] == "", "it knows no metres"
    assert read.loc["Today's recipe, rough", "abs_rel there"] == "0.300 ± 0.141"
    assert read.loc["MiDaS recipe", "aligned there"] == "0.000"
    assert today["mean depth"] == pytest.approx(0.5, abs=1e-3) and today["mean image"] == pytest.approx(1, abs=1e-3)
    assert np.isnan(relative["mean depth"]) and relative["aligned mean image"] == pytest.approx(0, abs=1e-3)
    (said,) = elsewhere.constants(table)
    assert (
        "mean depth 0.500 and mean image 1.000; aligned: each image's best constant 0.000 and mean image 0.000" in said
    )
    assert list(elsewhere.judged("streets")) == [label], "the net of the streets, and the published one"


def test_without_such_a_run_there_is_no_table(reports):
    assert elsewhere.judged("rooms") == {}


def test_a_folder_of_frames_is_judged_by_every_net_that_is_here_and_shown(tmp_path, reports):
    (tmp_path / "my frames").mkdir()
    data_fixtures.write_folder(tmp_path / "my frames", {"a": "train", "b": "val", "c": "test"})
    nets = [folder for folder in reality.trained_here() if folder.parent.name in ("02_bn_cnn", "07_midas")]
    assert len(nets) == 2, "they come with the clone"
    root = str(tmp_path / "my frames")
    reality.judge_all(nets, root)
    ((label, table),) = elsewhere.judged("rooms").items()
    frames = int(table["frames"].iloc[0])
    assert (
        label.startswith("folder my frames")
        and set(table["net"]) == {"BN-CNN", "MiDaS recipe"}
        and (table["scenes"] == 3).all()
    )
    assert sorted(each["notebook"] for each in runs.finished()) == ["02_bn_cnn-on-my-frames", "07_midas-on-my-frames"]
    shown = reality.pictures(nets, root, frames=3)
    assert sorted(shown["column_titles"]) == ["a", "b", "c"] and frames > 3, "one of each scene"
    assert set(shown["preds"]) == {"BN-CNN", "MiDaS recipe, aligned"}
    assert all(pred.shape == shown["depth"].shape for pred in shown["preds"].values())
    assert plotting.methods_grid(**shown).axes
    other = tmp_path / "other" / "my frames"
    other.mkdir(parents=True)
    data_fixtures.write_folder(other, {"d": "train"})
    reality.judge_all(nets[:1], str(other))
    tables = elsewhere.judged("rooms")
    assert len(tables) == 2, "another folder of the same name is another table"
    reality.judge_all(nets[:1], f"{root}/")
    assert elsewhere.judged("rooms").keys() == tables.keys()


def test_published_nets_that_are_here_are_judged_too(tmp_path, reports, monkeypatch):
    pytest.importorskip("transformers")
    tiny = tmp_path / "tiny"
    networks.depth_anything().save_pretrained(tiny)
    monkeypatch.setattr(
        hub, "cached", lambda repository: tiny if repository == zoo.NETWORKS["dpt-large"].repository else None
    )
    assert reality.published_here() == ["hub:dpt-large"]
    (tmp_path / "mine").mkdir()
    data_fixtures.write_folder(tmp_path / "mine", {"a": "train", "b": "val", "c": "test"})
    reality.judge_all([f"hub:{tiny}"], str(tmp_path / "mine"))
    ((_, table),) = elsewhere.judged("rooms").items()
    assert list(table["runs"]) == [("tiny-on-mine/judged",)] and np.isfinite(table["aligned there"]).all()


def test_a_change_is_said_with_its_interval_over_scenes():
    rows = [
        {"id": f"{scene}{i}", "scene": scene, "prediction": name, "measured": "direct", "abs_rel": error}
        for scene, net in zip("abcd", (0.1, 0.3, 0.1, 0.32), strict=True)
        for i in range(2)
        for name, error in (("net", net), ("mean_image", 0.2))
    ]
    changes = elsewhere._changes(pd.DataFrame(rows), "direct", "mean_image", "change")
    assert changes["change"] == pytest.approx(2.5) and changes["change low"] < 0 < changes["change high"]
    said = elsewhere._change(*changes.values())
    assert re.fullmatch(r"\+2 % \[-\d+, \+\d+\]", said)
    one = elsewhere._changes(pd.DataFrame(rows[:4]), "direct", "mean_image", "change")
    assert elsewhere._change(*one.values()) == "-50 %", "one scene has no interval"
