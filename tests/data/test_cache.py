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
from depthnb.data import transforms
from depthnb.data.cache import frames as decoding
from depthnb.data.cache import layout, prepared, progress, writing
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
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6, 500))
    need = layout.total_bytes(4, SIZE)
    with pytest.raises(
        OSError, match=f"{need:,} bytes are needed and 500 are free, {need - 500:,} are missing"
    ) as error:
        Dataset(Memory(), "train", SIZE)
    assert error.value.errno == errno.ENOSPC and prepared_folders(cache) == []


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match="DEPTHNB_CACHE"):
        Dataset(Memory(), "train", SIZE)


def flip(path, place):
    """Turn one bit of a file; a place below 0 counts from its end."""
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


DAMAGES = {
    "cut": lambda folder: os.truncate(folder / "depth.npy", 200),
    "no index": lambda folder: (folder / "index.json").unlink(),
    "rubbish index": lambda folder: (folder / "index.json").write_text("[]"),
    "nested index": lambda folder: (folder / "index.json").write_text("[" * 100_000),
    "flipped index": lambda folder: flip(folder / "index.json", -30),
    "no array": lambda folder: (folder / "valid.npy").unlink(),
    "header": lambda folder: flip(folder / "image.npy", 20),
    "magic": lambda folder: flip(folder / "image.npy", 0),
    "counts": lambda folder: flip(folder / "counts.npy", -20),
    "sums": lambda folder: flip(folder / "sums.npy", -2),
    "image": lambda folder: flip(folder / "image.npy", -1),
    "depth": lambda folder: flip(folder / "depth.npy", 200),
    "valid": lambda folder: flip(folder / "valid.npy", -100),
    "intrinsics": lambda folder: flip(folder / "intrinsics.npy", -40),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_again(cache, damage, capsys):
    expected = Dataset(Memory(), "train", SIZE).batch(range(4))
    folder = cache / prepared_folders(cache)[0]
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(whole) == layout.NAMES
    DAMAGES[damage](folder)
    prepared._maps.cache_clear()  # another process
    again = Dataset(Memory(), "train", SIZE).batch(range(4))
    assert all(torch.equal(again[key], expected[key]) for key in ("image", "depth", "valid", "intrinsics"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and "are damaged (" in said[0] and said[0].endswith("preparing them anew")
    assert len(prepared_folders(cache)) == 1


def test_every_byte_of_a_frame_is_under_its_checksum(cache):
    """Wherever a byte is flipped, the frame that holds it is not handed out; the others are."""
    Dataset(Memory(), "train", SIZE)
    folder = cache / prepared_folders(cache)[0]
    rng = np.random.default_rng(0)
    for key in layout.PIXELS:
        path, each = folder / f"{key}.npy", layout.frame_bytes(SIZE)[key]
        for place in rng.integers(0, 4 * each, 5):
            flip(path, int(place) - 4 * each)
            prepared._maps.cache_clear()
            faults = []

            def refused(fault, faults=faults):
                faults.append(fault)
                raise ValueError("refused")

            facts = {"frames": 4, "size": SIZE}
            reader = prepared.Prepared(folder, facts, refused)
            wrong = int(place) // each
            for number in range(4):
                if number == wrong:
                    with pytest.raises(ValueError, match="refused"):
                        reader.rows(np.array([number]))
                else:
                    reader.rows(np.array([number]))
            assert faults == [f"frame {wrong + 1} does not have its checksum"]
            flip(path, int(place) - 4 * each)


def test_a_frame_is_checked_once(cache, monkeypatch):
    ds, calls = Dataset(Memory(), "train", SIZE), []
    original = layout.frame_sum
    monkeypatch.setattr(layout, "frame_sum", lambda frame: calls.append(1) or original(frame))
    for _ in range(3):
        ds.batch([0, 1, 1, 3])
        ds[2]
    assert 4 <= len(calls) <= 5  # a frame that is twice in its first batch counts twice


def test_what_cannot_be_made_again_is_refused(cache, tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    write_folder(root, {"a": "train", "b": "val", "c": "test"})
    ds = data.open("folder", root, size=SIZE)
    folder = next(path for path in cache.iterdir() if path.name.startswith("folder-train-"))
    flip(folder / "depth.npy", -1)
    times = os.stat(root / "0.png")
    shutil.copy(root / "4.png", root / "0.png")  # another frame, and nobody can see it by its date
    os.utime(root / "0.png", ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(ValueError, match=r"are damaged \(frame 2 .*could not be prepared anew.*were changed since"):
        ds.batch([0, 1])
    (root / "0.png").unlink()
    with pytest.raises((OSError, ValueError), match=r"are damaged .*could not be prepared anew.*0\.png.* missing"):
        ds.batch([0, 1])
    assert not list(cache.glob("*.part")) and not list(cache.glob("*.old-*"))


def test_a_cache_deleted_while_it_is_open_is_made_again(cache):
    ds = Dataset(Memory(), "train", SIZE)
    expected = ds.batch([0, 3])["depth"]
    shutil.rmtree(cache)
    prepared._maps.cache_clear()
    assert torch.equal(ds.batch([0, 3])["depth"], expected) and ds.valid_share > 0


def test_many_open_data_sets_keep_few_files(cache):
    def opened():
        return len(os.listdir("/proc/self/fd"))

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("this system does not list open files")
    prepared._maps.cache_clear()
    before = opened()
    sets = [Dataset(Memory(state=str(number)), "train", (4, 5)) for number in range(60)]
    for ds in sets:
        ds.batch([0])
    assert opened() - before <= 4 * prepared._OPEN
    assert torch.equal(sets[0].batch([1])["depth"], sets[-1].batch([1])["depth"])


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
def test_killed_in_the_middle_it_goes_on_where_it_was(cache, capsys):
    process = start(cache)
    while process.stdout.readline() != "read 10\n":
        pass
    time.sleep(0.2)  # the frames before it are written meanwhile
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    left = prepared_folders(cache)
    assert len(left) == 1 and left[0].endswith(".part")
    again = Memory(22)
    ds = Dataset(again, "train", SIZE)
    assert len(ds) == 20 and torch.equal(ds[15]["depth"], transforms.resize(Memory(22).read(15), SIZE)["depth"])
    said = re.search(r"preparing memory train: (\d+) of 20 frames are there already", capsys.readouterr().out)
    assert 5 <= int(said[1]) <= 10 and again.reads == 20 - int(said[1])
    assert prepared_folders(cache) == [left[0].removesuffix(".part")]


def stopped(cache, frames=8, after=5):
    """Prepare until a frame, then be stopped as by Ctrl-C; returns the folder that is left."""

    class Stopping(Memory):
        def read(self, row):
            if row == after:
                raise KeyboardInterrupt
            return super().read(row)

    with pytest.raises(KeyboardInterrupt):
        Dataset(Stopping(frames), "train", SIZE)
    return cache / prepared_folders(cache)[0]


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (lambda part: None, 5),
        (lambda part: flip(part / "image.npy", -1), 4),  # the last frame that is there
        (lambda part: flip(part / "journal", -1), 4),
        (lambda part: os.truncate(part / "journal", 50), 1),  # in the middle of a record
        (lambda part: os.truncate(part / "depth.npy", 1500), 2),
        (lambda part: flip(part / "valid.npy", 8), 0),  # the header
        (lambda part: (part / "counts.npy").unlink(), 0),
        (lambda part: (part / "journal").write_bytes(b"rubbish"), 0),
    ],
)
def test_of_what_was_begun_only_whole_frames_count(cache, tmp_path, monkeypatch, damage, kept):
    part = stopped(cache)
    assert part.name.endswith(".part")
    damage(part)
    again = Memory(8)
    Dataset(again, "train", SIZE)
    assert again.reads == 6 - kept
    folder = part.with_name(part.name.removesuffix(".part"))
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "undisturbed"))
    Dataset(Memory(8), "train", SIZE)
    for path in (tmp_path / "undisturbed" / folder.name).iterdir():
        assert path.read_bytes() == (folder / path.name).read_bytes()
    assert {path.name for path in folder.iterdir()} == layout.NAMES


def test_killed_between_the_last_byte_and_the_name(cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(writing, "_name", lambda part, folder: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Dataset(Memory(), "train", SIZE)
    (part,) = cache.glob("*.part")
    (part / ".index.json.7.part").write_text("left by a kill in the middle of a write")
    again = Memory()
    Dataset(again, "train", SIZE)
    assert again.reads == 0 and {path.name for path in (cache / prepared_folders(cache)[0]).iterdir()} == layout.NAMES


def test_what_was_begun_for_data_that_are_gone_is_removed_after_a_week(cache):
    part = stopped(cache)
    Dataset(Memory(state="changed"), "train", SIZE)
    assert part.is_dir()
    week = time.time() - 8 * 24 * 3600
    os.utime(part / "journal", (week, week))
    lock = cache / f"{prepared_folders(cache)[0]}.lock"
    lock.write_text("left by one that was killed as it let go")
    os.utime(lock, (week, week))
    young = cache / f"{prepared_folders(cache)[0]}0.lock"
    young.write_text("perhaps of one that works")
    Dataset(Memory(state="changed again"), "train", SIZE)
    assert not part.exists() and not lock.exists() and young.exists()


KILLED = """
import hashlib, os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from data_fixtures import Memory
import torch
from depthnb.data.sample import Dataset

class Slow(Memory):
    def read(self, row):
        time.sleep(0.002)
        return super().read(row)

def prepare(folder):
    os.environ["DEPTHNB_CACHE"] = folder
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        Dataset(Slow(102), "train", (10, 13))
        os._exit(0)
    return child

def digest(folder):
    return {{str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
             for path in sorted(Path(folder).rglob("*")) if path.is_file() and ".lock.break." not in path.name}}

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
started = time.monotonic()
os.waitpid(prepare(str(folder / "undisturbed")), 0)
whole = time.monotonic() - started
moments, died = random.Random(0), 0
for number in range(kills):
    child = prepare(str(folder / "killed"))
    time.sleep(moments.uniform(0.0, 3.0 / kills) * whole)
    os.kill(child, signal.SIGKILL)
    died += os.waitpid(child, 0)[1] == signal.SIGKILL
_, status = os.waitpid(prepare(str(folder / "killed")), 0)
assert status == 0
one, other = digest(folder / "undisturbed"), digest(folder / "killed")
assert one == other and len(one) == 7, (one, other)
print("killed", died)
"""


def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(tests=str(Path(__file__).parents[1] / "helpers")))
    done = subprocess.run([sys.executable, script, tmp_path, "6"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-1]) >= 1 and "frames are there already" in done.stdout


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
    """A process that slept for longer than its lock lives waits for the other, and takes what that has made."""
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0.0)  # it looks after every frame
    slept = []

    class Sleeping(Memory):
        def read(self, row):
            if row == 2 and not slept:
                slept.append(row)
                (lock,) = cache.glob("*.lock")
                lock.unlink()
                Dataset(Memory(), "train", SIZE)
            return super().read(row)

    ds = Dataset(Sleeping(), "train", SIZE)
    assert slept and torch.equal(ds[3]["depth"], transforms.resize(Memory().read(3), SIZE)["depth"])
    assert len(prepared_folders(cache)) == 1 and not list(cache.glob("*.part"))


def test_long_preparations_say_what_they_take_and_how_far_they_are(cache, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0.0)
    Dataset(Memory(), "train", SIZE)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"preparing memory train: 1 of 4 frames, about \d+ s left", lines[0])
    assert any(
        re.fullmatch(r"preparing memory train: 4 frames at 10x13 take 0 MB and about \d+ s", line) for line in lines
    )
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 10.0)
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

    original = decoding.stream

    def watched(*args):
        for number, frame in enumerate(original(*args)):
            yield frame
            alive.discard(number)

    decoding.stream = watched
    try:
        Dataset(Counting(200), "train", SIZE)
    finally:
        decoding.stream = original
    assert most <= 2 * 8 + 2


def test_a_lock_beside_a_finished_folder_whose_holder_is_dead_goes_when_the_data_is_opened(cache, tmp_path):
    """One process may be killed as it lets go; nobody prepares that folder again."""
    root = tmp_path / "set"
    root.mkdir()
    write_folder(root, {"a": "train"}, per_scene=1)
    data.open("folder", root, size=(12, 16)).batch([0])
    lock = cache / f"{prepared_folders(cache)[0]}.lock"
    script = "import sys, os; from pathlib import Path; from depthnb.files import locks; "
    script += "lock = locks.Lock(Path(sys.argv[1])); lock.take(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", script, str(lock)], timeout=60).returncode == 9 and lock.exists()
    data.open("folder", root, size=(12, 16)).batch([0])
    assert not list(cache.glob("*.lock*"))
