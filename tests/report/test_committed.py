"""The report that comes with the clone is made of the very runs that come with it."""

import html
import json
import re
import subprocess
from hashlib import sha256

import pytest

from depthnb.runs.provenance import ROOT

PAGE = "reports/full_report.html"


def _git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="what is committed is known to git alone")
def test_the_committed_report_shows_the_committed_runs():
    """As they lie in git: whoever trains one of them anew has another run.json, and the copy stays as it is."""
    lines = _git("ls-files", "-s", "reports/*/*/run.json", PAGE).decode().splitlines()
    blobs = {path: line.split()[1] for line, _, path in (line.partition("\t") for line in lines)}
    page = _git("cat-file", "blob", blobs.pop(PAGE)).decode()
    assert len(page.encode()) <= 1_000_000
    made = json.loads(html.unescape(re.search(r'<meta name="made" content="(.*?)">', page)[1]))
    content = {path: _git("cat-file", "blob", blob) for path, blob in blobs.items()}
    there = {path.removeprefix("reports/").removesuffix("/run.json"): text for path, text in content.items()}
    stale = [run for run, text in there.items() if made.get(run) != sha256(text).hexdigest()[:12]]
    assert not stale, f"make report, then cp reports/report.html {PAGE}: it is older than {', '.join(stale)}"
