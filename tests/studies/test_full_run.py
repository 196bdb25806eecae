"""What a full run drew stands beside a shorter one's pictures, and only there."""

import json
from dataclasses import asdict
from types import SimpleNamespace

import data_fixtures
import finished_runs
import pytest
import torch

from depthnb import data, evaluation, metrics, models
from depthnb.studies import full_run

NOTEBOOK = "06_hma"


@pytest.fixture
def test(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "set"
    root.mkdir()
    data_fixtures.write_folder(root, {"a": "train", "b": "val", "c": "test", "d": "test"})
    return data.open("folder", root, "test", size=(12, 16))


@pytest.fixture
def scored(test):
    return evaluation.evaluate(torch.full((4, 1, 12, 16), 2.5), test, protocol="rooms")


@pytest.fixture
def full(reports, scored):
    """A finished full run on that folder, which kept its predictions: 2.5 m everywhere."""
    finished_runs.finish(reports, NOTEBOOK, "rooms-full", 0, dataset="folder", made=1234)
    folder = reports / NOTEBOOK / "rooms-full"
    scored.save_predictions(folder / "predictions.npz")
    return folder


def run(name="quick", notebook=NOTEBOOK, **parameters):
    return SimpleNamespace(notebook=notebook, parameters={"run": name, **parameters})


def test_the_full_run_s_predictions_come_at_the_size_of_the_frames(full, test):
    (label, preds), *others = full_run.drawn(run(), test, [0, 3]).items()
    assert label == "full run, 1234 steps" and not others
    assert preds.shape == (2, 1, 24, 32) and torch.allclose(preds, torch.tensor(2.5), rtol=0.005)


@pytest.mark.parametrize(
    "one", [run("rooms-full"), run("rooms-full-seed3"), run(weights="shipped"), run(notebook="04_unet")]
)
def test_nothing_stands_beside_a_full_run_its_own_net_or_another_notebook(full, test, one):
    assert full_run.drawn(one, test, [0, 3]) == {}


def test_a_run_on_other_data_does_not_count(full, test):
    record = json.loads((full / "run.json").read_text())
    (full / "run.json").write_text(json.dumps({**record, "dataset": "rooms"}))
    assert full_run.drawn(run(), test, [0]) == {}


def test_the_seed_that_kept_its_pictures_is_taken_and_damaged_ones_are_passed_over(full, reports, scored, test):
    finished_runs.finish(reports, NOTEBOOK, "rooms-full-seed1", 1, dataset="folder", made=99)
    (full / "predictions.npz").write_bytes(b"PK damaged")
    assert full_run.drawn(run(), test, [0]) == {}
    scored.save_predictions(reports / NOTEBOOK / "rooms-full-seed1" / "predictions.npz")
    assert list(full_run.drawn(run(), test, [0])) == ["full run, 99 steps"]


def test_frames_that_no_full_run_kept_show_nothing(full, test):
    kept = evaluation.load_predictions(full / "predictions.npz")
    kept.pop(test.frames["id"].iloc[3])
    evaluation.Evaluation(metrics.protocol("rooms"), {}, None, None, kept).save_predictions(full / "predictions.npz")
    assert full_run.drawn(run(), test, [0, 3]) == {}
    assert full_run.drawn(run(), test, [0, 2])


def test_the_net_at_hand_is_shown_where_no_full_net_is(full, test, scored):
    net = torch.nn.Identity()
    assert full_run.best_net(run(), net, test, scored) == (net, test, scored, "Shown is the net of this run.")


def test_the_full_net_is_shown_at_its_own_size_with_its_own_scores(full, test, scored):
    torch.manual_seed(0)
    net = models.BNCNN(width=4, depth=2)
    models.save(net, full / models.WEIGHTS)
    record = json.loads((full / "run.json").read_text())
    rule = asdict(metrics.protocol("rooms"))
    (full / "run.json").write_text(json.dumps({**record, "protocol": rule, "size": [24, 32]}))
    shown, frames, own, said = full_run.best_net(run(), torch.nn.Identity(), test, scored, root=test.root)
    assert isinstance(shown, models.BNCNN) and "1234 steps" in said and "06_hma/rooms-full" in said
    assert frames[0]["image"].shape[-2:] == (24, 32) and len(own.per_image) == len(test)
    again = evaluation.evaluate(shown, frames)
    assert own.summary == again.summary


def test_best_median_and_worst_may_be_asked_for_among_some_frames(scored):
    order = scored.per_image["abs_rel"].sort_values(kind="stable").index.tolist()
    assert scored.ranked() == (order[0], order[2], order[3])
    assert scored.ranked(among=order[1:]) == (order[1], order[2], order[3])
    assert scored.ranked(among=order[2:3]) == (order[2],) * 3
