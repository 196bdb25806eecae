"""Which notebook is meant, and which values its parameters get: looked at before anything is started."""

from __future__ import annotations

import ast
import difflib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depthnb.runs.parameters import annotated, check_names, check_parameters, unknown
from depthnb.runs.provenance import ROOT

FOLDER = ROOT / "notebooks"
_WORDS = {"true": True, "false": False}


def find(name: str | os.PathLike) -> Path:
    """The file of a notebook: one of the clone by its name (`03_eigen`), or any by its path.

    Raises:
        FileNotFoundError: that names the nearest one.
    """
    path = Path(name).expanduser()
    for file in (path, FOLDER / f"{path.name.removesuffix('.ipynb')}.ipynb"):
        if file.suffix == ".ipynb" and file.is_file():
            return file.resolve()
    if not FOLDER.is_dir():
        raise FileNotFoundError(f"there are no notebooks beside the package in {ROOT}; give the path of one")
    names = sorted(file.stem for file in FOLDER.glob("[0-9]*.ipynb"))
    near = difflib.get_close_matches(path.name.removesuffix(".ipynb"), names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    raise FileNotFoundError(f"there is no notebook {str(name)!r}; {hint}There are {', '.join(names)}")


def declared(file: Path) -> dict[str, tuple[str, Any]]:
    """Name -> kind and default of every parameter of a notebook.

    Raises:
        ValueError: for a file that is no notebook, or has no cell tagged `parameters`.
    """
    source = _cell(file)
    kinds = annotated(source)
    lines = ast.parse(source).body if kinds else []
    return {line.target.id: (kinds[line.target.id], ast.literal_eval(line.value)) for line in lines}


def _cell(file: Path) -> str:
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
        sources = ["".join(cell["source"]) for cell in tagged]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is no notebook of Jupyter ({type(error).__name__}: {error})") from error
    if not sources or not annotated(sources[0]):
        raise ValueError(
            f"{file} declares no parameters; expected a cell tagged 'parameters' with lines like 'epochs: int = 2'"
        )
    return sources[0]


def values(
    file: Path, *, preset: str | None = None, files: Sequence[str | os.PathLike] = (), given: Mapping[str, Any]
) -> dict[str, Any]:
    """The values that a run of this notebook gets: those of the preset, of YAML files, and single ones, the last one wins.

    Args:
        file: the notebook.
        preset: of `params/<notebook>-<preset>.yaml` beside the notebook.
        files: YAML files of names and values.
        given: single values; a text is read as the parameter's kind asks.

    Returns:
        Those that were given; the others keep the notebook's own.

    Raises:
        FileNotFoundError: for a preset or a file that is not there.
        ValueError: for an unknown name or a value that cannot be.
    """
    known = declared(file)
    chosen: dict[str, Any] = {}
    for each in [*([_preset(file, preset)] if preset else []), *map(Path, files)]:
        chosen |= _read(each.expanduser())
    check_names(given, "-p")
    for name in (*chosen, *given):
        if name not in known:
            raise ValueError(unknown(name, known))
    chosen |= {name: _as_kind(value, known[name][0]) for name, value in given.items()}
    scope = {name: default for name, (_, default) in known.items()} | chosen
    checked = check_parameters({"In": [_cell(file)], **scope}, ())
    return {name: checked[name] for name in chosen}


def _preset(file: Path, preset: str) -> Path:
    path = file.parent / "params" / f"{file.stem}-{preset}.yaml"
    if not path.is_file():
        there = [each.stem.removeprefix(f"{file.stem}-") for each in sorted(path.parent.glob(f"{file.stem}-*.yaml"))]
        raise FileNotFoundError(
            f"{file.stem} has no preset {preset!r}; it has {', '.join(there) or 'none'}"
            + ("; for its own values leave --preset away" if preset == "quick" else "")
        )
    return path


def _read(file: Path) -> dict[str, Any]:
    import yaml

    if not file.is_file():
        raise FileNotFoundError(
            f"{file} {'is a folder' if file.is_dir() else 'is not there'}; expected a YAML file of parameters"
        )
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{file} is no YAML ({' '.join(str(error).split())}); expected lines like epochs: 41"
        ) from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise ValueError(f"{file} holds a {type(content).__name__}; expected lines like epochs: 41")
    check_names(content, str(file))
    return dict(content)


def _as_kind(value: Any, kind: str) -> Any:
    """A text as the value that is meant; what cannot be one stays, and is refused by its kind.

    >>> [_as_kind("1", kind) for kind in ("int", "float", "str")], _as_kind("no", "int"), _as_kind("True", "bool")
    ([1, 1.0, '1'], 'no', True)
    """
    if not isinstance(value, str):
        return value
    if kind == "bool":
        return _WORDS.get(value.lower(), value)
    try:
        return {"int": int, "float": float}.get(kind, str)(value)
    except ValueError:
        return value
