"""Gather the sources of the site: `python docs/gather.py build/site-source`. Nothing in the repository is changed.

Pages, notebooks and what they link to keep their places, so that links hold as they stand. Four things are made: thumbnails
of the notebooks, the help of the command, a page for each module, and the report of the runs that are here.
"""

from __future__ import annotations

import base64
import copy
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote, unquote

import modules

from depthnb import files, report, runs

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "data/README.md")
FULL = "full_report.html"  # kept in git; its links lead to the runs beside it, so it stands beside those of the site
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLOTLY, WIDGET = "application/vnd.plotly.v1+json", "application/vnd.jupyter.widget-view+json"
THUMBNAIL = (480, 300)


def gather(out: Path, reports: Path = ROOT / "reports") -> None:
    """Fill the folder `out`, which is emptied first.

    Args:
        out: what becomes the sources of the site.
        reports: the runs whose report is shown.

    Raises:
        FileNotFoundError: a page links to a file of the repository that is not there.
    """
    shutil.rmtree(out, ignore_errors=True)
    for page in PAGES:
        text = (ROOT / page).read_text("utf-8")
        _keep(out, page, re.sub(rf"\[([^\]]+)\]\(reports/{FULL}\)", rf'<a href="report/{FULL}">\1</a>', text))
    cards = []
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        notebook = json.loads(path.read_text("utf-8"))
        thumbnail = _thumbnail(notebook, out / "thumbnails" / f"{path.stem}.jpg")
        cards.append(_card(path.stem, notebook, thumbnail))
        files.write_text(out / "notebooks" / path.name, json.dumps(shown(notebook, path.name, repository())))
    front = (ROOT / "docs" / "index.md").read_text("utf-8")
    gallery = "::::{container} cards\n" + "\n".join(cards) + "\n::::"
    _keep(out, "index.md", front.replace("GALLERY", gallery), front)
    files.write_text(out / "command.md", _command())
    for name, text in modules.pages(ROOT / "depthnb").items():
        files.write_text(out / "api" / f"{name}.rst", text)
    _report(reports, out / "extra" / "report")


def local_targets(page: str, text: str) -> list[str]:
    """The files inside the repository that a page of Markdown links to, as paths from the root.

    Args:
        page: the page's own path from the root; links are relative to it.
        text: its Markdown.

    >>> local_targets("data/README.md", "[a](../LICENSE), [b](https://x.org), [c](#here), [d](../a%20b.md#part)")
    ['LICENSE', 'a b.md']
    """
    links = (link.partition("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:", link))
    return [os.path.normpath(Path(page).parent / unquote(link)) for link in links if link]


def repository() -> str:
    """OWNER/NAME on GitHub: in a workflow its own, else that of `Repository` in pyproject.toml; empty where that is not set."""
    with open(ROOT / "pyproject.toml", "rb") as stream:
        address = tomllib.load(stream)["project"]["urls"]["Repository"]
    name = os.environ.get("GITHUB_REPOSITORY") or address.removeprefix("https://github.com/").strip("/")
    return "" if name.startswith("OWNER/") else name


def badges(name: str, repository: str) -> str:
    """Links that run a notebook elsewhere, as Markdown.

    Args:
        name: file name of the notebook, under notebooks/.
        repository: OWNER/NAME on GitHub; without it only the file itself is offered.
    """
    path = f"notebooks/{name}"
    links = {}
    if repository:
        links["Open in Colab"] = f"https://colab.research.google.com/github/{repository}/blob/main/{path}"
        links["Open in Binder"] = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{quote(path)}"
        links["On GitHub"] = f"https://github.com/{repository}/blob/main/{path}"
    return " · ".join(f"[{label}]({address})" for label, address in links.items())


def shown(notebook: dict, name: str, repository: str) -> dict:
    """The notebook as the site shows it: its clouds as HTML, its widgets replaced by a line, links that run it elsewhere."""
    notebook = copy.deepcopy(notebook)
    notebook["metadata"].pop("widgets", None)
    if links := badges(name, repository):
        notebook["cells"].insert(1, {"cell_type": "markdown", "id": "elsewhere", "metadata": {}, "source": links})
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            if PLOTLY in bundle:
                output["data"] = {"text/html": _cloud(bundle)}
            elif WIDGET in bundle:
                text = "Buttons and sliders stand here when the notebook runs (<code>make lab</code>)."
                output["data"] = {"text/html": f'<p class="widgets"><em>{text}</em></p>'}
    return notebook


