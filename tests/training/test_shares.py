"""Several processes with shares of unequal size: the nets that notebooks train, a resumed training, and the judging."""

import os
from functools import partial

import pytest
import torch
from forks import train_together
from torch import nn
from torch.optim import SGD
from toys import Net, Toy, same

from depthnb import evaluation, losses, models, training
from depthnb.metrics.measures import NAMES

SIZE = (64, 64)


def eigen() -> tuple[dict, dict]:
    """Weights and last row after 20 steps of SGD: 18 frames in batches of 4, so that the last batch has two images.

    Three processes: one has two images of a batch, two have one, and of the last batch one borrows its image.
    """
    torch.manual_seed(0)
    net = models.EigenCoarse(SIZE, dropout=0.0)  # of which every process draws numbers of its own
    optimizer = SGD(net.parameter_groups(convolutions=0.001, linear=0.01), lr=0.001, momentum=0.9)
    silog = partial(losses.silog, root=False, factor=1.0, per_image=True)
    return net.state_dict(), fitted(net, optimizer, loss=silog)


def normalised() -> tuple[dict, dict]:
    """The same of a net with batch normalisation, which sees each process's images alone."""
    torch.manual_seed(0)
    net = models.BNCNN(width=8, depth=2)
    return net.state_dict(), fitted(net, SGD(net.parameters(), lr=0.01, momentum=0.9), loss=losses.l1)


def fitted(net: nn.Module, optimizer: SGD, *, loss) -> dict:
    history = training.fit(
        net, Toy(18, SIZE), Toy(5, SIZE, seed=1), loss=loss, optimizer=optimizer, epochs=4, batch_size=4, device="cpu",
        progress=False,
    )  # fmt: skip
    return history.rows[-1]


def resumed(checkpoint, epochs: int) -> tuple[dict, list[dict]]:
    """A net without batch normalisation, trained on from what is in the checkpoint."""
    net = Net(plain=True)
    history = training.fit(
        net, Toy(9), Toy(5, seed=1), loss=losses.l1, optimizer=SGD(net.parameters(), lr=0.05, momentum=0.9),
        epochs=epochs, batch_size=4, device="cpu", checkpoint=checkpoint, progress=False,
    )  # fmt: skip
    return net.state_dict(), history.rows


def judged(frames: int = 7) -> evaluation.Evaluation:
    return evaluation.evaluate(Net(plain=True, seed=3), Toy(frames, seed=2), batch_size=2)


def refused() -> str:
    """What is said where the last frame alone, which is the last process's, has a prediction that is not finite."""
    preds = torch.ones(7, 1, 16, 24)
    preds[6] = torch.nan
    with pytest.raises(ValueError) as caught:
        evaluation.evaluate(preds, Toy(7, seed=2))
    return str(caught.value)


SOURCE = """
from test_shares import eigen, judged, normalised, refused, resumed

def train():
    processes = int(os.environ["WORLD_SIZE"])
    weights, rows = resumed(sys.argv[1] + "/resumed.ckpt", epochs={2: 1, 3: 3}[processes])
    scores, few = judged(), judged(frames=2)  # of two frames one process of three has none
    return {
        "eigen": eigen(),
        "normalised": normalised(),
        "resumed": (weights, rows),
        "judged": (scores.summary, scores.per_image.to_csv(), scores.by_distance.to_csv(), scores.predictions),
        "few": few.summary,
        "refused": refused(),
    }
"""


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What each of 2 and each of 3 processes found."""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    return train_together(SOURCE, tmp_path_factory.mktemp("shares"), (2, 3))[0]


def distance(one: dict, other: dict) -> float:
    """The largest relative difference of a weight tensor, by its norm."""
    keys = [key for key in other if other[key].is_floating_point()]
    return max(float((one[key] - other[key]).norm() / other[key].norm().clamp(min=1e-12)) for key in keys)


def share_of_all(one: dict, other: dict) -> float:
    """The relative difference of all weights together."""
    keys = [key for key in other if other[key].is_floating_point()]
    both = [torch.cat([state[key].flatten() for key in keys]) for state in (one, other)]
    return float((both[0] - both[1]).norm() / both[1].norm())


def test_eigen_is_that_of_one_process(together):
    weights, row = eigen()
    for first, *others in together.values():
        assert all(same(first["eigen"][0], each["eigen"][0]) for each in others)
        assert distance(first["eigen"][0], weights) < 1e-5
        for column in ("train_loss", "val_loss"):
            assert first["eigen"][1][column] == pytest.approx(row[column], rel=1e-5)


def test_batch_normalisation_sees_other_batches_and_little_comes_of_it(together):
    """By definition another training; the processes still end with one net, and its loss is close to that of one process."""
    weights, row = normalised()
    for processes, (first, *others) in together.items():
        assert all(same(first["normalised"][0], each["normalised"][0]) for each in others)
        found, loss = share_of_all(first["normalised"][0], weights), first["normalised"][1]["val_loss"]
        print(
            f"{processes} processes: weights differ by {found:.2g}, validation loss {loss:.4f} against {row['val_loss']:.4f}"
        )
        assert found > 1e-4, "as if every process had seen all images"
        assert loss == pytest.approx(row["val_loss"], rel=0.2)


def test_a_training_goes_on_with_another_number_of_processes(together):
    """One epoch by two, two more by three: the rows and weights of three epochs by one."""
    weights, rows = resumed(None, epochs=3)
    assert [row["epoch"] for row in together[2][0]["resumed"][1]] == [1]
    for each in together[3]:
        assert [row["epoch"] for row in each["resumed"][1]] == [1, 2, 3]
        assert distance(each["resumed"][0], weights) < 1e-5
        for one, other in zip(each["resumed"][1], rows, strict=True):
            assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-5)


def test_judging_is_shared_and_gives_what_one_process_finds(together):
    alone, few = judged(), judged(frames=2)
    for found in together.values():
        for each in found:
            summary, per_image, by_distance, predictions = each["judged"]
            assert str((summary, per_image, by_distance)) == str(found[0]["judged"][:3])
            assert summary == pytest.approx(alone.summary, rel=1e-5, nan_ok=True)
            assert each["few"] == pytest.approx(few.summary, rel=1e-5, nan_ok=True)
            assert list(predictions) == list(alone.predictions), "in the order of the data set"
            for name, pred in predictions.items():
                torch.testing.assert_close(pred, alone.predictions[name], rtol=1e-5, atol=1e-5)
            ids = [line.split(",")[1] for line in per_image.splitlines()[1:]]
            assert ids == alone.per_image["id"].tolist()
    assert set(NAMES) == set(alone.summary)


def test_what_one_process_cannot_judge_all_are_told(together):
    said = refused()
    assert "frame_2_006" in said
    assert all(each["refused"] == said for found in together.values() for each in found)
