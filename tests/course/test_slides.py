"""Slides: what is chosen, what fits, nothing from another host, and what is refused."""

import base64
import io
import json
import re

import pytest
from PIL import Image

from depthnb.course import __main__, slides
from depthnb.course.slides import choosing, rendering

pytest.importorskip("latex2mathml")


def picture(width: int, height: int) -> dict:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(content, "PNG")
    data = {"image/png": base64.b64encode(content.getvalue()).decode(), "text/plain": "<Figure>"}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def said(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text}


def table(rows: int) -> dict:
    body = "".join(f"<tr><th>{i}</th><td>net {i}</td><td>0.123456789</td><td>NaN</td></tr>" for i in range(rows))
    head = "<thead><tr><th></th><th>name</th><th>abs_rel</th><th>rmse</th></tr></thead>"
    text = f'<style>p {{}}</style><table border="1" class="dataframe">{head}<tbody>{body}</tbody></table>'
    return {"output_type": "execute_result", "data": {"text/html": [text]}, "metadata": {}, "execution_count": 1}


def markdown(text: str) -> dict:
    return {"cell_type": "markdown", "source": text.splitlines(keepends=True), "metadata": {}}


def code(source: str, *outputs: dict, tags=()) -> dict:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "metadata": {"tags": list(tags)}}


LONG = " ".join(f"Sentence number {i} says something about the depth of a wall." for i in range(40))
CELLS = [
    markdown("# 03. Coarse and fine\n\n> *Is it so?*"),
    markdown("| | |\n|---|---|\n| **Time** | a minute |"),
    code("secret = 1", said("hidden\n"), tags=["parameters"]),
    markdown("## The idea\n\nLet $y$ be <script>alert(1)</script> the depth, with `$5` of cost:\n\n$$L = \\ln y$$"),
    code("def loss(y):\n    return y"),
    code("draw()", picture(900, 400), said("run folder: reports/x\nloss 0.5\n")),
    markdown(f"## A long one\n\n{LONG}\n\nAnd the last sentence before."),
    code("draw_high()", picture(400, 900)),
    code("show()", table(40)),
    markdown("**On other data.** Only if asked."),
    code("if third: pass"),
    markdown("**Appendix**: the rest."),
    code("rest()", table(2)),
    markdown("## Exercises\n\n1. *Try it.*\n\n## References\n\n- Somebody."),
]


@pytest.fixture
def made():
    return choosing.slides(CELLS)


def test_headings_begin_slides_and_what_is_no_part_of_a_talk_is_left_out(made):
    assert [slide.kind for slide in made][:2] == ["title", "text"] and made[0].heading == "03. Coarse and fine"
    assert list(dict.fromkeys(slide.title for slide in made)) == [
        "03. Coarse and fine",
        "In short",
        "The idea",
        "A long one",
    ]
    text = "".join(slide.body + slide.code for slide in made)
    for word in ("secret", "hidden", "Try it", "Somebody", "On other data", "Appendix", "rest()", "run folder"):
        assert word not in text, word
    assert "loss 0.5" in text and "<script>" not in text and "&lt;script&gt;" in text and "$5" in text
    assert text.count("<math") == 2 and "<mspace" in text


def test_a_figure_comes_with_the_text_or_the_sentence_before_it(made):
    idea = [slide for slide in made if slide.title == "The idea"]
    assert [slide.kind for slide in idea] == ["text", "shown", "text"] or [slide.kind for slide in idea] == [
        "text",
        "shown",
    ]
    assert "def loss" in idea[0].code and idea[1].code == "draw()"
    tall = next(slide for slide in made if slide.kind == "tall")
    assert "And the last sentence before." in tall.body and tall.body.count("<img") == 1
    assert 'alt="A long one"' in tall.body


def test_no_slide_holds_more_than_fits(made):
    long = [slide for slide in made if slide.title == "A long one"]
    words = [
        len(re.sub(r"<.*?>", "", slide.body)) for slide in long if slide.kind == "text" and "<table" not in slide.body
    ]
    assert sum(slide.body.count("Sentence number") for slide in long) == 40
    assert len(words) >= 2 and max(words) < 92 * choosing.LINES
    rows = [slide.body.count("<tr>") - 1 for slide in long if "<table" in slide.body]
    assert sum(rows) == 40 and max(rows) - min(rows) <= 4 and max(rows) < 1.4 * choosing.LINES


def test_tables_lose_their_row_numbers_and_needless_digits(made):
    body = next(slide.body for slide in made if "net 7<" in slide.body)
    assert "<th>7</th>" not in body and "0.1235" in body and "0.123456789" not in body and "NaN" not in body
    (named,) = rendering.shown(
        [{"data": {"text/html": "<table class='dataframe'><tbody><tr><th>l1</th><td>2</td></tr></tbody></table>"}}]
    )
    assert "<th>l1</th>" in named.html


def write(folder, cells, name="mine.ipynb"):
    file = folder / name
    file.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return file


def test_a_deck_asks_no_other_host_and_is_the_same_twice(tmp_path):
    file = write(tmp_path, CELLS)
    (first,) = slides.make([str(file)], tmp_path / "decks")
    page = first.read_text()
    assert first.name == "mine.html" and page.count("<section") == len(choosing.slides(CELLS)) and "{{" not in page
    assert (
        not re.search(r'(?:src|href)="(?!data:)[^"]*"', page) and "default-src 'none'" in page and "@import" not in page
    )
    assert slides.make([str(file)], tmp_path / "decks") == [first] and first.read_text() == page


@pytest.mark.parametrize("name", ["03_eigen", "11_today.ipynb"])
def test_notebooks_of_the_clone_are_found_by_name(tmp_path, name):
    (file,) = slides.make([name], tmp_path)
    assert file.stat().st_size < 1_500_000
    assert 10 < file.read_text().count("<section") < 60


def test_what_is_no_notebook_that_was_run_is_refused(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="there is no notebook 3_eigen; give a file, or one of 00_start"):
        slides.make(["3_eigen"], tmp_path)
    (tmp_path / "bad.ipynb").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.ipynb is no notebook"):
        slides.make([str(tmp_path / "bad.ipynb")], tmp_path)
    with pytest.raises(ValueError, match=r"holds no outputs, .* run it first"):
        slides.make([str(write(tmp_path, [markdown("# A"), code("x")]))], tmp_path)
    with pytest.raises(ValueError, match="has no heading"):
        slides.make([str(write(tmp_path, [markdown("nothing"), code("x", said("y"))]))], tmp_path)
    with pytest.raises(ValueError, match="several notebooks are called mine"):
        (tmp_path / "b").mkdir()
        slides.make([str(write(tmp_path, CELLS)), str(write(tmp_path / "b", CELLS))], tmp_path)
    good = write(tmp_path, CELLS)
    (tmp_path / "mine.html").write_text("<html>mine</html>")
    assert __main__.main(["slides", "--out", str(tmp_path), str(good)]) == 1
    assert (
        "is no deck of ours" in capsys.readouterr().err and (tmp_path / "mine.html").read_text() == "<html>mine</html>"
    )
    assert __main__.main(["slides", "--out", str(tmp_path / "new"), str(good)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "new" / "mine.html")


def test_a_damaged_picture_is_named(tmp_path):
    broken = {"output_type": "display_data", "data": {"image/png": base64.b64encode(b"no picture").decode()}}
    with pytest.raises(ValueError, match="holds a picture that cannot be read"):
        slides.make([str(write(tmp_path, [markdown("# A\n\n## B"), code("x", broken)]))], tmp_path)
