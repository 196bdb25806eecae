"""What several trainings decide: pairs of seeds, nets that have learnt, and nothing where either is missing."""

import json

import pytest

from depthnb import evidence, runs
from depthnb.evidence import trainings

MEAN_IMAGE = 0.40


def finish(folder, run, seed, value, *, nets=None, notebook="06_hma", data=None, content=None, **params):
    """A finished run that scored `value`, beside a mean image with an abs_rel of `MEAN_IMAGE`."""
    record = {
        "notebook": notebook,
        "run": run,
        "seed": seed,
        "dataset": params.get("dataset", "rooms"),
        "data": data or {"test": "f00d"},
        "content": content or {},
        "finished": True,
        "parameters": 1000,
        "steps": 70 * params.get("epochs", 10),
        "metrics": {"test": {"abs_rel": value, "edge_f1_025": 0.5 - value}},
        "baselines": {"test": {"mean_image": {"abs_rel": MEAN_IMAGE}}},
        "nets": nets,
        "params": {"scales": 4, "attention": "masks", "epochs": 10, "run": run, "seed": seed, **params},
    }
    (folder / notebook / run).mkdir(parents=True)
    (folder / notebook / run / runs.RECORD).write_text(json.dumps(record))


def line(folder, name, values, *, doubled=True, **params):
    """Runs of one line with several seeds, and the first one once more with twice the epochs."""
    for seed, value in enumerate(values):
        run = f"rooms-full-seed{seed}" if name == "base" else f"ablation-{name}-{seed}"
        finish(folder, run, seed, value, **params)
    if doubled and values:
        name = "full" if name == "base" else name
        twice = {**params, "epochs": 2 * params.get("epochs", 10)}
        finish(folder, f"ablation-{name}-doubled-0", 0, values[0], **twice)


BASE = (0.300, 0.310, 0.290, 0.305, 0.295)


def between(change, direction=evidence.LOWER, **options):
    before = {key: {"scales": 4, "attention": "masks"}[key] for key in change}
    options = {"claim": "it helps", "dataset": "rooms", **options}
    return evidence.between("06_hma", before, change, direction=direction, **options)


def decided(*claims):
    return evidence.decide(claims)["verdict"].tolist()


def test_a_change_that_every_seed_shows_holds_or_does_not(reports):
    line(reports, "base", BASE)
    line(reports, "scales-3", [0.9 * value for value in BASE[:4]] + [0.91 * BASE[4]], scales=3)
    claim = between({"scales": 3})
    assert claim.effect.change == pytest.approx(-9.8, abs=0.1) and claim.steps == "700"
    table = evidence.decide([claim, between({"scales": 3}, evidence.HIGHER)])
    assert table["verdict"].tolist() == ["holds", "does not hold"]
    assert (
        "0.300 -> 0.271: -9.8 % [" in table["here"][0]
        and "5 seeds" in table["here"][0]
        and "700 steps" in table["here"][0]
    )


def test_seeds_are_paired_and_not_their_ranges(reports):
    """The seeds differ by 20 %, every pair by 5 %: the ranges overlap, and the change is seen all the same."""
    wide = (0.24, 0.26, 0.28, 0.30, 0.32)
    line(reports, "base", wide)
    line(reports, "scales-3", [0.95 * value + 0.0005 * (i % 2) for i, value in enumerate(wide)], scales=3)
    assert decided(between({"scales": 3})) == ["holds"]


def test_differences_of_chance_are_undecided_and_tiny_ones_do_not_matter(reports):
    line(reports, "base", BASE)
    line(reports, "scales-3", (0.31, 0.29, 0.30, 0.29, 0.31), scales=3)
    line(reports, "scales-5", [value * (1 + 0.002 * (i % 2)) for i, value in enumerate(BASE)], scales=5)
    assert decided(between({"scales": 3}), between({"scales": 5})) == ["undecided", "no difference that matters"]
    assert decided(between({"scales": 5}, evidence.EQUAL)) == ["holds"]


