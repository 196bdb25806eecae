"""What a run is: its content, not the names of things; and what then is not continued, not mixed and not deleted."""

import json
import os
import subprocess
import sys
import textwrap

import pytest
import torch
from data_fixtures import write_folder
from PIL import Image
from toys import Toy

from depthnb import data, models, runs
from depthnb.weights.origin import Kind, Origin

PARAMETERS = {"dataset": "toy", "data_root": "", "run": "quick", "pretrained": "auto", "seed": 0, "device": "cpu"}
NOTHING = Origin(Kind.NONE, "random weights: no file and no network")
IMAGENET = Origin(Kind.IMAGENET, "ImageNet weights from net.pth", "0a1b2c3d4e5f")


def start(*, sets=None, **changed):
    return runs.start("06_toy", {**PARAMETERS, **changed}, data={"train": Toy(10)} if sets is None else sets)


@pytest.fixture
def weights(tmp_path):
    """Two files of one name and size in two folders."""
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "best.pth").write_bytes(folder.encode() * 1000)
    return tmp_path


def test_another_file_of_the_same_name_is_another_run(reports, weights):
    first = start(pretrained=str(weights / "a/best.pth"))
    first.checkpoint().write_text("of a")
    second = start(pretrained=str(weights / "b/best.pth"))
    assert second.hash != first.hash and second.place.name == f"quick-{second.hash}"
    assert not second.checkpoint().exists()
    second.finish()
    assert first.checkpoint().read_text() == "of a", "nothing of the first is lost"
    record = json.loads((second.folder / "run.json").read_text())
    assert record["params"]["pretrained"] == "path/to/best.pth" and str(weights) not in json.dumps(record)
    assert record["inputs"] == second.begun["inputs"] and len(record["inputs"]["pretrained"]) == 12


def test_the_same_file_elsewhere_is_the_same_run_and_a_changed_one_is_not(reports, weights):
    one = weights / "a/best.pth"
    copy = weights / "b/best.pth"
    copy.write_bytes(one.read_bytes())
    first = start(pretrained=str(one))
    assert start(pretrained=str(copy)).hash == first.hash
    times = (one.stat().st_atime_ns, one.stat().st_mtime_ns)
    one.write_bytes(b"c" * 1000)
    os.utime(one, ns=times)
    assert start(pretrained=str(one)).hash != first.hash, "bytes count, not size and time"


def test_a_folder_of_weights_counts_with_all_that_is_in_it(reports, tmp_path):
    folder = tmp_path / "dpt-large"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    marks = {start(pretrained=str(folder)).hash}
    (folder / "config.json").write_text("[]")
    marks.add(start(pretrained=str(folder)).hash)
    (folder / "config.json").rename(folder / "other.json")
    marks.add(start(pretrained=str(folder)).hash)
    assert len(marks) == 3
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert start(pretrained=str(folder)).hash in marks


