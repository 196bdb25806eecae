"""Parts of a picture: masks of known size."""

import math

import torch

from depthnb.metrics.regions import regions


def test_regions_of_a_wall_with_a_step_and_a_hole():
    depth = torch.full((1, 24, 32), 2.0)
    depth[..., 16:] = 3.0
    valid = torch.ones_like(depth, dtype=torch.bool)
    valid[:, :4, :4] = False
    depth[~valid] = math.nan
    found = regions(depth, valid)
    assert found["middle"].sum() == 12 * 16 and found["border"].sum() == 24 * 32 - 18 * 24 - 16
    columns = found["at edges"].any(dim=1)[0].nonzero()[:, 0].tolist()
    assert columns == list(range(13, 19)), "three pixels on both sides of the step"
    assert torch.equal(found["at edges"] | found["elsewhere"], valid)
    assert not (found["at edges"] & found["elsewhere"]).any()
    slope = torch.linspace(2, 3, 32).expand(1, 24, 32)  # a slanted wall is no edge
    assert not regions(slope, valid)["at edges"].any()