def test_many_comparisons_are_corrected_for(reports):
    line(reports, "base", BASE)
    line(reports, "scales-3", [v * f for v, f in zip(BASE, (0.90, 0.97, 0.88, 0.95, 0.96), strict=True)], scales=3)
    claim = between({"scales": 3})
    assert 0.01 < claim.effect.p < 0.05
    assert decided(claim) == ["holds"]
    assert set(decided(*[claim] * 6)) == {"undecided"}


def test_more_frames_to_learn_from_are_an_ablation_on_the_same_test_frames(reports):
    for seed, value in enumerate(BASE):
        same = {"data": {"train": "f00d", "test": "f00d"}, "content": {"train": "a", "test": "c"}}
        finish(reports, f"rooms-full-seed{seed}", seed, value, dataset="rooms", **same)
        more = {"data": {"train": "beef", "test": "beef"}, "content": {"train": "ab", "test": "c"}}
        finish(reports, f"ablation-more-{seed}", seed, 0.9 * value + 0.001 * (seed % 2), dataset="rooms+more", **more)
    claim = evidence.between(
        "06_hma",
        {"dataset": "rooms"},
        {"dataset": "rooms+more"},
        claim="",
        direction=evidence.LOWER,
        dataset="rooms",
    )
    assert claim.effect.pairs == 5 and claim.effect.change == pytest.approx(-9.8, abs=0.2)
    table = evidence.ablations("06_hma")
    assert table["changed"].tolist() == ["(base)", "dataset=rooms+more"] and table["seeds"].tolist() == [5, 5]
    more["content"]["test"] = "d"  # other test frames: beside nothing
    finish(reports, "ablation-others-0", 0, 0.1, dataset="rooms+more", **more)
    assert len(evidence.ablations("06_hma")) == 2


@pytest.mark.parametrize("seeds_of_it", [0, 1])
def test_one_seed_or_none_decides_nothing(reports, seeds_of_it):
    line(reports, "base", BASE)
    line(reports, "scales-3", BASE[:seeds_of_it], scales=3)
    claim = between({"scales": 3})
    assert claim.verdict == "not tested here" and "make evidence" in claim.here


def test_under_trained_nets_do_not_testify(reports):
    line(reports, "base", [value + 0.08 for value in BASE])
    line(reports, "scales-3", [value + 0.07 for value in BASE], scales=3)
    claim = between({"scales": 3})
    assert claim.verdict == "not tested here"
    assert "under-trained after 700 steps: the better side has abs_rel 0.370, the mean image 0.400" in claim.here
    assert between({"scales": 3}, margin=5.0).effect is not None


def test_twice_the_steps_must_keep_the_sign(reports):
    line(reports, "base", BASE, doubled=False)
    line(reports, "scales-3", [0.9 * value + 0.001 * (i % 2) for i, value in enumerate(BASE)], doubled=False, scales=3)
    table = evidence.decide([between({"scales": 3})])
    assert table["verdict"][0] == "not tested here" and "needs one seed with twice the steps" in table["here"][0]
    finish(reports, "ablation-full-doubled-0", 0, 0.250, epochs=20)
    finish(reports, "ablation-scales-3-doubled-0", 0, 0.260, scales=3, epochs=20)
    table = evidence.decide([between({"scales": 3})])
    assert table["verdict"][0] == "not tested here"
    assert "twice the steps: +4.0 %, so the nets are under-trained" in table["here"][0]
    assert decided(between({"scales": 3}, evidence.EQUAL)) == ["not tested here"]
    (reports / "06_hma" / "ablation-scales-3-doubled-0" / runs.RECORD).unlink()
    finish(reports, "ablation-scales-3-doubled-1", 0, 0.240, scales=3, epochs=20)
    table = evidence.decide([between({"scales": 3})])
    assert table["verdict"][0] == "holds" and table["here"][0].endswith("; twice the steps: -4.0 %")


def test_small_effects_need_no_longer_training(reports):
    line(reports, "base", BASE, doubled=False)
    line(reports, "scales-3", [value * (1 + 0.002 * (i % 2)) for i, value in enumerate(BASE)], doubled=False, scales=3)
    assert decided(between({"scales": 3})) == ["no difference that matters"]
    assert decided(between({"scales": 3}, evidence.EQUAL)) == ["holds"]


