"""Notebooks by papermill that train nothing: with the net that comes with the clone, and on a picture of one's own."""

import json
from pathlib import Path

import pytest
from notebook_runs import ROOT, papermill, write_mixed_folder
from PIL import Image

from depthnb.files import read_table


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory) -> Path:
    return write_mixed_folder(tmp_path_factory.mktemp("mixed"))


SHIPPED = [file.parents[2].name for file in sorted(ROOT.glob("reports/*/rooms-full/weights/model.safetensors"))]
SHIPPED = [name for name in SHIPPED if (ROOT / "reports" / name / "rooms-full" / "README.md").exists()]
# 02 trains four nets more, and `make test` checks 11 with its shipped net


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in ("02_bn_cnn", "11_today")])
def test_a_notebook_takes_the_net_that_comes_with_the_clone(name, mixed_folder, tmp_path):
    third = {"third": "folder", "third_root": mixed_folder} if name == "04_unet" else {}
    reports = tmp_path / "reports"
    papermill(ROOT / f"notebooks/{name}.ipynb", tmp_path / "out.ipynb", tmp_path, reports, weights="shipped", **third)
    record = json.loads((reports / name / "shipped" / "run.json").read_text())
    full = json.loads((ROOT / "reports" / name / "rooms-full" / "run.json").read_text())
    assert record["params"]["epochs"] == full["params"]["epochs"] and record["training_seconds"] > 60
    for metric, near in {"abs_rel": 0.0005, "delta1": 0.002}.items():
        assert record["metrics"]["test"][metric] == pytest.approx(full["metrics"]["test"][metric], abs=near)


def test_your_photo_takes_a_picture_and_a_folder_of_frames(mixed_folder, tmp_path):
    Image.linear_gradient("L").resize((200, 300)).save(tmp_path / "my holiday.png")
    papermill(
        ROOT / "notebooks/12_your_photo.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports",
        photo=tmp_path / "my holiday.png", view=70.0, dataset="folder", data_root=mixed_folder, others="",
    )  # fmt: skip
    run = tmp_path / "reports/12_your_photo/quick"
    facts = json.loads((run / "pictures/my holiday.json").read_text())
    assert facts["width"] == 200 and facts["height"] == 300 and "70 degrees" in facts["camera"]
    known = read_table(run / "tables/known.csv")
    assert set(known["camera"]) == {"its own", "supposed"} and known["abs_rel"].notna().all()
