"""The parameters of a notebook: declared in one cell, checked before anything is computed."""

from __future__ import annotations

import ast
import difflib
import re
import sys
from collections.abc import Collection, Mapping
from typing import Any

KINDS = {"int": int, "float": float, "str": str, "bool": bool}  # what a parameter can be

RULES = {  # parameter name -> what its value must be; a notebook uses those it has
    "epochs": (lambda v: v >= 1, "at least 1"),
    "min_steps": (lambda v: v >= 0, "0 or more"),
    "batch_size": (lambda v: v >= 1, "at least 1"),
    "height": (lambda v: v == 0 or v >= 16, "0 or at least 16 pixels"),
    "width": (lambda v: v == 0 or v >= 16, "0 or at least 16 pixels"),
    "learning_rate": (lambda v: 0 < v < 10, "between 0 and 10"),
    "seed": (lambda v: 0 <= v < 2**32, "0 or more, below 2**32"),
    "device": (lambda v: v in ("auto", "cpu", "cuda", "mps"), "auto, cpu, cuda or mps"),
    "run": (
        lambda v: re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{,99}", v),
        "a letter, then letters, digits, - and _, at most 100 in all",
    ),
}
_LARGEST = 2**63 - 1  # torch and NumPy take no larger whole number
_LONGEST = 4000  # characters; no file system takes a longer path


def check_parameters(scope: dict[str, Any], known: Collection[str], **choices: Collection[str]) -> dict[str, Any]:
    """The notebook's parameters with their values, or a clear error; papermill itself accepts any name and any type.

    scope: the notebook's globals(). known: the names that existed before the parameters cell. A declared parameter is an
    annotated one (`epochs: int = 2`) in a cell that holds nothing else; papermill injects plain assignments behind it.
    Raises ValueError for a name that was injected and not declared (naming the nearest declared one), and for a value of
    another type, outside its range, or not among its choices (parameter=values). YAML reads 1e-3 as text: the message says
    so. A whole number is taken where a float is declared.

    When the cell is run again by hand, names that later cells made are no longer told apart from injected ones, so only
    types and ranges are checked again.
    """
    declared = {name: KINDS.get(kind, kind) for name, kind in _declared(scope).items() if not name.startswith("_")}
    if not declared:
        raise ValueError(
            "no parameters found: run the cell tagged 'parameters' first, with lines like 'epochs: int = 2'"
        )
    if not scope.get("_depthnb_checked"):
        _refuse_unknown(scope, known, declared)
        scope["_depthnb_checked"] = True
    values = {}
    for name, kind in declared.items():
        if kind not in KINDS.values():
            raise ValueError(
                f"parameter {name!r} is declared as {kind}; a parameter is an int, a float, a str or a bool"
            )
        value = scope[name]
        if kind is float and type(value) is int:
            value = scope[name] = float(value)
        if type(value) is not kind:
            hint = " (in YAML write 1.0e-3, not 1e-3)" if kind is float and isinstance(value, str) else ""
            raise ValueError(
                f"parameter {name!r} must be {kind.__name__}, found {type(value).__name__} {value!r}{hint}"
            )
        if kind is int and abs(value) > _LARGEST:
            raise ValueError(
                f"parameter {name!r} must be at most {_LARGEST}, found a number of {value.bit_length()} bits"
            )
        if kind is str and (len(value) > _LONGEST or "\0" in value):
            found = f"{len(value):,} characters" if len(value) > _LONGEST else "a NUL character"
            raise ValueError(
                f"parameter {name!r} must be a text of at most {_LONGEST:,} characters without NUL, found {found}; it begins "
                f"with {value[:40]!r}"
            )
        if name in RULES and not RULES[name][0](value):
            raise ValueError(f"parameter {name!r} must be {RULES[name][1]}, found {value!r}")
        if name in choices and value not in choices[name]:
            near = difflib.get_close_matches(value.lower(), choices[name], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"parameter {name!r} is one of {', '.join(map(repr, choices[name]))}, found {value!r}{hint}"
            )
        values[name] = value
    return values


def _declared(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> kind of every parameter that was declared, the kind as its name or as a type.

    In a notebook they are read from the source of its cells, which IPython keeps in `In`: from Python 3.14 on no namespace
    remembers the annotations of one cell when the next has run (PEP 649). A script is one module, and its own do.
    """
    declared: dict[str, Any] = {}
    for source in scope.get("In", ()):
        declared |= _annotated(source)
    if declared:
        return declared
    module = sys.modules.get(scope.get("__name__", ""))
    if getattr(module, "__dict__", None) is scope:  # where 3.14 makes the dict when it is asked for
        return dict(getattr(module, "__annotations__", {}))
    return dict(scope.get("__annotations__", {}))


def _annotated(source: str) -> dict[str, str]:
    """Name -> annotation of a cell that declares parameters and does nothing else, empty for any other.

    >>> _annotated("epochs: int = 2  # passes\\nrate: 'float' = 0.1")
    {'epochs': 'int', 'rate': 'float'}
    >>> _annotated("epochs: int = 2\\nprint(epochs)")
    {}
    """
    try:
        lines = ast.parse(source).body
    except SyntaxError:
        return {}
    if not all(isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value for line in lines):
        return {}
    return {
        line.target.id: str(kind.value) if isinstance(kind := line.annotation, ast.Constant) else ast.unparse(kind)
        for line in lines
    }


def _refuse_unknown(scope: Mapping[str, Any], known: Collection[str], declared: Mapping[str, Any]) -> None:
    for name, value in scope.items():
        if name in declared or name.startswith("_") or value is known or name in ("In", "Out"):
            continue
        if name in known and not isinstance(value, int | float | str):
            continue  # the imports cell binds modules and functions; a plain value there was injected over one of them
        near = difflib.get_close_matches(name, declared, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"unknown parameter {name!r}; {hint}This notebook knows: {', '.join(declared)}. "
            "(A variable of your own? Define it after this cell.)"
        )
