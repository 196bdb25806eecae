"""What all tests share: a cache of prepared frames of their own, made once for the session, and no network."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    """Point DEPTHNB_CACHE at a temporary folder, so that tests neither use nor fill the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("DEPTHNB_CACHE", str(folder))
        patch.delenv("DEPTHNB_DATA", raising=False)
        patch.setenv("DEPTHNB_OFFLINE", "1")  # whether a machine has a network must not change what a notebook trains
        yield folder


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
