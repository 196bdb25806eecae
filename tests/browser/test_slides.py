"""Slides in a browser: nothing overflows, keys turn the pages, no other host is asked."""

import pytest

from depthnb.course import slides

# of every slide: what sticks out of its body, how small its print became, how high its figure is
MEASURED = """() => [...document.querySelectorAll('.slide')].map(slide => {
  slide.classList.add('now');
  const body = slide.querySelector('.body'), image = body.querySelector('img');
  const inside = [...body.children].every(each => each.getBoundingClientRect().right <= body.getBoundingClientRect().right + 2);
  const said = {fits: slide.classList.contains('title') || (body.scrollHeight <= body.clientHeight + 1 && inside),
    size: parseFloat(getComputedStyle(body).fontSize), image: image ? image.clientHeight : null};
  slide.classList.remove('now');
  return said; })"""


@pytest.mark.parametrize("name", ["03_eigen", "10_comparison", "11_today"])
def test_no_slide_overflows(open_page, tmp_path, name):
    pytest.importorskip("latex2mathml")
    (deck,) = slides.make([name], tmp_path)
    page = open_page(deck.as_uri())
    measured = page.evaluate(MEASURED)
    assert [number for number, slide in enumerate(measured, start=1) if not slide["fits"]] == []
    assert min(slide["size"] for slide in measured) >= 18, "print that cannot be read from the last row"
    assert all(slide["image"] >= 300 for slide in measured if slide["image"] is not None)
    assert page.faults == [] and page.hosts == {""}


def test_keys_turn_the_pages_and_show_the_code(open_page, tmp_path):
    pytest.importorskip("latex2mathml")
    (deck,) = slides.make(["03_eigen"], tmp_path)
    page = open_page(f"{deck.as_uri()}#3")
    now = "document.querySelector('.slide.now').id"
    assert page.evaluate(now) == "3"
    for key, number in (("ArrowRight", 4), (" ", 5), ("PageUp", 4), ("Home", 1), ("ArrowLeft", 1), ("End", None)):
        page.keyboard.press(key)
        assert page.evaluate(now) == str(number or page.locator(".slide").count()), key
    page.goto(f"{deck.as_uri()}#5")
    assert page.evaluate("document.querySelector('.now .code').open") is False
    page.keyboard.press("c")
    assert page.locator(".now .code pre").is_visible()
    page.keyboard.press("ArrowRight")
    page.locator("#back").click()
    assert page.evaluate(now) == "5"
