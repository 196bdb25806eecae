"""The pages of the API reference, made from the source without importing it: one for each package, with its modules.

A name stands where users import it from: what a package lists in `__all__` is explained first, and the sections of its
modules explain the rest.
"""

from __future__ import annotations

import ast
from pathlib import Path

HIDDEN = {"cli", "__main__"}  # the command has a page of its own


def pages(package: Path) -> dict[str, str]:
    """Dotted name -> page in reStructuredText, and `index` with the table of contents.

    Args:
        package: the folder of the package.
    """
    found: dict[str, str] = {}
    for name, path in _below(package):
        found |= _package(path, f"{package.name}.{name}", set())
    contents = ".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {name}\n" for name in sorted(found))
    return {**found, "index": _section("API reference", "=", package.name, ["   :no-members:"]) + contents}


def _below(folder: Path) -> list[tuple[str, Path]]:
    """Name and source of each public module and package in a folder."""
    found = []
    for path in sorted(folder.iterdir()):
        source = path / "__init__.py" if path.is_dir() else path
        if path.stem not in HIDDEN and not path.name.startswith("_") and source.suffix == ".py" and source.is_file():
            found.append((path.stem, source))
    return found


def _package(path: Path, dotted: str, explained: set[str]) -> dict[str, str]:
    """The page of a package or of a single module, and those of the packages in it; `explained` are names of its parents."""
    own = _names(path)
    text, further = _section(dotted, "=", dotted, _without(own & explained)), {}
    if path.name != "__init__.py":
        return {dotted: text}
    explained = explained | own
    for name, inner in _below(path.parent):
        if inner.name == "__init__.py":
            further |= _package(inner, f"{dotted}.{name}", explained)
        elif (names := _names(inner)) - explained:
            text += _section(name, "-", f"{dotted}.{name}", _without(names & explained))
    return {dotted: text, **further}


def _names(path: Path) -> set[str]:
    """What a module offers: the names in `__all__`, and its public functions and classes."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            found.add(node.name)
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            found |= set(ast.literal_eval(node.value))
    return found


def _section(title: str, line: str, dotted: str, options: list[str]) -> str:
    return "\n".join([title, line * len(title), "", f".. automodule:: {dotted}", *options, "", ""])


def _without(names: set[str]) -> list[str]:
    return [f"   :exclude-members: {', '.join(sorted(names))}"] if names else []
