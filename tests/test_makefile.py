"""make: set-up that is skipped, repaired or refused, and a report that goes on where it stopped. Python is a fake here."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not shutil.which("make") or os.name != "posix", reason="needs make")

# Does what the Makefile asks of Python, and writes down what that was.
FAKE = """#!/bin/bash
case "$1 $2" in
  "-c import sys"*) [ -z "${FAKE_OLD:-}" ] ;;
  "-c import venv"*) [ -z "${FAKE_NO_VENV:-}" ] ;;
  "--version "*) echo "Python 3.9.2" ;;
  "-m venv") echo venv >> "$FAKE_LOG"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip")
    [ "$3" = --version ] && exit 0
    echo "pip $*" >> "$FAKE_LOG"
    [ -z "${FAKE_HANG:-}" ] || sleep 60
    [ -z "${FAKE_NO_NETWORK:-}" ] ;;
  "-m ipykernel") echo "${*:3}" >> "$FAKE_LOG.kernel" ;;
  "-m papermill")
    echo "papermill ${*:3}" >> "$FAKE_LOG"
    echo "${OMP_NUM_THREADS:-all}" > "$FAKE_LOG.threads"
    echo "IPKernelApp: Kernel is running over TCP without encryption" >&2
    case "$3" in *"${FAKE_KILLED:-nothing}"*) echo "Kernel died" >&2; exit 138 ;; esac
    echo '{"status": "completed"}' > "$4" ;;
  "-m ruff") echo "ruff ${*:3}" >> "$FAKE_LOG" ;;
  "-m pytest")
    echo "pytest ${*:3}" >> "$FAKE_LOG"
    [ -z "${FAKE_FAILS:-}" ] ;;
  "-c import sphinx"* | "-c import playwright"*) [ -z "${FAKE_NO_EXTRA:-}" ] ;;
  "tests/helpers/shortened.py "*) echo "shortened ${*:2}" >> "$FAKE_LOG" ;;
  "docs/gather.py "*) echo "gather ${*:2}" >> "$FAKE_LOG"; mkdir -p "$2" ;;
  "-m sphinx")
    echo "sphinx ${*:3}" >> "$FAKE_LOG"
    mkdir -p "${@: -1}"; date > "${@: -1}/index.html"
    [ -z "${FAKE_FAILS:-}" ] ;;
  "-m depthnb.course")
    echo "course ${*:3}" >> "$FAKE_LOG"
    case "$*" in *'--seed 7 '*) echo "the seed 7 can be guessed" >&2; exit 1 ;; esac ;;
  "data/render/"*) echo "$*" >> "$FAKE_LOG"; echo "   0 bedroom_1000       2 views, as the renderer says it" ;;
  *) echo "not expected: $*" >&2; exit 1 ;;
