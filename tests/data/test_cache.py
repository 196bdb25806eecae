"""The cache: equal to reading and resizing each frame, complete or absent, safe for several processes and a full disk."""

import contextlib
import errno
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from data_fixtures import Memory, write_folder

from depthnb import data
from depthnb.data import cache as caching
from depthnb.data import transforms
from depthnb.data.sample import Dataset

SIZE = (10, 13)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def prepared_folders(cache):
    return sorted(path.name for path in cache.iterdir() if path.is_dir())


def test_prepared_frames_equal_frames_resized_one_by_one(cache):
    source = Memory()
    ds = Dataset(source, "train", SIZE)
    assert prepared_folders(cache)[0].startswith("memory-train-10x13-") and len(prepared_folders(cache)) == 1
    for i in range(len(ds)):
        expected = transforms.resize(source.read(i), SIZE)
        s = ds[i]
        assert torch.equal((s["image"] * 255).round().to(torch.uint8), expected["image"])
        for key in ("depth", "valid", "intrinsics"):
            assert torch.equal(s[key], expected[key]) and s[key].dtype == expected[key].dtype


def test_a_batch_equals_its_samples(cache):
    for ds in (Dataset(Memory(), "all", SIZE), Dataset(Memory(), "all")):
        order = [4, 0, 5, 0, 3]
        batch = ds.batch(order)
        assert batch["image"].shape[:2] == (5, 3) and batch["image"].dtype == torch.float32
        for place, i in enumerate(order):
            for key in ("image", "depth", "valid", "intrinsics"):
                assert torch.equal(batch[key][place], ds[i][key])
            assert (batch["id"][place], batch["scene"][place]) == (ds[i]["id"], ds[i]["scene"])
        assert torch.equal(ds.batch(torch.tensor([1, 2]))["depth"], ds.batch(np.array([1, 2]))["depth"])
        with pytest.raises(IndexError, match="6 frames"):
            ds.batch([6])
        with pytest.raises(IndexError):
            ds[-7]
        assert ds[-1]["id"] == "05" and len(list(ds)) == 6


def test_a_second_opening_reads_nothing(cache):
    Dataset(Memory(), "train", SIZE)
    again = Memory()
    assert len(Dataset(again, "train", SIZE).batch([0, 3])["id"]) == 2
    assert again.reads == 0


def test_other_data_size_or_state_is_another_cache(cache):
    for source, size in ((Memory(), SIZE), (Memory(), (8, 8)), (Memory(7), SIZE), (Memory(state="changed"), SIZE)):
        Dataset(source, "train", size)
    assert len(prepared_folders(cache)) == 4


