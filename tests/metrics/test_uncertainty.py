"""Sparsification and its areas: the oracle, a blind order, and a net that is surest where it is wrong."""

import numpy as np
import pytest
import torch

from depthnb import metrics
from depthnb.metrics.uncertainty import Uncertainty, Unit, ause, sparsification


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    depth = 1 + 4 * torch.rand(3, 1, 20, 30, generator=generator)
    error = 0.4 * torch.rand(depth.shape, generator=generator)
    valid = torch.rand(depth.shape, generator=generator) > 0.2
    return {"pred": depth * (1 + error), "depth": depth, "valid": valid, "error": error}


def curve(maps, values, unit=Unit.LOG):
    given = {key: maps[key] for key in ("pred", "depth", "valid")}
    return sparsification(**given, uncertainty=Uncertainty(values, unit, "test"), protocol="rooms")


def test_who_knows_the_error_is_the_oracle(maps):
    table = curve(maps, maps["error"] * 7)
    np.testing.assert_allclose(table["uncertainty"], table["oracle"], rtol=1e-5)
    assert ause(table)[0] == pytest.approx(0, abs=1e-6) and ause(table)[1] > 0.05
    assert (np.diff(table["oracle"]) < 0).all()


def test_a_constant_is_a_random_order(maps):
    table = curve(maps, torch.ones_like(maps["error"]))
    np.testing.assert_allclose(table["uncertainty"], table["random"])
    assert ause(table)[1] == pytest.approx(0, abs=1e-12) and ause(table)[0] > 0.05


def test_who_is_surest_where_it_is_wrong_is_worse_than_chance(maps):
    assert ause(curve(maps, 1 - maps["error"]))[1] < -0.05


def test_the_first_row_is_abs_rel_and_each_image_counts_the_same(maps):

    given = {key: maps[key] for key in ("pred", "depth", "valid")}
    given["valid"][0, :, 2:] = False
    assert curve(maps, maps["error"])["random"][0] == pytest.approx(
        metrics.evaluate(**given, protocol="rooms")["abs_rel"]
    )


def test_metres_are_taken_relative_to_the_depth_and_scores_are_not(maps):
    relative = maps["error"]
    in_metres = curve(maps, relative * maps["pred"], Unit.METRES)
    np.testing.assert_allclose(in_metres["uncertainty"], curve(maps, relative)["uncertainty"], rtol=1e-4)


def test_what_lies_under_the_mask_changes_nothing(maps):
    table = curve(maps, maps["error"])
    for key in ("pred", "depth"):
        maps[key] = torch.where(maps["valid"], maps[key], torch.nan)
    maps["error"] = torch.where(maps["valid"], maps["error"], torch.inf)
    assert curve(maps, maps["error"]).equals(table)


def test_what_is_refused(maps):
    with pytest.raises(ValueError, match="negative; larger must mean less sure"):
        curve(maps, -maps["error"])
    with pytest.raises(ValueError, match=r"uncertainty has shape \[3, 20, 30\]; expected"):
        curve(maps, maps["error"][:, 0])
    with pytest.raises(ValueError, match=r"uncertainty has shape .*, pred"):
        curve(maps, maps["error"][:1])
    with pytest.raises(ValueError, match="NaN or infinite on a pixel that counts"):
        curve(maps, torch.full_like(maps["error"], torch.inf))
    maps["valid"][:] = False
    with pytest.raises(ValueError, match="no pixel counts"):
        curve(maps, maps["error"])
