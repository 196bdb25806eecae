"""The parameters of a notebook: declared in one cell, checked before anything is computed."""

from __future__ import annotations

import ast
import difflib
import keyword
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any

KINDS = {"int": int, "float": float, "str": str, "bool": bool}  # what a parameter can be

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_INJECTED = "# Parameters\n"  # with which papermill begins the cell that it puts behind the declared parameters

RULES = {  # parameter name -> what its value must be; a notebook uses those it has
    "epochs": (lambda v: v >= 1, "at least 1"),
    "min_steps": (lambda v: v >= 0, "0 or more"),
    "batch_size": (lambda v: v >= 1, "at least 1"),
    "height": (lambda v: v == 0 or v >= 16, "0 or at least 16 pixels"),
    "width": (lambda v: v == 0 or v >= 16, "0 or at least 16 pixels"),
    "learning_rate": (lambda v: 0 < v < 10, "between 0 and 10"),
    "seed": (lambda v: 0 <= v < 2**32, "a whole number from 0 to 4294967295"),
    "device": (lambda v: v in ("auto", "cpu", "cuda", "mps"), "auto, cpu, cuda or mps"),
    "run": (
        lambda v: re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,99}", v),
        "a letter, then letters, digits, - and _, 100 characters at most",
    ),
}
_LARGEST = 2**63 - 1  # torch and NumPy take no larger whole number
_LONGEST = 4000  # characters; no file system takes a longer path


def check_parameters(scope: dict[str, Any], known: Collection[str], **choices: Collection[str]) -> dict[str, Any]:
    """The notebook's parameters with their values, or a clear error; papermill itself accepts any name and any type.

    When the cell is run again by hand, names that later cells made are no longer told apart from injected ones, so only
    types and ranges are checked again.

    Args:
        scope: the notebook's globals().
        known: the names that existed before the parameters cell. A declared parameter is an annotated one (`epochs: int = 2`)
            in a cell that holds nothing else; papermill injects plain assignments behind it.

    Raises:
        ValueError: for a name that was injected and not declared (naming the nearest declared one), and for a value of
            another type, outside its range, or not among its choices (parameter=values). YAML reads 1e-3 as text: the message
            says so. A whole number is taken where a float is declared.
    """
    declared = {name: KINDS.get(kind, kind) for name, kind in _declared(scope).items() if not name.startswith("_")}
    if not declared:
        raise ValueError(
            "no parameters found: run the cell tagged 'parameters' first, with lines like 'epochs: int = 2'"
        )
    if not scope.get("_depthnb_checked"):
        _refuse_code(scope)
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
        if name in RULES and not RULES[name][0](value):
            raise ValueError(f"parameter {name!r} must be {RULES[name][1]}, found {_short(value)}")
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
        if name in choices and value not in choices[name]:
            near = difflib.get_close_matches(value.lower(), choices[name], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"parameter {name!r} is one of {', '.join(map(repr, choices[name]))}, found {value!r}{hint}"
            )
        values[name] = value
    return values


def check_names(names: Iterable[object], origin: str) -> None:
    """Raise ValueError for what cannot be the name of a parameter: papermill writes it as it is into the code of a cell.

    Args:
        names: such as the keys of a YAML file.
        origin: where they come from, for the message.

    >>> check_names(["epochs", "learning rate"], "my.yaml")
    Traceback (most recent call last):
    ValueError: my.yaml holds 'learning rate', which is no name of a parameter: letters, digits and _, a letter first
    """
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or keyword.iskeyword(name):
            rule = "letters, digits and _, a letter first"
            raise ValueError(f"{origin} holds {_short(name)}, which is no name of a parameter: {rule}")


def _short(value: object) -> str:
    """A value as a message shows it.

    >>> _short("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."
    """
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:38]}..."


def _refuse_code(scope: Mapping[str, Any]) -> None:
    """Raise ValueError when the cell that papermill injected does something else than give values to names.

    Its code has run already, but nothing has been trained yet.
    """
    for source in scope.get("In", ()):
        if not source.startswith(_INJECTED):
            continue
        for line in ast.parse(source).body:
            match line:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_literal(value):
                    check_names([name], "the cell of injected parameters")
                case _:
                    check_names([ast.unparse(line)], "the cell of injected parameters")


def _is_literal(value: ast.expr) -> bool:
    """Whether an expression is as papermill writes a value: a literal, or float('nan')."""
    match value:
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant()]):
            return True
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True


def _declared(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> kind of every parameter that was declared, the kind as its name or as a type.

    In a notebook they are read from the source of its cells, which IPython keeps in `In`: from Python 3.14 on no namespace
    remembers the annotations of one cell when the next has run (PEP 649). A script is one module, and its own do.
    """
    declared: dict[str, Any] = {}
    for source in scope.get("In", ()):
        declared |= annotated(source)
    if declared:
        return declared
    module = sys.modules.get(scope.get("__name__", ""))
    if getattr(module, "__dict__", None) is scope:  # where 3.14 makes the dict when it is asked for
        return dict(getattr(module, "__annotations__", {}))
    return dict(scope.get("__annotations__", {}))


def annotated(source: str) -> dict[str, str]:
    """Name -> annotation of a cell that declares parameters and does nothing else, empty for any other.

    >>> annotated("epochs: int = 2  # passes\\nrate: 'float' = 0.1")
    {'epochs': 'int', 'rate': 'float'}
    >>> annotated("epochs: int = 2\\nprint(epochs)")
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
        raise ValueError(f"{unknown(name, declared)} (A variable of your own? Define it after this cell.)")


def unknown(name: str, declared: Collection[str]) -> str:
    """What is said of a parameter that a notebook does not declare.

    >>> unknown("epoch", ["epochs", "seed"])
    "unknown parameter 'epoch'; did you mean 'epochs'? This notebook knows: epochs, seed."
    """
    near = difflib.get_close_matches(name, declared, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown parameter {name!r}; {hint}This notebook knows: {', '.join(declared)}."
