"""Disks that are full, have become read-only, or fail: the first error is told, with what to do, and nothing hides it."""

import errno
import os

import pytest
import torch
from data_fixtures import Memory
from toys import Net, Toy, l1

from depthnb import data, files, models, training
from depthnb.data.cache import writing
from depthnb.files import locks

FAULTS = {errno.EROFS: "choose a folder that may be written", errno.ENOSPC: "free some space"}


def refuses(code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    return refuse


@pytest.mark.parametrize("code", FAULTS)
def test_letting_go_on_a_bad_disk_raises_nothing(code, tmp_path, monkeypatch):
    lock = locks.Lock(tmp_path / ".some.lock")
    lock.take()
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuses(code))
        lock.release()
    assert not lock.held


@pytest.mark.parametrize("code", FAULTS)
def test_the_cache_tells_why_it_could_not_be_written(code, tmp_path, monkeypatch):
    """Its lock and what is half-written cannot be removed either, and say nothing of it."""
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path))

    def fails(*_):
        monkeypatch.setattr(os, "unlink", refuses(code))
        monkeypatch.setattr(os, "rmdir", refuses(code))
        with writing.explained(tmp_path / "x"):
            raise OSError(code, os.strerror(code))

    with (
        monkeypatch.context() as patch,
        pytest.raises(OSError, match="cannot write the cache of prepared frames") as error,
    ):
        patch.setattr(writing, "_write_frames", fails)
        data.Dataset(Memory(), "train", (10, 13))
    assert os.strerror(code) in str(error.value) and "DEPTHNB_CACHE" in str(error.value)


@pytest.mark.parametrize("code", FAULTS)
def test_a_file_is_as_it_was_and_the_remedy_fits(code, tmp_path, monkeypatch):
    file = files.write_text(tmp_path / "a.txt", "before")
    with (
        monkeypatch.context() as patch,
        pytest.raises(OSError, match=rf"a\.txt \({os.strerror(code)}\); {FAULTS[code]}"),
    ):
        patch.setattr(os, "fsync", refuses(code))
        patch.setattr(os, "unlink", refuses(code))
        files.write_text(file, "after")
    assert file.read_text() == "before"


@pytest.mark.parametrize("code", FAULTS)
def test_a_checkpoint_and_weights_tell_what_to_do(code, tmp_path, monkeypatch):
    from safetensors import SafetensorError

    from depthnb.weights import trained

    def fails(*_, **__):
        raise SafetensorError(f"Error while serializing: I/O error: {os.strerror(code)} (os error {code})")

    monkeypatch.setattr(trained, "save_file", fails)
    with pytest.raises(OSError, match=FAULTS[code]) as error:
        models.save(models.BNCNN(width=2, depth=1), tmp_path / "m.safetensors")
    assert error.value.errno == code
    monkeypatch.setattr(os, "replace", refuses(code))
    net, told = Net(), rf"checkpoint of epoch 1 to .*{FAULTS[code]}.*the same command again"
    how = {
        "loss": l1,
        "optimizer": torch.optim.SGD(net.parameters(), lr=0.1),
        "batch_size": 4,
        "device": "cpu",
        "progress": False,
    }
    with pytest.raises(OSError, match=told):
        training.fit(net, Toy(), None, epochs=1, checkpoint=tmp_path / "m.ckpt", **how)
    assert list(tmp_path.iterdir()) == []
