"""Notebook 02's own training, as Akondi says it."""

import pytest
import torch
from toys import Toy

from depthnb import losses
from depthnb.studies import bn_cnn as study


@pytest.mark.parametrize("unit", ["8-bit", "mm"])
def test_as_akondi_records_every_step_in_the_unit_of_the_targets(unit):
    data = Toy(4, (16, 32))
    given = {"channels": 4, "steps": 2, "batch_size": 2, "seed": 3, "device": "cpu"}
    net, seen = study.train_as_akondi(data, loss="l1", unit=unit, **given)
    again, twice = study.train_as_akondi(data, loss="l1", unit=unit, **given)
    assert len(seen) == 6 and seen == twice
    assert all(map(torch.equal, net.state_dict().values(), again.state_dict().values()))
    first = data.batch([0, 1])  # in their order
    blank = losses.l1(pred=torch.zeros_like(first["depth"]), depth=first["depth"], valid=first["valid"]).item()
    assert seen[0] == pytest.approx(blank * study.UNITS[unit], rel=0.2)  # an untrained net says nearly nothing
