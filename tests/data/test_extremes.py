"""Depths that no sensor gives: whatever number lies in a file, what is trained on gives every loss a finite value."""

import inspect

import numpy as np
import pytest
import torch
from data_fixtures import write_folder, write_index

from depthnb import data, losses

NUMBERS = np.array(
    [1e-45, 1e-38, 1e-30, 1e-9, 1e-3, 0.1, 1, 9.99, 79.9, 299.9, 1e4, 1e20, 3.4e38, np.inf, np.nan, -1.0, 0]
)
SCENES = {"a": "train", "b": "train", "c": "val", "d": "test"}
LOSSES = sorted(
    name
    for name, each in vars(losses).items()
    if getattr(each, "__module__", "") == losses.__name__
    and not name.startswith("_")
    and {"pred", "depth", "valid"} <= set(inspect.signature(each).parameters)
)


@pytest.fixture(scope="module", params=["any", "alternating"])
def frames(request, tmp_path_factory):
    """Every frame holds all of the numbers, or the two ends of the range side by side."""
    root = tmp_path_factory.mktemp("extremes")
    rng = np.random.default_rng(0)
    rows = write_folder(root, SCENES)
    for row in rows:
        stored = rng.choice(NUMBERS, (24, 32))
        if request.param == "alternating":
            stored = np.where(np.arange(32) % 2, rng.uniform(0.1001, 0.2, (24, 32)), rng.uniform(250, 299.9, (24, 32)))
        np.save(root / f"{row[0]}.npy", stored.astype(np.float32))
        row[5:8] = f"{row[0]}.npy", "", "1"
    write_index(root, rows)
    ds = data.open("folder", root)
    assert ds.max_depth == {"any": 10, "alternating": 300}[request.param], ds.notes
    batch = [ds[i] for i in range(4)]
    return {key: torch.stack([each[key] for each in batch]) for key in ("depth", "valid")}


def test_all_losses_are_asked():
    assert len(LOSSES) == 12


@pytest.mark.parametrize("answer", ["one", "truth", "near", "far"])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_and_its_gradient_are_finite(name, answer, frames):
    loss = getattr(losses, name)
    depth, valid = frames["depth"], frames["valid"]
    assert valid.any() and depth[valid].min() > 0.09 and depth[valid].max() < 301
    pred = {"one": torch.rand_like(depth) + 1, "truth": torch.where(valid, depth, 1), "near": depth * 0 + 1e-3,
            "far": torch.rand_like(depth) * 300 + 1e-3}[answer].nan_to_num(1.0).requires_grad_()  # fmt: skip
    needs = inspect.signature(loss).parameters
    more = {
        key: 10.0
        for key in ("max_depth", "data_range")
        if key in needs and needs[key].default is inspect.Parameter.empty
    }
    value = loss(pred=pred, depth=depth, valid=valid, **more)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(pred.grad).all()
