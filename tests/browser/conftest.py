"""A headless Chromium, pages that remember their faults, and a JupyterLab of the test's own. Run by `make test-browser`."""

import functools
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIZES = {"wide": (1440, 900), "phone": (390, 844)}
# no GPU here: WebGL is computed by the processor
WORDS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="session")
def chromium():
    reason = "needs Playwright: make test-browser installs it"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    with playwright.sync_playwright() as started:
        found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if not (found or Path(started.chromium.executable_path).exists()):
            pytest.skip("needs a Chromium: install one, or run python -m playwright install chromium")
        browser = started.chromium.launch(executable_path=found, args=WORDS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """open_page(address, size, scheme) -> a page, whose `faults` and `hosts` are lists that grow while it is used."""
    contexts = []

    def opened(address: str, size: str = "wide", scheme: str = "light"):
        width, height = SIZES[size]
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.set_default_navigation_timeout(120_000)  # pages with a cloud bring five megabytes of script
        page.faults, page.hosts = [], set()
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("request", lambda asked: page.hosts.add(asked.url.split("/")[2]) if "://" in asked.url else None)
        page.goto(address)
        page.wait_for_load_state("load")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def served():
    """served(folder) -> the address at which its files are handed out."""
    servers = []

    def serve(folder: Path) -> str:
        handler = functools.partial(_Quiet, directory=str(folder))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Address and token of a JupyterLab on copies of the notebooks; runs go to a temporary folder."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = os.urandom(16).hex()
    places = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "DEPTHNB_REPORTS")}
    places |= {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1", "JUPYTERLAB_WORKSPACES_DIR": str(folder / "w")}
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--port-retries=0"]
    words += [f"--notebook-dir={folder / 'notebooks'}", f"--IdentityProvider.token={token}", "--LabApp.news_url=None"]
    with open(folder / "log", "w") as log:
        words.append("--expose-app-in-browser")
        process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **places})
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api?token={token}", process, folder / "log")
        yield address, token
    finally:
        process.terminate()  # its kernels end with it
        process.wait(60)


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not start; it said: {log.read_text()[-2000:]}")
