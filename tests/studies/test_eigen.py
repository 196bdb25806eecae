"""What notebook 03 measures: initialisations by a masked loss, and Table 1 beside ours."""

import torch

from depthnb import losses
from depthnb.studies import eigen as study


def test_holes_do_not_feed_the_comparison_of_initialisations():
    """A hole once counted as a depth of 1 cm, which no layer would ever see."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, 3, 64, 80, generator=generator)
    valid = torch.rand(3, 1, 64, 80, generator=generator) > 0.5
    valid[2] = False
    depth = 1 + 5 * image.mean(1, keepdim=True)
    tables = [
        study.initialisations((64, 80), {"image": image, "depth": torch.where(valid, depth, junk), "valid": valid})
        for junk in (0.0, 3.0, torch.nan, torch.inf)
    ]
    assert all(tables[0].equals(table) for table in tables[1:])
    assert set(tables[0]["initialisation"]) == set(study.INITIALISATIONS) and "pytorch" in study.INITIALISATIONS
    assert (
        tables[0]["gradient_std"].notna().all()
        and tables[0].set_index("initialisation")["gradient_std"]["pytorch"].all()
    )


def test_its_loss_is_silog_in_log_depth():
    generator = torch.Generator().manual_seed(0)
    pred, depth = (1 + 5 * torch.rand(3, 1, 8, 9, generator=generator) for _ in range(2))
    valid = torch.rand(3, 1, 8, 9, generator=generator) > 0.4
    valid[1] = False
    expected = losses.silog(pred=pred, depth=depth, valid=valid, lam=0.5)
    assert torch.allclose(study._log_loss(pred.log(), torch.where(valid, depth, torch.nan), valid), expected)
