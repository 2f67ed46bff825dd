"""The text that strace writes, line by line: calls with their arguments and results, signals, ends.

In come the lines of ``strace -f -ttt -y``; out come :class:`Line` values. Calls that strace had to
write in two parts, because another process came in between, are put together again. What can't be
read is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

_LINE = re.compile(r"(\d+) +(\d+)\.(\d+) (.*)", re.DOTALL)
_CALL = re.compile(r"(\w+)\(")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_UNFINISHED = "<unfinished ...>"
_FAILED = re.compile(r" = (?:-1 E\w+ \([^()\"<>]*\)|\?(?: E\w+ \([^()\"<>]*\))?)$")
_SUPERSEDED = re.compile(r"\+\+\+ superseded by execve in pid (\d+) \+\+\+")
_TEXT = r'"(?:[^"\\]|\\.)*"(?:\.\.\.)?'
_ARGUMENT = re.compile(
    rf"\s*(?P<text>{_TEXT})"
    r"|\s*(?P<fd>AT_FDCWD|-?\d+)<(?P<path>(?:[^<>\\]|\\.)*)>(?:\(deleted\))?"
    rf"|\s*\[(?P<list>(?:{_TEXT}|[^\]\"])*)\]"
    r"|\s*(?P<struct>\{[^{}]*\})(?: => \{[^{}]*\})?"
    r"|\s*(?P<other>[^,)\"<\[]*)"
)
_AFTER_COMMENT = re.compile(r"(?:\s*/\*.*?\*/)?\s*")
_RESULT = re.compile(r"\)\s*= (-?\d+)(?:<((?:[^<>\\]|\\.)*)>)?")
_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "v": "\v",
    "f": "\f",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
}


@dataclass(frozen=True)
class Argument:
    """An argument: `text` as the program gave it, or a descriptor with its target in `path`."""

    text: str
    path: Optional[str] = None
    items: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One thing that happened to thread `tid` at `t` nanoseconds since the epoch.

    `kind` is ``call`` (a call `name` that succeeded, with `result` and what a descriptor in it
    points to), ``signal`` or ``exit`` (`name` is strace's text), or ``superseded`` (`result` is the
    thread that takes over).
    """

    tid: int
    t: int
    kind: str
    name: str
    arguments: Tuple[Argument, ...] = ()
    result: int = 0
    path: Optional[str] = None


def lines(log: Iterable[bytes]) -> Iterator[Line]:
    """Read the lines of a log; a call counts from the moment at which it returned."""
    begun: Dict[int, str] = {}
    for raw in log:
        if not raw.endswith(b"\n"):
            return  # cut off by the end of the tracer
        found = _LINE.fullmatch(raw[:-1].decode("latin-1"))
        if found is None:
            continue
        tid, t = int(found[1]), int(found[2]) * 10**9 + int(found[3].ljust(9, "0")[:9])
        text = found[4]
        if text.endswith(_UNFINISHED):
            begun[tid] = text[: -len(_UNFINISHED)].rstrip(" ")
            if text.startswith(("clone", "fork", "vfork")):
                yield Line(tid, t, "begins", "fork")
            continue
        if text.startswith("<... "):
            resumed = _RESUMED.match(text)
            if resumed is None or tid not in begun:
                continue
            text = begun.pop(tid) + text[resumed.end() :]
        line = _line(tid, t, text)
        if line is None:
            continue
        if line.kind == "superseded" and line.result in begun:
            begun[tid] = begun.pop(line.result)
        yield line


def _line(tid: int, t: int, text: str) -> Optional[Line]:
    if text.startswith("+++ "):
        superseded = _SUPERSEDED.match(text)
        if superseded:
            return Line(tid, t, "superseded", "", result=int(superseded[1]))
        return Line(tid, t, "exit", text.strip("+ "))
    if text.startswith("--- "):
        return Line(tid, t, "signal", text.strip("- "))
    if _FAILED.search(text):
        return None
    call = _CALL.match(text)
    arguments, position = _arguments(text, call.end()) if call else ([], 0)
    result = _RESULT.match(text, position)
    if call is None or result is None:
        return None
    path = None if result[2] is None else unescape(result[2])
    return Line(tid, t, "call", call[1], tuple(arguments), int(result[1]), path)


def _arguments(text: str, position: int) -> Tuple[List[Argument], int]:
    arguments: List[Argument] = []
    while position < len(text) and text[position] != ")":
        found = _ARGUMENT.match(text, position)
        if found is None:
            break
        if found["text"] is not None:
            arguments.append(Argument(_unquote(found["text"])))
        elif found["path"] is not None:
            arguments.append(Argument(found["fd"], unescape(found["path"])))
        elif found["list"] is not None:
            items = tuple(_unquote(item) for item in re.findall(_TEXT, found["list"]))
            arguments.append(Argument("", items=items))
        else:
            arguments.append(Argument((found["struct"] or found["other"] or "").strip()))
        after = _AFTER_COMMENT.match(text, found.end())
        position = after.end() if after else found.end()
        if text[position : position + 1] != ",":
            break
        position += 1
    return arguments, position


def _unquote(quoted: str) -> str:
    """Return a quoted text; one that strace cut at its limit ends with an ellipsis."""
    if quoted.endswith('"...'):
        return unescape(quoted[1:-4]) + "…"
    return unescape(quoted[1:-1])


def unescape(text: str) -> str:
    """Undo strace's escapes; bytes that are not UTF-8 become lone surrogates."""
    if "\\" in text:
        text = _ESCAPE.sub(_character, text)
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def _character(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "01234567":
        return chr(int(code, 8) & 255)
    if code[0] == "x" and len(code) == 3:
        return chr(int(code[1:], 16))
    return _ESCAPED.get(code, code)
