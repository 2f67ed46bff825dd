"""In the code of programs: which values that names such as ``token`` are given are written out there.

Comes in: what :func:`provenance.journal.credentials.spans` found in a text, and the name of its file. Goes out: the
same without the names of variables: ``api_key = key2`` is no credential, and with a marker for it no code any more.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable

from provenance.journal.credentials import BY_NAME, Span

_PYTHON = (".py", ".pyi", ".pyx", ".smk")
_OTHERS = (
    *(".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".cu", ".java", ".scala", ".js", ".mjs", ".ts", ".go", ".rs", ".jl"),
    *(".r", ".m", ".f90", ".f", ".nf", ".groovy", ".ipynb", ".rmd", ".qmd", ".patch", ".diff"),
)
_NAME = re.compile(r"([A-Za-z_]\w*)[\w.]*")
_TEXTS = {
    *(tokenize.STRING, tokenize.COMMENT),
    *(getattr(tokenize, name) for name in ("FSTRING_MIDDLE", "TSTRING_MIDDLE") if hasattr(tokenize, name)),
}


def is_code_name(path: str) -> bool:
    """Tell by its name whether a file is code in which a value without quotes is a name or a number."""
    return path.lower().endswith((*_PYTHON, *_OTHERS))


def written_out(found: Iterable[Span], text: str, path: str) -> list[Span]:
    """Leave out of ``found`` the values that are names of variables or types.

    Python is read as its interpreter does; in other languages a word without quotes is a name when the file has it
    twice.

    >>> text = 'def f(key2):\\n    api_key = key2\\n    password = 12345678\\n    token = "key2x7"\\n'
    >>> [text[start:end] for start, end, _ in written_out([(27, 31, BY_NAME), (47, 55, BY_NAME)], text, "a.py")]
    ['12345678']
    """
    found = list(found)
    if not is_code_name(path) or all(_is_certain(span, text) for span in found):
        return found
    texts = _texts(text) if path.lower().endswith(_PYTHON) else None
    return [span for span in found if _is_certain(span, text) or not _is_name(span, text, texts)]


def _is_certain(span: Span, text: str) -> bool:
    """Tell whether a value has a form of its own, stands in quotes or is a number."""
    start, end, reason = span
    return reason != BY_NAME or text[start - 1 : start] in ('"', "'") or text[start:end].isdigit()


def _is_name(span: Span, text: str, texts: list[tuple[int, int]] | None) -> bool:
    start, end, _ = span
    if texts is not None:
        return not any(first <= start < last for first, last in texts)
    match = _NAME.fullmatch(text, start, end)
    return match is not None and len(re.findall(rf"(?<!\w){match.group(1)}(?!\w)", text)) > 1


def _texts(code: str) -> list[tuple[int, int]] | None:
    """Return where the strings and comments of Python code are; None when it can't be read as such."""
    starts = [0, *(match.end() for match in re.finditer("\n", code))]
    try:
        return [
            (starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1])
            for token in tokenize.generate_tokens(io.StringIO(code).readline)
            if token.type in _TEXTS
        ]
    except (tokenize.TokenError, SyntaxError, ValueError, IndexError):
        return None
