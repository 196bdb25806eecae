"""What decides a claim between several trainings: their spread over seeds, and nothing where there is none."""

import json

import pytest

from depthnb import evidence, runs


def finish(folder, name, seed, value, **params):
    """A finished sweep run of notebook 06_hma that scored `value`."""
    run = f"sweep-{name}-{seed}"
    record = {
        "notebook": "06_hma", "run": run, "finished": True, "parameters": 1000, "metrics": {"test": {"abs_rel": value}},
        "params": {"scales": 4, "attention": "masks", "run": run, "seed": seed, "device": "auto", **params},
    }  # fmt: skip
    (folder / "06_hma" / run).mkdir(parents=True)
    (folder / "06_hma" / run / runs.RECORD).write_text(json.dumps(record))


@pytest.fixture
def swept(reports):
    for seed, value in enumerate((0.30, 0.31, 0.29)):
        finish(reports, "base", seed, value)
        finish(reports, "scales-3", seed, value + 0.03, scales=3)
        finish(reports, "scales-5", seed, value - 0.005, scales=5)
    finish(reports, "both", 0, 0.2, scales=5, attention="average")
    return reports


def test_an_ablation_is_one_line_per_change_and_the_base_comes_first(swept):
    table = evidence.ablations("06_hma")
    assert table["changed"].tolist() == ["(base)", "scales=5, attention=average", "scales=5", "scales=3"]
    assert table["seeds"].tolist() == [3, 1, 3, 3]
    assert table["mean"].tolist() == pytest.approx([0.30, 0.2, 0.295, 0.33])
    assert table["apart"].tolist() == [None, None, False, True]
    worse = table.iloc[-1]
    assert (worse["low"], worse["high"], worse["change"]) == pytest.approx((0.32, 0.34, 0.1))


def test_the_sentence_parts_what_is_larger_than_the_spread_from_what_is_not(swept):
    assert evidence.ablations_said(evidence.ablations("06_hma")) == (
        "Larger than the spread of the seeds: scales=3 (+10 %); within it: scales=5 (-2 %); "
        "not decided, with one seed: scales=5, attention=average (-33 %)."
    )


def test_without_sweep_runs_the_table_is_empty_and_the_sentence_says_what_to_do(reports):
    assert evidence.ablations("06_hma").empty
    assert "make sweep" in evidence.ablations_said(evidence.ablations("06_hma"))


def test_a_base_alone_is_compared_with_nothing(reports):
    finish(reports, "base", 0, 0.3)
    assert "only the base" in evidence.ablations_said(evidence.ablations("06_hma"))


def test_other_runs_and_unfinished_ones_do_not_take_part(swept):
    (swept / "06_hma" / "sweep-scales-3-0").rename(swept / "06_hma" / "elsewhere")  # counts by what it holds
    record = json.loads((swept / "06_hma" / "elsewhere" / runs.RECORD).read_text())
    (swept / "06_hma" / "elsewhere" / runs.RECORD).write_text(json.dumps({**record, "run": "rooms-full"}))
    last = swept / "06_hma" / "sweep-scales-3-2" / runs.RECORD
    last.write_text(json.dumps({**json.loads(last.read_text()), "finished": False}))
    row = evidence.ablations("06_hma").set_index("changed").loc["scales=3"]
    assert (row["seeds"], row["apart"]) == (1, None)


def test_a_comparison_needs_two_seeds_and_says_whether_the_ranges_overlap(swept):
    fewer = evidence.compare("06_hma", "scales", 4, 3, claim="fewer scales are worse", sign=1)
    assert fewer["verdict"] == evidence.HOLDS and "(+10 %) over 3 seeds; larger than the spread" in fewer["here"]
    more = evidence.compare("06_hma", "scales", 4, 5, claim="more scales help", sign=-1)
    assert more["verdict"] == evidence.UNDECIDED and "within the spread, 8 % at most" in more["here"]


@pytest.mark.parametrize(("noise", "verdict"), [(0.001, evidence.FAILS), (0.01, evidence.UNDECIDED)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_within_the_spread_a_claim_fails_only_where_there_is_no_room_for_it(reports, noise, verdict, sign):
    for seed, luck in enumerate((-noise, 0, noise)):
        finish(reports, "base", seed, 0.3 + luck)
        finish(reports, "scales-5", seed, 0.3005 - luck, scales=5)
    assert evidence.compare("06_hma", "scales", 4, 5, claim="scales matter", sign=sign)["verdict"] == verdict


@pytest.mark.parametrize(
    "pairs, expected",
    [
        ([(0.200, 0.201), (0.203, 0.202)], evidence.HOLDS),
        ([(0.20, 0.21), (0.30, 0.29)], evidence.UNDECIDED),  # equal means, but seeds that differ by half
        ([(0.20, 0.25), (0.21, 0.26)], evidence.FAILS),
        ([(0.20, 0.20), (0.21, 0.21)], evidence.UNTESTED),  # such as a decay that never set in
    ],
)
def test_hardly_needs_runs_that_differ_as_little_as_their_means(reports, pairs, expected):
    for seed, (before, after) in enumerate(pairs):
        finish(reports, "base", seed, before)
        finish(reports, "scales-5", seed, after, scales=5)
    assert evidence.compare("06_hma", "scales", 4, 5, claim="scales hardly matter", sign=0)["verdict"] == expected


def test_one_seed_decides_nothing(reports):
    finish(reports, "base", 0, 0.3)
    finish(reports, "scales-3", 0, 0.4, scales=3)
    said = evidence.compare("06_hma", "scales", 4, 3, claim="fewer scales are worse", sign=1)
    assert said["verdict"] == "not tested here" and "one seed only" in said["here"]