def test_not_higher_is_true_of_what_falls_and_of_what_stays(reports):
    line(reports, "base", BASE)
    line(reports, "scales-3", [0.95 * value + 0.0005 * (i % 2) for i, value in enumerate(BASE)], scales=3)
    line(reports, "scales-5", [1.05 * value + 0.0005 * (i % 2) for i, value in enumerate(BASE)], scales=5)
    line(reports, "scales-6", [value * (1 + 0.002 * (i % 2)) for i, value in enumerate(BASE)], scales=6)
    claims = [between({"scales": n}, how) for how in (evidence.NOT_HIGHER, evidence.NOT_LOWER) for n in (3, 5, 6)]
    assert decided(*claims) == ["holds", "does not hold", "holds", "does not hold", "holds", "holds"]


def test_four_seeds_are_no_finding(reports):
    line(reports, "base", BASE[:4])
    line(reports, "scales-3", [0.9 * value + 0.001 * (i % 2) for i, value in enumerate(BASE[:4])], scales=3)
    table = evidence.decide([between({"scales": 3})])
    assert table["verdict"][0] == "undecided" and "4 seeds of 5" in table["here"][0]


def test_a_number_that_falls_to_nought_is_a_large_effect(reports):
    line(reports, "base", BASE)
    line(reports, "scales-3", [0.5 - 1e-9 * i for i in range(5)], scales=3)  # edge F1 is 0.5 less the error
    for seed in range(5):
        file = reports / "06_hma" / f"ablation-scales-3-{seed}" / runs.RECORD
        record = json.loads(file.read_text())
        record["metrics"]["test"] |= {"edge_f1_025": 0.0, "abs_rel": 0.3}
        file.write_text(json.dumps(record))
    claim = between({"scales": 3}, measure="edge_f1_025")
    assert claim.effect.pairs == 5 and claim.effect.change < -99


def test_another_data_set_decides_nothing_here(reports):
    line(reports, "base", BASE)
    line(reports, "scales-3", [0.9 * value for value in BASE], scales=3)
    claim = between({"scales": 3}, dataset="streets")
    assert claim.verdict == "not tested here" and "needs full runs on streets" in claim.here


@pytest.mark.parametrize(
    "what", [{"device": "NVIDIA H200 (1)"}, {"inputs": {"pretrained": "0a1b"}}, {"precision": "bf16-mixed"}]
)
def test_runs_of_other_machines_or_files_are_not_paired(reports, what):
    line(reports, "base", BASE)
    line(reports, "scales-3", [0.9 * value for value in BASE], scales=3)
    for seed in range(5):
        file = reports / "06_hma" / f"ablation-scales-3-{seed}" / runs.RECORD
        file.write_text(json.dumps(json.loads(file.read_text()) | what))
    assert between({"scales": 3}).verdict == "not tested here"


def test_runs_are_paired_by_the_precision_that_was_computed_not_by_the_one_asked_for(reports):
    for seed, value in enumerate(BASE):
        finish(reports, f"rooms-full-seed{seed}", seed, value, scales=4, precision="auto")
        finish(
            reports, f"ablation-scales-3-{seed}", seed, 0.9 * value + 0.001 * (seed % 2), scales=3, precision="32-true"
        )
    assert between({"scales": 3}).effect.pairs == 5, "auto was 32 bits on that machine"


def test_a_run_of_before_a_parameter_has_the_value_that_was_then(reports, monkeypatch):
    finish(reports, "rooms-full", 0, 0.2, scales=4)
    finish(reports, "rooms-full-seed1", 1, 0.2, scales=4, fusion="sum")
    assert len(trainings.full("06_hma", "rooms")) == 1
    monkeypatch.setitem(trainings.LATER, "06_hma", {"fusion": "sum"})
    assert len(trainings.full("06_hma", "rooms")) == 2
    monkeypatch.setitem(trainings.LATER, "06_hma", {"fusion": "mean"})
    assert len(trainings.full("06_hma", "rooms")) == 1