esac
"""


class Clone:
    """A copy of the Makefile in a folder of its own, with notebooks that are empty files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "a clone", folder / "log"
        (self.folder / "notebooks" / "params").mkdir(parents=True)
        (self.folder / "data" / "rooms").mkdir(parents=True)
        for name in ("01_data", "02_bn_cnn", "10_comparison"):
            (self.folder / "notebooks" / f"{name}.ipynb").touch()
        (self.folder / "data" / "rooms" / "index.csv").touch()
        shutil.copy(ROOT / "Makefile", self.folder)
        (self.folder / "pyproject.toml").touch()
        self.python = folder / "python3"
        self.python.write_text(FAKE)
        self.python.chmod(0o755)

    def start(self, *arguments: str, **fakes: str) -> subprocess.Popen:
        env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("MAKE", "MFLAGS", "OMP_NUM", "THREADS", "JOBS", "PRESET", "SEEDS", "DEPTHNB_"))
        }
        env |= {"FAKE_LOG": str(self.log), "PYTHON": str(self.python), **fakes}
        return subprocess.Popen(
            ["make", *arguments], cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def make(self, *arguments: str, **fakes: str) -> tuple[int, str, list[str]]:
        """Exit status, everything printed, and what Python was asked for since the last call."""
        self.log.write_text("")
        process = self.start(*arguments, **fakes)
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err, [line.split()[0] for line in self.log.read_text().splitlines()]

    @property
    def ready(self) -> bool:
        return (self.folder / ".venv" / "ready").exists()


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def test_set_up_happens_once_and_again_when_its_list_changes(clone):
    assert clone.make("setup")[::2] == (0, ["venv", "pip"])
    assert clone.make("setup")[::2] == (0, [])
    later = time.time() + 5
    os.utime(clone.folder / "pyproject.toml", (later, later))
    assert clone.make("setup")[::2] == (0, ["pip"])


def test_kernels_let_others_work_whoever_starts_them(clone):
    clone.make("setup")
    kernel = clone.log.with_name("log.kernel")
    assert "install --sys-prefix" in kernel.read_text() and "--env OMP_WAIT_POLICY PASSIVE" in kernel.read_text()
    kernel.unlink()
    (clone.folder / "pyproject.toml").touch()
    os.utime(clone.folder / "pyproject.toml", (time.time() + 5,) * 2)
    clone.make("setup", OMP_WAIT_POLICY="ACTIVE")
    assert "--env OMP_WAIT_POLICY ACTIVE" in kernel.read_text(), "what the user has set stays"


def test_a_good_environment_needs_no_good_python(clone):
    """Made with PYTHON=python3.12 once, it is brought up to date whatever `python3` is."""
    clone.make("setup")
    later = time.time() + 5
    os.utime(clone.folder / "pyproject.toml", (later, later))
    assert clone.make("setup", FAKE_OLD="1")[::2] == (0, ["pip"])


NEEDS = "depthnb needs Python 3.11.4 or newer"
REFUSALS = {
    "too old": ((), {"FAKE_OLD": "1"}, NEEDS + "; '{python}' is Python 3.9.2. Try: make report PYTHON=python3.12"),
    "missing": (("PYTHON=no-such",), {}, NEEDS + ", and there is no 'no-such' here. Try: make report PYTHON="),
    "no venv": ((), {"FAKE_NO_VENV": "1"}, "'{python}' has no venv module; on Debian and Ubuntu: sudo apt install"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_python_that_will_not_do_gets_one_clear_line(clone, why):
    options, fakes, line = REFUSALS[why]
    status, said, asked = clone.make("report", *options, **fakes)
    said = [each for each in said.splitlines() if not each.startswith("make: ***")]
    assert status != 0 and len(said) == 1 and said[0].startswith(line.format(python=clone.python))
    assert asked == [] and not (clone.folder / ".venv").exists()


def test_an_interrupted_set_up_is_made_anew(clone):
    process = clone.start("setup", FAKE_HANG="1")
    until = time.monotonic() + 60
    while "pip" not in (clone.log.read_text() if clone.log.exists() else ""):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    half_installed = clone.folder / ".venv" / "half_installed"
    half_installed.touch()
    assert not clone.ready
    assert clone.make("setup")[::2] == (0, ["venv", "pip"])
    assert clone.ready and not half_installed.exists()


def test_a_failed_set_up_is_made_anew(clone):
    status, _, asked = clone.make("report", FAKE_NO_NETWORK="1")
    assert status != 0 and asked == ["venv", "pip"] and not clone.ready
    assert clone.make("setup")[::2] == (0, ["venv", "pip"])


def test_an_environment_without_pip_is_made_anew(clone):
    """Interrupted while venv itself was at work, before pip was there."""
    (clone.folder / ".venv" / "bin").mkdir(parents=True)
    assert clone.make("setup")[::2] == (0, ["venv", "pip"])


def test_a_moved_or_copied_clone_gets_its_own_environment(clone):
    clone.make("setup")
    clone.folder = clone.folder.rename(clone.folder.with_name("elsewhere"))
    assert clone.make("setup")[::2] == (0, ["venv", "pip"])
    assert clone.make("setup")[::2] == (0, [])


def test_an_environment_whose_python_is_gone_is_made_anew(clone):
    clone.make("setup")
    python = clone.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/such/python")
    assert clone.make("setup")[::2] == (0, ["venv", "pip"])


def test_report_runs_all_once_in_order_and_sets_up_before(clone):
    (clone.folder / "notebooks" / "params" / "02_bn_cnn-rooms-full.yaml").touch()
    status, said, asked = clone.make("report")
    assert (status, asked) == (0, ["venv", "pip", "papermill", "papermill", "papermill"])
    assert "TCP without encryption" not in said and "report: reports/report.html" in said
    calls = [line.split() for line in clone.log.read_text().splitlines() if line.startswith("papermill")]
    notebooks = [call[1].removeprefix("notebooks/").removesuffix(".ipynb") for call in calls]
    # several run at a time, so the first two may begin in either order
    assert sorted(notebooks[:2]) == ["01_data", "02_bn_cnn"] and notebooks[2] == "10_comparison"
    assert not any("-f" in call for call in calls)
    assert clone.make("report")[2] == []
    asked = clone.make("report", "PRESET=rooms-full")[2]
    assert asked == ["papermill"] * 3
    assert "-f notebooks/params/02_bn_cnn-rooms-full.yaml" in clone.log.read_text()


@pytest.mark.parametrize(
    ("words", "said", "threads"),
    [
        ((), "at a time: 2, threads of each: 1 (", "1"),
        (("THREADS=3",), "at a time: 2, threads of each: 3 (", "3"),
        (("JOBS=1",), "at a time: 1, threads of each: one a core (", "all"),
        (("JOBS=1", "THREADS=3"), "at a time: 1, threads of each: 3 (", "3"),
        (("-j", "JOBS=2"), "at a time: 2, threads of each: 1 (", "1"),
    ],
)
def test_threads_are_chosen_and_said(clone, words, said, threads):
    status, told, _ = clone.make("report", *words)
    assert status == 0 and said in told and clone.log.with_name("log.threads").read_text().strip() == threads


def test_report_goes_on_after_a_killed_kernel(clone):
    """papermill's saved notebook says "completed" then; the exit status alone counts."""
    clone.make("setup")
    status, said, asked = clone.make("report", FAKE_KILLED="02_bn_cnn")
    assert status != 0 and "Kernel died" in said and asked == ["papermill"] * 2
    status, _, asked = clone.make("report")
    assert status == 0 and asked == ["papermill"] * 2
    assert "02_bn_cnn" in clone.log.read_text().splitlines()[0]


def test_a_changed_notebook_is_run_again_and_the_comparison_after_it(clone):
    clone.make("report")
    later = time.time() + 5
    os.utime(clone.folder / "notebooks" / "02_bn_cnn.ipynb", (later, later))
    assert clone.make("report")[2] == ["papermill"] * 2
    said = clone.log.read_text().splitlines()
    assert "02_bn_cnn" in said[0] and "10_comparison" in said[1]


def test_an_unknown_preset_is_refused(clone):
    status, said, asked = clone.make("report", "PRESET=quik")
    assert status != 0 and "PRESET is quick, rooms-full or paper, not 'quik'" in said and asked == []


def test_check_lints_runs_what_is_fast_and_says_what_it_leaves_out(clone):
    status, said, asked = clone.make("check")
    assert (status, asked) == (0, ["venv", "pip", "ruff", "ruff", "pytest"])
    last = clone.log.read_text().splitlines()[-1]
    assert last.startswith("pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m not slow tests/")
    paths = [word for word in last.split() if word.startswith("tests/")]
    assert len(paths) > 10
    for path in paths:
        file, _, case = path.partition("::")
        assert (ROOT / file).exists(), f"{path} is not there any more"
        if case:
            name, _, notebook = case.removesuffix("]").partition("[")
            assert f"def {name}(" in (ROOT / file).read_text() and (ROOT / f"notebooks/{notebook}.ipynb").is_file()
    assert [line for line in said.splitlines() if line.startswith("left out: ") and line.endswith("make test has them")]
    status, said, _ = clone.make("check", FAKE_FAILS="1")
    assert status != 0 and "left out" not in said
    assert "make check" in clone.make("help")[1]


def test_test_runs_everything_and_begins_with_what_takes_longest(clone):
    for name in ("05_densenet", "11_today"):
        (clone.folder / "notebooks" / f"{name}.ipynb").touch()
    status, _, asked = clone.make("test")
    assert (status, asked) == (0, ["venv", "pip", "ruff", "ruff", "pytest", "shortened", "pytest"])
    *_, units, prepared, notebooks = (line.split() for line in clone.log.read_text().splitlines())
    assert units[-3:] == ["--ignore", "tests/browser", "tests"]
    assert prepared[1:] == ["build/nbval", "02_bn_cnn", "05_densenet", "11_today"]
    order = ["build/nbval/02_bn_cnn.ipynb", "build/nbval/05_densenet.ipynb", "build/nbval/11_today.ipynb"]
    order += ["notebooks/10_comparison.ipynb", "notebooks/01_data.ipynb"]
    assert notebooks[-7:] == ["--doctest-modules", *order, "depthnb"] and "--nbval-lax" in notebooks
    for each in (units, notebooks):
        assert each[1:7] == ["-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    known = (ROOT / "Makefile").read_text().split("LONGEST := ")[1].splitlines()[0].split()
    assert all((ROOT / "notebooks" / f"{name}.ipynb").is_file() for name in known)


def test_site_is_made_beside_the_old_one_and_replaces_it_when_it_is_whole(clone):
    page = clone.folder / "build" / "site" / "index.html"
    status, said, asked = clone.make("site")
    assert (status, asked) == (0, ["venv", "pip", "gather", "sphinx"]) and "site: build/site/index.html" in said
    assert " -W " in clone.log.read_text().splitlines()[-1]
    page.write_text("the old one")
    assert clone.make("site", FAKE_FAILS="1")[0] != 0 and page.read_text() == "the old one"
    assert clone.make("site")[0] == 0 and page.read_text() != "the old one"
    assert [each.name for each in page.parents[1].iterdir()] == ["site"], "nothing half-made stays"


@pytest.mark.parametrize("target", ["site", "test-browser"])
def test_an_extra_is_installed_when_it_is_first_asked_for(clone, target):
    clone.make("setup")
    assert "pip" not in clone.make(target)[2]
    status, said, asked = clone.make(target, FAKE_NO_EXTRA="1")
    assert status == 0 and asked[0] == "pip" and "installing the extra" in said
    extra = {"site": ".[site]", "test-browser": ".[browser]"}[target]
    assert clone.log.read_text().splitlines()[0].endswith(f"-e {extra}")


def test_browser_tests_run_by_themselves_and_without_the_slow_ones(clone):
    clone.make("setup")
    assert clone.make("test-browser")[0] == 0
    assert clone.log.read_text().strip() == "pytest -q -m not slow tests/browser"
    clone.make("test-browser", "SLOW=1")
    assert clone.log.read_text().strip() == "pytest -q tests/browser"
    clone.make("test")
    assert "--ignore tests/browser tests" in clone.log.read_text()


def test_evidence_runs_each_line_for_each_seed_and_once_with_twice_the_epochs(clone):
    params = clone.folder / "notebooks" / "params"
    (params / "02_bn_cnn-rooms-full.yaml").write_text("run: rooms-full\nepochs: 20\n")
    (params / "evidence.txt").write_text(
        "# notebook name parameters\n\n02_bn_cnn full\n02_bn_cnn not-shuffled shuffle=False  rival= epochs=30\n"
    )
    clone.make("setup")
    status, _, asked = clone.make("evidence", "SEEDS=0 7")
    assert status == 0 and asked == ["papermill"] * 6
    calls = {line.split("ERROR ")[1] for line in clone.log.read_text().splitlines()}
    base = "-f notebooks/params/02_bn_cnn-rooms-full.yaml"
    changed = f"{base} -p shuffle False -p rival  -p epochs 30"
    assert calls == {
        f"{base} -p seed 0 -p run rooms-full",
        f"{base} -p seed 7 -p run rooms-full-seed7",
        f"{base} -p epochs 40 -p seed 0 -p run ablation-full-doubled-0",
        f"{changed} -p seed 0 -p run ablation-not-shuffled-0",
        f"{changed} -p seed 7 -p run ablation-not-shuffled-7",
        f"{changed} -p epochs 60 -p seed 0 -p run ablation-not-shuffled-doubled-0",
    }
    made = [call.split("-p run ")[1] for call in calls]
    for run in made[1:]:
        (clone.folder / "reports" / "02_bn_cnn" / run).mkdir(parents=True)
        (clone.folder / "reports" / "02_bn_cnn" / run / "run.json").write_text("{}")
    assert clone.make("evidence", "SEEDS=0 7")[2] == ["papermill"]  # only what is not there
    assert clone.log.read_text().splitlines()[-1].endswith(f"-p run {made[0]}")


def test_evidence_from_further_rooms_waits_until_they_are_rendered(clone):
    params = clone.folder / "notebooks" / "params"
    (params / "02_bn_cnn-rooms-full.yaml").write_text("run: rooms-full\nepochs: 20\n")
    (params / "evidence.txt").write_text("02_bn_cnn full\n02_bn_cnn more dataset=rooms+more epochs=9\n")
    clone.make("setup")
    status, told, _ = clone.make("evidence", "SEEDS=0")
    assert (
        status == 0
        and "02_bn_cnn more dataset=rooms+more epochs=9: left out until make rooms-more has made them" in told
    )
    assert "rooms+more" not in clone.log.read_text() and "-p run rooms-full" in clone.log.read_text()
    index = clone.folder / "data" / "rooms-more" / "index.csv"
    index.parent.mkdir(parents=True)
    index.touch()
    status, told, _ = clone.make("evidence", "SEEDS=0")
    assert status == 0 and "left out" not in told
    assert "-p dataset rooms+more -p epochs 9 -p seed 0 -p run ablation-more-0" in clone.log.read_text()


def test_rooms_more_renders_in_parts_and_packs_them(clone):
    (clone.folder / "pyproject.toml").write_text("render = [\"bpy==4.5.4; python_version == '3.11'\"]\n")
    options = ("rooms-more", "SCENES=7", f"RENDER_PYTHON={clone.python}", "JOBS=2")
    status, said, asked = clone.make(*options, DEPTHNB_DATA="/my data")
    assert status == 0 and "bedroom_1000" in said
    assert asked == ["venv", "pip", "data/render/render.py", "data/render/render.py", "data/render/pack.py"]
    lines = clone.log.read_text().splitlines()
    assert lines[1].endswith("bpy==4.5.4 numpy pillow") and lines[-1].endswith("--out /my data/rooms-more")
    work = "data/render/scratch/rooms-more"
    parts = [f"data/render/render.py rooms-more --scenes 0-6 --views 2 --worker {k}/2 --out {work}" for k in (0, 1)]
    assert sorted(lines[2:4]) == parts
    assert clone.make(*options)[2] == ["data/render/render.py"] * 2 + [
        "data/render/pack.py"
    ]  # finished scenes are skipped there


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("SCENES=many",), "SCENES is a number of scenes from 1, not 'many'"),
        (("SCENES=0",), "SCENES is a number of scenes from 1, not '0'"),
        (("RENDER_PYTHON=no-such",), "the renderer bpy==4.5.4 needs Python 3.11, and there is no 'no-such' here"),
    ],
)
def test_rooms_more_says_what_it_needs(clone, options, line):
    (clone.folder / "pyproject.toml").write_text("render = [\"bpy==4.5.4; python_version == '3.11'\"]\n")
    status, said, asked = clone.make("rooms-more", f"RENDER_PYTHON={clone.python}", *options)
    assert status != 0 and line in said and not any("render" in each for each in asked)


def test_contest_looks_at_the_seed_before_anything_is_installed(clone):
    (clone.folder / "pyproject.toml").write_text("render = [\"bpy==4.5.4; python_version == '3.11'\"]\n")
    options = ("contest", f"RENDER_PYTHON={clone.python}", "JOBS=2")
    clone.make("setup")
    status, said, asked = clone.make(*options, "SEED=7")
    assert status != 0 and "can be guessed" in said and asked == ["course"] and "--check" in clone.log.read_text()
    status, said, asked = clone.make(*options, "SEED=482915570316")
    assert status == 0 and asked == ["course", "venv", "pip", "course"]
    words = clone.log.read_text().splitlines()[-1]
    begin = "course contest rooms --seed 482915570316 --out contest --views 2 --jobs 2 --scenes 30"
    assert words == f"{begin} --renderer .venv-render/bin/python"
    assert "482915570316" not in said, "a secret is not printed"
    assert clone.make(*options, "SEED=482915570316", "SCENES=2", "CONTEST=/my exam")[2] == ["course"] * 2
    assert "--out /my exam" in clone.log.read_text() and "--scenes 2 " in clone.log.read_text()
    assert "make contest" in clone.make("help")[1]
