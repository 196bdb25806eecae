"""What all tests share: a cache of prepared frames of their own, made once for the session."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    """Point DEPTHNB_CACHE at a temporary folder, so that tests neither use nor fill the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("DEPTHNB_CACHE", str(folder))
        patch.delenv("DEPTHNB_DATA", raising=False)
        yield folder