def test_an_encoder_with_found_weights_is_compared_with_the_plain_one(reports):
    def of(kind):
        return {"kind": kind, "detail": "", "content": ""}

    for seed, value in enumerate(BASE):
        for run, encoder, kind, error in (
            ("rooms-full-seed", "plain", "none", value),
            ("ablation-resnet-", "resnet18", "imagenet", 0.8 * value + 0.001 * (seed % 2)),
        ):
            finish(reports, f"{run}{seed}", seed, error, encoder=encoder, pretrained="auto")
            file = reports / "06_hma" / f"{run}{seed}" / runs.RECORD
            file.write_text(json.dumps(json.loads(file.read_text()) | {"origin": of(kind)}))
    options = {"claim": "", "direction": evidence.LOWER, "dataset": "rooms"}
    claim = evidence.between("06_hma", {"encoder": "plain"}, {"encoder": "resnet18"}, **options)
    assert claim.effect.pairs == 5 and "(ImageNet weights)" in claim.here
    for seed in range(5):  # the same, out of a file
        file = reports / "06_hma" / f"ablation-resnet-{seed}" / runs.RECORD
        file.write_text(json.dumps(json.loads(file.read_text()) | {"inputs": {"pretrained": "0a1b2c"}}))
    claim = evidence.between("06_hma", {"encoder": "plain"}, {"encoder": "resnet18"}, **options)
    assert claim.effect.pairs == 5


def test_a_change_that_never_took_effect_is_not_tested(reports):
    line(reports, "base", BASE)
    line(reports, "average", BASE, attention="average")
    table = evidence.decide([between({"attention": "average"}, evidence.EQUAL)])
    assert table["verdict"][0] == "not tested here" and "never took effect" in table["here"][0]


def test_several_parameters_may_change_together(reports):
    line(reports, "base", BASE)
    line(reports, "both", [0.8 * v + 0.001 * i for i, v in enumerate(BASE)], scales=5, attention="average")
    line(reports, "other", BASE, scales=5)
    assert between({"scales": 5, "attention": "average"}).effect.pairs == 5
    one = between({"attention": "average"})
    assert "0.300 -> 0.242" in one.here, "beside the run that differs in the attention alone: the one with five scales"


def test_other_frames_are_not_compared(reports):
    line(reports, "base", BASE)
    line(reports, "scales-3", [0.9 * value for value in BASE], scales=3)
    for seed in range(5):
        file = reports / "06_hma" / f"ablation-scales-3-{seed}" / runs.RECORD
        file.write_text(file.read_text().replace("f00d", "beef"))
    assert between({"scales": 3}).verdict == "not tested here"


def full(folder, values, *, longer=None, **options):
    """Full runs that each trained an HMA-Depth and a rival: abs_rel by seed, and after twice the steps (`longer`)."""
    for seed, (own, rival) in enumerate(values):
        nets = {"HMA-Depth": {"abs_rel": own, "steps": 700}, "rival": {"abs_rel": rival, "steps": 700}}
        finish(folder, "rooms-full" + (f"-seed{seed}" if seed else ""), seed, own, nets=nets, **options)
    own, rival = longer or values[0]
    nets = {"HMA-Depth": {"abs_rel": own, "steps": 1400}, "rival": {"abs_rel": rival, "steps": 1400}}
    finish(folder, "ablation-full-doubled-0", 0, own, nets=nets, epochs=20, **options)


def within(**options):
    names = {"before": "rival", "after": "HMA-Depth", "claim": "masks help", "direction": evidence.LOWER}
    return evidence.within("06_hma", dataset="rooms", **names, **options)


def test_two_nets_of_the_same_runs(reports):
    full(reports, [(0.9 * value + 0.001 * (i % 2), value) for i, value in enumerate(BASE)])
    claim = within()
    assert claim.effect.pairs == 5 and claim.steps == "700" and decided(claim) == ["holds"]
    assert within(measure="sharpness").verdict == "not tested here", "no run has that number"


def test_an_ablation_of_twice_the_epochs_does_not_hide_the_longer_full_run(reports):
    """It is the same training for the main net, but it has no rival."""
    full(reports, [(0.9 * value + 0.001 * (i % 2), value) for i, value in enumerate(BASE)], longer=(0.30, 0.25))
    finish(reports, "ablation-longer-0", 0, 0.30, nets={"HMA-Depth": {"abs_rel": 0.30, "steps": 1400}}, epochs=20)
    assert decided(within()) == ["not tested here"], "at twice the steps the sign turns"


