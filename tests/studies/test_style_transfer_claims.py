"""Notebook 08's sentences and verdicts follow their numbers."""

from types import SimpleNamespace

import pandas as pd
import pytest

from depthnb import evidence
from depthnb.models.style_transfer import ENCODINGS
from depthnb.studies.style_transfer import claims as style

SCENES = [f"s{i}" for i in range(8)]


def scored(abs_rel, correlation=0.0, with_photo=0.9, good=False):
    """An Evaluation of eight scenes whose errors scatter a little around their mean."""
    errors = [abs_rel + 0.001 * (-1) ** i for i in range(8)]
    summary = {"abs_rel": abs_rel, "rmse": 0.5 + abs_rel, "delta1": 1 - abs_rel}
    summary |= {"correlation": correlation, "with_photo": with_photo, "deviation": 0.1}
    return SimpleNamespace(summary=summary, per_image=pd.DataFrame({"scene": SCENES, "abs_rel": errors}))


@pytest.fixture
def results(reports):
    tests = {
        style.OTHER: scored(0.30), style.OWN: scored(0.299), style.COLOURED: scored(0.301), style.PHOTO: scored(0.3),
        style.STYLE: scored(0.25), style.TRUTH: scored(0.01, 1.0, 0.0),
    }  # fmt: skip
    share = {"the depth map itself": 0, "turned upside down": 0.01, "mirrored": 0.005, "the best empty picture": 0.1}
    share |= {"its pixels in random order": 2.0, "the depth map of another scene": 0.9, "the photograph": 1}
    rows = {
        "the tutorial": ("0..1", 0.1, 0.0, 1e-6), "metres": ("metres", 0.0, 1.0, 0.1), "saved": ("0..1", 0.0, 1.0, None),
    }  # fmt: skip
    set_ups = pd.DataFrame(
        [
            {
                "set-up": k,
                "style": u,
                "deviation": d,
                "clipped": c,
                "style_after": a,
                "empty": d < 0.01,
                "painted": k != "saved",
            }
            for k, (u, d, c, a) in rows.items()
        ]
    )
    wishes = pd.DataFrame({"candidate": list(share), **{e: list(share.values()) for e in ENCODINGS}})
    return {
        "tests": tests, "opponents": {"mean_depth": scored(0.35), "mean_image": scored(0.22)}, "wishes": wishes,
        "set_ups": set_ups, "made_by": "VGG-19, random weights",
    }  # fmt: skip


def verdict_of(results, start):
    table = evidence.decide(style.claims(**results)).set_index("claim")["verdict"]
    rows = [claim for claim in table.index if start in claim]
    assert len(rows) == 1, rows
    return table[rows[0]]


def closing(results):
    return style.closing(results["tests"], results["opponents"], made_by=results["made_by"])


def test_claims_follow_the_numbers(results):
    expected = [
        ("empty, monochromatic", evidence.HOLDS),
        ("the method itself makes it empty", evidence.FAILS),
        ("has not been used for depth", evidence.FAILS),
        ("made for RGB", evidence.SAME),
        ("a model designed for depth", evidence.UNTESTED),
        ("lower error than each image's best constant", evidence.HOLDS),
        ("lower error than the mean image", evidence.FAILS),
        ("does not say where", evidence.HOLDS),
        ("nearer to the style than", evidence.HOLDS),
        ("still the photograph", evidence.HOLDS),
    ]
    for words, verdict in expected:
        assert verdict_of(results, words) == verdict, words


def test_claims_turn_with_the_numbers(results):
    results["tests"] |= {style.COLOURED: scored(0.2), style.ENCODER: scored(0.2), style.OWN: scored(0.1)}
    results["wishes"].loc[results["wishes"]["candidate"] == "the best empty picture", list(ENCODINGS)] = 1.5
    for words, verdict in (
        ("made for RGB", evidence.HOLDS),
        ("a model designed for depth", evidence.HOLDS),
        ("given the true depth map itself", evidence.HOLDS),
        ("nearer to the style than", evidence.FAILS),
    ):
        assert verdict_of(results, words) == verdict, words


def test_a_picture_saved_as_whole_numbers_proves_no_empty_painting(results):
    results["set_ups"] = results["set_ups"][results["set_ups"]["set-up"] != "metres"]
    assert verdict_of(results, "empty, monochromatic") == evidence.FAILS


def test_the_closing_sentences_are_computed(results):
    text = closing(results)
    assert "abs_rel of 0.300" in text and "VGG-19, random weights" in text
    assert "better than each image's best constant (0.350)" in text
    assert "worse than" in text and "the mean image, aligned (0.220)" in text
    assert "not clearly different from the photograph's brightness, not painted (0.300)" in text
    results["tests"][style.OTHER] = scored(0.1)
    assert closing(results).endswith("it is an estimate of depth.")


def test_sentences_name_best_and_worst(results):
    text = style.wishes_said(results["wishes"])
    assert "an empty picture 10 %" in text and "farthest: its pixels in random order" in text
    text = style.set_ups_said(results["set_ups"])
    assert text.startswith("Empty: 2 of 3 set-ups. Of the 1 whose depth map is not scaled to 0..1, 1 end empty")
    assert text.endswith("Not empty: the tutorial.")
    grid = pd.DataFrame({"abs_rel": [0.3, 0.2], "made_by": "a net", "layers": "first", "start": "noise"})
    grid = grid.assign(network="vgg19", style_weight=[1e2, 1e4], with_photo=[0.9, 0.1])
    grid = pd.concat([grid, grid.iloc[:1]], ignore_index=True)  # the base stands on every axis and counts once
    opponents = style.rivals(results["opponents"], scored(0.25), scored(0.15))
    text = style.grid_said(grid, opponents, 2)
    assert "Best of 2 cells: abs_rel 0.200 on 2 frames, with a net" in text
    assert "the photograph's brightness (0.250): 1; the other scene's depth map (0.150): 0" in text


def test_tables(results):
    table = style.scores(results["tests"], results["opponents"])
    assert table.loc[0, "method"] == style.TRUTH and table["abs_rel"].is_monotonic_increasing and len(table) == 8
    assert style.settings().loc[2, "style_weight"] == 1e6
