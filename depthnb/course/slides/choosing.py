"""Which parts of a notebook become slides: the rule, and how much fits on one.

A heading begins a slide. Its text follows, on as many slides as it needs; each figure and each table that is not small gets a
slide of its own, under the last sentence before it. Left out are parameters, exercises, references, the glossary, the
appendix of the claims, cells that show nothing, and what only a running notebook can show.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from depthnb.course.slides import rendering
from depthnb.course.slides.rendering import Shown

LINES = 14.0  # of a slide, at the size of its text
_MORE = 1.25  # times that is what a table may take: its print gets smaller then
_SMALL = 4.5  # lines of text that go on a slide together with a figure
_LEFT_OUT = ("exercises", "references", "glossary")
_ASIDE = ("**Appendix**", "**On other data.**")


@dataclass(frozen=True)
class Slide:
    """One slide: its heading as HTML and as text, its content as HTML, and the code behind it, which is folded.

    Attributes:
        kind: "title", "text", "shown" with a figure or table that takes all the room there is, or "tall" with a high figure
            beside the text.
    """

    kind: str
    heading: str
    title: str
    body: str
    code: str = ""


@dataclass
class _Section:
    """A heading and what follows it: blocks of Markdown, and code cells as (source, what is shown)."""

    title: str
    parts: list[str | tuple[str, list[Shown]]]


def slides(cells: Sequence[dict]) -> list[Slide]:
    """The slides of a notebook's cells, in their order."""
    made: list[Slide] = []
    for number, section in enumerate(_sections(cells)):
        if section.title.strip().lower() in _LEFT_OUT:
            continue
        made += _title(section) if number == 0 else _of(section)
    return made


def _sections(cells: Sequence[dict]) -> list[_Section]:
    found: list[_Section] = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for block in rendering.blocks(source):
                if heading := re.match(r"#{1,2} +(.+)", block):
                    found.append(_Section(heading[1].strip(), []))
                elif found:
                    found[-1].parts.append(block)
        elif cell["cell_type"] == "code" and found and "parameters" not in cell.get("metadata", {}).get("tags", ()):
            found[-1].parts.append((source, rendering.shown(cell.get("outputs", ()))))
    return found


def _title(section: _Section) -> Iterator[Slide]:
    """The question as the first slide; the card and what one learns as the second."""
    texts = [part for part in section.parts if isinstance(part, str)]
    question = [text for text in texts if text.startswith(">")]
    body = "".join(map(rendering.markdown, question))
    yield Slide("title", rendering.inline(section.title), section.title, body)
    yield from _of(_Section("In short", [text for text in texts if not text.startswith(">")]))


def _of(section: _Section) -> list[Slide]:
    writer = _Writer(section.title)
    parts = section.parts
    for number, part in enumerate(parts):
        if not isinstance(part, str):
            writer.code(*part)
        elif part.startswith(_ASIDE):
            break  # what follows belongs to it
        elif not _shows_nothing(parts[number:]):
            writer.text(part)
    writer.flush()
    return writer.made


def _shows_nothing(parts: Sequence) -> bool:
    """Whether a bold beginning is followed by a cell without outputs: then it speaks of what was not asked for."""
    return parts[0].startswith("**") and len(parts) > 1 and not isinstance(parts[1], str) and not parts[1][1]


class _Writer:
    """Fills the slides of one section."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.made: list[Slide] = []
        self._pending: list[tuple[str, float]] = []  # HTML and lines
        self._code = ""
        self._last = ""
        self._announces = False  # whether the text so far ends with a colon

    def text(self, block: str) -> None:
        """Add a block of Markdown, on as many slides as it needs."""
        for piece in rendering.pieces(block, LINES):
            lines = rendering.lines(piece)
            if self._pending and self._lines + lines > LINES:
                self._turn(carry=self._announces or piece.startswith("$$"))
            self._announces = piece.rstrip().endswith(":")
            self._pending.append((rendering.markdown(piece), lines))
            self._last = rendering.last_sentence(piece) or self._last

    def code(self, source: str, outputs: Sequence[Shown]) -> None:
        """Add what a cell shows; of a cell that shows nothing only the code of the one idea, behind its text."""
        if not outputs:
            if self._pending and re.search(r"^def ", source, re.M):
                self._code = source
            return
        for output in outputs:
            for part in rendering.parts(output, _MORE * LINES):
                self._show(part, source)

    def flush(self) -> None:
        """Make a slide of what is there."""
        if self._pending:
            self._add("text", "".join(text for text, _ in self._pending), self._code)
        self._pending, self._code = [], ""

    @property
    def _lines(self) -> float:
        return sum(lines for _, lines in self._pending)

    def _turn(self, *, carry: bool) -> None:
        """Begin a new slide; what is announced takes the line that announces it along."""
        last = [self._pending.pop()] if carry and len(self._pending) > 1 and self._pending[-1][1] < 3 else []
        code = self._code
        self.flush()
        self._pending, self._code = last, code if last else ""

    def _show(self, part: Shown, source: str) -> None:
        if part.kind in ("said", "table") and self._lines + part.lines <= LINES + 0.5:
            self._pending.append((part.html, part.lines))
            self._code = source
            return
        if part.kind == "said":
            self._turn(carry=False)
            self._pending, self._code = [(part.html, part.lines)], source
            return
        if self._lines > (2 * _SMALL if part.kind == "tall" else _SMALL) or self._code not in ("", source):
            self._turn(carry=part.kind == "table" and "class=said" in self._pending[-1][0])
        above = "".join(text for text, _ in self._pending)
        if not above and self._last:
            above = f"<p class=before>{rendering.inline(self._last)}</p>"
        self._pending, self._code = [], ""
        tall, made = part.kind == "tall", part.html.replace('alt=""', f'alt="{html.escape(self.title)}"')
        self._add("tall" if tall else "shown", f"<div>{above}</div>{made}" if tall else above + made, source)

    def _add(self, kind: str, body: str, code: str) -> None:
        again = f" ({len(self.made) + 1})" if self.made else ""
        self.made.append(Slide(kind, rendering.inline(self.title) + again, self.title, body, code.strip()))