def test_nets_whose_steps_do_not_grow_need_no_longer_training(reports):
    full(reports, [(0.9 * value + 0.001 * (i % 2), value) for i, value in enumerate(BASE)])
    file = reports / "06_hma" / "ablation-full-doubled-0" / runs.RECORD
    file.write_text(file.read_text().replace('"steps": 1400', '"steps": 700'))
    table = evidence.decide([within()])
    assert table["verdict"][0] == "holds" and "twice" not in table["here"][0]


def test_a_net_has_learnt_where_its_number_was_measured(reports):
    """Good on the rooms and worse than the mean image on the streets decides nothing about the streets."""
    full(reports, [(0.9 * value, value) for value in BASE])
    for folder in (reports / "06_hma").iterdir():
        record = json.loads((folder / runs.RECORD).read_text())
        for net, value in (("HMA-Depth", 0.7), ("rival", 0.9)):
            record["nets"][net]["streets abs_rel"] = value + 0.001 * record["seed"]
        record["baselines"]["second test"] = {"mean_image": {"abs_rel": 0.5}}
        (folder / runs.RECORD).write_text(json.dumps(record))
    options = {"measure": "streets abs_rel", "learnt": ("streets abs_rel", "second test")}
    claim = within(**options)
    assert claim.verdict == "not tested here" and "abs_rel 0.702, the mean image 0.500" in claim.here


def test_of_full_runs_the_largest_group_with_equal_parameters_counts(reports):
    full(reports, [(0.9 * value, value) for value in BASE[:3]])
    finish(
        reports, "rooms-full-seed9", 9, 0.1, nets={"HMA-Depth": {"abs_rel": 0.1}, "rival": {"abs_rel": 0.3}}, scales=3
    )
    assert [record["seed"] for record in trainings.full("06_hma", "rooms")] == [0, 1, 2]


def test_a_number_beside_a_fixed_value(reports):
    full(reports, [(0.2 + 0.001 * i, value) for i, value in enumerate(BASE)])
    options = {"claim": "", "dataset": "rooms"}
    below = evidence.measured("06_hma", "HMA-Depth", 0.25, direction=evidence.LOWER, **options)
    above = evidence.measured("06_hma", "HMA-Depth", 0.15, direction=evidence.LOWER, **options)
    assert decided(below, above) == ["holds", "does not hold"]
    file = reports / "06_hma" / "ablation-full-doubled-0" / runs.RECORD
    file.write_text(file.read_text().replace('"abs_rel": 0.2', '"abs_rel": 0.3'))
    turned = evidence.measured("06_hma", "HMA-Depth", 0.25, direction=evidence.LOWER, **options)
    assert decided(turned) == ["not tested here"], "at twice the steps it lies above"
    file.write_text(file.read_text().replace('"abs_rel": 0.3', '"abs_rel": 0.2'))
    weak = evidence.measured("06_hma", "rival", 0.5, direction=evidence.LOWER, margin=40.0, **options)
    assert weak.verdict == "not tested here"
    learner = evidence.measured(
        "06_hma", "rival", 0.5, direction=evidence.LOWER, margin=40.0, learner="HMA-Depth", **options
    )
    assert decided(learner) == ["holds"], "who learns is the other one"


@pytest.mark.parametrize("contrast", [0.0, 1e-9])
def test_a_number_of_nought_is_below_every_value(reports, contrast):
    for seed, value in enumerate(BASE):
        nets = {"blank": {"abs_rel": 0.9, "contrast": contrast * seed}, "other": {"abs_rel": value}}
        finish(reports, f"rooms-full{f'-seed{seed}' if seed else ''}", seed, value, nets=nets)
    finish(reports, "ablation-full-doubled-0", 0, 0.3, nets=nets, epochs=20)
    claim = evidence.measured(
        "06_hma", "blank", 0.1, measure="contrast", learner="other", claim="", dataset="rooms", direction=evidence.LOWER
    )
    assert claim.effect.pairs == 5 and decided(claim) == ["holds"]


