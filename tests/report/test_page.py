"""The report: made from a made-up reports folder; what it says is what the files say."""

import errno
import html
import json
import os
import re
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from depthnb import files, report, runs
from depthnb.report import __main__, images, titles
from depthnb.report import page as module
from depthnb.report.results import METHODS

VOID = {"meta", "img", "br", "link", "hr"}


def write_run(root, notebook, run, *, finished: object = True, figures=1, noise=False, **content):
    folder = root / notebook / run
    (folder / "figures").mkdir(parents=True)
    (folder / "tables").mkdir()
    facts = {
        "notebook": notebook,
        "run": run,
        "dataset": "rooms",
        "split_counts": {"train": 640, "test": 100},
        "measured": "rooms: depth 0.1 to 10 m",
        "metrics": {"test": {"abs_rel": 0.2345, "rmse": 0.812, "delta1": 0.654}},
        "baselines": {"test": {"mean_depth": {"abs_rel": 0.5, "rmse": 1.5, "delta1": 0.4}}},
        "parameters": 1234567,
        "seconds": 100.0,
        "seed": 7,
        "device": "CPU",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "command": f"papermill notebooks/{notebook}.ipynb out.ipynb -p seed 7",
    }
    if finished is not None:
        facts["finished"] = finished
    (folder / "run.json").write_text(json.dumps(facts | content))
    rng = np.random.default_rng(0)
    for i in range(figures):
        pixels = rng.integers(0, 256, (120, 900, 3)) if noise else np.full((60, 90, 3), 200)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "figures" / f"figure_{i}.png")
    claims = {
        "claim": ["errs & <script>alert(1)</script>", "b"],
        "here": ["x", "y"],
        "verdict": ["holds", "does not hold"],
    }
    pd.DataFrame(claims).to_csv(folder / "tables" / "claims.csv", index=False)
    return folder


