"""Notebook 09's claims: what the references prove, and how pairs of runs over seeds decide."""

import json
from pathlib import Path

import pandas as pd
import pytest

from depthnb import evidence
from depthnb.evaluation import Evaluation
from depthnb.studies.gan import ALONE, GAN, MEASURES, checked, over_frames, over_seeds, precedents


def write(reports: Path, run: str, seed: int, gan: float, alone: float | None = None, **params) -> None:
    folder = reports / "09_gan" / run
    folder.mkdir(parents=True)
    both = {GAN: dict.fromkeys(MEASURES, gan), **({} if alone is None else {ALONE: dict.fromkeys(MEASURES, alone)})}
    content = {
        "run": run, "dataset": "rooms", "seed": seed, "finished": True, "with_and_without": both,
        "params": {"run": run, "seed": seed, "epochs": 9, **params}, "metrics": {"test": both[GAN]},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(content))


def table(measures=None, seeds=None, signs=None):
    empty = pd.DataFrame(columns=["abs_rel", "rmse", "delta1"])
    tests = {GAN: Evaluation("rooms", {"abs_rel": 0.3, "rmse": 1.0, "delta1": 0.5}, empty, empty, {})}
    if measures is None:
        measures = pd.DataFrame({GAN: dict.fromkeys(MEASURES, 0.3)}).T
    signs = pd.DataFrame(signs or [sign()])
    frame = checked(
        tests=tests, opponents={}, signs=signs, measures=measures, seeds=over_seeds("rooms") if seeds is None else seeds
    )
    return frame.set_index("claim")


def sign(training=GAN, *, won=False, collapsed=False, share=0.6):
    return {
        "training": training, "true recognised": share, "predicted recognised": share, "discriminator has won": won,
        "memorised": 0.0, "adversarial loss, last / first": 1.0, "variation": 0.1 if collapsed else 0.8, "collapsed": collapsed,
    }  # fmt: skip


def one(frame, words):
    found = frame[frame.index.str.contains(words, regex=False)]
    assert len(found) == 1, f"{words}: {list(frame.index)}"
    return found.iloc[0]


def test_the_references_are_those_of_the_documents(reports):
    frame = precedents()
    assert frame[["cited by document", "as", "year"]].values.tolist() == [["003", "[11]", 2017], ["001", "[5]", 2018]]
    assert frame.iloc[:, -1].all()
    line = one(table(), "have not been used")
    assert line["verdict"] == evidence.FAILS and "2 of 2 are older than 000's own reference [9] of 2020" in line["here"]


def test_without_runs_over_seeds_nothing_is_decided(reports):
    assert over_seeds("rooms").empty
    line = one(table(), "lower errors")
    assert line["verdict"] == "not tested here" and "needs finished rooms-full runs" in line["here"]
    write(reports, "rooms-full", 0, 0.2, 0.3)
    assert one(table(), "lower errors")["verdict"] == "not tested here", "one seed is none"


@pytest.mark.parametrize(
    ("gan", "alone", "error", "edge", "word"),
    [
        ((0.20, 0.21, 0.22), (0.30, 0.31, 0.32), evidence.HOLDS, evidence.FAILS, "larger than"),
        ((0.30, 0.31, 0.32), (0.20, 0.21, 0.22), evidence.FAILS, evidence.HOLDS, "larger than"),
        (
            (0.20, 0.23, 0.26),
            (0.22, 0.25, 0.28),
            evidence.HOLDS,
            evidence.FAILS,
            "larger than",
        ),  # the seeds differ by more
        ((0.20, 0.26, 0.22), (0.25, 0.21, 0.32), evidence.UNDECIDED, evidence.UNDECIDED, "within"),
        # one sign, and a mean of 2.7 standard errors: with three pairs that is chance once in nine times
        ((0.2146, 0.2036, 0.2079), (0.2, 0.2, 0.2), evidence.UNDECIDED, evidence.UNDECIDED, "within"),
    ],
)
def test_pairs_over_seeds_decide_by_their_differences(reports, gan, alone, error, edge, word):
    for seed, (with_, without) in enumerate(zip(gan, alone, strict=True)):
        write(reports, f"rooms-full-seed{seed}", seed, with_, without)
    frame = table()
    assert one(frame, "lower errors")["verdict"] == error
    assert one(frame, "better looking")["verdict"] == edge
    assert word in one(frame, "lower errors")["here"] and "over 3 seeds" in one(frame, "lower errors")["here"]
    found = over_seeds("rooms").set_index("measure").loc["abs_rel"]
    assert found["difference"] == pytest.approx(sum(gan) / 3 - sum(alone) / 3)
    assert found[GAN].startswith(f"{sum(gan) / 3:.3f} [{min(gan):.3f}")


