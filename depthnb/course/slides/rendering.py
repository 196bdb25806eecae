"""Markdown, formulas and outputs as HTML, and how many lines of a slide they take."""

from __future__ import annotations

import base64
import html
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WIDTH = 92  # characters of a line
_CELLS = 116  # characters of a line of a table, which has smaller print
_NOISE = re.compile(r"(run folder:|finished:|CPU \(|CUDA|reports/|preparing |dtype:)")
_FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\d])\$(?!\s)([^$\n]+?)(?<!\s)\$(?!\d)", re.S)


@dataclass(frozen=True)
class Shown:
    """What a cell shows: kind ("figure", "tall" for a high one, "table" or "said"), HTML, and the lines it takes."""

    kind: str
    html: str
    lines: float


def blocks(source: str) -> list[str]:
    """Markdown in its blocks: paragraphs, lists, tables, formulas and headings.

    >>> blocks("## A\\none\\n\\n- two\\n- three")
    ['## A', 'one', '- two\\n- three']
    """
    source = re.sub(r"(?m)^(#{1,6} .+)$", r"\n\1\n", source)
    return [block.strip("\n") for block in re.split(r"\n\s*\n", source) if block.strip()]


def pieces(block: str, most: float) -> list[str]:
    """A block in pieces of at most so many lines: a list by its items, a table by its rows, a paragraph by its sentences."""
    if lines(block) <= most:
        return [block]
    rows, head, joint = block.splitlines(), [], "\n"
    if block.lstrip().startswith("|"):
        head, rows = rows[:2], rows[2:]
    elif not re.match(r"\s*([-*]|\d+\.) ", block):
        rows, joint = re.split(r"(?<=[.:?!]) +(?=[A-Z*`$(])", " ".join(rows)), " "
    made: list[list[str]] = [[*head]]
    for row in rows:
        if len(made[-1]) > len(head) and lines(joint.join([*made[-1], row])) > most:
            made.append([*head])
        made[-1].append(row)
    return [joint.join(each) for each in made]


def lines(block: str) -> float:
    """How many lines of a slide a block takes, its distance from the next one included."""
    if block.lstrip().startswith("|"):
        return 0.5 + sum(_row_lines(row.strip().strip("|").split("|")) for row in block.splitlines()[2:])
    count = 0.4
    rest = _FORMULA.sub(lambda found: "\0" if found[1] else "x" * (len(found[2]) // 2), block)
    for row in rest.splitlines():
        count += 2.2 * row.count("\0") + math.ceil(len(row.replace("\0", "")) / _WIDTH)
    return count


def _row_lines(cells: Sequence[str]) -> float:
    """Lines of a row of a table, whose columns get width as they need it."""
    return 0.25 + 0.7 * max(1, math.ceil(sum(len(cell.strip()) + 2 for cell in cells) / _CELLS))


def last_sentence(block: str) -> str:
    """The last sentence of a paragraph, empty for a list, a table, a formula, and for one that is long or goes on."""
    if re.match(r"\s*([-*] |\d+\. |\||\$\$|>)", block):
        return ""
    found = re.split(r"(?<=[.?!]) +(?=[A-Z*`$(])", " ".join(block.split()))[-1]
    return found if len(found) <= 2 * _WIDTH and not found.endswith(":") else ""


def markdown(source: str) -> str:
    """Markdown as HTML; formulas become MathML, and HTML in it is shown as text."""
    import mistune

    kept: list[str] = []

    def keep(found: re.Match) -> str:
        kept.append(formula(found[1] or found[2], block=bool(found[1])))
        return f"\x02{len(kept) - 1}\x03"

    render = mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])
    made = render(_outside_code(source, keep))
    return re.sub("\x02(\\d+)\x03", lambda found: kept[int(found[1])], str(made))


def _outside_code(source: str, keep) -> str:
    """Exchange the formulas of Markdown, but not what stands in backquotes."""
    return "".join(
        part if part.startswith("`") else _FORMULA.sub(keep, part) for part in re.split(r"(`[^`]*`)", source)
    )


def inline(source: str) -> str:
    """One line of Markdown as HTML without a paragraph around it.

    >>> inline("**a** < b")
    '<strong>a</strong> &lt; b'
    """
    source = re.sub(r"^(\d+)\.", r"\1\\.", source.strip())  # "03. Coarse and fine" is no list
    return markdown(source).strip().removeprefix("<p>").removesuffix("</p>")


