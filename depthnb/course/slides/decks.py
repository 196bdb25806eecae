"""Notebooks read, and decks written."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path

from depthnb import files
from depthnb.course.slides import choosing
from depthnb.course.slides.choosing import Slide
from depthnb.runs import ROOT

_HERE = Path(__file__).parent
_MARK = "<!-- slides of depthnb -->"
_BOOKS = ROOT / "notebooks"


def make(notebooks: Sequence[str], out: str | Path) -> list[Path]:
    """Write a deck of each notebook; the same notebook gives the same bytes.

    Args:
        notebooks: names of this clone's, or files; all of the clone's without any.
        out: a folder, made if it is not there. A deck that is there is replaced.

    Returns:
        The files, each whole.

    Raises:
        FileNotFoundError: for a notebook that is not there.
        FileExistsError: if a file of the name of a deck is there and is none.
        ImportError: without the packages of the extra `course`.
        ValueError: for a file that is no notebook, or one that was never run.
        OSError: if a file cannot be written.
    """
    out = Path(out).expanduser()
    sources = [_found(name) for name in notebooks] or sorted(_BOOKS.glob("[0-9]*.ipynb"))
    if not sources:
        raise FileNotFoundError(f"{_BOOKS} holds no notebook; name the files of which decks shall be made")
    if twice := {source.stem for source in sources if [each.stem for each in sources].count(source.stem) > 1}:
        raise ValueError(
            f"several notebooks are called {min(twice)}; name one of them at a time, with an --out of its own"
        )
    decks = {out / f"{source.stem}.html": deck(source) for source in sources}
    for file in decks:
        if file.exists() and not _is_ours(file):
            raise FileExistsError(f"{file} is there and is no deck of ours; choose another folder, or move it away")
    return [files.write_text(file, text) for file, text in decks.items()]


def deck(notebook: Path) -> str:
    """The slides of a notebook as one page.

    Raises:
        ValueError: as `make`.
    """
    try:
        cells = json.loads(notebook.read_bytes())["cells"]
        kinds = {cell["cell_type"] for cell in cells}
        shown = [output for cell in cells for output in cell.get("outputs", ())]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{notebook} is no notebook ({type(error).__name__}); give an .ipynb of format 4") from None
    if "code" in kinds and not shown:
        raise ValueError(f"{notebook} holds no outputs, and slides show its figures; run it first, and save it")
    try:
        slides = choosing.slides(cells)
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{notebook} holds a picture that cannot be read, or is damaged ({type(error).__name__}); run it again, and save it"
        ) from None
    if not slides:
        raise ValueError(f"{notebook} has no heading; slides begin at the lines with # and ##")
    parts = {name: (_HERE / f"page.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    body = "\n".join(_section(slide, number, len(slides)) for number, slide in enumerate(slides, start=1))
    page = parts["html"].replace("{{mark}}", _MARK).replace("{{title}}", html.escape(slides[0].title))
    return page.replace("{{css}}", parts["css"]).replace("{{js}}", parts["js"]).replace("{{slides}}", body)


def _section(slide: Slide, number: int, count: int) -> str:
    code = ""
    if slide.code:
        code = f"<details class=code><summary>code</summary><pre>{html.escape(slide.code)}</pre></details>"
    return (
        f'<section class="slide {slide.kind}" id="{number}" aria-label="slide {number} of {count}">\n'
        f"<h2>{slide.heading}</h2>\n<div class=body>\n{slide.body}\n</div>\n{code}\n"
        f"<footer>{number} / {count}</footer>\n</section>"
    )


def _found(name: str) -> Path:
    file = Path(name).expanduser()
    if file.suffix == ".ipynb" and file.is_file():
        return file
    if (
        own := _BOOKS / f"{Path(name).stem if file.suffix == '.ipynb' else name}.ipynb"
    ).is_file() and file.name == name:
        return own
    known = ", ".join(sorted(each.stem for each in _BOOKS.glob("[0-9]*.ipynb")))
    raise FileNotFoundError(f"there is no notebook {name}; give a file, or one of {known or 'those of a clone'}")


def _is_ours(file: Path) -> bool:
    if not file.is_file():
        return False
    with open(file, "rb") as stream:
        return _MARK.encode() in stream.read(200)
