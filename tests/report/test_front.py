"""What stands first in the report: every number is that of the runs, and bars are as long as their numbers."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

from depthnb import evaluation, metrics, plotting, report, runs
from depthnb.metrics import NAMES
from depthnb.report import boards, front

SCENES = ["a", "a", "b", "b", "c", "c"]
IDS = [f"f{i}" for i in range(6)]


def write(reports, notebook, run, errors, *, aligned=None, seconds=60.0, affine=False, seed=0, **more):
    """A finished run whose six test frames of three scenes have these errors."""
    folder = reports / notebook / run
    folder.mkdir(parents=True)
    rule = metrics.protocol("rooms").with_alignment(evaluation.ALIGNED) if affine else metrics.protocol("rooms")
    mean = float(np.mean(errors))
    blank = {"mean_image": dict.fromkeys(NAMES, 0.4), "mean_depth": dict.fromkeys(NAMES, 0.5)}
    scores = {"test": {**dict.fromkeys(NAMES, 0.3), "abs_rel": mean}}
    opponents = {"test": blank}
    if aligned is not None:
        scores["aligned"], opponents["aligned"] = dict.fromkeys(NAMES, aligned), blank
    record = {
        "notebook": notebook, "run": run, "dataset": "rooms", "finished": True, "seed": seed,
        "params": {"run": run, "seed": seed},
        "protocol": vars(rule), "split_counts": {"train": 1658, "test": 6}, "metrics": scores, "baselines": opponents,
        "parameters": 1_250_000, "training_seconds": seconds, "device": "CPU", "content": {"test": "f00d"}, "steps": 7, **more,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    frames = {"id": IDS, "scene": SCENES, "scene_type": "kitchen", **{name: 0.3 for name in NAMES}, "abs_rel": errors}
    pd.DataFrame(frames).to_csv(folder / "per_image.csv", index=False)
    bands = {"lower": [0.0, 1.0], "upper": [1.0, 2.0], "pixels": [5, 5], **{name: 0.3 for name in metrics.PIXEL_NAMES}}
    pd.DataFrame(bands).to_csv(folder / "by_distance.csv", index=False)
    return folder


@pytest.fixture
def two(reports):
    write(reports, "04_unet", "rooms-full", [0.1, 0.2, 0.1, 0.2, 0.1, 0.2], aligned=0.11, seconds=100.0)
    write(reports, "04_unet", "rooms-full-seed1", [0.1, 0.2, 0.1, 0.2, 0.1, 0.2], aligned=0.13, seconds=100.0, seed=1)
    write(reports, "02_bn_cnn", "rooms-full", [0.5] * 6, seconds=50.0)
    write(reports, "07_midas", "rooms-full", [0.2] * 6, affine=True)
    return reports


def found():
    problems = []
    each = boards.boards(runs.finished(), problems)
    assert problems == []
    return each


def test_there_is_a_board_in_metres_and_one_of_shape(two):
    metres, shape = found()
    assert (metres.title, shape.title) == ("rooms: metres", "rooms: shape alone")
    assert [row.name for row in metres.rows] == ["U-Net", "Mean image", "BN-CNN", "Mean depth"], "ordered by error"
    assert [row.name for row in shape.rows][:2] == ["U-Net", "MiDaS recipe"]
    assert [seed for seed, _ in metres.rows[0].runs] == ["0", "1"]
    assert all((two / address).is_file() for row in metres.rows for _, address in row.runs)


def test_bars_and_their_lines_are_as_long_as_their_numbers(two):
    metres, shape = found()
    for row in metres.rows:  # 0.5 is the longest
        assert row.bar == pytest.approx(100 * row.cells[0].value / 0.5)
    best = metres.rows[0]  # every scene has the mean 0.15, so other scenes change nothing
    assert best.low == pytest.approx(best.bar) and best.high == pytest.approx(best.bar)
    assert best.cells[0].text == "0.150 [0.150, 0.150]"
    spread = shape.rows[0]  # seeds with 0.11 and 0.13
    assert spread.cells[0].value == pytest.approx(0.12)
    assert (spread.high - spread.low) / spread.bar == pytest.approx(2 * np.std([0.11, 0.13], ddof=1) / 0.12)


def test_sentences_say_what_the_runs_say(two):
    asked, best, blank, price, claims = front.sentences(found(), runs.finished(), {"holds": 3, "undecided": 1})
    assert asked == (
        "2 methods learnt depth from 1,658 photographs and were asked about 6 others, of 3 scenes that none of them had seen "
        "(rooms)."
    )
    assert best.startswith(
        "U-Net comes closest: its depth is 15.0 % off on average (95 % interval over scenes: 15.0 % to 15.0 %); "
    )
    assert best.endswith("; BN-CNN follows with 50.0 %.")
    assert blank.endswith("is 40.0 % off. Not 2 % lower: BN-CNN.")
    assert (
        price == "U-Net was trained for 1 min 40 s; the shortest training, BN-CNN with 50.0 %, took 50 s, both on CPU."
    )
    assert claims == "Of 4 claims of the documents and of ours, 3 hold, 1 are undecided."


def test_one_run_alone_and_none_at_all_make_shorter_pages(reports):
    assert front.sentences([], [], {}) == [] and boards.boards([], []) == [] and front.figures([]) == []
    write(reports, "04_unet", "quick", [0.1] * 6)
    said = front.sentences(found(), runs.finished(), {})
    assert said[0].startswith("1 method learnt depth from 1,658 photographs and was asked") and len(said) == 3
    assert front.figures(found()) == [] and front.shown(found()) is None
    page = report.build(reports).read_text()
    assert "Leaderboards" in page and f"<dt>delta1</dt><dd>{boards.HELP['delta1']}</dd>" in page, (
        "not only under a mouse"
    )


def test_nets_judged_elsewhere_are_no_rows_and_no_section(two):
    asked = {
        "net": "04_unet/rooms-full",
        "kind": "metric",
        "trained_on": "rooms",
        "at_home": {"test": {"abs_rel": 0.1}},
    }
    folder = write(two, "04_unet-on-mine", "judged", [0.3] * 6, aligned=0.2, asked=asked)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(
        json.dumps({**record, "dataset": "folder", "params": {"data_root": "path/to/mine"}})
    )
    lines = [
        {"id": name, "scene": scene, "measured": how, "prediction": what, "abs_rel": value}
        for name, scene in zip(IDS, SCENES, strict=True)
        for how in ("direct", "aligned")
        for what, value in (("net", 0.3), ("mean_image", 0.6))
    ]
    (folder / "tables").mkdir()
    pd.DataFrame(lines).to_csv(folder / "tables" / "by_image.csv", index=False)
    assert {row.notebook for board in found() for row in board.ours} == {"04_unet", "02_bn_cnn", "07_midas"}
    text = report.build(two).read_text()
    assert 'aria-label="folder mine, 6 frames of 3 scenes"' in text
    assert '<a href="./04_unet-on-mine/judged/run.json">U-Net</a>' in text
    assert "-50 % [-50, -50]" in text and 'id="04_unet-on-mine"' not in text


def test_a_run_may_score_a_part_of_its_split_but_not_lose_a_row(two):
    """08 paints some of the test frames."""
    folder = write(two, "08_style_transfer", "quick", [0.3] * 6, split_counts={"test": 121}, scored=6)
    assert "08_style_transfer" in {row.notebook for board in found() for row in board.ours}
    cut = (folder / "per_image.csv").read_text().splitlines()[:-1]
    (folder / "per_image.csv").write_text("\n".join(cut))
    text = report.build(two).read_text()
    assert "08_style_transfer/quick is damaged and left out (ValueError: per_image.csv has 5 rows, and 6 frames" in text


def test_a_run_that_lost_a_file_is_named_once_and_the_others_stay(two):
    (two / "02_bn_cnn" / "rooms-full" / "per_image.csv").unlink()
    text = report.build(two).read_text()
    assert text.count("02_bn_cnn/rooms-full is damaged and left out") == 1
    assert "1 method learnt" in text


def test_claims_are_sorted_by_their_verdict():
    table = pd.DataFrame(
        {"claim": ["a", "b", "c"], "here": ["x", None, "z"], "verdict": ["undecided", "holds", "strange"]}
    )
    parts = front.findings({"04_unet": table, "05_densenet": table.drop(columns="here")})
    assert list(parts) == ["holds", "undecided", "strange"] and parts["holds"] == [("04_unet", "b", "")]


def test_photographs_are_those_that_the_run_kept_in_the_order_of_its_ranking(reports):
    from depthnb import data

    test = data.open("rooms", split="test")
    kept = evaluation.kept_frames(len(test))
    names = [test.frames["id"].iloc[index] for index in kept]
    folder = write(reports, "04_unet", "rooms-full", [0.1] * 6)
    frames = test.frames.assign(abs_rel=np.linspace(0.1, 0.5, len(test)))[["id", "scene", "scene_type", "abs_rel"]]
    frames.to_csv(folder / "per_image.csv", index=False)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "split_counts": {"test": len(test)}}))
    flat = {name: torch.full((1, 12, 16), 2.0) for name in names}
    evaluation.Evaluation(metrics.protocol("rooms"), {}, None, None, flat).save_predictions(folder / "predictions.npz")
    shown = front.shown(found())
    errors = [float(re.search(r"(\d+) % off", pair.title)[1]) for pair in shown.pairs]
    expected = [100 * frames["abs_rel"].iloc[kept[place]] for place in (2, 6, 10)]
    assert errors == [round(value) for value in expected] and errors == sorted(errors)
    assert (shown.pairs[0].photo.width, shown.pairs[0].photo.height) == (320, 240)
    assert 0 < shown.near < shown.far < 10 and len(shown.colours) == 9
    low, high = (
        plotting.depth_colours(np.full((1, 1, 1), end, np.float32), limits=(shown.near, shown.far))[0]
        for end in (shown.near, shown.far)
    )
    assert shown.colours[0] == "rgb({:.0f},{:.0f},{:.0f})".format(*(255 * low[0, 0]))
    assert shown.colours[-1] == "rgb({:.0f},{:.0f},{:.0f})".format(*(255 * high[0, 0]))
