"""Where the methods of a run are defined: file, lines, first line of the docstring.

In: signatures as COMPSs writes them, and the files that may hold their modules or classes. Out: a :class:`Method` for
each. Python sources are parsed, never executed; of Java sources the first line that declares the method is taken.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_JAVA = re.compile(r"([^()\s]+)\(([^()]*)\)([\w.$]+)\Z")
_LARGEST_SOURCE = 1 << 24  # bytes
_LONGEST_DESCRIPTION = 2000  # characters
_MAIN = "__main__"
_Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Method:
    """What tasks execute; `name` is for people."""

    name: str
    path: str | None = None
    line: int | None = None
    end_line: int | None = None
    description: str | None = None
    parameters: tuple[str, ...] = ()  # as its definition names them


def readable_name(signature: str) -> str:
    """Return the name of a method with its module or class, as its language writes it.

    >>> readable_name("matmul_tasks.multiply"), readable_name("multiply(FILE_T,FILE_T)matmul.files.Impl")
    ('matmul_tasks.multiply', 'matmul.files.Impl.multiply')
    """
    java = _JAVA.match(signature)
    return f"{java[3]}.{java[1]}" if java else signature


def modules_named(signatures: Iterable[str]) -> Iterator[str]:
    """Yield the relative paths that the source file of a signature may have, the longest module first."""
    for signature in signatures:
        yield from _candidates(signature)


def find_method(signature: str, sources: Iterable[str], main: str | None = None) -> Method:
    """Find where a method is defined.

    Parameters
    ----------
    sources
        Absolute paths of the source files.
    main
        The file that a module of the name ``__main__`` is.
    """
    name = readable_name(signature)
    candidates = list(_candidates(signature))
    paths = list(sources)
    found = [path for end in candidates for path in paths if path.endswith("/" + end)]
    if main is not None and (name.startswith(_MAIN + ".") or (not found and main.endswith(".py"))):
        found.append(main)
    if _JAVA.match(signature):
        return _java_method(name, found)
    for path in dict.fromkeys(found):
        for length in range(1, 4):
            definition = _definitions(path).get(".".join(name.split(".")[-length:]))
            if definition is not None and _is_whole(name, length, path, main):
                return Method(name, path, *definition)
    return Method(name, found[0] if found and found[0].endswith(tuple(candidates)) else None)


def _candidates(signature: str) -> Iterator[str]:
    java = _JAVA.match(signature)
    if java is not None:
        yield java[3].partition("$")[0].replace(".", "/") + ".java"
        return
    parts = signature.split(".")[:-1]
    while parts:
        if all(part and "/" not in part for part in parts):
            yield "/".join(parts) + ".py"
            yield "/".join(parts) + "/__init__.py"
        parts.pop()


def _is_whole(name: str, length: int, path: str, main: str | None) -> bool:
    """Tell whether the rest of the name, without the definition's, is the module that the file is."""
    module = name.split(".")[:-length]
    if not module or module == [_MAIN]:
        return path == main
    end = "/" + "/".join(module)
    return path.endswith((end + ".py", end + "/__init__.py"))


_Found = tuple[int, "int | None", "str | None", "tuple[str, ...]"]


def _definitions(path: str) -> dict[str, _Found]:
    """Return the functions of a Python file, also those in classes, by their qualified name."""
    try:
        found = os.stat(path)
    except OSError:
        return {}
    return _parsed(path, found.st_mtime_ns) if found.st_size <= _LARGEST_SOURCE else {}


@lru_cache(maxsize=64)  # a module has many methods
def _parsed(path: str, changed: int) -> dict[str, _Found]:
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}  # its functions are then told without their lines
    found: dict[str, _Found] = {}
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _Definition):
                found[prefix + child.name] = _described(child)
            elif isinstance(child, ast.ClassDef):
                waiting.append((f"{prefix}{child.name}.", child))
            elif isinstance(child, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
                waiting.append((prefix, child))
    return found


def _described(node: _Definition) -> _Found:
    text = (ast.get_docstring(node) or "").strip().partition("\n")[0][:_LONGEST_DESCRIPTION]
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    given = node.args
    names = [each.arg for each in (*given.posonlyargs, *given.args)]
    names += [given.vararg.arg] if given.vararg else []
    names += [each.arg for each in given.kwonlyargs]
    names += [given.kwarg.arg] if given.kwarg else []
    return first, node.end_lineno, text or None, tuple(names)


def _java_method(name: str, found: list[str]) -> Method:
    method = name.rpartition(".")[2]
    declares = re.compile(rf"\b(public|protected|private|static)\b[^;={{]*\b{re.escape(method)}\s*\(")
    for path in found:
        try:
            with open(path, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
                for number, line in enumerate(lines, 1):
                    if declares.search(line):
                        return Method(name, path, number)
        except OSError:
            continue
        return Method(name, path)
    return Method(name)