def test_a_changed_file_is_seen(cache, tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    write_folder(root, {"a": "train", "b": "val", "c": "test"})
    before = data.open("folder", root, size=SIZE)[0]["image"]
    shutil.copy(root / "4.png", root / "0.png")
    os.utime(root / "0.png", (1, 1))  # even an older date is another date
    assert not torch.equal(before, data.open("folder", root, size=SIZE)[0]["image"])


def test_subset_and_native(cache):
    ds = Dataset(Memory(12), "train", SIZE)
    assert ds.subset(3).frames["id"].tolist() == ["00", "03", "06"]
    assert ds.subset([7, 1]).frames["id"].tolist() == ["07", "01"]
    small, large = (set(ds.subset(n, seed=5).frames["id"]) for n in (3, 7))
    assert small < large and set(ds.subset(3, seed=6).frames["id"]) != small
    sub = ds.subset([7, 1])
    assert (sub.size, sub.name, sub.protocol, sub.fingerprint) == (ds.size, ds.name, ds.protocol, ds.fingerprint)
    assert torch.equal(sub[0]["depth"], ds[7]["depth"]) and torch.equal(sub.batch([1])["image"][0], ds[1]["image"])
    native = sub.native()
    assert native.size is None and native[0]["image"].shape == (3, 24, 32) and native[0]["id"] == "07"
    for bad in (0, 11):
        with pytest.raises(ValueError, match=f"subset of {bad} frames"):
            ds.subset(bad)
    with pytest.raises(ValueError, match="no frames"):
        ds.subset([])


def test_mixed_sizes_need_a_size(cache, tmp_path):
    write_folder(tmp_path, {"a": "train", "b": "val", "c": "test"})
    from PIL import Image

    for name in ("0.png", "0_depth.png", "0_valid.png"):
        Image.open(tmp_path / name).resize((20, 20), Image.Resampling.NEAREST).save(tmp_path / name)
    ds = data.open("folder", tmp_path)
    assert ds[0]["image"].shape != ds[1]["image"].shape
    with pytest.raises(ValueError, match=r"different sizes.*size=\(height, width\)"):
        ds.batch([0, 1])
    assert data.open("folder", tmp_path, size=SIZE).batch([0, 1])["image"].shape == (2, 3, *SIZE)


def test_a_data_set_can_be_pickled_without_its_pixels(cache):
    ds = Dataset(Memory(), "train", SIZE)
    before = ds[2]
    packed = pickle.dumps(ds)
    assert len(packed) < 20_000
    assert torch.equal(pickle.loads(packed)[2]["depth"], before["depth"])


def test_a_frame_that_cannot_be_read_leaves_nothing(cache):
    source = Memory()
    source.fail_at = 2
    with pytest.raises(ValueError, match="frame 2 is damaged"):
        Dataset(source, "train", SIZE)
    assert prepared_folders(cache) == []
    assert len(Dataset(Memory(), "train", SIZE)) == 4


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(cache, monkeypatch):
    """The disk fills up in the middle: the kernel itself refuses, by a limit on the size of a file."""
    import resource

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails with EFBIG
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
        with pytest.raises(OSError, match=r"cannot write the cache.*DEPTHNB_CACHE"):
            Dataset(Memory(), "train", SIZE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert prepared_folders(cache) == []
    assert len(Dataset(Memory(), "train", SIZE).batch([0])["id"]) == 1


def test_too_small_a_disk_is_told_before_anything_is_written(cache, monkeypatch):
    monkeypatch.setattr(caching.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6, 500))
    with pytest.raises(OSError, match=r"MB needed, 0 MB free") as error:
        Dataset(Memory(), "train", SIZE)
    assert error.value.errno == errno.ENOSPC and prepared_folders(cache) == []


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match="DEPTHNB_CACHE"):
        Dataset(Memory(), "train", SIZE)


@pytest.mark.parametrize("damage", ["cut", "no index", "rubbish index"])
def test_a_damaged_cache_is_made_again(cache, damage):
    expected = Dataset(Memory(), "train", SIZE).batch(range(4))["depth"]
    folder = cache / prepared_folders(cache)[0]
    if damage == "cut":
        with open(folder / "depth.npy", "r+b") as handle:
            handle.truncate(200)
    elif damage == "no index":
        (folder / "index.json").unlink()
    else:
        (folder / "index.json").write_text("[]")
    assert torch.equal(Dataset(Memory(), "train", SIZE).batch(range(4))["depth"], expected)


SLOW = """
import sys, time
sys.path.insert(0, {tests!r})
from data_fixtures import Memory
from depthnb.data.sample import Dataset
class Slow(Memory):
    def read(self, row):
        time.sleep(0.01)
        sys.stdout.write(f"read {{row}}\\n")  # in one piece: threads print here
        sys.stdout.flush()
        if row == 10:
            sys.stdin.readline()  # until the test says so
        return super().read(row)
ds = Dataset(Slow(22), "train", (10, 13))
print("done", float(ds.batch(range(20))["depth"].double().sum()), flush=True)
"""


