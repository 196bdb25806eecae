"""Every notebook runs by papermill on a folder of frames of several sizes."""

import json
from pathlib import Path

import networks
import pytest
from notebook_runs import ROOT, TRAINING, UNTRAINED, brief, papermill, write_mixed_folder

from depthnb.files import read_table


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory) -> Path:
    return write_mixed_folder(tmp_path_factory.mktemp("mixed"))


@pytest.mark.parametrize("name", ["00_start", "01_data", *(file.stem for file in TRAINING)])
def test_runs_on_a_folder_of_several_sizes(name, mixed_folder, tmp_path):
    third = {"third": "folder", "third_root": mixed_folder} if name in ("02_bn_cnn", "06_hma") else {}
    more = {}
    if name == "11_today":
        networks.depth_anything().save_pretrained(tmp_path / "tiny")
        more = {"foundation_weights": tmp_path / "tiny", "foundation_side": 28, "foundation_epochs": 1}
    papermill(
        ROOT / f"notebooks/{name}.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports",
        dataset="folder", data_root=mixed_folder, height=64, width=96, **({} if name in UNTRAINED else brief(name)),
        **third, **more,
    )  # fmt: skip
    record = json.loads((tmp_path / "reports" / name / "quick" / "run.json").read_text())
    assert record["finished"] is True and record["dataset"] == "folder"
    if more:
        ways = read_table(tmp_path / "reports" / name / "quick" / "tables" / "foundation.csv")
        assert len(ways) == 6 and ways["abs_rel"].notna().all()
    if third:
        table = read_table(tmp_path / "reports" / name / "quick" / "tables" / "third.csv")
        assert set(table["measured"]) == {"in metres", "aligned"} and record["content"]["third"]
