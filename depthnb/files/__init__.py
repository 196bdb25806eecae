"""Files: the one way to write one, whole or not at all, and the one way to read a table of ours, names as text."""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import hashlib
import os
import re
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("id", "scene", "scene_type")  # columns that hold names, in every table that has them

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space and try again"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder that may be written"),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.EISDIR), "a file is where a folder should be, or the reverse"),
    errno.ENAMETOOLONG: "give it a shorter name",
}
_ABANDONED = 3600.0  # seconds after which nobody writes any more what has not got its name yet
_MOST_COLUMNS, _LONGEST_LINE = 1000, 100_000  # a damaged file may hold any number of them


def write(file: str | os.PathLike, writer: Callable[[Path], Any]) -> Path:
    """Write through a temporary name in the same folder, then rename; returns the path.

    What killed processes left beside the file is removed when it is an hour old.

    Args:
        file: where it shall be; its folder is made.
        writer: called with the temporary path, in which it leaves the whole content.

    Raises:
        OSError: that names the file and says what to do; the file is then as it was, and nothing is left beside it. What else
            `writer` raises passes, a ConnectionError too, since a network that fails is no fault of the disk.
    """
    file = Path(file)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if any(name.startswith(f".{file.name}.") for name in _left_over(file.parent.absolute())):
            clear(file, seconds=_ABANDONED)
        writer(part)
        with open(part, "rb+") as stream:
            os.fsync(stream.fileno())  # a rename may reach the disk before what was written
        os.replace(part, file)
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(error.errno, f"could not write {file} ({error.strerror or error}); {remedy(error)}") from error
    finally:
        with contextlib.suppress(OSError):  # where its folder is none, the error above says so
            part.unlink(missing_ok=True)
    return file


def clear(file: Path, *, seconds: float = 0.0) -> None:
    """Remove what processes left beside a file that were killed while they wrote it, so many seconds ago.

    Without `seconds` only where no other process may be writing it.
    """
    for part in file.parent.glob(f".{glob.escape(file.name)}.*.part"):
        with contextlib.suppress(OSError):  # another one has removed it, or it may not be removed
            if time.time() - part.lstat().st_mtime >= seconds:
                part.unlink()


@functools.lru_cache(maxsize=64)
def _left_over(folder: Path) -> tuple[str, ...]:
    """Names of what killed processes may have left in a folder; looked at once, since a folder may hold very many files."""
    with contextlib.suppress(OSError):  # one that may be written and not read
        return tuple(name for name in os.listdir(folder) if re.fullmatch(r"\..+\.\d+\.part", name))
    return ()


def remedy(error: OSError) -> str:
    """What to do where a file could not be written, as a sentence's end.

    >>> remedy(OSError(errno.EROFS, "Read-only file system"))
    'choose a folder that may be written'
    """
    return _REMEDIES.get(error.errno, "try again")


def write_bytes(file: str | os.PathLike, content: bytes) -> Path:
    """`write` of bytes that are at hand."""
    return write(file, lambda part: part.write_bytes(content))


def write_text(file: str | os.PathLike, text: str) -> Path:
    """`write` of a text, as UTF-8 with the line ends it has."""
    return write_bytes(file, text.encode("utf-8"))


def digest(path: str | os.PathLike) -> str:
    """Twelve hexadecimal digits that stand for what a file or a folder holds, wherever it lies and whatever it is called.

    Of a folder every file counts with its bytes and its place in it; what Git and Python keep there for themselves does not.

    Raises:
        OSError: if it is not there or cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:12]
    content = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        place = file.relative_to(path)
        if file.is_file() and not {".git", "__pycache__"} & set(place.parts):
            content.update(f"{place.as_posix()} {digest(file)}\n".encode())
    return content.hexdigest()[:12]


def read_table(file: str | os.PathLike, *, text: Collection[str] = NAMES) -> pd.DataFrame:
    """Read a table whose columns are either text or numbers.

    pandas alone takes the words NA, None, null and nan for missing, and 007 and 1e5 for numbers. A scene may be called so.

    Args:
        file: CSV in UTF-8 with a header.
        text: columns that are text whatever they look like. Every other column is numeric if each of its cells is empty or
            a number as Python or pandas write it, and text if not.

    Returns:
        One row a line. An empty cell is NaN in a numeric column and "" in a text column; a column that is empty throughout
        is numeric.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no table in UTF-8.
    """
    with open(file, encoding="utf-8", newline="") as stream:
        columns = stream.readline(_LONGEST_LINE).count(",") + 1
    if columns > _MOST_COLUMNS:
        raise ValueError(f"{Path(file).name} has more than {_MOST_COLUMNS} columns, so it is no table of ours")
    import pandas as pd  # reading the records of runs, which imports this module, shall not wait for it

    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")
        if any("\0" in name for name in table.columns):  # what a disk leaves of a file whose writing it did not end
            raise ValueError("it holds zero bytes")
    except ValueError as error:  # pandas' own errors are such, and UnicodeDecodeError is
        said = " ".join(str(error).split())
        raise ValueError(f"{Path(file).name} is no whole table in UTF-8 ({said}); make it again") from None
    for name in table.columns:
        if name not in text:
            table[name] = _numbers(table[name])
    return table


def _numbers(column: pd.Series) -> pd.Series:
    """The column as numbers if they are all written as numbers are; else as it is."""
    import pandas as pd

    filled = column[column != ""]
    try:
        values = pd.to_numeric(filled)
    except (ValueError, TypeError):
        return column
    if not all(map(_is_written_as_number, filled)):
        return column
    return values if len(filled) == len(column) else values.astype(float).reindex(column.index)


def _is_written_as_number(cell: str) -> bool:
    """Whether a cell that can be read as a number looks like one: 007 and 1e5 are names, 7, -0.5 and 1e-05 are not.

    >>> [_is_written_as_number(cell) for cell in ("7", "-0.5", "1e-05", "1e+06", "007", "1e5", "1_000", "nan")]
    [True, True, True, True, False, False, False, False]
    """
    digits = cell.lstrip("-")
    if not (digits[:1].isdigit() and digits.isascii()) or "_" in digits:
        return False
    whole, mark, power = digits.partition("e")
    return (whole == "0" or not whole.startswith("0") or whole.startswith("0.")) and (not mark or power[:1] in "+-")