def start(cache):
    code = textwrap.dedent(SLOW).format(tests=str(Path(__file__).parents[1] / "helpers"))
    environment = {**os.environ, "DEPTHNB_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)


@pytest.mark.slow
def test_killed_in_the_middle_counts_as_not_there(cache):
    process = start(cache)
    for _ in range(5):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    left = prepared_folders(cache)
    assert len(left) == 1 and ".tmp-" in left[0]
    ds = Dataset(Memory(22), "train", SIZE)
    assert len(ds) == 20 and torch.equal(ds[15]["depth"], transforms.resize(Memory(22).read(15), SIZE)["depth"])
    assert len(prepared_folders(cache)) == 1 and ".tmp-" not in prepared_folders(cache)[0]  # the rubbish is swept


@pytest.mark.slow
def test_two_processes_prepare_once_and_agree(cache):
    first = start(cache)
    begun = first.stdout.readline()
    second = start(cache)
    told = second.stdout.readline()
    lines = [begun, told]
    for process in (first, second):
        with process:  # not communicate(): it forgets what readline() has read ahead
            with contextlib.suppress(BrokenPipeError):  # the second need not ask, and may have ended
                process.stdin.write("go\n")
                process.stdin.close()
            lines.append(process.stdout.read())
    assert first.returncode == 0 and second.returncode == 0
    assert sum(line.count("read ") for line in lines) == 20  # one worked, the other waited
    assert re.match(rf"process {first.pid} on .* \(since .*\) prepares these frames already: waiting\n", told)
    done = [line.splitlines()[-1] for line in lines[2:]]
    assert done[0] == done[1] and done[0].startswith("done")
    assert len(prepared_folders(cache)) == 1


def test_where_a_lock_was_lost_the_first_to_finish_wins(cache, monkeypatch):
    monkeypatch.setattr(caching, "_lock", contextlib.nullcontext)
    source, facts = Memory(), []
    original = caching._write_arrays

    def overtaken(*args):
        content = original(*args)
        if not facts:  # while this one writes, another process finishes
            facts.append(1)
            Dataset(Memory(), "train", SIZE)
        return content

    monkeypatch.setattr(caching, "_write_arrays", overtaken)
    ds = Dataset(source, "train", SIZE)
    assert facts and len(ds.batch(range(4))["id"]) == 4 and len(prepared_folders(cache)) == 1


def test_long_preparations_say_so(cache, monkeypatch, capsys):
    monkeypatch.setattr(caching, "_QUIET_SECONDS", 0.0)
    Dataset(Memory(), "train", SIZE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("preparing memory train: 1 of 4 frames")
    monkeypatch.setattr(caching, "_QUIET_SECONDS", 10.0)
    Dataset(Memory(7), "train", SIZE)
    assert capsys.readouterr().out == ""


def test_preparing_is_done_in_a_few_frames_of_memory(cache):
    """At most 2 threads' worth of frames may be in flight, however long the data set is."""
    alive, most = set(), 0

    class Counting(Memory):
        def read(self, row):
            nonlocal most
            alive.add(row)
            most = max(most, len(alive))
            time.sleep(0.001)
            return super().read(row)

    original = caching._frames

    def watched(*args):
        for number, frame in enumerate(original(*args)):
            yield frame
            alive.discard(number)

    caching._frames = watched
    try:
        Dataset(Counting(200), "train", SIZE)
    finally:
        caching._frames = original
    assert most <= 2 * 8 + 2


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files as Linux shows them")
def test_many_open_data_sets_keep_few_files_open(cache):
    """2,000 data sets once held 8,000 of them, where many systems allow 1,024."""
    first = Dataset(Memory(), "train", SIZE)
    expected, (folder,) = first[1]["depth"], [each.folder for each in first._prepared.values()]
    before = len(os.listdir("/proc/self/fd"))
    many = [caching.Prepared(folder) for _ in range(300)]
    for _ in range(2):  # the second time those that were closed are opened again
        for each in many:
            assert torch.equal(each.rows(np.array([1]))["depth"][0], expected)
    assert len(os.listdir("/proc/self/fd")) - before <= 4 * 32
    assert torch.equal(first[1]["depth"], expected)
