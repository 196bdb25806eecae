"""The notebooks in a real JupyterLab: they open, they run, their knobs do something."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NOTEBOOKS = sorted(path.name for path in (Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
CELLS = "jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
READY = "window.jupyterapp && jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


def opened(open_page, lab, name):
    address, token = lab
    page = open_page(f"{address}/lab/tree/{name}?reset&token={token}")
    page.wait_for_function(READY, timeout=180_000)
    return page


def run_all(page, minutes: float) -> None:
    """Run every cell; an error in one of them fails the test with its words."""
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.ranAll = true; })")
    page.wait_for_function("window.ranAll", timeout=minutes * 60_000)
    said = page.evaluate(f"JSON.stringify({CELLS}.map(c => c.toJSON()).filter(c => c.cell_type === 'code'))")
    cells = json.loads(said)
    errors = [out for cell in cells for out in cell["outputs"] if out["output_type"] == "error"]
    assert [f"{error['ename']}: {error['evalue']}" for error in errors] == []
    assert all(cell["execution_count"] for cell in cells)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_opens_without_an_error(open_page, lab, name):
    page = opened(open_page, lab, name)
    page.locator(".jp-MarkdownCell h1").first.wait_for(timeout=60_000)
    assert [fault for fault in page.faults if "Failed to load resource" not in fault] == []


def test_12_runs_and_its_panel_answers(open_page, lab, tmp_path):
    page = opened(open_page, lab, "12_your_photo.ipynb")
    run_all(page, 10)
    page.evaluate(f"jupyterapp.shell.currentWidget.content.scrollToItem({CELLS}.length - 5)")
    knob = page.locator(".widget-slider .noUi-handle").first
    knob.wait_for(timeout=60_000)
    pane = page.locator(".widget-vbox").last
    before = pane.inner_text()
    knob.focus()
    knob.press("ArrowRight")
    page.wait_for_function(
        "text => [...document.querySelectorAll('.widget-vbox')].at(-1).innerText !== text", arg=before
    )
    page.get_by_text("from the slider").first.wait_for(timeout=120_000)
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "of_mine.png")
    with page.expect_file_chooser() as chooser:
        page.locator(".widget-upload").last.click()
    chooser.value.set_files(tmp_path / "of_mine.png")
    page.get_by_text("Your picture (1)").first.wait_for(timeout=60_000)
    # no longer what the slider said
    page.get_by_text("supposed: the file does not say it").last.wait_for(timeout=60_000)


def test_the_cloud_of_12_turns(open_page, lab):
    page = opened(open_page, lab, "12_your_photo.ipynb")
    index = f"{CELLS}.findIndex(c => c.getSource().includes('pointcloud.view'))"
    page.evaluate(f"jupyterapp.shell.currentWidget.content.scrollToItem({index}, 'center')")
    cloud = page.locator(".js-plotly-plot").first
    cloud.locator("canvas").first.wait_for(timeout=180_000)
    cloud.scroll_into_view_if_needed()
    eye = "document.querySelector('.js-plotly-plot')._fullLayout.scene._scene.getCamera().eye.x"
    page.wait_for_function(eye)
    before, box = page.evaluate(eye), cloud.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=10)
    page.mouse.up()
    page.wait_for_function(f"Math.abs({eye} - {before}) > 0.05")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["01_data.ipynb", "03_eigen.ipynb", "11_today.ipynb"])
def test_a_notebook_runs_completely(open_page, lab, name):
    run_all(opened(open_page, lab, name), 30)
