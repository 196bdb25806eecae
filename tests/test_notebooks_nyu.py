"""Every training notebook runs by papermill on NYU V2's file, from a foreign directory."""

import json
from pathlib import Path

import pytest
import torch
from data_fixtures import write_nyu_v2
from notebook_runs import ROOT, TRAINING, brief, papermill

from depthnb import data
from depthnb.data import transforms
from depthnb.data.readers import nyu_v2

FRAMES = 24  # the first of the official list: 15 of training scenes, 9 of test scenes


@pytest.fixture(scope="module")
def nyu_file(tmp_path_factory) -> Path:
    """Embedded frames at 640x480 in the layout of NYU V2's labelled .mat, under names of its own scenes."""
    rooms = data.open("rooms", split="all").subset(FRAMES)
    frames = []
    for i in range(FRAMES):
        frame = transforms.resize(rooms[i], (480, 640))
        raw = torch.where(frame["valid"], frame["depth"], torch.zeros(()))[0].numpy()
        image = (frame["image"] * 255).round().to(torch.uint8).numpy()
        frames.append({"image": image, "raw": raw, "filled": frame["depth"][0].numpy()})
    chosen = nyu_v2.official_index().iloc[:FRAMES]
    file = tmp_path_factory.mktemp("nyu") / nyu_v2.FILE
    return write_nyu_v2(file, frames, chosen["scene"].tolist(), chosen["scene_type"].tolist())


@pytest.mark.parametrize("name", [file.stem for file in TRAINING])
def test_runs_on_nyu_v2_from_a_foreign_directory(name, nyu_file, tmp_path):
    papermill(
        ROOT / f"notebooks/{name}.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports",
        dataset="nyu-v2", data_root=nyu_file, height=64, width=96, **brief(name),
    )  # fmt: skip
    record = json.loads((tmp_path / "reports" / name / "quick" / "run.json").read_text())
    assert record["finished"] is True and record["dataset"] == "nyu-v2" and record["params"]["epochs"] == 1
    assert record["protocol"]["name"].startswith("nyu-eigen") and 0 < record["metrics"]["test"]["abs_rel"] < 100
    assert str(tmp_path) not in json.dumps({k: v for k, v in record.items() if k not in ("params", "command")})