def _cloud(bundle: dict) -> str:
    """A place for plotly's drawing. Until it comes into sight, and without scripts, the still picture stands there."""
    kind = next((kind for kind in ("image/png", "image/jpeg") if kind in bundle), "")
    still = f'<img alt="Point cloud" src="data:{kind};base64,{"".join(bundle[kind]).strip()}">' if kind else ""
    figure = json.dumps(bundle[PLOTLY]).replace("</", "<\\/")
    scripts = "".join(f'<script defer src="../_static/{file}"></script>' for file in ("plotly.min.js", "clouds.js"))
    return f'<div class="cloud">{still}<script type="application/json">{figure}</script></div>{scripts}'


def _thumbnail(notebook: dict, file: Path) -> Path | None:
    """The second picture, small, since the first is the data in most notebooks; None where there is none."""
    from PIL import Image

    outputs = (output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", []))
    pictures = [bundle[kind] for kind in ("image/jpeg", "image/png") for bundle in outputs if kind in bundle]
    if not pictures:
        return None
    picture = Image.open(io.BytesIO(base64.b64decode("".join(pictures[:2][-1])))).convert("RGB")
    width = min(picture.width, int(picture.height * THUMBNAIL[0] / THUMBNAIL[1]))
    picture = picture.crop((0, 0, width, width * THUMBNAIL[1] // THUMBNAIL[0]))
    picture.thumbnail(THUMBNAIL)
    return files.write(file, lambda part: picture.save(part, "JPEG", quality=85))


def _card(name: str, notebook: dict, thumbnail: Path | None) -> str:
    """One tile of the front page: picture, title and question of a notebook."""
    first = "".join(notebook["cells"][0]["source"])
    title = first.partition("\n")[0].removeprefix("# ")
    question = re.search(r"^> \*(.+?)\*\s*$", first, re.MULTILINE | re.DOTALL)
    target = f"notebooks/{name}.ipynb"
    lines = [":::{container} card"]
    if thumbnail:
        lines += [f"[![{html.escape(title)}](thumbnails/{thumbnail.name})]({target})", ""]
    lines += [f"[**{title}**]({target})", ""]
    if question:
        lines += [f"*{' '.join(question[1].replace('> ', '').split())}*", ""]
    return "\n".join([*lines, ":::"])


def _command() -> str:
    """The page of the command `depthnb`: what each subcommand prints as its help."""
    from depthnb.cli import _COMMANDS

    parts = ["# The command depthnb", "What each subcommand says with `--help`."]
    for name in ("", *_COMMANDS):
        words = [sys.executable, "-m", "depthnb.cli", *([name] if name else []), "--help"]
        said = subprocess.run(
            words, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "88"}
        ).stdout
        parts += [f"## depthnb {name}".rstrip(), f"```text\n{said.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def _report(reports: Path, out: Path) -> None:
    """The report of all finished runs, the one kept in git, and the run.json that their numbers link to."""
    shutil.copytree(reports, out, ignore=shutil.ignore_patterns("weights", "*.unfinished", "*.pdf", "*.part", ".*"))
    page = report.build(out).read_bytes()
    kept = {file.relative_to(out): file.read_bytes() for file in out.glob(f"*/*/{runs.RECORD}")}
    shutil.rmtree(out)
    full = (ROOT / "reports" / FULL).read_bytes()
    for name, content in {Path("index.html"): page, Path(FULL): full, **kept}.items():
        files.write_bytes(out / name, content)


def _keep(out: Path, page: str, text: str, links_of: str | None = None) -> None:
    """Write a page, and copy what it links to."""
    files.write_text(out / page, text)
    for target in local_targets(page, text if links_of is None else links_of):
        source, copied = ROOT / target, out / target
        if not source.is_file():
            raise FileNotFoundError(f"{page} links to {target}, which is not in the repository; mend the link")
        if target in PAGES or source.suffix == ".ipynb" or copied.exists():
            continue
        copied.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":  # a page that no list of contents names
            files.write_text(copied, "---\norphan: true\n---\n\n" + source.read_text("utf-8"))
        else:
            shutil.copy(source, copied)


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