def test_ablations_are_one_line_a_change_and_the_base_comes_first(reports):
    line(reports, "base", BASE)
    line(reports, "scales-3", [1.1 * value + 0.001 * (i % 2) for i, value in enumerate(BASE)], scales=3)
    line(reports, "scales-5", BASE[:1], scales=5)
    line(reports, "average", BASE, attention="average")  # as the base, to the last digit
    finish(reports, "rooms-full-abcdef12", 0, 0.9, flip=0.1)  # somebody's own run belongs to no line
    table = evidence.ablations("06_hma")
    assert table["changed"].tolist() == ["(base)", "attention=average", "scales=5", "scales=3"]
    assert table["note"].tolist() == ["", "the change never took effect", "too few seeds", ""]
    assert table["steps"].tolist() == [700] * 4 and table["mean"][0] == pytest.approx(0.3)
    assert table["change (%)"].iloc[-1] == pytest.approx(10.1, abs=0.1) and table["seeds"].tolist() == [5, 5, 1, 5]
    sentence = evidence.ablations_said(table)
    assert sentence.startswith("Higher than the base: scales=3 (+10.1 %). Not compared: attention=average (the ")


def test_an_ablation_of_a_shorter_training_is_compared_with_one_as_short(reports):
    line(reports, "base", BASE)
    line(reports, "base-short", [1.1 * value for value in BASE], epochs=3)
    other = [1.21 * value + 0.001 * (i % 2) for i, value in enumerate(BASE)]
    line(reports, "short-average", other, epochs=3, attention="average")
    line(reports, "scales-3", [1.1 * value + 0.001 * (i % 2) for i, value in enumerate(BASE)], scales=3)
    table = evidence.ablations("06_hma")
    assert table["changed"].tolist() == ["(base)", "scales=3", "(base: epochs=3)", "attention=average"]
    assert table["beside"].tolist() == ["", "(base)", "", "(base: epochs=3)"]
    assert table["change (%)"].iloc[[1, 3]].tolist() == pytest.approx([10.1, 10.1], abs=0.15)
    sentence = evidence.ablations_said(table)
    assert sentence.startswith("Higher than the base: scales=3 (") and "base: epochs" not in sentence


def test_without_ablations_the_sentence_says_so(reports):
    empty = evidence.ablations_said(evidence.ablations("06_hma"))
    assert "make report PRESET=rooms-full" in empty
    line(reports, "base", BASE[:1])
    assert "No ablation is finished" in evidence.ablations_said(evidence.ablations("06_hma"))


def test_two_measures_of_one_net(reports):
    for seed, value in enumerate(BASE):
        nets = {"HMA-Depth": {"abs_rel": value, "abs_rel fed BGR": 1.2 * value + 0.001 * (seed % 2), "steps": 700}}
        finish(reports, f"rooms-full-seed{seed}", seed, value, nets=nets)
    nets["HMA-Depth"]["steps"] = 1400
    finish(reports, "ablation-full-doubled-0", 0, 0.3, nets=nets, epochs=20)
    sides = (("HMA-Depth", "abs_rel"), ("HMA-Depth", "abs_rel fed BGR"))
    claim = evidence.within("06_hma", *sides, claim="", direction=evidence.HIGHER, dataset="rooms")
    assert decided(claim) == ["holds"] and "abs_rel fed BGR of HMA-Depth" in claim.here


def test_a_method_must_beat_both_opponents_in_every_seed(reports):
    for seed, value in enumerate((0.2, 0.395)):
        finish(reports, f"rooms-full-seed{seed}", seed, value)
        file = reports / "06_hma" / f"rooms-full-seed{seed}" / runs.RECORD
        record = json.loads(file.read_text())
        record["metrics"]["test"] |= {"rmse": 0.5, "delta1": 0.7}
        record["baselines"]["test"]["mean_image"] |= {"rmse": 1.0, "delta1": 0.4}
        file.write_text(json.dumps(record))
    claim = evidence.against_baselines("06_hma", "rooms", name="HMA-Depth")
    assert claim.verdict == "does not hold" and "in 1 of 2 seeds" in claim.here, "0.395 is less than 2 % below 0.40"
    assert evidence.against_baselines("06_hma", "streets", name="HMA-Depth").verdict == "not tested here"
