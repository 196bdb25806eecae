"""Every notebook runs by papermill on a folder of frames of several sizes."""

import json
from pathlib import Path

import networks
import pytest
from data_fixtures import write_folder, write_index
from notebook_runs import ROOT, TRAINING, UNTRAINED, brief, papermill
from PIL import Image

from depthnb.files import read_table


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory) -> Path:
    """Frames of two sizes whose depths go beyond 10 m, and of which every second camera is unknown."""
    root = tmp_path_factory.mktemp("mixed")
    scenes = {"a": "train", "b": "train", "c": "val", "d": "test", "e": "test"}
    rows = write_folder(root, scenes, per_scene=3, sizes=[(96, 128), (120, 90)])
    rows = [[*row[:7], str(float(row[7]) * 6), *(row[8:] if i % 2 else [""] * 4)] for i, row in enumerate(rows)]
    write_index(root, rows)
    return root


@pytest.mark.parametrize("name", ["00_start", "01_data", *(file.stem for file in TRAINING)])
def test_runs_on_a_folder_of_several_sizes(name, mixed_folder, tmp_path):
    third = {"third": "folder", "third_root": mixed_folder} if name in ("02_bn_cnn", "06_hma") else {}
    more = {}
    if name == "11_today":
        networks.depth_anything().save_pretrained(tmp_path / "tiny")
        more = {"foundation_weights": tmp_path / "tiny", "foundation_side": 28, "foundation_epochs": 1}
    done = papermill(
        ROOT / f"notebooks/{name}.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports",
        dataset="folder", data_root=mixed_folder, height=64, width=96, **({} if name in UNTRAINED else brief(name)),
        **third, **more,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "reports" / name / "quick" / "run.json").read_text())
    assert record["finished"] is True and record["dataset"] == "folder"
    if more:
        ways = read_table(tmp_path / "reports" / name / "quick" / "tables" / "foundation.csv")
        assert len(ways) == 6 and ways["abs_rel"].notna().all()
    if third:
        table = read_table(tmp_path / "reports" / name / "quick" / "tables" / "third.csv")
        assert set(table["measured"]) == {"in metres", "aligned"} and record["content"]["third"]


SHIPPED = [file.parents[2].name for file in sorted(ROOT.glob("reports/*/rooms-full/weights/model.safetensors"))]
SHIPPED = [name for name in SHIPPED if (ROOT / "reports" / name / "rooms-full" / "README.md").exists()]
# 02 trains four nets more, and `make test` checks 11 with its shipped net


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in ("02_bn_cnn", "11_today")])
def test_a_notebook_takes_the_net_that_comes_with_the_clone(name, mixed_folder, tmp_path):
    third = {"third": "folder", "third_root": mixed_folder} if name == "04_unet" else {}
    reports = tmp_path / "reports"
    done = papermill(
        ROOT / f"notebooks/{name}.ipynb", tmp_path / "out.ipynb", tmp_path, reports, weights="shipped", **third
    )
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((reports / name / "shipped" / "run.json").read_text())
    full = json.loads((ROOT / "reports" / name / "rooms-full" / "run.json").read_text())
    assert record["params"]["epochs"] == full["params"]["epochs"] and record["training_seconds"] > 60
    for metric, near in {"abs_rel": 0.0005, "delta1": 0.002}.items():
        assert record["metrics"]["test"][metric] == pytest.approx(full["metrics"]["test"][metric], abs=near)


def test_your_photo_takes_a_picture_and_a_folder_of_frames(mixed_folder, tmp_path):
    Image.linear_gradient("L").resize((200, 300)).save(tmp_path / "my holiday.png")
    done = papermill(
        ROOT / "notebooks/12_your_photo.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports",
        photo=tmp_path / "my holiday.png", view=70.0, dataset="folder", data_root=mixed_folder, others="",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    run = tmp_path / "reports/12_your_photo/quick"
    facts = json.loads((run / "pictures/my holiday.json").read_text())
    assert facts["width"] == 200 and facts["height"] == 300 and "70 degrees" in facts["camera"]
    known = read_table(run / "tables/known.csv")
    assert set(known["camera"]) == {"its own", "supposed"} and known["abs_rel"].notna().all()
