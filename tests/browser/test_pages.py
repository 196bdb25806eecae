"""The report and the site as a reader sees them: wide and on a telephone, light and dark."""

import re
from pathlib import Path

import pytest

from depthnb import report

ROOT = Path(__file__).parents[2]
PAGES = ("index.html", "README.html", "notebooks/03_eigen.html", "notebooks/11_today.html", "api/depthnb.metrics.html")
PAPER = 717  # pixels across A4 between the margins that Chromium prints with
# worst contrast of text against the nearest background that is set (WCAG 2, section 1.4.3); large text counts from 3
CONTRAST = """() => {
  const parts = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
  let worst = [21, ""];
  const texts = "p li td th h1 h2 h3 a span button summary figcaption dt dd code".split(" ");
  for (const e of document.querySelectorAll(`:is(main, article) :is(${texts})`)) {
    if (!e.innerText?.trim() || !e.checkVisibility()) continue;
    const style = getComputedStyle(e), [a, b] = [light(parts(style.color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05) * (parseFloat(style.fontSize) >= 24 ? 1.5 : 1);
    if (ratio < worst[0]) worst = [ratio, e.innerText.slice(0, 60)];
  }
  return worst; }"""


@pytest.fixture(scope="module")
def report_address(served):
    page = report.build(ROOT / "reports")  # an older one would say nothing about this code
    return f"{served(page.parent)}/report.html"


@pytest.fixture(scope="module")
def site_address(served):
    if not (ROOT / "build" / "site" / "index.html").exists():
        pytest.skip("there is no site; make site builds it")
    return served(ROOT / "build" / "site")


def looks_good(page) -> None:
    """No sideways scrolling, no error, no other host, text that can be read."""
    page.wait_for_load_state("networkidle")
    across = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert across[0] <= across[1], f"the page is {across[0]} pixels wide on a screen of {across[1]}"
    assert [fault for fault in page.faults if "favicon" not in fault and "404" not in fault] == []
    assert {host.split(":")[0] for host in page.hosts} == {"127.0.0.1"}
    ratio, text = page.evaluate(CONTRAST)
    assert 4.5 <= ratio, f"contrast {ratio:.1f} of {text!r}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_report_fits_and_can_be_read(open_page, report_address, size, scheme):
    looks_good(open_page(report_address, size, scheme))


def test_report_is_as_wide_as_the_paper(open_page, report_address):
    """What is wider is cut off, or makes the print of all pages small."""
    page = open_page(report_address)
    page.set_viewport_size({"width": PAPER, "height": 1000})
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER


def test_report_sorts_its_leaderboard_and_moves_its_sliders(open_page, report_address):
    page = open_page(report_address)
    table = page.locator("table.board").first
    methods = table.locator("tbody th").all_inner_texts()
    heading = table.locator("thead button").first
    heading.click()
    up = table.locator("tbody th").all_inner_texts()
    assert table.locator("thead th").first.get_attribute("aria-sort") == "ascending"
    heading.click()
    assert sorted(up) == sorted(methods) and table.locator("tbody th").all_inner_texts() == up[::-1] != methods
    slider = page.locator(".pairs input[type=range]").first
    slider.focus()
    slider.press("ArrowRight")
    assert slider.input_value() == "51"
    assert slider.evaluate("e => e.previousElementSibling.style.getPropertyValue('--x')") == "51%"


def test_report_sorts_on_a_telephone(open_page, report_address):
    table = open_page(report_address, "phone").locator("table.board").first
    button = table.locator("thead button", has_text="rmse")
    assert button.is_visible() and button.bounding_box()["height"] >= 24, "WCAG 2.2, section 2.5.8"
    button.click()
    values = table.locator("tbody td[data-label=rmse]").evaluate_all("cells => cells.map(c => Number(c.dataset.value))")
    assert values == sorted(values)


def test_cards_on_a_telephone_keep_label_and_long_words_apart(open_page, report_address):
    cell = open_page(report_address, "phone").locator("table.cards td:not(.none)").last
    style = "e => { const s = getComputedStyle(e); return [parseFloat(s.columnGap) || 0, s.backgroundColor]; }"
    assert cell.evaluate(style)[0] >= 4
    assert cell.evaluate("e => { e.textContent = 'CrossEntropy'.repeat(9); return e.scrollWidth <= e.clientWidth; }")
    first = cell.page.locator("table.numeric td:first-child").first
    assert first.evaluate(style)[1] == "rgba(0, 0, 0, 0)", "the colour of the card, not a band across it"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_site_fits_and_can_be_read(open_page, site_address, name, size, scheme):
    looks_good(open_page(f"{site_address}/{name}", size, scheme))


def test_site_draws_formulas_and_a_cloud_that_turns(open_page, site_address):
    page = open_page(f"{site_address}/notebooks/11_today.html")
    page.locator("mjx-container").first.wait_for(timeout=60_000)
    page.locator(".cloud").scroll_into_view_if_needed()
    page.locator(".cloud canvas").first.wait_for(timeout=180_000)
    eye = "document.querySelector('.cloud')._fullLayout.scene._scene.getCamera().eye.x"
    page.wait_for_function(eye)
    before, box = page.evaluate(eye), page.locator(".cloud").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=10)
    page.mouse.up()
    page.wait_for_function(f"Math.abs({eye} - {before}) > 0.05")


def test_site_has_the_report(open_page, site_address):
    page = open_page(f"{site_address}/index.html")
    page.get_by_role("link", name="the report").click()
    page.locator("h1", has_text="How far is everything").wait_for()
    address = page.locator("table.board tbody td a").first.get_attribute("href")
    assert page.request.get(f"{site_address}/report/{address}").ok


def test_site_finds_a_word(open_page, site_address):
    page = open_page(f"{site_address}/search.html?q=fit_scale_shift")
    page.locator("#search-results li a").first.wait_for(timeout=30_000)
    assert re.search(r"depthnb\.metrics", page.locator("#search-results").inner_text())