def test_words_that_are_no_files_are_left_alone(reports, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = start(encoder="plain").hash
    (tmp_path / "plain").write_text("a file that happens to be called so")
    assert start(encoder="plain").hash == before


@pytest.mark.parametrize("file", ["image", "depth"])
def test_a_frame_changed_in_place_is_another_data_set(reports, tmp_path, file):
    root = tmp_path / "frames"
    root.mkdir()
    write_folder(root, {"r1": "train", "r2": "val", "r3": "test"})

    def content(part="train", size=(12, 16)):
        return data.open("folder", root, part, size).content

    before, test = content(), content("test")
    assert before == content(size=None) and before != test
    path = data.open("folder", root, "train")._source.files(0)[file == "depth"]
    _repaint(path, file)
    assert content() != before and content("test") == test
    assert content(size=None) == content()


def _repaint(path, file):
    """Change one pixel."""
    with Image.open(path) as stored:
        picture = stored.copy()
    picture.putpixel((0, 0), 1 if file == "depth" else (1, 2, 3))
    picture.save(path)


def test_content_decides_where_the_data_know_it(reports):
    class Known(Toy):
        content = "aa"

    before = start(sets={"train": Known(10)})
    Known.content = "bb"
    after = start(sets={"train": Known(10)})
    assert before.hash != after.hash and after.begun["content"] == {"train": "bb"}
    assert start(sets={"train": Known(10)}, data_root="/home/a/one").hash == after.hash
    assert start(sets={"train": Known(10)}, data_root="/mnt/two").hash == after.hash, "where data lie does not matter"


@pytest.mark.parametrize(("what", "words"), [("versions", "torch 1.0, now"), ("code", "other code of depthnb")])
def test_an_unfinished_run_of_other_libraries_or_code_is_not_continued(reports, what, words):
    run = start()
    file = run.weights / "started.json"
    begun = json.loads(file.read_text())
    begun[what] = {**begun["versions"], "torch": "1.0"} if what == "versions" else "0"
    file.write_text(json.dumps(begun))
    assert start().folder == run.folder, "without a checkpoint nothing is continued"
    file.write_text(json.dumps(begun))
    run.checkpoint().write_text("epoch 1")
    with pytest.raises(ValueError, match=rf"quick\.unfinished was begun with {words}.* delete that folder"):
        start()
    assert run.checkpoint().read_text() == "epoch 1"
    (run.weights / "model.ckpt").unlink()
    start().finish()


def test_other_libraries_do_not_touch_a_finished_run(reports, monkeypatch):
    hash_ = start().hash
    monkeypatch.setattr("depthnb.runs.folder.versions", lambda: {"torch": "99"})
    assert start().hash == hash_


def test_weights_that_no_parameter_names_count_by_their_content(reports, tmp_path):
    def begun(content: bytes | None) -> dict:
        file = tmp_path / "encoder.safetensors"
        if content is not None:
            file.write_bytes(content)
        with_it = {"encoder": None if content is None else file}
        run = runs.start("06_toy", PARAMETERS, data={"train": Toy(10)}, weights=with_it)
        run.finish()
        return json.loads((run.folder / "run.json").read_text())

    none, first, second = begun(None), begun(b"one"), begun(b"two")
    assert len({each["hash"] for each in (none, first, second)}) == 3
    assert "encoder" not in none["inputs"] and first["inputs"]["encoder"] != second["inputs"]["encoder"]
    assert begun(b"one")["hash"] == first["hash"]


def test_a_checkpoint_begun_with_other_weights_under_the_same_words_is_refused(reports):
    run = start()
    run.checkpoint(origin=NOTHING).write_text("epoch 1")
    assert start().checkpoint(origin=NOTHING).read_text() == "epoch 1"
    with pytest.raises(ValueError, match=r"was begun with random weights: no file.*now there are ImageNet.*delete"):
        start().checkpoint(origin=IMAGENET)
    assert run.checkpoint().read_text() == "epoch 1"
    run.finish()
    assert not list(run.weights.glob("*.ckpt")) and not list(run.weights.glob("*.origin.json"))


def test_a_result_is_not_replaced_by_one_that_began_with_other_weights(reports, capsys):
    for origin in (NOTHING, IMAGENET, NOTHING):
        run = start()
        run.record(origin=origin, metrics={"test": {"abs_rel": 0.1}})
        run.finish()
    kinds = {each["run"]: each["origin"]["kind"] for each in runs.finished()}
    assert len(kinds) == 2 and kinds["quick"] == "none" and sorted(kinds.values()) == ["imagenet", "none"]
    said = capsys.readouterr().out
    assert (
        "reports/06_toy/quick stays, since it began with random weights: no file and no network, and this run" in said
    )


def test_the_old_model_can_be_loaded_until_the_new_run_is_finished(reports):
    run = start()
    run.save_model(models.BNCNN(width=4, depth=1))
    run.finish()
    again = start()
    again.save_model(models.BNCNN(width=6, depth=1))
    assert models.load(run.folder).config["width"] == 4 and models.load(again.folder).config["width"] == 6
    again.finish()
    assert models.load(run.folder).config["width"] == 6


# --- two at once ------------------------------------------------------------------------------------------------------

OTHER = """
import sys
sys.path.insert(0, {helpers!r})
from toys import Toy
from depthnb import runs
run = runs.start("06_toy", {parameters!r}, data={{"train": Toy(10)}})
print("started", flush=True)
sys.stdin.read()
"""


def other(reports, **changed):
    code = textwrap.dedent(OTHER).format(
        helpers=os.path.join(os.path.dirname(os.path.dirname(__file__)), "helpers"),
        parameters={**PARAMETERS, **changed},
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    for line in process.stdout:
        if line == "started\n":
            return process
    raise AssertionError("the other process did not start")


@pytest.mark.slow
def test_a_run_that_another_process_works_on_is_refused_until_that_one_is_killed(reports):
    process = other(reports)
    try:
        part = reports / "06_toy" / "quick.unfinished" / "weights" / ".model.ckpt.1.part"
        part.write_bytes(b"being written")
        with pytest.raises(
            RuntimeError, match=rf"06_toy/quick is in use: process {process.pid} on .* \(since 2.*works there"
        ):
            start()
        assert part.exists(), "it is the other's"
        assert start(seed=1).place.name.startswith("quick-"), "another run is nobody else's business"
    finally:
        process.kill()
        process.communicate()
    assert start().folder.exists() and not part.exists()


TOGETHER = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, {helpers!r})
import torch
from toys import Toy
from depthnb import runs
from depthnb.runs import folder, place

torch.set_num_threads(1)
data, reports = {{"train": Toy(10)}}, Path(os.environ["DEPTHNB_REPORTS"])
prepare = place.prepare

def slowly(*given):
    time.sleep(0.2)  # as on a slow disk: whose the place is cannot be read yet
    return prepare(*given)

def one(number, seed, child):
    try:
        run = runs.start("06_toy", dict({parameters!r}, seed=seed, run=f"round{{number}}"), data=data)
        said = [run.place.name, json.loads((run.weights / "started.json").read_text())["hash"]]
    except RuntimeError as error:
        run, said = None, ["refused", str(error)]
    # a line of its own in one write: what start prints comes in two, and the other child's may stand before its newline
    os.write(1, ("\\n" + json.dumps([number, seed, *said]) + "\\n").encode())
    (reports / f"tried-{{number}}-{{child}}").touch()
    while len(list(reports.glob(f"tried-{{number}}-*"))) < 2:
        time.sleep(0.02)  # at work until the other has tried, too
    if run:
        run.finish()

for number in range(16):
    seeds = (0, 1) if number < 8 else (0, 0)  # eight rounds of other parameters, eight of the same
    place.prepare = slowly if number % 2 else prepare
    gate, opened = os.pipe()
    children = []
    for child, seed in enumerate(seeds):
        children.append(os.fork())
        if not children[-1]:
            os.close(opened)
            os.read(gate, 1)  # both start when it is closed
            one(number, seed, child)
            os._exit(0)
    os.close(gate)
    os.close(opened)
    assert not any(os.waitpid(child, 0)[1] for child in children)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_that_start_at_one_moment_never_share_a_folder(reports):
    """Other parameters and one name: two folders. The same parameters: one works, the other is told who does."""
    code = textwrap.dedent(TOGETHER).format(
        helpers=os.path.join(os.path.dirname(os.path.dirname(__file__)), "helpers"), parameters=PARAMETERS
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(rows) == 32, done.stdout
    for number in range(16):
        mine = [row for row in rows if row[0] == number]
        refused = [row for row in mine if row[2] == "refused"]
        hashes = {row[3] for row in mine if row[2] != "refused"}
        if number < 8:
            assert not refused, mine
            assert len({row[2] for row in mine}) == len(hashes) == 2, (
                "they shared a folder, or one took the other's hash"
            )
        else:
            assert len(refused) == 1 and "round" in refused[0][3] and "process" in refused[0][3], mine
            assert "is in use" in refused[0][3], mine
    finished = {(record["folder"].name, record["seed"]) for record in runs.finished(reports=reports)}
    assert finished == {(row[2], row[1]) for row in rows if row[2] != "refused"}
    assert not list(reports.rglob("*.unfinished")) and not list(reports.rglob("*.lock"))


def test_a_process_may_start_its_own_run_again(reports):
    assert start().folder == start().folder


def test_a_run_whose_lock_was_lost_writes_nothing_more(reports):
    run = start()
    (reports / "06_toy" / ".quick.lock").unlink()
    with pytest.raises(OSError, match="another one took over the run reports/06_toy/quick"):
        run.finish()
    assert runs.finished() == []


@pytest.mark.slow
def test_processes_that_are_not_the_first_take_no_lock(reports, monkeypatch):
    process = other(reports)
    try:
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", "1")
        assert start().folder == reports / "06_toy" / "quick.unfinished"
    finally:
        process.kill()
        process.communicate()


def test_reading_records_needs_no_torch(reports):
    start().finish()
    code = "import sys, depthnb.runs as r; print(len(r.finished()), 'torch' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout == "1 False False\n", done.stderr


def test_records_of_an_older_depthnb_and_half_exchanged_folders_are_named_or_passed_over(reports):
    run = start()
    run.finish()
    file = run.folder / "run.json"
    record = json.loads(file.read_text())
    for ending in (".unfinished", ".old"):
        (run.folder.with_name(f"quick{ending}")).mkdir(exist_ok=True)
        (run.folder.with_name(f"quick{ending}") / "run.json").write_text(file.read_text())
    assert len(runs.finished()) == 1
    for key, sentence in (("protocol", "rooms: 0.1 < depth < 10 m"), ("origin", "random weights: none")):
        file.write_text(json.dumps({**record, key: sentence}))
        problems = []
        assert runs.finished(problems=problems) == []
        assert (
            f"its {key} is a sentence, as an older depthnb wrote it" in problems[0] and str(reports) not in problems[0]
        )


def test_damage_is_printed_where_nobody_collects_it(reports, capsys):
    (reports / "06_toy" / "bad").mkdir(parents=True)
    (reports / "06_toy" / "bad" / "run.json").write_text("{")
    assert runs.finished() == []
    assert "06_toy/bad/run.json is left out: it is damaged" in capsys.readouterr().out


def test_weights_are_only_written_whole(reports, monkeypatch):
    run = start()
    run.save_model(models.BNCNN(width=4, depth=1))
    before = {key: value.clone() for key, value in models.load(run.folder).state_dict().items()}
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="could not write"):
        run.save_model(models.BNCNN(width=4, depth=1))
    assert all(torch.equal(value, before[key]) for key, value in models.load(run.folder).state_dict().items())
