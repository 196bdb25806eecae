"""One net's number under the usual mistakes: the first row is the run's own, and each way moves it as it must."""

import json

import pytest

from depthnb import runs
from depthnb.studies import mistakes


@pytest.fixture(scope="module")
def today():
    return mistakes.moved("reports/11_today/rooms-full", dataset="rooms", count=10_000)


def test_the_first_row_is_what_the_run_scored(today):
    record = json.loads((runs.ROOT / "reports/11_today/rooms-full/run.json").read_text())
    for name in ("abs_rel", "delta1"):
        assert today[name][0] == pytest.approx(record["metrics"]["test"][name], abs=0.0006), "float16 weights"
    aligned = today.set_index("measured").loc["scale and shift fitted, inverse depth", "abs_rel"]
    assert aligned == pytest.approx(record["metrics"]["aligned"]["abs_rel"], abs=0.0006)
    assert today["change (%)"][0] == 0


def test_a_fit_lowers_the_error_and_pixels_that_no_sensor_saw_raise_it(today):
    rows = today.set_index("measured")["abs_rel"]
    right = rows[mistakes.RIGHT]
    assert rows["scaled by each image's true median"] < right and rows["scale and shift fitted, depth"] < right
    assert rows["truth filled where the sensor saw nothing"] > right
    said = mistakes.said("Today's recipe", today)
    assert said.startswith(f"Today's recipe: abs_rel is {right:.3f} by the protocol") and f"{rows.min():.3f}" in said


def test_inverse_depth_that_is_not_treated_as_such_is_worse():
    rows = mistakes.moved("reports/07_midas/rooms-full", dataset="rooms", count=8).set_index("measured")["abs_rel"]
    assert rows[mistakes.RIGHT] == rows.drop("all pixels pooled").min()
    assert rows["inverted without a fit"] > rows["inverse depth taken for depth"] > rows[mistakes.RIGHT]