class Page(HTMLParser):
    """Collects what a page loads and links, and checks that its tags close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.links, self.ids, self.text = [], [], [], [], ""
        self.feed(text)
        assert not self.open, f"unclosed: {self.open}"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [attributes["src"]] if "src" in attributes else []
        self.links += [attributes["href"]] if "href" in attributes else []
        self.ids += [attributes["id"]] if "id" in attributes else []
        assert tag != "img" or attributes["alt"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data + "\n"


def built(root):
    path = report.build(root)
    assert path == root / "report.html"
    return path.read_text(encoding="utf-8")


def test_numbers_of_the_page_are_those_of_the_files(tmp_path):
    write_run(tmp_path, "02_bn_cnn", "quick")
    page = Page(built(tmp_path))
    for text in (
        "0.234",
        "0.812",
        "0.654",
        "0.500",
        "1.500",
        "0.400",
        "1,234,567",
        "1 min 40 s",
        "640 train, 100 test",
    ):
        assert text in page.text
    assert "rooms: depth 0.1 to 10 m" in page.text
    assert "0123456789" in page.text and "0123456789a" not in page.text
    (tmp_path / "02_bn_cnn" / "quick" / "run.json").unlink()
    write_run(tmp_path, "02_bn_cnn", "other", metrics={"test": {"abs_rel": 0.777}})
    changed = Page(built(tmp_path))
    assert "0.777" in changed.text and "0.234" not in changed.text


def test_the_claims_that_were_judged_last_stand_there_with_the_name_of_their_run(tmp_path):
    full = write_run(tmp_path, "02_bn_cnn", "rooms-full") / "tables" / "claims.csv"
    quick = write_run(tmp_path, "02_bn_cnn", "quick") / "tables" / "claims.csv"
    os.utime(quick, (1, 1))
    assert "checked (run" not in Page(built(tmp_path)).text
    os.utime(full, (0, 0))
    assert "Claims of the document, checked (run quick)" in Page(built(tmp_path)).text
    full.unlink()
    assert "Claims of the document, checked (run quick)" in Page(built(tmp_path)).text
    quick.unlink()
    assert "Claims of the document" not in Page(built(tmp_path)).text


def test_the_main_comparison_comes_before_the_others(tmp_path):
    folder = write_run(tmp_path, "10_comparison", "quick")
    for name in ("comparison-rooms-median", "comparison"):
        pd.DataFrame({"method": [f"of {name}"], "abs_rel": ["0.2 ± 0.1"]}).to_csv(
            folder / "tables" / f"{name}.csv", index=False
        )
    text = Page(built(tmp_path)).text
    assert text.index("of comparison\n") < text.index("of comparison-rooms-median")
    assert "0.2 ±\u00a00.1" in text, "a line may end before the sign, not behind it"


def test_unfinished_runs_do_not_exist(tmp_path):
    for run, finished in (("a", None), ("b", False), ("c", "yes"), ("d", 1)):
        write_run(tmp_path, "02_bn_cnn", run, finished=finished)
    page = Page(built(tmp_path))
    assert "No finished run yet" in page.text
    assert page.ids == [] and page.loads == []


@pytest.mark.parametrize("content", ['{"finished": tr', "[1, 2]", '{"finished": true, "metrics": [1]}', "\x00"])
def test_corrupt_run_is_named_and_not_fatal(tmp_path, content):
    write_run(tmp_path, "02_bn_cnn", "quick")
    broken = write_run(tmp_path, "03_eigen", "quick")
    (broken / "run.json").write_text(content)
    page = Page(built(tmp_path))
    assert "03_eigen/quick/run.json" in page.text
    assert page.ids == ["answer", "findings", "02_bn_cnn"]
    assert str(tmp_path) not in built(tmp_path)


DAMAGE = {
    "numbers as text": {"metrics": {"test": {"abs_rel": "0.1"}}},
    "a list": {"metrics": {"test": {"abs_rel": [1, 2]}}},
    "no float holds it": {"baselines": {"test": {"mean_image": {"abs_rel": 10**400}}}},
    "a time in words": {"seconds": "long"},
    "true is no number": {"nets": {"net": {"abs_rel": True}}},
    "half a character": {"device": "\ud800"},
}


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_a_record_that_holds_what_it_cannot_is_named_and_the_others_are_shown(tmp_path, content):
    write_run(tmp_path, "02_bn_cnn", "quick")
    bad = tmp_path / "03_eigen" / "quick"
    bad.mkdir(parents=True)
    (bad / "run.json").write_text(json.dumps({"finished": True, "metrics": {"test": {"abs_rel": 0.2}}, **content}))
    text = built(tmp_path)
    assert "03_eigen/quick/run.json is left out: it is damaged" in text and "02_bn_cnn" in text


def test_brackets_without_an_end_and_tables_without_an_end_are_named(tmp_path):
    folder = write_run(tmp_path, "02_bn_cnn", "quick")
    (tmp_path / "03_eigen" / "quick").mkdir(parents=True)
    (tmp_path / "03_eigen" / "quick" / "run.json").write_text(
        '{"finished": true, "x": ' + "[" * 100_000 + "]" * 100_000
    )
    (folder / "tables").mkdir(exist_ok=True)
    (folder / "tables" / "wide.csv").write_text(",".join(f"c{i}" for i in range(200_000)) + "\n")
    text = built(tmp_path)
    assert "03_eigen/quick/run.json is left out" in text
    assert "wide.csv has more than 1000 columns" in text


def test_a_picture_of_a_hundred_million_pixels_is_named_and_not_decoded(tmp_path, monkeypatch):
    folder = write_run(tmp_path, "02_bn_cnn", "quick", figures=0)
    (folder / "figures").mkdir(exist_ok=True)
    Image.new("RGB", (40, 30)).save(folder / "figures" / "bomb.png")
    monkeypatch.setattr(images, "_MOST_PIXELS", 1000)
    assert "bomb.png: 40 x 30 pixels are no figure of a run" in built(tmp_path)


def test_a_folder_that_is_called_like_an_address_is_none(tmp_path):
    write_run(tmp_path, "javascript:alert(1)", "quick")
    write_run(tmp_path, "with space # and %", "quick")
    text = built(tmp_path)
    assert 'href="javascript' not in text and 'href="./javascript%3Aalert%281%29/quick/run.json"' in text
    assert 'href="./with%20space%20%23%20and%20%25/quick/run.json"' in text


def test_broken_figures_and_tables_are_named(tmp_path):
    folder = write_run(tmp_path, "02_bn_cnn", "quick", figures=2)
    (folder / "figures" / "figure_0.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (folder / "tables" / "claims.csv").write_text('a,b\n"')
    text = built(tmp_path)
    page = Page(text)
    assert "02_bn_cnn/quick/figures/figure_0.png" in page.text and "02_bn_cnn/quick/tables/claims.csv" in page.text
    assert len(page.loads) == 1
    assert str(tmp_path) not in text


@pytest.mark.parametrize("part", ["tables", "figures"])
def test_a_folder_that_the_disk_does_not_show_is_named(tmp_path, monkeypatch, part):
    write_run(tmp_path, "02_bn_cnn", "quick", figures=2)
    scandir = os.scandir

    def fails(path="."):
        if os.fspath(path).endswith(f"quick/{part}"):
            raise OSError(errno.EIO, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fails)
    page = Page(built(tmp_path))
    assert f"02_bn_cnn/quick/{part}: Input/output error" in page.text and str(tmp_path) not in page.text
    assert len(page.loads) == (2 if part == "tables" else 0)


@pytest.mark.parametrize(("code", "remedy"), [(errno.EROFS, "may be written"), (errno.ENOSPC, "free some space")])
def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, code, remedy):
    write_run(tmp_path, "02_bn_cnn", "quick")
    before = built(tmp_path)

    def fails(*_):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch, pytest.raises(OSError, match=rf"could not write .*report\.html .*{remedy}"):
        patch.setattr(os, "replace", fails)
        report.build(tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before
    assert not list(tmp_path.glob(".report*"))


def test_what_killed_processes_left_is_removed_when_it_is_old(tmp_path):
    write_run(tmp_path, "02_bn_cnn", "quick")
    old, new = (tmp_path / f".report.html.{pid}.part" for pid in (7, 8))
    for part in (old, new):
        part.write_text("<html>")
    os.utime(old, (time.time() - 7200,) * 2)
    report.build(tmp_path)
    assert not old.exists() and new.exists(), "another process may be at work"


def test_reports_that_cannot_be_listed_are_one_sentence(tmp_path, monkeypatch):
    def fails(path="."):
        raise OSError(errno.EIO, "Input/output error")

    with (
        monkeypatch.context() as patch,
        pytest.raises(OSError, match=r"cannot look for runs in .*make its folders readable"),
    ):
        patch.setattr(os, "scandir", fails)
        report.build(tmp_path)


def test_words_of_a_table_are_shown_as_they_stand(tmp_path):
    folder = write_run(tmp_path, "02_bn_cnn", "quick")
    names = {"scene": ["NA", "None", "null"], "frame": ["007", "1e5", "nan"], "abs_rel": [0.123456, None, 2.0]}
    pd.DataFrame(names).to_csv(folder / "tables" / "frames.csv", index=False)
    shown = Page(built(tmp_path)).text.split("\n")
    assert all(name in shown for name in names["scene"] + names["frame"]) and "0.123" in shown


def test_page_is_self_contained_small_and_repeatable(tmp_path, monkeypatch):
    assert module.MAX_BYTES <= 1_000_000
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)  # noise is what compresses worst, little of it makes the point
    for notebook in ("01_data", "02_bn_cnn", "03_eigen"):
        write_run(tmp_path, notebook, "quick", figures=4, noise=True)
    text = built(tmp_path)
    page = Page(text)
    assert (tmp_path / "report.html").stat().st_size <= 100_000
    assert len(page.loads) >= 3 and all(load.startswith("data:image/webp;base64,") for load in page.loads)
    assert "@import" not in text and "url(" not in text
    for link in page.links:
        assert link[1:] in page.ids if link.startswith("#") else (tmp_path / link).is_file()
    assert built(tmp_path) == text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["01_data", "02_bn_cnn", "03_eigen", "report.html"]


def test_what_stands_in_the_files_is_text_not_markup(tmp_path):
    write_run(tmp_path, "02_bn_cnn", "quick", dataset="<b>rooms</b>")
    text = built(tmp_path)
    assert text.count("<script") == 1 and "<b>" not in text, "the page's own, and no other"
    assert "errs & <script>alert(1)</script>" in Page(text).text


def test_notebooks_stand_in_their_order_and_the_fullest_run_is_shown(tmp_path):
    write_run(tmp_path, "02_bn_cnn", "quick", metrics={"test": {"abs_rel": 0.111}})
    write_run(tmp_path, "02_bn_cnn", "rooms-full-0a1b2c3d", metrics={"test": {"abs_rel": 0.222}})
    write_run(tmp_path, "02_bn_cnn", "ablation-seed-1", metrics={"test": {"abs_rel": 0.333}})
    write_run(tmp_path, "10_comparison", "quick", metrics={}, baselines={})
    page = Page(built(tmp_path))
    assert page.ids == ["answer", "findings", "02_bn_cnn", "10_comparison"]
    assert "4 finished runs of\n2 notebooks" in page.text
    scores = page.text[page.text.index("Scores") :]
    assert scores.index("0.222") < scores.index("0.111") < scores.index("0.333")


def test_methods_without_a_finished_run_are_named_and_no_line_where_none_is(tmp_path):
    for notebook in METHODS:
        write_run(tmp_path, notebook, "quick", finished=notebook not in ("06_hma", "09_gan"))
    assert "No finished run here of HMA-Depth, GAN: make report makes" in " ".join(Page(built(tmp_path)).text.split())
    for notebook in ("06_hma", "09_gan"):
        write_run(tmp_path, notebook, "rooms-full")
    assert "No finished run" not in built(tmp_path)


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        ({"abs_rel": 0.2, "delta1": 0.9}, "Beats the baselines in abs_rel, delta1."),
        ({"abs_rel": 0.2, "delta1": 0.4}, "Beats the baselines in abs_rel; not in delta1."),
        ({"abs_rel": 0.5, "delta1": 0.3}, "Does not beat the baselines, which never look at the photograph."),
        ({"abs_rel": 0.2, "delta1": None}, "Beats the baselines in abs_rel; not in delta1."),
    ],
)
def test_verdict_is_computed(tmp_path, model, verdict):
    baselines = {"test": {"mean_depth": {"abs_rel": 0.5, "delta1": 0.4}, "mean_image": {"abs_rel": 0.6, "delta1": 0.3}}}
    write_run(tmp_path, "02_bn_cnn", "quick", metrics={"test": model}, baselines=baselines)
    text = built(tmp_path)
    assert verdict in Page(text).text
    marked = re.findall(r'class="number best">([^<]+)<', text)
    best = (min(0.5, model["abs_rel"]), max(0.4, model["delta1"] or 0))
    assert set(marked) == {f"{value:.3f}" for value in best}


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="run a notebook first"):
        report.build(tmp_path / "nowhere")


def test_the_page_says_of_which_files_it_was_made(tmp_path):
    folders = [write_run(tmp_path, "02_bn_cnn", name) for name in ("quick", "rooms-full")]
    write_run(tmp_path, "03_eigen", "quick", finished=None)
    text = report.build(tmp_path).read_text(encoding="utf-8")
    made = json.loads(html.unescape(re.search(r'<meta name="made" content="(.*?)">', text)[1]))
    assert made == {f"02_bn_cnn/{folder.name}": files.digest(folder / "run.json") for folder in folders}


def changed_rooms():
    """A table robustness.csv of two nets."""
    rows = [("base", 0, 1.0), ("wall-dark", 0, 1.4), ("noise", 1, 1.2), ("noise", 2, 2.2)]
    return pd.DataFrame(
        {"method": name, "change": change, "strength": strength, "said": f"{change} walls", "ratio": ratio,
         "low": 0.9 * ratio, "high": 1.1 * ratio, "beside": 0.5}
        for name in ("U-Net", "Eigen") for change, strength, ratio in rows
    )  # fmt: skip


def test_what_a_changed_room_does_is_shown_from_the_last_comparison(tmp_path):
    for name in ("rooms-full", "quick"):
        folder = write_run(tmp_path, "10_comparison", name)
        changed_rooms().to_csv(folder / "tables" / "robustness.csv", index=False)
        os.utime(folder / "tables" / "robustness.csv", (1e9, 1e9) if name == "rooms-full" else None)
    text = report.build(tmp_path).read_text(encoding="utf-8")
    part = text[text.index('<section id="changed">') :].partition("</section>")[0]
    assert "./10_comparison/quick/run.json" in part and "robustness.csv" not in text
    assert part.count("<img") == 2 and "U-Net, Eigen" in part, "rooms and pictures, both nets in the description"
    (folder / "tables" / "robustness.csv").write_text("method,change,strength\nU-Net,wall-dark,0\n")
    text = report.build(tmp_path).read_text(encoding="utf-8")
    assert '<section id="changed">' not in text
    assert "10_comparison/quick/tables/robustness.csv: table of changes lacks the column" in text
    changed_rooms().query("strength == 0").to_csv(folder / "tables" / "robustness.csv", index=False)
    text = report.build(tmp_path).read_text(encoding="utf-8")
    assert text[text.index('<section id="changed">') :].partition("</section>")[0].count("<img") == 1


def test_tables_have_headings_and_no_file_names(tmp_path):
    """Those of the runs in git too: none falls back to the name of its file."""
    tables = write_run(tmp_path, "04_unet", "rooms-full") / "tables"
    for stem in ("table1", "comparison-rooms-scale-shift-inverse", "of_my_own"):
        pd.DataFrame({"a": [1.0]}).to_csv(tables / f"{stem}.csv", index=False)
    text = report.build(tmp_path).read_text("utf-8")
    headings = re.findall(r"<summary>(.*?)</summary>", text)
    expected = {"Table 1 of the document, beside ours", "All methods: rooms, scale-shift-inverse", "Of my own"}
    assert expected <= {*headings}
    kept = {file.stem.partition("-")[0] for file in (runs.ROOT / "reports").glob("*/rooms-full/tables/*.csv")}
    assert kept - {"claims"} <= {*titles.TITLES}


def test_a_number_beside_infinity_is_rounded_like_any_other(tmp_path):
    tables = write_run(tmp_path, "04_unet", "rooms-full") / "tables"
    pd.DataFrame({"error": ["a", "b"], "holes": [0.8013938281204224, np.inf]}).to_csv(tables / "masks.csv", index=False)
    text = report.build(tmp_path).read_text("utf-8")
    assert 'class="number">0.801<' in text and 'class="number">inf<' in text


def test_wide_tables_are_printed_small_and_one_figure_is_one(tmp_path, monkeypatch):
    tables = write_run(tmp_path, "04_unet", "rooms-full") / "tables"
    pd.DataFrame([range(16)]).to_csv(tables / "runs.csv", index=False)
    monkeypatch.setattr(module, "LEVELS", ((0, 0, 0),))
    text = report.build(tmp_path).read_text("utf-8")
    assert text.count('class="cards numeric wide"') == 1 and ".wide {" in text.partition("@media print")[2]
    assert "1 further figure lies in the run folder" in text


def test_the_command_makes_the_page_of_a_folder_and_answers_help_without_making_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEPTHNB_REPORTS", str(tmp_path))
    with pytest.raises(SystemExit):
        __main__.main(["--help"])
    assert "DEPTHNB_REPORTS" in capsys.readouterr().out and not (tmp_path / "report.html").exists()
    assert __main__.main([str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("depthnb.report: no folder ")
    assert __main__.main([]) == 0 and (tmp_path / "report.html").exists()