def test_runs_of_other_settings_presets_and_data_stay_out(reports):
    for seed in (0, 1):
        write(reports, f"rooms-full-seed{seed}", seed, 0.2, 0.3)
    write(reports, "rooms-full-other", 2, 0.9, 0.1, epochs=10)
    write(reports, "quick", 3, 0.9, 0.1)
    write(reports, "rooms-full-seed4", 4, 0.9)  # trained without its twin
    found = over_seeds("rooms").set_index("measure").loc["abs_rel"]
    assert found["seeds"] == 2 and found[GAN].startswith("0.200")
    assert over_seeds("streets").empty


def test_failure_signs_and_the_spectator(reports):
    frame = table(signs=[sign(won=True, collapsed=True, share=0.97), sign(ALONE, share=0.9)])
    assert one(frame, "neither player")["verdict"] == one(frame, "does not collapse")["verdict"] == evidence.FAILS
    frame = table(signs=[sign(share=0.6), sign(ALONE, share=0.9)])
    assert {one(frame, words)["verdict"] for words in ("neither player", "does not collapse")} == {evidence.HOLDS}
    told = one(frame, "harder to tell")
    assert told["verdict"] == evidence.UNDECIDED and "90% where nobody listens, 60%" in told["here"]
    coin = one(table(signs=[sign(share=0.5), sign(ALONE, share=0.9)]), "neither player")
    assert coin["verdict"] == evidence.FAILS, "a discriminator that tosses a coin is no opponent"


def test_this_run_is_named_beside_the_verdict(reports):
    measures = pd.DataFrame({GAN: dict.fromkeys(MEASURES, 0.25), ALONE: dict.fromkeys(MEASURES, 0.35)}).T
    assert "this run: 0.250 with, 0.350 without" in one(table(measures), "lower errors")["here"]


def test_frames_of_one_scene_are_one_witness():
    """Scene a gains 0.2 (0.1 and 0.3), b and c gain 0.1 each; d has no edge at all."""

    def evaluation(abs_rel, edges):
        frame = pd.DataFrame({"scene": list("aabcd"), "abs_rel": abs_rel, "edge_f1_025": edges})
        return Evaluation("rooms", {}, frame, frame, {})

    nan = float("nan")
    tests = {
        GAN: evaluation([0.2, 0.2, 0.3, 0.3, 0.3], [0.5, 0.3, 0.2, 0.4, nan]),
        ALONE: evaluation([0.3, 0.5, 0.4, 0.4, 0.3], [0.3, 0.5, 0.2, 0.4, nan]),
    }
    found = over_frames(tests).set_index("measure")
    gains = pd.Series([-0.2, -0.1, -0.1, 0.0])
    line = found.loc["abs_rel"]
    assert [line["difference"], line["low"]] == pytest.approx([-0.1, -0.1 - gains.std()])  # 2 / sqrt(4)
    assert line["scenes"] == 4 and line["high"] < 0 and line["beyond chance"]
    assert found.loc["edge_f1_025", "scenes"] == 3 and not found.loc["edge_f1_025", "beyond chance"]
    assert over_frames({GAN: tests[GAN]}).empty