def formula(tex: str, *, block: bool) -> str:
    """LaTeX as MathML, which browsers draw without a program.

    Raises:
        ImportError: without latex2mathml.
    """
    try:
        from latex2mathml.converter import convert
    except ImportError:
        raise ImportError(
            "formulas of slides are made by latex2mathml, which is not here; pip install depthnb[course]"
        ) from None
    known = re.sub(r"\\arg\\(min|max)", r"\\operatorname{arg\\,\1}", tex.strip())
    known = re.sub(
        r"\\(log|ln|exp|sin|cos|tan)(?![a-zA-Z])\s*(?![\s({_^]|\\(?:big|Big|left|[,;!]))", r"\\\1\\,", known
    )  # else ln x is lnx
    return convert(known, display="block" if block else "inline")


def shown(outputs: Sequence[dict]) -> list[Shown]:
    """What a cell's outputs show, without progress, widgets and notes about files."""
    found = []
    for output in outputs:
        data = output.get("data", {})
        for kind in ("image/png", "image/jpeg"):
            if kind in data:
                found.append(_figure(kind, "".join("".join(data[kind]).split())))
                break
        else:
            text = "".join(data.get("text/html", ""))
            if "<table" in text and "dataframe" in text:
                found.append(_table(text))
            elif "text/markdown" in data:
                made = "".join(data["text/markdown"])
                found.append(Shown("table" if made.startswith("|") else "said", markdown(made), lines(made)))
            elif output.get("output_type") == "stream" and output.get("name") == "stdout":
                found += _said("".join(output["text"]))
    return found


def _figure(kind: str, content: str) -> Shown:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        width, height = picture.size
    return Shown(
        "tall" if height > 0.85 * width else "figure", f'<img alt="" src="data:{kind};base64,{content}">', math.inf
    )


def _said(text: str) -> list[Shown]:
    rows = [row.rstrip() for row in text.splitlines() if row.strip() and not _NOISE.match(row)]
    if not rows or len(rows) > 12:
        return []
    return [Shown("said", f"<pre class=said>{html.escape(chr(10).join(rows))}</pre>", 0.6 + 0.75 * len(rows))]


_ROW = re.compile(r"<tr.*?</tr>", re.S)


def _table(text: str) -> Shown:
    """A printed data frame without its styles and the number of each row, if these are only numbers in their order."""
    head, _, body = re.sub(r"<style.*?</style>", "", text, flags=re.S).partition("<tbody>")
    rows = _ROW.findall(body)
    names = [re.match(r"<tr[^>]*>\s*<th>(.*?)</th>", row, re.S) for row in rows]
    counted = [name and name[1] for name in names] == [str(number) for number in range(len(rows))]
    top = "".join(_ROW.findall(head)[:1])
    if counted:
        top, rows = (re.sub(r"<th>.*?</th>", "", top, count=1, flags=re.S), [_without_first(row) for row in rows])
    return Shown("table", _framed(top, rows), _height(top, rows))


def _without_first(row: str) -> str:
    return re.sub(r"<th>.*?</th>", "", row, count=1, flags=re.S)


def _framed(top: str, rows: Sequence[str]) -> str:
    top = re.sub(r' style="[^"]*"', "", top)
    rows = [
        re.sub(r"(<td[^>]*>)(.*?)(?=</td>)", lambda cell: cell[1] + _short(cell[2]), row, flags=re.S) for row in rows
    ]
    return f"<table><thead>{top}</thead><tbody>{''.join(rows)}</tbody></table>"


def _short(cell: str) -> str:
    """A number with four decimals at most, and nothing for one that is none."""
    if cell in ("NaN", "None"):
        return ""
    return f"{float(cell):.4f}" if re.fullmatch(r"-?\d+\.\d{5,}", cell) else cell


def _height(top: str, rows: Sequence[str]) -> float:
    return 1.2 + sum(_row_lines(_cells(row)) for row in [top, *rows])


def _cells(row: str) -> list[str]:
    return [html.unescape(re.sub(r"<.*?>", "", cell)) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)]


def parts(output: Shown, most: float) -> Iterator[Shown]:
    """An output in parts that fit on a slide: a long table by its rows, about as many on each."""
    if output.kind != "table" or output.lines <= most:
        yield output
        return
    top, _, body = output.html.partition("<tbody>")
    top = "".join(_ROW.findall(top))
    share = output.lines / math.ceil(output.lines / most)
    some: list[str] = []
    for row in _ROW.findall(body):
        if some and _height(top, some) + _height("", [row]) / 2 > share:
            yield Shown("table", _framed(top, some), _height(top, some))
            some = []
        some.append(row)
    yield Shown("table", _framed(top, some), _height(top, some))
