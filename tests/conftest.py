"""What all tests share: a cache of prepared frames of their own, made once for the session, and no network."""

import os
import signal
from pathlib import Path

import pytest
import torch

TESTS = Path(__file__).parent
# Files that take longest, a minute each and more. Under make each process takes whole files in their order.
LONGEST = (
    "test_notebooks_nyu.py",
    "test_notebooks_folder.py",
    "test_notebooks_shipped.py",
    "jobs/test_running.py",
    "jobs/test_sweep.py",
    "models/test_contract.py",
    "data/test_examination.py",
    "models/test_hma.py",
    "runs/test_judging.py",
    "plotting/test_plotting.py",
    "training/test_supervised.py",
    "training/test_adversarial.py",
)


def pytest_collection_modifyitems(items):
    """The longest files first, so that no process is left alone with one of them at the end."""
    places = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    """Point DEPTHNB_CACHE at a temporary folder, so that tests neither use nor fill the user's cache.

    Processes that test together have one: what one of them has prepared the others read.
    """
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.getbasetemp()
        folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "prepared"
        folder.mkdir(exist_ok=True)
        patch.setenv("DEPTHNB_CACHE", str(folder))
        patch.delenv("DEPTHNB_DATA", raising=False)
        patch.setenv("DEPTHNB_OFFLINE", "1")  # whether a machine has a network must not change what a notebook trains
        yield folder


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """What a shell starts in the background ignores Ctrl-C, and so do all its children; the tests send it to some."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """One thread everywhere: sums then come in one order, and tests of several processes do not fight for cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # for processes that tests start
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """An empty reports folder of this test's own."""
    folder = tmp_path / "reports"
    monkeypatch.setenv("DEPTHNB_REPORTS", str(folder))
    return folder
