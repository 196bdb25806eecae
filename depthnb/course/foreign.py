"""Names that a cell uses and does not define: in a notebook another cell has them; the grader runs one cell alone."""

from __future__ import annotations
import __future__

import ast
import builtins
import dis
import inspect
import linecache
from collections.abc import Callable, Iterator
from types import CodeType, ModuleType

_LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_STORES = ("STORE_NAME", "STORE_GLOBAL")
_KNOWN = {*dir(builtins), "__name__", "__builtins__", "__annotations__", "__conditional_annotations__"} - {"display"}
_BLIND = {"get_ipython", "globals", "exec", "eval"}  # a cell with one of these may define anything


def fault(answer: Callable, function: str) -> str:
    """In one sentence, what the cell of a function takes from other cells; empty for nothing, and where that cannot be told.

    Args:
        answer: the function of this process.
        function: the name that its cell must define.
    """
    code = getattr(inspect.unwrap(answer), "__code__", None)
    cell = _cell(code.co_filename, function) if isinstance(code, CodeType) else None
    if cell is None:
        return ""
    own = {*_KNOWN, *_names(cell, _STORES)}
    own.update(name for each in _inside(cell) for name in _names(each, ("STORE_GLOBAL",)))
    parts = [each for each in cell.co_consts if isinstance(each, CodeType)]
    functions = {each.co_name: each for each in parts}
    nameless = [each for each in parts if each.co_name.startswith("<")]  # lambdas and the like, which run soon
    at_once, later = _reached([cell, *nameless], functions), _reached([functions[function]], functions)
    at_once.update(name for each in parts if _is_class(each) for name in _loads(each))
    if _BLIND & (at_once | later):
        return ""
    if missing := sorted(later - own):
        return f"{function} uses {_listed(missing)}, which its own cell does not define; {_mend(answer, missing[0])}"
    if missing := sorted(at_once - own):
        return (
            f"the cell of {function} uses {_listed(missing)}, which it does not define, and is graded without the other "
            f"cells; {_mend(answer, missing[0])}, or move that line to another cell"
        )
    return ""


def compiled(source: str, file: str) -> CodeType:
    """A cell as the grader runs it: annotations are words, on every Python.

    Raises:
        SyntaxError, ValueError: as `compile`.
    """
    return compile(source, file, "exec", __future__.annotations.compiler_flag, dont_inherit=True)


def _cell(file: str, function: str) -> CodeType | None:
    """The code of a cell by the name under which it was run; None if its source is not known or is not the whole story."""
    source = "" if file.startswith("<") else "".join(linecache.getlines(file))
    try:
        body = ast.parse(source).body
        code = compiled(source, file)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a line of the notebook's own, such as %time
        return None
    stars = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in body)
    defined = any(isinstance(node, ast.FunctionDef) and node.name == function for node in body)
    return code if defined and not stars else None


def _reached(begin: list[CodeType], functions: dict[str, CodeType]) -> set[str]:
    """Global names that codes load, and those that the functions of the cell load that they name."""
    found: set[str] = set()
    waiting = list(begin)
    while waiting:
        code = waiting.pop()
        # the body of a cell runs alone: its functions are looked at where they are named
        for each in (code,) if code.co_name == "<module>" else (code, *_inside(code)):
            new = _loads(each) - found
            found |= new
            waiting += [functions[name] for name in new if name in functions]
    return found


def _is_class(code: CodeType) -> bool:
    return "__qualname__" in _names(code, ("STORE_NAME",))


def _loads(code: CodeType) -> set[str]:
    """Names that a code loads; of a class without those that its body defines."""
    own = _names(code, ("STORE_NAME",)) if code.co_name != "<module>" else ()
    return {*_names(code, _LOADS)} - {*own}


def _inside(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType) and each.co_name != "__annotate__":  # Python 3.14 asks for annotations late
            yield each
            yield from _inside(each)


def _names(code: CodeType, operations: tuple[str, ...]) -> Iterator[str]:
    return (each.argval for each in dis.get_instructions(code) if each.opname in operations)


def _listed(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names[:3])


def _mend(answer: Callable, name: str) -> str:
    value = getattr(inspect.unwrap(answer), "__globals__", {}).get(name)
    named = (
        getattr(value, "__module__", "__main__") if hasattr(value, "__name__") else "__main__"
    )  # no number, no tensor
    imported = isinstance(value, ModuleType) or named not in ("__main__", None)
    return "add the import there" if imported or name == "display" else "define it there"
