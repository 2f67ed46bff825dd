"""Tasks that start a program: its command line, its streams, its exit status.

In: what ``@binary``, ``@mpi`` and the like were told, and the arguments of a call. Out: the exit status. Words go to
the program as they are; no shell sees them.
"""

import inspect
import os
import re
import shlex
import subprocess
from typing import IO, Any, Callable, Dict, List, Optional

from ._definition import Definition, settings_of

_NAME_IN_BRACES = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_TRUE = ("true", "1", "yes")
Function = Callable[..., Any]


def starts_program(options: Dict[str, Any], launcher: Callable[[], List[str]] = list) -> Callable[[Function], Function]:
    """Return a decorator that makes the task of a function the start of a program.

    Parameters
    ----------
    options
        As the decorator of PyCOMPSs has them: ``binary``, ``working_dir``, ``args``, ``fail_by_exit_value``.
    launcher
        Gives the words before the program, e.g. ``mpirun -n 4``.
    """

    def execute(definition: Definition, bound: inspect.BoundArguments) -> int:
        return _run(definition, bound, options, launcher())

    def decorate(function: Function) -> Function:
        settings_of(function).execute = execute
        return function

    return decorate


def _run(definition: Definition, bound: inspect.BoundArguments, options: Dict[str, Any], launcher: List[str]) -> int:
    folder = _folder(options)
    words = [*launcher, os.path.expandvars(str(options["binary"])), *_words(definition, bound, options, folder)]
    streams: Dict[str, IO[bytes]] = {}
    try:
        for name, value in bound.arguments.items():
            parameter = definition.parameter(name)
            if parameter.stream is not None:
                mode = "rb" if parameter.stream == "stdin" else "ab" if parameter.is_read else "wb"
                streams[parameter.stream] = open(value, mode)
        try:
            status = subprocess.run(words, cwd=folder, check=False, **streams).returncode  # type: ignore[call-overload]
        except FileNotFoundError:
            raise RuntimeError(f"the task {definition.name} starts {words[0]}, which is not here; install it") from None
    finally:
        for stream in streams.values():
            stream.close()
    if status != 0 and _is_true(options.get("fail_by_exit_value")):
        raise RuntimeError(f"the task {definition.name}: {words[0]} ended with status {status}")
    return int(status)


def _words(
    definition: Definition, bound: inspect.BoundArguments, options: Dict[str, Any], folder: Optional[str]
) -> List[str]:
    template = options.get("args", options.get("params", options.get("parameters")))
    if template is not None:
        words = shlex.split(_NAME_IN_BRACES.sub(r"{{\1}}", str(template)))
        return [_filled(word, bound.arguments, definition, folder) for word in words]
    words = []
    for name, value in bound.arguments.items():
        parameter = definition.parameter(name)
        if parameter.stream is not None or name == "self":
            continue
        kind = definition.signature.parameters[name].kind
        is_several = isinstance(value, (list, tuple)) or kind is inspect.Parameter.VAR_POSITIONAL
        for one in value if is_several else (value,):
            words.append((parameter.prefix or "") + _text(one, parameter.is_path, folder))
    return words


def _filled(word: str, arguments: Any, definition: Definition, folder: Optional[str]) -> str:
    def text(match: "re.Match[str]") -> str:
        name = match[1]
        return _text(arguments[name], definition.parameter(name).is_path, folder) if name in arguments else match[0]

    return _NAME_IN_BRACES.sub(text, word)


def _text(value: Any, is_path: bool, folder: Optional[str]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_path and folder is not None:
        return os.path.abspath(str(value))  # relative to where the main program is, not to the program's folder
    return os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else str(value)


def _folder(options: Dict[str, Any]) -> Optional[str]:
    told = options.get("working_dir", options.get("workingDir"))
    folder = os.path.expandvars(str(told)) if told else None
    if folder is not None:
        os.makedirs(folder, exist_ok=True)
    return folder


def _is_true(told: Any) -> bool:
    if isinstance(told, str):
        return os.environ.get(told.lstrip("$").strip("{}"), told).lower() in _TRUE
    return bool(told)


def starts_beside(options: Dict[str, Any], is_before: bool) -> Callable[[Function], Function]:
    """Return a decorator that starts a program before the task of a function, or after it."""
    words = [str(options["binary"]), *shlex.split(str(options.get("args", options.get("params")) or ""))]

    def start(now_is_before: bool) -> None:
        if now_is_before == is_before:
            status = subprocess.run(words, check=False).returncode
            if status != 0 and _is_true(options.get("fail_by_exit_value", True)):
                raise RuntimeError(f"{words[0]} {'before' if is_before else 'after'} a task ended with status {status}")

    def decorate(function: Function) -> Function:
        settings_of(function).around.append(start)
        return function

    return decorate
